/* test_tcp_tso.c - where the device cuts, what may leave together does, and nothing else changes:
 * the rig's device cuts each packet, so every dialogue sees segments.
 */
#include "tests/dataplane/tcp/rig.h"
#include "tests/support/suite.h"

#include <rte_mbuf.h>
#include <string.h>

#define WINDOW 60000

enum { MSS = 1448 };

static const struct rig_options sack_ts = {
	.mss = 1460, .wscale = 0, .sack = true, .ts = true, .window = WINDOW
};

static uint8_t letters[65536];

static struct tcb *conn(struct rig *r)
{
	return tcb_at(r->tcp, r->user.id);
}

static void prepare(struct rig *r)
{
	for (size_t i = 0; i < sizeof(letters); i++)
		letters[i] = (uint8_t)(i * 13 + i / 251);
	rig_conf(r);
	r->conf.tso_segs_max = 40;
	r->conf.tso_bytes_max = 65535;
}

static void start(struct rig *r)
{
	prepare(r);
	rig_open(r);
	rig_establish(r, &sack_ts);
}

/* Nothing of this has left before tcp_flush(). */
static void say(struct rig *r, size_t bytes)
{
	tcp_write(r->tcp, r->now_us, r->user.id, span_of(letters, bytes));
	tcp_flush(r->tcp, r->now_us, r->user.id);
	tcp_check(r->tcp);
}

/* Makes a queue of `bytes` that a closed window holds back, and opens the window. */
static void queue_and_open(struct rig *r, size_t bytes, uint16_t window)
{
	rig_in_at(r, TCP_ACK, r->peer_seq, r->peer_ack, NULL, 0, 0);
	say(r, bytes);
	rig_in_at(r, TCP_ACK, r->peer_seq, r->peer_ack, NULL, 0, window);
}

static void ack(struct rig *r, uint32_t bytes)
{
	rig_in_at(r, TCP_ACK, r->peer_seq, RIG_ISS + 1 + bytes, NULL, 0, WINDOW);
}

static void expect_bytes(struct rig *r, uint32_t from, uint32_t to)
{
	while (from < to) {
		const struct rig_sent *s = rig_next(r);

		CU_ASSERT_FATAL(s != NULL && s->bytes != 0 && s->bytes <= MSS);
		CU_ASSERT_EQUAL(s->head.seq, RIG_ISS + 1 + from);
		CU_ASSERT_EQUAL(memcmp(s->payload, letters + from, s->bytes), 0);
		from += s->bytes;
	}
	CU_ASSERT_EQUAL(from, to);
	CU_ASSERT_PTR_NULL(rig_next(r));
}

static void what_a_window_allows_leaves_as_one_packet(void)
{
	struct rig r;

	start(&r);
	queue_and_open(&r, 10 * MSS, WINDOW);
	CU_ASSERT_EQUAL(r.n_cut, 1);
	expect_bytes(&r, 0, 10 * MSS);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_tso), 1);
	CU_ASSERT_EQUAL(conn(&r)->flight, 10 * MSS);
	ack(&r, 10 * MSS);
	CU_ASSERT_TRUE(tcp_all_acked(r.tcp, r.user.id));
	rig_close(&r);
}

static void a_short_last_segment_is_the_packets_end_and_pushes(void)
{
	struct rig r;

	start(&r);
	queue_and_open(&r, 3 * MSS + 100, WINDOW);
	CU_ASSERT_EQUAL(r.n_cut, 1);
	CU_ASSERT_EQUAL(r.sent[r.n_sent - 1].bytes, 100);
	CU_ASSERT_TRUE(r.sent[r.n_sent - 1].head.flags & TCP_PSH);
	CU_ASSERT_FALSE(r.sent[r.n_sent - 2].head.flags & TCP_PSH);
	expect_bytes(&r, 0, 3 * MSS + 100);
	rig_close(&r);
}

static void a_single_segment_is_never_marked_to_be_cut(void)
{
	static const uint32_t sizes[] = { 1, MSS - 1, MSS };

	for (size_t i = 0; i < 3; i++) {
		struct rig r;

		start(&r);
		queue_and_open(&r, sizes[i], WINDOW);
		CU_ASSERT_EQUAL(r.n_cut, 0);
		expect_bytes(&r, 0, sizes[i]);
		rig_close(&r);
	}
}

static void it_is_no_larger_than_the_device_the_windows_and_the_queue_allow(void)
{
	static const struct {
		const char *why;
		uint16_t segs_max;
		uint32_t bytes_max;
		uint16_t window;
		uint32_t bytes, want_first; /* segments of the first packet; 1: it was not cut */
	} cases[] = {
		/* clang-format off */
		{ "four mbufs, one of them the header's", 4,  65535, WINDOW,      10 * MSS, 3 },
		{ "two mbufs are one segment",            2,  65535, WINDOW,      10 * MSS, 1 },
		{ "5,000 bytes with the headers",         40, 5000,  WINDOW,      10 * MSS, 3 },
		{ "the peer's window",                    40, 65535, 4 * MSS + 9, 10 * MSS, 4 },
		{ "the congestion window",                40, 65535, WINDOW,      20 * MSS, 10 },
		{ "what is queued",                       40, 65535, WINDOW,      2 * MSS,  2 },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig r;
		uint32_t cut;

		prepare(&r);
		r.conf.tso_segs_max = cases[i].segs_max;
		r.conf.tso_bytes_max = cases[i].bytes_max;
		rig_open(&r);
		rig_establish(&r, &sack_ts);
		rig_drain(&r);
		queue_and_open(&r, cases[i].bytes, cases[i].window);
		cut = r.first_cut_segs != 0 ? r.first_cut_segs : 1;
		if (cut != cases[i].want_first)
			printf("\n    %s: %u", cases[i].why, cut);
		CU_ASSERT_EQUAL(cut, cases[i].want_first);
		rig_close(&r);
	}
}

static void a_device_that_cuts_no_small_pieces_or_no_ipv6_is_not_asked(void)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct rig r;

		prepare(&r);
		if (v6) {
			ip_parse("fd00::2", &r.local);
			ip_parse("fd00::9", &r.remote);
		} else {
			r.conf.tso_mss_min = MSS + 1;
		}
		rig_open(&r);
		rig_establish(&r, &sack_ts);
		queue_and_open(&r, 5 * MSS, WINDOW);
		CU_ASSERT_EQUAL(r.n_cut, 0);
		CU_ASSERT_EQUAL(conn(&r)->snd_nxt, RIG_ISS + 1 + 5 * MSS);
		rig_close(&r);
	}
}

static void a_fin_leaves_behind_the_packet(void)
{
	struct rig r;

	start(&r);
	rig_in_at(&r, TCP_ACK, r.peer_seq, r.peer_ack, NULL, 0, 0);
	say(&r, 4 * MSS);
	tcp_close(r.tcp, r.now_us, r.user.id);
	rig_in_at(&r, TCP_ACK, r.peer_seq, r.peer_ack, NULL, 0, WINDOW);
	CU_ASSERT_EQUAL(r.n_cut, 1);
	CU_ASSERT_TRUE(r.sent[r.n_sent - 1].head.flags & TCP_FIN);
	expect_bytes(&r, 0, 4 * MSS);
	rig_close(&r);
}

static void what_is_lost_of_a_packet_is_sent_again_alone_while_the_device_holds_it(void)
{
	for (int holds = 0; holds < 2; holds++) {
		struct tcp_head h = { .flags = TCP_ACK,
			              .window = WINDOW,
			              .wscale = TCP_WSCALE_NONE,
			              .has_ts = true,
			              .ts_val = 1000,
			              .n_sacks = 1 };
		const struct rig_sent *s;
		struct rig r;

		start(&r);
		r.hold = holds;
		queue_and_open(&r, 10 * MSS, WINDOW);
		CU_ASSERT_EQUAL(r.n_cut, 1);
		rig_drain(&r);
		rig_run(&r, 10);
		h.seq = r.peer_seq;
		h.ack = RIG_ISS + 1 + 2 * MSS;
		h.sacks[0] = (struct tcp_block){ RIG_ISS + 1 + 3 * MSS, RIG_ISS + 1 + 10 * MSS };
		rig_in_head(&r, &h, NULL, 0);
		s = rig_next(&r); /* the third alone */
		CU_ASSERT_FATAL(s != NULL && s->head.seq == RIG_ISS + 1 + 2 * MSS);
		CU_ASSERT_EQUAL(s->bytes, MSS);
		CU_ASSERT_EQUAL(memcmp(s->payload, letters + 2 * MSS, MSS), 0);
		CU_ASSERT_PTR_NULL(rig_next(&r));
		ack(&r, 10 * MSS);
		CU_ASSERT_TRUE(tcp_all_acked(r.tcp, r.user.id));
		rig_let_go(&r); /* after the queue has: each mbuf goes back once and whole */
		rig_close(&r);
	}
}

static void a_connection_that_ends_leaves_the_devices_packet_whole(void)
{
	struct rig r;

	start(&r);
	r.hold = true;
	queue_and_open(&r, 6 * MSS, WINDOW);
	tcp_abort(r.tcp, r.now_us, r.user.id);
	CU_ASSERT_EQUAL(r.n_held != 0, true);
	rig_close(&r); /* asserts that all buffers are back */
}

static void mbufs_go_back_to_the_pool_without_a_next(void)
{
	struct rte_mbuf *m[64];
	struct rig r;

	start(&r);
	for (int i = 0; i < 20; i++) {
		r.hold = i % 2 == 0;
		queue_and_open(&r, 8 * MSS, WINDOW);
		r.peer_ack = RIG_ISS + 1 + (uint32_t)(i + 1) * 8 * MSS;
		rig_in_at(&r, TCP_ACK, r.peer_seq, r.peer_ack, NULL, 0, WINDOW);
		rig_let_go(&r);
		rig_run(&r, 1);
	}
	CU_ASSERT_TRUE(r.n_cut >= 10);
	for (int i = 0; i < 64; i++) {
		m[i] = rte_pktmbuf_alloc(r.conf.pool);
		CU_ASSERT_FATAL(m[i] != NULL);
		CU_ASSERT_PTR_NULL(m[i]->next);
		CU_ASSERT_EQUAL(m[i]->nb_segs, 1);
	}
	rte_pktmbuf_free_bulk(m, 64);
	rig_close(&r);
}

static void the_answer_to_a_mark_is_on_one_segment_only(void)
{
	struct rig_options o = sack_ts;
	const struct rig_sent *s;
	unsigned cwr = 0, n = 0;
	struct rig r;

	o.flags = TCP_ECE;
	prepare(&r);
	r.conf.ecn = true;
	rig_open(&r);
	rig_establish(&r, &o);
	queue_and_open(&r, 10 * MSS, WINDOW);
	rig_drain(&r);
	rig_in_at(&r, TCP_ACK | TCP_ECE, r.peer_seq, RIG_ISS + 1 + 10 * MSS, NULL, 0, 0);
	say(&r, 6 * MSS);
	rig_in_at(&r, TCP_ACK, r.peer_seq, RIG_ISS + 1 + 10 * MSS, NULL, 0, WINDOW);
	while ((s = rig_next(&r)) != NULL) {
		n++;
		cwr += (s->head.flags & TCP_CWR) != 0;
		CU_ASSERT_EQUAL(s->ecn, NET_ECN_ECT0);
	}
	CU_ASSERT_EQUAL(n, 6);
	CU_ASSERT_EQUAL(cwr, 1); /* RFC 3168 6.1.2 */
	CU_ASSERT_EQUAL(r.n_cut, 2);
	rig_close(&r);
}

SUITE("dataplane/tcp/tcp_tso", TEST(what_a_window_allows_leaves_as_one_packet),
      TEST(a_short_last_segment_is_the_packets_end_and_pushes),
      TEST(a_single_segment_is_never_marked_to_be_cut),
      TEST(it_is_no_larger_than_the_device_the_windows_and_the_queue_allow),
      TEST(a_device_that_cuts_no_small_pieces_or_no_ipv6_is_not_asked),
      TEST(a_fin_leaves_behind_the_packet),
      TEST(what_is_lost_of_a_packet_is_sent_again_alone_while_the_device_holds_it),
      TEST(a_connection_that_ends_leaves_the_devices_packet_whole),
      TEST(mbufs_go_back_to_the_pool_without_a_next),
      TEST(the_answer_to_a_mark_is_on_one_segment_only))
