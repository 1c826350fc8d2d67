/* test_tcp_ecn.c - routers' marks: agreed on at the handshake or not at all, echoed until the
 * sender answers, and a reduction of the window for each round trip that was marked (RFC 3168).
 */
#include "tests/dataplane/tcp/rig.h"
#include "tests/support/suite.h"

#include "dataplane/tcp/tcp_cc.h"

#include <errno.h>

#define WINDOW 60000

enum { MSS = 1448, BOTH = TCP_ECE | TCP_CWR };

static const struct rig_options agrees = {
	.mss = 1460, .wscale = 0, .sack = true, .ts = true, .window = WINDOW, .flags = TCP_ECE
};

static uint8_t letters[65536];

static struct tcb *conn(struct rig *r)
{
	return tcb_at(r->tcp, r->user.id);
}

static void start(struct rig *r, const struct rig_options *o)
{
	rig_conf(r);
	r->conf.ecn = true;
	rig_open(r);
	if (o != NULL)
		rig_establish(r, o);
}

static void say(struct rig *r, unsigned segs)
{
	tcp_write(r->tcp, r->now_us, r->user.id, span_of(letters, segs * MSS));
	tcp_flush(r->tcp, r->now_us, r->user.id);
	tcp_check(r->tcp);
}

static void ack(struct rig *r, uint32_t segs, uint8_t flags)
{
	rig_in_at(r, TCP_ACK | flags, r->peer_seq, RIG_ISS + 1 + segs * MSS, NULL, 0, WINDOW);
}

/* Two segments, which are acknowledged at once; the first as given. */
static void hear(struct rig *r, uint8_t flags, uint8_t ecn)
{
	r->ecn = ecn;
	rig_in(r, TCP_ACK | flags, letters, MSS, WINDOW);
	r->ecn = NET_ECN_ECT0;
	rig_in(r, TCP_ACK, letters, MSS, WINDOW);
	rig_turn(r);
}

static void it_is_offered_only_where_it_is_wanted(void)
{
	for (int wanted = 0; wanted < 2; wanted++) {
		const struct rig_sent *s;
		struct rig r;

		rig_conf(&r);
		r.conf.ecn = wanted;
		rig_open(&r);
		rig_connect(&r);
		s = rig_next(&r);
		CU_ASSERT_FATAL(s != NULL);
		CU_ASSERT_EQUAL(s->head.flags, TCP_SYN | (wanted ? BOTH : 0));
		CU_ASSERT_EQUAL(s->ecn, NET_ECN_NOT_ECT); /* 6.1.1: never of a SYN */
		rig_close(&r);
	}
}

static void only_a_synack_with_the_echo_alone_agrees(void)
{
	static const struct {
		const char *why;
		uint8_t flags, want;
	} cases[] = {
		{ "the peer agrees", TCP_ECE, NET_ECN_ECT0 },
		{ "the peer knows nothing of it", 0, NET_ECN_NOT_ECT },
		{ "it reflects what it does not know (6.1.1)", BOTH, NET_ECN_NOT_ECT },
		{ "mangled on the way", TCP_CWR, NET_ECN_NOT_ECT },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig_options o = agrees;
		const struct rig_sent *s;
		struct rig r;

		o.flags = cases[i].flags;
		start(&r, &o);
		say(&r, 2);
		s = rig_next(&r);
		CU_ASSERT_FATAL(s != NULL);
		if (s->ecn != cases[i].want)
			printf("\n    %s: %u", cases[i].why, s->ecn);
		CU_ASSERT_EQUAL(s->ecn, cases[i].want);
		CU_ASSERT_EQUAL(s->head.flags & BOTH, 0);
		CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_ecn_agreed),
		                cases[i].want == NET_ECN_ECT0);
		rig_close(&r);
	}
}

static void a_syn_that_is_not_answered_is_repeated_without(void)
{
	const struct rig_sent *s;
	struct rig r;

	start(&r, NULL);
	rig_connect(&r);
	rig_drain(&r);
	rig_run(&r, 1010); /* 6.1.1.1 */
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.flags == TCP_SYN);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_ecn_fallbacks), 1);
	rig_run(&r, 2010);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.flags == TCP_SYN);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_ecn_fallbacks), 1);
	rig_close(&r);
}

static void a_syn_that_is_refused_is_repeated_without_once(void)
{
	const struct rig_sent *s;
	struct rig r;

	start(&r, NULL);
	rig_connect(&r);
	r.local_port = rig_next(&r)->head.source_port;
	rig_in_at(&r, TCP_RST | TCP_ACK, 0, RIG_ISS + 1, NULL, 0, 0);
	CU_ASSERT_EQUAL(r.user.n_closed, 0);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.flags == TCP_SYN);
	CU_ASSERT_EQUAL(s->head.seq, RIG_ISS);
	rig_in_at(&r, TCP_RST | TCP_ACK, 0, RIG_ISS + 1, NULL, 0, 0);
	CU_ASSERT_EQUAL(r.user.n_closed, 1);
	CU_ASSERT_EQUAL(r.user.why, -ECONNREFUSED);
	rig_close(&r);
}

static void a_mark_is_echoed_until_the_sender_has_reduced(void)
{
	const struct rig_sent *s;
	struct rig r;

	start(&r, &agrees);
	hear(&r, 0, NET_ECN_CE);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.flags == (TCP_ACK | TCP_ECE));
	CU_ASSERT_EQUAL(s->ecn, NET_ECN_NOT_ECT); /* 6.1.4: a bare ACK */
	hear(&r, 0, NET_ECN_ECT0);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.flags == (TCP_ACK | TCP_ECE)); /* until CWR comes */
	say(&r, 1);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && (s->head.flags & BOTH) == TCP_ECE); /* on data as well */
	hear(&r, TCP_CWR, NET_ECN_ECT0);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.flags == TCP_ACK);
	hear(&r, TCP_CWR, NET_ECN_CE); /* the answer to the last mark, marked: a new one */
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.flags == (TCP_ACK | TCP_ECE));
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_ecn_marks_in), 2);
	rig_close(&r);
}

static void an_echo_reduces_the_window_once_a_round_trip(void)
{
	static const struct {
		const char *why;
		uint8_t cc;
		uint32_t tenths;
	} cases[] = {
		{ "CUBIC", TCP_CC_CUBIC, 7 },
		{ "NewReno", TCP_CC_NEWRENO, 5 },
	};

	for (size_t i = 0; i < 2; i++) {
		const struct rig_sent *s;
		uint32_t was, now;
		struct rig r;

		rig_conf(&r);
		r.conf.ecn = true;
		r.conf.cc = cases[i].cc;
		rig_open(&r);
		rig_establish(&r, &agrees);
		say(&r, 10);
		CU_ASSERT_EQUAL(rig_drain(&r), 10);
		was = conn(&r)->cwnd;
		rig_run(&r, 10);
		ack(&r, 1, TCP_ECE);
		now = conn(&r)->cwnd;
		CU_ASSERT_TRUE(now <= (was + MSS * 2) * cases[i].tenths / 10);
		CU_ASSERT_TRUE(now >= was * (cases[i].tenths * 10 - 1) / 100);
		for (uint32_t n = 2; n <= 9; n++) /* the same window: neither less nor more */
			ack(&r, n, TCP_ECE);
		CU_ASSERT_EQUAL(conn(&r)->cwnd, now);
		CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_ecn_reduced), 1);
		CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_retransmits), 0);
		say(&r, 2);
		s = rig_next(&r); /* 6.1.2: the first new segment says so, and only that */
		CU_ASSERT_FATAL(s != NULL && (s->head.flags & BOTH) == TCP_CWR);
		CU_ASSERT_EQUAL(s->ecn, NET_ECN_ECT0);
		s = rig_next(&r);
		CU_ASSERT_FATAL(s != NULL && (s->head.flags & BOTH) == 0);
		ack(&r, 11, TCP_ECE); /* of what left after the reduction */
		CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_ecn_reduced), 2);
		CU_ASSERT_TRUE(conn(&r)->cwnd < now);
		rig_close(&r);
	}
}

static void what_is_sent_again_is_not_marked_and_its_loss_is_told(void)
{
	const struct rig_sent *s;
	struct rig r;

	start(&r, &agrees);
	say(&r, 4);
	rig_drain(&r);
	rig_run(&r, 250); /* all lost */
	while ((s = rig_next(&r)) != NULL) {
		CU_ASSERT_EQUAL(s->ecn, NET_ECN_NOT_ECT); /* 6.1.5 */
		CU_ASSERT_EQUAL(s->head.flags & BOTH, 0);
	}
	CU_ASSERT_TRUE(rig_count(&r.counters.tcp_rto) >= 1);
	ack(&r, 4, 0);
	say(&r, 1);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && (s->head.flags & BOTH) == TCP_CWR); /* 6.1.2: any reason */
	rig_close(&r);
}

static void probes_of_a_closed_window_are_not_marked(void)
{
	const struct rig_sent *s;
	struct rig r;

	start(&r, &agrees);
	rig_in_at(&r, TCP_ACK, r.peer_seq, r.peer_ack, NULL, 0, 0);
	say(&r, 1);
	rig_run(&r, 2000);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL);
	CU_ASSERT_EQUAL(s->ecn, NET_ECN_NOT_ECT); /* 6.1.6 */
	rig_close(&r);
}

static void an_echo_that_nobody_agreed_on_changes_nothing(void)
{
	struct rig_options o = agrees;
	const struct rig_sent *s;
	struct rig r;
	uint32_t cwnd;

	o.flags = 0;
	start(&r, &o);
	say(&r, 10);
	rig_drain(&r);
	cwnd = conn(&r)->cwnd;
	r.ecn = NET_ECN_CE;
	ack(&r, 2, TCP_ECE);
	CU_ASSERT_TRUE(conn(&r)->cwnd >= cwnd);
	hear(&r, 0, NET_ECN_CE);
	while ((s = rig_next(&r)) != NULL)
		CU_ASSERT_EQUAL(s->head.flags & BOTH, 0);
	rig_close(&r);
}

static void *accept_it(void *ctx, tcp_id id)
{
	struct rig *r = ctx;

	r->user.id = id;
	return &r->user;
}

static void a_listener_agrees_and_believes_the_last_syn(void)
{
	struct tcp_head syn = { .flags = TCP_SYN | BOTH,
		                .seq = RIG_PEER,
		                .window = 1000,
		                .mss = 1000,
		                .wscale = TCP_WSCALE_NONE };
	const struct rig_sent *s;
	struct rig r;

	rig_conf(&r);
	r.conf.ecn = true;
	r.conf.listen_port = r.local_port = 2525;
	r.conf.accept = accept_it;
	r.conf.accept_ctx = &r;
	rig_open(&r);
	rig_in_head(&r, &syn, NULL, 0);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.flags == (TCP_SYN | TCP_ACK | TCP_ECE));
	CU_ASSERT_EQUAL(s->ecn, NET_ECN_NOT_ECT);
	syn.flags = TCP_SYN; /* the SYN-ACK was lost, and it gave up to ask */
	rig_in_head(&r, &syn, NULL, 0);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.flags == (TCP_SYN | TCP_ACK));
	rig_in_at(&r, TCP_ACK, RIG_PEER + 1, RIG_ISS + 1, NULL, 0, 5000);
	say(&r, 1);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->ecn == NET_ECN_NOT_ECT);
	rig_close(&r);
}

SUITE("dataplane/tcp/tcp_ecn", TEST(it_is_offered_only_where_it_is_wanted),
      TEST(only_a_synack_with_the_echo_alone_agrees),
      TEST(a_syn_that_is_not_answered_is_repeated_without),
      TEST(a_syn_that_is_refused_is_repeated_without_once),
      TEST(a_mark_is_echoed_until_the_sender_has_reduced),
      TEST(an_echo_reduces_the_window_once_a_round_trip),
      TEST(what_is_sent_again_is_not_marked_and_its_loss_is_told),
      TEST(probes_of_a_closed_window_are_not_marked),
      TEST(an_echo_that_nobody_agreed_on_changes_nothing),
      TEST(a_listener_agrees_and_believes_the_last_syn))
