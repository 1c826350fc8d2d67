/* fuzz_smtp_session.c - one client against servers that send, close, stall and reset as the input
 * says, while control submits jobs, several recipients each, into windows of all sizes.
 *
 * Holds: exactly one verdict per recipient, none after CLOSED; exactly one CLOSED per session; a
 * job's spans are not read after its last verdict or BODY_TAKEN (they are freed then, for the
 * sanitizer to see); at the end no session is left. What the client wrote is read again here,
 * command by command, and each verdict must be the one that the server's replies give by their
 * order: DELIVERED only by 2yz to exactly that message's end and to that recipient, REFUSED only by
 * a 4yz or 5yz to a command of its own. What a server says to AUTH is not told on when it has the
 * secret in it.
 *
 * Input: pairs (operation, argument); a server's bytes follow their pair. The high bits of the
 * operation say of a session that it is LMTP's or authenticates, of an answer which half of those
 * that are usual it is from.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/dataplane/smtp/fake_tcp.h"

#include "dataplane/smtp/smtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum {
	JOBS_MAX = 64,
	DIALS_MAX = 16,
	RCPTS_MAX = 3,
	REPLIES_MAX = 1024, /* that the server's bytes are read into */
	TO_BYTES = 8,
};

/* What is told to hosts, as it is and as AUTH PLAIN says it behind the user's name. */
#define SECRET    "open-sesame-4711"
#define SECRET_64 "b3Blbi1zZXNhbWUtNDcxMQ"

static const char *const helos[] = { "out.x.test" };
static const char limited[] =
    "250-hi\r\n250-PIPELINING\r\n250-LIMITS RCPTMAX=2 MAILMAX=3 RCPTDOMAINMAX=1\r\n"
    "250 CHUNKING\r\n";

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
		uint8_t n_rcpts, n_verdicts[RCPTS_MAX];
		bool is_taken;
	} jobs[JOBS_MAX];
	/* What the server of a connection has said, as an independent reader sees it. */
	struct heard {
		uint32_t n;
		uint16_t codes[REPLIES_MAX];
		char line[4];
		uint32_t n_line;
	} heard[FAKE_CONNS_MAX];
	tcp_id dialled[DIALS_MAX]; /* the connection of a dial */
	bool is_lmtp[DIALS_MAX];
} w;

/* Where in the client's words a message stands: which reply answers which of its commands. */
struct places {
	int mail, rcpt[RCPTS_MAX], data, end[RCPTS_MAX]; /* numbers of replies; -1: not said */
};

/* A line of the client's at `at`, without its end; false when it is not whole. */
static bool take_line(const struct fake_conn *c, size_t *at, struct span *line)
{
	const uint8_t *lf = memchr(c->out + *at, '\n', c->n_out - *at);

	if (lf == NULL)
		return false;
	*line = span_of(c->out + *at, (size_t)(lf - c->out) - 1 - *at);
	*at = (size_t)(lf - c->out) + 1;
	return true;
}

static bool begins(struct span line, const char *text)
{
	return line.bytes >= strlen(text) && memcmp(line.at, text, strlen(text)) == 0;
}

static bool was_accepted(const struct heard *h, int reply)
{
	return reply >= 0 && (uint32_t)reply < h->n && h->codes[reply] / 100 == 2;
}

/* The replies to the end of a message: one, or in LMTP one for each that was accepted. Returns how
 * many.
 */
static int note_ends(const struct heard *h, bool is_lmtp, const int to[RCPTS_MAX], int reply,
                     int end[RCPTS_MAX])
{
	int n = 0;

	for (int i = 0; i < RCPTS_MAX; i++)
		if (!is_lmtp)
			end[i] = reply;
		else if (was_accepted(h, to[i]))
			end[i] = reply + n++;
	return is_lmtp ? n : 1;
}

/* Reads all that the client wrote on a connection and finds `message` in it. */
static struct places places_of(tcp_id id, unsigned message, bool is_lmtp)
{
	const struct fake_conn *c = &w.tcp.conns[id];
	const struct heard *h = &w.heard[id];
	struct places p = { -1, { -1, -1, -1 }, -1, { -1, -1, -1 } };
	int to[RCPTS_MAX] = { -1, -1, -1 }, ends[RCPTS_MAX];
	struct span line;
	size_t at = 0;
	int reply = 1, mail = -1; /* the first is the greeting */
	unsigned current = JOBS_MAX;

	while (take_line(c, &at, &line)) {
		int number = reply++;

		if (begins(line, "MAIL FROM:")) {
			mail = number;
			current = JOBS_MAX;
			memset(to, 0xff, sizeof(to));
		} else if (begins(line, "RCPT TO:<")) {
			unsigned rcpt = line.at[12] - '0';

			current = (line.at[9] - '0') * 10u + (line.at[10] - '0');
			assert(rcpt < RCPTS_MAX && current < JOBS_MAX);
			to[rcpt] = number;
			if (current == message) {
				p.mail = mail;
				p.rcpt[rcpt] = number;
			}
		} else if (begins(line, "DATA")) {
			if (current == message)
				p.data = number;
			if ((uint32_t)number >= h->n || h->codes[number] != 354)
				continue;
			while (take_line(c, &at, &line) && !(line.bytes == 1 && line.at[0] == '.'))
				;
			if (line.bytes == 1 && line.at[0] == '.') {
				reply += note_ends(h, is_lmtp, to, reply,
				                   current == message ? p.end : ends);
			}
		} else if (begins(line, "BDAT ")) {
			size_t bytes = strtoul((const char *)line.at + 5, NULL, 10);

			if (c->n_out - at < bytes)
				break;
			at += bytes;
			if (current == message)
				(void)note_ends(h, false, to, number, p.end);
		}
	}
	return p;
}

/* An independent reader of replies: good enough for what the client takes as one. */
static void note_said(tcp_id id, struct span said)
{
	struct heard *h = &w.heard[id];

	for (size_t i = 0; i < said.bytes; i++) {
		uint8_t byte = said.at[i];

		if (byte != '\n') {
			if (h->n_line < 4)
				h->line[h->n_line] = (char)byte;
			h->n_line++;
			continue;
		}
		if (h->n < REPLIES_MAX && (h->n_line < 4 || h->line[3] != '-'))
			h->codes[h->n++] = (uint16_t)((h->line[0] - '0') * 100 +
			                              (h->line[1] - '0') * 10 + h->line[2] - '0');
		h->n_line = 0;
	}
}

static bool was_answered(tcp_id id, int reply, uint16_t code)
{
	const struct heard *h = &w.heard[id];

	return reply >= 0 &&
	       ((uint32_t)reply < h->n ? h->codes[reply] == code : h->n == REPLIES_MAX);
}

static void check_verdict(const struct dp_evt *evt)
{
	struct places p;
	tcp_id id;

	if (evt->outcome != DP_OUT_DELIVERED && evt->outcome != DP_OUT_REFUSED)
		return;
	id = w.dialled[evt->conn];
	p = places_of(id, (unsigned)evt->message, w.is_lmtp[evt->conn]);
	if (evt->outcome == DP_OUT_DELIVERED) {
		uint16_t to = p.rcpt[evt->rcpt] >= 0 && (uint32_t)p.rcpt[evt->rcpt] < w.heard[id].n
		                  ? w.heard[id].codes[p.rcpt[evt->rcpt]]
		                  : 0;

		assert(evt->code / 100 == 2 && was_answered(id, p.end[evt->rcpt], evt->code));
		assert(to / 100 == 2 || w.heard[id].n == REPLIES_MAX);
	} else if (p.mail >= 0) { /* else it was refused here */
		int reply = evt->step == DP_STEP_MAIL   ? p.mail
		            : evt->step == DP_STEP_RCPT ? p.rcpt[evt->rcpt]
		            : evt->step == DP_STEP_DATA ? p.data
		                                        : p.end[evt->rcpt];

		/* In the middle of a body there is no end yet, and a refusal may come. */
		assert(evt->step == DP_STEP_DOT || evt->step == DP_STEP_BDAT || reply >= 0 ||
		       evt->code == 553);
		assert(reply < 0 || was_answered(id, reply, evt->code));
	}
}

static void free_spans(uint64_t message)
{
	free(w.jobs[message].rcpt);
	w.jobs[message].rcpt = NULL;
}

static bool all_judged(uint64_t message)
{
	for (uint8_t i = 0; i < w.jobs[message].n_rcpts; i++)
		if (w.jobs[message].n_verdicts[i] == 0)
			return false;
	return true;
}

static void on_evt(void *ctx, const struct dp_evt *evt)
{
	size_t kept = evt->text_bytes < DP_TEXT_MAX ? evt->text_bytes : DP_TEXT_MAX;

	(void)ctx;
	assert(evt->step != DP_STEP_AUTH || (!memmem(evt->text, kept, SECRET, strlen(SECRET)) &&
	                                     !memmem(evt->text, kept, SECRET_64, 22)));
	switch ((enum dp_evt_kind)evt->kind) {
	case DP_EVT_OPEN:
		assert(!w.is_open[evt->conn] && !w.is_closed[evt->conn]);
		w.is_open[evt->conn] = true;
		w.open[evt->conn] = evt->handle;
		break;
	case DP_EVT_BODY_TAKEN:
		assert(!w.jobs[evt->message].is_taken && w.jobs[evt->message].rcpt != NULL);
		w.jobs[evt->message].is_taken = true;
		free_spans(evt->message);
		break;
	case DP_EVT_RCPT:
		assert(evt->message < w.n_jobs && evt->rcpt < w.jobs[evt->message].n_rcpts);
		assert(w.jobs[evt->message].n_verdicts[evt->rcpt]++ == 0);
		check_verdict(evt);
		if (evt->outcome == DP_OUT_DELIVERED || evt->outcome == DP_OUT_UNCONFIRMED)
			assert(w.jobs[evt->message].is_taken);
		if (evt->outcome == DP_OUT_REFUSED)
			assert(evt->code >= 400 && evt->code < 600 && evt->reach != DP_REACH_NONE);
		if (all_judged(evt->message))
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
	uint8_t n_rcpts = (uint8_t)(arg / 16 % 4 == 3 ? RCPTS_MAX : 1);
	struct dp_job job = { .message = w.n_jobs, .n_rcpts = n_rcpts, .n_wire = 2 };
	struct dp_rcpt *rcpts =
	    calloc(1, RCPTS_MAX * (sizeof(*rcpts) + TO_BYTES + 1) + sizeof(body));
	char *at = (char *)(rcpts + RCPTS_MAX);

	if (w.n_jobs == JOBS_MAX || rcpts == NULL) {
		free(rcpts);
		return;
	}
	for (unsigned i = 0; i < n_rcpts; i++, at += TO_BYTES) {
		snprintf(at, TO_BYTES + 1, "%02u.%u@%c.t", w.n_jobs, i, i == 2 ? 'z' : 'y');
		rcpts[i].address = span_of(at, TO_BYTES);
	}
	memcpy(at, body, sizeof(body));
	job.conn = w.open[arg % DIALS_MAX];
	job.rcpts = rcpts;
	job.mail_from = span_of(rcpts + RCPTS_MAX, (arg & 16) != 0 ? TO_BYTES : 0);
	job.wire[0] = span_of(at, (arg & 32) != 0 ? 7 : 0);
	job.wire[1] = span_of(at + job.wire[0].bytes, sizeof(body) - 1 - job.wire[0].bytes);
	job.size_bytes = sizeof(body) - 1;
	job.needs_8bit = (arg & 64) != 0;
	w.jobs[w.n_jobs].rcpt = rcpts;
	w.jobs[w.n_jobs].n_rcpts = n_rcpts;
	memset(w.jobs[w.n_jobs].n_verdicts, 0, sizeof(w.jobs[0].n_verdicts));
	w.jobs[w.n_jobs].is_taken = false;
	w.n_jobs++;
	smtp_submit(w.smtp, w.now_us, &job);
}

static void dial(uint8_t arg, uint8_t how)
{
	const struct dp_dial d = { .conn = w.n_dials,
		                   .remote_port = 25,
		                   .window = (uint8_t)(arg % 40),
		                   .known = arg / 32 | ((how & 8) != 0 ? DP_KNOWN_TOLD_APART : 0),
		                   .protocol = (how & 1) != 0 ? DP_PROTO_LMTP : DP_PROTO_SMTP,
		                   .credential = (how & 2) == 0   ? 0
		                                 : (how & 4) != 0 ? 2
		                                                  : 1,
		                   .auth_in_clear = (how & 2) != 0 };
	const struct ip_addr local = { { 0 } };
	bool was_used[FAKE_CONNS_MAX];

	if (w.n_dials == DIALS_MAX)
		return;
	for (tcp_id id = 0; id < FAKE_CONNS_MAX; id++)
		was_used[id] = w.tcp.conns[id].is_used;
	w.is_lmtp[w.n_dials++] = (how & 1) != 0;
	smtp_open_session(w.smtp, w.now_us, &d, &local);
	for (tcp_id id = 0; id < FAKE_CONNS_MAX; id++)
		if (w.tcp.conns[id].is_used && !was_used[id]) {
			w.dialled[d.conn] = id;
			w.heard[id].n = w.heard[id].n_line = 0;
		}
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
	note_said(id, said);
	fake_say(&w.tcp, w.now_us, id, said.at, said.bytes);
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
static void say_usual(uint8_t arg, uint8_t half)
{
	/* clang-format off */
	static const char *const usual[2][16] = { {
		"220 hi\r\n",
		"250-hi\r\n250-SIZE 500\r\n250 PIPELINING\r\n",
		"250 ok\r\n",
		"354 go\r\n",
		"250 ok\r\n250 ok\r\n354 go\r\n",
		"250 hi\r\n",
		"421 bye\r\n",
		"550 no\r\n",
		"250-hi\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
		limited,
		"250 2.1.0 ok\r\n250 2.1.5 ok\r\n250 2.0.0 queued\r\n",
		"250 ok\r\n250 2.1.0 ok\r\n250 2.1.5 ok\r\n250 2.0.0 queued\r\n",
		"452 4.5.3 too many\r\n",
		"503 5.5.1 no\r\n",
		"250 ok\r\n550 no\r\n503 no\r\n",
		"250 a\r\n250 b\r\n250 c\r\n250 d\r\n250 e\r\n250 f\r\n",
	}, {
		"250-hi\r\n250-AUTH PLAIN LOGIN XOAUTH2 OAUTHBEARER\r\n250-PIPELINING\r\n"
		"250 CHUNKING\r\n",
		"250-hi\r\n250 AUTH=LOGIN\r\n",
		"334 VXNlcm5hbWU6\r\n",
		"334 \r\n",
		"334 %%% no base64\r\n",
		"334-a\r\n334 b\r\n",
		"235 2.7.0 known\r\n",
		"535 5.7.8 unknown\r\n",
		"535 5.7.8 \"" SECRET "\" is wrong\r\n",
		"535-5.7.8 AUTH PLAIN AGpvZUB4LnRlc3QA" SECRET_64 "==\r\n535 wrong\r\n",
		"530 5.7.0 who are you?\r\n",
		"250 2.0.0 <00.0@y.t> kept\r\n552 5.2.2 <00.1@y.t> full\r\n",
		"250 ok\r\n250 ok\r\n552 full\r\n",
		"250 2.0.0 reset\r\n250 2.1.0 a\r\n250 2.1.5 b\r\n250 2.0.0 c\r\n",
		"250 2.1.0 a\r\n250 2.1.5 b\r\n250 2.1.5 c\r\n354 d\r\n",
		"550 5.1.1 a\r\n550 5.1.1 a\r\n",
	} };
	/* clang-format on */

	say_bytes(&w.tcp.conns[arg % 4], arg % 4, span_str(usual[half % 2][arg / 4 % 16]));
}

static void set_credentials(void)
{
	static const struct smtp_credential ways[2] = {
		{ .user = { (const uint8_t *)"joe@x.test", 10 },
		  .secret = { (const uint8_t *)SECRET, sizeof(SECRET) - 1 } },
		{ .is_token = true,
		  .user = { (const uint8_t *)"joe@x.test", 10 },
		  .secret = { (const uint8_t *)SECRET, sizeof(SECRET) - 1 } },
	};

	for (uint32_t i = 0; i < 2; i++)
		smtp_set_credential(w.smtp, i + 1, &ways[i]);
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
		.txns_max = JOBS_MAX * RCPTS_MAX,
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
	if (smtp_open(&conf, &w.tcp, w.now_us, &w.smtp) != 0)
		abort();
	set_credentials();
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
		assert(all_judged(i));
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
			dial(arg, op / 16);
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
			if ((arg & 2) != 0)
				set_credentials();
			break;
		case 14:
		case 15:
			say_usual(arg, op / 16);
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
