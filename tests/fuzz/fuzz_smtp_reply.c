/* fuzz_smtp_reply.c - any bytes, cut anywhere: the parser says the same as for the whole, within
 * its bounds.
 */
#include <assert.h>

#include "dataplane/smtp/ehlo.h"
#include "dataplane/smtp/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static const struct smtp_reply_bounds bounds = { .lines_max = 8, .bytes_max = 512 };

/* A digest of everything that was read, so that two ways of cutting can be compared. */
static uint64_t read_all(const uint8_t *data, size_t bytes, size_t piece)
{
	struct smtp_caps caps = { .size = false };
	struct smtp_reply r;
	uint64_t digest = 1;

	smtp_reply_reset(&r);
	for (size_t at = 0; at < bytes; at += piece) {
		struct span in = span_of(data + at, bytes - at < piece ? bytes - at : piece);

		while (in.bytes > 0) {
			enum smtp_reply_got got = smtp_reply_take(&r, &bounds, &in);

			assert(r.n_bytes <= bounds.bytes_max && r.n_lines <= bounds.lines_max);
			assert(r.line_bytes <= SMTP_LINE_KEPT_BYTES);
			if (got == SMTP_REPLY_BAD)
				return digest * 31 + 7;
			if (got == SMTP_REPLY_MORE)
				continue;
			assert(r.code >= 200 && r.code <= 599);
			smtp_caps_line(&caps, span_of(r.line, r.line_bytes));
			digest = digest * 31 + r.code;
			digest = digest * 31 + r.text_bytes;
			digest =
			    digest * 31 + r.enhanced[0] + 7u * r.enhanced[1] + 11u * r.enhanced[2];
			for (uint32_t i = 0; i < r.text_bytes && i < DP_TEXT_MAX; i++)
				digest = digest * 31 + (uint8_t)r.text[i];
			digest += caps.pipelining + 3u * caps.size + caps.size_max_bytes;
			if (got == SMTP_REPLY_END)
				smtp_reply_reset(&r);
		}
	}
	return digest * 31 + r.n_bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	uint64_t whole, single;

	if (bytes > 4096)
		return 0;
	whole = read_all(data, bytes, bytes == 0 ? 1 : bytes);
	single = read_all(data, bytes, 1);
	assert(whole == single && single == read_all(data, bytes, 7));
	return 0;
}
