/* bench_rows.c - what each row of the bench does. */
#include "dataplane/bench_int.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_tcp.h>

#include "dataplane/tcp/tcp.h"

enum {
	RX_WAVE = 4096,    /* segments to the worker */
	TX_WAVE = 1024,    /* from it: twice as many buffers are just what a cache of 1 MB holds */
	HANDSHAKES = 2048, /* at once */
	CLOSE_WAVE = 512,  /* has three steps, and the shorter the less is disturbed */
	ALIVE_EVERY = 64,  /* of the connections held, one in so many is spoken to */
};

static bool syns(struct bench *b, uint64_t want)
{
	return b->player.n_syn >= want;
}

static bool opens(struct bench *b, uint64_t want)
{
	return atomic_load(&b->above->n_open) >= want;
}

static bool fins(struct bench *b, uint64_t want)
{
	return b->player.n_fin >= want;
}

static bool closes(struct bench *b, uint64_t want)
{
	return atomic_load(&b->above->n_closed) >= want;
}

static bool data(struct bench *b, uint64_t want)
{
	return b->player.n_data >= want;
}

static bool let_go(struct bench *b, uint64_t want)
{
	return atomic_load(&b->player.tap.taken) >= want;
}

/* What was sent in a wave over the first `want` of order[] is acknowledged. */
static bool acked(struct bench *b, uint64_t want)
{
	static uint32_t at;

	for (; at < want; at++) {
		const struct bench_peer *peer = &b->player.peers[b->order[at]];

		if (peer->acked != peer->seq)
			return false;
	}
	at = 0;
	return true;
}

static uint32_t draw(struct bench *b)
{
	b->seed ^= b->seed << 13;
	b->seed ^= b->seed >> 17;
	b->seed ^= b->seed << 5;
	return b->seed;
}

/* From `at` on, the next `n` of order[] become random among all that were not drawn yet. */
static void shuffle(struct bench *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = i + draw(b) % (b->conns - i), was = b->order[i];

		b->order[i] = b->order[k];
		b->order[k] = was;
	}
}

/* Opens connections [first, first + n). */
static int open_some(struct bench *b, uint32_t first, uint32_t n, struct bench_spent *spent)
{
	uint64_t syn = b->player.n_syn + n, open = atomic_load(&b->above->n_open) + n;
	struct bench_order order = { BENCH_CONNECT, first, n, n };
	int rc = bench_work(b, &order, spent);

	if (rc == 0)
		rc = bench_wait_for(b, syns, syn, "not every SYN came");
	if (rc != 0)
		return rc;
	for (uint32_t i = first; i < first + n; i++)
		bench_player_add(&b->player, i, RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG, 0);
	rc = bench_work(b, NULL, spent);
	return rc != 0 ? rc : bench_wait_for(b, opens, open, "not every connection opened");
}

static int open_all(struct bench *b)
{
	struct bench_spent unused = { 0 };
	int rc = 0;

	for (uint32_t i = 0; i < b->conns && rc == 0; i += HANDSHAKES)
		rc =
		    open_some(b, i, b->conns - i < HANDSHAKES ? b->conns - i : HANDSHAKES, &unused);
	return rc;
}

/* Longer where the machine is not quiet, until there is enough for a median. */
static bool is_time_left(const struct bench *b, uint64_t began)
{
	uint32_t seconds = b->conf->seconds;

	if (b->n_waves < BENCH_WAVES_LEAST)
		seconds += BENCH_PATIENCE_S;
	return rte_rdtsc() - began < (uint64_t)(seconds * b->hz);
}

/* One wave of segments in order over `over` connections drawn anew. */
static int rx_wave(struct bench *b, uint32_t over)
{
	struct bench_spent spent = { 0 };
	int rc;

	shuffle(b, over);
	for (uint32_t i = 0; i < RX_WAVE; i++)
		bench_player_add(&b->player, b->order[i % over],
		                 RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG, BENCH_PAYLOAD_BYTES);
	rc = bench_work(b, NULL, &spent);
	bench_keep(b, &spent, RX_WAVE);
	return rc != 0 ? rc : bench_wait_for(b, acked, over, "not every segment was acknowledged");
}

static int rx(struct bench *b, uint32_t over, const char *metric, const char *cpu_metric)
{
	uint64_t began;
	int rc = open_all(b);

	for (uint32_t i = 0; i < 3 && rc == 0; i++)
		rc = rx_wave(b, over);
	bench_forget(b);
	began = rte_rdtsc();
	while (rc == 0 && is_time_left(b, began))
		rc = rx_wave(b, over);
	return rc != 0 ? rc : bench_say_median(b, metric, cpu_metric);
}

/* Frames for another station: what ring, buffers and the first look at a frame cost, TCP apart. */
static int floor_wave(struct bench *b)
{
	uint64_t seen = bench_counter(b, "rx_not_ours");
	struct bench_spent spent = { 0 };
	int rc;

	b->player.astray = true;
	for (uint32_t i = 0; i < RX_WAVE; i++)
		bench_player_add(&b->player, i % b->conns, RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG,
		                 BENCH_PAYLOAD_BYTES);
	b->player.astray = false;
	rc = bench_work(b, NULL, &spent);
	bench_keep(b, &spent, RX_WAVE);
	if (rc == 0 && bench_counter(b, "rx_not_ours") != seen + RX_WAVE)
		return bench_fail(b, "not every frame was looked at");
	return rc;
}

int bench_segment_floor(struct bench *b)
{
	uint64_t began;
	int rc = 0;

	for (uint32_t i = 0; i < 3 && rc == 0; i++)
		rc = floor_wave(b);
	bench_forget(b);
	began = rte_rdtsc();
	while (rc == 0 && is_time_left(b, began))
		rc = floor_wave(b);
	return rc != 0 ? rc : bench_say_median(b, "segment_floor", "segment_floor_cpu");
}

int bench_segment_rx_hot(struct bench *b)
{
	return rx(b, b->conns < RX_WAVE ? b->conns : RX_WAVE, "segment_rx_hot",
	          "segment_rx_hot_cpu");
}

int bench_segment_rx_1m(struct bench *b)
{
	return rx(b, b->conns < RX_WAVE ? b->conns : RX_WAVE, "segment_rx_1m", "segment_rx_1m_cpu");
}

/* Every connection sends what fits into a first window; then all is acknowledged. The player looks
 * at the first waves; later it knows what was sent without looking.
 */
static int tx_wave(struct bench *b, bool looks, double *ack_cost)
{
	struct bench_player *p = &b->player;
	uint64_t came = p->n_data + TX_WAVE, taken = p->tap.taken + TX_WAVE;
	struct bench_order order = { BENCH_SEND, 0, b->conns, TX_WAVE };
	struct bench_spent sent = { 0 }, acks = { 0 };
	int rc;

	atomic_store(&p->tap.blind, !looks);
	rc = bench_work(b, &order, &sent);
	bench_keep(b, &sent, TX_WAVE);
	if (rc != 0)
		return rc;
	rc = looks ? bench_wait_for(b, data, came, "not every segment came")
	           : bench_wait_for(b, let_go, taken, "not every segment came");
	for (uint32_t i = 0; i < b->conns; i++) {
		if (!looks)
			p->peers[i].ack += TX_WAVE / b->conns * BENCH_PAYLOAD_BYTES;
		bench_player_add(p, i, RTE_TCP_ACK_FLAG, 0);
	}
	if (rc == 0)
		rc = bench_work(b, NULL, &acks);
	*ack_cost = (double)acks.busy / TX_WAVE;
	return rc;
}

int bench_segment_tx(struct bench *b)
{
	double *acks = calloc(BENCH_WAVES_MAX, sizeof(*acks));
	uint32_t n = 0;
	uint64_t began;
	int rc;

	if (acks == NULL)
		return -ENOMEM;
	if (TX_WAVE % b->conns != 0 || TX_WAVE / b->conns > 16) {
		free(acks);
		return bench_fail(b, "--connections must be 64, 128, 256, 512 or 1024 here");
	}
	rc = open_all(b);

	for (uint32_t i = 0; i < 3 && rc == 0; i++)
		rc = tx_wave(b, true, acks);
	bench_forget(b);
	began = rte_rdtsc();
	for (; rc == 0 && n < BENCH_WAVES_MAX && is_time_left(b, began); n++)
		rc = tx_wave(b, false, &acks[n]);
	if (rc == 0)
		rc = bench_say_median(b, "segment_tx", "segment_tx_cpu");
	if (rc == 0)
		bench_say(b, "segment_tx_ack_share", bench_median(acks, n), "cycles");
	free(acks);
	return rc;
}

/* SYN, SYN-ACK, FIN, FIN-ACK, ACK and the entry in TIME-WAIT, which drives out the oldest. */
static int close_wave(struct bench *b)
{
	uint64_t closed = atomic_load(&b->above->n_closed) + CLOSE_WAVE;
	uint64_t fin = b->player.n_fin + CLOSE_WAVE;
	struct bench_spent spent = { 0 };
	int rc = open_some(b, 0, CLOSE_WAVE, &spent);

	if (rc == 0)
		rc = bench_wait_for(b, fins, fin, "not every FIN came");
	if (rc != 0)
		return rc;
	for (uint32_t i = 0; i < CLOSE_WAVE; i++)
		bench_player_add(&b->player, i, RTE_TCP_FIN_FLAG | RTE_TCP_ACK_FLAG, 0);
	rc = bench_work(b, NULL, &spent);
	bench_keep(b, &spent, CLOSE_WAVE);
	return rc != 0 ? rc : bench_wait_for(b, closes, closed, "not every connection closed");
}

int bench_connect_close(struct bench *b)
{
	uint64_t began;
	int rc = 0;

	atomic_store(&b->above->closes, true);
	for (uint32_t i = 0; i < 3 * BENCH_CLOSE_CONNS / CLOSE_WAVE && rc == 0; i++)
		rc = close_wave(b); /* until TIME-WAIT is full */
	bench_forget(b);
	began = rte_rdtsc();
	while (rc == 0 && is_time_left(b, began))
		rc = close_wave(b);
	return rc != 0 ? rc : bench_say_median(b, "connect_close", NULL);
}

uint64_t bench_tcp_bytes(uint32_t conns, uint32_t time_waits)
{
	struct tcp_conf c = { .conns_max = conns, .time_wait_max = time_waits };

	return tcp_memory_bytes(&c);
}

/* As many as fit into 1 GiB of the TCP layer's memory are opened, and some of them spoken to. */
int bench_connections_open(struct bench *b)
{
	uint32_t n = b->conns / ALIVE_EVERY < RX_WAVE ? b->conns / ALIVE_EVERY : RX_WAVE;
	int rc = open_all(b);

	if (rc != 0)
		return rc;
	if (bench_counter(b, "tcp_open_now") != b->conns)
		return bench_fail(b, "not all are open at once");
	shuffle(b, n);
	for (uint32_t i = 0; i < n; i++)
		bench_player_add(&b->player, b->order[i], RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG,
		                 BENCH_PAYLOAD_BYTES);
	bench_player_send(&b->player);
	rc = bench_wait_for(b, acked, n, "not every connection lives");
	bench_say(b, "connections_open", b->conns, "connections");
	bench_say(b, "connections_open_bytes", (double)bench_tcp_bytes(b->conns, BENCH_WAITS),
	          "bytes");
	return rc;
}

/* What one more of a million costs: all that is allocated, by the number of them. */
int bench_memory(struct bench *b)
{
	enum { CONNS = 1000000 };
	double conns = (double)bench_tcp_bytes(CONNS, 1),
	       both = (double)bench_tcp_bytes(CONNS, BENCH_WAITS);

	bench_say(b, "bytes_per_connection", conns / CONNS, "bytes");
	bench_say(b, "timewait_bytes", (both - conns) / BENCH_WAITS, "bytes");
	return 0;
}
