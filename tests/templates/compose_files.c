/* compose_files.c - composes one message from a template folder, for the tests that read it back.
 *
 *	compose_files [--8bit] [--as-7bit] [--files-first] PATH FROM TO NUMBER TIME [name=value...]
 *
 * Writes the message to standard output, or file:line:column: text to standard error and exits 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "templates/tpl.h"

enum { SLAB_BYTES = 8 << 20 };

int main(int argc, char **argv)
{
	struct span names[TPL_COLUMNS_MAX];
	struct tpl_value values[TPL_COLUMNS_MAX];
	struct tpl_columns columns = { .names = names };
	struct tpl_campaign campaign = { .name = span_str("spring-2026"),
		                         .id_domain = span_str("id.example"),
		                         .key = { 1, 2, 3 } };
	struct tpl_job job = { .campaign = &campaign, .values = values };
	uint8_t *slab = malloc(SLAB_BYTES);
	struct tpl *tpl = NULL;
	struct tpl_out out;
	struct tpl_err err;
	int r;

	for (; argc > 1 && argv[1][0] == '-'; argv++, argc--) {
		campaign.may_8bit |= strcmp(argv[1], "--8bit") == 0;
		campaign.files_first |= strcmp(argv[1], "--files-first") == 0;
		job.as_7bit |= strcmp(argv[1], "--as-7bit") == 0;
	}
	if (argc < 6 || slab == NULL)
		return 2;
	for (int i = 6; i < argc && columns.n < TPL_COLUMNS_MAX; i++, columns.n++) {
		char *eq = strchr(argv[i], '=');

		if (eq == NULL)
			return 2;
		names[columns.n] = span_of(argv[i], (size_t)(eq - argv[i]));
		values[columns.n] = tpl_text_value(span_str(eq + 1));
	}
	campaign.from = span_str(argv[2]);
	job.envelope.mail_from = span_str("b+1.1.x@bounce.example");
	job.envelope.rcpt_to = span_str(argv[3]);
	job.number = strtoull(argv[4], NULL, 10);
	job.first_attempt_s = strtoll(argv[5], NULL, 10);
	r = tpl_open(argv[1], &columns, &tpl, &err);
	if (r == 0) {
		job.tpl = tpl;
		r = tpl_compose(&job, slab, SLAB_BYTES, &out, &err);
	}
	if (r != 0)
		fprintf(stderr, "%s:%u:%u: %s\n", err.file, err.line, err.column, err.text);
	for (uint32_t i = 0; r == 0 && i < out.n_wire; i++)
		fwrite(out.wire[i].at, 1, out.wire[i].bytes, stdout);
	tpl_close(tpl);
	free(slab);
	return r != 0;
}
