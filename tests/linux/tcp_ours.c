/* tcp_ours.c - connections of our engine to an end that Linux serves (tcp_theirs listen), over a
 * DPDK port; prints what was sent and received as one line of JSON.
 *
 * Options are "name=value", see `words`. Exit status 0 when every connection ended in order, 1
 * when one did not, 2 when the program could not run.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mempool.h>

#include "dataplane/tcp/tcp_cc.h"
#include "dataplane/tcp/tcp_engine.h"
#include "tests/linux/our_end.h"
#include "tests/linux/stream.h"

enum { PORTS_PER_TURN = 64, PUSHES_PER_TURN = 64, TRACE_US = 10000 };

struct conn {
	tcp_id id;
	bool open, all_written, closed;
	struct stream out, in;
};

static struct {
	/* as told */
	uint64_t conns, port, ports, send, receive, seconds, seed, hold, half_open, patience;
	/* as it went */
	struct conn *all;
	struct our_end end;
	uint64_t n_begun, n_opened, n_open, n_open_max, n_closed, n_failed;
	uint64_t begun_us, first_open_us, all_open_us, last_byte_us, end_us;
	int first_why;
	struct stream_total out, in;
	FILE *trace;
} run = { .conns = 1, .port = 7000, .ports = 1, .seed = 1, .half_open = 512, .patience = 60 };

static struct our_end_conf conf = { .mtu_bytes = 1500, .buffers = 16383, .mac_last = 2 };
static struct tcp_conf tcp_conf = { .time_wait_max = 65536,
	                            .tx_bytes_max = 65536,
	                            .rx_window_bytes = 262144,
	                            .syn_timeout_ms = 60000,
	                            .user_timeout_ms = 120000,
	                            .rst_per_second_max = 1000,
	                            .port_first = 1024,
	                            .port_last = 65535 };
static struct ip_addr local, remote;

static bool is_time_up(void)
{
	return run.seconds != 0 && run.end_us != 0 && run.end.now_us >= run.end_us;
}

static uint64_t left_to_write(const struct conn *c)
{
	uint64_t total = sizeof(struct stream_hello) + run.send;

	if (run.seconds != 0)
		return is_time_up() ? 0 : UINT64_MAX;
	return total - c->out.bytes;
}

/* Writes what fits; the FIN follows the last byte. */
static void push(struct conn *c)
{
	struct tcp *t = run.end.tcp;
	uint64_t left;
	size_t room;
	uint8_t *at;

	if (c->all_written || c->closed || !c->open)
		return;
	while ((left = left_to_write(c)) != 0 && (room = tcp_write_start(t, c->id, &at)) != 0) {
		room = left < room ? left : room;
		stream_make(&c->out, at, room);
		tcp_write_done(t, run.end.now_us, c->id, room);
	}
	tcp_flush(t, run.end.now_us, c->id);
	if (left == 0) {
		c->all_written = true;
		tcp_close(t, run.end.now_us, c->id);
	}
}

static void push_all(void)
{
	for (uint64_t i = 0; i < run.n_begun; i++)
		push(&run.all[i]);
}

static void opened(void *user, uint64_t now_us)
{
	struct conn *c = user;

	c->open = true;
	if (run.n_opened++ == 0)
		run.first_open_us = now_us;
	if (++run.n_open > run.n_open_max)
		run.n_open_max = run.n_open;
	if (run.n_opened == run.conns) {
		run.all_open_us = now_us;
		run.end_us = now_us + run.seconds * 1000000;
	}
	if (!run.hold)
		push(c);
}

static void received(void *user, uint64_t now_us, struct span bytes)
{
	struct conn *c = user;

	run.last_byte_us = now_us;
	stream_check(&c->in, run.seed, false, bytes.at, bytes.bytes);
}

static void writable(void *user, uint64_t now_us)
{
	(void)now_us;
	push(user);
}

static void peer_closed(void *user, uint64_t now_us)
{
	(void)user;
	(void)now_us;
}

static void closed(void *user, uint64_t now_us, int why)
{
	struct conn *c = user;

	(void)now_us;
	if (c->open)
		run.n_open--;
	c->closed = true;
	run.n_closed++;
	run.last_byte_us = now_us;
	if (why != 0 || c->in.bytes != run.receive) {
		if (run.n_failed++ == 0)
			run.first_why = why;
	}
	stream_end(&c->out, &run.out);
	stream_end(&c->in, &run.in);
}

static const struct tcp_ops ops = { .opened = opened,
	                            .received = received,
	                            .writable = writable,
	                            .peer_closed = peer_closed,
	                            .closed = closed };

/* Opens what may be opened now: so many at once that are not answered yet. */
static void begin(void)
{
	uint64_t over = run.n_closed > run.n_opened ? run.n_closed : run.n_opened;

	for (unsigned n = 0;
	     n < PORTS_PER_TURN && run.n_begun < run.conns && run.n_begun - over < run.half_open;
	     n++) {
		struct conn *c = &run.all[run.n_begun];
		struct stream_hello hello = { .index = run.n_begun, .answer_bytes = run.receive };
		int rc = tcp_connect(run.end.tcp, run.end.now_us, &local, &remote,
		                     (uint16_t)(run.port + run.n_begun % run.ports), c, &c->id);

		if (rc != 0) {
			fprintf(stderr, "tcp_ours: connection %" PRIu64 ": %s\n", run.n_begun,
			        strerror(-rc));
			exit(2);
		}
		stream_init(&c->out, run.seed, run.n_begun, STREAM_OPENER, &hello);
		stream_init(&c->in, run.seed, run.n_begun, STREAM_ANSWERER, NULL);
		run.n_begun++;
	}
}

/* What the first connection's sender thinks, every 10 ms. */
static void write_trace(void)
{
	static uint64_t due_us;
	const struct tcb *c = tcb_at(run.end.tcp, run.all[0].id);

	if (run.trace == NULL || run.end.now_us < due_us || run.all[0].closed)
		return;
	due_us = run.end.now_us + TRACE_US;
	fprintf(run.trace,
	        "%" PRIu64 " una=%u cwnd=%.2f ssthresh=%.2f flight=%.2f srtt_ms=%.1f%s%s\n",
	        (run.end.now_us - run.begun_us) / 1000, c->snd_una, c->cwnd / (double)c->snd_mss,
	        c->ssthresh / (double)c->snd_mss, c->flight / (double)c->snd_mss,
	        c->rto.srtt_us / 1000.0, c->flags & TCB_F_RECOVERY ? " recovery" : "",
	        c->flags & TCB_F_LOSS ? " loss" : "");
}

static bool is_over(void)
{
	return run.n_closed == run.conns || run.end.now_us - run.begun_us > run.patience * 1000000;
}

/* What was held back until all were open may leave: the last handshakes have had their time. */
static bool is_released(void)
{
	return run.all_open_us != 0 && run.end.now_us >= run.all_open_us + run.hold * 1000;
}

static void drive(void)
{
	uint64_t next = run.hold != 0 ? 0 : run.conns; /* the first that was held back */
	bool timed = run.seconds != 0, busy;

	run.begun_us = run.end.now_us;
	while (!is_over()) {
		begin();
		our_end_turn(&run.end);
		for (unsigned n = 0; n < PUSHES_PER_TURN && next < run.conns && is_released(); n++)
			push(&run.all[next++]);
		if (timed && run.all_open_us != 0 && is_time_up()) {
			timed = false;
			push_all();
		}
		write_trace();
		busy = run.n_begun < run.conns || next < run.conns || run.trace != NULL;
		our_end_sleep(&run.end, run.end.now_us + (busy ? 1000 : 100000));
	}
}

static void print_all(void)
{
	const struct dp_counters *n = &run.end.counters;
	char out[STREAM_HASH_TEXT], in[STREAM_HASH_TEXT];

	printf("{\"conns\": %" PRIu64 ", \"opened\": %" PRIu64 ", \"open_max\": %" PRIu64
	       ", \"closed\": %" PRIu64 ", \"failed\": %" PRIu64 ", \"first_why\": \"%s\"",
	       run.conns, run.n_opened, run.n_open_max, run.n_closed, run.n_failed,
	       run.n_failed != 0 ? strerror(-run.first_why) : "");
	printf(", \"sent_bytes\": %" PRIu64 ", \"sent_hash\": \"%s\", \"received_bytes\": %" PRIu64
	       ", \"received_hash\": \"%s\", \"wrong\": %" PRIu64,
	       run.out.bytes, stream_hash_text(&run.out, out), run.in.bytes,
	       stream_hash_text(&run.in, in), run.in.wrong);
	printf(", \"open_ms\": %" PRIu64 ", \"took_ms\": %" PRIu64,
	       run.all_open_us != 0 ? (run.all_open_us - run.begun_us) / 1000 : 0,
	       (run.last_byte_us - run.begun_us) / 1000);
	printf(", \"buffers_left\": %u, \"counters\": {",
	       rte_mempool_in_use_count(run.end.tx_pool));
#define COUNTER(name, unit, help)                                                                  \
	if (n->name != 0)                                                                          \
		printf("\"" #name "\": %" PRIu64 ", ", (uint64_t)n->name);
#include "dataplane/counters.def"
#undef COUNTER
	printf("\"end\": 1}}\n");
}

static void take_addr(const char *text)
{
	if (conf.n_addrs == 2 || ip_prefix_parse(text, &conf.addrs[conf.n_addrs]) != 0) {
		fprintf(stderr, "tcp_ours: addr=%s: not an address/prefix\n", text);
		exit(2);
	}
	conf.n_addrs++;
}

static uint64_t tx_bytes, window_bytes, cc, mtu, buffers, mac_last;
static const struct {
	const char *name;
	uint64_t *to;
} words[] = {
	{ "conns", &run.conns },         /* connections */
	{ "port", &run.port },           /* the first port at the other end */
	{ "ports", &run.ports },         /* how many ports, taken in turn */
	{ "send", &run.send },           /* bytes a connection, beside the greeting */
	{ "receive", &run.receive },     /* bytes a connection that are asked for */
	{ "seconds", &run.seconds },     /* send for so long instead */
	{ "seed", &run.seed },           /* of the contents */
	{ "hold", &run.hold },           /* ms after all are open that the first byte waits */
	{ "half_open", &run.half_open }, /* SYNs unanswered at once */
	{ "patience", &run.patience },   /* seconds */
	{ "tx_bytes", &tx_bytes },       /* unacknowledged and unsent, a connection */
	{ "window", &window_bytes },     /* what we offer to receive */
	{ "cc", &cc },                   /* enum tcp_cc */
	{ "mtu", &mtu },
	{ "buffers", &buffers },
	{ "mac", &mac_last },
};

static void take_word(const char *arg)
{
	const char *value = strchr(arg, '=');
	char *end;

	if (value == NULL)
		goto wrong;
	value++;
	if (strncmp(arg, "device=", 7) == 0) {
		conf.device = value;
		return;
	}
	if (strncmp(arg, "addr=", 5) == 0) {
		take_addr(value);
		return;
	}
	if (strncmp(arg, "to=", 3) == 0 && ip_parse(value, &remote) == 0)
		return;
	if (strncmp(arg, "trace=", 6) == 0 && (run.trace = fopen(value, "w")) != NULL)
		return;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = strlen(words[i].name);

		if (strncmp(arg, words[i].name, n) != 0 || arg[n] != '=')
			continue;
		*words[i].to = strtoull(value, &end, 0);
		if (end != value && *end == '\0')
			return;
	}
wrong:
	fprintf(stderr, "tcp_ours: %s: no such option\n", arg);
	exit(2);
}

static void settle_conf(void)
{
	if (conf.device == NULL || conf.n_addrs == 0 || ip_is_unset(&remote) || run.conns == 0 ||
	    run.ports == 0) {
		fprintf(stderr, "tcp_ours: device=, addr= and to= are needed\n");
		exit(2);
	}
	for (uint32_t i = 0; i < conf.n_addrs; i++)
		if (ip_is_v4(&conf.addrs[i].addr) == ip_is_v4(&remote))
			local = conf.addrs[i].addr;
	conf.mtu_bytes = mtu != 0 ? (uint16_t)mtu : conf.mtu_bytes;
	conf.buffers = buffers != 0 ? (uint32_t)buffers : conf.buffers;
	conf.mac_last = mac_last != 0 ? (uint8_t)mac_last : conf.mac_last;
	tcp_conf.conns_max = (uint32_t)run.conns;
	tcp_conf.cc = (uint8_t)cc;
	tcp_conf.ops = &ops;
	if (tx_bytes != 0)
		tcp_conf.tx_bytes_max = (uint32_t)tx_bytes;
	if (window_bytes != 0)
		tcp_conf.rx_window_bytes = (uint32_t)window_bytes;
	conf.tcp = &tcp_conf;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		take_word(argv[i]);
	settle_conf();
	run.all = calloc(run.conns, sizeof(*run.all));
	if (run.all == NULL) {
		fprintf(stderr, "tcp_ours: no memory\n");
		return 2;
	}
	our_end_open(&conf, &run.end);
	drive();
	print_all();
	fflush(stdout);
	tcp_abort_all(run.end.tcp, run.end.now_us);
	our_end_close(&run.end);
	free(run.all);
	if (run.trace != NULL)
		fclose(run.trace);
	return run.n_closed != run.conns || run.n_failed != 0;
}
