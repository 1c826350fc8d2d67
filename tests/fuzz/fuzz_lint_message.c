/* fuzz_lint_message.c - any bytes as a message with its bodies: every check ends, and says so in
 * one line.
 *
 * Input: two bytes, the length of the HTML body, which comes first; the rest is the message.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "control/lint/sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check_finding(const struct lint_finding *f)
{
	assert(f->id < LINT_N && memchr(f->what, '\0', sizeof(f->what)) != NULL);
	for (const char *c = f->what; *c != '\0'; c++)
		assert((unsigned char)*c >= ' ' && *c != 0x7f);
	for (const char *c = f->where; *c != '\0'; c++)
		assert((unsigned char)*c >= ' ' && *c != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static const struct span names[] = { { (const uint8_t *)"name", 4 } };
	static const struct tpl_columns columns = { .names = names, .n = 1 };
	struct lint_campaign c = { .bulk = true,
		                   .postal_address = "Shop Ltd, 1 High Street",
		                   .unsubscribe_url = "https://u.test/",
		                   .id_domain = span_str("a.test"),
		                   .columns = &columns,
		                   .fields_file = "message.liquid",
		                   .fields_text = span_str("Subject: x\n") };
	struct lint_samples *s;
	struct lint_report *r;
	struct tpl_text text[2];
	struct lint_sample sample = { .text = text, .n_text = 2, .address = span_str("a@b.test") };
	size_t html;

	if (bytes < 2)
		return 0;
	html = (size_t)data[0] << 8 | data[1];
	html = html < bytes - 2 ? html : bytes - 2;
	text[0] = (struct tpl_text){ .bytes = span_of(data + 2, html), .label = TPL_LABEL_HTML };
	sample.wire = span_of(data + 2 + html, bytes - 2 - html);
	text[1] = (struct tpl_text){ .bytes = sample.wire, .label = TPL_LABEL_HEADER };
	s = malloc(sizeof(*s));
	r = lint_report_new(true);
	lint_samples_init(s, &c, r);
	lint_sample_add(s, &sample);
	lint_samples_end(s);
	for (uint32_t i = 0; lint_finding_at(r, i) != NULL; i++)
		check_finding(lint_finding_at(r, i));
	assert(s->n == 1 && s->n_broken <= 1);
	lint_report_free(r);
	free(s);
	return 0;
}
