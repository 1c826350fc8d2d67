#include "dataplane/base/locked.h"

#include <string.h>
#include <sys/mman.h>

void *locked_new(size_t bytes, bool *is_locked)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool locked;

	if (at == MAP_FAILED)
		return NULL;
	if (madvise(at, bytes, MADV_DONTDUMP) != 0) {
		munmap(at, bytes);
		return NULL;
	}
	locked = mlock2(at, bytes, MLOCK_ONFAULT) == 0;
	if (is_locked != NULL)
		*is_locked = locked;
	return at;
}

void locked_free(void *at, size_t bytes)
{
	if (at == NULL)
		return;
	explicit_bzero(at, bytes);
	munmap(at, bytes);
}
