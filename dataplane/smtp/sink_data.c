/* sink_data.c - a message: behind DATA until the dot, or in chunks. */
#include <stdio.h>

#include "dataplane/smtp/sink_int.h"

/* Where in the line DATA stands. Only CR LF . CR LF ends a message: any other mixture of dots, CR
 * and LF is its content (RFC 5321 2.3.8, 4.1.1.4).
 *
 *	LINE  -CR->  CR  -LF->  START  -dot->  DOT  -CR->  DOT_CR  -LF->  the end
 */
enum dot { DOT_START, DOT_LINE, DOT_CR, DOT_DOT, DOT_DOT_CR };

static void refuse_body(struct sink_session *s)
{
	count(&s->k->counts.no_room);
	s->k->conf.keeper->end(s->letter, false);
	s->letter = NULL;
	s->is_spoilt = true;
}

/* Octets of the message. */
static void body(struct sink_session *s, struct span bytes)
{
	if (bytes.bytes == 0)
		return;
	s->size += bytes.bytes;
	if (s->size > s->k->conf.message_bytes_max)
		s->is_too_large = true;
	else if (s->letter != NULL && !s->k->conf.keeper->bytes(s->letter, bytes))
		refuse_body(s);
}

/* The first octets of a message are in. False: the session is not what it was. */
static bool body_begins(struct sink_session *s, uint64_t now_us)
{
	struct sink_deed deed;

	if (s->has_body)
		return true;
	s->has_body = true;
	deed = sink_ask(s, now_us, SINK_STAGE_BODY, UINT32_MAX);
	if (deed.final == SINK_FINAL_NONE)
		return true;
	(void)sink_refuses(s, now_us, &deed);
	return s->mode != SINK_MODE_DEAF && s->mode != SINK_MODE_OVER;
}

/* What the end of this message is answered with, as far as the sink itself has an opinion. */
static bool is_refused(struct sink_session *s, uint16_t *code, const char **text)
{
	if (s->is_too_large) {
		*code = 552;
		*text = "5.3.4 more than SIZE says"; /* RFC 1870 6.3 */
	} else if (s->is_spoilt) {
		*code = 452;
		*text = "4.3.1 no room to keep it";
	} else {
		return false;
	}
	return true;
}

/* One answer: the only one, or that for one recipient (RFC 2033 4.2). True when it is a yes. */
static bool answer(struct sink_session *s, uint64_t now_us, uint32_t rcpt)
{
	struct sink_deed deed = sink_ask(s, now_us, SINK_STAGE_MESSAGE, rcpt);
	const char *text;
	uint16_t code;
	char said[64];

	if (s->mode == SINK_MODE_OVER)
		return false;
	if (sink_refuses(s, now_us, &deed))
		return false;
	if (is_refused(s, &code, &text)) {
		sink_reply(s, now_us, code, text);
		return false;
	}
	snprintf(said, sizeof(said), "2.0.0 Ok, %llu octets", (unsigned long long)s->size);
	sink_accepts(s, now_us, &deed, 250, said);
	return true;
}

static void message_ends(struct sink_session *s, uint64_t now_us)
{
	uint32_t n = s->k->conf.is_lmtp ? s->n_rcpts : 1, n_yes = 0;
	struct sink_counts *c = &s->k->counts;

	s->mode = SINK_MODE_LINES;
	for (uint32_t i = 0; i < n; i++)
		n_yes += answer(s, now_us, s->k->conf.is_lmtp ? i : UINT32_MAX);
	if (s->letter != NULL)
		s->k->conf.keeper->end(s->letter, n_yes > 0);
	s->letter = NULL;
	if (n_yes > 0) {
		count(&c->messages);
		count_n(&c->recipients, s->k->conf.is_lmtp ? n_yes : s->n_rcpts);
		count_n(&c->bytes, s->size);
		s->n_messages++;
	} else {
		count(&c->messages_refused);
	}
	s->has_body = false; /* it is whole */
	sink_drop_transaction(s);
}

void sink_data(struct sink_session *s, uint64_t now_us, struct span args)
{
	struct sink_deed deed;

	if (args.bytes != 0) {
		sink_client_error(s, now_us, 501, "5.5.4 DATA has no arguments");
		return;
	}
	if (s->is_bdat) {
		sink_client_error(s, now_us, 503, "5.5.1 BDAT has begun"); /* RFC 3030 3 */
		return;
	}
	if (!s->has_mail || s->n_rcpts == 0) { /* RFC 2920 3.1: or 354 and a lone dot */
		if (s->has_mail)
			sink_reply(s, now_us, 554, "5.5.1 no valid recipients");
		else
			sink_client_error(s, now_us, 503, "5.5.1 MAIL comes first");
		return;
	}
	deed = sink_ask(s, now_us, SINK_STAGE_DATA, UINT32_MAX);
	if (sink_refuses(s, now_us, &deed))
		return;
	sink_accepts(s, now_us, &deed, 354, "until a line of one dot");
	s->mode = SINK_MODE_DATA;
	s->dot = DOT_START;
}

/* One octet behind a line end, a dot or a CR. True when it ends the message. `at` stands on it. */
static bool step(struct sink_session *s, uint8_t c)
{
	static const struct span pieces[] = {
		[DOT_DOT_CR] = { (const uint8_t *)"\r", 1 },
		[DOT_CR] = { (const uint8_t *)"\r", 1 },
		[DOT_DOT] = { NULL, 0 }, /* the dot in front is taken away (RFC 5321 4.5.2) */
		[DOT_START] = { NULL, 0 },
		[DOT_LINE] = { NULL, 0 },
	};
	enum dot was = s->dot;

	if (was == DOT_DOT_CR && c == '\n')
		return true;
	if (was == DOT_START && c == '.') {
		s->dot = DOT_DOT;
		return false;
	}
	if (c == '\r') {
		body(s, pieces[was]);
		s->dot = was == DOT_DOT ? DOT_DOT_CR : DOT_CR;
		return false;
	}
	body(s, pieces[was]);
	body(s, span_of(&c, 1));
	s->dot = was == DOT_CR && c == '\n' ? DOT_START : DOT_LINE;
	return false;
}

/* Within lines: everything up to the next dot behind CR LF, or as much as is surely content.
 * Returns how much.
 */
static size_t run_of(struct sink_session *s, struct span in)
{
	const uint8_t *p = in.at, *end = in.at + in.bytes;

	while (p < end) {
		const uint8_t *nl = memchr(p, '\n', (size_t)(end - p));

		s->dot = DOT_LINE;
		if (nl == NULL) /* a CR at the end may belong to a CR LF */
			return (size_t)(end - in.at) - (end[-1] == '\r');
		p = nl + 1;
		if (nl == in.at || nl[-1] != '\r')
			continue;
		s->dot = DOT_START;
		if (p == end || *p == '.')
			break;
	}
	return (size_t)(p - in.at);
}

void sink_take_data(struct sink_session *s, uint64_t now_us, struct span *in)
{
	struct span run = { NULL, 0 };

	if (!body_begins(s, now_us))
		return;
	while (in->bytes > 0) {
		if (s->dot == DOT_LINE || (s->dot == DOT_START && in->at[0] != '.')) {
			size_t n = run_of(s, *in);

			(void)span_take(in, n, &run);
			body(s, run);
			if (n > 0)
				continue;
		}
		(void)span_take(in, 1, &run);
		if (step(s, run.at[0])) {
			message_ends(s, now_us);
			return;
		}
	}
}

/* "SIZE" or "SIZE LAST" (RFC 3030 2). */
static bool read_chunk(struct span args, uint64_t *bytes, bool *is_last)
{
	uint64_t n = 0;
	size_t i = 0;

	for (; i < args.bytes && args.at[i] >= '0' && args.at[i] <= '9'; i++) {
		if (i == 18)
			return false;
		n = n * 10 + args.at[i] - '0';
	}
	*bytes = n;
	*is_last = i < args.bytes;
	return i > 0 &&
	       (!*is_last || (args.at[i] == ' ' &&
	                      sink_is_word(span_of(args.at + i + 1, args.bytes - i - 1), "LAST")));
}

static void chunk_ends(struct sink_session *s, uint64_t now_us)
{
	struct sink_deed deed;
	char text[64];

	s->mode = SINK_MODE_LINES;
	if (s->skips_chunk) { /* answered before its octets came */
		s->skips_chunk = false;
		return;
	}
	if (s->is_last) {
		message_ends(s, now_us);
		return;
	}
	snprintf(text, sizeof(text), "2.0.0 %llu octets", (unsigned long long)s->size);
	deed = sink_ask(s, now_us, SINK_STAGE_DATA, UINT32_MAX);
	if (!sink_refuses(s, now_us, &deed))
		sink_accepts(s, now_us, &deed, 250, text);
}

/* RFC 3030 2: whatever is thought of the command, its octets are taken. */
void sink_bdat(struct sink_session *s, uint64_t now_us, struct span args)
{
	uint64_t bytes;
	bool is_last;

	count(&s->k->counts.chunks);
	if (!read_chunk(args, &bytes, &is_last)) {
		sink_client_error(s, now_us, 501, "5.5.4 it is BDAT octets [LAST]");
		sink_say_end(s, now_us, SINK_END_CLOSE); /* where the next command begins is lost */
		return;
	}
	s->left = bytes;
	if (!sink_offers(s->k, SINK_EXT_CHUNKING)) {
		/* As a server that has no BDAT: what follows is read as commands. */
		sink_client_error(s, now_us, 502, "5.5.1 no such command");
		return;
	}
	if (!s->has_mail || s->n_rcpts == 0) {
		s->skips_chunk = true;
		if (s->has_mail)
			sink_reply(s, now_us, 554, "5.5.1 no valid recipients");
		else
			sink_client_error(s, now_us, 503, "5.5.1 MAIL comes first");
	} else {
		s->is_bdat = true;
		s->is_last = is_last;
	}
	s->mode = SINK_MODE_CHUNK;
	if (bytes == 0)
		chunk_ends(s, now_us);
}

void sink_take_chunk(struct sink_session *s, uint64_t now_us, struct span *in)
{
	uint64_t n = in->bytes < s->left ? in->bytes : s->left;
	struct span part = { NULL, 0 };

	if (!s->skips_chunk && !body_begins(s, now_us))
		return;
	(void)span_take(in, (size_t)n, &part);
	s->left -= n;
	if (!s->skips_chunk)
		body(s, part);
	if (s->left == 0)
		chunk_ends(s, now_us);
}
