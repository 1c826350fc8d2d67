/* sink_words.c - the conditions and deeds of a script's rule. */
#include "dataplane/smtp/sink_words.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static bool is_name(struct span s, const char *name)
{
	return span_eq(s, span_str(name));
}

/* ---- values ---- */

bool sink_read_number(struct span *text, uint32_t *out)
{
	uint64_t n = 0;
	size_t i = 0;

	for (; i < text->bytes && text->at[i] >= '0' && text->at[i] <= '9'; i++) {
		n = n * 10 + text->at[i] - '0';
		if (n > UINT32_MAX / 2)
			return false;
	}
	*out = (uint32_t)n;
	*text = span_of(text->at + i, text->bytes - i);
	return i > 0;
}

bool sink_read_time(struct span *text, uint64_t *us)
{
	static const struct {
		const char *name;
		uint32_t us;
	} units[] = {
		{ "us", 1 },       { "ms", 1000 },       { "s", 1000000 },
		{ "m", 60000000 }, { "h", 3600000000u },
	};
	uint32_t n, i = 0;

	if (!sink_read_number(text, &n))
		return false;
	for (; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t bytes = strlen(units[i].name);

		/* "m" is no beginning of "ms": longer names stand first */
		if (text->bytes >= bytes && memcmp(text->at, units[i].name, bytes) == 0) {
			*us = (uint64_t)n * units[i].us;
			*text = span_of(text->at + bytes, text->bytes - bytes);
			return *us <= 86400000000ull;
		}
	}
	return false;
}

static bool whole_number(struct span word, uint32_t *out)
{
	return sink_read_number(&word, out) && word.bytes == 0 && *out > 0;
}

static bool whole_time(struct span word, uint64_t *out)
{
	return sink_read_time(&word, out) && word.bytes == 0 && *out > 0;
}

/* ---- what a line is made of ---- */

int sink_complain(struct sink_reader *r, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(r->why, SINK_WHY_BYTES, "line %u: ", r->rule->line);

	va_start(ap, fmt);
	vsnprintf(r->why + n, (size_t)(SINK_WHY_BYTES - n), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

void sink_skip_blanks(struct span *s)
{
	while (s->bytes > 0 && (s->at[0] == ' ' || s->at[0] == '\t'))
		*s = span_of(s->at + 1, s->bytes - 1);
}

struct span sink_next_word(struct sink_reader *r)
{
	struct span word = { NULL, 0 };
	size_t n = 0;

	sink_skip_blanks(&r->line);
	while (n < r->line.bytes && r->line.at[n] != ' ' && r->line.at[n] != '\t')
		n++;
	(void)span_take(&r->line, n, &word);
	return word;
}

static const char *keep_text(struct sink_reader *r, struct span s)
{
	char *at = r->free;

	memcpy(at, s.at, s.bytes);
	at[s.bytes] = '\0';
	r->free += s.bytes + 1;
	return at;
}

static int hex(uint8_t c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                              : -1;
}

/* \r \n \t \\ \xHH become what they mean; the rest of the line is taken. */
static bool keep_escaped(struct sink_reader *r, struct span *out)
{
	static const char names[] = "rnt\\", means[] = "\r\n\t\\";
	struct span in;
	char *at = r->free;

	sink_skip_blanks(&r->line);
	in = r->line;
	r->line = span_of(in.at + in.bytes, 0);
	for (size_t i = 0; i < in.bytes; i++) {
		const char *name;

		if (in.at[i] != '\\') {
			*r->free++ = (char)in.at[i];
			continue;
		}
		if (++i == in.bytes)
			return false;
		name = strchr(names, in.at[i]);
		if (name != NULL && *name != '\0') {
			*r->free++ = means[name - names];
		} else if (in.at[i] == 'x' && i + 2 < in.bytes + 0 && hex(in.at[i + 1]) >= 0 &&
		           hex(in.at[i + 2]) >= 0) {
			*r->free++ = (char)(hex(in.at[i + 1]) << 4 | hex(in.at[i + 2]));
			i += 2;
		} else {
			return false;
		}
	}
	*out = span_of(at, (size_t)(r->free - at));
	return out->bytes > 0;
}

static bool read_prefix(struct sink_reader *r, struct ip_prefix *out)
{
	struct span word = sink_next_word(r);
	char text[IP_TEXT_MAX];

	snprintf(text, sizeof(text), "%.*s", (int)word.bytes, (const char *)word.at);
	return word.bytes < sizeof(text) && ip_prefix_parse(text, out) == 0;
}

static bool read_from(struct sink_reader *r)
{
	r->rule->has_from = true;
	return read_prefix(r, &r->rule->from);
}

static bool read_at(struct sink_reader *r)
{
	r->rule->has_at = true;
	return read_prefix(r, &r->rule->at);
}

static bool read_secure(struct sink_reader *r)
{
	r->rule->under = SINK_UNDER_TLS;
	return true;
}

static bool read_clear(struct sink_reader *r)
{
	r->rule->under = SINK_UNDER_NONE;
	return true;
}

static bool read_pattern(struct sink_reader *r, const char **out)
{
	struct span word = sink_next_word(r);

	*out = keep_text(r, word);
	return word.bytes > 0;
}

static bool read_to(struct sink_reader *r)
{
	return r->rule->stage >= SINK_STAGE_RCPT && r->rule->stage <= SINK_STAGE_MESSAGE &&
	       read_pattern(r, &r->rule->to);
}

static bool read_sender(struct sink_reader *r)
{
	return r->rule->stage >= SINK_STAGE_MAIL && r->rule->stage <= SINK_STAGE_MESSAGE &&
	       read_pattern(r, &r->rule->sender);
}

static bool read_helo(struct sink_reader *r)
{
	return r->rule->stage >= SINK_STAGE_EHLO && read_pattern(r, &r->rule->helo);
}

static bool read_after(struct sink_reader *r)
{
	return whole_number(sink_next_word(r), &r->rule->after);
}

static bool read_over(struct sink_reader *r)
{
	return whole_number(sink_next_word(r), &r->rule->over);
}

static bool has_rcpt(const struct sink_reader *r)
{
	return r->rule->stage >= SINK_STAGE_RCPT && r->rule->stage <= SINK_STAGE_MESSAGE;
}

static bool read_first(struct sink_reader *r)
{
	return has_rcpt(r) && whole_number(sink_next_word(r), &r->rule->first);
}

static bool read_every(struct sink_reader *r)
{
	return whole_number(sink_next_word(r), &r->rule->every);
}

static bool read_chance(struct sink_reader *r)
{
	struct span word = sink_next_word(r);

	return sink_read_number(&word, &r->rule->percent) && r->rule->percent > 0 &&
	       r->rule->percent <= 100 && is_name(word, "%");
}

static bool read_grey(struct sink_reader *r)
{
	return has_rcpt(r) && whole_time(sink_next_word(r), &r->rule->grey_us);
}

static bool read_faster(struct sink_reader *r)
{
	struct span word = sink_next_word(r);

	if (!sink_read_number(&word, &r->rule->rate_n) || r->rule->rate_n == 0 || word.bytes == 0 ||
	    word.at[0] != '/')
		return false;
	return whole_time(span_of(word.at + 1, word.bytes - 1), &r->rule->rate_us);
}

/* "2s", "1s..3s", "~2s" */
static bool read_delay(struct sink_reader *r)
{
	struct sink_delay *d = &r->rule->delay;
	struct span word = sink_next_word(r);

	if (word.bytes > 0 && word.at[0] == '~') {
		d->is_exp = true;
		return whole_time(span_of(word.at + 1, word.bytes - 1), &d->low_us);
	}
	if (!sink_read_time(&word, &d->low_us))
		return false;
	d->high_us = d->low_us;
	if (word.bytes == 0)
		return d->low_us > 0;
	return word.bytes > 2 && memcmp(word.at, "..", 2) == 0 &&
	       whole_time(span_of(word.at + 2, word.bytes - 2), &d->high_us) &&
	       d->high_us >= d->low_us;
}

static bool read_lag(struct sink_reader *r)
{
	return whole_time(sink_next_word(r), &r->rule->lag_us);
}

static bool read_drip(struct sink_reader *r)
{
	return whole_time(sink_next_word(r), &r->rule->drip_us) && r->rule->drip_us < UINT32_MAX;
}

static bool read_flood(struct sink_reader *r)
{
	return whole_number(sink_next_word(r), &r->rule->flood);
}

static bool read_slow(struct sink_reader *r)
{
	struct span word = sink_next_word(r);

	return sink_read_number(&word, &r->rule->slow) && word.bytes == 0;
}

/* What ends the line as a deed may also stand behind a reply. */
static bool read_then(struct sink_reader *r)
{
	static const struct {
		const char *name;
		enum sink_final final;
	} ends[] = { { "close", SINK_FINAL_CLOSE },
		     { "reset", SINK_FINAL_RESET },
		     { "silent", SINK_FINAL_SILENT } };
	struct span word = sink_next_word(r);

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (is_name(word, ends[i].name))
			r->rule->then = (uint8_t)ends[i].final;
	return r->rule->then != SINK_FINAL_NONE;
}

static bool set_reply(struct sink_reader *r, struct span reply)
{
	uint32_t code = 0;

	if (!sink_read_number(&reply, &code) || code < 200 || code > 599 ||
	    reply.bytes > SINK_REPLY_BYTES_MAX / 2)
		return false;
	sink_skip_blanks(&reply);
	r->rule->final = SINK_FINAL_SAY;
	r->rule->code = (uint16_t)code;
	r->rule->text = reply;
	return true;
}

static bool read_reply(struct sink_reader *r)
{
	struct span reply;

	return keep_escaped(r, &reply) && set_reply(r, reply);
}

static bool read_text(struct sink_reader *r)
{
	int i = sink_find_text(sink_next_word(r));
	const char *name, *reply;

	return i >= 0 && sink_text((uint32_t)i, &name, &reply) && set_reply(r, span_str(reply));
}

static bool read_raw(struct sink_reader *r)
{
	r->rule->final = SINK_FINAL_RAW;
	return keep_escaped(r, &r->rule->text);
}

static bool read_close(struct sink_reader *r)
{
	r->rule->final = SINK_FINAL_CLOSE;
	return true;
}

static bool read_reset(struct sink_reader *r)
{
	r->rule->final = SINK_FINAL_RESET;
	return true;
}

static bool read_silent(struct sink_reader *r)
{
	r->rule->final = SINK_FINAL_SILENT;
	return true;
}

static const struct word {
	const char *name, *arg, *help;
	bool (*read)(struct sink_reader *r);
} conditions[] = {
	/* clang-format off */
	{ "from",   "PREFIX",  "the client's address lies in it", read_from },
	{ "at",     "PREFIX",  "our address, the one it came to, lies in it", read_at },
	{ "secure", "",        "under TLS", read_secure },
	{ "clear",  "",        "not under TLS", read_clear },
	{ "to",     "PATTERN", "a recipient; * and ? as in a shell; rcpt to message", read_to },
	{ "sender", "PATTERN", "the envelope sender; mail to message", read_sender },
	{ "helo",   "PATTERN", "what EHLO said; from ehlo on", read_helo },
	{ "after",  "N",       "messages taken on this connection", read_after },
	{ "over",   "N",       "more connections than that are open from this source", read_over },
	{ "first",  "N",       "only the recipient's first N times; rcpt to message", read_first },
	{ "every",  "N",       "only each Nth time", read_every },
	{ "chance", "N%",      "so often, at random", read_chance },
	{ "grey",   "TIME",    "source, sender and recipient not known for so long; rcpt to message", read_grey },
	{ "faster", "N/TIME",  "more often than that, from this source", read_faster },
	/* clang-format on */
}, deeds[] = {
	/* clang-format off */
	{ "delay",  "TIME",      "before the reply: 2s, 1s..3s (evenly), ~2s (exponential)", read_delay },
	{ "lag",    "TIME",      "every reply from now on so late, as over a long path", read_lag },
	{ "drip",   "TIME",      "every octet from now on by itself, so far apart", read_drip },
	{ "flood",  "N",         "N lines in front of the reply", read_flood },
	{ "slow",   "N",         "reads N octets a second from now on", read_slow },
	{ "then",   "HOW",       "behind the reply: close, reset or silent", read_then },
	{ "reply",  "CODE TEXT", "to the end of the line; \\n begins another line of the reply", read_reply },
	{ "text",   "NAME",      "a provider's refusal, see below", read_text },
	{ "raw",    "BYTES",     "to the end of the line, as they are; \\r \\n \\t \\\\ \\xHH", read_raw },
	{ "close",  "",          "FIN, no reply", read_close },
	{ "reset",  "",          "RST, no reply", read_reset },
	{ "silent", "",          "reads on and never says a word again", read_silent },
	/* clang-format on */
};

enum {
	N_CONDITIONS = sizeof(conditions) / sizeof(conditions[0]),
	N_DEEDS = sizeof(deeds) / sizeof(deeds[0]),
};

static int read_words(struct sink_reader *r, const struct word *words, uint32_t n, const char *end)
{
	for (uint32_t n_read = 0;; n_read++) {
		struct span word = sink_next_word(r);
		uint32_t i = 0;

		if (is_name(word, end))
			return words == conditions || n_read > 0
			           ? 0
			           : sink_complain(r, "there is nothing to do behind \":\"");
		while (i < n && !is_name(word, words[i].name))
			i++;
		if (word.bytes == 0)
			return sink_complain(r, "there is no \":\" between blanks");
		if (i == n)
			return sink_complain(
			    r, "\"%.*s\" is no %s", (int)(word.bytes < 40 ? word.bytes : 40),
			    (const char *)word.at, words == deeds ? "deed" : "condition");
		if (!words[i].read(r))
			return sink_complain(r, "%s takes %s, and not at every stage",
			                     words[i].name, words[i].arg);
		if (r->rule->final != SINK_FINAL_NONE) {
			sink_skip_blanks(&r->line);
			return r->line.bytes == 0
			           ? 0
			           : sink_complain(r, "nothing may stand behind %s", words[i].name);
		}
	}
}

int sink_read_conditions(struct sink_reader *r)
{
	return read_words(r, conditions, N_CONDITIONS, ":");
}

int sink_read_deeds(struct sink_reader *r)
{
	return read_words(r, deeds, N_DEEDS, "");
}

static int help_words(char *at, size_t room, const struct word *words, uint32_t n)
{
	int used = 0;

	for (uint32_t i = 0; i < n; i++)
		used += snprintf(at + used, room - (size_t)used, "    %-7s %-10s %s\n",
		                 words[i].name, words[i].arg, words[i].help);
	return used;
}

int sink_words_help(char *at, size_t room)
{
	int n = snprintf(at, room, "  conditions:\n");

	n += help_words(at + n, room - (size_t)n, conditions, N_CONDITIONS);
	n += snprintf(at + n, room - (size_t)n, "  deeds:\n");
	return n + help_words(at + n, room - (size_t)n, deeds, N_DEEDS);
}
