/* sink_verb.c - what a recipient's local part wants to happen: "450-3+anna@x", "close.body+x@y".
 *
 *	local-part = *(verb "+") anything
 *	verb       = what ["." stage] ["-" number-or-time]
 */
#include <errno.h>
#include <stdlib.h>

#include "dataplane/smtp/sink_int.h"

enum verb_arg { ARG_TIMES, ARG_TIME };

/* Verbs that are neither a code nor the name of a provider's text. */
static const struct {
	const char *name;
	uint8_t final; /* enum sink_final */
	uint8_t arg;   /* enum verb_arg */
	bool is_grey;
} verbs_known[] = {
	{ "delay", SINK_FINAL_NONE, ARG_TIME, false },
	{ "grey", SINK_FINAL_SAY, ARG_TIME, true },
	{ "close", SINK_FINAL_CLOSE, ARG_TIMES, false },
	{ "reset", SINK_FINAL_RESET, ARG_TIMES, false },
	{ "silent", SINK_FINAL_SILENT, ARG_TIMES, false },
};

enum { N_KNOWN = sizeof(verbs_known) / sizeof(verbs_known[0]) };

static struct span text_of(const struct sink_verb *v)
{
	const char *name, *reply = "";

	if (v->text != SINK_TEXT_NONE && sink_text(v->text, &name, &reply))
		return span_str(reply + 4); /* behind its code */
	if (v->is_grey)
		return span_str("4.7.1 grey: come back later");
	return span_str(v->code >= 500   ? "5.0.0 as the recipient asked for"
	                : v->code >= 400 ? "4.0.0 as the recipient asked for"
	                                 : "2.0.0 as the recipient asked for");
}

static bool verb_holds(struct sink_session *s, uint64_t now_us, const struct sink_verb *v)
{
	uint64_t kind = 1ull << 32 | (uint64_t)v->stage << 16 | v->code;

	if (v->is_grey)
		return sink_is_grey(s, now_us, kind, v->us);
	return v->times == 0 || sink_is_among_first(s, now_us, kind, v->times);
}

void sink_ask_verbs(struct sink_session *s, uint64_t now_us, const struct sink_verb *verbs,
                    uint32_t n, enum sink_stage stage, uint32_t rcpt, struct sink_deed *deed)
{
	for (uint32_t i = 0; i < n && deed->final == SINK_FINAL_NONE; i++) {
		const struct sink_verb *v = &verbs[i];

		if (v->stage != stage || (rcpt != UINT32_MAX && v->rcpt != rcpt) ||
		    !verb_holds(s, now_us, v))
			continue;
		count(&s->k->counts.rules_met);
		if (!v->is_grey)
			sink_be_busy(s, now_us, v->us);
		deed->final = v->final;
		deed->code = v->code;
		deed->text = text_of(v);
	}
}

/* A reply code, a provider's text or a verb. False: none of these, so a name. */
static bool find_what(struct span name, struct sink_verb *v, enum verb_arg *arg)
{
	struct span digits = name;
	const char *text, *reply = "";
	uint32_t code, i = 0;
	int at = sink_find_text(name);

	*v = (struct sink_verb){ .stage = SINK_STAGE_RCPT,
		                 .text = SINK_TEXT_NONE,
		                 .final = SINK_FINAL_SAY };
	*arg = ARG_TIMES;
	if (at >= 0) {
		(void)sink_text((uint32_t)at, &text, &reply);
		v->text = (uint8_t)at;
		v->code = (uint16_t)atoi(reply);
		return true;
	}
	if (sink_read_number(&digits, &code) && digits.bytes == 0) {
		v->code = (uint16_t)code;
		return name.bytes == 3 && code >= 200 && code <= 599;
	}
	while (i < N_KNOWN &&
	       !(name.bytes == strlen(verbs_known[i].name) && sink_fits(verbs_known[i].name, name)))
		i++;
	if (i == N_KNOWN)
		return false;
	v->final = verbs_known[i].final;
	v->is_grey = verbs_known[i].is_grey;
	v->code = v->is_grey ? 450 : 0;
	*arg = verbs_known[i].arg;
	return true;
}

/* ".stage" and "-number" or "-time" behind it. */
static bool read_rest(struct span rest, enum verb_arg arg, struct sink_verb *v)
{
	size_t n = 0;
	int stage;

	if (rest.bytes > 0 && rest.at[0] == '.') {
		while (n < rest.bytes && rest.at[n] != '-')
			n++;
		stage = sink_find_stage(span_of(rest.at + 1, n - 1));
		if (stage < SINK_STAGE_RCPT || stage > SINK_STAGE_MESSAGE)
			return false;
		v->stage = (uint8_t)stage;
		rest = span_of(rest.at + n, rest.bytes - n);
	}
	if (rest.bytes > 0) {
		rest = span_of(rest.at + 1, rest.bytes - 1);
		if (arg == ARG_TIME ? !sink_read_time(&rest, &v->us)
		                    : !sink_read_number(&rest, &v->times))
			return false;
	}
	if (rest.bytes > 0 || (arg == ARG_TIME && v->us == 0))
		return false;
	return v->stage != SINK_STAGE_BODY || v->final != SINK_FINAL_SAY;
}

int sink_read_verbs(struct sink_session *s, struct span address,
                    struct sink_verb here[SINK_VERBS_MAX])
{
	const uint8_t *end = memrchr(address.at, '@', address.bytes), *plus;
	struct span left =
	    span_of(address.at, end != NULL ? (size_t)(end - address.at) : address.bytes);
	int n = 0;

	if (!s->k->conf.obeys_rcpts)
		return 0;
	while ((plus = memchr(left.at, '+', left.bytes)) != NULL) {
		struct span word = span_of(left.at, (size_t)(plus - left.at));
		struct sink_verb v;
		enum verb_arg arg;
		size_t i = 0;

		while (i < word.bytes && word.at[i] != '.' && word.at[i] != '-')
			i++;
		if (!find_what(span_of(word.at, i), &v, &arg))
			return n;
		if (!read_rest(span_of(word.at + i, word.bytes - i), arg, &v))
			return -EINVAL;
		left = span_of(plus + 1, left.bytes - word.bytes - 1);
		v.rcpt = (uint16_t)s->n_rcpts;
		if (v.stage == SINK_STAGE_RCPT && n < SINK_VERBS_MAX)
			here[n++] = v;
		else if (v.stage != SINK_STAGE_RCPT && s->n_verbs < SINK_VERBS_MAX)
			s->verbs[s->n_verbs++] = v;
		else
			return -EINVAL;
	}
	return n;
}
