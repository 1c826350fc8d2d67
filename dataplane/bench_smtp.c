/* bench_smtp.c - measures SMTP through the door, against a sink in another process.
 *
 * A row is a load (bench_load.h) and what is said of it. Cycles are the worker's own account in
 * slices (bench_slices.h); messages a second are those of the clock.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <rte_lcore.h>

#include "dataplane/bench_load.h"
#include "dataplane/bench_slices.h"
#include "dataplane/dp_bench.h"

enum {
	SLICE_US = 10000,
	WARM_US = 1000000,
	READY_US = 30000000, /* for the sessions to open */
	BUFFERS = 16384,
	BUFFERS_OPEN =
	    4096, /* where nothing but greetings is in flight, of few sessions at a time */
	TICKETS = 4096,
	PATIENCE_MS = 60000,
};

struct bench;

struct row {
	const char *name, *help;
	int (*run)(struct bench *b);
	enum bench_load_kind kind;
	uint32_t conns, window, message_bytes, dials_max;
	enum dp_tls_policy tls;
	bool resumes;
};

struct bench {
	const struct dp_bench_smtp_conf *conf;
	const struct row *row;
	struct dp_bench_result *out;
	char *why;
	struct dp *dp;
	struct bench_load load;
	struct bench_slices slices;
	uint64_t rss_before;
};

static int fail(struct bench *b, const char *what)
{
	snprintf(b->why, DP_WHY_BYTES, "%s: %.60s%s%.150s", b->row->name, what,
	         b->load.n_failed != 0 ? "; " : "", b->load.failure);
	return -EIO;
}

static void say(struct bench *b, const char *metric, double value, const char *unit)
{
	assert(b->out->n < DP_BENCH_VALUES_MAX);
	b->out->values[b->out->n++] =
	    (struct dp_bench_value){ .metric = metric, .value = value, .unit = unit };
}

static uint64_t counter(const struct bench *b, const char *name)
{
	for (uint32_t i = 0; i < dp_n_counters(); i++)
		if (strcmp(dp_counter_name(i), name) == 0)
			return dp_counter(b->dp, 0, i);
	assert(false);
	return 0;
}

static uint64_t rss_bytes(void)
{
	unsigned long long all, held = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f == NULL || fscanf(f, "%llu %llu", &all, &held) != 2)
		held = 0;
	if (f != NULL)
		fclose(f);
	return held * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* User and system time of the whole process. */
static double process_cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static int open_sessions(struct bench *b)
{
	bench_load_run(&b->load, bench_load_now_us() + READY_US, b->load.conf.conns);
	if (b->load.n_open < b->load.conf.conns)
		return fail(b, "not every session opened");
	bench_load_let_go(&b->load);
	return 0;
}

/* Messages, each session's only one where it comes and goes: by the worker's count, which is of
 * the same instant as its cycles; what control has read of it comes later.
 */
static uint64_t done(const struct bench *b)
{
	return counter(b, "smtp_delivered");
}

/* What is measured, in slices; first it gets under way. */
static int measure(struct bench *b)
{
	uint64_t now = bench_load_now_us(), end;

	bench_load_run(&b->load, now + WARM_US, 0);
	end = bench_load_now_us() + (uint64_t)b->conf->seconds * 1000000;
	bench_slices_begin(&b->slices);
	while (b->load.n_failed == 0 && (now = bench_load_now_us()) < end) {
		uint64_t before = done(b);

		bench_load_run(&b->load, now + SLICE_US, 0);
		bench_slices_end(&b->slices, done(b) - before);
	}
	return b->load.n_failed != 0 ? fail(b, "something went wrong") : 0;
}

/* The names of a row's further values, made once. */
static const char *of_row(const struct bench *b, const char *what)
{
	static char names[DP_BENCH_VALUES_MAX][80];
	static uint32_t n;

	assert(n < DP_BENCH_VALUES_MAX);
	snprintf(names[n], sizeof(names[n]), "%s_%s", b->row->name, what);
	return names[n++];
}

/* Cycles of busy work a message or session, the thread's CPU time beside it. */
static int cycles(struct bench *b)
{
	uint64_t rx, tx, messages, began, from;
	double cost, cpu, low, process;
	int rc = b->row->kind == BENCH_LOAD_STREAM ? open_sessions(b) : 0;

	if (rc != 0)
		return rc;
	rx = counter(b, "rx_packets");
	tx = counter(b, "tx_packets");
	messages = b->load.n_done;
	process = process_cpu_us();
	began = bench_load_now_us();
	from = done(b);
	rc = measure(b);
	if (rc != 0)
		return rc;
	messages = b->load.n_done - messages;
	process = process_cpu_us() - process;
	if (messages == 0 || !bench_slices_median(&b->slices, &cost, &cpu, &low))
		return fail(b, "the CPU was taken away in most slices: use a quiet machine");
	say(b, b->row->name, cost, "cycles");
	say(b, of_row(b, "cpu"), cpu, "cycles");
	say(b, "low_decile", low, "cycles");
	say(b, "busy_hz", b->slices.hz, "cycles/s");
	say(b, "pieces_per_second",
	    (double)(done(b) - from) * 1e6 / (double)(bench_load_now_us() - began), "pieces/s");
	say(b, "process_cpu_per_message", process / (double)messages, "us");
	say(b, "rx_packets", (double)(counter(b, "rx_packets") - rx) / (double)messages,
	    "packets/message");
	say(b, "tx_packets", (double)(counter(b, "tx_packets") - tx) / (double)messages,
	    "packets/message");
	say(b, "slices", b->slices.n, "slices");
	say(b, "slices_left_out", b->slices.n_left_out, "slices");
	return 0;
}

/* A row of resumed sessions has none but for the first to each host, any other none at all. */
static int check_resumed(struct bench *b, uint64_t handshakes, uint64_t resumed)
{
	double share = handshakes != 0 ? (double)resumed / (double)handshakes : 0;

	say(b, "resumed", 100 * share, "%");
	if (b->row->resumes ? share < 0.9 : resumed != 0)
		return fail(b, b->row->resumes ? "sessions were not resumed"
		                               : "sessions were resumed");
	return 0;
}

/* Sessions that a worker opens in a second of busy work. */
static int per_second(struct bench *b)
{
	uint64_t handshakes = counter(b, "tls_handshakes"), resumed = counter(b, "tls_resumed");
	int rc = cycles(b);

	if (rc != 0)
		return rc;
	/* Too few in a slice for a median of slices. */
	b->out->values[0].value =
	    b->slices.hz * (double)b->slices.good_pieces / b->slices.good_busy;
	b->out->values[0].unit = "sessions/s";
	b->out->values[1].value = b->slices.hz * (double)b->slices.good_pieces / b->slices.good_cpu;
	b->out->values[1].unit = "sessions/s";
	return check_resumed(b, counter(b, "tls_handshakes") - handshakes,
	                     counter(b, "tls_resumed") - resumed);
}

/* Messages a second by the clock, on one connection. */
static int rate(struct bench *b)
{
	uint64_t before, began;
	int rc = open_sessions(b);

	if (rc != 0)
		return rc;
	bench_load_run(&b->load, bench_load_now_us() + WARM_US, 0);
	before = b->load.n_done;
	began = bench_load_now_us();
	bench_load_run(&b->load, began + (uint64_t)b->conf->seconds * 1000000, 0);
	if (b->load.n_failed != 0)
		return fail(b, "something went wrong");
	say(b, b->row->name,
	    (double)(b->load.n_done - before) * 1e6 / (double)(bench_load_now_us() - began),
	    "messages/s");
	return 0;
}

/* As many sessions as asked for, open at once, and what one of them takes. */
static int sessions_open(struct bench *b)
{
	uint64_t began = bench_load_now_us(), end = began, last = 0;
	uint32_t n;

	/* As long as it goes on. */
	while (b->load.n_open < b->load.conf.conns && end - began < READY_US) {
		bench_load_run(&b->load, bench_load_now_us() + SLICE_US, b->load.conf.conns);
		if (b->load.n_open != last)
			began = bench_load_now_us();
		last = b->load.n_open;
		end = bench_load_now_us();
	}
	n = b->load.n_open;
	if (n == 0 || b->load.n_failed != 0)
		return fail(b, "not every session opened");
	say(b, b->row->name, n, "sessions");
	say(b, of_row(b, "bytes"), (double)(rss_bytes() - b->rss_before) / n, "bytes");
	return b->row->tls == DP_TLS_NONE
	           ? 0
	           : check_resumed(b, counter(b, "tls_handshakes"), counter(b, "tls_resumed"));
}

static const struct row rows[] = {
	/* clang-format off */
	{ "message_plain_2k",     "cycles per message of 2,048 bytes on a kept connection", cycles, BENCH_LOAD_STREAM, 1000, 1, 2048, 0, DP_TLS_NONE, false },
	{ "message_plain_2k_w16", "the same with 16 transactions in flight", cycles, BENCH_LOAD_STREAM, 1000, 16, 2048, 0, DP_TLS_NONE, false },
	{ "message_tls13_2k",     "the same, window 1, through TLS 1.3", cycles, BENCH_LOAD_STREAM, 1000, 1, 2048, 64, DP_TLS_ENCRYPT, false },
	{ "message_plain_100k",   "cycles per message of 102,400 bytes", cycles, BENCH_LOAD_STREAM, 1000, 1, 102400, 0, DP_TLS_NONE, false },
	{ "session_plain",        "cycles per connect, one message of 2,048 bytes, QUIT", cycles, BENCH_LOAD_SESSIONS, 256, 1, 2048, 0, DP_TLS_NONE, false },
	{ "session_tls_full",     "such sessions in a second of busy work, full handshake, chain verified", per_second, BENCH_LOAD_SESSIONS, 64, 1, 2048, 0, DP_TLS_VERIFY, false },
	{ "session_tls_resumed",  "the same, resumed", per_second, BENCH_LOAD_SESSIONS, 64, 1, 2048, 0, DP_TLS_VERIFY, true },
	{ "sessions_open_plain",  "sessions open at once, and bytes each", sessions_open, BENCH_LOAD_OPEN, 200000, 1, 2048, 1024, DP_TLS_NONE, false },
	{ "sessions_open_tls",    "the same through TLS", sessions_open, BENCH_LOAD_OPEN, 20000, 1, 2048, 64, DP_TLS_ENCRYPT, false },
	{ "sessions_open_tls_resumed", "the same, resumed", sessions_open, BENCH_LOAD_OPEN, 20000, 1, 2048, 64, DP_TLS_ENCRYPT, true },
	{ "one_connection",       "messages of 2,048 bytes a second on one connection, by the clock", rate, BENCH_LOAD_STREAM, 1, 1, 2048, 0, DP_TLS_NONE, false },
	/* clang-format on */
};

enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

const char *dp_bench_smtp_row(uint32_t row)
{
	return row < N_ROWS ? rows[row].name : NULL;
}

const char *dp_bench_smtp_help(uint32_t row)
{
	return row < N_ROWS ? rows[row].help : NULL;
}

/* ---- setting up ---- */

static const struct dp_times patience = { PATIENCE_MS, PATIENCE_MS, PATIENCE_MS, PATIENCE_MS,
	                                  PATIENCE_MS, PATIENCE_MS, PATIENCE_MS, PATIENCE_MS,
	                                  PATIENCE_MS, PATIENCE_MS };

static void load_conf(const struct bench *b, struct bench_load_conf *load)
{
	const struct dp_bench_smtp_conf *c = b->conf;

	*load = (struct bench_load_conf){ .kind = b->row->kind,
		                          .conns = c->conns != 0 ? c->conns : b->row->conns,
		                          .window = c->window != 0 ? c->window : b->row->window,
		                          .dials_max = b->row->dials_max,
		                          .message_bytes = b->row->message_bytes,
		                          .tls = b->row->tls,
		                          .host = c->host,
		                          .to = c->to,
		                          .hosts = c->hosts };
}

/* The worker scans with it before the first message. */
static void set_gate(struct bench *b)
{
	static const struct timespec nap = { .tv_nsec = 1000000 };

	while (dp_set_gate(b->dp, b->conf->gate) == -EAGAIN)
		nanosleep(&nap, NULL);
	while (!dp_has_gate(b->dp, b->conf->gate))
		nanosleep(&nap, NULL);
}

static int run_row(struct bench *b, const struct bench_load_conf *load)
{
	int rc = bench_load_open(&b->load, b->dp, load);

	if (rc != 0) {
		snprintf(b->why, DP_WHY_BYTES, "no memory for the messages");
		return rc;
	}
	if (b->conf->gate != NULL)
		set_gate(b);
	rc = bench_slices_open(&b->slices, b->dp);
	if (rc != 0) {
		snprintf(b->why, DP_WHY_BYTES, "the worker's thread is not found");
	} else {
		rc = b->row->run(b);
		bench_slices_close(&b->slices);
	}
	return rc;
}

static int with_worker(struct bench *b)
{
	static const uint8_t secret[32] = "numbers that need not be secret";
	const struct dp_bench_smtp_conf *c = b->conf;
	struct bench_load_conf load;
	struct dp_port_conf port = { .name = "bench",
		                     .device = c->device,
		                     .addrs = { c->addr },
		                     .n_addrs = 1,
		                     .mtu_bytes = 1500 };
	struct dp_source_conf source = { .name = "bench", .helo = "bench.invalid" };
	struct dp_conf dp = { .ports = &port,
		              .n_ports = 1,
		              .sources = &source,
		              .n_sources = 1,
		              .egress_allow = &c->addr,
		              .n_egress_allow = 1,
		              .buffers = BUFFERS,
		              .drain_max_ms = 1,
		              .smtp = { .times = patience,
		                        .reply_lines_max = 100,
		                        .reply_bytes_max = 8192,
		                        .pipelining = 1,
		                        .chunking = 1 },
		              .tls = { .ca_file = c->ca_file,
		                       .sessions_max = b->row->resumes ? TICKETS : 0 },
		              .state_dir = c->state_dir,
		              .secret = secret,
		              .log = c->log };
	int rc;

	load_conf(b, &load);
	dp.conns_max = load.conns;
	if (load.kind == BENCH_LOAD_OPEN)
		dp.buffers = BUFFERS_OPEN;
	/* Two full segments of each message in flight, and the command's. */
	if (load.window > 1 && load.conns * load.window * 3 > BUFFERS)
		dp.buffers = load.conns * load.window * 3;
	dp.window = load.kind == BENCH_LOAD_OPEN ? 1 : load.conns * dp_jobs_per_conn(load.window);
	*(ip_is_v4(&c->addr.addr) ? &source.addr4 : &source.addr6) = c->addr.addr;
	b->rss_before = rss_bytes();
	rc = dp_start(&dp, &b->dp, b->why);
	if (rc != 0)
		return rc;
	b->out->hugepages = rte_eal_has_hugepages() != 0;
	rc = run_row(b, &load);
	dp_stop(b->dp);
	bench_load_close(&b->load);
	return rc;
}

int dp_bench_smtp(const struct dp_bench_smtp_conf *conf, struct dp_bench_result *out,
                  char why[DP_WHY_BYTES])
{
	struct bench b = { .conf = conf, .out = out, .why = why };
	uint32_t row = 0;

	memset(out, 0, sizeof(*out));
	while (row < N_ROWS && strcmp(rows[row].name, conf->row) != 0)
		row++;
	if (row == N_ROWS) {
		snprintf(why, DP_WHY_BYTES, "there is no row \"%.40s\"", conf->row);
		return -EINVAL;
	}
	b.row = &rows[row];
	return with_worker(&b);
}
