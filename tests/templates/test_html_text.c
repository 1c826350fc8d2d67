/* test_html_text.c - words, paragraphs, marks and links of an HTML body survive; the rest goes. */
#include "templates/html_text.h"

#include <stdlib.h>

#include "tests/support/suite.h"

static void html_says_what_its_text_says(void)
{
	static const struct {
		const char *why, *html, *want;
	} cases[] = {
		/* clang-format off */
		{ "tags go", "Hello <b>you</b>!", "Hello you!\r\n" },
		{ "blanks collapse", " a \r\n  b\tc ", "a b c\r\n" },
		{ "paragraphs", "<p>a</p>\n<p>b</p>", "a\r\n\r\nb\r\n" },
		{ "line breaks", "a<br>b<br/>\nc", "a\r\nb\r\nc\r\n" },
		{ "blocks", "<div>a</div><div>b</div>", "a\r\nb\r\n" },
		{ "lists", "<ul><li>a</li><li>b</li></ul>c", "* a\r\n* b\r\n\r\nc\r\n" },
		{ "tables", "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\r\nc\r\n" },
		{ "a rule", "a<hr>b", "a\r\n----\r\nb\r\n" },
		{ "entities", "a&amp;b &lt;c&gt; &#228;&#x20AC; &nbsp;d &eacute; &", "a&b <c> ä€  d &eacute; &\r\n" },
		{ "an entity cannot make a control character", "a&#0;&#13;b", "a\xef\xbf\xbd\xef\xbf\xbd" "b\r\n" },
		{ "a surrogate is no character", "&#xD800;&#x7fffffff;", "\xef\xbf\xbd&#x7fffffff;\r\n" },
		{ "a link", "see <a class=x href=\"https://x.test/?a=1&amp;b=2\">our page</a>.",
		  "see our page <https://x.test/?a=1&b=2>.\r\n" },
		{ "a link that is its own text", "<a href='https://x.test/'>https://x.test/</a>", "https://x.test/\r\n" },
		{ "a link without words", "a <a href=https://x.test></a> b", "a <https://x.test> b\r\n" },
		{ "a link inside the page", "<a href='#top'>up</a>", "up\r\n" },
		{ "a script link", "<a href='javascript:x'>up</a>", "up\r\n" },
		{ "a link never closed", "<a href='https://x.test'>y", "y <https://x.test>\r\n" },
		{ "images", "<img src=x alt=\"A cat\"> says", "A cat says\r\n" },
		{ "head and style go", "<head><title>t</title><style>p > a {}</style></head><body>x", "x\r\n" },
		{ "script goes, whatever it holds", "<script>if (a<b) '</p>'</script>x", "x\r\n" },
		{ "comments go", "a<!-- <p> -- > -->b<!doctype html>c", "abc\r\n" },
		{ "a bracket in an attribute", "<img alt='>'>x", ">x\r\n" },
		{ "a lone bracket is text", "1 < 2 <3", "1 < 2 <3\r\n" },
		{ "a tag cut off", "a<b", "a\r\n" },
		{ "a comment cut off", "a<!-- b", "a\r\n" },
		{ "nothing", "<p></p>", "" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t room[512];
		struct buf out = { .at = room, .max = sizeof(room) };

		html_text(span_str(cases[i].html), &out);
		if (!span_eq(buf_since(&out, 0), span_str(cases[i].want)))
			printf("\n    %s: got \"%.*s\"", cases[i].why, (int)out.bytes,
			       (const char *)room);
		CU_ASSERT(span_eq(buf_since(&out, 0), span_str(cases[i].want)));
	}
}

/* A quadratic reader needs hours for a megabyte of any of these; the test's time-out ends it. */
static void hostile_html_is_read_in_one_pass(void)
{
	static const char *const parts[] = { "<",     "<a", "<a href='", "<!--",
		                             "<a \"", "&",  "<script>" };
	size_t bytes = 1 << 20;
	uint8_t *html = malloc(bytes), *room = malloc(4 * bytes);

	for (size_t k = 0; k < sizeof(parts) / sizeof(parts[0]); k++) {
		struct buf out = { .at = room, .max = 4 * bytes };
		size_t n = strlen(parts[k]);

		for (size_t i = 0; i < bytes; i++)
			html[i] = (uint8_t)parts[k][i % n];
		html_text(span_of(html, bytes), &out);
		CU_ASSERT(!out.full);
	}
	free(html);
	free(room);
}

static void output_stays_in_its_buffer(void)
{
	const char *html = "<p>Some words <a href='https://x.test/'>here</a></p><li>x";

	for (size_t max = 0; max < 30; max++) {
		uint8_t room[64];
		struct buf out = { .at = room, .max = max };

		memset(room, 0xee, sizeof(room));
		html_text(span_str(html), &out);
		CU_ASSERT(out.full && out.bytes <= max && room[max] == 0xee);
	}
}

SUITE("templates/html_text", TEST(html_says_what_its_text_says),
      TEST(hostile_html_is_read_in_one_pass), TEST(output_stays_in_its_buffer))
