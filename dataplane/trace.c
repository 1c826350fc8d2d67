/* trace.c - the record of open connections that outlives a crash. */
#include "dataplane/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int trace_open(struct trace *t, const char *state_dir, uint32_t worker, uint32_t entries_max,
               const struct tcp_trace_entry *stale, uint32_t n_stale)
{
	size_t entries = (size_t)entries_max + n_stale, bytes = entries * sizeof(*stale);
	char path[TRACE_PATH_BYTES];
	int fd, rc = 0;
	void *at;

	memset(t, 0, sizeof(*t));
	if (snprintf(path, sizeof(path), "%s/open.%u", state_dir, worker) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	/* All blocks now: a full disk must not become a SIGBUS in the worker later. */
	rc = -posix_fallocate(fd, 0, (off_t)bytes);
	if (rc != 0)
		goto out;
	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (at == MAP_FAILED) {
		rc = -errno;
		goto out;
	}
	t->live = at;
	t->stale = t->live + entries_max;
	t->entries_max = entries_max;
	t->stale_max = t->n_stale = n_stale;
	if (n_stale > 0)
		memcpy(t->stale, stale, n_stale * sizeof(*stale));
out:
	close(fd);
	return rc;
}

void trace_forget_stale(struct trace *t)
{
	memset(t->stale, 0, (size_t)t->n_stale * sizeof(*t->stale));
	t->n_stale = 0;
}

void trace_close(struct trace *t)
{
	if (t->live != NULL)
		munmap(t->live, ((size_t)t->entries_max + t->stale_max) * sizeof(*t->live));
	memset(t, 0, sizeof(*t));
}
