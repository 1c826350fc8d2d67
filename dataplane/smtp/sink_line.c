/* sink_line.c - bytes become lines, lines commands; what may come when. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/smtp/sink_int.h"

typedef void cmd_fn(struct sink_session *s, uint64_t now_us, struct span args);

void sink_client_error(struct sink_session *s, uint64_t now_us, uint16_t code, const char *text)
{
	count(&s->k->counts.client_errors);
	sink_reply(s, now_us, code, text);
}

void sink_drop_transaction(struct sink_session *s)
{
	if (s->letter != NULL)
		s->k->conf.keeper->end(s->letter, false);
	if (s->has_body)
		count(&s->k->counts.messages_cut);
	s->letter = NULL;
	s->has_mail = s->is_utf8 = s->is_bdat = s->is_spoilt = s->is_last = false;
	s->has_body = s->is_too_large = false;
	s->n_rcpts = 0;
	s->size = s->left = 0;
	s->met_to = s->met_sender = 0;
	s->n_verbs = 0;
}

static bool is_offered(const struct sink_session *s, enum sink_ext ext)
{
	enum { ALWAYS, CLEAR, TLS };
	static const uint8_t when[] = {
#define SINK_EXT(sym, keyword, when) [SINK_EXT_##sym] = when,
#include "dataplane/smtp/sink_ext.def"
#undef SINK_EXT
	};

	return sink_offers(s->k, ext) && (when[ext] == ALWAYS || (when[ext] == TLS) == s->is_tls);
}

const char *sink_ext_name(enum sink_ext ext)
{
	static const char *const names[] = {
#define SINK_EXT(sym, keyword, when) [SINK_EXT_##sym] = keyword,
#include "dataplane/smtp/sink_ext.def"
#undef SINK_EXT
	};

	return names[ext];
}

/* RFC 9422 4: what is bounded is said; RCPTDOMAINMAX is not bounded here. */
static int limits_line(const struct sink *k, char *at, size_t room)
{
	if (k->conf.mails_max != 0)
		return snprintf(at, room, "\nLIMITS RCPTMAX=%u MAILMAX=%u", k->conf.rcpts_max,
		                k->conf.mails_max);
	return snprintf(at, room, "\nLIMITS RCPTMAX=%u", k->conf.rcpts_max);
}

static void say_extensions(struct sink_session *s, uint64_t now_us)
{
	const struct sink *k = s->k;
	char text[1024];
	int n = snprintf(text, sizeof(text), "%.255s", k->conf.host);

	for (uint32_t i = 0; i < SINK_N_EXTS; i++) {
		size_t room = sizeof(text) - (size_t)n;

		if (!is_offered(s, i))
			continue;
		if (i == SINK_EXT_SIZE)
			n += snprintf(text + n, room, "\nSIZE %llu",
			              (unsigned long long)k->conf.message_bytes_max);
		else if (i == SINK_EXT_LIMITS)
			n += limits_line(k, text + n, room);
		else
			n += snprintf(text + n, room, "\n%s", sink_ext_name(i));
	}
	assert((size_t)n < sizeof(text));
	sink_say(s, now_us, 250, span_of(text, (size_t)n));
}

static void hello(struct sink_session *s, uint64_t now_us, struct span args, bool is_esmtp)
{
	struct sink_deed deed;

	if (args.bytes == 0) {
		sink_client_error(s, now_us, 501, "5.5.4 who is there?");
		return;
	}
	sink_drop_transaction(s); /* RFC 5321 4.1.4 */
	sink_note_helo(s, args);
	deed = sink_ask(s, now_us, SINK_STAGE_EHLO, 0);
	if (sink_refuses(s, now_us, &deed))
		return;
	s->is_hello = true;
	s->is_esmtp = is_esmtp;
	if (!is_esmtp)
		sink_accepts(s, now_us, &deed, 250, s->k->conf.host);
	else if (!sink_says_own(s, now_us, &deed))
		say_extensions(s, now_us);
}

static void ehlo(struct sink_session *s, uint64_t now_us, struct span args)
{
	if (s->k->conf.is_lmtp)
		sink_client_error(s, now_us, 500, "5.5.1 this is LMTP"); /* RFC 2033 4.1 */
	else
		hello(s, now_us, args, true);
}

static void helo(struct sink_session *s, uint64_t now_us, struct span args)
{
	if (s->k->conf.is_lmtp)
		sink_client_error(s, now_us, 500, "5.5.1 this is LMTP");
	else
		hello(s, now_us, args, false);
}

static void lhlo(struct sink_session *s, uint64_t now_us, struct span args)
{
	if (s->k->conf.is_lmtp)
		hello(s, now_us, args, true);
	else
		sink_client_error(s, now_us, 500, "5.5.1 this is SMTP");
}

static void starttls(struct sink_session *s, uint64_t now_us, struct span args)
{
	struct sink_deed deed;

	if (!s->is_esmtp || !is_offered(s, SINK_EXT_STARTTLS)) {
		sink_client_error(s, now_us, 502, "5.5.1 STARTTLS was not offered");
		return;
	}
	if (args.bytes != 0) {
		sink_client_error(s, now_us, 501, "5.5.4 STARTTLS has no arguments");
		return;
	}
	deed = sink_ask(s, now_us, SINK_STAGE_STARTTLS, 0);
	if (sink_refuses(s, now_us, &deed))
		return;
	sink_accepts(s, now_us, &deed, 220, "2.0.0 go ahead");
	deed = sink_ask(s, now_us, SINK_STAGE_TLS, 0);
	if (deed.final == SINK_FINAL_NONE) {
		sink_say_secure(s, now_us);
		s->mode = SINK_MODE_WAIT;
	} else if (!sink_refuses(s, now_us, &deed)) {
		(void)sink_says_own(s, now_us, &deed);
		s->mode = SINK_MODE_DEAF;
	}
}

/* A command whose reply changes nothing. */
static void answer(struct sink_session *s, uint64_t now_us, enum sink_stage stage, uint16_t code,
                   const char *text)
{
	struct sink_deed deed = sink_ask(s, now_us, stage, 0);

	if (!sink_refuses(s, now_us, &deed))
		sink_accepts(s, now_us, &deed, code, text);
}

static void rset(struct sink_session *s, uint64_t now_us, struct span args)
{
	(void)args;
	sink_drop_transaction(s);
	answer(s, now_us, SINK_STAGE_RSET, 250, "2.0.0 forgotten");
}

static void noop(struct sink_session *s, uint64_t now_us, struct span args)
{
	(void)args;
	answer(s, now_us, SINK_STAGE_NOOP, 250, "2.0.0 Ok");
}

static void vrfy(struct sink_session *s, uint64_t now_us, struct span args)
{
	(void)args;
	sink_reply(s, now_us, 252, "2.1.5 send and see"); /* RFC 5321 3.5.3 */
}

static void quit(struct sink_session *s, uint64_t now_us, struct span args)
{
	(void)args;
	s->was_quit = true;
	sink_drop_transaction(s);
	answer(s, now_us, SINK_STAGE_QUIT, 221, "2.0.0 bye");
	if (s->mode != SINK_MODE_DEAF)
		sink_say_end(s, now_us, SINK_END_CLOSE);
}

static const struct {
	const char *name;
	cmd_fn *run;
	bool needs_hello;
	bool ends_flight; /* RFC 2920 3.1: the client waits for its reply */
} commands[] = {
	/* clang-format off */
	{ "MAIL",     sink_mail, true,  false },
	{ "RCPT",     sink_rcpt, true,  false },
	{ "BDAT",     sink_bdat, false, false },
	{ "DATA",     sink_data, true,  true  },
	{ "RSET",     rset,      false, false },
	{ "EHLO",     ehlo,      false, true  },
	{ "HELO",     helo,      false, true  },
	{ "LHLO",     lhlo,      false, true  },
	{ "QUIT",     quit,      false, true  },
	{ "STARTTLS", starttls,  true,  true  },
	{ "NOOP",     noop,      false, true  },
	{ "VRFY",     vrfy,      false, true  },
	/* clang-format on */
};

enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

bool sink_is_word(struct span s, const char *word)
{
	for (size_t i = 0; i < s.bytes; i++) {
		uint8_t c = s.at[i];

		if (c >= 'a' && c <= 'z')
			c = (uint8_t)(c - 'a' + 'A');
		if (word[i] == '\0' || c != (uint8_t)word[i])
			return false;
	}
	return word[s.bytes] == '\0';
}

/* One command line, without its CRLF. `more`: octets came behind it already. */
static void obey(struct sink_session *s, uint64_t now_us, struct span line, bool more)
{
	const uint8_t *blank = memchr(line.at, ' ', line.bytes);
	size_t n = blank != NULL ? (size_t)(blank - line.at) : line.bytes, skip = n;
	struct span verb = span_of(line.at, n), args;
	uint32_t i = 0;

	while (skip < line.bytes && line.at[skip] == ' ')
		skip++;
	args = span_of(line.at + skip, line.bytes - skip);
	while (args.bytes > 0 && args.at[args.bytes - 1] == ' ')
		args.bytes--;
	while (i < N_COMMANDS && !sink_is_word(verb, commands[i].name))
		i++;
	if (i == N_COMMANDS) {
		sink_client_error(s, now_us, 500, "5.5.1 no such command");
		return;
	}
	if (commands[i].needs_hello && !s->is_hello) {
		sink_client_error(s, now_us, 503, "5.5.1 EHLO comes first");
		return;
	}
	if (more &&
	    (commands[i].ends_flight || !s->is_esmtp || !sink_offers(s->k, SINK_EXT_PIPELINING)))
		count(&s->k->counts.pipelining_errors);
	commands[i].run(s, now_us, args);
}

static void whole_line(struct sink_session *s, uint64_t now_us, struct span line, bool more)
{
	if (line.bytes < 2 || line.at[line.bytes - 2] != '\r')
		sink_client_error(s, now_us, 500, "5.5.2 lines end in CR LF"); /* RFC 5321 2.3.8 */
	else
		obey(s, now_us, span_of(line.at, line.bytes - 2), more);
}

/* Keeps what came of a line. False: it is too long. */
static bool keep_part(struct sink_session *s, struct span bytes)
{
	uint32_t need = s->n_part + (uint32_t)bytes.bytes, room = s->part_room;
	uint8_t *more;

	if (bytes.bytes > SINK_LINE_MAX - s->n_part)
		return false;
	if (need > room) {
		for (room = room == 0 ? 128 : room; room < need;)
			room *= 2;
		more = realloc(s->part, room);
		if (more == NULL)
			return false;
		s->part = more;
		s->part_room = room;
	}
	memcpy(s->part + s->n_part, bytes.at, bytes.bytes);
	s->n_part = need;
	return true;
}

static void forget_part(struct sink_session *s)
{
	free(s->part);
	s->part = NULL;
	s->n_part = s->part_room = 0;
}

static void take_line(struct sink_session *s, uint64_t now_us, struct span *in)
{
	const uint8_t *nl = memchr(in->at, '\n', in->bytes);
	size_t n = nl != NULL ? (size_t)(nl - in->at) + 1 : in->bytes;
	struct span line = { NULL, 0 };
	uint8_t *part;

	(void)span_take(in, n, &line);
	if (s->skips_line) {
		s->skips_line = nl == NULL;
		return;
	}
	if (nl != NULL && s->n_part == 0 && n <= SINK_LINE_MAX) {
		whole_line(s, now_us, line, in->bytes > 0);
		return;
	}
	if (!keep_part(s, line)) {
		s->skips_line = nl == NULL;
		forget_part(s);
		sink_client_error(s, now_us, 500, "5.5.6 line too long");
		return;
	}
	if (nl == NULL)
		return;
	/* The command may end the session's life of lines: it has them for itself. */
	part = s->part;
	line = span_of(part, s->n_part);
	s->part = NULL;
	s->n_part = s->part_room = 0;
	whole_line(s, now_us, line, in->bytes > 0);
	free(part);
}

void sink_take(struct sink_session *s, uint64_t now_us, struct span in)
{
	while (in.bytes > 0) {
		switch ((enum sink_mode)s->mode) {
		case SINK_MODE_LINES:
			take_line(s, now_us, &in);
			break;
		case SINK_MODE_DATA:
			sink_take_data(s, now_us, &in);
			break;
		case SINK_MODE_CHUNK:
			sink_take_chunk(s, now_us, &in);
			break;
		case SINK_MODE_WAIT: /* RFC 3207 4.2: nothing of it is believed */
		case SINK_MODE_DEAF:
		case SINK_MODE_OVER:
			return;
		}
		sink_do_then(s, now_us);
	}
}
