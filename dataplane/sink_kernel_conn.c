/* sink_kernel_conn.c - a connection of the sink over a kernel socket: written, read, ended. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/sink_kernel_int.h"

enum {
	OUT_BYTES_MAX = 1 << 18, /* replies that the kernel did not take, of one connection */
	LINGER_US = 5000000,     /* for the client's FIN behind ours */
	SLOW_BUFFER_BYTES = 4096,
};

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
		size_t n = SINK_KERNEL_STAGE_BYTES - l->n_stage;

		l->staged = c;
		n = n < bytes.bytes ? n : bytes.bytes;
		memcpy(l->stage + l->n_stage, bytes.at, n);
		l->n_stage += (uint32_t)n;
		bytes = span_of(bytes.at + n, bytes.bytes - n);
		if (l->n_stage == SINK_KERNEL_STAGE_BYTES)
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

/* What is read at a time. */
static uint32_t share_of(uint32_t bytes_per_s)
{
	return bytes_per_s == 0 ? 0 : bytes_per_s / (1000000 / SINK_KERNEL_SLOW_TICK_US) + 1;
}

static void on_slow(void *carrier, uint32_t bytes_per_s)
{
	struct conn *c = carrier;
	uint32_t share = share_of(bytes_per_s);
	/* Else the kernel reads for us; but two shares have room. */
	int small = share < SLOW_BUFFER_BYTES / 2 ? SLOW_BUFFER_BYTES
	            : share < OUT_BYTES_MAX       ? (int)(2 * share)
	                                          : 2 * OUT_BYTES_MAX;

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

const struct sink_wire sink_kernel_wire = {
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

void sink_kernel_drop(struct conn *c, bool reset)
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
		sink_kernel_drop(c, true);
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

void sink_kernel_end_those(struct loop *l)
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
	ssize_t n =
	    recv(c->fd, l->in, most < SINK_KERNEL_READ_BYTES ? most : SINK_KERNEL_READ_BYTES,
	         MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (n < 0 || (n == 0 && c->closing_us != 0))
		sink_kernel_drop(c, false);
	else if (c->closing_us != 0)
		return; /* nobody listens any more */
	else if (n > 0)
		sink_conn_received(&c->sink, l->now_us, span_of(l->in, (size_t)n));
	else
		sink_conn_peer_closed(&c->sink, l->now_us);
}

void sink_kernel_ready(struct conn *c, uint32_t events)
{
	if ((events & EPOLLOUT) != 0) {
		send_out(c);
		if (c->n_out == 0 && c->closing_us != 0)
			(void)shutdown(c->fd, SHUT_WR);
	}
	if (c->slow != UINT32_MAX && (events & (EPOLLERR | EPOLLHUP)) != 0)
		sink_kernel_drop(c, false);
	else if ((events & ~(uint32_t)EPOLLOUT) != 0)
		take(c, SINK_KERNEL_READ_BYTES);
}

void sink_kernel_look_at_listed(struct loop *l)
{
	struct conn *c, *next;

	for (c = l->listed; c != NULL; c = next) {
		next = c->listed_next;
		if (c->closing_us != 0 && c->closing_us <= l->now_us)
			sink_kernel_drop(c, false);
		else if (c->closing_us == 0 && c->slow != UINT32_MAX && c->slow != 0)
			take(c, share_of(c->slow));
	}
}
