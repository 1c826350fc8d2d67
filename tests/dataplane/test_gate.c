/* test_gate.c - what rules say of a message, and what is remembered and counted of it. */
#include "dataplane/gate.h"

#include <string.h>

#include "tests/support/suite.h"

enum { RULES = 9 };

static const struct match_pattern patterns[] = {
	{ "alpha", 0 }, { "beta", 0 },          { "gamma", 0 },          { "delta", 0 },
	{ "tag1", 0 },  { "^file1|file1$", 0 }, { GATE_HOSTS_REGEX, 0 },
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
	{ "r.file", "", DP_GATE_STOP, DP_GATE_REJECT, 1 << DP_PART_FILE | 1 << DP_PART_NAME, 0 },
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
		{ "bytes of a file: only where it is said", DP_PART_FILE, "x gamma alpha", "",   DP_GATE_PASS },
		{ "and there it counts",             DP_PART_FILE,    "x file1",      "file",  DP_GATE_REJECT },
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

/* Names of files come as one text; a rule sees one after another. */
static void a_shared_text_may_be_several(void)
{
	static const struct {
		const char *why, *bytes;
		size_t n;
		enum dp_part part;
		const char *hits;
	} cases[] = {
		/* clang-format off */
		{ "an end in the midst",        "a.file1\0b.txt\0",      14, DP_PART_NAME, "file" },
		{ "a beginning in the midst",   "b.txt\0file1.b",        13, DP_PART_NAME, "file" },
		{ "neither",                    "a.file1.b\0b.txt",      15, DP_PART_NAME, "" },
		{ "not over the zero byte",     "al\0pha",               6,  DP_PART_TEXT, "" },
		{ "each rule once",             "alpha\0alpha\0beta",   16, DP_PART_TEXT, "alpha beta" },
		{ "code ends with its text",    "```\ncode\0beta",       13, DP_PART_TEXT, "beta" },
		{ "nothing but ends",           "\0\0",                  2,  DP_PART_TEXT, "" },
		{ "bytes of files are whole",   "x\0file1",              7,  DP_PART_FILE, "file" },
		{ "so this is not their end",   "a.file1\0",             8,  DP_PART_FILE, "" },
		/* clang-format on */
	};
	struct gate *gate = make();

	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dp_text text = { .bytes = span_of(cases[i].bytes, cases[i].n),
			                .part = (uint8_t)cases[i].part,
			                .segment = 1 };

		for (int turn = 0; turn < 2; turn++) { /* the second time it is known */
			struct gate_verdict v;
			char hits[256];

			gate_scan(gate, 0, 1 + i, false, &text, 1, &v);
			if (strcmp(hits_of(gate, &v, hits), cases[i].hits) != 0)
				printf("\n    %s: got \"%s\"", cases[i].why, hits);
			CU_ASSERT_STRING_EQUAL(hits, cases[i].hits);
			CU_ASSERT_EQUAL(v.known_bytes, turn == 0 ? 0 : cases[i].n);
		}
	}
	gate_free(gate);
}

/* As many as a lane keeps, in turns: none is scanned twice for want of its place. */
static void texts_of_many_campaigns_are_known_at_once(void)
{
	struct gate *gate = make();
	uint32_t scanned = 0;

	for (int turn = 0; turn < 3; turn++)
		for (uint32_t campaign = 1; campaign <= 64; campaign++)
			for (uint32_t segment = 3; segment < 6; segment++) {
				struct dp_text text = piece(DP_PART_TEXT, "alpha");
				struct gate_verdict v;

				text.segment = segment;
				gate_scan(gate, 0, campaign, false, &text, 1, &v);
				scanned += v.scanned_bytes / 5;
				CU_ASSERT_EQUAL(v.n_hits, 1);
			}
	CU_ASSERT_EQUAL(scanned, 64 * 3);
	gate_free(gate);
}

/* More rules than are told hit one text; the one that stops comes last. */
static void the_severest_rule_is_never_crowded_out(void)
{
	enum { MANY = GATE_HITS_MAX + 36 };
	struct match_pattern many[MANY];
	struct gate_rule all[MANY];
	struct match_set *set = NULL;
	struct dp_text text = piece(DP_PART_TEXT, "alpha beta");
	char why[MATCH_WHY_BYTES], ids[MANY][8];
	struct gate_verdict v;
	struct gate *gate;
	uint32_t bad;

	for (uint32_t i = 0; i < MANY; i++) {
		bool last = i == MANY - 1;

		snprintf(ids[i], sizeof(ids[i]), "r%u", i);
		many[i] = (struct match_pattern){ last ? "beta" : "alpha", 0 };
		all[i] = (struct gate_rule){ .id = ids[i],
			                     .note = "",
			                     .grade = last ? DP_GATE_STOP : DP_GATE_NOTE,
			                     .action = last ? DP_GATE_REJECT : DP_GATE_PASS,
			                     .where = 1 << DP_PART_TEXT };
	}
	CU_ASSERT_EQUAL_FATAL(match_compile(many, MANY, &set, &bad, why), 0);
	gate = gate_new(all, MANY, set, "X-T", 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(gate);
	for (uint32_t turn = 0; turn < 3; turn++) {
		text.segment = turn > 0;
		gate_scan(gate, 0, 1, false, &text, 1, &v);
		CU_ASSERT_EQUAL(v.action, DP_GATE_REJECT);
		CU_ASSERT_EQUAL(v.rule, MANY - 1);
		CU_ASSERT_EQUAL(v.n_hits, GATE_HITS_MAX);
	}
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
      TEST(a_shared_text_is_scanned_once_a_campaign), TEST(a_shared_text_may_be_several),
      TEST(texts_of_many_campaigns_are_known_at_once), TEST(the_severest_rule_is_never_crowded_out),
      TEST(tags_are_lines_that_outlive_their_gate), TEST(a_message_without_text_passes),
      TEST(hits_beyond_the_table_are_counted_as_lost))
