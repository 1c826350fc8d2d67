/* nic_run.c - a port of several workers on a software card, mail hosts at the other end. */
#include "tests/dataplane/nic_run.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "dataplane/team.h"
#include "dataplane/worker_int.h"
#include "tests/dataplane/mailhosts.h"
#include "tests/dataplane/narrow.h"
#include "tests/support/eal.h"

enum {
	MEMORY_MB = 768,
	WIRE_BUFFERS = 8191,
	HOSTS = 12, /* every second one IPv6 */
	CONNS_MAX = 600,
	WINDOW = 1024,
	STEP_US = 50,         /* of time while frames pass */
	REST_US = 1000,       /* while none do */
	FRAMES_PER_STEP = 24, /* that the link brings in STEP_US */
	QUIET_MS = 3000, /* after the last session: TIME-WAIT apart, nothing may move any more */
	TIME_MAX_MS = 120000,
	MESSAGE_MAX = 60000,
};

/* One session with one message. */
struct session {
	uint8_t worker;
	struct dp_handle handle;
	uint32_t n_got; /* times that a host took the message */
	bool is_submitted, is_delivered, is_closed;
};

struct bench {
	const struct nic_run *run;
	struct nic_result *out;
	struct dp_port_conf port;
	struct dp_source_conf source;
	struct dp_conf conf;
	struct softnic *nic;
	struct team *team;
	struct worker *workers[SOFTNIC_QUEUES_MAX];
	uint32_t n_workers;
	struct wake wake;
	struct ip_addr own[3], hosts[HOSTS];
	struct mailhosts *far;
	struct session *sessions;
	uint32_t n_dialled, n_closed;
	uint64_t now_us, start_us, random;
	uint8_t *text;    /* one message at a time is made here */
	uint8_t **copies; /* of each session: what its worker may still read */
};

static struct rte_mempool *wire_pool;
static char dir[] = "/tmp/test_nic_run.XXXXXX";
static const uint8_t secret[32] = "what the workers do not tell....";

static void wrong(struct bench *b, const char *format, ...)
{
	va_list args;

	if (b->out->wrong[0] != '\0')
		return;
	va_start(args, format);
	vsnprintf(b->out->wrong, sizeof(b->out->wrong), format, args);
	va_end(args);
}

static uint32_t draw(struct bench *b, uint32_t below)
{
	b->random = b->random * 6364136223846793005 + 1442695040888963407;
	return (uint32_t)(b->random >> 33) % below;
}

static void log_line(enum dp_log_level level, const char *line)
{
	if (level <= DP_LOG_ERROR)
		printf("    %s\n", line);
}

void nic_run_init(void)
{
	bool made = mkdtemp(dir) != NULL;

	assert(made);
	(void)made;
	eal_start_with(MEMORY_MB);
	wire_pool = eal_pool("wire", WIRE_BUFFERS, 2048 + RTE_PKTMBUF_HEADROOM, 0);
}

void nic_run_fini(void)
{
	char cmd[96];

	snprintf(cmd, sizeof(cmd), "rm -r '%s'", dir);
	if (system(cmd) != 0)
		printf("    %s stays\n", dir);
}

/* The message of session `i`: a line that names it, then lines that differ, some of a single dot's
 * kind.
 */
static struct span message_of(struct bench *b, uint32_t i)
{
	size_t n = (size_t)sprintf((char *)b->text, "Subject: %u\r\n\r\n", i);

	for (uint32_t line = 0; n < b->run->message_bytes; line++)
		n += (size_t)sprintf(
		    (char *)b->text + n, "%s%u.%u: %.*s\r\n", line % 5 == 0 ? "." : "", i, line,
		    (int)(line % 60),
		    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
	return span_of(b->text, n);
}

static void on_message(void *ctx, struct span message)
{
	struct bench *b = ctx;
	struct span want;
	unsigned i;

	if (message.bytes < 12 || sscanf((const char *)message.at, "Subject: %u", &i) != 1 ||
	    i >= b->run->sessions) {
		wrong(b, "a host got a message of %zu bytes that is none of ours", message.bytes);
		return;
	}
	want = message_of(b, i);
	if (want.bytes != message.bytes || memcmp(want.at, message.at, want.bytes) != 0)
		wrong(b, "message %u arrived with other bytes: %zu, not %zu", i, message.bytes,
		      want.bytes);
	b->sessions[i].n_got++;
}

static void prepare(struct bench *b)
{
	const struct nic_run *run = b->run;

	b->port = (struct dp_port_conf){ .name = "p0",
		                         .device = "net_softnic0",
		                         .n_addrs = 2,
		                         .mtu_bytes = 1500,
		                         .queues = run->queues,
		                         .landing = run->landing,
		                         .offloads_off = run->offloads_off };
	ip_prefix_parse("10.9.0.2/24", &b->port.addrs[0]);
	ip_prefix_parse("fd09::2/64", &b->port.addrs[1]);
	b->source = (struct dp_source_conf){ .name = "s0", .helo = "mail.example" };
	ip_parse("10.9.0.10", &b->source.addr4);
	ip_parse("fd09::10", &b->source.addr6);
	b->own[0] = b->port.addrs[0].addr;
	b->own[1] = b->source.addr4;
	b->own[2] = b->source.addr6;
	for (uint32_t i = 0; i < HOSTS; i++) {
		char text[32];

		snprintf(text, sizeof(text), i & 1 ? "fd09::%x" : "10.9.0.%u", 0x64 + i);
		ip_parse(text, &b->hosts[i]);
	}
	b->conf = (struct dp_conf){ .ports = &b->port,
		                    .n_ports = 1,
		                    .sources = &b->source,
		                    .n_sources = 1,
		                    .conns_max = CONNS_MAX,
		                    .window = WINDOW,
		                    .drain_max_ms = 1000,
		                    .state_dir = dir,
		                    .secret = secret,
		                    .log = log_line,
		                    .smtp = { .times = { .connect_ms = 60000,
		                                         .banner_ms = 60000,
		                                         .ehlo_ms = 60000,
		                                         .mail_ms = 60000,
		                                         .rcpt_ms = 60000,
		                                         .data_ms = 60000,
		                                         .body_ms = 60000,
		                                         .dot_ms = 60000,
		                                         .rset_ms = 60000,
		                                         .quit_ms = 60000 },
		                              .reply_lines_max = 100,
		                              .reply_bytes_max = 65536,
		                              .pipelining = 1 } };
}

static bool open_near(struct bench *b)
{
	static const bool spins[SOFTNIC_QUEUES_MAX];
	static cpu_set_t cpus[SOFTNIC_QUEUES_MAX];
	struct softnic_conf nic = b->run->nic;
	struct team_conf conf = { .dp = &b->conf,
		                  .cpus = cpus,
		                  .spins = spins,
		                  .own = b->own,
		                  .n_own = 3,
		                  .control = &b->wake,
		                  .io = &softnic_io };
	char why[DP_WHY_BYTES] = "";

	memcpy(nic.mac, "\x02\0\0\0\0\x01", 6);
	nic.wire_pool = wire_pool;
	b->nic = softnic_new(&nic);
	conf.dev = b->nic;
	if (wake_init(&b->wake) != 0 || team_open(&conf, &b->team, why) != 0) {
		wrong(b, "team_open: %s", why);
		b->team = NULL;
		return false;
	}
	if (team_start_port(b->team, why) != 0) {
		wrong(b, "team_start_port: %s", why);
		return false;
	}
	b->n_workers = team_size(&b->conf, 0);
	for (uint32_t i = 0; i < b->n_workers; i++)
		b->workers[i] = team_worker(b->team, i);
	return true;
}

static void open_far(struct bench *b)
{
	static struct ip_prefix nets[2];
	struct mailhosts_conf conf = { .nets = nets,
		                       .n_nets = 2,
		                       .hosts = b->hosts,
		                       .n_hosts = HOSTS,
		                       .conns_max = CONNS_MAX,
		                       .got = on_message,
		                       .ctx = b };

	ip_prefix_parse("10.9.0.1/24", &nets[0]);
	ip_prefix_parse("fd09::1/64", &nets[1]);
	b->far = mailhosts_new(&conf, b->now_us);
}

static void submit(struct bench *b, uint32_t i)
{
	struct session *s = &b->sessions[i];
	static const struct dp_rcpt to = { .address = { (const uint8_t *)"someone@mx.example",
		                                        18 } };
	static const char from[] = "sender@example.com";
	struct dp_job job = { .conn = s->handle,
		              .message = i + 1,
		              .mail_from = span_of(from, sizeof(from) - 1),
		              .rcpts = &to,
		              .n_rcpts = 1,
		              .n_wire = 1 };
	struct span text = message_of(b, i);
	uint8_t *copy = malloc(text.bytes); /* until it is taken */

	assert(copy != NULL);
	memcpy(copy, text.at, text.bytes);
	job.wire[0] = span_of(copy, text.bytes);
	job.size_bytes = (uint32_t)text.bytes;
	if (!worker_try_submit(b->workers[s->worker], &job))
		wrong(b, "worker %u took no job", s->worker);
	s->is_submitted = true;
	b->copies[i] = copy;
}

static void hear(struct bench *b, const struct dp_evt *e)
{
	uint32_t i = (uint32_t)e->conn;
	struct session *s = &b->sessions[i];

	switch ((enum dp_evt_kind)e->kind) {
	case DP_EVT_OPEN:
		s->handle = e->handle;
		submit(b, i);
		break;
	case DP_EVT_BODY_TAKEN:
		break;
	case DP_EVT_RCPT:
		if (e->outcome != DP_OUT_DELIVERED)
			wrong(b, "session %u: outcome %u, reply %u", i, e->outcome, e->code);
		s->is_delivered = e->outcome == DP_OUT_DELIVERED;
		b->out->delivered += s->is_delivered;
		if (!worker_try_quit(b->workers[s->worker], s->handle))
			wrong(b, "worker %u took no QUIT", s->worker);
		break;
	case DP_EVT_CLOSED:
		if (e->why != DP_WHY_QUIT)
			wrong(b, "session %u by worker %u was closed at %llu ms: %s", i, s->worker,
			      (unsigned long long)(b->now_us - b->start_us) / 1000,
			      dp_why_text(e->why));
		s->is_closed = true;
		b->n_closed++;
		break;
	}
}

static void dial_more(struct bench *b)
{
	while (b->n_dialled < b->run->sessions && b->n_dialled - b->n_closed < b->run->at_once) {
		uint32_t i = b->n_dialled++;
		struct dp_dial dial = { .conn = i,
			                .remote_port = 25,
			                .remote = b->hosts[draw(b, HOSTS)] };

		b->sessions[i].worker = (uint8_t)(i % b->n_workers);
		if (!worker_try_connect(b->workers[b->sessions[i].worker], &dial))
			wrong(b, "worker %u took no dial", b->sessions[i].worker);
	}
}

/* One way: frames from the card to the hosts. True when there was one. */
static bool carry_out(struct bench *b)
{
	struct rte_mbuf *f;
	bool any = false;

	while ((f = softnic_wire_take(b->nic)) != NULL) {
		any = true;
		if (b->run->loss != 0 && draw(b, 1000) < b->run->loss) {
			rte_pktmbuf_free(f);
		} else if (b->run->narrow_bytes != 0 && !narrow_passes(f, b->run->narrow_bytes)) {
			softnic_wire_give(b->nic,
			                  narrow_answer(f, b->run->narrow_bytes, wire_pool));
			rte_pktmbuf_free(f);
		} else {
			mailhosts_take(b->far, b->now_us, f);
		}
	}
	return any;
}

static bool carry_in(struct bench *b)
{
	struct rte_mbuf *f;
	bool any = false;

	for (uint32_t n = 0; n < FRAMES_PER_STEP && (f = mailhosts_give(b->far)) != NULL; n++) {
		any = true;
		if (b->run->loss != 0 && draw(b, 1000) < b->run->loss)
			rte_pktmbuf_free(f);
		else
			softnic_wire_give(b->nic, f);
	}
	return any;
}

/* All of the world once, at now_us. True when something moved. */
static bool step(struct bench *b)
{
	struct dp_evt e;
	bool any = false;

	if (b->run->link_up_ms != 0 && b->now_us - b->start_us >= b->run->link_up_ms * 1000ull)
		softnic_link_set(b->nic, true);
	for (uint32_t i = 0; i < b->n_workers; i++) {
		any |= worker_turn(b->workers[i], b->now_us);
		while (worker_poll(b->workers[i], &e, 1) == 1) {
			hear(b, &e);
			any = true;
		}
	}
	any |= carry_out(b);
	mailhosts_tick(b->far, b->now_us);
	any |= carry_in(b);
	return any;
}

static void go(struct bench *b)
{
	uint64_t end = b->start_us + TIME_MAX_MS * 1000ull, quiet = 0;

	while (b->now_us < end && quiet < QUIET_MS * 1000ull) {
		bool all_closed = b->n_closed == b->run->sessions;
		uint64_t by;

		dial_more(b);
		by = step(b) ? STEP_US : REST_US;
		b->now_us += by;
		if (all_closed && quiet == 0)
			b->out->took_ms = (b->now_us - b->start_us) / 1000;
		quiet = all_closed ? quiet + by : 0;
	}
	if (b->n_closed < b->run->sessions)
		wrong(b, "%u of %u sessions ended within %u s", b->n_closed, b->run->sessions,
		      TIME_MAX_MS / 1000);
}

static uint64_t sum(const struct bench *b, size_t at)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < b->n_workers; i++)
		n += counter_read(
		    (const _Atomic uint64_t *)((const char *)&b->workers[i]->counters + at));
	return n;
}

#define SUM(b, name) sum(b, offsetof(struct dp_counters, name))

/* What must hold however replies land. */
static void judge(struct bench *b)
{
	const struct dp_counters *far = mailhosts_counters(b->far);
	struct nic_result *out = b->out;

	for (uint32_t i = 0; i < b->run->sessions; i++) {
		const struct session *s = &b->sessions[i];

		if (!s->is_delivered || s->n_got != 1)
			wrong(b, "message %u of worker %u: %s, taken %u times", i, s->worker,
			      s->is_delivered ? "delivered" : "not delivered", s->n_got);
	}
	out->rst_sent = SUM(b, tcp_rst_out) + counter_read(&far->tcp_rst_out);
	out->wrong_core = SUM(b, rx_wrong_core);
	out->handed = SUM(b, handed_out);
	out->black_holes = SUM(b, tcp_black_holes);
	out->icmp_in = SUM(b, icmp_error_in);
	out->rto = SUM(b, tcp_rto);
	out->bad_sums = SUM(b, rx_bad_checksum) + counter_read(&far->rx_bad_checksum);
	out->disbelieved = SUM(b, tx_sums_disbelieved);
	out->resent = SUM(b, tcp_retransmits);
	out->missed = softnic_stats(b->nic)->missed;
	out->cut = softnic_stats(b->nic)->cut;
	out->unfit = softnic_stats(b->nic)->prepare_refused;
	out->mode = counter_read(&b->workers[0]->counters.landing_mode);
	for (uint32_t i = 0; i < b->n_workers; i++)
		out->by_worker[i] = counter_read(&b->workers[i]->counters.tcp_established);
	if (softnic_stats(b->nic)->stopped != 0)
		wrong(b, "a queue stopped: %s", softnic_stats(b->nic)->refused_why);
	if (SUM(b, handoff_full) != 0)
		wrong(b, "%llu pieces found no room in a ring",
		      (unsigned long long)SUM(b, handoff_full));
	if (SUM(b, tcp_open_now) != 0 || mailhosts_n_conns(b->far) != 0)
		wrong(b, "connections are left: %llu here, %u there",
		      (unsigned long long)SUM(b, tcp_open_now), mailhosts_n_conns(b->far));
}

/* Everything that anyone held is back, what the card may keep apart. */
static void judge_buffers(struct bench *b)
{
	softnic_let_go(b->nic);
	for (uint32_t i = 0; i < b->n_workers; i++) {
		uint32_t rx = eal_pool_held(b->workers[i]->rx_pool),
			 tx = eal_pool_held(b->workers[i]->tx_pool),
			 ring = softnic_rx_posted(b->nic, (uint16_t)i);

		if (tx != 0 || rx != ring)
			wrong(b, "worker %u: %u segments and %u frames are held, %u in its ring", i,
			      tx, rx, ring);
	}
	if (mailhosts_buffers(b->far) != 0)
		wrong(b, "the hosts hold %u buffers", mailhosts_buffers(b->far));
}

bool nic_run(const struct nic_run *run, struct nic_result *out)
{
	static struct bench bench;
	struct bench *b = &bench;

	assert(run->message_bytes <= MESSAGE_MAX && run->at_once <= CONNS_MAX / 2);
	memset(b, 0, sizeof(*b));
	memset(out, 0, sizeof(*out));
	b->run = run;
	b->out = out;
	b->random = run->nic.seed;
	b->sessions = calloc(run->sessions, sizeof(*b->sessions));
	b->copies = calloc(run->sessions, sizeof(*b->copies));
	b->text = malloc(MESSAGE_MAX + 256);
	assert(b->sessions != NULL && b->copies != NULL && b->text != NULL);
	prepare(b);
	if (open_near(b)) {
		b->start_us = b->now_us = b->workers[b->n_workers - 1]->now_us + STEP_US;
		open_far(b);
		go(b);
		judge(b);
		judge_buffers(b);
		mailhosts_free(b->far);
	}
	if (b->team != NULL)
		team_close(b->team);
	softnic_free(b->nic);
	wake_fini(&b->wake);
	if (eal_pool_held(wire_pool) != 0)
		wrong(b, "%u frames are left on the wire", eal_pool_held(wire_pool));
	for (uint32_t i = 0; i < run->sessions; i++)
		free(b->copies[i]);
	free(b->copies);
	free(b->sessions);
	free(b->text);
	return out->wrong[0] == '\0';
}
