#include <stdlib.h>
#include <string.h>

#include "tests/dataplane/smtp/world.h"

struct world world;

static const char *const helos[] = { "out.x.test" };

static void keep(void *ctx, const struct dp_evt *evt)
{
	(void)ctx;
	if (world.n_evts == WORLD_EVTS_MAX)
		abort();
	world.evts[world.n_evts++] = *evt;
	if (evt->kind == DP_EVT_OPEN)
		world.conn = evt->handle;
}

void world_conf(void)
{
	world.conf = (struct smtp_conf){
		.sessions_max = 4,
		.times = { .connect_ms = 30000,
		           .banner_ms = 300000,
		           .ehlo_ms = 300000,
		           .mail_ms = 300000,
		           .rcpt_ms = 300000,
		           .data_ms = 120000,
		           .body_ms = 180000,
		           .dot_ms = 600000,
		           .rset_ms = 300000,
		           .quit_ms = 10000 },
		.linger_ms = 2000,
		.reply_lines_max = 100,
		.reply_bytes_max = 16384,
		.pipelining = 1,
		.chunking = 1,
		.txns_max = 256,
		.helos = helos,
		.emit = keep,
		.counters = &world.counters,
	};
}

void world_begin_with(void)
{
	memset(&world.counters, 0, sizeof(world.counters));
	fake_reset(&world.tcp);
	world.now_us = 1000000;
	world.order = (struct dp_dial){ .conn = 77, .remote_port = 25 };
	world.n_evts = 0;
	if (smtp_open(&world.conf, &world.tcp, world.now_us, &world.smtp) != 0)
		abort();
}

void world_begin(void)
{
	world_conf();
	world_begin_with();
}

void world_end(void)
{
	CU_ASSERT_EQUAL(smtp_n_sessions(world.smtp), 0);
	CU_ASSERT_EQUAL(counter_read(&world.counters.smtp_open_now), 0);
	smtp_close(world.smtp);
}

void dial(void)
{
	const struct ip_addr local = { { 0 } };

	smtp_open_session(world.smtp, world.now_us, &world.order, &local);
}

void greet(const char *ehlo_reply)
{
	dial();
	fake_open(&world.tcp, world.now_us, 0);
	SERVER("220 mx.y.test ESMTP\r\n");
	CLIENT("EHLO out.x.test\r\n");
	fake_say(&world.tcp, world.now_us, 0, ehlo_reply, strlen(ehlo_reply));
	CU_ASSERT_EQUAL(n_evts(DP_EVT_OPEN), 1);
}

struct dp_job job_of(uint64_t message)
{
	static const char body[] = "Subject: hi\r\n\r\nbody\r\n";
	static char to[64][16];
	static struct dp_rcpt rcpts[64];
	char *r = to[message % 64];

	snprintf(r, sizeof(to[0]), "r%u@y.test", (unsigned)message);
	rcpts[message % 64].address = span_str(r);
	return (struct dp_job){
		.conn = world.conn,
		.message = message,
		.mail_from = span_str("a@x.test"),
		.rcpts = &rcpts[message % 64],
		.wire = { span_str(body) },
		.n_rcpts = 1,
		.n_wire = 1,
		.size_bytes = sizeof(body) - 1,
	};
}

void submit(uint64_t message)
{
	struct dp_job job = job_of(message);

	smtp_submit(world.smtp, world.now_us, &job);
}

void client_said(const char *file, int line, const char *text)
{
	struct fake_conn *c = &world.tcp.conns[0];
	size_t n = c->n_flushed - c->n_seen;
	bool same = n == strlen(text) && memcmp(c->out + c->n_seen, text, n) == 0;

	if (!same)
		printf("\n    %s:%d: got \"%.*s\", want \"%s\"", file, line, (int)n,
		       (const char *)c->out + c->n_seen, text);
	CU_ASSERT_TRUE(same);
	c->n_seen = c->n_flushed;
}

void server_drips(const char *text)
{
	for (; *text != '\0'; text++)
		fake_say(&world.tcp, world.now_us, 0, text, 1);
}

void wait_ms(uint64_t ms)
{
	uint64_t until = world.now_us + ms * 1000;

	while (world.now_us < until) {
		uint64_t left = until - world.now_us;

		world.now_us += left < 1000000 ? left : 1000000;
		smtp_tick(world.smtp, world.now_us, 1000);
	}
}

const struct dp_evt *last(enum dp_evt_kind kind)
{
	static const struct dp_evt none = { .kind = 255, .outcome = 255, .why = 255, .reach = 255 };

	for (uint32_t i = world.n_evts; i-- > 0;) {
		if (world.evts[i].kind == kind)
			return &world.evts[i];
	}
	return &none;
}

uint32_t n_evts(enum dp_evt_kind kind)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < world.n_evts; i++)
		n += world.evts[i].kind == kind;
	return n;
}

const struct dp_evt *verdict_at(const char *file, int line, uint64_t message)
{
	static const struct dp_evt none = { .kind = 255, .outcome = 255, .why = 255, .reach = 255 };
	const struct dp_evt *found = &none;
	uint32_t n = 0;

	for (uint32_t i = 0; i < world.n_evts; i++) {
		if (world.evts[i].kind != DP_EVT_RCPT || world.evts[i].message != message)
			continue;
		found = &world.evts[i];
		n++;
	}
	if (n != 1)
		printf("\n    %s:%d: %u verdicts for message %u", file, line, n, (unsigned)message);
	CU_ASSERT_EQUAL(n, 1);
	return found;
}

void fins_pass(void)
{
	CU_ASSERT_TRUE(world.tcp.conns[0].is_shut);
	fake_closed(&world.tcp, world.now_us, 0, 0);
	CU_ASSERT_EQUAL(n_evts(DP_EVT_CLOSED), 1);
	CU_ASSERT_EQUAL(world.evts[world.n_evts - 1].kind, DP_EVT_CLOSED);
}

void part(void)
{
	smtp_quit(world.smtp, world.now_us, world.conn);
	CLIENT("QUIT\r\n");
	SERVER("221 bye\r\n");
	CU_ASSERT_FALSE(world.tcp.conns[0].is_shut); /* the server closes first */
	fake_fin(&world.tcp, world.now_us, 0);
	fins_pass();
	CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->why, DP_WHY_QUIT);
	CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->reach, DP_REACH_NONE);
	CU_ASSERT_EQUAL(world.tcp.n_aborts, 0);
}
