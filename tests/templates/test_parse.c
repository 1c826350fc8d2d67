/* test_parse.c - what is right compiles; what is wrong says where, what and what to do. */
#include "templates/parse.h"

#include <errno.h>

#include "templates/render.h"
#include "tests/support/suite.h"

static const struct span names[] = { { (const uint8_t *)"first_name", 10 },
	                             { (const uint8_t *)"city", 4 },
	                             { (const uint8_t *)"Last Name", 9 } };
static const struct tpl_columns columns = { .names = names, .n = 3 };

/* Both are to be freed, whatever is returned. */
static int parse(struct prog *prog, struct unit *unit, enum tpl_context context, const char *text,
                 struct tpl_err *err)
{
	struct src src;
	int r = src_init(&src, "body.html.liquid", span_str(text), err);

	CU_ASSERT_EQUAL_FATAL(unit_init(unit, &columns), 0);
	prog_init(prog, "body.html.liquid", context);
	return r != 0 ? r : parse_slice(prog, &src, 0, src.text.bytes, unit, err);
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
		{ "a condition on a column", TPL_IN_TEXT,
		  "{% if city == '' and first_name contains 'An' %}yes{% else %}no{% endif %}", "yes" },
		{ "what a loop makes is escaped", TPL_IN_HTML,
		  "{% assign l = '<,b' | split: ',' %}{% for x in l %}{{ x }}{% endfor %}", "&lt;b" },
		{ "what was captured is not escaped twice", TPL_IN_HTML,
		  "{% capture x %}<b>{{ first_name }}</b>{% endcapture %}{{ x }}", "<b>Anna &lt;3</b>" },
		{ "a filter's text is escaped", TPL_IN_HTML, "{{ first_name | append: '<' }}", "Anna &lt;3&lt;" },
		{ "breaks are markup, the text is not", TPL_IN_HTML, "{{ first_name | newline_to_br }}", "Anna &lt;3" },
		{ "line ends of a capture", TPL_IN_TEXT, "{% capture x %}a\nb{% endcapture %}{{ x | size }}{{ x }}",
		  "3a\r\nb" },
		{ "a table has line ends of the context", TPL_IN_TEXT, "{% tablerow x in (1..1) %}{{ x }}{% endtablerow %}",
		  "<tr class=\"row1\">\r\n<td class=\"col1\">1</td></tr>\r\n" },
		{ "a table in a header has none", TPL_IN_HEADER, "{% tablerow x in (1..1) %}{% endtablerow %}",
		  "<tr class=\"row1\"><td class=\"col1\"></td></tr>" },
		{ "a column may be assigned anew", TPL_IN_TEXT,
		  "{{ first_name }}{% assign first_name = 'B' %}{{ first_name }}", "Anna <3B" },
		{ "an unknown name with a default in a tag", TPL_IN_TEXT, "{% assign x = nick | default: 'you' %}{{ x }}",
		  "you" },
		{ "every text has a size", TPL_IN_TEXT, "{{ first_name.size }}", "7" },
		{ "a name known at run time", TPL_IN_TEXT, "{% assign n = 'first_name' %}{{ [n] }}", "Anna <3" },
		{ "the first attempt's time is now", TPL_IN_TEXT, "{{ 'now' | date: '%Y-%m-%d %s' }}", "1970-01-01 0" },
		/* clang-format on */
	};
	struct tpl_campaign campaign = { .name = span_str("spring") };
	struct tpl_value values[] = { tpl_text_value(span_str("Anna <3")),
		                      tpl_text_value(span_of(NULL, 0)),
		                      tpl_text_value(span_str("O'Neil")) };
	struct tpl_job job = { .campaign = &campaign, .values = values };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t room[256];
		struct buf out = { .at = room, .max = sizeof(room) };
		struct prog prog;
		struct unit unit;
		struct tpl_err err = { 0 };
		int r = parse(&prog, &unit, cases[i].context, cases[i].text, &err);

		if (r == 0)
			r = render(&prog, &job, &out, &err);
		if (r != 0 || !span_eq(buf_since(&out, 0), span_str(cases[i].want)))
			printf("\n    %s: got %d \"%.*s\" %s", cases[i].why, r, (int)out.bytes,
			       (const char *)room, err.text);
		CU_ASSERT(r == 0 && span_eq(buf_since(&out, 0), span_str(cases[i].want)));
		prog_fini(&prog);
		unit_fini(&unit);
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
		{ "unknown filter", "{{ city | upcas }}", 1, 11,
		  "unknown filter \"upcas\"; did you mean upcase?" },
		{ "unknown filter like no other", "{{ city | shout }}", 1, 11, "unknown filter \"shout\"" },
		{ "unknown tag", "a\nb {% while x %}", 2, 3, "unknown tag \"while\"" },
		{ "a tag misspelt", "{% elseif x %}", 1, 1, "unknown tag \"elseif\"; did you mean elsif?" },
		{ "an end without a beginning", "{% endraw %}", 1, 1, "\"endraw\" without \"raw\"" },
		{ "the end of another block", "{% if city %}{% endfor %}", 1, 14,
		  "expected \"endif\" before \"endfor\"" },
		{ "a block never closed", "a\n{% for c in city %}{{ c }}", 2, 1,
		  "\"for\" is never closed; expected \"endfor\"" },
		{ "a block may not leave {% liquid %}", "{% liquid\n  if city\n%}{% endif %}", 2, 3,
		  "\"if\" is never closed; expected \"endif\"" },
		{ "else alone", "{% else %}", 1, 1, "\"else\" stands in if, unless, case and for only" },
		{ "when outside case", "{% if city %}{% when 1 %}{% endif %}", 1, 14,
		  "\"when\" stands in case only" },
		{ "elsif in a for", "{% for x in city %}{% elsif x %}{% endfor %}", 1, 20,
		  "\"elsif\" stands in if and unless only" },
		{ "an unknown name in a condition", "{% if cityy == 'x' %}{% endif %}", 1, 7,
		  "unknown variable \"cityy\" (columns: first_name, city, Last Name); did you mean city?" },
		{ "a loop variable outside its loop's text is known, an unset one is not",
		  "{% for x in city %}{% endfor %}{{ y }}", 1, 35, NULL },
		{ "arguments are counted", "{{ city | append }}", 1, 18,
		  "expected \":\" and a value after \"append\", found the end of the braces" },
		{ "too many arguments", "{{ city | append: 1, 2 }}", 1, 11,
		  "\"append\" takes 1 argument, found 2" },
		{ "an argument by name", "{{ city | append: x: 2 }}", 1, 19,
		  "expected a value, not a named one, found \"x\"" },
		{ "no sums", "{% assign x = 1 + 2 %}", 1, 17, NULL },
		{ "a part that a column does not have", "{{ city.name }}", 1, 4,
		  "unknown variable \"city.name\" (columns: first_name, city, Last Name)" },
		{ "no partials here", "{% render 'footer' %}", 1, 11,
		  "no partial \"footer\" here; it is the file footer.liquid, for bodies" },
		{ "a rendered name is quoted", "{% render city %}", 1, 11,
		  "expected the name of a partial in quotes, found \"city\"" },
		{ "a word in a for", "{% for x in city backwards %}{% endfor %}", 1, 18,
		  "expected \"reversed\", \"limit:\", \"offset:\" or the end, found \"backwards\"" },
		{ "a comment's second line", "{% # a\n b %}", 2, 2,
		  "expected \"#\" before each line of this comment" },
		{ "brackets without a bound", "{{ city[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]] }}", 1, 40, NULL },
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
		struct unit unit;
		struct tpl_err err = { 0 };
		int r = parse(&prog, &unit, TPL_IN_HTML, cases[i].text, &err);
		bool ok = r == -EINVAL && err.line == cases[i].line &&
		          err.column == cases[i].column &&
		          strcmp(err.file, "body.html.liquid") == 0 &&
		          (cases[i].want == NULL || strcmp(err.text, cases[i].want) == 0);

		if (!ok)
			printf("\n    %s: got %d %u:%u: %s", cases[i].why, r, err.line, err.column,
			       err.text);
		CU_ASSERT(ok);
		prog_fini(&prog);
		unit_fini(&unit);
	}
}

static void a_rendering_without_a_bound_is_stopped(void)
{
	static const struct {
		const char *why, *text, *says;
	} cases[] = {
		/* clang-format off */
		{ "a loop", "{% for x in (1..999999999999) %}{% endfor %}", "more than 8388608 steps" },
		{ "memory", "{% assign x = (1..999999999999) | join: ' ' %}", "more memory" },
		{ "a text that doubles", "{% assign x = 'ab' %}{% for i in (1..60) %}"
		  "{% assign x = x | append: x %}{% endfor %}", "more memory" },
		{ "a number that overflows", "{{ 9223372036854775807 | plus: 1 }}", "over 64 bits" },
		{ "nothing to divide by", "{{ 1 | divided_by: 0 }}", "divided by 0" },
		/* clang-format on */
	};
	struct tpl_value values[3] = { { 0 } };
	struct tpl_job job = { .values = values };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t room[64];
		struct buf out = { .at = room, .max = sizeof(room) };
		struct prog prog;
		struct unit unit;
		struct tpl_err err = { 0 };
		int r = parse(&prog, &unit, TPL_IN_TEXT, cases[i].text, &err);

		CU_ASSERT_EQUAL(r, 0);
		r = render(&prog, &job, &out, &err);
		if (r != -EINVAL || strstr(err.text, cases[i].says) == NULL)
			printf("\n    %s: got %d %s", cases[i].why, r, err.text);
		CU_ASSERT(r == -EINVAL && strstr(err.text, cases[i].says) != NULL);
		prog_fini(&prog);
		unit_fini(&unit);
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
	struct unit unit;
	struct tpl_err err = { 0 };

	for (size_t i = 0; i + 5 < sizeof(text); i += 5)
		memcpy(text + i, "{{1}}", 5);
	CU_ASSERT_EQUAL(parse(&prog, &unit, TPL_IN_TEXT, text, &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "more than 65536 pieces"));
	prog_fini(&prog);
	unit_fini(&unit);
}

SUITE("templates/parse", TEST(a_right_template_gives_the_text_it_says),
      TEST(a_wrong_template_says_where_and_what), TEST(a_rendering_without_a_bound_is_stopped),
      TEST(bytes_that_are_no_text_are_refused), TEST(a_template_of_too_many_pieces_is_refused))
