/* mailhosts.c - mail hosts at the other end of a wire. */
#include "tests/dataplane/mailhosts.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "dataplane/net/net.h"
#include "dataplane/tcp/tcp.h"
#include "tests/support/eal.h"

enum {
	BUFFERS = 16383,
	BUFFER_BYTES = 2048 + RTE_PKTMBUF_HEADROOM,
	FRAMES_MAX = 8192, /* on their way to the wire */
	MESSAGE_MAX = 1 << 16,
	LINE_BYTES = 1000,
	EHLO_LINES = 30, /* more than a segment of small-MTU paths */
	TIMERS_PER_TICK = 1024,
	NET_TICK_US = 100000,
};

/* One session. */
struct client {
	struct mailhosts *h;
	tcp_id id;
	bool in_use, in_data, quits;
	uint32_t n_line, n_message;
	char line[LINE_BYTES];
	uint8_t *message; /* MESSAGE_MAX */
};

struct mailhosts {
	struct mailhosts_conf conf;
	struct dp_counters counters;
	struct rte_mempool *pool;
	struct net *net;
	struct tcp *tcp;
	uint64_t now_us, net_due_us;
	struct rte_mbuf *frames[FRAMES_MAX];
	uint32_t n_in, n_out;
	struct client *clients;
};

static void send_frame(void *ctx, struct rte_mbuf *m)
{
	struct mailhosts *h = ctx;

	assert(h->n_in - h->n_out < FRAMES_MAX);
	h->frames[h->n_in++ % FRAMES_MAX] = m;
}

static void say(struct client *c, const char *text)
{
	struct span s = span_of(text, strlen(text));
	size_t n = tcp_write(c->h->tcp, c->h->now_us, c->id, s);

	assert(n == s.bytes); /* replies are short and the sender waits for each */
	tcp_flush(c->h->tcp, c->h->now_us, c->id);
}

static void say_ehlo(struct client *c)
{
	static const char filler[] =
	    "250-XFILLER a line as long as any that a mail host has to offer here\r\n";
	char text[EHLO_LINES * sizeof(filler) + 64] = "";

	for (unsigned i = 0; i < EHLO_LINES; i++)
		strcat(text, filler);
	say(c, strcat(text, "250-PIPELINING\r\n250 SIZE 10000000\r\n"));
}

static void hear_command(struct client *c)
{
	static const struct {
		const char *verb, *reply;
	} verbs[] = {
		{ "MAIL", "250 sender ok\r\n" }, { "RCPT", "250 recipient ok\r\n" },
		{ "DATA", "354 go on\r\n" },     { "RSET", "250 reset\r\n" },
		{ "QUIT", "221 bye\r\n" },
	};

	if (strncmp(c->line, "EHLO", 4) == 0) {
		say_ehlo(c);
		return;
	}
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strncmp(c->line, verbs[i].verb, 4) == 0) {
			c->in_data = i == 2;
			c->n_message = 0;
			c->quits = i == 4;
			say(c, verbs[i].reply);
			if (c->quits)
				tcp_close(c->h->tcp, c->h->now_us, c->id);
			return;
		}
	say(c, "500 what?\r\n");
}

/* A line of the message, its CRLF included. */
static void hear_data(struct client *c)
{
	const char *line = c->line;
	uint32_t n = c->n_line;

	if (n == 3 && line[0] == '.') {
		c->in_data = false;
		c->h->conf.got(c->h->conf.ctx, span_of(c->message, c->n_message));
		say(c, "250 taken\r\n");
		return;
	}
	if (line[0] == '.') {
		line++;
		n--;
	}
	assert(c->n_message + n <= MESSAGE_MAX);
	memcpy(c->message + c->n_message, line, n);
	c->n_message += n;
}

static void on_received(void *user, uint64_t now_us, struct span bytes)
{
	struct client *c = user;

	c->h->now_us = now_us;
	for (size_t i = 0; i < bytes.bytes && !c->quits; i++) {
		assert(c->n_line < LINE_BYTES - 1);
		c->line[c->n_line++] = (char)bytes.at[i];
		if (c->n_line < 2 || memcmp(c->line + c->n_line - 2, "\r\n", 2) != 0)
			continue;
		c->line[c->n_line] = '\0';
		if (c->in_data)
			hear_data(c);
		else
			hear_command(c);
		c->n_line = 0;
	}
}

static void on_opened(void *user, uint64_t now_us)
{
	struct client *c = user;

	c->h->now_us = now_us;
	say(c, "220 mx.example ready\r\n");
}

static void on_writable(void *user, uint64_t now_us)
{
	(void)user, (void)now_us;
}

static void on_peer_closed(void *user, uint64_t now_us)
{
	struct client *c = user;

	if (!c->quits)
		tcp_close(c->h->tcp, now_us, c->id);
	c->quits = true;
}

static void on_closed(void *user, uint64_t now_us, int why)
{
	struct client *c = user;

	(void)now_us, (void)why;
	free(c->message);
	*c = (struct client){ 0 };
}

static const struct tcp_ops ops = {
	.opened = on_opened,
	.received = on_received,
	.writable = on_writable,
	.peer_closed = on_peer_closed,
	.closed = on_closed,
};

static void *on_accept(void *ctx, tcp_id id)
{
	struct mailhosts *h = ctx;
	uint32_t i = 0;

	while (i < h->conf.conns_max && h->clients[i].in_use)
		i++;
	if (i == h->conf.conns_max)
		return NULL;
	h->clients[i] =
	    (struct client){ .h = h, .id = id, .in_use = true, .message = malloc(MESSAGE_MAX) };
	assert(h->clients[i].message != NULL);
	return &h->clients[i];
}

static void open_engines(struct mailhosts *h)
{
	static const uint8_t secret[32] = "what the mail hosts do not tell";
	struct net_conf net = { .mac = { 2, 0, 0, 0, 0, 0xfe },
		                .mtu_bytes = 1500,
		                .addrs = h->conf.nets,
		                .n_addrs = h->conf.n_nets,
		                .sources = h->conf.hosts,
		                .n_sources = h->conf.n_hosts,
		                .neighbours_max = 64,
		                .neighbour_queue_max = 256,
		                .pool = h->pool,
		                .tx = send_frame,
		                .tx_ctx = h,
		                .counters = &h->counters };
	struct tcp_conf tcp = { .conns_max = h->conf.conns_max,
		                .time_wait_max = 4 * h->conf.conns_max,
		                .tx_bytes_max = 65536,
		                .rx_window_bytes = 32768,
		                .syn_timeout_ms = 30000,
		                .user_timeout_ms = 60000,
		                .rst_per_second_max = 1000,
		                .port_first = 1024,
		                .port_last = 65535,
		                .secret = secret,
		                .pool = h->pool,
		                .counters = &h->counters,
		                .ops = &ops,
		                .listen_port = 25,
		                .accept = on_accept,
		                .accept_ctx = h };
	int rc = net_open(&net, &h->net);

	assert(rc == 0);
	tcp.net = h->net;
	rc = tcp_open(&tcp, h->now_us, &h->tcp);
	assert(rc == 0);
	(void)rc;
}

struct mailhosts *mailhosts_new(const struct mailhosts_conf *conf, uint64_t now_us)
{
	static struct rte_mempool *pool; /* one after the other */
	struct mailhosts *h = aligned_alloc(64, (sizeof(*h) + 63) / 64 * 64);

	assert(h != NULL);
	memset(h, 0, sizeof(*h));
	h->conf = *conf;
	h->now_us = h->net_due_us = now_us;
	h->clients = calloc(conf->conns_max, sizeof(*h->clients));
	assert(h->clients != NULL);
	if (pool == NULL)
		pool = eal_pool("mailhosts", BUFFERS, BUFFER_BYTES, TCP_MBUF_PRIV_BYTES);
	h->pool = pool;
	open_engines(h);
	return h;
}

void mailhosts_free(struct mailhosts *h)
{
	struct rte_mbuf *m;

	tcp_close_engine(h->tcp);
	while ((m = mailhosts_give(h)) != NULL)
		rte_pktmbuf_free(m);
	net_close(h->net);
	for (uint32_t i = 0; i < h->conf.conns_max; i++)
		free(h->clients[i].message);
	free(h->clients);
	free(h);
}

void mailhosts_take(struct mailhosts *h, uint64_t now_us, struct rte_mbuf *frame)
{
	struct net_seg seg;
	struct net_icmp icmp;

	h->now_us = now_us;
	switch (net_input(h->net, now_us, frame, &seg, &icmp)) {
	case NET_IN_TCP:
		tcp_input(h->tcp, now_us, &seg);
		rte_pktmbuf_free(frame);
		break;
	case NET_IN_ICMP:
		tcp_icmp(h->tcp, now_us, &icmp);
		break;
	default:
		break;
	}
}

struct rte_mbuf *mailhosts_give(struct mailhosts *h)
{
	return h->n_out == h->n_in ? NULL : h->frames[h->n_out++ % FRAMES_MAX];
}

void mailhosts_tick(struct mailhosts *h, uint64_t now_us)
{
	h->now_us = now_us;
	if (h->net_due_us <= now_us) {
		net_tick(h->net, now_us);
		h->net_due_us = now_us + NET_TICK_US;
	}
	(void)tcp_tick(h->tcp, now_us, TIMERS_PER_TICK);
	tcp_turn_end(h->tcp, now_us);
}

uint32_t mailhosts_n_conns(const struct mailhosts *h)
{
	return tcp_n_conns(h->tcp);
}

const struct dp_counters *mailhosts_counters(const struct mailhosts *h)
{
	return &h->counters;
}

uint32_t mailhosts_buffers(const struct mailhosts *h)
{
	return eal_pool_held(h->pool);
}
