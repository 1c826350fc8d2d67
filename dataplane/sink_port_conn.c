/* sink_port_conn.c - a connection of the sink on our own stack: written, read, ended. */
#include <stdlib.h>
#include <string.h>

#include "dataplane/counters.h"
#include "dataplane/sink_port_int.h"

enum {
	OUT_BYTES_MAX = 1 << 16, /* replies of a connection for which there were no buffers */
	STALL_US = 1000,
	SLOW_TICK_US = 50000,
	SLOW_WINDOW_BYTES = 4096,
	IN_BYTES_MAX = SINK_PORT_WINDOW_BYTES + SLOW_WINDOW_BYTES,
};

/* ---- writing ---- */

/* TCP may have room and the worker no buffers: what is not taken waits here. */
static size_t on_room(void *carrier)
{
	struct conn *c = carrier;

	return c->n_out == 0 ? tcp_write_room(c->st->tcp, c->id) : OUT_BYTES_MAX - c->n_out;
}

static void stall(struct conn *c, struct span rest)
{
	if (c->out == NULL)
		c->out = malloc(OUT_BYTES_MAX);
	if (c->out == NULL || rest.bytes > OUT_BYTES_MAX - c->n_out) {
		sink_conn_fail(&c->sink); /* an octet that is missing must end it */
		return;
	}
	memcpy(c->out + c->n_out, rest.at, rest.bytes);
	c->n_out += (uint32_t)rest.bytes;
	if (c->in_stalled)
		return;
	c->in_stalled = true;
	c->next_stalled = c->st->stalled;
	c->st->stalled = c;
}

static void on_write(void *carrier, struct span bytes)
{
	struct conn *c = carrier;
	size_t n = 0;

	if (c->n_out == 0)
		n = tcp_write(c->st->tcp, c->st->now_us, c->id, bytes);
	if (n < bytes.bytes)
		stall(c, span_of(bytes.at + n, bytes.bytes - n));
}

/* What still finds nothing is in the list again. */
void sink_port_resume(struct sink_stack *st)
{
	struct conn *c = st->stalled, *next;

	st->stalled = NULL;
	for (; c != NULL; c = next) {
		size_t n = tcp_write(st->tcp, st->now_us, c->id, span_of(c->out, c->n_out));

		next = c->next_stalled;
		tcp_flush(st->tcp, st->now_us, c->id);
		c->n_out -= (uint32_t)n;
		c->in_stalled = c->n_out != 0;
		if (c->in_stalled) {
			memmove(c->out, c->out + n, c->n_out);
			c->next_stalled = st->stalled;
			st->stalled = c;
			continue;
		}
		free(c->out);
		c->out = NULL;
	}
}

/* Replies leave when the turn has read what came: those to commands that arrived together leave
 * together (RFC 2920 3.2), however many segments the commands were cut into.
 */
static void on_flush(void *carrier)
{
	struct conn *c = carrier;

	if (c->in_unflushed)
		return;
	c->in_unflushed = true;
	c->next_unflushed = c->st->unflushed;
	c->st->unflushed = c;
}

static void flush_those(struct sink_stack *st)
{
	struct conn *c = st->unflushed;

	st->unflushed = NULL;
	for (; c != NULL; c = c->next_unflushed) {
		c->in_unflushed = false;
		tcp_flush(st->tcp, st->now_us, c->id);
	}
}

static void on_ended(void *carrier)
{
	struct conn *c = carrier;

	c->next_ended = c->st->ended;
	c->st->ended = c;
	c->in_ended = true;
}

/* ---- reading slowly ---- */

/* What comes is kept, and the window closes by it, as of a kernel socket with a small buffer. What
 * was offered before stays so: the buffer holds a whole window.
 */
static void on_slow(void *carrier, uint32_t bytes_per_s)
{
	struct conn *c = carrier;
	struct sink_stack *st = c->st;

	if (c->in == NULL && (c->in = malloc(IN_BYTES_MAX)) == NULL) {
		sink_conn_fail(&c->sink);
		return;
	}
	c->slow = bytes_per_s;
	if (c->in_slow)
		return;
	if (st->slow == NULL)
		st->slow_due_us = st->now_us + SLOW_TICK_US;
	c->in_slow = true;
	c->next_slow = st->slow;
	st->slow = c;
}

/* What is read at a time. */
static uint32_t share_of(const struct conn *c)
{
	return c->slow == 0 ? 0 : c->slow / (1000000 / SLOW_TICK_US) + 1;
}

/* Of a slow one all but a small window is held, whatever it has; but two shares have room. */
static uint32_t on_held(const void *user)
{
	const struct conn *c = user;
	uint32_t share = share_of(c), room = SLOW_WINDOW_BYTES;

	if (c->slow == UINT32_MAX)
		return 0;
	if (share > room / 2)
		room = share < SINK_PORT_WINDOW_BYTES / 2 ? 2 * share : SINK_PORT_WINDOW_BYTES;
	return c->n_in + SINK_PORT_WINDOW_BYTES - room;
}

/* Edges are rounded up to a unit of the window: a client that sends octet by octet may get beyond
 * what the buffer holds, and then it has asked for it.
 */
static void keep_in(struct conn *c, struct span bytes)
{
	if (bytes.bytes > IN_BYTES_MAX - c->n_in) {
		sink_conn_fail(&c->sink);
		return;
	}
	memcpy(c->in + c->n_in, bytes.at, bytes.bytes);
	c->n_in += (uint32_t)bytes.bytes;
}

static void read_share(struct conn *c, uint64_t now_us)
{
	uint32_t most = share_of(c);
	uint32_t n = most < c->n_in ? most : c->n_in;

	if (c->sink.state != SINK_CONN_OPEN)
		return;
	if (n > 0) {
		sink_conn_received(&c->sink, now_us, span_of(c->in, n));
		c->n_in -= n;
		memmove(c->in, c->in + n, c->n_in);
		tcp_consumed(c->st->tcp, now_us, c->id);
	}
	if (c->n_in == 0 && c->fin_waits && c->sink.state == SINK_CONN_OPEN) {
		c->fin_waits = false;
		sink_conn_peer_closed(&c->sink, now_us);
	}
}

void sink_port_read_slowly(struct sink_stack *st, uint64_t now_us)
{
	if (st->slow == NULL || st->slow_due_us > now_us)
		return;
	for (struct conn *c = st->slow; c != NULL; c = c->next_slow)
		read_share(c, now_us);
	st->slow_due_us = now_us + SLOW_TICK_US;
}

uint64_t sink_port_due_us(const struct sink_stack *st, uint64_t now_us)
{
	uint64_t due = st->stalled != NULL ? now_us + STALL_US : UINT64_MAX;

	return st->slow != NULL && st->slow_due_us < due ? st->slow_due_us : due;
}

const struct sink_wire sink_port_wire = {
	.room = on_room,
	.write = on_write,
	.flush = on_flush,
	.slow = on_slow,
	.ended = on_ended,
};

bool sink_port_end_those(struct sink_stack *st)
{
	struct conn *c = st->ended, *next;
	bool any = c != NULL;

	flush_those(st); /* behind a RST nothing leaves any more */
	st->ended = NULL;
	for (; c != NULL; c = next) {
		next = c->next_ended;
		c->in_ended = false;
		c->slow = UINT32_MAX; /* what it holds nobody reads any more */
		if (c->sink.state != SINK_CONN_RESET && c->n_out != 0)
			on_ended(c); /* the FIN goes behind what waits for buffers */
		else if (c->sink.state == SINK_CONN_RESET)
			tcp_abort(st->tcp, st->now_us, c->id);
		else
			tcp_close(st->tcp, st->now_us, c->id);
	}
	return any;
}

/* ---- TCP's callbacks ---- */

void *sink_port_accept(void *ctx, tcp_id id)
{
	struct sink_stack *st = ctx;
	uint32_t slot = pool_try_get(&st->conns);
	struct conn *c;

	if (slot == POOL_NONE) {
		count(&sink_counts_mine(st->d->host.sink)->connections_full);
		return NULL;
	}
	c = pool_at(&st->conns, slot);
	*c = (struct conn){ .st = st, .id = id, .slot = slot, .slow = UINT32_MAX };
	return c;
}

static void on_opened(void *user, uint64_t now_us)
{
	struct conn *c = user;
	struct tcp_facts facts;

	c->st->now_us = now_us;
	c->is_begun = true;
	(void)tcp_facts(c->st->tcp, c->id, &facts);
	if (!sink_conn_open(&c->sink, &c->st->d->host, c, &facts.remote, &facts.local, now_us))
		sink_conn_fail(&c->sink);
}

static void on_received(void *user, uint64_t now_us, struct span bytes)
{
	struct conn *c = user;

	c->st->now_us = now_us;
	if (c->slow != UINT32_MAX && c->sink.state == SINK_CONN_OPEN)
		keep_in(c, bytes);
	else
		sink_conn_received(&c->sink, now_us, bytes);
}

/* What had no room is tried again by the sink's own timer. */
static void on_writable(void *user, uint64_t now_us)
{
	(void)user, (void)now_us;
}

static void on_peer_closed(void *user, uint64_t now_us)
{
	struct conn *c = user;

	c->st->now_us = now_us;
	c->fin_waits = c->n_in != 0 && c->sink.state == SINK_CONN_OPEN;
	if (!c->fin_waits)
		sink_conn_peer_closed(&c->sink, now_us);
}

/* Takes it out of the lists it is in. */
static void forget(struct conn *c)
{
	struct conn **at = &c->st->ended;

	while (c->in_ended && *at != c)
		at = &(*at)->next_ended;
	if (c->in_ended)
		*at = c->next_ended;
	at = &c->st->unflushed;
	while (c->in_unflushed && *at != c)
		at = &(*at)->next_unflushed;
	if (c->in_unflushed)
		*at = c->next_unflushed;
	at = &c->st->stalled;
	while (c->in_stalled && *at != c)
		at = &(*at)->next_stalled;
	if (c->in_stalled)
		*at = c->next_stalled;
	at = &c->st->slow;
	while (c->in_slow && *at != c)
		at = &(*at)->next_slow;
	if (c->in_slow)
		*at = c->next_slow;
	free(c->out);
	free(c->in);
}

static void on_closed(void *user, uint64_t now_us, int why)
{
	struct conn *c = user;

	(void)why;
	forget(c);
	if (c->is_begun)
		sink_conn_close(&c->sink, now_us);
	pool_put(&c->st->conns, c->slot);
}

const struct tcp_ops sink_port_ops = {
	.held = on_held,
	.opened = on_opened,
	.received = on_received,
	.writable = on_writable,
	.peer_closed = on_peer_closed,
	.closed = on_closed,
};
