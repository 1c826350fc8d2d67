/* serve.h - for tests: a server on a loop of the test's own, and calls to it from threads. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "control/ctl/ctl.h"
#include "control/ctl/ctl_server.h"
#include "tests/control/ctl/fake_engine.h"

struct served {
	uv_loop_t loop;
	uv_async_t wake;
	struct ctl *ctl;
	char dir[40], path[60];
};

struct call {
	struct served *served;
	const char *line;
	pthread_t thread;
	_Atomic bool done;
	int result;
	char error[512];
	char *text;
	size_t bytes;
};

static inline void on_wake(uv_async_t *wake)
{
	(void)wake;
}

static inline void serve_start(struct served *s)
{
	char why[256];

	fake_reset();
	uv_loop_init(&s->loop);
	uv_async_init(&s->loop, &s->wake, on_wake);
	strcpy(s->dir, "/tmp/posthaste-test-ctl-XXXXXX");
	if (mkdtemp(s->dir) == NULL)
		abort();
	snprintf(s->path, sizeof(s->path), "%s/sock", s->dir);
	if (ctl_open(&s->loop, s->path, fake_engine(), &s->ctl, why) != 0) {
		printf("\n    %s", why);
		abort();
	}
}

/* Ends the server; nothing may be left on the loop, nor in the folder. Returns whether so. */
static inline bool serve_stop(struct served *s)
{
	bool is_clean;

	ctl_close(s->ctl);
	uv_close((uv_handle_t *)&s->wake, NULL);
	uv_run(&s->loop, UV_RUN_DEFAULT);
	is_clean = uv_loop_close(&s->loop) == 0;
	return rmdir(s->dir) == 0 && is_clean;
}

static inline void *call_run(void *arg)
{
	struct call *c = arg;
	FILE *out = open_memstream(&c->text, &c->bytes);

	c->result = ctl_call(c->served->path, c->line, out, c->error);
	fclose(out);
	atomic_store(&c->done, true);
	uv_async_send(&c->served->wake);
	return NULL;
}

static inline void call_start(struct call *c, struct served *s, const char *line)
{
	*c = (struct call){ .served = s, .line = line };
	if (pthread_create(&c->thread, NULL, call_run, c) != 0)
		abort();
}

static inline void call_wait(struct call *c)
{
	while (!atomic_load(&c->done))
		uv_run(&c->served->loop, UV_RUN_ONCE);
	pthread_join(c->thread, NULL);
}

static inline void call_free(struct call *c)
{
	free(c->text);
	c->text = NULL;
}

/* A client by hand. */
static inline int raw_connect(const struct served *s)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, s->path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0)
		abort();
	return fd;
}

/* Everything the server says until it closes, the loop running meanwhile. */
static inline void raw_read(struct served *s, int fd, char *out, size_t room)
{
	size_t used = 0;
	ssize_t n;

	while ((n = recv(fd, out + used, room - 1 - used, MSG_DONTWAIT)) != 0 && used < room - 1) {
		if (n > 0)
			used += (size_t)n;
		else
			uv_run(&s->loop, UV_RUN_ONCE);
	}
	out[used] = '\0';
	close(fd);
}
