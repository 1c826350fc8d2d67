/* fuzz_scan_mail.c - any bytes come apart as a mail, and each byte of each part has a place in
 * them.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "control/gate/mail.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* The byte at a line and a column; `file.bytes` behind the last. */
static size_t offset_of(struct span file, uint32_t line, uint32_t column)
{
	size_t at = 0;

	assert(line > 0 && column > 0);
	while (--line > 0) {
		const uint8_t *end = memchr(file.at + at, '\n', file.bytes - at);

		assert(end != NULL);
		at = (size_t)(end - file.at) + 1;
	}
	assert(at + column - 1 <= file.bytes);
	return at + column - 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct span file = span_of(data, bytes);
	struct mail m;

	mail_read(file, &m);
	for (uint32_t t = 0; t < m.n; t++) {
		struct span text = m.texts[t].bytes;
		const uint64_t places[] = { 0, text.bytes / 2, text.bytes - 1, text.bytes, 1 };
		size_t before = 0;

		assert(text.bytes > 0 && m.texts[t].part < DP_N_PARTS);
		for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
			uint32_t line, column;
			size_t at;

			mail_place(&m, t, places[i], &line, &column);
			at = offset_of(file, line, column);
			if (m.origins[t].how == MAIL_AS_IS && places[i] < text.bytes)
				assert(file.at[at] == text.at[places[i]]);
			/* what is further on in a text is not further up in the file */
			assert(i == 0 || i == 4 || at >= before);
			before = at;
		}
	}
	mail_fini(&m);
	return 0;
}
