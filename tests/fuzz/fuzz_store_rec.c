/* fuzz_store_rec.c - any bytes as a record: refused, or the same bytes come out again. */
#include <stdlib.h>

#include "control/store/rec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	uint8_t again[REC_BYTES_MAX];
	struct store_rec rec;

	if (rec_decode(span_of(data, bytes), &rec) != 0)
		return 0;
	if (rec_encode(&rec, again) != bytes || memcmp(again, data, bytes) != 0)
		abort();
	return 0;
}
