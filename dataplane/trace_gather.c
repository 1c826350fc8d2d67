/* trace_gather.c - what all workers of dead engines left, whatever their number was. */
#include "dataplane/trace.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct found {
	struct tcp_trace_entry *list;
	size_t n, room;
};

/* "open.12": the number; -1: another file. */
static int worker_of(const char *name)
{
	size_t digits = strncmp(name, "open.", 5) == 0 ? strlen(name + 5) : 0;

	if (digits < 1 || digits > 4)
		return -1;
	for (size_t i = 0; i < digits; i++)
		if (!isdigit((unsigned char)name[5 + i]))
			return -1;
	return atoi(name + 5);
}

static int add(struct found *f, const struct tcp_trace_entry *e)
{
	if (f->n == f->room) {
		size_t room = f->room == 0 ? 1024 : 2 * f->room;
		void *more = realloc(f->list, room * sizeof(*e));

		if (more == NULL)
			return -ENOMEM;
		f->list = more;
		f->room = room;
	}
	f->list[f->n++] = *e;
	return 0;
}

/* Whatever its size: a torn tail is ignored, and so is what cannot be a connection. */
static int read_entries(int fd, struct found *f)
{
	struct tcp_trace_entry e[64];
	off_t at = 0;
	int rc = 0;

	while (rc == 0) {
		ssize_t got = pread(fd, e, sizeof(e), at);
		size_t whole = got > 0 ? (size_t)got / sizeof(e[0]) : 0;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (whole == 0)
			break;
		for (size_t i = 0; i < whole && rc == 0; i++)
			if (e[i].in_use == 1 && e[i].local_port != 0 && e[i].remote_port != 0 &&
			    f->n < TRACE_STALE_MAX)
				rc = add(f, &e[i]);
		at += (off_t)(whole * sizeof(e[0]));
	}
	return rc;
}

static int read_file(const char *state_dir, const char *name, struct found *f)
{
	char path[TRACE_PATH_BYTES];
	int fd, rc;

	if (snprintf(path, sizeof(path), "%s/%s", state_dir, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	rc = read_entries(fd, f);
	close(fd);
	return rc;
}

static int read_all(const char *state_dir, struct found *f)
{
	DIR *d = opendir(state_dir);
	struct dirent *e;
	int rc = 0;

	if (d == NULL)
		return -errno;
	while (rc == 0 && (e = readdir(d)) != NULL)
		if (worker_of(e->d_name) >= 0 || strcmp(e->d_name, "open.old") == 0)
			rc = read_file(state_dir, e->d_name, f);
	closedir(d);
	return rc;
}

static int by_tuple(const void *a, const void *b)
{
	return memcmp(a, b, offsetof(struct tcp_trace_entry, in_use));
}

/* An engine that died while it started leaves some twice. */
static void drop_repeated(struct found *f)
{
	size_t kept = 0;

	if (f->n == 0)
		return;
	qsort(f->list, f->n, sizeof(f->list[0]), by_tuple);
	for (size_t i = 1; i < f->n; i++)
		if (by_tuple(&f->list[kept], &f->list[i]) != 0)
			f->list[++kept] = f->list[i];
	f->n = kept + 1;
}

static int write_all(int fd, const void *bytes, size_t n)
{
	const char *at = bytes;

	while (n > 0) {
		ssize_t put = write(fd, at, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put < 0 ? -errno : -EIO;
		at += put;
		n -= (size_t)put;
	}
	return 0;
}

/* Written beside and put in place whole. */
static int keep(const char *state_dir, const struct found *f)
{
	char path[TRACE_PATH_BYTES], beside[TRACE_PATH_BYTES + 8];
	int fd, rc;

	if (snprintf(path, sizeof(path), "%s/open.old", state_dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	snprintf(beside, sizeof(beside), "%s.new", path);
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	rc = write_all(fd, f->list, f->n * sizeof(f->list[0]));
	if (close(fd) != 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && rename(beside, path) != 0)
		rc = -errno;
	if (rc != 0)
		unlink(beside);
	return rc;
}

int trace_gather(const char *state_dir, struct tcp_trace_entry **out, uint32_t *n)
{
	struct found f = { .n = 0 };
	int rc = read_all(state_dir, &f);

	drop_repeated(&f);
	if (rc == 0 && f.n > 0)
		rc = keep(state_dir, &f);
	if (rc != 0) {
		free(f.list);
		return rc;
	}
	*out = f.list;
	*n = (uint32_t)f.n;
	return 0;
}

void trace_settle(const char *state_dir, uint32_t n_workers)
{
	DIR *d = opendir(state_dir);
	char path[TRACE_PATH_BYTES];
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		if ((worker_of(e->d_name) >= (int)n_workers ||
		     strcmp(e->d_name, "open.old") == 0) &&
		    snprintf(path, sizeof(path), "%s/%s", state_dir, e->d_name) < (int)sizeof(path))
			unlink(path);
	if (d != NULL)
		closedir(d);
}
