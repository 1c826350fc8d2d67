/* fuzz_smtp_session.c - one client against a server that sends, closes, stalls and resets as the
 * input says, while control submits jobs.
 *
 * Holds: exactly one verdict per recipient, none after CLOSED; exactly one CLOSED per session;
 * DELIVERED only by a reply 2yz that comes when a dot is the newest thing on the wire; a job's
 * spans are not read after its verdict or BODY_TAKEN (they are freed then, for the sanitizer to
 * see); at the end no session is left.
 *
 * Input: pairs (operation, argument); a server's bytes follow their pair.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "tests/dataplane/smtp/fake_tcp.h"

#include "dataplane/smtp/smtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum {
	JOBS_MAX = 64,
	DIALS_MAX = 16,
	BODY_BYTES = 60,
};

static const char *const helos[] = { "out.x.test" };

static struct {
	struct tcp tcp;
	struct dp_counters counters;
	struct smtp *smtp;
	uint64_t now_us;
	uint32_t n_jobs, n_dials, n_closed;
	struct dp_handle open[DIALS_MAX]; /* by dial */
	bool is_open[DIALS_MAX], is_closed[DIALS_MAX];
	struct {
		struct dp_rcpt
		    *rcpt; /* and behind it address and body; NULL once they may be freed */
		uint8_t n_verdicts;
		bool is_taken;
	} jobs[JOBS_MAX];
	const struct fake_conn *saying; /* whose bytes the client is being given; NULL: none's */
} w;

static void free_spans(uint64_t message)
{
	free(w.jobs[message].rcpt);
	w.jobs[message].rcpt = NULL;
}

static void on_evt(void *ctx, const struct dp_evt *evt)
{
	(void)ctx;
	switch ((enum dp_evt_kind)evt->kind) {
	case DP_EVT_OPEN:
		assert(!w.is_open[evt->conn] && !w.is_closed[evt->conn]);
		w.is_open[evt->conn] = true;
		w.open[evt->conn] = evt->handle;
		break;
	case DP_EVT_BODY_TAKEN:
		assert(w.jobs[evt->message].n_verdicts == 0 && !w.jobs[evt->message].is_taken);
		w.jobs[evt->message].is_taken = true;
		free_spans(evt->message);
		break;
	case DP_EVT_RCPT:
		assert(evt->rcpt == 0 && evt->message < w.n_jobs);
		assert(w.jobs[evt->message].n_verdicts++ == 0);
		if (evt->outcome == DP_OUT_DELIVERED) {
			assert(evt->code / 100 == 2 && w.jobs[evt->message].is_taken);
			assert(w.saying != NULL && w.saying->n_out >= 5);
			assert(memcmp(w.saying->out + w.saying->n_out - 5, "\r\n.\r\n", 5) == 0);
		}
		if (evt->outcome == DP_OUT_UNCONFIRMED)
			assert(w.jobs[evt->message].is_taken);
		if (evt->outcome == DP_OUT_REFUSED)
			assert(evt->code >= 400 && evt->code < 600 && evt->reach != DP_REACH_NONE);
		free_spans(evt->message);
		break;
	case DP_EVT_CLOSED:
		assert(!w.is_closed[evt->conn]);
		w.is_closed[evt->conn] = true;
		w.n_closed++;
		break;
	}
}

static void submit(uint8_t arg)
{
	static const char body[] =
	    "a\r\n.\r\n..b\r\n\r\nwith a rather long line at the end of it\r\n";
	struct dp_job job = { .message = w.n_jobs, .n_rcpts = 1, .n_wire = 2 };
	struct dp_rcpt *rcpt = calloc(1, sizeof(*rcpt) + sizeof(body) + 8);
	char *at = (char *)(rcpt + 1);

	if (w.n_jobs == JOBS_MAX || rcpt == NULL) {
		free(rcpt);
		return;
	}
	memcpy(at, "r@y.test", 8);
	memcpy(at + 8, body, sizeof(body));
	job.conn = w.open[arg % DIALS_MAX];
	rcpt->address = span_of(at, 8);
	job.rcpts = rcpt;
	job.mail_from = span_of(at, (arg & 16) != 0 ? 8 : 0);
	job.wire[0] = span_of(at + 8, (arg & 32) != 0 ? 7 : 0);
	job.wire[1] = span_of(at + 8 + job.wire[0].bytes, sizeof(body) - 1 - job.wire[0].bytes);
	job.size_bytes = sizeof(body) - 1;
	job.needs_8bit = (arg & 64) != 0;
	w.jobs[w.n_jobs].rcpt = rcpt;
	w.jobs[w.n_jobs].n_verdicts = 0;
	w.jobs[w.n_jobs].is_taken = false;
	w.n_jobs++;
	smtp_submit(w.smtp, w.now_us, &job);
}

static void dial(void)
{
	const struct dp_dial d = { .conn = w.n_dials, .remote_port = 25 };
	const struct ip_addr local = { { 0 } };

	if (w.n_dials == DIALS_MAX)
		return;
	w.n_dials++;
	smtp_open_session(w.smtp, w.now_us, &d, &local);
}

static void pass(uint64_t us)
{
	w.now_us += us;
	smtp_tick(w.smtp, w.now_us, 100);
}

static void say_bytes(struct fake_conn *c, tcp_id id, struct span said)
{
	if (!c->is_used || !c->is_opened || c->is_finned || said.bytes == 0)
		return;
	w.saying = c;
	fake_say(&w.tcp, w.now_us, id, said.at, said.bytes);
	w.saying = NULL;
}

/* One operation of the server's side on a connection. */
static void serve(uint8_t op, uint8_t arg, struct span *rest)
{
	tcp_id id = arg % 4;
	struct fake_conn *c = &w.tcp.conns[id];
	struct span said;

	if (!c->is_used)
		return;
	switch (op) {
	case 0:
		if (!c->is_opened)
			fake_open(&w.tcp, w.now_us, id);
		break;
	case 1:
		if (span_take(rest, arg >> 2, &said))
			say_bytes(c, id, said);
		break;
	case 2:
		if (c->is_opened && !c->is_finned)
			fake_fin(&w.tcp, w.now_us, id);
		break;
	case 3:
		fake_closed(&w.tcp, w.now_us, id, (arg & 4) != 0 ? -ECONNRESET : -ETIMEDOUT);
		break;
	case 4:
		c->room = arg >> 2;
		break;
	case 5:
		if (c->is_opened)
			fake_make_room(&w.tcp, w.now_us, id, 4u * (arg >> 2));
		break;
	}
}

/* The answers of an ordinary server, so that the input need not spell them. */
static void say_usual(uint8_t arg)
{
	static const char *const usual[] = {
		"220 hi\r\n",
		"250-hi\r\n250-SIZE 500\r\n250 PIPELINING\r\n",
		"250 ok\r\n",
		"354 go\r\n",
		"250 ok\r\n250 ok\r\n354 go\r\n",
		"250 hi\r\n",
		"421 bye\r\n",
		"550 no\r\n",
	};

	say_bytes(&w.tcp.conns[arg % 4], arg % 4, span_str(usual[arg / 4 % 8]));
}

static void begin(void)
{
	const struct smtp_conf conf = {
		.sessions_max = 4,
		.times = { .connect_ms = 1000,
		           .banner_ms = 2000,
		           .ehlo_ms = 2000,
		           .mail_ms = 2000,
		           .rcpt_ms = 2000,
		           .data_ms = 2000,
		           .body_ms = 2000,
		           .dot_ms = 4000,
		           .rset_ms = 2000,
		           .quit_ms = 1000 },
		.linger_ms = 500,
		.reply_lines_max = 10,
		.reply_bytes_max = 300,
		.pipelining = 1,
		.chunking = 1,
		.txns_max = JOBS_MAX,
		.helos = helos,
		.emit = on_evt,
		.counters = &w.counters,
	};

	fake_reset(&w.tcp);
	w.now_us = 1;
	w.n_jobs = w.n_dials = w.n_closed = 0;
	memset(w.open, 0, sizeof(w.open));
	memset(w.is_open, 0, sizeof(w.is_open));
	memset(w.is_closed, 0, sizeof(w.is_closed));
	w.saying = NULL;
	if (smtp_open(&conf, &w.tcp, w.now_us, &w.smtp) != 0)
		abort();
}

static void finish(void)
{
	/* Patience ends every session by itself, or the second drain does. */
	smtp_drain(w.smtp, w.now_us, 3000);
	for (int i = 0; i < 12; i++)
		pass(500000);
	smtp_drain(w.smtp, w.now_us, 0);
	assert(smtp_n_sessions(w.smtp) == 0 && w.n_closed == w.n_dials);
	for (uint32_t i = 0; i < w.n_jobs; i++) {
		assert(w.jobs[i].n_verdicts == 1);
		assert(w.jobs[i].rcpt == NULL);
	}
	for (tcp_id id = 0; id < FAKE_CONNS_MAX; id++)
		assert(!w.tcp.conns[id].is_used);
	smtp_close(w.smtp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct span rest = span_of(data, bytes);
	uint8_t op, arg;

	begin();
	while (span_take_u8(&rest, &op) && span_take_u8(&rest, &arg)) {
		switch (op % 16) {
		case 6:
			dial();
			break;
		case 7:
		case 8:
			submit(arg);
			break;
		case 9:
			smtp_quit(w.smtp, w.now_us, w.open[arg % DIALS_MAX]);
			break;
		case 10:
			pass(1000u * arg);
			break;
		case 11:
			pass(20000u * arg);
			break;
		case 12:
			if (arg < 16)
				smtp_drain(w.smtp, w.now_us, arg * 100);
			break;
		case 13:
			w.tcp.no_buffers = (arg & 1) != 0;
			break;
		case 14:
		case 15:
			say_usual(arg);
			break;
		default:
			serve(op % 16, arg, &rest);
			break;
		}
	}
	w.tcp.no_buffers = false;
	finish();
	return 0;
}
