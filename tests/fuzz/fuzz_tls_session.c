/* fuzz_tls_session.c - a session against a server that knows TLS and does not keep to it: bytes
 * behind the 220, records lost, doubled, out of order or spoilt, alerts, text in the clear where a
 * handshake belongs, an end at any place.
 *
 * Holds: with a policy that asks for TLS no MAIL and no secret is ever said in the clear, nor by
 * any policy once a handshake has begun; a session is open under TLS only when the server has
 * finished the handshake too, and a message is delivered then only when the server said so inside;
 * exactly one verdict and one CLOSED; no session is left.
 *
 * Input: policy, version and port; then pairs (operation, argument).
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/smtp/smtp.h"
#include "tests/dataplane/smtp/fake_tcp.h"
#include "tests/dataplane/tls/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { WIRE_BYTES = 1 << 16, RECORD_HEAD = 5 };

#define SECRET "open-sesame-4711"

static const char *const helos[] = { "out.x.test" };

static struct {
	struct tcp tcp;
	struct dp_counters counters;
	struct tls *tls;
	struct smtp *smtp;
	struct server *servers[2]; /* TLS 1.2 and 1.3 */
	struct server *server;
	uint64_t now_us;
	uint8_t policy;
	bool is_lost;   /* the server cannot go on */
	size_t n_clear; /* bytes of the client's that were no TLS */
	bool is_tls;    /* what the client says from there on is */
	bool is_open, is_judged, is_submitted, is_closed, says_inside;
	uint8_t wire[WIRE_BYTES]; /* from the server, on its way */
	size_t n_wire;
} w;

static void submit(struct dp_handle conn)
{
	static const struct dp_rcpt to = { .address = { (const uint8_t *)"r@y.test", 8 } };
	struct dp_job job = { .conn = conn,
		              .message = 1,
		              .mail_from = span_str("a@x.test"),
		              .rcpts = &to,
		              .n_rcpts = 1,
		              .n_wire = 1,
		              .size_bytes = 21 };

	job.wire[0] = span_str("Subject: hi\r\n\r\nbody\r\n");
	smtp_submit(w.smtp, w.now_us, &job);
}

static void on_evt(void *ctx, const struct dp_evt *evt)
{
	(void)ctx;
	assert(!w.is_closed);
	switch ((enum dp_evt_kind)evt->kind) {
	case DP_EVT_OPEN:
		assert(!w.is_open && (evt->tls != 0 || w.policy < DP_TLS_ENCRYPT));
		assert(evt->tls == 0 || (server_is_secure(w.server) && w.says_inside));
		w.is_open = w.is_submitted = true;
		submit(evt->handle);
		break;
	case DP_EVT_RCPT:
		assert(w.is_submitted && !w.is_judged);
		assert(evt->outcome != DP_OUT_DELIVERED || !w.is_tls || w.says_inside);
		w.is_judged = true;
		break;
	case DP_EVT_CLOSED:
		w.is_closed = true;
		break;
	default:
		break;
	}
}

/* Where the client's words end and its records begin. */
static void find_records(const struct fake_conn *c)
{
	while (!w.is_tls && w.n_clear < c->n_flushed) {
		const uint8_t *at = c->out + w.n_clear, *lf;

		if (*at == 0x16) {
			w.is_tls = true;
			c = NULL;
			return;
		}
		lf = memchr(at, '\n', c->n_flushed - w.n_clear);
		if (lf == NULL)
			return;
		assert(w.policy < DP_TLS_ENCRYPT || memcmp(at, "MAIL", 4) != 0);
		assert(memcmp(at, "AUTH", 4) != 0);
		w.n_clear = (size_t)(lf - c->out) + 1;
	}
}

static bool holds(const struct fake_conn *c, const char *text)
{
	return memmem(c->out + w.n_clear, c->n_out - w.n_clear, text, strlen(text)) != NULL;
}

/* What the client wrote reaches the server, if it is TLS, and what goes back waits in `wire`. */
static void carry(void)
{
	struct fake_conn *c = &w.tcp.conns[0];
	size_t from;

	while (smtp_tick(w.smtp, w.now_us, 100) == w.now_us)
		continue;
	find_records(c);
	if (!w.is_tls)
		return;
	assert(!holds(c, "MAIL FROM") && !holds(c, "AUTH ") && !holds(c, SECRET));
	from = c->n_seen > w.n_clear ? c->n_seen : w.n_clear;
	if (!w.is_lost && c->n_flushed > from)
		w.is_lost = !server_takes(w.server, c->out + from, c->n_flushed - from);
	c->n_seen = c->n_flushed;
	w.n_wire += server_gives(w.server, w.wire + w.n_wire, sizeof(w.wire) - w.n_wire);
}

static void say(const void *at, size_t bytes)
{
	const struct fake_conn *c = &w.tcp.conns[0];

	if (c->is_used && c->is_opened && !c->is_finned && bytes > 0)
		fake_say(&w.tcp, w.now_us, 0, at, bytes);
}

/* Takes bytes off the front of what is on its way. */
static void cut(size_t bytes)
{
	memmove(w.wire, w.wire + bytes, w.n_wire - bytes);
	w.n_wire -= bytes;
}

static void deliver(size_t most)
{
	static uint8_t piece[WIRE_BYTES];
	size_t n = w.n_wire < most ? w.n_wire : most;

	memcpy(piece, w.wire, n);
	cut(n);
	say(piece, n);
}

/* Bytes of the record at the front; 0: none is whole. */
static size_t record(size_t at)
{
	size_t bytes;

	if (w.n_wire < at + RECORD_HEAD)
		return 0;
	bytes = RECORD_HEAD + ((size_t)w.wire[at + 3] << 8 | w.wire[at + 4]);
	return w.n_wire >= at + bytes ? bytes : 0;
}

static void double_record(void)
{
	size_t n = record(0);

	if (n == 0 || w.n_wire + n > sizeof(w.wire))
		return;
	memmove(w.wire + n, w.wire, w.n_wire);
	w.n_wire += n;
}

static void swap_records(void)
{
	static uint8_t first[WIRE_BYTES];
	size_t a = record(0), b = a == 0 ? 0 : record(a);

	if (b == 0)
		return;
	memcpy(first, w.wire, a);
	memmove(w.wire, w.wire + a, b);
	memcpy(w.wire + b, first, a);
}

static const char *usual(uint8_t arg)
{
	static const char *const all[] = {
		"220 mx\r\n",
		"250-mx\r\n250-PIPELINING\r\n250 STARTTLS\r\n",
		"220 go ahead\r\n",
		"250-mx\r\n250-AUTH PLAIN LOGIN\r\n250 PIPELINING\r\n",
		"235 known\r\n",
		"250 2.1.0 a\r\n250 2.1.5 b\r\n354 go\r\n",
		"250 2.0.0 queued\r\n",
		"250 mx\r\n",
		"220 go ahead\r\n250 mx\r\n",
		"454 TLS not available\r\n",
		"421 bye\r\n",
		"221 bye\r\n",
		"250 ok\r\n",
		"501 no\r\n",
		"334 \r\n",
		"535 no\r\n",
	};

	return all[arg % 16];
}

static void say_inside(uint8_t arg)
{
	if (w.is_lost || !server_is_secure(w.server))
		return;
	server_says(w.server, usual(arg), strlen(usual(arg)));
	w.says_inside = true;
	w.n_wire += server_gives(w.server, w.wire + w.n_wire, sizeof(w.wire) - w.n_wire);
}

static void end_inside(void)
{
	if (w.is_lost || !server_is_secure(w.server))
		return;
	server_says_goodbye(w.server);
	w.is_lost = true;
	w.n_wire += server_gives(w.server, w.wire + w.n_wire, sizeof(w.wire) - w.n_wire);
}

static void act(uint8_t op, uint8_t arg, struct span *rest)
{
	const uint8_t alert[] = { 21, 3, 3, 0, 2, 1 + (arg & 1), arg >> 1 };
	struct fake_conn *c = &w.tcp.conns[0];
	struct span raw;

	switch (op % 16) {
	case 0:
	case 1:
		deliver(WIRE_BYTES);
		break;
	case 2:
		deliver(arg + 1u);
		break;
	case 3:
	case 4:
		say(usual(arg), strlen(usual(arg)));
		break;
	case 5:
	case 6:
		say_inside(arg);
		break;
	case 7:
		if (w.n_wire > 0)
			w.wire[(size_t)arg * 7 % w.n_wire] ^= (uint8_t)(1u << (arg & 7));
		break;
	case 8:
		cut(record(0));
		break;
	case 9:
		double_record();
		break;
	case 10:
		swap_records();
		break;
	case 11:
		say(alert, sizeof(alert));
		break;
	case 12:
		if (span_take(rest, arg, &raw))
			say(raw.at, raw.bytes);
		break;
	case 13:
		end_inside();
		break;
	case 14:
		if (c->is_used && arg < 128 && c->is_opened && !c->is_finned)
			fake_fin(&w.tcp, w.now_us, 0);
		else if (c->is_used && arg >= 128)
			fake_closed(&w.tcp, w.now_us, 0, -ECONNRESET);
		break;
	default:
		w.now_us += 20000u * arg;
		break;
	}
}

static void open_engines(void)
{
	static const struct server_conf kinds[2] = { { .version = 0x0303, .name = "mx.y.test" },
		                                     { .version = 0x0304, .name = "mx.y.test" } };
	const struct tls_conf tls_conf = { .conns_max = 2,
		                           .sessions_max = 4,
		                           .ca_file = server_ca_file(),
		                           .counters = &w.counters,
		                           .ops = &smtp_tls_ops };
	struct smtp_conf conf = { .sessions_max = 1,
		                  .times = { 1000, 2000, 2000, 2000, 2000, 2000, 2000, 4000, 2000,
		                             1000 },
		                  .linger_ms = 500,
		                  .reply_lines_max = 10,
		                  .reply_bytes_max = 300,
		                  .pipelining = 1,
		                  .chunking = 1,
		                  .txns_max = 4,
		                  .helos = helos,
		                  .emit = on_evt,
		                  .counters = &w.counters };
	char why[TLS_WHY_BYTES];

	for (int i = 0; i < 2 && w.servers[i] == NULL; i++)
		w.servers[i] = server_new(&kinds[i]);
	if (tls_open(&tls_conf, &w.tcp, &w.tls, why) != 0)
		abort();
	conf.tls = w.tls;
	if (smtp_open(&conf, &w.tcp, w.now_us, &w.smtp) != 0)
		abort();
}

static void begin(uint8_t policy, uint8_t how)
{
	static const struct smtp_credential known = { .user = { (const uint8_t *)"joe@x.test", 10 },
		                                      .secret = { (const uint8_t *)SECRET,
		                                                  sizeof(SECRET) - 1 } };
	const struct ip_addr local = { { 0 } };
	struct dp_dial d = { .tls = policy % DP_N_TLS,
		             .remote_port = (how & 2) != 0 ? 465 : 25,
		             .credential = (how & 4) != 0,
		             .host = "mx.y.test" };

	fake_reset(&w.tcp);
	w.now_us = 1;
	w.policy = d.tls;
	w.n_clear = w.n_wire = 0;
	w.is_lost = w.is_tls = w.is_open = w.is_judged = w.is_submitted = w.is_closed =
	    w.says_inside = false;
	open_engines();
	w.server = w.servers[how & 1];
	server_again(w.server);
	smtp_set_credential(w.smtp, 1, &known);
	smtp_open_session(w.smtp, w.now_us, &d, &local);
	fake_open(&w.tcp, w.now_us, 0);
}

static void finish(void)
{
	for (int i = 0; i < 24; i++) {
		w.now_us += 500000;
		carry();
	}
	smtp_drain(w.smtp, w.now_us, 0);
	smtp_drain(w.smtp, w.now_us, 0);
	assert(smtp_n_sessions(w.smtp) == 0 && w.is_closed && w.is_judged == w.is_submitted);
	smtp_close(w.smtp);
	tls_close(w.tls);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct span rest = span_of(data, bytes);
	uint8_t op, arg;

	if (!span_take_u8(&rest, &op) || !span_take_u8(&rest, &arg))
		return 0;
	begin(op, arg);
	carry();
	while (span_take_u8(&rest, &op) && span_take_u8(&rest, &arg)) {
		act(op, arg, &rest);
		carry();
	}
	finish();
	return 0;
}
