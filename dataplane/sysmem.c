/* sysmem.c - how much memory the machine could give us now. */
#include "dataplane/sysmem.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The number after `key` in a file of "key: number" lines. */
static bool read_field(const char *path, const char *key, uint64_t *out)
{
	char line[256];
	bool found = false;
	FILE *f = fopen(path, "re");

	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL)
		found = strncmp(line, key, strlen(key)) == 0 &&
		        sscanf(line + strlen(key), "%" SCNu64, out) == 1;
	if (f != NULL)
		fclose(f);
	return found;
}

uint64_t sysmem_available_bytes(void)
{
	uint64_t kb, most, now, available = UINT64_MAX;

	if (read_field("/proc/meminfo", "MemAvailable:", &kb))
		available = kb * 1024;
	if (read_field("/sys/fs/cgroup/memory.max", "", &most) &&
	    read_field("/sys/fs/cgroup/memory.current", "", &now)) {
		uint64_t left = most > now ? most - now : 0;

		available = left < available ? left : available;
	}
	return available;
}

uint64_t sysmem_hugepages_free_bytes(void)
{
	uint64_t pages = 0, reserved = 0, kb = 0;

	if (!read_field("/proc/meminfo", "HugePages_Free:", &pages) ||
	    !read_field("/proc/meminfo", "HugePages_Rsvd:", &reserved) ||
	    !read_field("/proc/meminfo", "Hugepagesize:", &kb))
		return 0;
	return pages > reserved ? (pages - reserved) * kb * 1024 : 0;
}
