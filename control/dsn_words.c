/* dsn_words.c - what may be asked of reports on delivery (RFC 3461), as people write it. */
#include "control/dsn_words.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "dataplane/dp_msg.h"

struct word {
	const char *name;
	int value;
};

static int find(const struct word *words, size_t n, const char *text, size_t bytes)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(words[i].name) == bytes && memcmp(words[i].name, text, bytes) == 0)
			return words[i].value;
	return -EINVAL;
}

/* RFC 3461 4.1: NEVER stands alone, of the others each at most once. */
int dsn_notify_read(const char *text)
{
	static const struct word alone[] = { { "none", 0 }, { "never", DP_NOTIFY_NEVER } };
	static const struct word some[] = { { "success", DP_NOTIFY_SUCCESS },
		                            { "failure", DP_NOTIFY_FAILURE },
		                            { "delay", DP_NOTIFY_DELAY } };
	int notify = find(alone, sizeof(alone) / sizeof(alone[0]), text, strlen(text));

	if (notify >= 0)
		return notify;
	for (notify = 0;; text++) {
		size_t bytes = strcspn(text, ",");
		int bit = find(some, sizeof(some) / sizeof(some[0]), text, bytes);

		if (bit < 0 || (notify & bit) != 0)
			return -EINVAL;
		notify |= bit;
		text += bytes;
		if (*text == '\0')
			return notify;
	}
}

/* RFC 3461 4.3. */
int dsn_ret_read(const char *text)
{
	static const struct word words[] = { { "none", DP_RET_NONE },
		                             { "full", DP_RET_FULL },
		                             { "hdrs", DP_RET_HDRS } };

	return find(words, sizeof(words) / sizeof(words[0]), text, strlen(text));
}
