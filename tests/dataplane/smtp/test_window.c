/* test_window.c - transactions in flight, against a server that keeps a ledger (mx.h): whatever the
 * window, however replies are cut, and whatever is refused or lost where, each recipient gets one
 * verdict, and only what the server really stored is called delivered.
 */
#include <errno.h>
#include <stdlib.h>

#include "tests/dataplane/smtp/mx.h"
#include "tests/dataplane/smtp/world.h"

#define CHUNKED "250-mx\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 CHUNKING\r\n"
#define PIPED   "250-mx\r\n250-8BITMIME\r\n250 PIPELINING\r\n"
#define ALONE   "250-mx\r\n250 CHUNKING\r\n"
#define KNOWN   (DP_KNOWN_BDAT_WORKS | DP_KNOWN_TOLD_APART)

enum { MESSAGES = 40 };

/* How replies come: all that there are, one by one, byte by byte, or only when nothing more is
 * written.
 */
enum pace { PACE_BATCH, PACE_LINES, PACE_BYTES, N_PACES };

/* One run, and the one place where its server is not as it should be. */
struct run {
	uint8_t window;
	uint16_t known;
	const char *ehlo;
	enum pace pace;
	enum mx_step bad_step;
	unsigned bad_message, bad_code; /* code 0: nothing is bad */
	unsigned bad_rcpt;
	enum mx_style style;
	bool is_lmtp;
	unsigned n_rcpts; /* of each message; 0 is 1 */
	unsigned n;       /* messages; 0 is MESSAGES */
	bool leaves_octets;
	int surplus_at, missing_at;
	size_t lost_at; /* the connection is lost behind so many bytes of replies; 0: never */
	size_t room;    /* that TCP has at a time; 0: plenty */
};

static struct mx mx;
static unsigned n_submitted, max_outstanding;

static unsigned pick(struct mx *m, enum mx_step step, unsigned n, unsigned i)
{
	const struct run *r = m->ctx;
	bool is_it = step == r->bad_step && n == r->bad_message && i == r->bad_rcpt;

	return r->bad_code != 0 && is_it ? r->bad_code : 0;
}

static const struct dp_evt *verdict_of(unsigned n, unsigned rcpt, unsigned *count)
{
	const struct dp_evt *found = NULL;

	*count = 0;
	for (uint32_t i = 0; i < world.n_evts; i++)
		if (world.evts[i].kind == DP_EVT_RCPT && world.evts[i].message == n &&
		    world.evts[i].rcpt == rcpt) {
			found = &world.evts[i];
			++*count;
		}
	return found;
}

static unsigned rcpts_of(const struct run *r)
{
	return r->n_rcpts == 0 ? 1 : r->n_rcpts;
}

static unsigned messages_of(const struct run *r)
{
	return r->n == 0 ? MESSAGES : r->n;
}

/* Messages that are judged. */
static unsigned n_judged(const struct run *r)
{
	return n_evts(DP_EVT_RCPT) / rcpts_of(r);
}

static void submit_next(const struct run *r)
{
	static char from[MESSAGES + 1][16], to[MESSAGES + 1][MX_RCPTS_MAX][24];
	static struct dp_rcpt rcpts[MESSAGES + 1][MX_RCPTS_MAX];
	struct dp_job job = job_of(++n_submitted);

	snprintf(from[n_submitted], sizeof(from[0]), "m%u@x.test", n_submitted);
	job.mail_from = span_str(from[n_submitted]);
	for (unsigned i = 0; i < rcpts_of(r); i++) {
		snprintf(to[n_submitted][i], sizeof(to[0][0]), "r%u.%u@y.test", n_submitted, i);
		rcpts[n_submitted][i].address = span_str(to[n_submitted][i]);
	}
	job.rcpts = rcpts[n_submitted];
	job.n_rcpts = (uint16_t)rcpts_of(r);
	smtp_submit(world.smtp, world.now_us, &job);
}

static void keep_fed(const struct run *r)
{
	while (n_submitted < messages_of(r) && n_evts(DP_EVT_CLOSED) == 0 &&
	       world.tcp.conns[0].is_used && !world.tcp.conns[0].is_shut &&
	       n_submitted - n_judged(r) < r->window + 1u)
		submit_next(r);
}

/* One turn of the server. False when it has nothing to say. */
static bool answer(const struct run *r)
{
	struct fake_conn *c = &world.tcp.conns[0];
	size_t n;

	mx_read(&mx, c->out, c->n_flushed);
	if (mx.n_mail - n_judged(r) > max_outstanding)
		max_outstanding = mx.n_mail - n_judged(r);
	n = mx.n_out - mx.n_said;
	if (n == 0)
		return false;
	if (r->pace == PACE_BYTES)
		n = 1;
	if (r->pace == PACE_LINES)
		n = (size_t)((char *)memchr(mx.out + mx.n_said, '\n', n) - mx.out) - mx.n_said + 1;
	if (r->lost_at != 0 && mx.n_said + n >= r->lost_at) {
		n = r->lost_at - mx.n_said;
		if (n > 0)
			fake_say(&world.tcp, world.now_us, 0, mx.out + mx.n_said, n);
		mx.n_said += n;
		if (c->is_used)
			fake_closed(&world.tcp, world.now_us, 0, -ECONNRESET);
		return false;
	}
	mx.n_said += n;
	fake_say(&world.tcp, world.now_us, 0, mx.out + mx.n_said - n, n);
	return true;
}

static void run(const struct run *r)
{
	struct fake_conn *c = &world.tcp.conns[0];
	const struct ip_addr local = { { 0 } };
	struct dp_dial d = { .conn = 77,
		             .remote_port = 25,
		             .window = r->window,
		             .protocol = r->is_lmtp ? DP_PROTO_LMTP : DP_PROTO_SMTP,
		             .known = r->known };
	uint32_t before;

	world_conf();
	world.conf.txns_max = MESSAGES;
	world_begin_with();
	mx_begin(&mx, pick, (void *)(uintptr_t)r);
	mx.leaves_octets = r->leaves_octets;
	mx.style = r->style;
	mx.is_lmtp = r->is_lmtp;
	mx.surplus_at = r->surplus_at - 1;
	mx.missing_at = r->missing_at - 1;
	n_submitted = max_outstanding = 0;
	smtp_open_session(world.smtp, world.now_us, &d, &local);
	fake_open(&world.tcp, world.now_us, 0);
	SERVER("220 mx ESMTP\r\n");
	fake_say(&world.tcp, world.now_us, 0, r->ehlo, strlen(r->ehlo));
	mx.at = c->n_flushed;
	if (r->room != 0)
		c->room = r->room;
	do {
		keep_fed(r);
		before = n_evts(DP_EVT_RCPT);
		if (c->is_used && !c->is_shut && r->room != 0)
			fake_make_room(&world.tcp, world.now_us, 0, r->room);
		for (bool more = true; more && c->is_used && !c->is_shut;)
			more = answer(r);
	} while (c->is_used && !c->is_shut &&
	         (n_evts(DP_EVT_RCPT) > before || (r->room != 0 && n_judged(r) < messages_of(r))));
	/* What the server never answers ends by patience. */
	for (int i = 0; i < 3 && smtp_n_sessions(world.smtp) > 0; i++) {
		c->n_seen = c->n_flushed;
		c->room = 1000;
		if (c->is_used && c->is_shut)
			fins_pass();
		else if (n_judged(r) == n_submitted)
			part();
		else
			wait_ms(700000);
	}
}

/* Whether the text ends in the number of the message that it was said about. */
static bool is_about(const struct dp_evt *v, unsigned n)
{
	char about[16];
	size_t bytes = (size_t)snprintf(about, sizeof(about), " %u", n);

	return v->text_bytes >= bytes && memcmp(v->text + v->text_bytes - bytes, about, bytes) == 0;
}

/* Whether a verdict is other than the server's ledger has it. */
static bool is_wrong(const struct run *r, const struct dp_evt *v, unsigned n, unsigned i)
{
	bool is_exact = r->surplus_at == 0 && r->missing_at == 0;
	bool stored = mx.messages[n].rcpts[i].is_stored,
	     refused = mx.messages[n].rcpts[i].was_refused;

	if (v->outcome == DP_OUT_DELIVERED && (!stored || refused))
		return true;
	if (v->outcome == DP_OUT_REFUSED && (stored || !refused || v->code != r->bad_code))
		return true;
	return is_exact && r->style != MX_SAME && v->code != 0 && v->outcome != DP_OUT_NOT_TRIED &&
	       !is_about(v, n);
}

/* What must hold whatever happened. Returns how many were delivered. */
static unsigned check(const struct run *r, const char *why)
{
	unsigned delivered = 0, bad = 0;

	for (unsigned n = 1; n <= n_submitted; n++) {
		bad += mx.messages[n].n_stored > 1;
		for (unsigned i = 0; i < rcpts_of(r); i++) {
			unsigned count;
			const struct dp_evt *v = verdict_of(n, i, &count);

			bad += count != 1 || is_wrong(r, v, n, i);
			delivered += count == 1 && v->outcome == DP_OUT_DELIVERED;
		}
	}
	if (bad > 0)
		printf("\n    %s: window %u known %u pace %d style %d lmtp %d rcpts %u bad step %d "
		       "message %u.%u code %u surplus %d missing %d lost %zu room %zu: %u wrong",
		       why, r->window, r->known, r->pace, r->style, r->is_lmtp, rcpts_of(r),
		       r->bad_step, r->bad_message, r->bad_rcpt, r->bad_code, r->surplus_at,
		       r->missing_at, r->lost_at, r->room, bad);
	CU_ASSERT_EQUAL(bad, 0);
	CU_ASSERT_EQUAL(n_evts(DP_EVT_CLOSED), 1);
	return delivered;
}

static const struct run kinds[] = {
	/* clang-format off */
	{ .window = 1,  .ehlo = CHUNKED },
	{ .window = 1,  .ehlo = CHUNKED, .known = DP_KNOWN_BDAT_WORKS },
	{ .window = 4,  .ehlo = CHUNKED },
	{ .window = 4,  .ehlo = CHUNKED, .known = DP_KNOWN_BDAT_WORKS },
	{ .window = 4,  .ehlo = CHUNKED, .known = DP_KNOWN_NO_CHUNKING },
	{ .window = 4,  .ehlo = CHUNKED, .known = DP_KNOWN_NO_PIPELINING },
	{ .window = 4,  .ehlo = PIPED },
	{ .window = 16, .ehlo = CHUNKED, .known = DP_KNOWN_BDAT_WORKS },
	{ .window = 16, .ehlo = PIPED },
	{ .window = 32, .ehlo = CHUNKED, .known = DP_KNOWN_BDAT_WORKS },
	/* clang-format on */
};

enum { N_KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static void all_is_delivered_whatever_the_window_and_however_replies_are_cut(void)
{
	for (size_t k = 0; k < N_KINDS; k++)
		for (int pace = 0; pace < N_PACES; pace++)
			for (int narrow = 0; narrow < 2; narrow++) {
				struct run r = kinds[k];

				r.pace = (enum pace)pace;
				r.room = narrow ? 37 : 0;
				run(&r);
				CU_ASSERT_EQUAL(check(&r, "all well"), MESSAGES);
				world_end();
			}
}

static void as_many_transactions_are_in_flight_as_the_window_says(void)
{
	static const struct {
		struct run r;
		unsigned want;
	} cases[] = {
		/* clang-format off */
		{ { .window = 1,  .ehlo = CHUNKED, .known = DP_KNOWN_BDAT_WORKS }, 1 },
		{ { .window = 4,  .ehlo = CHUNKED, .known = DP_KNOWN_BDAT_WORKS }, 4 },
		{ { .window = 16, .ehlo = CHUNKED, .known = DP_KNOWN_BDAT_WORKS }, 16 },
		{ { .window = 32, .ehlo = CHUNKED, .known = DP_KNOWN_BDAT_WORKS }, 32 },
		{ { .window = 32, .ehlo = PIPED }, 2 }, /* DATA ends a group (RFC 2920 3.1) */
		{ { .window = 32, .ehlo = "250-mx\r\n250 CHUNKING\r\n", .known = DP_KNOWN_BDAT_WORKS }, 1 },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		run(&cases[i].r);
		CU_ASSERT_EQUAL(check(&cases[i].r, "in flight"), MESSAGES);
		if (max_outstanding != cases[i].want)
			printf("\n    window %u: %u in flight", cases[i].r.window, max_outstanding);
		CU_ASSERT_EQUAL(max_outstanding, cases[i].want);
		world_end();
	}
}

static void a_refusal_anywhere_in_the_window_hits_its_own_recipient_only(void)
{
	static const unsigned codes[] = { 450, 452, 503, 550, 554, 421 };
	static const enum mx_step places[] = { MX_MAIL, MX_RCPT, MX_DATA, MX_BDAT, MX_DOT };

	for (size_t k = 0; k < N_KINDS; k++)
		for (size_t c = 0; c < sizeof(codes) / sizeof(codes[0]); c++)
			for (size_t p = 0; p < sizeof(places) / sizeof(places[0]); p++)
				for (unsigned m = 1; m <= 6; m++) {
					struct run r = kinds[k];

					r.bad_step = places[p];
					r.bad_code = codes[c];
					r.bad_message = m;
					run(&r);
					check(&r, "refused");
					world_end();
				}
}

static void a_connection_lost_at_any_byte_confuses_nothing(void)
{
	for (size_t k = 0; k < N_KINDS; k++)
		for (size_t at = 1; at < 600; at++) {
			struct run r = kinds[k];

			r.lost_at = at;
			r.pace = at % 2 == 0 ? PACE_BATCH : PACE_LINES;
			run(&r);
			check(&r, "lost");
			world_end();
		}
}

static void a_reply_too_many_or_too_few_ends_the_session(void)
{
	for (size_t k = 0; k < N_KINDS; k++)
		for (int at = 1; at < 40; at++)
			for (int too_few = 0; too_few < 2; too_few++) {
				struct run r = kinds[k];

				r.surplus_at = too_few ? 0 : at;
				r.missing_at = too_few ? at : 0;
				run(&r);
				check(&r, "count");
				CU_ASSERT_NOT_EQUAL(last(DP_EVT_CLOSED)->why, DP_WHY_QUIT);
				world_end();
			}
}

/* The same with a message refused near it: what was shifted must not be believed. */
static void a_reply_too_many_never_makes_a_refused_message_a_delivered_one(void)
{
	static const enum mx_step ends[] = { MX_BDAT, MX_DOT, MX_RCPT };

	for (size_t k = 0; k < N_KINDS; k++)
		for (int at = 1; at < 40; at++)
			for (unsigned m = 1; m < 8; m++)
				for (size_t e = 0; e < 3; e++) {
					struct run r = kinds[k];

					r.surplus_at = at;
					r.bad_message = m;
					r.bad_step = ends[e];
					r.bad_code = 554;
					run(&r);
					check(&r, "surplus");
					world_end();
				}
}

/* Servers of every kind, for the test below: each with one fault and one refusal. */
static const struct run faulty[] = {
	/* clang-format off */
	{ .window = 1,  .ehlo = CHUNKED },
	{ .window = 1,  .ehlo = CHUNKED, .known = DP_KNOWN_BDAT_WORKS },
	{ .window = 1,  .ehlo = PIPED },
	{ .window = 1,  .ehlo = ALONE },
	{ .window = 1,  .ehlo = PIPED, .n_rcpts = 3 },
	{ .window = 1,  .ehlo = ALONE, .n_rcpts = 3 },
	{ .window = 1,  .ehlo = PIPED, .n_rcpts = 3, .is_lmtp = true },
	{ .window = 4,  .ehlo = CHUNKED, .known = KNOWN },
	{ .window = 4,  .ehlo = CHUNKED, .known = DP_KNOWN_BDAT_WORKS },
	{ .window = 4,  .ehlo = CHUNKED, .known = KNOWN, .n_rcpts = 3 },
	{ .window = 4,  .ehlo = CHUNKED, .known = KNOWN, .is_lmtp = true },
	{ .window = 4,  .ehlo = CHUNKED, .known = KNOWN, .n_rcpts = 2, .is_lmtp = true },
	{ .window = 16, .ehlo = CHUNKED, .known = KNOWN },
	{ .window = 16, .ehlo = PIPED, .known = DP_KNOWN_TOLD_APART },
	{ .window = 32, .ehlo = CHUNKED, .known = KNOWN },
	/* clang-format on */
};

/* Another answer than the usual one, about one recipient; the first one is none. */
static const struct {
	enum mx_step step;
	unsigned code;
} answers[] = { { MX_RSET, 0 },   { MX_MAIL, 550 }, { MX_RCPT, 450 },
	        { MX_RCPT, 550 }, { MX_DATA, 451 }, { MX_BDAT, 452 },
	        { MX_BDAT, 554 }, { MX_DOT, 452 },  { MX_DOT, 554 } };

enum { N_ANSWERS = sizeof(answers) / sizeof(answers[0]), FAULTY_MESSAGES = 5, FAULTY_REPLIES = 16 };

/* All that may be refused of the messages of a run, with what is said twice or left out. */
static void try_refusals(struct run r)
{
	for (size_t a = 0; a < N_ANSWERS; a++)
		for (unsigned m = 1; m <= (a == 0 ? 1 : 3); m++)
			for (unsigned i = 0; i < (a == 0 ? 1 : rcpts_of(&r)); i++) {
				unsigned delivered;

				r.bad_step = answers[a].step;
				r.bad_code = answers[a].code;
				r.bad_message = m;
				r.bad_rcpt = i;
				r.pace = (r.surplus_at + r.missing_at / 2 + (int)a) % 2 == 0
				             ? PACE_BATCH
				             : PACE_LINES;
				run(&r);
				delivered = check(&r, "faulty");
				if (a == 0 && r.surplus_at == 0 && r.missing_at == 0)
					CU_ASSERT_EQUAL(delivered, r.n * rcpts_of(&r));
				world_end();
			}
}

static void a_reply_too_many_or_too_few_anywhere_never_gives_a_verdict_on_the_wrong_recipient(void)
{
	for (size_t k = 0; k < sizeof(faulty) / sizeof(faulty[0]); k++)
		for (int style = 0; style < MX_N_STYLES; style++)
			for (int at = 0; at <= 2 * FAULTY_REPLIES; at++) {
				struct run r = faulty[k];

				r.n = FAULTY_MESSAGES;
				r.style = (enum mx_style)style;
				r.surplus_at = at % 2 == 0 ? at / 2 : 0;
				r.missing_at = at % 2 == 0 ? 0 : (at + 1) / 2;
				try_refusals(r);
			}
}

SUITE("dataplane/smtp/window",
      TEST(all_is_delivered_whatever_the_window_and_however_replies_are_cut),
      TEST(as_many_transactions_are_in_flight_as_the_window_says),
      TEST(a_refusal_anywhere_in_the_window_hits_its_own_recipient_only),
      TEST(a_connection_lost_at_any_byte_confuses_nothing),
      TEST(a_reply_too_many_or_too_few_ends_the_session),
      TEST(a_reply_too_many_never_makes_a_refused_message_a_delivered_one),
      TEST(a_reply_too_many_or_too_few_anywhere_never_gives_a_verdict_on_the_wrong_recipient))
