/* trace.c - the record of open connections that outlives a crash. */
#include "dataplane/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reads what an earlier engine left, whatever its conns_max was; a torn tail is ignored. Returns
 * how many entries in use were found, `max` at most, or -errno.
 */
static int64_t read_old(int fd, struct tcp_trace_entry *out, uint32_t max)
{
	struct tcp_trace_entry e[64];
	uint32_t n = 0;
	off_t at = 0;

	for (;;) {
		ssize_t got = pread(fd, e, sizeof(e), at);
		size_t whole = got > 0 ? (size_t)got / sizeof(e[0]) : 0;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (whole == 0)
			return n;
		for (size_t i = 0; i < whole && n < max; i++)
			if (e[i].in_use == 1 && e[i].local_port != 0 && e[i].remote_port != 0)
				out[n++] = e[i];
		at += (off_t)(whole * sizeof(e[0]));
	}
}

int trace_open(struct trace *t, const char *state_dir, uint32_t worker, uint32_t entries_max)
{
	size_t half = (size_t)entries_max * sizeof(struct tcp_trace_entry);
	struct tcp_trace_entry *old = NULL;
	char path[4096];
	int64_t n;
	int fd, rc = 0;
	void *at;

	memset(t, 0, sizeof(*t));
	if (snprintf(path, sizeof(path), "%s/open.%u", state_dir, worker) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	old = calloc(entries_max, sizeof(*old));
	n = old != NULL ? read_old(fd, old, entries_max) : -ENOMEM;
	if (n < 0) {
		rc = (int)n;
		goto out;
	}
	/* All blocks now: a full disk must not become a SIGBUS in the worker later. */
	rc = ftruncate(fd, (off_t)(2 * half)) != 0 ? -errno
	                                           : -posix_fallocate(fd, 0, (off_t)(2 * half));
	if (rc != 0)
		goto out;
	at = mmap(NULL, 2 * half, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (at == MAP_FAILED) {
		rc = -errno;
		goto out;
	}
	t->live = at;
	t->stale = t->live + entries_max;
	t->entries_max = entries_max;
	t->n_stale = (uint32_t)n;
	/* The old list is whole in one half at every instant, a crash between the two included:
	 * `live` is cleared only after `stale` has everything.
	 */
	memcpy(t->stale, old, (size_t)n * sizeof(*old));
	memset(t->stale + n, 0, half - (size_t)n * sizeof(*old));
	memset(t->live, 0, half);
out:
	free(old);
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
		munmap(t->live, 2 * (size_t)t->entries_max * sizeof(*t->live));
	memset(t, 0, sizeof(*t));
}
