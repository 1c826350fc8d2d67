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
#include "dataplane/sink_carrier.h"

enum {
	EVENTS = 256,
	ACCEPTS_ONCE = 64,
	TIMERS_ONCE = 1024,
	READ_BYTES = 65536,
	STAGE_BYTES = 65536,
	OUT_BYTES_MAX = 1 << 18, /* replies that the kernel did not take, of one connection */
	LINGER_US = 5000000,     /* for the client's FIN behind ours */
	SLOW_TICK_US = 50000,
	BACKLOG = 4096,
};

struct loop;

struct conn {
	struct sink_conn sink;
	struct loop *loop;
	int fd;          /* -1: the slot is free */
	uint32_t events; /* what epoll was asked for */
	uint8_t *out;    /* what the kernel did not take yet */
	uint32_t n_out, room_out;
	uint32_t slow;           /* octets a second; UINT32_MAX: all */
	uint64_t closing_us;     /* our FIN is out: until then the client may answer it; 0: open */
	struct conn *next;       /* of those that are free, */
	struct conn *next_ended; /* of those whose session has ended, */
	struct conn *listed_prev, *listed_next; /* and of those that are slow or closing */
	bool is_listed, in_ended;
};

struct loop {
	struct dp_sink *d;
	int epoll;
	int listens[DP_SINK_LISTENS_MAX];
	uint32_t n_listens;
	struct conn *conns, *free, *listed, *ended;
	uint64_t now_us;
	struct conn *staged; /* whose octets stand in `stage` */
	uint32_t n_stage;
	uint8_t stage[STAGE_BYTES], in[READ_BYTES];
};

static uint64_t clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* ---- writing ---- */

static void want(struct conn *c, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = c };

	if (c->events == events)
		return;
	c->events = events;
	(void)epoll_ctl(c->loop->epoll, EPOLL_CTL_MOD, c->fd, &ev);
}

static void want_all(struct conn *c)
{
	want(c, (c->slow == UINT32_MAX ? EPOLLIN | EPOLLRDHUP : 0) |
	            (c->n_out != 0 ? (uint32_t)EPOLLOUT : 0));
}

/* Keeps for later what the kernel did not take; on_room() has seen to the bound. */
static void keep_out(struct conn *c, const uint8_t *at, uint32_t bytes)
{
	if (c->room_out - c->n_out < bytes) {
		uint32_t room = c->n_out + bytes;
		uint8_t *more = realloc(c->out, room);

		if (more == NULL) { /* an octet that is missing must end it */
			sink_conn_fail(&c->sink);
			return;
		}
		c->out = more;
		c->room_out = room;
	}
	memcpy(c->out + c->n_out, at, bytes);
	c->n_out += bytes;
}

static uint32_t try_send(struct conn *c, const uint8_t *at, uint32_t bytes)
{
	ssize_t n = send(c->fd, at, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		sink_conn_fail(&c->sink);
	return n > 0 ? (uint32_t)n : 0;
}

static void send_stage(struct loop *l)
{
	struct conn *c = l->staged;
	uint32_t n = l->n_stage, sent = 0;

	l->staged = NULL;
	l->n_stage = 0;
	if (c == NULL || n == 0)
		return;
	if (c->n_out == 0)
		sent = try_send(c, l->stage, n);
	if (sent < n)
		keep_out(c, l->stage + sent, n - sent);
	want_all(c);
}

static void send_out(struct conn *c)
{
	uint32_t sent = try_send(c, c->out, c->n_out);

	c->n_out -= sent;
	memmove(c->out, c->out + sent, c->n_out);
	if (c->n_out == 0) {
		free(c->out);
		c->out = NULL;
		c->room_out = 0;
	}
	want_all(c);
}

static size_t on_room(void *carrier)
{
	struct conn *c = carrier;
	struct loop *l = c->loop;

	if (l->staged != c)
		send_stage(l);
	return c->n_out + l->n_stage < OUT_BYTES_MAX ? OUT_BYTES_MAX - c->n_out - l->n_stage : 0;
}

static void on_write(void *carrier, struct span bytes)
{
	struct conn *c = carrier;
	struct loop *l = c->loop;

	if (l->staged != c)
		send_stage(l);
	while (bytes.bytes > 0) {
		size_t n = STAGE_BYTES - l->n_stage;

		l->staged = c;
		n = n < bytes.bytes ? n : bytes.bytes;
		memcpy(l->stage + l->n_stage, bytes.at, n);
		l->n_stage += (uint32_t)n;
		bytes = span_of(bytes.at + n, bytes.bytes - n);
		if (l->n_stage == STAGE_BYTES)
			send_stage(l);
	}
}

static void on_flush(void *carrier)
{
	struct conn *c = carrier;

	if (c->loop->staged == c)
		send_stage(c->loop);
}

/* ---- those that need time ---- */

static void list_add(struct conn *c)
{
	struct loop *l = c->loop;

	if (c->is_listed)
		return;
	c->is_listed = true;
	c->listed_prev = NULL;
	c->listed_next = l->listed;
	if (l->listed != NULL)
		l->listed->listed_prev = c;
	l->listed = c;
}

static void list_del(struct conn *c)
{
	if (!c->is_listed)
		return;
	if (c->listed_prev != NULL)
		c->listed_prev->listed_next = c->listed_next;
	else
		c->loop->listed = c->listed_next;
	if (c->listed_next != NULL)
		c->listed_next->listed_prev = c->listed_prev;
	c->is_listed = false;
}

static void on_slow(void *carrier, uint32_t bytes_per_s)
{
	struct conn *c = carrier;
	int small = 4096; /* else the kernel reads for us */

	c->slow = bytes_per_s;
	(void)setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	list_add(c);
	want_all(c);
}

static void on_ended(void *carrier)
{
	struct conn *c = carrier;

	c->next_ended = c->loop->ended;
	c->loop->ended = c;
	c->in_ended = true;
}

static const struct sink_wire wire = {
	.room = on_room,
	.write = on_write,
	.flush = on_flush,
	.slow = on_slow,
	.ended = on_ended,
};

/* ---- a connection ---- */

/* Few are in that list at a time: those of one event. */
static void forget_ended(struct conn *c)
{
	struct conn **at = &c->loop->ended;

	while (c->in_ended && *at != c)
		at = &(*at)->next_ended;
	if (c->in_ended)
		*at = c->next_ended;
	c->in_ended = false;
}

static void drop(struct conn *c, bool reset)
{
	struct loop *l = c->loop;
	struct linger rst = { .l_onoff = 1 };

	if (l->staged == c) {
		l->staged = NULL;
		l->n_stage = 0;
	}
	list_del(c);
	forget_ended(c);
	sink_conn_close(&c->sink, l->now_us);
	if (reset)
		(void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &rst, sizeof(rst));
	close(c->fd);
	free(c->out);
	c->out = NULL;
	c->fd = -1;
	c->next = l->free;
	l->free = c;
}

/* Does what the session wishes. */
static void end(struct conn *c)
{
	if (c->loop->staged == c)
		send_stage(c->loop);
	if (c->sink.state == SINK_CONN_RESET) {
		drop(c, true);
		return;
	}
	/* The client's FIN is awaited, so that no RST overtakes our last words. */
	c->closing_us = c->loop->now_us + LINGER_US;
	c->slow = UINT32_MAX;
	list_add(c);
	if (c->n_out == 0)
		(void)shutdown(c->fd, SHUT_WR);
	want_all(c);
}

/* Behind every call that may have ended sessions. */
static void end_those(struct loop *l)
{
	while (l->ended != NULL) {
		struct conn *c = l->ended;

		l->ended = c->next_ended;
		c->in_ended = false;
		end(c);
	}
}

/* At most `most` octets. */
static void take(struct conn *c, uint32_t most)
{
	struct loop *l = c->loop;
	ssize_t n = recv(c->fd, l->in, most < READ_BYTES ? most : READ_BYTES, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (n < 0 || (n == 0 && c->closing_us != 0))
		drop(c, false);
	else if (c->closing_us != 0)
		return; /* nobody listens any more */
	else if (n > 0)
		sink_conn_received(&c->sink, l->now_us, span_of(l->in, (size_t)n));
	else
		sink_conn_peer_closed(&c->sink, l->now_us);
}

static void on_ready(struct conn *c, uint32_t events)
{
	if ((events & EPOLLOUT) != 0) {
		send_out(c);
		if (c->n_out == 0 && c->closing_us != 0)
			(void)shutdown(c->fd, SHUT_WR);
	}
	if (c->slow != UINT32_MAX && (events & (EPOLLERR | EPOLLHUP)) != 0)
		drop(c, false);
	else if ((events & ~(uint32_t)EPOLLOUT) != 0)
		take(c, READ_BYTES);
}

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
		drop(c, true);
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

/* Slow ones read their share; who does not answer our FIN is left. */
static void look_at_listed(struct loop *l)
{
	struct conn *c, *next;

	for (c = l->listed; c != NULL; c = next) {
		next = c->listed_next;
		if (c->closing_us != 0 && c->closing_us <= l->now_us)
			drop(c, false);
		else if (c->closing_us == 0 && c->slow != UINT32_MAX && c->slow != 0)
			take(c, c->slow / (1000000 / SLOW_TICK_US) + 1);
	}
}

/* ---- the loop ---- */

static int patience_ms(struct loop *l, uint64_t due_us)
{
	uint64_t most = l->listed != NULL ? SLOW_TICK_US : 60000000, us;

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
		on_ready(ev->data.ptr, ev->events);
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
			end_those(l);
		}
		due = sink_tick(d->host.sink, l->now_us, TIMERS_ONCE);
		look_at_listed(l);
		end_those(l);
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
			drop(&l->conns[i], true);
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
	.wire = &wire,
	.open = open_loop,
	.port = port_of,
	.run = run,
	.close = shut,
};
