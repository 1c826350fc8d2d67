/* test_locked.c - memory for secrets is in no core dump, and is gone when it is given back. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/base/locked.h"
#include "tests/support/suite.h"

/* The flags of the mapping that holds `at`, as /proc/self/smaps writes them. */
static bool flags_of(const void *at, char *out, size_t room)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long from, to;
	bool inside = false;
	char line[512];

	out[0] = '\0';
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = (uintptr_t)at >= from && (uintptr_t)at < to;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			snprintf(out, room, "%s", line);
	}
	if (f != NULL)
		fclose(f);
	return out[0] != '\0';
}

static void it_is_zeroed_left_out_of_dumps_and_locked_where_allowed(void)
{
	bool is_locked = false;
	uint8_t *at = locked_new(10000, &is_locked);
	char flags[512];

	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	for (int i = 0; i < 10000; i++)
		CU_ASSERT_EQUAL(at[i], 0);
	memset(at, 7, 10000);
	CU_ASSERT_TRUE_FATAL(flags_of(at, flags, sizeof(flags)));
	CU_ASSERT_PTR_NOT_NULL(strstr(flags, " dd")); /* VM_DONTDUMP */
	CU_ASSERT_EQUAL(strstr(flags, " lo") != NULL, is_locked);
	locked_free(at, 10000);
	locked_free(NULL, 10000);
}

SUITE("dataplane/base/locked", TEST(it_is_zeroed_left_out_of_dumps_and_locked_where_allowed))
