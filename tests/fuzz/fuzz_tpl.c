/* fuzz_tpl.c - any template is refused with a place, or composes into a message that obeys RFC
 * 5322.
 *
 * Input: message.liquid, 0xff, body.html.liquid, 0xff, body.text.liquid; what is missing is absent.
 * The text is a partial "p" of the HTML too, and the HTML is also rendered alone over typed data.
 */
#include <assert.h>
#include <errno.h>

#include "templates/compiled.h"
#include "templates/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { SLAB_BYTES = 1 << 20 };

static uint8_t slab[2][SLAB_BYTES];

static const struct span names[] = { { (const uint8_t *)"email", 5 },
	                             { (const uint8_t *)"first_name", 10 },
	                             { (const uint8_t *)"n", 1 },
	                             { (const uint8_t *)"empty", 5 } };
static const struct tpl_columns columns = { .names = names, .n = 4 };

/* Everything up to the next 0xff. */
static struct span cut(struct span *s)
{
	const uint8_t *mark = s->bytes == 0 ? NULL : memchr(s->at, 0xff, s->bytes);
	struct span out = span_of(s->at, mark == NULL ? s->bytes : (size_t)(mark - s->at));

	s->at += out.bytes + (mark != NULL);
	s->bytes -= out.bytes + (mark != NULL);
	return out;
}

static void check_wire(struct span w, bool may_have_utf8)
{
	size_t line = 0;

	assert(w.bytes >= 2 && w.at[w.bytes - 1] == '\n');
	for (size_t i = 0; i < w.bytes; i++) {
		uint8_t b = w.at[i];

		assert(b != 0 && (may_have_utf8 || b < 0x80));
		if (b == '\r')
			assert(i + 1 < w.bytes && w.at[i + 1] == '\n');
		else if (b == '\n')
			assert(i != 0 && w.at[i - 1] == '\r');
		line = b == '\n' ? 0 : line + (b != '\r');
		assert(line <= 998);
	}
}

static int compose(const struct tpl *tpl, size_t room, uint8_t *to, struct tpl_out *out)
{
	struct tpl_value values[] = { tpl_text_value(span_str("a@b.test")),
		                      tpl_text_value(span_str("J\xc3\xb6rg <x> & \"y\", z")),
		                      tpl_text_value(span_str("a\r\nb\rc\nd")),
		                      tpl_text_value(span_of(NULL, 0)) };
	struct tpl_campaign campaign = { .name = span_str("fuzz"),
		                         .from = span_str("News <news@b.test>"),
		                         .id_domain = span_str("b.test") };
	struct tpl_job job = { .tpl = tpl,
		               .campaign = &campaign,
		               .values = values,
		               .envelope = { span_str("x@b.test"), span_str("a@b.test") },
		               .number = 1,
		               .first_attempt_s = 1767225600 };
	struct tpl_err err;
	int r = tpl_compose(&job, to, room, out, &err);

	assert(r == 0 || r == -ENOSPC || r == -EINVAL);
	assert(r != -EINVAL || err.text[0] != '\0');
	return r;
}

/* Any template over any kind of value: refused, or text that is UTF-8. */
static void alone(struct span text, struct span partial, bool html)
{
	static const struct tpl_value numbers[] = { { .kind = TPL_INT, .number = -3 },
		                                    { .kind = TPL_FLOAT, .real = 1e300 },
		                                    { .kind = TPL_NIL } };
	static const struct tpl_member inner[] = {
		{ { (const uint8_t *)"a", 1 }, { .kind = TPL_STRING, .n = 3, .text = "b<c" } },
		{ { (const uint8_t *)"l", 1 }, { .kind = TPL_ARRAY, .n = 3, .items = numbers } },
	};
	static const struct tpl_value objects[] = {
		{ .kind = TPL_OBJECT, .n = 2, .members = inner },
		{ .kind = TPL_STRING, .n = 2, .text = "\xc3\xb6" },
		{ .kind = TPL_BOOL, .yes = true },
	};
	static const struct tpl_member members[] = {
		{ { (const uint8_t *)"o", 1 }, { .kind = TPL_OBJECT, .n = 2, .members = inner } },
		{ { (const uint8_t *)"a", 1 }, { .kind = TPL_ARRAY, .n = 3, .items = objects } },
		{ { (const uint8_t *)"n", 1 }, { .kind = TPL_INT, .number = INT64_MAX } },
		{ { (const uint8_t *)"s", 1 }, { .kind = TPL_STRING, .n = 5, .text = "x,y z" } },
	};
	static const struct tpl_value top = { .kind = TPL_OBJECT, .n = 4, .members = members };
	struct tpl_text_source main = { span_str("main"), text };
	struct tpl_text_source p = { span_str("p"), partial };
	struct tpl_text_prog *prog;
	struct tpl_err err;
	size_t got;
	int r = tpl_text_open(&main, &p, 1, html, &prog, &err);

	assert(r == 0 || (r == -EINVAL && err.text[0] != '\0'));
	if (r != 0)
		return;
	r = tpl_text_render(prog, &top, 1767225600, slab[0], SLAB_BYTES, &got, &err);
	assert(r == 0 || r == -ENOSPC || (r == -EINVAL && err.text[0] != '\0'));
	if (r == 0)
		assert(utf8_first_bad(span_of(slab[0], got)) == got);
	tpl_text_close(prog);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct tpl_text_source partial = { .name = span_str("p") };
	struct span rest = span_of(data, bytes);
	struct tpl_sources s = { 0 };
	struct tpl_out out[2];
	struct tpl_err err;
	struct tpl *tpl;

	s.message = cut(&rest);
	s.has_html = rest.bytes != 0;
	s.html = cut(&rest);
	s.has_text = rest.bytes != 0 || !s.has_html;
	s.text = rest;
	/* what ends in a bracket is written with merge tags */
	s.merge_message = s.merge_html = s.merge_text = bytes != 0 && data[bytes - 1] == ']';
	partial.text = rest;
	s.partials = &partial;
	s.n_partials = s.has_text;
	if (s.has_html) {
		alone(s.html, s.text, false);
		alone(s.html, s.text, true);
	}
	if (tpl_open_sources(&s, &columns, &tpl, &err) != 0) {
		assert(err.text[0] != '\0' && err.file[0] != '\0');
		return 0;
	}
	if (compose(tpl, SLAB_BYTES, slab[0], &out[0]) == 0) {
		size_t used = out[0].wire[0].at + out[0].wire[0].bytes - slab[0];

		assert(out[0].n_wire == 1 && out[0].size_bytes == out[0].wire[0].bytes);
		check_wire(out[0].wire[0], out[0].needs_smtputf8);
		assert(compose(tpl, used, slab[1], &out[1]) == 0);
		assert(span_eq(out[0].wire[0], out[1].wire[0]));
		assert(compose(tpl, used - 1, slab[1], &out[1]) == -ENOSPC);
	}
	tpl_close(tpl);
	return 0;
}
