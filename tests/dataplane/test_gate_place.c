/* test_gate_place.c - where the mark @ stands, in text and HTML, in one piece and in pieces. */
#include "dataplane/gate_place.h"

#include <string.h>

#include "tests/support/suite.h"

enum { CODE = 1, URL = 2, TAG = 4, PIECES = 512 };

static unsigned look(const char *text, uint32_t piece_bytes, bool is_html)
{
	const char *pieces[PIECES];
	uint32_t bytes[PIECES], n = 0, all = (uint32_t)strlen(text);
	uint64_t at = (uint64_t)(strchr(text, '@') - text);
	struct gate_place p;

	for (uint32_t from = 0; from < all; from += piece_bytes, n++) {
		pieces[n] = text + from;
		bytes[n] = all - from < piece_bytes ? all - from : piece_bytes;
	}
	gate_place_begin(&p, pieces, bytes, n, is_html);
	return (gate_place_in_code(&p, at) ? CODE : 0) | (gate_place_in_url(&p, at) ? URL : 0) |
	       (gate_place_in_tag(&p, at) ? TAG : 0);
}

static void a_place_is_known_however_the_text_is_cut(void)
{
	static const struct {
		const char *why, *text;
		bool is_html;
		unsigned want;
	} cases[] = {
		/* clang-format off */
		{ "plain",                         "<p>x @</p>", true, 0 },
		{ "code",                          "<p><code class=\"x\">@</code>", true, CODE },
		{ "in capitals",                   "<PRE>\n@</PRE>", true, CODE },
		{ "behind code",                   "<code>x</code> @", true, 0 },
		{ "code in pre, behind the code",  "<pre><code>x</code>@</pre>", true, CODE },
		{ "a name that only begins so",    "<codec>@</codec>", true, 0 },
		{ "an end without beginning",      "</code>@", true, 0 },
		{ "a link in an attribute",        "<a href=\"https://a.test/?x=@\">", true, URL | TAG },
		{ "behind a link",                 "<a href=\"https://a.test/\" title=\"@\">", true, TAG },
		{ "text behind a tag",             "<td width=5>@", true, 0 },
		{ "a link in text",                "see https://a.test/@ there", false, URL },
		{ "right behind its last byte",    "https://a.test/x@", false, URL },
		{ "the word after",                "https://a.test/x @", false, 0 },
		{ "no scheme",                     "a.test//@", false, 0 },
		{ "no tags in text",               "a < b @", false, 0 },
		{ "indented by four",              "x\n    y @", false, CODE },
		{ "by a tab",                      "x\n\ty @", false, CODE },
		{ "by three",                      "x\n   y @", false, 0 },
		{ "between backticks",             "use `a @` here", false, CODE },
		{ "behind them",                   "use `a` @", false, 0 },
		{ "the next line",                 "use `a\n@", false, 0 },
		{ "fenced",                        "x\n```sh\necho @\n```", false, CODE },
		{ "behind the fence",              "```\nx\n```\n@", false, 0 },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (uint32_t piece = 1; piece < 64; piece = piece * 3 - 1 + (piece == 1)) {
			unsigned got = look(cases[i].text, piece, cases[i].is_html);

			if (got != cases[i].want)
				printf("\n    %s, pieces of %u: got %u, want %u", cases[i].why,
				       piece, got, cases[i].want);
			CU_ASSERT_EQUAL(got, cases[i].want);
		}
}

static void an_earlier_place_may_be_asked_for_later(void)
{
	static const char text[] = "<b>a</b><code>b</code>";
	const char *pieces[] = { text };
	uint32_t bytes[] = { sizeof(text) - 1 };
	struct gate_place p;

	gate_place_begin(&p, pieces, bytes, 1, true);
	CU_ASSERT_TRUE(gate_place_in_code(&p, 14));
	CU_ASSERT_FALSE(gate_place_in_code(&p, 3));
	CU_ASSERT_TRUE(gate_place_in_code(&p, 14));
}

SUITE("dataplane/gate_place", TEST(a_place_is_known_however_the_text_is_cut),
      TEST(an_earlier_place_may_be_asked_for_later))
