/* site.c - the key of an MX set: domains with the same hosts share limits under it. */
#include "control/mx/site.h"

#include <assert.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HASH_HEX_BYTES = 16 };

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void site_key(const char **names, uint32_t n, char out[MX_NAME_BYTES])
{
	char all[SITE_NAMES_MAX * MX_NAME_BYTES];
	uint8_t hash[SHA256_DIGEST_LENGTH];
	size_t bytes = 0;

	assert(n <= SITE_NAMES_MAX);
	qsort(names, n, sizeof(*names), by_name);
	all[0] = '\0';
	for (uint32_t i = 0; i < n; i++) {
		if (i != 0 && strcmp(names[i], names[i - 1]) == 0)
			continue;
		bytes += (size_t)snprintf(all + bytes, sizeof(all) - bytes, "%s%s",
		                          bytes == 0 ? "" : ",", names[i]);
		assert(bytes < sizeof(all)); /* a name has at most MX_NAME_BYTES - 1 */
	}
	if (bytes <= SITE_BYTES_MAX) {
		memcpy(out, all, bytes + 1);
		return;
	}
	SHA256((const uint8_t *)all, bytes, hash);
	bytes = SITE_BYTES_MAX - HASH_HEX_BYTES - 1;
	memcpy(out, all, bytes);
	out[bytes++] = '#'; /* no host name holds it, so no name looks like a cut list */
	for (size_t i = 0; i < HASH_HEX_BYTES / 2; i++)
		bytes += (size_t)snprintf(out + bytes, 3, "%02x", hash[i]);
}
