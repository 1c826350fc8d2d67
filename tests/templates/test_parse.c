/* test_parse.c - what is right compiles; what is wrong says where, what and what to do. */
#include "templates/parse.h"

#include <errno.h>

#include "templates/render.h"
#include "tests/support/suite.h"

static const struct span names[] = { { (const uint8_t *)"first_name", 10 },
	                             { (const uint8_t *)"city", 4 },
	                             { (const uint8_t *)"Last Name", 9 } };
static const struct tpl_columns columns = { .names = names, .n = 3 };

static int parse(struct prog *prog, enum tpl_context context, const char *text, struct tpl_err *err)
{
	struct src src;
	int r = src_init(&src, "body.html.liquid", span_str(text), err);

	prog_init(prog, "body.html.liquid", context);
	return r != 0 ? r : parse_slice(prog, &src, 0, src.text.bytes, &columns, err);
}

static void a_right_template_gives_the_text_it_says(void)
{
	static const struct {
		const char *why;
		enum tpl_context context;
		const char *text, *want;
	} cases[] = {
		/* clang-format off */
		{ "a variable", TPL_IN_TEXT, "Hello {{ first_name }}!", "Hello Anna <3!" },
		{ "no blanks needed", TPL_IN_TEXT, "{{first_name}}{{city}}", "Anna <3" },
		{ "HTML is escaped", TPL_IN_HTML, "{{ first_name }}", "Anna &lt;3" },
		{ "raw is not", TPL_IN_HTML, "{{ first_name | raw }}", "Anna <3" },
		{ "escape in a text", TPL_IN_TEXT, "{{ first_name | escape }}", "Anna &lt;3" },
		{ "escape in HTML escapes once", TPL_IN_HTML, "{{ first_name | escape }}", "Anna &lt;3" },
		{ "default for what is empty", TPL_IN_TEXT, "{{ city | default: \"x>y\" }}", "x>y" },
		{ "a default is escaped too", TPL_IN_HTML, "{{ city | default: 'x>y' }}", "x&gt;y" },
		{ "default for what is not empty", TPL_IN_TEXT, "{{ first_name | default: 'x' }}", "Anna <3" },
		{ "default may be a variable", TPL_IN_TEXT, "{{ city | default: first_name }}", "Anna <3" },
		{ "default may be a number", TPL_IN_TEXT, "{{ city | default: -1.5 }}", "-1.5" },
		{ "defaults in a row", TPL_IN_TEXT, "{{ city | default: '' | default: 'b' }}", "b" },
		{ "a default stands for an unknown name", TPL_IN_TEXT, "{{ nick | default: 'you' }}", "you" },
		{ "raw before default belongs to the value", TPL_IN_HTML, "{{ city | raw | default: '<' }}", "&lt;" },
		{ "a literal", TPL_IN_TEXT, "{{ 'a }' }}{{ 12 }}", "a }12" },
		{ "nothing", TPL_IN_TEXT, "[{{ }}]", "[]" },
		{ "a name with a blank", TPL_IN_TEXT, "{{ [\"Last Name\"] }}", "O'Neil" },
		{ "the campaign", TPL_IN_TEXT, "{{ campaign.name }}", "spring" },
		{ "dashes eat blanks outside", TPL_IN_TEXT, "a \n {{- 'b' -}} \t\n c", "abc" },
		{ "one dash, one side", TPL_IN_TEXT, "a {{- 'b' }} c", "ab c" },
		{ "dashes of tags", TPL_IN_TEXT, "a {%- comment -%} x {%- endcomment -%} b", "ab" },
		{ "a comment is nothing", TPL_IN_TEXT, "a{% comment %}{{ bad bad {% x %}{% endcomment %}b", "ab" },
		{ "comments nest", TPL_IN_TEXT, "a{% comment %}{%comment%}{%endcomment%}x{% endcomment %}b", "ab" },
		{ "raw text stays", TPL_IN_TEXT, "{% raw %}{{ x }}{% y %}{% endraw %}", "{{ x }}{% y %}" },
		{ "raw text is trimmed by dashes", TPL_IN_TEXT, "a {%- raw -%} {{ x }} {%- endraw -%} b", "a{{ x }}b" },
		{ "line ends become CRLF", TPL_IN_TEXT, "a\nb\r\nc\rd", "a\r\nb\r\nc\r\nd" },
		{ "a header is joined", TPL_IN_HEADER, "a\r\n b", "a b" },
		{ "single braces are text", TPL_IN_TEXT, "{ a } { { } %}", "{ a } { { } %}" },
		{ "an empty template", TPL_IN_TEXT, "", "" },
		/* clang-format on */
	};
	struct tpl_campaign campaign = { .name = span_str("spring") };
	struct span values[] = { span_str("Anna <3"), span_of(NULL, 0), span_str("O'Neil") };
	struct tpl_job job = { .campaign = &campaign, .values = values };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t room[256];
		struct buf out = { .at = room, .max = sizeof(room) };
		struct prog prog;
		struct tpl_err err = { 0 };
		int r = parse(&prog, cases[i].context, cases[i].text, &err);

		if (r == 0)
			r = render(&prog, &job, &out, &err);
		if (r != 0 || !span_eq(buf_since(&out, 0), span_str(cases[i].want)))
			printf("\n    %s: got %d \"%.*s\" %s", cases[i].why, r, (int)out.bytes,
			       (const char *)room, err.text);
		CU_ASSERT(r == 0 && span_eq(buf_since(&out, 0), span_str(cases[i].want)));
		prog_fini(&prog);
	}
}

static void a_wrong_template_says_where_and_what(void)
{
	static const struct {
		const char *why, *text;
		uint32_t line, column;
		const char *want;
	} cases[] = {
		/* clang-format off */
		{ "a near name is guessed", "\n {{ frist_name }}", 2, 5,
		  "unknown variable \"frist_name\" (columns: first_name, city, Last Name); did you mean first_name?" },
		{ "a far one is not", "{{ zzz }}", 1, 4,
		  "unknown variable \"zzz\" (columns: first_name, city, Last Name)" },
		{ "columns count characters", "äöü{{ zzz }}", 1, 7, NULL },
		{ "a default must be known itself", "{{ city | default: cty }}", 1, 20,
		  "unknown variable \"cty\" (columns: first_name, city, Last Name); did you mean city?" },
		{ "part of an unknown name", "{{ campaign.nme }}", 1, 4,
		  "unknown variable \"campaign.nme\" (columns: first_name, city, Last Name); did you mean campaign.name?" },
		{ "unknown filter", "{{ city | upcase }}", 1, 11,
		  "unknown filter \"upcase\"; supported: default, escape, raw" },
		{ "unknown tag", "a\nb {% if x %}", 2, 3, "unknown tag \"if\"; supported: comment, raw" },
		{ "an end without a beginning", "{% endraw %}", 1, 1,
		  "unknown tag \"endraw\"; supported: comment, raw" },
		{ "output never closed", "a {{ city", 1, 3, "\"{{\" is never closed; expected \"}}\"" },
		{ "tag never closed", "{% raw", 1, 1, "\"{%\" is never closed; expected \"%}\"" },
		{ "raw never closed", "\n{% raw %} {{ x }}", 2, 1,
		  "\"{% raw %}\" is never closed; expected \"{% endraw %}\"" },
		{ "a nested comment closed once", "{% comment %}{% comment %}{% endcomment %}", 1, 1, NULL },
		{ "text never closed", "{{ 'a }}", 1, 4,
		  "a quoted text is never closed; expected ' before the end of the braces" },
		{ "a filter without a name", "{{ city | }}", 1, 11,
		  "expected a filter name after \"|\", found the end of the braces" },
		{ "default without a value", "{{ city | default }}", 1, 19,
		  "expected \":\" and a value after \"default\", found the end of the braces" },
		{ "two words", "{{ city city }}", 1, 9,
		  "expected \"|\" and a filter, or the end of the braces, found \"city\"" },
		{ "a strange character", "{{ ci$ty }}", 1, 6,
		  "unexpected \"$\"; expected a variable, a filter after \"|\" or the end" },
		{ "a dot at the end", "{{ city. }}", 1, 10, "expected a name, found the end of the braces" },
		{ "more in a tag", "{% raw x %}{% endraw %}", 1, 8, "expected nothing more in this tag, found \"x\"" },
		{ "a tag without a name", "{% %}", 1, 4, "expected a tag name, found the end of the braces" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct prog prog;
		struct tpl_err err = { 0 };
		int r = parse(&prog, TPL_IN_HTML, cases[i].text, &err);
		bool ok = r == -EINVAL && err.line == cases[i].line &&
		          err.column == cases[i].column &&
		          strcmp(err.file, "body.html.liquid") == 0 &&
		          (cases[i].want == NULL || strcmp(err.text, cases[i].want) == 0);

		if (!ok)
			printf("\n    %s: got %d %u:%u: %s", cases[i].why, r, err.line, err.column,
			       err.text);
		CU_ASSERT(ok);
		prog_fini(&prog);
	}
}

static void bytes_that_are_no_text_are_refused(void)
{
	struct src src;
	struct tpl_err err;

	CU_ASSERT_EQUAL(src_init(&src, "f", span_str("ab\n\xff"), &err), -EINVAL);
	CU_ASSERT(err.line == 2 && err.column == 1);
	CU_ASSERT_EQUAL(src_init(&src, "f", span_of("a\0b", 3), &err), -EINVAL);
	CU_ASSERT(err.line == 1 && err.column == 2);
	CU_ASSERT_EQUAL(src_init(&src, "f",
	                         span_str("\xef\xbb\xbf"
	                                  "a"),
	                         &err),
	                0);
	CU_ASSERT_EQUAL(src.text.bytes, 1);
}

static void a_template_of_too_many_pieces_is_refused(void)
{
	static char text[(PROG_OPS_MAX / 2 + 1) * 5 + 1];
	struct prog prog;
	struct tpl_err err = { 0 };

	for (size_t i = 0; i + 5 < sizeof(text); i += 5)
		memcpy(text + i, "{{1}}", 5);
	CU_ASSERT_EQUAL(parse(&prog, TPL_IN_TEXT, text, &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "more than 65536 pieces"));
	prog_fini(&prog);
}

SUITE("templates/parse", TEST(a_right_template_gives_the_text_it_says),
      TEST(a_wrong_template_says_where_and_what), TEST(bytes_that_are_no_text_are_refused),
      TEST(a_template_of_too_many_pieces_is_refused))
