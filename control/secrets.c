/* secrets.c - the files that hold secrets, and when they changed. */
#include "control/secrets.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
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
	int64_t refused_s;      /* a host did not take it, and none has since; 0: none refused it */
	char refused[SECRETS_WHY_BYTES];
};

struct secrets {
	struct dp *dp;
	secrets_changed_fn *changed;
	void *ctx;
	struct secret all[DP_CREDENTIALS_MAX]; /* by number - 1 */
};

struct secrets *secrets_open(struct dp *dp, secrets_changed_fn *changed, void *ctx)
{
	struct secrets *s = xcalloc(1, sizeof(*s));

	s->dp = dp;
	s->changed = changed;
	s->ctx = ctx;
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
	if (err == 0) {
		c->refused_s = 0; /* nobody has said anything of this one */
		s->changed(s->ctx, told.id);
	}
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

/* Takes what a file says now if it changed. True when it was taken. */
static bool look(struct secrets *s, struct secret *c)
{
	struct mark now, before = c->seen;
	char why[CONF_WHY_BYTES];
	struct stat st;
	int err;

	if (!c->is_used || stat(c->path, &st) != 0)
		return false; /* gone: maybe its writer is about to put the next one there */
	now = mark_of(&st);
	if (memcmp(&now, &before, sizeof(now)) == 0)
		return false;
	err = load(s, c, why);
	if (err == 0) {
		log_info("credential \"%s\": its file was read again", c->name);
	} else if (err == -EAGAIN) {
		c->seen = before;
	} else {
		c->seen = now; /* said once */
		log_error("%s; what was there before stays in use", why);
	}
	return err == 0;
}

void secrets_look(struct secrets *s)
{
	for (uint32_t i = 0; i < DP_CREDENTIALS_MAX; i++)
		(void)look(s, &s->all[i]);
}

bool secrets_refused(struct secrets *s, uint32_t credential, const char *why)
{
	struct secret *c = &s->all[credential - 1];

	assert(credential >= 1 && credential <= DP_CREDENTIALS_MAX);
	if (look(s, c))
		return true;
	if (c->refused_s == 0)
		log_error(
		    "credential \"%s\" is refused: %s; put another %s into %s, it is looked at "
		    "every few seconds",
		    c->name, why, c->is_token ? "token" : "password", c->path);
	c->refused_s = c->refused_s != 0 ? c->refused_s : time(NULL);
	snprintf(c->refused, sizeof(c->refused), "%s", why);
	return false;
}

void secrets_taken(struct secrets *s, uint32_t credential)
{
	struct secret *c = &s->all[credential - 1];

	assert(credential >= 1 && credential <= DP_CREDENTIALS_MAX);
	if (c->refused_s != 0)
		log_info("credential \"%s\" is taken again", c->name);
	c->refused_s = 0;
}

bool secrets_next(const struct secrets *s, uint32_t *cursor, struct secrets_view *view)
{
	while (*cursor < DP_CREDENTIALS_MAX) {
		const struct secret *c = &s->all[(*cursor)++];

		if (!c->is_used)
			continue;
		*view = (struct secrets_view){ .name = c->name,
			                       .user = c->user,
			                       .path = c->path,
			                       .is_token = c->is_token,
			                       .refused_s = c->refused_s,
			                       .refused = c->refused };
		return true;
	}
	return false;
}
