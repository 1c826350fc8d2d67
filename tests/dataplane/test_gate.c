/* test_gate.c - what rules say of a message, and what is remembered and counted of it. */
#include "dataplane/gate.h"

#include <string.h>

#include "tests/support/suite.h"

enum { RULES = 8 };

static const struct match_pattern patterns[] = {
	{ "alpha", 0 }, { "beta", 0 }, { "gamma", 0 },
	{ "delta", 0 }, { "tag1", 0 }, { GATE_HOSTS_REGEX, 0 },
};
static const struct gate_rule rules[RULES] = {
	{ "r.alpha", "", DP_GATE_NOTE, DP_GATE_PASS, GATE_IN_ALL, 0 },
	{ "r.beta", "", DP_GATE_NOTE, DP_GATE_HOLD, 1 << DP_PART_TEXT, GATE_NOT_CODE },
	{ "r.gamma", "", DP_GATE_STOP, DP_GATE_REJECT, 1 << DP_PART_HTML | 1 << DP_PART_SUBJECT,
	  GATE_NOT_URL },
	{ "r.delta", "", DP_GATE_NOTE, DP_GATE_PASS, GATE_IN_URL, 0 },
	{ "r.tag", "", DP_GATE_NOTE, DP_GATE_TAG, GATE_IN_ALL, 0 },
	{ "r.card", "", DP_GATE_NOTE, DP_GATE_PASS, 1 << DP_PART_TEXT | 1 << DP_PART_HTML,
	  GATE_CARD | GATE_NOT_TAG },
	{ "r.ip", "", DP_GATE_NOTE, DP_GATE_PASS, GATE_IN_URL,
	  GATE_HOST_ADDRESS << GATE_HOST_SHIFT },
	{ "r.mixed", "", DP_GATE_NOTE, DP_GATE_PASS, GATE_IN_URL,
	  GATE_HOST_MIXED << GATE_HOST_SHIFT },
};

static struct gate *make(void)
{
	struct match_set *set = NULL;
	char why[MATCH_WHY_BYTES];
	uint32_t bad;
	struct gate *gate;

	CU_ASSERT_EQUAL_FATAL(
	    match_compile(patterns, sizeof(patterns) / sizeof(patterns[0]), &set, &bad, why), 0);
	gate = gate_new(rules, RULES, set, "X-Test-Tag", 2);
	CU_ASSERT_PTR_NOT_NULL_FATAL(gate);
	return gate;
}

static struct dp_text piece(enum dp_part part, const char *text)
{
	return (struct dp_text){ .bytes = span_str(text), .part = (uint8_t)part };
}

/* The ids of the hits, in order. */
static const char *hits_of(const struct gate *gate, const struct gate_verdict *v, char out[256])
{
	size_t n = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < v->n_hits; i++)
		n += (size_t)snprintf(out + n, 256 - n, "%s%s", i == 0 ? "" : " ",
		                      gate_rule(gate, v->hits[i])->id + 2);
	return out;
}

static void each_rule_counts_where_it_says(void)
{
	static const struct {
		const char *why;
		enum dp_part part;
		const char *text, *hits;
		enum dp_gate_action action;
	} cases[] = {
		/* clang-format off */
		{ "all but links: the subject",      DP_PART_SUBJECT, "x alpha",      "alpha", DP_GATE_PASS },
		{ "a header",                        DP_PART_HEADER,  "X: alpha",     "alpha", DP_GATE_PASS },
		{ "a name",                          DP_PART_NAME,    "alpha.pdf",    "alpha", DP_GATE_PASS },
		{ "text only",                       DP_PART_TEXT,    "beta",         "beta",  DP_GATE_HOLD },
		{ "not in HTML",                     DP_PART_HTML,    "beta",         "",      DP_GATE_PASS },
		{ "not in code",                     DP_PART_TEXT,    "`beta`",       "",      DP_GATE_PASS },
		{ "in code and out of it",           DP_PART_TEXT,    "`beta` beta",  "beta",  DP_GATE_HOLD },
		{ "HTML",                            DP_PART_HTML,    "gamma",        "gamma", DP_GATE_REJECT },
		{ "not in a link",                   DP_PART_HTML,    "http://a/gamma", "",    DP_GATE_PASS },
		{ "in a link only",                  DP_PART_TEXT,    "http://a/delta", "delta", DP_GATE_PASS },
		{ "elsewhere not",                   DP_PART_TEXT,    "delta",        "",      DP_GATE_PASS },
		{ "links of headers are none",       DP_PART_HEADER,  "http://a/delta", "",    DP_GATE_PASS },
		{ "a tag",                           DP_PART_TEXT,    "tag1",         "tag",   DP_GATE_TAG },
		{ "a card",                          DP_PART_TEXT,    "4111111111111111", "card", DP_GATE_PASS },
		{ "a card in a tag",                 DP_PART_HTML,    "<i x='4111111111111111'>", "", DP_GATE_PASS },
		{ "a card in a tag and out of it",   DP_PART_HTML,    "<i x='4111111111111111'> 4111111111111111", "card", DP_GATE_PASS },
		{ "an address",                      DP_PART_HTML,    "http://192.0.2.1/", "ip", DP_GATE_PASS },
		{ "at the very end",                 DP_PART_TEXT,    "http://",      "",      DP_GATE_PASS },
		{ "the severest wins",               DP_PART_HTML,    "tag1 alpha gamma", "tag alpha gamma", DP_GATE_REJECT },
		/* clang-format on */
	};
	struct gate *gate = make();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dp_text text = piece(cases[i].part, cases[i].text);
		struct gate_verdict v;
		char hits[256];

		gate_scan(gate, 0, 1, false, &text, 1, &v);
		if (strcmp(hits_of(gate, &v, hits), cases[i].hits) != 0 ||
		    v.action != cases[i].action)
			printf("\n    %s: got \"%s\" %u", cases[i].why, hits, v.action);
		CU_ASSERT_STRING_EQUAL(hits, cases[i].hits);
		CU_ASSERT_EQUAL(v.action, cases[i].action);
	}
	gate_free(gate);
}

static void a_rule_is_told_once_a_message(void)
{
	struct dp_text texts[] = { piece(DP_PART_SUBJECT, "alpha"), piece(DP_PART_TEXT, "al"),
		                   piece(DP_PART_TEXT, "pha alpha"), piece(DP_PART_HTML, "alpha") };
	struct gate *gate = make();
	struct gate_verdict v;
	struct gate_tally t;
	uint32_t at = 0;

	gate_scan(gate, 1, 7, false, texts, 4, &v);
	CU_ASSERT_EQUAL(v.n_hits, 1);
	gate_scan(gate, 1, 7, false, &texts[1], 2, &v); /* one text in two pieces */
	CU_ASSERT_EQUAL(v.n_hits, 1);
	CU_ASSERT_TRUE(gate_tally_next(gate, 1, &at, &t));
	CU_ASSERT_TRUE(t.campaign == 7 && t.rule == 0 && t.hits == 2);
	CU_ASSERT_FALSE(gate_tally_next(gate, 1, &at, &t));
	at = 0;
	CU_ASSERT_FALSE(gate_tally_next(gate, 0, &at, &t));
	gate_free(gate);
}

static void what_was_released_is_not_held_again_but_still_rejected(void)
{
	struct dp_text texts[] = { piece(DP_PART_TEXT, "beta"), piece(DP_PART_HTML, "gamma") };
	struct gate *gate = make();
	struct gate_verdict v;

	gate_scan(gate, 0, 1, true, texts, 1, &v);
	CU_ASSERT_EQUAL(v.action, DP_GATE_PASS);
	CU_ASSERT_EQUAL(v.n_hits, 1);
	gate_scan(gate, 0, 1, true, texts, 2, &v);
	CU_ASSERT_EQUAL(v.action, DP_GATE_REJECT);
	CU_ASSERT_EQUAL(v.rule, 2);
	gate_free(gate);
}

static void a_shared_text_is_scanned_once_a_campaign(void)
{
	struct dp_text text = piece(DP_PART_TEXT, "alpha beta");
	struct gate *gate = make();
	struct gate_verdict v;

	text.segment = 3;
	for (int i = 0; i < 2; i++) {
		gate_scan(gate, 0, 1, false, &text, 1, &v);
		CU_ASSERT_EQUAL(v.scanned_bytes, i == 0 ? 10 : 0);
		CU_ASSERT_EQUAL(v.known_bytes, i == 0 ? 0 : 10);
		CU_ASSERT_EQUAL(v.n_hits, 2);
		CU_ASSERT_EQUAL(v.action, DP_GATE_HOLD);
	}
	gate_scan(gate, 0, 2, false, &text, 1, &v); /* another campaign's third text is another */
	CU_ASSERT_EQUAL(v.scanned_bytes, 10);
	gate_scan(gate, 1, 1, false, &text, 1, &v); /* each worker finds out for itself */
	CU_ASSERT_EQUAL(v.scanned_bytes, 10);
	gate_free(gate);
}

static void tags_are_lines_that_outlive_their_gate(void)
{
	struct dp_text text = piece(DP_PART_TEXT, "tag1");
	struct gate *gate = make();
	struct gate_verdict v, again;

	gate_scan(gate, 0, 1, false, &text, 1, &v);
	gate_free(gate);
	CU_ASSERT_EQUAL_FATAL(v.n_tags, 1);
	CU_ASSERT_TRUE(span_eq(v.tags[0], span_str("X-Test-Tag: r.tag\r\n")));
	gate = make();
	gate_scan(gate, 0, 1, false, &text, 1, &again);
	CU_ASSERT_PTR_EQUAL(again.tags[0].at, v.tags[0].at);
	gate_free(gate);
}

static void a_message_without_text_passes(void)
{
	struct dp_text empty = piece(DP_PART_TEXT, "");
	struct gate *gate = make();
	struct gate_verdict v;

	gate_scan(gate, 0, 0, false, NULL, 0, &v);
	CU_ASSERT_EQUAL(v.action, DP_GATE_PASS);
	gate_scan(gate, 0, 0, false, &empty, 1, &v);
	CU_ASSERT_EQUAL(v.action, DP_GATE_PASS);
	gate_free(gate);
}

static void hits_beyond_the_table_are_counted_as_lost(void)
{
	struct dp_text text = piece(DP_PART_TEXT, "alpha");
	struct gate *gate = make();
	struct gate_verdict v;
	struct gate_tally t;
	uint64_t sum = 0;
	uint32_t at = 0;

	for (uint32_t campaign = 1; campaign <= 20000; campaign++)
		gate_scan(gate, 0, campaign, false, &text, 1, &v);
	while (gate_tally_next(gate, 0, &at, &t))
		sum += t.hits;
	CU_ASSERT_TRUE(gate_tally_lost(gate, 0) > 0);
	CU_ASSERT_EQUAL(sum + gate_tally_lost(gate, 0), 20000);
	gate_free(gate);
}

SUITE("dataplane/gate", TEST(each_rule_counts_where_it_says), TEST(a_rule_is_told_once_a_message),
      TEST(what_was_released_is_not_held_again_but_still_rejected),
      TEST(a_shared_text_is_scanned_once_a_campaign), TEST(tags_are_lines_that_outlive_their_gate),
      TEST(a_message_without_text_passes), TEST(hits_beyond_the_table_are_counted_as_lost))
