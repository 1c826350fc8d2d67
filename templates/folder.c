/* folder.c - the files of a template folder, read into memory. */
#include "templates/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "templates/src.h"

enum { ENTRIES_MAX = 4096 };

static int read_all(int fd, const char *shown, uint8_t *to, size_t room, size_t *bytes,
                    struct tpl_err *err)
{
	size_t n = 0;

	while (n < room) {
		ssize_t r = read(fd, to + n, room - n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_set(err, shown, 0, 0, -errno, "cannot be read: %s",
			               strerror(errno));
		n += (size_t)r;
		if (r == 0)
			break;
	}
	*bytes = n;
	return 0;
}

int folder_read(int dir, const char *file, const char *shown, size_t most, struct span *out,
                struct tpl_err *err)
{
	int fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r = 0;
	uint8_t *bytes = NULL;
	struct stat st;
	size_t n = 0;

	if (fd < 0)
		return err_set(err, shown, 0, 0, -errno, "cannot be opened: %s", strerror(errno));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		r = err_set(err, shown, 0, 0, -EINVAL, "not an ordinary file");
	else if ((uint64_t)st.st_size > most)
		r = err_set(err, shown, 0, 0, -EINVAL, "over %zu KiB", most >> 10);
	else if ((bytes = malloc((size_t)st.st_size + 1)) == NULL)
		r = err_set(err, shown, 0, 0, -ENOMEM, "out of memory");
	else
		r = read_all(fd, shown, bytes, (size_t)st.st_size + 1, &n, err);
	if (r == 0 && n > (size_t)st.st_size)
		r = err_set(err, shown, 0, 0, -EAGAIN, "it grew while it was read");
	close(fd);
	if (r != 0) {
		free(bytes);
		return r;
	}
	*out = span_of(bytes, n);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in order: a message may not hang on how a file system lists them. */
static int list(int fd, const char *path, char *names[ENTRIES_MAX], uint32_t *n,
                struct tpl_err *err)
{
	DIR *files = fdopendir(fd);
	struct dirent *file;
	int r = 0;

	if (files == NULL) {
		close(fd);
		return err_set(err, path, 0, 0, -ENOMEM, "the folder cannot be read");
	}
	while (r == 0 && (file = readdir(files)) != NULL) {
		if (file->d_name[0] == '.')
			continue;
		if (*n == ENTRIES_MAX)
			r = err_set(err, path, 0, 0, -EINVAL, "more than %d files", ENTRIES_MAX);
		else if ((names[*n] = strdup(file->d_name)) == NULL)
			r = err_set(err, path, 0, 0, -ENOMEM, "out of memory");
		else
			(*n)++;
	}
	closedir(files);
	if (*n > 1)
		qsort(names, *n, sizeof(names[0]), by_name);
	return r;
}

static int read_one(int dir, const char *path, const char *file, size_t name_bytes, size_t most,
                    struct tpl_text_source *to, struct tpl_err *err)
{
	char shown[sizeof(err->file)];
	int r;

	snprintf(shown, sizeof(shown), "%s%s%s", strcmp(path, ".") == 0 ? "" : path,
	         strcmp(path, ".") == 0 ? "" : "/", file);
	r = folder_read(dir, file, shown, most, &to->text, err);
	if (r != 0)
		return r;
	to->name = span_of(strndup(file, name_bytes), name_bytes);
	if (to->name.at != NULL)
		return 0;
	free((void *)to->text.at);
	return err_set(err, shown, 0, 0, -ENOMEM, "out of memory");
}

int folder_read_all(int dir, const char *path, folder_wants_fn *wants, size_t most,
                    struct tpl_text_source *to, uint32_t n_max, uint32_t *n, struct tpl_err *err)
{
	int at = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd, r;
	char **names;
	uint32_t n_names = 0;

	*n = 0;
	if (at < 0)
		return errno == ENOENT ? 0
		                       : err_set(err, path, 0, 0, -errno, "cannot be opened: %s",
		                                 strerror(errno));
	names = calloc(ENTRIES_MAX, sizeof(*names));
	fd = names == NULL ? -1 : dup(at);
	r = fd < 0 ? err_set(err, path, 0, 0, -ENOMEM, "out of memory")
	           : list(fd, path, names, &n_names, err);
	for (uint32_t i = 0; r == 0 && i < n_names; i++) {
		size_t bytes = strlen(names[i]);

		if (wants != NULL && !wants(names[i], &bytes))
			continue;
		if (*n == n_max)
			r = err_set(err, path, 0, 0, -EINVAL, "more than %u files", n_max);
		else if ((r = read_one(at, path, names[i], bytes, most, &to[*n], err)) == 0)
			(*n)++;
	}
	for (uint32_t i = 0; i < n_names; i++)
		free(names[i]);
	free(names);
	close(at);
	return r;
}

void folder_free(struct tpl_text_source *files, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		free((void *)files[i].name.at);
		free((void *)files[i].text.at);
	}
}
