/* secrets.c - the files that hold secrets, and when they changed. */
#include "control/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/log.h"
#include "control/xalloc.h"
#include "dataplane/base/locked.h"

/* What tells one state of a file from another. */
struct mark {
	struct timespec changed, written;
	ino_t inode;
	off_t bytes;
};

/* A credential by its name, for as long as the process lives. */
struct secret {
	char *name; /* NULL: this number is free */
	char *user, *path;
	uint8_t mechanism;
	bool is_token, is_used; /* is_used: by the configuration in force */
	struct mark seen;       /* of the file when it was last looked at */
};

struct secrets {
	struct dp *dp;
	struct secret all[DP_CREDENTIALS_MAX]; /* by number - 1 */
};

struct secrets *secrets_open(struct dp *dp)
{
	struct secrets *s = xcalloc(1, sizeof(*s));

	s->dp = dp;
	return s;
}

void secrets_close(struct secrets *s)
{
	for (uint32_t i = 0; i < DP_CREDENTIALS_MAX; i++) {
		free(s->all[i].name);
		free(s->all[i].user);
		free(s->all[i].path);
	}
	free(s);
}

static struct mark mark_of(const struct stat *st)
{
	return (struct mark){ st->st_ctim, st->st_mtim, st->st_ino, st->st_size };
}

static int fail(char *why, const struct secret *c, const char *what)
{
	snprintf(why, CONF_WHY_BYTES, "credential \"%s\": %.300s: %s", c->name, c->path, what);
	return -EINVAL;
}

/* The first line, without its end. */
static int take_line(const struct secret *c, const char *text, size_t bytes, struct span *line,
                     char *why)
{
	const char *end = memchr(text, '\n', bytes);
	size_t n = end != NULL ? (size_t)(end - text) : bytes;

	if (n > 0 && text[n - 1] == '\r')
		n--;
	if (n == 0)
		return fail(why, c, "its first line is empty; write the secret there");
	if (n > DP_SECRET_MAX)
		return fail(why, c, "its first line is longer than 6,144 bytes");
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return fail(why, c, "control character in its first line; remove it");
	*line = span_of(text, n);
	return 0;
}

/* Reads the file into `text`, of DP_SECRET_MAX + 2 bytes in memory that dumps leave out. */
static int read_file(struct secret *c, char *text, size_t *bytes, char *why)
{
	int fd = open(c->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err = 0;
	struct stat st;
	ssize_t n = -1;

	if (fd < 0 || fstat(fd, &st) != 0)
		err = fail(why, c, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		err = fail(why, c, "is not a file");
	else if ((st.st_mode & (S_IRWXO | S_IWGRP)) != 0)
		err = fail(why, c, "others can read or change it; chmod 600");
	if (err == 0) {
		c->seen = mark_of(&st);
		n = read(fd, text, DP_SECRET_MAX + 2);
		if (n < 0)
			err = fail(why, c, strerror(errno));
	}
	if (fd >= 0)
		close(fd);
	*bytes = n > 0 ? (size_t)n : 0;
	return err;
}

/* From the file to the workers. */
static int load(struct secrets *s, struct secret *c, char *why)
{
	enum { BYTES = DP_SECRET_MAX + 2 };
	char *text = locked_new(BYTES, NULL);
	struct dp_credential told = { .id = (uint32_t)(c - s->all) + 1,
		                      .mechanism = c->mechanism,
		                      .is_token = c->is_token,
		                      .user = span_str(c->user) };
	size_t bytes;
	int err;

	if (text == NULL)
		return fail(why, c, "no memory that core dumps leave out");
	err = read_file(c, text, &bytes, why);
	if (err == 0)
		err = take_line(c, text, bytes, &told.secret, why);
	if (err == 0 && (err = dp_set_credential(s->dp, &told)) != 0)
		fail(why, c, "the workers are busy; again in a moment");
	locked_free(text, BYTES);
	return err;
}

static struct secret *slot_of(struct secrets *s, const char *name)
{
	for (uint32_t i = 0; i < DP_CREDENTIALS_MAX; i++) {
		struct secret *c = &s->all[i];

		if (c->name == NULL)
			c->name = xstrdup(name);
		if (strcmp(c->name, name) == 0)
			return c;
	}
	return NULL;
}

static int set_one(struct secrets *s, struct conf_credential *from, char *why)
{
	struct secret *c = slot_of(s, from->name);
	struct secret before;
	int err;

	if (c == NULL) {
		snprintf(why, CONF_WHY_BYTES,
		         "credential \"%s\": there were %d others since the start; restart",
		         from->name, DP_CREDENTIALS_MAX);
		return -ENOSPC;
	}
	before = *c;
	c->user = xstrdup(from->user);
	c->is_token = from->token_path != NULL;
	c->path = xstrdup(c->is_token ? from->token_path : from->password_path);
	c->mechanism = (uint8_t)from->mechanism;
	err = load(s, c, why);
	if (err != 0) { /* as it was */
		free(c->user);
		free(c->path);
		*c = before;
		return err;
	}
	free(before.user);
	free(before.path);
	from->id = (uint32_t)(c - s->all) + 1;
	return 0;
}

int secrets_set_conf(struct secrets *s, struct conf *conf, char why[CONF_WHY_BYTES])
{
	for (uint32_t i = 0; i < conf->n_credentials; i++) {
		int err = set_one(s, &conf->credentials[i], why);

		if (err != 0)
			return err;
	}
	for (uint32_t i = 0; i < DP_CREDENTIALS_MAX; i++)
		s->all[i].is_used = false;
	for (uint32_t i = 0; i < conf->n_credentials; i++)
		s->all[conf->credentials[i].id - 1].is_used = true;
	for (uint32_t i = 0; i < conf->n_sites; i++) {
		struct conf_limits *l = &conf->sites[i].limits;

		if (l->credential_no != 0)
			l->credential_id = conf->credentials[l->credential_no - 1].id;
	}
	return 0;
}

void secrets_look(struct secrets *s)
{
	char why[CONF_WHY_BYTES];
	struct stat st;

	for (uint32_t i = 0; i < DP_CREDENTIALS_MAX; i++) {
		struct secret *c = &s->all[i];
		struct mark now, before = c->seen;
		int err;

		if (!c->is_used || stat(c->path, &st) != 0)
			continue; /* gone: maybe its writer is about to put the next one there */
		now = mark_of(&st);
		if (memcmp(&now, &before, sizeof(now)) == 0)
			continue;
		err = load(s, c, why);
		if (err == 0)
			log_info("credential \"%s\": its file was read again", c->name);
		else if (err == -EAGAIN)
			c->seen = before;
		else {
			c->seen = now; /* said once */
			log_error("%s; what was there before stays in use", why);
		}
	}
}
