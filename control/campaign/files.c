/* files.c - files and folders that must be whole and durable, or not there. */
#include "control/campaign/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/xalloc.h"

enum { PATH_BYTES = 4096, COPY_BYTES = 1 << 16 };

int write_all(int fd, const void *data, size_t bytes)
{
	const char *at = data;

	while (bytes > 0) {
		ssize_t n = write(fd, at, bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		bytes -= (size_t)n;
	}
	return 0;
}

int file_make(const char *path, const void *data, size_t bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int result;

	if (fd < 0)
		return -errno;
	result = write_all(fd, data, bytes);
	if (result == 0 && fsync(fd) != 0)
		result = -errno;
	if (close(fd) != 0 && result == 0)
		result = -errno;
	return result;
}

/* Copies through a name beside `to`, so that `to` is never half of it. */
static int copy_over(const char *from, const char *to)
{
	char part[PATH_BYTES], *buf = xcalloc(COPY_BYTES, 1);
	int in = open(from, O_RDONLY | O_CLOEXEC), out = -1, result = in < 0 ? -errno : 0;
	ssize_t n;

	if ((size_t)snprintf(part, sizeof(part), "%s.part", to) >= sizeof(part))
		result = -ENAMETOOLONG;
	if (result == 0 && (out = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) < 0)
		result = -errno;
	while (result == 0 && (n = read(in, buf, COPY_BYTES)) != 0)
		result = n < 0 ? -errno : write_all(out, buf, (size_t)n);
	if (out >= 0 && close(out) != 0 && result == 0)
		result = -errno;
	if (result == 0 && rename(part, to) != 0)
		result = -errno;
	if (result != 0 && out >= 0)
		unlink(part);
	if (in >= 0)
		close(in);
	free(buf);
	return result;
}

int file_move(const char *from, const char *to)
{
	int result = 0;

	if (rename(from, to) == 0)
		return 0;
	if (errno != EXDEV)
		return -errno;
	if ((result = copy_over(from, to)) == 0)
		unlink(from);
	return result;
}

int file_read(const char *path, size_t bytes_max, char **out, size_t *bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), result = 0;
	char *data = NULL;
	size_t have = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0) {
		result = -errno;
	} else if (!S_ISREG(st.st_mode)) {
		result = -EINVAL;
	} else if ((uint64_t)st.st_size > bytes_max) {
		result = -EFBIG;
	} else {
		data = xcalloc((size_t)st.st_size + 1, 1);
		while (have < (size_t)st.st_size) {
			ssize_t n = read(fd, data + have, (size_t)st.st_size - have);

			if (n < 0 && errno == EINTR)
				continue;
			if (n < 0)
				result = -errno;
			if (n <= 0)
				break;
			have += (size_t)n;
		}
	}
	close(fd);
	if (result != 0) {
		free(data);
		return result;
	}
	*out = data;
	*bytes = have;
	return 0;
}

int dir_sync(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = 0;

	if (fd < 0)
		return -errno;
	if (fsync(fd) != 0)
		result = -errno;
	close(fd);
	return result;
}

static int del_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path) == 0 || errno == ENOENT ? 0 : -errno;
}

int dir_del(const char *path)
{
	int result = nftw(path, del_one, 16, FTW_DEPTH | FTW_PHYS);

	return result == -1 ? (errno == ENOENT ? 0 : -errno) : result;
}

struct copy {
	struct dir_copy_limits left;
	char *why;
	size_t why_bytes;
};

static int refuse(struct copy *c, int result, const char *path, const char *what)
{
	snprintf(c->why, c->why_bytes, "%s: %s", path, what);
	return result;
}

static int copy_file(struct copy *c, const char *from, const char *to)
{
	char *data = NULL;
	size_t bytes = 0;
	int result;

	if (c->left.files_max == 0)
		return refuse(c, -E2BIG, from, "too many files in the template folder");
	c->left.files_max--;
	result = file_read(from, c->left.bytes_max, &data, &bytes);
	if (result == -EFBIG)
		return refuse(c, result, from, "the template folder is too large with this file");
	if (result == 0) {
		c->left.bytes_max -= bytes;
		result = file_make(to, data, bytes);
		free(data);
	}
	return result == 0 ? 0 : refuse(c, result, from, strerror(-result));
}

static int copy_dir(struct copy *c, const char *from, const char *to);

static int copy_entry(struct copy *c, const char *from_dir, const char *to_dir, const char *name)
{
	char from[PATH_BYTES], to[PATH_BYTES];
	struct stat st;

	if ((size_t)snprintf(from, sizeof(from), "%s/%s", from_dir, name) >= sizeof(from) ||
	    (size_t)snprintf(to, sizeof(to), "%s/%s", to_dir, name) >= sizeof(to))
		return refuse(c, -ENAMETOOLONG, from_dir, "path too long");
	if (lstat(from, &st) != 0)
		return refuse(c, -errno, from, strerror(errno));
	if (S_ISREG(st.st_mode))
		return copy_file(c, from, to);
	if (!S_ISDIR(st.st_mode))
		return refuse(c, -EINVAL, from, "only files and folders may be in a template");
	if (c->left.depth == 0)
		return refuse(c, -ELOOP, from, "folders too deep");
	c->left.depth--;
	int result = copy_dir(c, from, to);

	c->left.depth++;
	return result;
}

static int copy_dir(struct copy *c, const char *from, const char *to)
{
	DIR *d = opendir(from);
	struct dirent *e;
	int result = 0;

	if (d == NULL)
		return refuse(c, -errno, from, strerror(errno));
	if (mkdir(to, 0700) != 0)
		result = refuse(c, -errno, to, strerror(errno));
	while (result == 0 && (errno = 0, e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			result = copy_entry(c, from, to, e->d_name);
	if (result == 0 && errno != 0)
		result = refuse(c, -errno, from, strerror(errno));
	closedir(d);
	if (result == 0 && (result = dir_sync(to)) != 0)
		refuse(c, result, to, strerror(-result));
	return result;
}

/* One file becomes a folder with this file in it. */
static int copy_alone(struct copy *c, const char *from, const char *to)
{
	const char *slash = strrchr(from, '/');
	char path[PATH_BYTES];
	int result;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", to, slash != NULL ? slash + 1 : from) >=
	    sizeof(path))
		return refuse(c, -ENAMETOOLONG, to, "path too long");
	if (mkdir(to, 0700) != 0)
		return refuse(c, -errno, to, strerror(errno));
	result = copy_file(c, from, path);
	if (result == 0 && (result = dir_sync(to)) != 0)
		refuse(c, result, to, strerror(-result));
	return result;
}

int dir_copy(const char *from, const char *to, const struct dir_copy_limits *limits, char *why,
             size_t why_bytes)
{
	struct copy c = { .left = *limits, .why = why, .why_bytes = why_bytes };
	struct stat st;

	if (stat(from, &st) == 0 && S_ISREG(st.st_mode))
		return copy_alone(&c, from, to);
	return copy_dir(&c, from, to);
}
