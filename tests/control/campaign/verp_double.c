/* verp_double.c - stands in for control/bounce/verp.c until that is there. */
#include <stdio.h>

#include "control/bounce/verp.h"

size_t verp_encode(const uint8_t key[32], uint32_t campaign, uint32_t row, const char *domain,
                   char out[DP_ADDRESS_MAX])
{
	return (size_t)snprintf(out, DP_ADDRESS_MAX, "b+%x.%x.%02x@%s", campaign, row, key[0], domain);
}
