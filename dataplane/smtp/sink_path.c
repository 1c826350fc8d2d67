/* sink_path.c - MAIL and RCPT: paths, and the parameters of what was offered. */
#include "dataplane/smtp/sink_int.h"

#include <errno.h>

/* Which extension lets a parameter stand behind which command. */
static const struct {
	const char *name;
	uint8_t ext; /* enum sink_ext */
	bool of_mail;
	bool has_value;
} params[] = {
	/* clang-format off */
	{ "SIZE",       SINK_EXT_SIZE,       true,  true  }, /* RFC 1870 3 */
	{ "BODY",       SINK_EXT_EIGHTBIT,   true,  true  }, /* RFC 6152 2, RFC 3030 3 */
	{ "SMTPUTF8",   SINK_EXT_SMTPUTF8,   true,  false }, /* RFC 6531 3.4 */
	{ "RET",        SINK_EXT_DSN,        true,  true  }, /* RFC 3461 4.3 */
	{ "ENVID",      SINK_EXT_DSN,        true,  true  }, /* RFC 3461 4.4 */
	{ "REQUIRETLS", SINK_EXT_REQUIRETLS, true,  false }, /* RFC 8689 4 */
	{ "NOTIFY",     SINK_EXT_DSN,        false, true  }, /* RFC 3461 4.1 */
	{ "ORCPT",      SINK_EXT_DSN,        false, true  }, /* RFC 3461 4.2 */
	/* clang-format on */
};

enum { N_PARAMS = sizeof(params) / sizeof(params[0]) };

struct path {
	struct span address; /* without <> */
	struct span params;
};

/* "FROM:<a@b> X=Y": the address may hold a quoted string with any of >, blank and \ (RFC 5321
 * 4.1.2).
 */
static bool read_path(struct span args, const char *word, struct path *out)
{
	size_t n = strlen(word), end;
	bool is_quoted = false;

	if (args.bytes < n + 2 || !sink_is_word(span_of(args.at, n), word) || args.at[n] != '<')
		return false;
	for (end = n + 1; end < args.bytes && (is_quoted || args.at[end] != '>'); end++) {
		if (args.at[end] == '\\' && is_quoted)
			end++;
		else if (args.at[end] == '"')
			is_quoted = !is_quoted;
	}
	if (end >= args.bytes)
		return false;
	out->address = span_of(args.at + n + 1, end - n - 1);
	args = span_of(args.at + end + 1, args.bytes - end - 1);
	if (args.bytes > 0 && args.at[0] != ' ')
		return false;
	out->params = args;
	return true;
}

static bool has_8bit(struct span s)
{
	for (size_t i = 0; i < s.bytes; i++)
		if (s.at[i] >= 0x80)
			return true;
	return false;
}

/* The next "KEY" or "KEY=VALUE". False when there is none. */
static bool next_param(struct span *rest, struct span *key, struct span *value)
{
	const uint8_t *end, *is;
	struct span word = { NULL, 0 };

	while (rest->bytes > 0 && rest->at[0] == ' ')
		*rest = span_of(rest->at + 1, rest->bytes - 1);
	if (rest->bytes == 0)
		return false;
	end = memchr(rest->at, ' ', rest->bytes);
	(void)span_take(rest, end != NULL ? (size_t)(end - rest->at) : rest->bytes, &word);
	is = memchr(word.at, '=', word.bytes);
	*key = span_of(word.at, is != NULL ? (size_t)(is - word.at) : word.bytes);
	*value = is != NULL ? span_of(is + 1, word.bytes - key->bytes - 1) : span_of(NULL, 0);
	return true;
}

/* What SIZE= says, or more than any bound. */
static uint64_t size_of(struct span value)
{
	uint64_t n = 0;

	if (value.bytes == 0 || value.bytes > 20)
		return UINT64_MAX;
	for (size_t i = 0; i < value.bytes; i++) {
		if (value.at[i] < '0' || value.at[i] > '9' || n > UINT64_MAX / 16)
			return UINT64_MAX;
		n = n * 10 + value.at[i] - '0';
	}
	return n;
}

/* One parameter. False when it was answered with its refusal. */
static bool take_param(struct sink_session *s, uint64_t now_us, bool of_mail, struct span key,
                       struct span value)
{
	uint32_t i = 0;

	while (i < N_PARAMS && (params[i].of_mail != of_mail || !sink_is_word(key, params[i].name)))
		i++;
	if (i == N_PARAMS || !s->is_esmtp || !sink_offers(s->k, params[i].ext) ||
	    (params[i].ext == SINK_EXT_REQUIRETLS && !s->is_tls)) {
		sink_client_error(s, now_us, 555, "5.5.4 a parameter that was not offered");
		return false; /* RFC 5321 4.1.1.11 */
	}
	if (params[i].has_value != (value.bytes > 0)) {
		sink_client_error(s, now_us, 501, "5.5.4 a parameter with a wrong value");
		return false;
	}
	if (params[i].ext == SINK_EXT_SIZE && size_of(value) > s->k->conf.message_bytes_max) {
		sink_reply(s, now_us, 552, "5.3.4 more than SIZE says"); /* RFC 1870 6.1 */
		return false;
	}
	if (params[i].ext == SINK_EXT_EIGHTBIT && !sink_is_word(value, "7BIT") &&
	    !sink_is_word(value, "8BITMIME") &&
	    !(sink_is_word(value, "BINARYMIME") && sink_offers(s->k, SINK_EXT_BINARYMIME))) {
		sink_client_error(s, now_us, 501, "5.5.4 no such BODY");
		return false;
	}
	s->is_utf8 |= params[i].ext == SINK_EXT_SMTPUTF8;
	return true;
}

static bool take_params(struct sink_session *s, uint64_t now_us, bool of_mail, struct span rest)
{
	struct span key, value;

	while (next_param(&rest, &key, &value))
		if (!take_param(s, now_us, of_mail, key, value))
			return false;
	return true;
}

/* RFC 6531 3.3: such an address only behind SMTPUTF8. */
static bool is_address_allowed(struct sink_session *s, uint64_t now_us, struct span address)
{
	if (s->is_utf8 || !has_8bit(address))
		return true;
	sink_client_error(s, now_us, 553, "5.6.7 an address outside ASCII needs SMTPUTF8");
	return false;
}

/* The keeper gets a letter. False when it has no room. */
static bool open_letter(struct sink_session *s, struct span args)
{
	const struct sink_keeper *keeper = s->k->conf.keeper;
	struct sink_facts facts = { .peer = s->peer,
		                    .is_tls = s->is_tls,
		                    .helo = s->helo != NULL ? s->helo : "" };

	if (keeper == NULL)
		return true;
	s->letter = keeper->mail(keeper->ctx, &facts, args);
	return s->letter != NULL;
}

static bool has_no_room(struct sink_session *s, uint64_t now_us)
{
	count(&s->k->counts.no_room);
	sink_reply(s, now_us, 452, "4.3.1 no room to keep it");
	return false;
}

static bool may_begin(struct sink_session *s, uint64_t now_us)
{
	const struct sink_conf *c = &s->k->conf;

	if (s->has_mail) {
		sink_client_error(s, now_us, 503, "5.5.1 a transaction is open");
		return false;
	}
	if (c->mails_max != 0 && s->n_mails >= c->mails_max) {
		sink_client_error(s, now_us, 421, "4.7.0 more messages than LIMITS allows");
		sink_say_end(s, now_us, SINK_END_CLOSE); /* RFC 9422 4.1 */
		return false;
	}
	return true;
}

void sink_mail(struct sink_session *s, uint64_t now_us, struct span args)
{
	struct sink_deed deed;
	struct path path;

	if (!may_begin(s, now_us))
		return;
	if (!read_path(args, "FROM:", &path)) {
		sink_client_error(s, now_us, 501, "5.1.7 it is MAIL FROM:<address>");
		return;
	}
	s->is_utf8 = false;
	if (!take_params(s, now_us, true, path.params) ||
	    !is_address_allowed(s, now_us, path.address))
		return;
	sink_note_sender(s, path.address);
	deed = sink_ask(s, now_us, SINK_STAGE_MAIL, 0);
	if (sink_refuses(s, now_us, &deed))
		return;
	if (!open_letter(s, args)) {
		(void)has_no_room(s, now_us);
		return;
	}
	s->has_mail = true;
	s->n_mails++;
	count(&s->k->counts.transactions);
	sink_accepts(s, now_us, &deed, 250, "2.1.0 Ok");
}

static void count_refusal(struct sink_session *s, const struct sink_deed *deed)
{
	if (deed->final == SINK_FINAL_SAY && deed->code / 100 == 4)
		count(&s->k->counts.recipients_4yz);
	if (deed->final == SINK_FINAL_SAY && deed->code / 100 == 5)
		count(&s->k->counts.recipients_5yz);
}

static bool keep_rcpt(struct sink_session *s, struct span args)
{
	return s->letter == NULL || s->k->conf.keeper->rcpt(s->letter, args);
}

void sink_rcpt(struct sink_session *s, uint64_t now_us, struct span args)
{
	struct sink_verb verbs[SINK_VERBS_MAX];
	uint8_t n_before = s->n_verbs;
	struct sink_deed deed;
	struct path path;
	int n;

	if (!s->has_mail || s->is_bdat) {
		sink_client_error(s, now_us, 503, "5.5.1 MAIL comes first");
		return;
	}
	if (!read_path(args, "TO:", &path) || path.address.bytes == 0) {
		sink_client_error(s, now_us, 501, "5.1.3 it is RCPT TO:<address>");
		return;
	}
	if (!take_params(s, now_us, false, path.params) ||
	    !is_address_allowed(s, now_us, path.address))
		return;
	if (s->n_rcpts == s->k->conf.rcpts_max) {
		sink_reply(s, now_us, 452, "4.5.3 too many recipients"); /* RFC 5321 4.5.3.1.10 */
		return;
	}
	sink_note_rcpt(s, path.address);
	n = sink_read_verbs(s, path.address, verbs);
	if (n < 0) {
		s->n_verbs = n_before;
		sink_client_error(s, now_us, 501, "5.1.3 the local part is no verb of the sink's");
		return;
	}
	deed = sink_ask(s, now_us, SINK_STAGE_RCPT, s->n_rcpts);
	sink_ask_verbs(s, now_us, verbs, (uint32_t)n, SINK_STAGE_RCPT, s->n_rcpts, &deed);
	if (sink_refuses(s, now_us, &deed)) {
		count_refusal(s, &deed);
		s->n_verbs = n_before; /* a recipient that was refused has no wishes */
		return;
	}
	if (!keep_rcpt(s, args)) {
		(void)has_no_room(s, now_us);
		return;
	}
	s->n_rcpts++;
	sink_accepts(s, now_us, &deed, 250, "2.1.5 Ok");
}
