/* fuzz_verp.c - reads any bytes as an envelope sender; what is accepted must be what we make. */
#include <assert.h>
#include <strings.h>

#include "control/bounce/verp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static const uint8_t key[32] = { 1, 2, 3, 4 };
	uint32_t campaign, row;
	char out[DP_ADDRESS_MAX];
	size_t n;

	if (verp_decode(key, span_of(data, bytes), &campaign, &row) != 0)
		return 0;
	n = verp_encode(key, campaign, row, "", out);
	/* Leading zeros apart, the MAC in front of the @ is the one we would write. */
	for (size_t i = 0; i < bytes; i++) {
		if (data[i] == '@') {
			assert(i >= 8 &&
			       strncasecmp((const char *)data + i - 8, out + n - 9, 8) == 0);
			return 0;
		}
	}
	assert(!"accepted without a domain");
	return 0;
}
