/* test_tcp_rules.c - rules of which no other dialogue here is about: reports of many holes, probes
 * from the other side, ends in CLOSING, clocks on FINs, many connections from one address.
 */
#include "tests/dataplane/tcp/rig.h"
#include "tests/support/suite.h"

#include <errno.h>
#include <string.h>

#define WINDOW 60000

enum { MSS = 1448 };

static const struct rig_options sack_ts = {
	.mss = 1460, .wscale = 0, .sack = true, .ts = true, .window = WINDOW
};
static const struct rig_options sack_only = {
	.mss = 1460, .wscale = 0, .sack = true, .window = WINDOW
};
static const struct rig_options plain = { .mss = 1000,
	                                  .wscale = TCP_WSCALE_NONE,
	                                  .window = WINDOW };

static uint8_t letters[65536];

static struct tcb *conn(struct rig *r)
{
	return tcb_at(r->tcp, r->user.id);
}

static void start(struct rig *r, const struct rig_options *o)
{
	rig_conf(r);
	rig_open(r);
	rig_establish(r, o);
}

static void say(struct rig *r, size_t n)
{
	tcp_write(r->tcp, r->now_us, r->user.id, span_of(letters, n));
	tcp_flush(r->tcp, r->now_us, r->user.id);
	tcp_check(r->tcp);
}

static void ack(struct rig *r, uint32_t to, uint16_t window)
{
	rig_in_at(r, TCP_ACK, r->peer_seq, RIG_ISS + 1 + to, NULL, 0, window);
}

static void an_ipv6_peer_that_names_no_mss_gets_1220_bytes(void)
{
	struct rig_options o = { .wscale = TCP_WSCALE_NONE, .window = WINDOW };
	struct rig r;

	rig_conf(&r);
	ip_parse("fd00::2", &r.local);
	ip_parse("fd00::9", &r.remote);
	rig_open(&r);
	rig_establish(&r, &o);
	say(&r, 5000);
	CU_ASSERT_EQUAL(rig_next(&r)->bytes, 1220); /* RFC 9293 3.7.1 */
	rig_close(&r);
}

static void as_many_holes_are_reported_as_the_header_has_room_for(void)
{
	static const struct {
		const char *why;
		const struct rig_options *o;
		unsigned blocks;
	} cases[] = {
		{ "beside timestamps three (RFC 2018 3)", &sack_ts, 3 },
		{ "else four", &sack_only, 4 },
	};

	for (size_t i = 0; i < 2; i++) {
		const struct rig_sent *s;
		struct rig r;
		uint32_t at;

		start(&r, cases[i].o);
		at = r.peer_seq;
		for (uint32_t hole = 1; hole <= 6; hole++) {
			rig_in_at(&r, TCP_ACK, at + 10 * hole, r.peer_ack, "abc", 3, WINDOW);
			rig_turn(&r); /* at once, each (RFC 5681 4.2) */
			s = rig_next(&r);
			CU_ASSERT_FATAL(s != NULL);
			CU_ASSERT_EQUAL(s->head.ack, at);
			CU_ASSERT_EQUAL(s->head.n_sacks,
			                hole < cases[i].blocks ? hole : cases[i].blocks);
			CU_ASSERT_EQUAL(s->head.sacks[0].start, at + 10 * hole); /* newest first */
		}
		rig_close(&r);
	}
}

static void a_gap_that_is_filled_is_acknowledged_at_once(void)
{
	const struct rig_sent *s;
	struct rig r;
	uint32_t at;

	start(&r, &sack_ts);
	at = r.peer_seq;
	rig_in_at(&r, TCP_ACK, at + 3, r.peer_ack, "def", 3, WINDOW);
	rig_turn(&r);
	rig_drain(&r);
	rig_in_at(&r, TCP_ACK, at, r.peer_ack, "abc", 3, WINDOW);
	rig_turn(&r); /* not 40 ms later (RFC 5681 4.2) */
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL);
	CU_ASSERT_EQUAL(s->head.ack, at + 6);
	CU_ASSERT_EQUAL(s->head.n_sacks, 0);
	rig_close(&r);
}

/* What Linux and others send to ask for a window, or whether we are there. */
static void a_probe_just_below_the_window_is_always_answered(void)
{
	for (size_t n = 0; n < 2; n++) {
		const struct rig_sent *s;
		struct rig r;

		start(&r, &sack_ts);
		rig_in(&r, TCP_ACK, "abc", 3, WINDOW);
		rig_run(&r, 50);
		rig_drain(&r);
		for (int i = 0; i < 3000; i++) { /* beyond the limit of challenges */
			rig_in_at(&r, TCP_ACK, r.peer_seq - 1, r.peer_ack, "c", n, WINDOW);
			rig_turn(&r);
			s = rig_next(&r);
			CU_ASSERT_FATAL(s != NULL && s->head.ack == r.peer_seq);
		}
		CU_ASSERT_EQUAL(r.user.rx_bytes, 3);
		rig_close(&r);
	}
}

static void our_window_grows_by_a_segment_or_not_at_all(void)
{
	const struct rig_sent *s;
	struct rig r;
	uint32_t edge, moved = 0;

	rig_conf(&r);
	r.conf.rx_window_bytes = 8000;
	rig_open(&r);
	rig_establish(&r, &plain);
	edge = conn(&r)->rcv_adv;
	for (int i = 0; i < 400; i++) { /* RFC 9293 3.8.6.2.2 */
		rig_in(&r, TCP_ACK, letters, 10, WINDOW);
		rig_run(&r, 50);
		s = rig_next(&r);
		CU_ASSERT_FATAL(s != NULL);
		if (s->head.ack + s->head.window == edge)
			continue;
		CU_ASSERT_TRUE(s->head.ack + s->head.window - edge >= 536);
		edge = s->head.ack + s->head.window;
		moved++;
	}
	CU_ASSERT_TRUE(moved >= 6 && moved <= 8);
	rig_close(&r);
}

static void no_probe_leaves_while_a_loss_is_repaired(void)
{
	struct tcp_head h = { .flags = TCP_ACK,
		              .window = WINDOW,
		              .wscale = TCP_WSCALE_NONE,
		              .has_ts = true,
		              .ts_val = 1000,
		              .n_sacks = 1 };
	struct rig r;

	start(&r, &sack_ts);
	say(&r, 6 * MSS);
	rig_run(&r, 10);
	h.seq = r.peer_seq;
	h.ack = RIG_ISS + 1;
	h.sacks[0] = (struct tcp_block){ RIG_ISS + 1 + 2 * MSS, RIG_ISS + 1 + 5 * MSS };
	rig_in_head(&r, &h, NULL, 0);
	CU_ASSERT_TRUE(conn(&r)->flags & TCB_F_RECOVERY);
	CU_ASSERT_EQUAL(conn(&r)->xmit, TCB_XMIT_RTO); /* RFC 8985 7.2 */
	rig_run(&r, 150);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_probes), 0);
	rig_close(&r);
}

static void an_ack_of_part_begins_the_timeout_anew(void)
{
	struct rig r;

	start(&r, &plain);
	say(&r, 3000);
	rig_drain(&r);
	rig_run(&r, 150);
	ack(&r, 1000, WINDOW);
	rig_run(&r, 195); /* RFC 6298 5.3 */
	CU_ASSERT_EQUAL(rig_drain(&r), 0);
	rig_run(&r, 200);
	CU_ASSERT_EQUAL(rig_next(&r)->head.seq, RIG_ISS + 1 + 1000);
	rig_close(&r);
}

static void a_window_that_stays_closed_in_silence_ends_by_the_user_timeout(void)
{
	struct rig r;

	rig_conf(&r);
	r.conf.user_timeout_ms = 10000;
	rig_open(&r);
	rig_establish(&r, &plain);
	ack(&r, 0, 0);
	say(&r, 500);
	rig_run(&r, 9900); /* RFC 5482; probes, and nobody answers */
	CU_ASSERT_EQUAL(r.user.n_closed, 0);
	rig_run(&r, 200);
	CU_ASSERT_EQUAL(r.user.n_closed, 1);
	CU_ASSERT_EQUAL(r.user.why, -ETIMEDOUT);
	rig_close(&r);
}

static void a_window_update_that_was_lost_is_asked_for(void)
{
	struct rig r;

	start(&r, &plain);
	ack(&r, 0, 0);
	say(&r, 3000);
	rig_run(&r, 1000); /* 3000 were offered meanwhile, and that was lost */
	CU_ASSERT_TRUE(rig_drain(&r) >= 2);
	ack(&r, 0, 3000); /* the answer to a probe */
	CU_ASSERT_EQUAL(rig_drain(&r), 3);
	rig_close(&r);
}

/* What the peer sends again has an old number, the newest ACK and the newest window. */
static void the_newest_ack_brings_the_newest_window(void)
{
	struct rig r;
	uint32_t at;

	start(&r, &plain);
	ack(&r, 0, 2000);
	say(&r, 6000);
	CU_ASSERT_EQUAL(rig_drain(&r), 2);
	at = r.peer_seq;
	rig_in_at(&r, TCP_ACK, at + 100, r.peer_ack, "later", 5, 2000);
	rig_in_at(&r, TCP_ACK, at, RIG_ISS + 1 + 1000, letters, 100, 1000);
	CU_ASSERT_EQUAL(conn(&r)->snd_una + conn(&r)->snd_wnd, RIG_ISS + 1 + 2000);
	CU_ASSERT_EQUAL(conn(&r)->snd_nxt, RIG_ISS + 1 + 2000); /* nothing beyond the edge */
	rig_in_at(&r, TCP_ACK, at + 105, RIG_ISS + 1 + 2000, NULL, 0, 3000);
	CU_ASSERT_EQUAL(conn(&r)->snd_nxt, RIG_ISS + 1 + 5000);
	rig_in_at(&r, TCP_ACK, at + 105, RIG_ISS + 1 + 1000, "x", 1, 9999); /* late */
	CU_ASSERT_EQUAL(conn(&r)->snd_wnd, 3000);
	rig_close(&r);
}

/* Bytes in order on a silent connection take the short way, and the window they bring counts. */
static void a_window_that_comes_with_bytes_holds(void)
{
	struct rig r;

	start(&r, &plain);
	rig_in(&r, TCP_ACK, letters, 100, 2000);
	CU_ASSERT_EQUAL(conn(&r)->snd_wnd, 2000);
	say(&r, 6000);
	CU_ASSERT_EQUAL(conn(&r)->snd_nxt, RIG_ISS + 1 + 2000);
	ack(&r, 2000, 0);
	rig_close(&r);
	start(&r, &plain);
	rig_in(&r, TCP_ACK, letters, 100, 0);
	say(&r, 100);
	CU_ASSERT_EQUAL(conn(&r)->snd_nxt, RIG_ISS + 1);
	CU_ASSERT_EQUAL(conn(&r)->xmit, TCB_XMIT_PERSIST);
	rig_in(&r, TCP_ACK, letters, 100, 9000);
	CU_ASSERT_EQUAL(conn(&r)->snd_nxt, RIG_ISS + 1 + 100);
	rig_close(&r);
}

/* What was put off first is gone with an answer from above, but its place in the ring is not: with
 * one place there is no other, and the wheel has it.
 */
static void an_ack_put_off_again_is_due_by_its_own_time(void)
{
	static const uint32_t conns[] = { 64, 1 };

	for (int i = 0; i < 2; i++) {
		struct rig r;

		rig_conf(&r);
		r.conf.conns_max = conns[i];
		rig_open(&r);
		rig_establish(&r, &plain);
		rig_in(&r, TCP_ACK, letters, 100, WINDOW);
		rig_run(&r, 5);
		say(&r, 10); /* carries it */
		ack(&r, 10, WINDOW);
		rig_run(&r, 15);
		CU_ASSERT_EQUAL(rig_drain(&r), 1);
		rig_in(&r, TCP_ACK, letters, 100, WINDOW);
		rig_run(&r, 39);
		CU_ASSERT_EQUAL(rig_drain(&r), 0);
		rig_run(&r, 2);
		CU_ASSERT_EQUAL(rig_drain(&r), 1);
		rig_close(&r);
	}
}

/* Two segments of a burst were looked up together; the first ends their connection, and another
 * begins in its slot, before the second is taken.
 */
static void a_guess_that_went_stale_finds_nobody(void)
{
	uint8_t bytes[TCP_HEAD_BYTES];
	struct tcp_head h = { .source_port = 25, .flags = TCP_RST, .wscale = TCP_WSCALE_NONE };
	struct net_seg segs[2];
	struct rig r;
	tcp_id was;

	start(&r, &plain);
	h.dest_port = r.local_port;
	h.seq = r.peer_seq;
	tcp_head_write(&h, bytes);
	for (int i = 0; i < 2; i++) {
		segs[i] = (struct net_seg){ .local = r.local,
			                    .remote = r.remote,
			                    .tcp = span_of(bytes, sizeof(bytes)) };
		tcp_foresee(r.tcp, &segs[i]);
	}
	tcp_expect(r.tcp, segs, 2);
	tcp_input(r.tcp, r.now_us, &segs[0]);
	CU_ASSERT_EQUAL(r.user.n_closed, 1);
	tcp_input(r.tcp, r.now_us, &segs[1]); /* its slot is nobody's */
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_illegal), 0);
	was = r.user.id;
	do
		rig_connect(&r);
	while (r.user.id != was && tcp_n_conns(r.tcp) < r.conf.conns_max);
	CU_ASSERT_EQUAL(r.user.id, was);
	rig_drain(&r);
	tcp_input(r.tcp, r.now_us, &segs[1]);
	CU_ASSERT_EQUAL(r.user.n_closed, 1);
	CU_ASSERT_EQUAL(conn(&r)->state, TCP_STATE_SYN_SENT);
	rig_close(&r);
}

static uint32_t n_expected;
static void *expected[4];

static void on_expect(void *const *users, uint32_t n)
{
	for (uint32_t i = 0; i < n && n_expected < 4; i++)
		expected[n_expected++] = users[i];
}

/* Bytes for an open connection are; an ACK alone, and what is for nobody, is not. */
static void the_layer_above_is_told_whose_bytes_are_coming(void)
{
	uint8_t bytes[TCP_HEAD_BYTES + 4] = { 0 };
	struct tcp_head h = { .source_port = 25, .flags = TCP_ACK, .wscale = TCP_WSCALE_NONE };
	struct net_seg segs[3];
	struct tcp_ops ops;
	struct rig r;

	rig_conf(&r);
	ops = *r.conf.ops;
	ops.expect = on_expect;
	r.conf.ops = &ops;
	rig_open(&r);
	rig_establish(&r, &plain);
	h.dest_port = r.local_port;
	tcp_head_write(&h, bytes);
	for (int i = 0; i < 3; i++)
		segs[i] = (struct net_seg){ .local = r.local,
			                    .remote = r.remote,
			                    .tcp = span_of(bytes, sizeof(bytes)) };
	segs[1].tcp.bytes = TCP_HEAD_BYTES;
	segs[2].remote.b[15] ^= 1;
	for (int i = 0; i < 3; i++)
		tcp_foresee(r.tcp, &segs[i]);
	n_expected = 0;
	tcp_expect(r.tcp, segs, 3);
	CU_ASSERT_EQUAL(n_expected, 1);
	CU_ASSERT_PTR_EQUAL(expected[0], &r.user);
	tcp_abort(r.tcp, r.now_us, r.user.id);
	n_expected = 0;
	tcp_expect(r.tcp, segs, 3);
	CU_ASSERT_EQUAL(n_expected, 0);
	rig_close(&r);
}

static void a_fin_in_closing_is_sent_again(void)
{
	const struct rig_sent *s;
	unsigned fins = 0;
	struct rig r;

	start(&r, &plain);
	say(&r, 5);
	tcp_close(r.tcp, r.now_us, r.user.id);
	rig_in(&r, TCP_ACK | TCP_FIN, NULL, 0, WINDOW); /* crossed; acknowledges neither */
	CU_ASSERT_EQUAL(conn(&r)->state, TCP_STATE_CLOSING);
	ack(&r, 5, WINDOW); /* all but the FIN */
	rig_drain(&r);
	rig_run(&r, 1000);
	while ((s = rig_next(&r)) != NULL) {
		if (!(s->head.flags & TCP_FIN))
			continue;
		fins++;
		CU_ASSERT_EQUAL(s->head.seq, RIG_ISS + 1 + 5);
	}
	CU_ASSERT_TRUE(fins >= 2);
	ack(&r, 6, WINDOW);
	CU_ASSERT_EQUAL(r.user.why, 0);
	CU_ASSERT_EQUAL(r.tcp->tw.used, 1);
	rig_close(&r);
}

static void bytes_beyond_the_peers_fin_are_nonsense(void)
{
	struct rig r;

	start(&r, &plain);
	rig_in(&r, TCP_ACK | TCP_FIN, "end", 3, WINDOW);
	rig_in_at(&r, TCP_ACK, r.peer_seq, r.peer_ack, "more", 4, WINDOW);
	CU_ASSERT_EQUAL(r.user.rx_bytes, 3);
	CU_ASSERT_EQUAL(r.user.n_peer_closed, 1);
	rig_close(&r);
}

static void a_fin_and_its_copies_carry_our_clock_of_now(void)
{
	const struct rig_sent *s;
	uint32_t clock;
	struct rig r;

	start(&r, &sack_ts);
	rig_run(&r, 100);
	tcp_close(r.tcp, r.now_us, r.user.id);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.has_ts);
	clock = s->head.ts_val;
	CU_ASSERT_EQUAL(s->head.ts_ecr, r.ts);
	while ((s = rig_next(&r)) == NULL)
		rig_run(&r, 1);
	CU_ASSERT_TRUE(s->head.ts_val - clock >= 200); /* RFC 7323 4.1: of when it left */
	rig_close(&r);
}

static void one_address_holds_more_connections_than_there_are_ports(void)
{
	enum { HOSTS = 80, EACH = 900, PORTS = 1000 };
	static uint32_t taken[PORTS];
	struct ip_addr remote;
	struct rig r;
	tcp_id id;

	memset(taken, 0, sizeof(taken));
	rig_conf(&r);
	r.conf.conns_max = HOSTS * EACH;
	r.conf.trace = NULL;
	r.conf.port_first = 20000;
	r.conf.port_last = 20000 + PORTS - 1;
	rig_open(&r);
	for (uint32_t h = 0; h < HOSTS; h++) { /* RFC 6056 3.3.4: by destination */
		char text[32];

		snprintf(text, sizeof(text), "10.1.0.%u", h + 1);
		ip_parse(text, &remote);
		for (uint32_t i = 0; i < EACH; i++) {
			int rc = tcp_connect(r.tcp, r.now_us, &r.local, &remote, 25, &r.user, &id);

			CU_ASSERT_EQUAL_FATAL(rc, 0);
			taken[rig_next(&r)->head.source_port - 20000]++;
		}
	}
	CU_ASSERT_EQUAL(tcp_n_conns(r.tcp), HOSTS * EACH);
	CU_ASSERT_TRUE(tcp_n_conns(r.tcp) > 65536);
	for (uint32_t i = 0; i < PORTS; i++) /* 72 on the mean; a run of 900 of 1,000 for each */
		CU_ASSERT_TRUE(taken[i] >= 50 && taken[i] <= HOSTS);
	rig_close(&r);
}

static unsigned n_accepted;

static void *accept_it(void *ctx, tcp_id id)
{
	struct rig *r = ctx;

	n_accepted++;
	r->user.id = id;
	r->user.n_closed = r->user.n_opened = 0;
	return &r->user;
}

static void *accept_none(void *ctx, tcp_id id)
{
	(void)ctx;
	(void)id;
	return NULL;
}

/* A listener's connection that it closed first is in TIME-WAIT; its peer's numbers ended at
 * RIG_PEER + 2, its clock at 2000 if it has one.
 */
static void wait_at_listener(struct rig *r, bool ts)
{
	struct tcp_head syn = { .flags = TCP_SYN,
		                .seq = RIG_PEER,
		                .window = 5000,
		                .mss = 1000,
		                .wscale = TCP_WSCALE_NONE,
		                .has_ts = ts,
		                .ts_val = 2000 };

	rig_conf(r);
	r->conf.listen_port = r->local_port = 2525;
	r->conf.accept = accept_it;
	r->conf.accept_ctx = r;
	rig_open(r);
	rig_in_head(r, &syn, NULL, 0);
	r->ts = ts ? 2000 : 0;
	rig_in_at(r, TCP_ACK, RIG_PEER + 1, RIG_ISS + 1, NULL, 0, 5000);
	tcp_close(r->tcp, r->now_us, r->user.id);
	rig_in_at(r, TCP_ACK | TCP_FIN, RIG_PEER + 1, RIG_ISS + 2, NULL, 0, 5000);
	CU_ASSERT_EQUAL_FATAL(r->tcp->tw.used, 1);
	rig_drain(r);
	n_accepted = 0;
}

static void a_later_syn_ends_the_wait_where_somebody_listens(void)
{
	static const struct {
		const char *why;
		bool was_ts, has_ts;
		uint32_t ts, seq; /* from RIG_PEER on */
		bool begins;
	} cases[] = {
		/* clang-format off */
		{ "a later clock, whatever its number",         true,  true,  2001, -5000u, true },
		{ "an earlier clock",                           true,  true,  1999, 5000,   false },
		{ "the same clock and a later number",          true,  true,  2000, 3,      true },
		{ "the same clock and an old number",           true,  true,  2000, 0,      false },
		{ "a clock where there was none",               false, true,  1,    -5000u, true },
		{ "no clock, a later number",                   false, false, 0,    3,      true },
		{ "no clock, the SYN of the old connection",    false, false, 0,    0,      false },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tcp_head syn = { .flags = TCP_SYN,
			                .seq = RIG_PEER + cases[i].seq,
			                .window = 5000,
			                .wscale = TCP_WSCALE_NONE,
			                .has_ts = cases[i].has_ts,
			                .ts_val = cases[i].ts };
		const struct rig_sent *s;
		struct rig r;

		wait_at_listener(&r, cases[i].was_ts);
		for (int copies = 0; copies < 3; copies++) /* a burst is one connection */
			rig_in_head(&r, &syn, NULL, 0);
		if ((n_accepted == 1) != cases[i].begins)
			printf("\n    %s: %u", cases[i].why, n_accepted);
		CU_ASSERT_EQUAL(n_accepted, cases[i].begins);
		CU_ASSERT_EQUAL(tcp_n_conns(r.tcp), cases[i].begins);
		CU_ASSERT_EQUAL(r.tcp->flow.n, 1);
		s = rig_next(&r);
		CU_ASSERT_FATAL(s != NULL);
		CU_ASSERT_EQUAL((s->head.flags & TCP_SYN) != 0, cases[i].begins);
		if (cases[i].begins) { /* RFC 1122 4.2.2.13: beyond what we said before */
			CU_ASSERT_TRUE((int32_t)(s->head.seq - (RIG_ISS + 2)) > 0);
			CU_ASSERT_EQUAL(s->head.ack, syn.seq + 1);
			r.ts = cases[i].has_ts ? cases[i].ts : 0;
			rig_in_at(&r, TCP_ACK, syn.seq + 1, s->head.seq + 1, "x", 1, 5000);
			CU_ASSERT_EQUAL(r.user.n_opened, 1);
			CU_ASSERT_EQUAL(r.user.rx_bytes, 1);
		}
		rig_close(&r);
	}
}

static void a_wait_stands_when_nobody_takes_the_later_syn(void)
{
	struct tcp_head syn = {
		.flags = TCP_SYN, .seq = RIG_PEER + 3, .window = 5000, .wscale = TCP_WSCALE_NONE
	};
	struct rig r;

	wait_at_listener(&r, false);
	r.tcp->conf.accept = accept_none;
	rig_in_head(&r, &syn, NULL, 0);
	CU_ASSERT_EQUAL(tcp_n_conns(r.tcp), 0);
	CU_ASSERT_EQUAL(r.tcp->flow.n, 1);
	r.tcp->conf.listen_port = 1; /* nor when nobody listens: it is told where we stand */
	rig_in_head(&r, &syn, NULL, 0);
	CU_ASSERT_EQUAL(r.tcp->flow.n, 1);
	CU_ASSERT_EQUAL(r.sent[r.n_sent - 1].head.flags, TCP_ACK);
	rig_close(&r);
}

SUITE("dataplane/tcp/rules", TEST(the_newest_ack_brings_the_newest_window),
      TEST(a_window_that_comes_with_bytes_holds), TEST(a_guess_that_went_stale_finds_nobody),
      TEST(the_layer_above_is_told_whose_bytes_are_coming),
      TEST(an_ack_put_off_again_is_due_by_its_own_time),
      TEST(a_later_syn_ends_the_wait_where_somebody_listens),
      TEST(a_wait_stands_when_nobody_takes_the_later_syn),
      TEST(an_ipv6_peer_that_names_no_mss_gets_1220_bytes),
      TEST(as_many_holes_are_reported_as_the_header_has_room_for),
      TEST(a_gap_that_is_filled_is_acknowledged_at_once),
      TEST(a_probe_just_below_the_window_is_always_answered),
      TEST(our_window_grows_by_a_segment_or_not_at_all),
      TEST(no_probe_leaves_while_a_loss_is_repaired), TEST(an_ack_of_part_begins_the_timeout_anew),
      TEST(a_window_that_stays_closed_in_silence_ends_by_the_user_timeout),
      TEST(a_window_update_that_was_lost_is_asked_for), TEST(a_fin_in_closing_is_sent_again),
      TEST(bytes_beyond_the_peers_fin_are_nonsense),
      TEST(a_fin_and_its_copies_carry_our_clock_of_now),
      TEST(one_address_holds_more_connections_than_there_are_ports))
