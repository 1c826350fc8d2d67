/* test_tcp_input.c - segments in every state are judged as RFC 9293 3.10.7 and RFC 5961 say. */
#include "tests/dataplane/tcp/rig.h"
#include "tests/support/suite.h"

#include <errno.h>

#define WINDOW 60000

static const struct rig_options linux_like = {
	.mss = 1460, .wscale = 0, .sack = true, .ts = true, .window = WINDOW
};
static const struct rig_options plain = { .mss = 1460,
	                                  .wscale = TCP_WSCALE_NONE,
	                                  .window = WINDOW };

static void start(struct rig *r, const struct rig_options *o)
{
	rig_conf(r);
	rig_open(r);
	if (o != NULL)
		rig_establish(r, o);
}

static void a_syn_offers_mss_scale_timestamps_and_sack(void)
{
	struct rig r;
	const struct rig_sent *s;

	start(&r, NULL);
	CU_ASSERT_EQUAL(rig_connect(&r), 0);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL);
	CU_ASSERT_EQUAL(s->head.flags, TCP_SYN);
	CU_ASSERT_EQUAL(s->head.seq, RIG_ISS);
	CU_ASSERT_EQUAL(s->head.mss, 1460);
	CU_ASSERT_TRUE(s->head.sack_ok && s->head.has_ts);
	CU_ASSERT_EQUAL(s->head.ts_ecr, 0);
	CU_ASSERT_EQUAL(s->head.wscale, 0);
	CU_ASSERT_TRUE(s->head.source_port >= 20000 && s->head.source_port <= 29999);
	CU_ASSERT_EQUAL(s->head.dest_port, 25);
	rig_close(&r);
}

static void a_refused_syn_ends_the_connection_and_only_the_right_rst_refuses(void)
{
	struct rig r;

	start(&r, NULL);
	rig_connect(&r);
	r.local_port = rig_next(&r)->head.source_port;
	rig_in_at(&r, TCP_RST, 0, 0, NULL, 0, 0);
	rig_in_at(&r, TCP_RST | TCP_ACK, 0, RIG_ISS, NULL, 0, 0);
	CU_ASSERT_EQUAL(r.user.n_closed, 0);
	rig_in_at(&r, TCP_RST | TCP_ACK, 0, RIG_ISS + 1, NULL, 0, 0);
	CU_ASSERT_EQUAL(r.user.n_closed, 1);
	CU_ASSERT_EQUAL(r.user.why, -ECONNREFUSED);
	CU_ASSERT_EQUAL(tcp_n_conns(r.tcp), 0);
	CU_ASSERT_EQUAL(rig_drain(&r), 0);
	rig_close(&r);
}

static void a_syn_that_meets_an_old_connection_resets_it_and_goes_on(void)
{
	struct rig r;
	const struct rig_sent *s;

	start(&r, NULL);
	rig_connect(&r);
	r.local_port = rig_next(&r)->head.source_port;
	rig_in_at(&r, TCP_ACK, 777, 12345, NULL, 0, 100); /* the peer's challenge ACK */
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL);
	CU_ASSERT_EQUAL(s->head.flags, TCP_RST);
	CU_ASSERT_EQUAL(s->head.seq, 12345);
	rig_run(&r, 20); /* not a second */
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL);
	CU_ASSERT_EQUAL(s->head.flags, TCP_SYN);
	CU_ASSERT_EQUAL(s->head.seq, RIG_ISS);
	rig_close(&r);
}

static void a_synack_with_a_wrong_ack_is_reset_and_the_syn_stands(void)
{
	struct rig r;
	const struct rig_sent *s;

	start(&r, NULL);
	rig_connect(&r);
	r.local_port = rig_next(&r)->head.source_port;
	rig_in_at(&r, TCP_SYN | TCP_ACK, 5, 99, NULL, 0, 100);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.flags == TCP_RST && s->head.seq == 99);
	CU_ASSERT_EQUAL(r.user.n_closed + r.user.n_opened, 0);
	rig_in_at(&r, TCP_SYN | TCP_ACK, RIG_PEER, RIG_ISS + 1, NULL, 0, 100);
	CU_ASSERT_EQUAL(r.user.n_opened, 1);
	rig_close(&r);
}

static void both_sides_may_open_at_once(void)
{
	struct rig r;
	const struct rig_sent *s;

	start(&r, NULL);
	rig_connect(&r);
	r.local_port = rig_next(&r)->head.source_port;
	rig_in_at(&r, TCP_SYN, RIG_PEER, 0, NULL, 0, 500);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL);
	CU_ASSERT_EQUAL(s->head.flags, TCP_SYN | TCP_ACK);
	CU_ASSERT_EQUAL(s->head.seq, RIG_ISS);
	CU_ASSERT_EQUAL(s->head.ack, RIG_PEER + 1);
	CU_ASSERT_EQUAL(r.user.n_opened, 0);
	rig_in_at(&r, TCP_SYN | TCP_ACK, RIG_PEER, RIG_ISS + 1, NULL, 0, 500);
	CU_ASSERT_EQUAL(r.user.n_opened, 1);
	rig_turn(&r);
	CU_ASSERT_EQUAL(rig_drain(&r), 1); /* the peer's SYN-ACK is answered */
	rig_close(&r);
}

static void the_ack_that_ends_a_handshake_is_not_answered(void)
{
	struct rig r;

	start(&r, NULL);
	rig_connect(&r);
	r.local_port = rig_next(&r)->head.source_port;
	rig_in_at(&r, TCP_SYN, RIG_PEER, 0, NULL, 0, 500);
	rig_drain(&r);
	rig_in_at(&r, TCP_ACK, RIG_PEER + 1, RIG_ISS + 1, NULL, 0, 500);
	CU_ASSERT_EQUAL(r.user.n_opened, 1);
	rig_turn(&r);
	CU_ASSERT_EQUAL(rig_drain(&r), 0);
	rig_close(&r);
}

static void resets_are_believed_only_at_the_exact_sequence(void)
{
	static const struct {
		const char *why;
		uint32_t off;
		uint32_t closed, answers;
	} cases[] = {
		{ "outside the window", 40000, 0, 0 },
		{ "before the window", (uint32_t)-1, 0, 0 },
		{ "within it: a challenge ACK", 5, 0, 1 },
		{ "exact", 0, 1, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig r;
		uint32_t answers;

		start(&r, &plain);
		rig_in_at(&r, TCP_RST, r.peer_seq + cases[i].off, 0, NULL, 0, 0);
		rig_turn(&r);
		answers = rig_drain(&r);
		if (r.user.n_closed != cases[i].closed || answers != cases[i].answers)
			printf("\n    %s: closed %u, answers %u", cases[i].why, r.user.n_closed,
			       answers);
		CU_ASSERT_EQUAL(r.user.n_closed, cases[i].closed);
		CU_ASSERT_EQUAL(answers, cases[i].answers);
		if (cases[i].closed)
			CU_ASSERT_EQUAL(r.user.why, -ECONNRESET);
		rig_close(&r);
	}
}

static void a_syn_in_an_open_connection_gets_a_challenge_ack(void)
{
	struct rig r;
	const struct rig_sent *s;

	start(&r, &plain);
	rig_in_at(&r, TCP_SYN, r.peer_seq + 3, 0, NULL, 0, 100);
	rig_turn(&r);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.flags == TCP_ACK);
	CU_ASSERT_EQUAL(s->head.ack, r.peer_seq);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_challenge_acks), 1);
	CU_ASSERT_EQUAL(r.user.n_closed, 0);
	rig_close(&r);
}

static void segments_no_state_allows_are_counted_and_dropped(void)
{
	static const uint8_t flags[] = {
		0,      TCP_FIN, TCP_SYN | TCP_FIN, TCP_SYN | TCP_RST, TCP_SYN | TCP_FIN | TCP_ACK,
		TCP_PSH
	};
	struct rig r;

	start(&r, &plain);
	for (size_t i = 0; i < sizeof(flags); i++)
		rig_in_at(&r, flags[i], r.peer_seq, r.peer_ack, "x", 1, 100);
	rig_turn(&r);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_illegal), sizeof(flags));
	CU_ASSERT_EQUAL(rig_drain(&r), 0);
	CU_ASSERT_EQUAL(r.user.rx_bytes, 0);
	rig_close(&r);
}

static void an_ack_of_what_was_never_sent_is_answered_and_dropped(void)
{
	struct rig r;

	start(&r, &plain);
	rig_in_at(&r, TCP_ACK, r.peer_seq, r.peer_ack + 1, "data", 4, 100);
	rig_turn(&r);
	CU_ASSERT_EQUAL(rig_drain(&r), 1);
	CU_ASSERT_EQUAL(r.user.rx_bytes, 0);
	rig_close(&r);
}

static void an_old_timestamp_is_an_old_segment(void)
{
	struct rig r;

	start(&r, &linux_like);
	r.ts = 2000;
	rig_in(&r, TCP_ACK, "new", 3, WINDOW);
	r.ts = 1999;
	rig_in_at(&r, TCP_ACK, r.peer_seq, r.peer_ack, "old", 3, WINDOW);
	CU_ASSERT_EQUAL(r.user.rx_bytes, 3);
	rig_turn(&r);
	CU_ASSERT_EQUAL(rig_drain(&r), 1); /* told where we are */
	r.ts = 0; /* a segment without one is taken: to drop it would stall */
	rig_in(&r, TCP_ACK, "bare", 4, WINDOW);
	CU_ASSERT_EQUAL(r.user.rx_bytes, 7);
	rig_close(&r);
}

static void malformed_headers_are_counted_and_survived(void)
{
	static const struct {
		const char *why;
		uint8_t bytes[28];
		size_t n;
	} cases[] = {
		{ "too short", { 0 }, 19 },
		{ "offset below five", { [12] = 0x40 }, 20 },
		{ "offset beyond the end", { [12] = 0x60 }, 20 },
		{ "option of length 0", { [12] = 0x60, [20] = 99, [21] = 0 }, 24 },
		{ "option of length 1", { [12] = 0x60, [20] = 99, [21] = 1 }, 24 },
		{ "option beyond the header", { [12] = 0x60, [20] = 99, [21] = 5 }, 24 },
		{ "option without a length",
		  { [12] = 0x60, [20] = 1, [21] = 1, [22] = 1, [23] = 8 },
		  24 },
	};
	struct rig r;

	start(&r, &plain);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct net_seg seg = { .local = r.local,
			               .remote = r.remote,
			               .tcp = span_of(cases[i].bytes, cases[i].n) };

		tcp_input(r.tcp, r.now_us, &seg);
		if (rig_count(&r.counters.tcp_malformed) != i + 1)
			printf("\n    %s: was taken", cases[i].why);
		CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_malformed), i + 1);
	}
	rig_close(&r);
}

static void a_stray_segment_is_reset_within_a_rate(void)
{
	struct rig r;
	const struct rig_sent *s;

	start(&r, NULL);
	r.local_port = 4242;
	rig_in_at(&r, TCP_ACK, 1000, 2000, "abc", 3, 100);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.flags == TCP_RST && s->head.seq == 2000);
	rig_in_at(&r, TCP_SYN, 1000, 0, "abc", 3, 100);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.flags == (TCP_RST | TCP_ACK));
	CU_ASSERT_EQUAL(s->head.seq, 0);
	CU_ASSERT_EQUAL(s->head.ack, 1004);
	rig_in_at(&r, TCP_RST, 1000, 0, NULL, 0, 100);
	CU_ASSERT_EQUAL(rig_drain(&r), 0);
	for (int i = 0; i < 1000; i++)
		rig_in_at(&r, TCP_ACK, 1000, 2000, NULL, 0, 100);
	CU_ASSERT_EQUAL(rig_drain(&r), 98); /* 100 a second, two are spent */
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_rst_limited), 902);
	rig_close(&r);
}

static void a_callback_may_abort_the_connection_it_is_called_for(void)
{
	struct rig r;

	start(&r, &linux_like);
	rig_in_at(&r, TCP_ACK, r.peer_seq + 3, r.peer_ack, "later", 5, WINDOW);
	r.user.abort_on_data = true;
	rig_in(&r, TCP_ACK | TCP_FIN, "abc", 3, WINDOW);
	CU_ASSERT_EQUAL(r.user.n_closed, 1);
	CU_ASSERT_EQUAL(r.user.why, -ECONNABORTED);
	CU_ASSERT_EQUAL(r.user.rx_bytes, 3);
	rig_turn(&r);
	CU_ASSERT_EQUAL(tcp_n_conns(r.tcp), 0);
	rig_close(&r);
}

SUITE("dataplane/tcp/tcp_input", TEST(a_syn_offers_mss_scale_timestamps_and_sack),
      TEST(a_refused_syn_ends_the_connection_and_only_the_right_rst_refuses),
      TEST(a_syn_that_meets_an_old_connection_resets_it_and_goes_on),
      TEST(a_synack_with_a_wrong_ack_is_reset_and_the_syn_stands),
      TEST(both_sides_may_open_at_once), TEST(the_ack_that_ends_a_handshake_is_not_answered),
      TEST(resets_are_believed_only_at_the_exact_sequence),
      TEST(a_syn_in_an_open_connection_gets_a_challenge_ack),
      TEST(segments_no_state_allows_are_counted_and_dropped),
      TEST(an_ack_of_what_was_never_sent_is_answered_and_dropped),
      TEST(an_old_timestamp_is_an_old_segment), TEST(malformed_headers_are_counted_and_survived),
      TEST(a_stray_segment_is_reset_within_a_rate),
      TEST(a_callback_may_abort_the_connection_it_is_called_for))
