/* sink_kernel.c - the sink over kernel sockets: one thread, one epoll set. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/counters.h"
#include "dataplane/sink_kernel_int.h"

enum {
	EVENTS = 256,
	ACCEPTS_ONCE = 64,
	TIMERS_ONCE = 1024,
	BACKLOG = 4096,
};

static uint64_t clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* ---- accepting ---- */

static struct ip_addr addr_of(const struct sockaddr_storage *ss)
{
	struct ip_addr a;

	if (ss->ss_family == AF_INET)
		return ip_from_v4((const uint8_t *)&((const struct sockaddr_in *)ss)->sin_addr);
	memcpy(a.b, &((const struct sockaddr_in6 *)ss)->sin6_addr, sizeof(a.b));
	return a;
}

/* The address that the client asked for; only a script wants to know it. */
static struct ip_addr local_of(const struct loop *l, int fd)
{
	struct sockaddr_storage ss = { .ss_family = AF_INET };
	socklen_t n = sizeof(ss);

	if (l->d->conf->sink.script != NULL)
		(void)getsockname(fd, (struct sockaddr *)&ss, &n);
	return addr_of(&ss);
}

static void adopt(struct loop *l, int fd, const struct sockaddr_storage *from)
{
	struct conn *c = l->free;
	struct epoll_event ev = { .events = EPOLLIN | EPOLLRDHUP, .data.ptr = c };
	struct ip_addr peer = addr_of(from), local = local_of(l, fd);
	int one = 1;

	if (c == NULL || epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) != 0) {
		count(&sink_counts_mine(l->d->host.sink)->connections_full);
		close(fd);
		return;
	}
	l->free = c->next;
	*c = (struct conn){ .loop = l, .fd = fd, .events = ev.events, .slow = UINT32_MAX };
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (!sink_conn_open(&c->sink, &l->d->host, c, &peer, &local, l->now_us))
		sink_kernel_drop(c, true);
}

static void accept_some(struct loop *l, int fd)
{
	for (int i = 0; i < ACCEPTS_ONCE; i++) {
		struct sockaddr_storage from;
		socklen_t n = sizeof(from);
		int got = accept4(fd, (struct sockaddr *)&from, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (got < 0)
			return;
		adopt(l, got, &from);
	}
}

/* ---- the loop ---- */

static int patience_ms(struct loop *l, uint64_t due_us)
{
	uint64_t most = l->listed != NULL ? SINK_KERNEL_SLOW_TICK_US : 60000000, us;

	us = due_us > l->now_us ? due_us - l->now_us : 0;
	us = us < most ? us : most;
	return (int)((us + 999) / 1000);
}

static void serve(struct loop *l, const struct epoll_event *ev, bool *stops)
{
	size_t at = (size_t)((uintptr_t)ev->data.ptr - (uintptr_t)l->listens);

	if (at < l->n_listens * sizeof(l->listens[0]))
		accept_some(l, l->listens[at / sizeof(l->listens[0])]);
	else if (ev->data.ptr == l)
		*stops = true;
	else if (((struct conn *)ev->data.ptr)->fd >= 0)
		sink_kernel_ready(ev->data.ptr, ev->events);
}

static int run(struct dp_sink *d)
{
	struct loop *l = d->own;
	struct epoll_event events[EVENTS];
	bool stops = false;
	uint64_t due;
	int n = 0;

	while (!stops) {
		l->now_us = clock_us();
		for (int i = 0; i < n; i++) {
			serve(l, &events[i], &stops);
			sink_kernel_end_those(l);
		}
		due = sink_tick(d->host.sink, l->now_us, TIMERS_ONCE);
		sink_kernel_look_at_listed(l);
		sink_kernel_end_those(l);
		n = stops ? 0 : epoll_wait(l->epoll, events, EVENTS, patience_ms(l, due));
		if (n < 0 && errno != EINTR)
			return -errno;
	}
	return 0;
}

/* ---- opening ---- */

static int listen_on(struct loop *l, uint32_t i, char why[DP_WHY_BYTES])
{
	const struct dp_sink_conf *conf = l->d->conf;
	const struct ip_addr *a = &conf->listens[i].addr;
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(conf->listens[i].port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = v4.sin_port };
	bool is_v4 = ip_is_v4(a);
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &l->listens[i] };
	char text[IP_TEXT_MAX];
	int one = 1, fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(&v4.sin_addr, a->b + 12, 4);
	memcpy(&v6.sin6_addr, a->b, 16);
	l->listens[i] = fd;
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
	    (is_v4 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) == 0) &&
	    bind(fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
	         is_v4 ? sizeof(v4) : sizeof(v6)) == 0 &&
	    listen(fd, BACKLOG) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0 &&
	    epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) == 0)
		return 0;
	one = errno;
	snprintf(why, DP_WHY_BYTES, "%s port %u: %s", ip_format(a, text), conf->listens[i].port,
	         strerror(one));
	return -one;
}

/* As many files as we may have. */
static void raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return;
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
}

static void shut(struct dp_sink *d)
{
	struct loop *l = d->own;

	for (uint32_t i = 0; l->conns != NULL && i < d->conf->sink.conns_max; i++)
		if (l->conns[i].fd >= 0)
			sink_kernel_drop(&l->conns[i], true);
	for (uint32_t i = 0; i < l->n_listens; i++)
		if (l->listens[i] >= 0)
			close(l->listens[i]);
	if (l->epoll >= 0)
		close(l->epoll);
	free(l->conns);
	free(l);
	d->own = NULL;
}

static int open_loop(struct dp_sink *d, char why[DP_WHY_BYTES])
{
	struct loop *l = calloc(1, sizeof(*l));
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = l };
	uint32_t n = d->conf->sink.conns_max;
	int rc = 0;

	snprintf(why, DP_WHY_BYTES, "no memory for %u connections", n);
	if (l == NULL)
		return -ENOMEM;
	raise_files();
	l->d = d;
	d->own = l;
	l->now_us = clock_us();
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->conns = calloc(n, sizeof(*l->conns));
	for (uint32_t i = 0; i < n && l->conns != NULL; i++) {
		l->conns[i].fd = -1;
		l->conns[i].next = i + 1 < n ? &l->conns[i + 1] : NULL;
	}
	if (l->conns == NULL || l->epoll < 0 ||
	    epoll_ctl(l->epoll, EPOLL_CTL_ADD, d->stop_fd, &ev) != 0)
		rc = -ENOMEM;
	l->free = l->conns;
	for (; l->n_listens < d->conf->n_listens && rc == 0; l->n_listens++)
		rc = listen_on(l, l->n_listens, why);
	if (rc != 0)
		shut(d);
	return rc;
}

static uint16_t port_of(const struct dp_sink *d, uint32_t listen)
{
	const struct loop *l = d->own;
	struct sockaddr_storage ss;
	socklen_t n = sizeof(ss);

	if (getsockname(l->listens[listen], (struct sockaddr *)&ss, &n) != 0)
		return 0;
	return ntohs(ss.ss_family == AF_INET ? ((struct sockaddr_in *)&ss)->sin_port
	                                     : ((struct sockaddr_in6 *)&ss)->sin6_port);
}

const struct sink_carrier sink_kernel = {
	.wire = &sink_kernel_wire,
	.open = open_loop,
	.port = port_of,
	.run = run,
	.close = shut,
};
