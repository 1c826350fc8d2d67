#include <string.h>

#include "dataplane/smtp/body.h"

void smtp_body_begin(struct smtp_body *b, bool is_raw)
{
	*b = (struct smtp_body){ .is_raw = is_raw };
}

/* Leaves `b` on a byte to copy, or behind the last span. */
static void skip_spent(struct smtp_body *b, const struct dp_job *job)
{
	while (b->span < job->n_wire && b->at == job->wire[b->span].bytes) {
		b->span++;
		b->at = 0;
	}
}

bool smtp_body_is_done(const struct smtp_body *b, const struct dp_job *job)
{
	struct smtp_body rest = *b;

	skip_spent(&rest, job);
	return rest.span == job->n_wire && !rest.dot_owed;
}

/* How many bytes of from[0..bytes) may be copied before the next dot that begins a line. A dot at
 * from[0] is one when `line_open` is false.
 */
static size_t plain_run(const uint8_t *from, size_t bytes, bool line_open)
{
	const uint8_t *at = from, *dot;

	while ((dot = memchr(at, '.', bytes - (size_t)(at - from))) != NULL) {
		if (dot == from ? !line_open : dot[-1] == '\n')
			return (size_t)(dot - from);
		at = dot + 1;
		if (at == from + bytes)
			break;
	}
	return bytes;
}

size_t smtp_body_copy(struct smtp_body *b, const struct dp_job *job, uint8_t *out, size_t room)
{
	size_t n = 0;

	for (;;) {
		const uint8_t *from;
		size_t run;

		if (b->dot_owed && n < room) {
			out[n++] = '.';
			b->dot_owed = false;
			b->line_open = true;
		}
		skip_spent(b, job);
		if (b->span == job->n_wire || n == room)
			return n;

		from = job->wire[b->span].at + b->at;
		run = job->wire[b->span].bytes - b->at;
		run = run < room - n ? run : room - n;
		if (!b->is_raw)
			run = plain_run(from, run, b->line_open);
		if (run == 0) {
			/* A line begins with a dot: one more goes in front of it (4.5.2). */
			out[n++] = '.';
			b->dot_owed = true;
			b->at++;
			continue;
		}
		memcpy(out + n, from, run);
		n += run;
		b->at += (uint32_t)run;
		b->line_open = from[run - 1] != '\n';
	}
}
