/* test_tcp_path.c - what is learnt of a path and of a silent peer: MTU, black holes, keepalive,
 * SYNs that wait for a neighbour, ports.
 */
#include "tests/dataplane/tcp/rig.h"
#include "tests/support/suite.h"

#include <errno.h>
#include <string.h>

#define WINDOW 60000

static const struct rig_options sack_ts = {
	.mss = 1460, .wscale = 0, .sack = true, .ts = true, .window = WINDOW
};

static uint8_t letters[20000];

static void start(struct rig *r)
{
	rig_conf(r);
	rig_open(r);
	rig_establish(r, &sack_ts);
}

static struct tcb *conn(struct rig *r)
{
	return tcb_at(r->tcp, r->user.id);
}

static void say(struct rig *r, size_t n)
{
	tcp_write(r->tcp, r->now_us, r->user.id, span_of(letters, n));
	tcp_flush(r->tcp, r->now_us, r->user.id);
}

/* Acknowledges all segments of at most `most` bytes that come in order. */
static void ack_small(struct rig *r, uint32_t most, uint32_t ms)
{
	uint32_t got = conn(r)->snd_una;

	while (ms-- != 0 && r->user.n_closed == 0) {
		const struct rig_sent *s;

		rig_run(r, 1);
		while ((s = rig_next(r)) != NULL)
			if (s->bytes != 0 && s->bytes <= most && s->head.seq == got)
				got += s->bytes;
		if (got != conn(r)->snd_una)
			rig_in_at(r, TCP_ACK, r->peer_seq, got, NULL, 0, WINDOW);
	}
}

static void again(struct rig *r)
{
	tcp_abort(r->tcp, r->now_us, r->user.id);
	r->user.n_opened = r->user.n_closed = 0;
	rig_drain(r);
	rig_establish(r, &sack_ts);
}

static void large_segments_that_vanish_are_cut_and_the_path_is_remembered(void)
{
	static const struct {
		const char *why;
		uint32_t passes; /* payload */
		uint16_t mtu_bytes;
	} cases[] = {
		{ "a tunnel takes some of 1,500", 1400, 1064 },
		{ "the least that IPv4 hosts take", 530, 576 },
	};

	for (size_t i = 0; i < 2; i++) {
		struct rig r;

		start(&r);
		say(&r, 10000);
		ack_small(&r, cases[i].passes, 8000);
		CU_ASSERT_TRUE(tcp_all_acked(r.tcp, r.user.id));
		if (conn(&r)->path.mtu_bytes != cases[i].mtu_bytes)
			printf("\n    %s: %u", cases[i].why, conn(&r)->path.mtu_bytes);
		CU_ASSERT_EQUAL(conn(&r)->path.mtu_bytes, cases[i].mtu_bytes);
		CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_black_holes), i + 1);
		again(&r);
		CU_ASSERT_EQUAL(conn(&r)->path.mtu_bytes, cases[i].mtu_bytes);
		rig_run(&r, 600001);
		again(&r); /* ten minutes later the path is tried anew */
		CU_ASSERT_EQUAL(conn(&r)->path.mtu_bytes, 1500);
		rig_close(&r);
	}
}

static void a_peer_that_is_gone_teaches_nothing_of_the_path(void)
{
	struct rig r;

	rig_conf(&r);
	r.conf.user_timeout_ms = 20000;
	rig_open(&r);
	rig_establish(&r, &sack_ts);
	say(&r, 10000);
	rig_run(&r, 21000);
	CU_ASSERT_EQUAL(r.user.why, -ETIMEDOUT);
	r.user.n_opened = r.user.n_closed = 0;
	rig_drain(&r);
	rig_establish(&r, &sack_ts);
	CU_ASSERT_EQUAL(conn(&r)->path.mtu_bytes, 1500);
	rig_close(&r);
}

static void small_segments_that_vanish_are_no_black_hole(void)
{
	struct rig r;

	start(&r);
	say(&r, 400);
	rig_run(&r, 10000);
	CU_ASSERT_EQUAL(conn(&r)->path.mtu_bytes, 1500);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_black_holes), 0);
	rig_close(&r);
}

static void what_a_router_told_is_remembered_for_the_destination(void)
{
	struct rig r;
	struct ip_addr other;
	struct net_icmp e = { .kind = NET_ICMP_TOO_BIG, .remote_port = 25, .mtu_bytes = 1400 };
	tcp_id id;

	start(&r);
	say(&r, 3000);
	e.local = r.local;
	e.remote = r.remote;
	e.local_port = r.local_port;
	e.seq = RIG_ISS + 1;
	tcp_icmp(r.tcp, r.now_us, &e);
	again(&r);
	CU_ASSERT_EQUAL(conn(&r)->path.mtu_bytes, 1400);
	ip_parse("10.0.0.77", &other);
	CU_ASSERT_EQUAL(tcp_connect(r.tcp, r.now_us, &r.local, &other, 25, &r.user, &id), 0);
	CU_ASSERT_EQUAL(tcb_at(r.tcp, id)->path.mtu_bytes, 1500);
	rig_close(&r);
}

static void no_router_makes_segments_absurdly_small(void)
{
	static const struct {
		const char *why;
		uint32_t told;
		uint16_t want;
	} cases[] = {
		{ "an MTU of 68 is an attack", 68, 552 },
		{ "0: a router that names none (RFC 1191 7)", 0, 1492 },
		{ "larger than ours: nothing new", 9000, 1500 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig r;
		struct net_icmp e = { .kind = NET_ICMP_TOO_BIG, .remote_port = 25 };
		uint32_t cwnd;

		start(&r);
		say(&r, 3000);
		cwnd = conn(&r)->cwnd;
		e.mtu_bytes = cases[i].told;
		e.local = r.local;
		e.remote = r.remote;
		e.local_port = r.local_port;
		e.seq = RIG_ISS + 1;
		tcp_icmp(r.tcp, r.now_us, &e);
		if (conn(&r)->path.mtu_bytes != cases[i].want)
			printf("\n    %s: %u", cases[i].why, conn(&r)->path.mtu_bytes);
		CU_ASSERT_EQUAL(conn(&r)->path.mtu_bytes, cases[i].want);
		CU_ASSERT_EQUAL(conn(&r)->cwnd, cwnd); /* no sign of congestion */
		rig_close(&r);
	}
}

static void an_idle_peer_is_asked_and_one_that_answers_is_kept(void)
{
	struct rig r;
	const struct rig_sent *s;
	uint32_t asked = 0;

	rig_conf(&r);
	r.conf.keepalive_ms = 60000;
	r.conf.user_timeout_ms = 30000;
	rig_open(&r);
	rig_establish(&r, &sack_ts);
	rig_run(&r, 59900);
	CU_ASSERT_EQUAL(rig_drain(&r), 0);
	for (uint32_t i = 0; i < 600000; i += 10) {
		rig_run(&r, 10);
		while ((s = rig_next(&r)) != NULL) {
			CU_ASSERT_EQUAL(s->head.seq, RIG_ISS); /* RFC 9293 3.8.4 */
			CU_ASSERT_EQUAL(s->bytes, 0);
			asked++;
			rig_in_at(&r, TCP_ACK, r.peer_seq, r.peer_ack, NULL, 0, WINDOW);
		}
	}
	CU_ASSERT_TRUE(asked >= 7 && asked <= 10);
	CU_ASSERT_EQUAL(r.user.n_closed, 0);
	rig_run(&r, 165000); /* now it is silent */
	CU_ASSERT_EQUAL(r.user.n_closed, 1);
	CU_ASSERT_EQUAL(r.user.why, -ETIMEDOUT);
	rig_close(&r);
}

static void without_keepalive_nothing_is_asked(void)
{
	struct rig r;

	start(&r);
	rig_run(&r, 300000);
	CU_ASSERT_EQUAL(rig_drain(&r), 0);
	rig_close(&r);
}

static void ports_run_in_another_order_after_a_restart(void)
{
	uint16_t ports[2][8];

	for (unsigned i = 0; i < 2; i++) { /* the same secret, another time */
		struct rig r;

		rig_conf(&r);
		r.now_us += i * 12345678;
		rig_open(&r);
		for (unsigned k = 0; k < 8; k++) {
			CU_ASSERT_EQUAL(rig_connect(&r), 0);
			ports[i][k] = rig_next(&r)->head.source_port;
		}
		rig_close(&r);
	}
	for (unsigned i = 0; i < 8; i++)
		for (unsigned k = 0; k < 8; k++)
			CU_ASSERT_NOT_EQUAL(ports[0][i], ports[1][k]);
}

SUITE("dataplane/tcp/tcp_path", TEST(large_segments_that_vanish_are_cut_and_the_path_is_remembered),
      TEST(a_peer_that_is_gone_teaches_nothing_of_the_path),
      TEST(small_segments_that_vanish_are_no_black_hole),
      TEST(what_a_router_told_is_remembered_for_the_destination),
      TEST(no_router_makes_segments_absurdly_small),
      TEST(an_idle_peer_is_asked_and_one_that_answers_is_kept),
      TEST(without_keepalive_nothing_is_asked), TEST(ports_run_in_another_order_after_a_restart))
