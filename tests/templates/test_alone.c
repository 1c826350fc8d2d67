/* test_alone.c - a template by itself says what Liquid says, over typed data, with its partials.
 *
 * The public suite runs in golden.py; here are what it leaves open and what is ours.
 */
#include <errno.h>

#include "templates/tpl.h"
#include "tests/support/suite.h"

static const struct tpl_value list[] = { { .kind = TPL_INT, .number = 3 },
	                                 { .kind = TPL_FLOAT, .real = 0.1 },
	                                 { .kind = TPL_STRING, .n = 2, .text = "ab" } };
static const struct tpl_member object[] = {
	{ { (const uint8_t *)"k", 1 }, { .kind = TPL_STRING, .n = 4, .text = "a\"b\n" } },
	{ { (const uint8_t *)"l", 1 }, { .kind = TPL_ARRAY, .n = 2, .items = list } },
};
static const struct tpl_member members[] = {
	{ { (const uint8_t *)"list", 4 }, { .kind = TPL_ARRAY, .n = 3, .items = list } },
	{ { (const uint8_t *)"o", 1 }, { .kind = TPL_OBJECT, .n = 2, .members = object } },
	{ { (const uint8_t *)"name", 4 }, { .kind = TPL_STRING, .n = 5, .text = "J\xc3\xb6rg" } },
	{ { (const uint8_t *)"seven", 5 }, { .kind = TPL_INT, .number = 7 } },
};
static const struct tpl_value data = { .kind = TPL_OBJECT, .n = 4, .members = members };

static const struct tpl_text_source partials[] = {
	{ { (const uint8_t *)"show", 4 },
	  { (const uint8_t *)"[{{ show }}{{ x }}{{ name }}]", 29 } },
	{ { (const uint8_t *)"set", 3 }, { (const uint8_t *)"{% assign x = 'S' %}", 20 } },
	{ { (const uint8_t *)"deep", 4 }, { (const uint8_t *)"{% include 'deep' %}", 20 } },
	{ { (const uint8_t *)"wide", 4 },
	  { (const uint8_t *)"{% render 'wide' %}{% render 'wide' %}", 38 } },
	{ { (const uint8_t *)"inc", 3 }, { (const uint8_t *)"{% include 'show' %}", 20 } },
	{ { (const uint8_t *)"stop", 4 }, { (const uint8_t *)"a{% break %}b", 13 } },
};

static int run(const char *text, uint8_t *to, size_t room, size_t *bytes, struct tpl_err *err)
{
	struct tpl_text_source main = { span_str("main"), span_str(text) };
	struct tpl_text_prog *prog;
	int r = tpl_text_open(&main, partials, sizeof(partials) / sizeof(partials[0]), false, &prog,
	                      err);

	*bytes = 0;
	if (r != 0)
		return r;
	r = tpl_text_render(prog, &data, 1700000000, to, room, bytes, err);
	tpl_text_close(prog);
	return r;
}

static void a_template_says_what_liquid_says(void)
{
	static const struct {
		const char *why, *text, *want;
	} cases[] = {
		/* clang-format off */
		{ "a list is its items", "{{ list }}", "30.1ab" },
		{ "an object is as Ruby shows it", "{{ o }}", "{\"k\"=>\"a\\\"b\\n\", \"l\"=>[3, 0.1]}" },
		{ "a range is its ends", "{{ (1..3) }}", "1..3" },
		{ "an end of an object", "{{ o.first | first }}{{ o.last }}", "k" },
		{ "a float as Ruby writes it", "{{ 1e }}{{ 100.0 }} {{ 0.00001 }} {{ 12345678901234567.0 }} {{ -0.5 }}",
		  NULL },
		{ "floats", "{{ 100.0 }} {{ 0.0001 }} {{ 0.00001 }} {{ 12345678901234567.0 }} {{ -0.5 }}",
		  "100.0 0.0001 1.0e-05 1.2345678901234568e+16 -0.5" },
		{ "sums are decimal", "{{ 0.1 | plus: 0.2 }} {{ 1.1 | times: 3 }} {{ -7 | divided_by: 2 }} {{ -7 | modulo: 3 }}",
		  "0.3 3.3 -4 2" },
		{ "a text counts by its front", "{{ '3 apples' | plus: 1 }} {{ ' 1.5 ' | plus: 1 }}", "4 2.5" },
		{ "round", "{{ 2.5 | round }} {{ -2.5 | round }} {{ 1.005 | round: 2 }} {{ 1234 | round: -2 }}",
		  "3 -3 1.01 1200" },
		{ "letters beyond ASCII", "{{ 'jörg straße ωδός привет' | upcase }} {{ 'ÄÖŸ' | downcase }}",
		  "JÖRG STRASSE ΩΔΌΣ ПРИВЕТ äöÿ" },
		{ "characters, not bytes", "{{ name | slice: 1, 2 }} {{ name | size }} {{ name | split: '' | join: '.' }}",
		  "ör 4 J.ö.r.g" },
		{ "counters are apart from variables",
		  "{% assign c = 5 %}{% increment c %}{% increment c %}{{ c }}", "015" },
		{ "a counter begins with the data's number", "{% increment seven %}{{ seven }}", "78" },
		{ "a loop variable is in front of what is assigned",
		  "{% for i in (1..2) %}{% assign i = 9 %}{{ i }}{% endfor %}{{ i }}", "129" },
		{ "an object is walked by pairs", "{% for p in o %}{{ p[0] }};{% endfor %}", "k;l;" },
		{ "a whole case for each value that is the same",
		  "{% case 1 %}{% when 1, 1 %}a{% when 1 %}b{% else %}c{% endcase %}", "aab" },
		{ "and binds no tighter than or", "{% if true or false and false %}yes{% endif %}", "yes" },
		{ "a break out of a capture keeps what there is",
		  "{% for i in (1..3) %}{% capture x %}a{% break %}{% endcapture %}{% endfor %}{{ x }}", "a" },
		{ "a break out of a case leaves its values",
		  "{% for i in (1..3) %}{% case i %}{% when 2 %}{% break %}{% else %}{{ i }}{% endcase %}{% endfor %}", "1" },
		{ "a break outside of all ends the text", "a{% break %}b", "a" },
		{ "continue", "{% for i in (1..3) %}{% if i == 2 %}{% continue %}{% endif %}{{ i }}{% endfor %}", "13" },
		{ "forloop outlives its loop as a value",
		  "{% for i in (1..2) %}{% assign f = forloop %}{% endfor %}{{ f.length }}", "2" },
		{ "a partial sees what is outside", "{% assign x = 1 %}{% include 'show' %}", "[1Jörg]" },
		{ "what a partial sets stays", "{% include 'set' %}{{ x }}", "S" },
		{ "a rendered one sees nothing", "{% assign x = 1 %}{% render 'show' %}", "[]" },
		{ "but what it is given", "{% render 'show', x: 2, name: 'n' %}{% render 'show' with 5 as x %}", "[2n][5]" },
		{ "a list is gone through", "{% include 'show' with list %}", "[3Jörg][0.1Jörg][abJörg]" },
		{ "only when for says so", "{% render 'show' with list %}{% render 'show' for list %}",
		  "[30.1ab][3][0.1][ab]" },
		{ "a rendered break stays inside", "{% for i in (1..2) %}{% render 'stop' %}{% endfor %}", "aa" },
		{ "an included one does not", "{% for i in (1..2) %}{% include 'stop' %}{% endfor %}c", "ac" },
		{ "a name at run time", "{% assign p = 'set' %}{% include p %}{{ x }}", "S" },
		{ "dates", "{{ 'March 14, 2016' | date: '%b %d, %y' }}|{{ 1152098955 | date: '%m/%d/%Y %s' }}|"
		  "{{ '2016-03-14T10:05:06+02:00' | date: '%-d %H:%M:%S %z' }}|{{ 'hello' | date: '%Y' }}|"
		  "{{ 'now' | date: '%F %T %Z' }}|{{ '14 Mar 2016 1:30 pm' | date: '%e. %R %% %L' }}|{{ seven | date: '' }}",
		  "Mar 14, 16|07/05/2006 1152098955|14 10:05:06 +0200|hello|2023-11-14 22:13:20 UTC|14. 13:30 % 000|7" },
		{ "names of days and months in a language",
		  "{{ '2016-03-14 15:00' | date: '%A, %-d. %B %Y', locale: 'de' }}|{{ '2016-03-14 15:00' | date: "
		  "'%a %b %p', locale: 'pt-BR' }}|{{ '2016-03-14' | date: locale: 'ru', '%d %B' }}",
		  "Montag, 14. M\xc3\xa4rz 2016|seg. mar. PM|14 \xd0\xbc\xd0\xb0\xd1\x80\xd1\x82\xd0\xb0" },
		{ "money as a language writes it",
		  "{{ 1234.5 | money: 'EUR', locale: 'de' }}|{{ '1234.50' | money: 'usd' }}|{{ seven | money: "
		  "'JPY', locale: 'ja' }}|{{ '-0.005' | money: 'EUR', locale: 'en' }}|{{ nosuch | money: 'EUR' }}|",
		  "1.234,50\xc2\xa0\xe2\x82\xac|$1,234.50|\xef\xbf\xa5""7|-\xe2\x82\xac""0.00||" },
		{ "a part of a URL", "{{ 'a b&c=\xc3\xa9~' | urlsafe }}", "a%20b%26c%3D%C3%A9~" },
		{ "a keyed hash (RFC 4231, case 2)",
		  "{{ 'what do ya want for nothing?' | hmac: 'Jefe' }}",
		  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
		{ "a keyed hash of another digest (RFC 2202, case 2)",
		  "{{ 'what do ya want for nothing?' | hmac: 'Jefe', 'sha1' }}",
		  "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79" },
		{ "not dates", "{{ '99 99 9999' | date: '%Y' }}{{ nosuch | date: '%Y' }}", "99 99 9999" },
		{ "escaping counts outside of HTML", "{{ '<' | escape | escape }} {{ '&lt;<' | escape_once }}", "&amp;lt; &lt;&lt;" },
		{ "tags are stripped", "{{ 'a<b c=1>d</b><!-- x > y -->e<script>f</script>g<h' | strip_html }}", "adeg<h" },
		{ "urls", "{{ 'a b+ü' | url_encode }} {{ 'a+b%2B%zz' | url_decode }}", "a+b%2B%C3%BC a b+%zz" },
		{ "a number has no properties", "{{ list | map: nosuch | size }}", NULL },
		{ "sorting", "{{ 'b,A,a,B' | split: ',' | sort_natural | join }}", "A a b B" },
		{ "filters of nothing", "[{{ nosuch | slice: 0, 2 }}{{ nil | replace: '', '-' }}{{ nosuch | strip | lstrip | "
		  "capitalize | truncatewords: 2 | remove_last: '' | split: '' | join }}]", "[-]" },
		{ "nothing in between", "{{ 'ab' | replace: '', '-' }}", "-a-b-" },
		{ "a list of many items at once",
		  "{{ (1..100000) | join: ',' | split: ',' | last }}", "100000" },
		{ "a range has a size", "{{ (1..1000000000000) | size }}", "1000000000000" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t to[512];
		size_t bytes;
		struct tpl_err err;
		int r = run(cases[i].text, to, sizeof(to), &bytes, &err);
		bool ok = cases[i].want == NULL
		              ? r == -EINVAL && err.text[0] != '\0'
		              : r == 0 && span_eq(span_of(to, bytes), span_str(cases[i].want));

		if (!ok)
			printf("\n    %s: got %d \"%.*s\" %s", cases[i].why, r, (int)bytes,
			       (const char *)to, err.text);
		CU_ASSERT(ok);
	}
}

static void what_cannot_be_rendered_says_where(void)
{
	static const struct {
		const char *text, *file;
		uint32_t line, column;
		const char *says;
	} cases[] = {
		/* clang-format off */
		{ "a\n {{ 'x' | slice: 1.5 }}", "main", 2, 11, "\"slice\": the first position is no whole number" },
		{ "{% if 'a' < 1 %}{% endif %}", "main", 1, 11, "a text and a number have no order" },
		{ "{% for i in list limit: 'x' %}{% endfor %}", "main", 1, 13, "limit is no whole number" },
		{ "{% include 'nosuch' %}", "main", 1, 12, "no partial \"nosuch\"" },
		{ "{% include 'deep' %}", "deep", 1, 12, "too deeply" },
		{ "{% render 'wide' %}", "wide", 1, 11, "too deeply" },
		{ "{% render 'inc' %}", "inc", 1, 12, "may not include" },
		{ "{{ list | concat: 1 }}", "main", 1, 11, "no list" },
		{ "{{ '/w==' | base64_decode }}", "main", 1, 4, "not UTF-8" },
		{ "{{ 99999999999999999999 }}", "main", 1, 4, "over 64 bits" },
		{ "{{ 'now' | date: '%100000000d' }}", "main", 1, 12, "over 1023 bytes" },
		{ "{{ 'now' | date: '%B', locale: 'xx' }}", "main", 1, 12, "an unknown locale" },
		{ "{{ 'now' | date: '%B', lang: 'de' }}", "main", 1, 24, "not a named one" },
		{ "{{ 1 | money: 'EURO' }}", "main", 1, 8, "an unknown currency" },
		{ "{{ 1 | money: 'QQQ' }}", "main", 1, 8, "an unknown currency" },
		{ "{{ '1,50' | money: 'EUR' }}", "main", 1, 13, "not an amount" },
		{ "{{ 'x' | hmac: 'k', 'md5' }}", "main", 1, 10, "an unknown digest" },
		{ "{{ 'x' | hmac: nosuch }}", "main", 1, 10, "an empty key" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t to[512];
		size_t bytes;
		struct tpl_err err;
		int r = run(cases[i].text, to, sizeof(to), &bytes, &err);
		bool ok = r == -EINVAL && strcmp(err.file, cases[i].file) == 0 &&
		          err.line == cases[i].line && err.column == cases[i].column &&
		          strstr(err.text, cases[i].says) != NULL;

		if (!ok)
			printf("\n    %s: got %d %s:%u:%u: %s", cases[i].text, r, err.file,
			       err.line, err.column, err.text);
		CU_ASSERT(ok);
	}
}

static void every_room_too_small_is_told(void)
{
	static const char text[] = "a{{ name }}{% capture x %}bcd{% endcapture %}{{ x | upcase }}";
	uint8_t to[64];
	size_t bytes;
	struct tpl_err err;

	for (size_t room = 0; room < 9; room++) {
		memset(to, 0xee, sizeof(to));
		CU_ASSERT_EQUAL(run(text, to, room, &bytes, &err), -ENOSPC);
		CU_ASSERT_EQUAL(to[room], 0xee);
	}
	CU_ASSERT_EQUAL(run(text, to, 9, &bytes, &err), 0);
	CU_ASSERT(span_eq(span_of(to, bytes), span_str("aJ\xc3\xb6rgBCD")));
}

SUITE("templates/alone", TEST(a_template_says_what_liquid_says),
      TEST(what_cannot_be_rendered_says_where), TEST(every_room_too_small_is_told))
