/* test_tcp_scenarios.c - what a stack must hold and no other dialogue here shows: options of all
 * kinds, timestamps, windows that move, ends in every order.
 */
#include "tests/dataplane/tcp/rig.h"
#include "tests/support/suite.h"

#include "dataplane/tcp/tcp_key.h"

#include <errno.h>
#include <string.h>

#define WINDOW 60000

static const struct rig_options sack_ts = {
	.mss = 1460, .wscale = 0, .sack = true, .ts = true, .window = WINDOW
};
static const struct rig_options plain = { .mss = 1000,
	                                  .wscale = TCP_WSCALE_NONE,
	                                  .window = WINDOW };

static uint8_t letters[20000];

static void start(struct rig *r, const struct rig_options *o)
{
	for (size_t i = 0; i < sizeof(letters); i++)
		letters[i] = (uint8_t)('a' + i % 26);
	rig_conf(r);
	rig_open(r);
	if (o != NULL)
		rig_establish(r, o);
}

static struct tcb *conn(struct rig *r)
{
	return tcb_at(r->tcp, r->user.id);
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

static void what_is_written_before_the_handshake_leaves_after_it(void)
{
	struct rig r;
	const struct rig_sent *s;

	start(&r, NULL);
	rig_connect(&r);
	say(&r, 10);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.flags == TCP_SYN && s->bytes == 0);
	CU_ASSERT_EQUAL(rig_drain(&r), 0);
	r.local_port = s->head.source_port;
	rig_in_at(&r, TCP_SYN | TCP_ACK, RIG_PEER, RIG_ISS + 1, NULL, 0, WINDOW);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->bytes == 10);
	CU_ASSERT_EQUAL(s->head.seq, RIG_ISS + 1);
	CU_ASSERT_EQUAL(s->head.ack, RIG_PEER + 1);
	rig_turn(&r);
	CU_ASSERT_EQUAL(rig_drain(&r), 0); /* it carried the ACK */
	rig_close(&r);
}

static void a_lost_syn_makes_the_first_timeout_three_seconds(void)
{
	struct rig r;

	start(&r, NULL);
	rig_connect(&r);
	r.local_port = rig_next(&r)->head.source_port;
	rig_run(&r, 1010);
	CU_ASSERT_EQUAL(rig_drain(&r), 1);
	rig_in_at(&r, TCP_SYN | TCP_ACK, RIG_PEER, RIG_ISS + 1, NULL, 0, WINDOW);
	rig_turn(&r);
	rig_drain(&r);
	say(&r, 10);
	rig_drain(&r);
	rig_run(&r, 2990); /* RFC 6298 5.7 */
	CU_ASSERT_EQUAL(rig_drain(&r), 0);
	rig_run(&r, 20);
	CU_ASSERT_EQUAL(rig_drain(&r), 1);
	rig_close(&r);
}

static void segments_are_as_large_as_path_peer_and_options_allow(void)
{
	static const struct {
		const char *why;
		uint16_t mss;
		bool ts;
		uint16_t want;
	} cases[] = {
		{ "the path's", 1460, false, 1460 },
		{ "timestamps take 12 of it", 1460, true, 1448 },
		{ "the peer's is smaller", 900, false, 900 },
		{ "none named (RFC 9293 3.7.1)", 0, false, 536 },
		{ "one byte would be all header", 1, false, TCP_MSS_FLOOR },
		{ "more than the path takes", 65535, false, 1460 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig_options o = { .mss = cases[i].mss,
			                 .ts = cases[i].ts,
			                 .wscale = TCP_WSCALE_NONE,
			                 .window = WINDOW };
		const struct rig_sent *s;
		struct rig r;

		start(&r, &o);
		say(&r, 5000);
		s = rig_next(&r);
		CU_ASSERT_FATAL(s != NULL);
		if (s->bytes != cases[i].want)
			printf("\n    %s: %u", cases[i].why, s->bytes);
		CU_ASSERT_EQUAL(s->bytes, cases[i].want);
		rig_close(&r);
	}
}

static void a_window_in_a_syn_is_not_scaled_and_later_ones_are(void)
{
	struct rig_options o = { .mss = 1000, .wscale = 200, .window = 1000 };
	struct rig r;

	start(&r, &o);
	CU_ASSERT_EQUAL(conn(&r)->snd_wscale, 14); /* RFC 7323 2.3 */
	CU_ASSERT_EQUAL(conn(&r)->snd_wnd, 1000);
	ack(&r, 0, 3);
	CU_ASSERT_EQUAL(conn(&r)->snd_wnd, 3u << 14);
	rig_close(&r);
}

static void a_peer_without_an_option_gets_none_of_it(void)
{
	struct rig r;
	const struct rig_sent *s;

	start(&r, &plain);
	rig_in_at(&r, TCP_ACK, r.peer_seq + 10, r.peer_ack, "x", 1, WINDOW);
	rig_turn(&r);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL);
	CU_ASSERT_FALSE(s->head.has_ts);
	CU_ASSERT_EQUAL(s->head.n_sacks, 0);
	CU_ASSERT_EQUAL(s->head.window, 32768 >> conn(&r)->rcv_wscale);
	CU_ASSERT_EQUAL(conn(&r)->rcv_wscale, 0);
	rig_close(&r);
}

static void a_clock_is_taken_only_from_what_is_accepted(void)
{
	struct rig r;

	start(&r, &sack_ts);
	r.ts = 5000; /* RFC 7323 4.3, 5.3 */
	rig_in_at(&r, TCP_ACK, r.peer_seq + 50000, r.peer_ack, "x", 1, WINDOW);
	CU_ASSERT_EQUAL(conn(&r)->ts_recent, 1000);
	rig_in_at(&r, TCP_ACK, r.peer_seq, r.peer_ack + 1, "x", 1, WINDOW);
	CU_ASSERT_EQUAL(conn(&r)->ts_recent, 1000);
	rig_in_at(&r, TCP_ACK, r.peer_seq + 5, r.peer_ack, "x", 1, WINDOW);
	CU_ASSERT_EQUAL(conn(&r)->ts_recent, 1000);
	rig_in(&r, TCP_ACK, "x", 1, WINDOW);
	CU_ASSERT_EQUAL(conn(&r)->ts_recent, 5000);
	rig_close(&r);
}

static void a_clock_that_rested_for_24_days_proves_nothing(void)
{
	struct rig r;

	start(&r, &sack_ts);
	r.ts = 900; /* older */
	rig_in_at(&r, TCP_ACK, r.peer_seq, r.peer_ack, "x", 1, WINDOW);
	CU_ASSERT_EQUAL(r.user.rx_bytes, 0);
	rig_turn(&r);
	r.now_us += 24ull * 86400 * 1000000 + 1000000;
	rig_in(&r, TCP_ACK, "x", 1, WINDOW);
	CU_ASSERT_EQUAL(r.user.rx_bytes, 1);
	CU_ASSERT_EQUAL(conn(&r)->ts_recent, 900);
	rig_close(&r);
}

static void an_ack_from_long_ago_is_challenged_within_a_rate(void)
{
	struct rig r;

	start(&r, &plain);
	for (int i = 0; i < 3000; i++) { /* RFC 5961 5.2 and 10 */
		rig_in_at(&r, TCP_ACK, r.peer_seq, RIG_ISS + 1 - WINDOW - 1, "x", 1, WINDOW);
		rig_turn(&r);
	}
	CU_ASSERT_EQUAL(r.user.rx_bytes, 0);
	CU_ASSERT_EQUAL(rig_drain(&r), TCP_CHALLENGES_PER_S);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_challenge_acks), TCP_CHALLENGES_PER_S);
	rig_close(&r);
}

static void old_bytes_in_front_of_new_ones_are_cut_off(void)
{
	struct rig r;

	start(&r, &plain);
	rig_in(&r, TCP_ACK, "abc", 3, WINDOW);
	rig_in_at(&r, TCP_ACK, r.peer_seq - 2, r.peer_ack, "bcde", 4, WINDOW);
	CU_ASSERT_EQUAL(r.user.rx_bytes, 5);
	CU_ASSERT_EQUAL(memcmp(r.user.rx, "abcde", 5), 0);
	rig_close(&r);
}

static void a_window_that_shrinks_below_what_is_out_is_survived(void)
{
	struct rig r;
	const struct rig_sent *s;

	start(&r, &plain);
	say(&r, 5000);
	CU_ASSERT_EQUAL(rig_drain(&r), 5);
	ack(&r, 1000, 500); /* 4,000 are out: the edge moved left (RFC 9293 3.8.6) */
	rig_run(&r, 1000);
	while ((s = rig_next(&r)) != NULL)
		CU_ASSERT_EQUAL(s->head.seq, RIG_ISS + 1001); /* nothing beyond is tried */
	ack(&r, 1000, 0);
	rig_run(&r, 3000);
	CU_ASSERT_TRUE(rig_drain(&r) != 0); /* it asks on */
	ack(&r, 1000, 5000);
	rig_run(&r, 20000);
	CU_ASSERT_EQUAL(r.user.n_closed, 0);
	ack(&r, 5000, 5000);
	CU_ASSERT_TRUE(tcp_all_acked(r.tcp, r.user.id));
	rig_close(&r);
}

static void our_windows_right_edge_never_moves_left(void)
{
	struct rig r;
	const struct rig_sent *s;
	uint32_t edge;

	rig_conf(&r);
	r.conf.rx_window_bytes = 200000; /* scaled: the edge is rounded */
	rig_open(&r);
	rig_establish(&r, &sack_ts);
	edge = conn(&r)->rcv_adv;
	for (uint32_t i = 0; i < 500; i++) {
		rig_in(&r, TCP_ACK, letters, 1 + i * 7 % 1400, WINDOW);
		rig_turn(&r);
		while ((s = rig_next(&r)) != NULL) {
			uint32_t now =
			    s->head.ack + ((uint32_t)s->head.window << conn(&r)->rcv_wscale);

			CU_ASSERT_TRUE((int32_t)(now - edge) >= 0);
			edge = now;
		}
	}
	rig_close(&r);
}

static void a_fin_in_last_ack_is_sent_until_it_is_acknowledged(void)
{
	struct rig r;
	const struct rig_sent *s;
	unsigned fins = 0;

	start(&r, &plain);
	rig_in(&r, TCP_ACK | TCP_FIN, NULL, 0, WINDOW);
	say(&r, 5); /* half-closed by the peer: we may still speak */
	tcp_close(r.tcp, r.now_us, r.user.id);
	CU_ASSERT_EQUAL(conn(&r)->state, TCP_STATE_LAST_ACK);
	ack(&r, 5, WINDOW);
	rig_run(&r, 2000);
	while ((s = rig_next(&r)) != NULL)
		fins += (s->head.flags & TCP_FIN) != 0;
	CU_ASSERT_TRUE(fins >= 3);
	ack(&r, 6, WINDOW);
	CU_ASSERT_EQUAL(r.user.n_closed, 1);
	CU_ASSERT_EQUAL(r.user.why, 0);
	CU_ASSERT_EQUAL(r.tcp->tw.used, 0);
	rig_close(&r);
}

static void a_fin_leaves_though_the_window_is_closed(void)
{
	struct rig r;
	const struct rig_sent *s;

	start(&r, &plain);
	ack(&r, 0, 0);
	tcp_close(r.tcp, r.now_us, r.user.id);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.flags == (TCP_FIN | TCP_ACK));
	ack(&r, 1, 0);
	CU_ASSERT_EQUAL(conn(&r)->state, TCP_STATE_FIN_WAIT_2);
	rig_close(&r);
}

static void an_abort_says_where_we_stand_by_our_clock(void)
{
	struct rig r;
	const struct rig_sent *s;

	start(&r, &sack_ts);
	rig_in(&r, TCP_ACK, "unread", 6, WINDOW);
	rig_run(&r, 5);
	rig_drain(&r);
	tcp_abort(r.tcp, r.now_us, r.user.id);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.flags == (TCP_RST | TCP_ACK));
	CU_ASSERT_EQUAL(s->head.seq, RIG_ISS + 1);
	CU_ASSERT_EQUAL(s->head.ack, r.peer_seq);
	CU_ASSERT_TRUE(s->head.has_ts);
	CU_ASSERT_EQUAL(r.user.why, -ECONNABORTED);
	/* What comes later meets nobody and is refused; a RST is not (RFC 9293 3.5.2). */
	rig_in_at(&r, TCP_RST, r.peer_seq, 0, NULL, 0, 0);
	CU_ASSERT_EQUAL(rig_drain(&r), 0);
	rig_in_at(&r, TCP_ACK, r.peer_seq, 77, "late", 4, WINDOW);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.flags == TCP_RST && s->head.seq == 77);
	rig_close(&r);
}

static uint16_t accepted_port;

static void *accept_all(void *ctx, tcp_id id)
{
	struct rig *r = ctx;

	accepted_port = r->local_port;
	r->user.id = id;
	return &r->user;
}

/* For the test sink: an engine that opens connections has no listening port. */
static void a_listener_answers_a_syn_and_others_are_refused(void)
{
	struct rig r;
	const struct rig_sent *s;
	struct tcp_head syn = { .flags = TCP_SYN,
		                .seq = RIG_PEER,
		                .window = 1000,
		                .mss = 1000,
		                .wscale = 2,
		                .sack_ok = true };

	rig_conf(&r);
	r.conf.listen_port = 2525;
	r.conf.accept = accept_all;
	r.conf.accept_ctx = &r;
	rig_open(&r);
	r.local_port = 2526;
	rig_in_head(&r, &syn, NULL, 0);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && (s->head.flags & TCP_RST));
	r.local_port = 2525;
	rig_in_head(&r, &syn, NULL, 0);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.flags == (TCP_SYN | TCP_ACK));
	CU_ASSERT_EQUAL(s->head.ack, RIG_PEER + 1);
	CU_ASSERT_FALSE(s->head.has_ts); /* it offered none */
	CU_ASSERT_TRUE(s->head.sack_ok && s->head.wscale != TCP_WSCALE_NONE);
	CU_ASSERT_EQUAL(accepted_port, 2525);
	CU_ASSERT_EQUAL(r.user.n_opened, 0);
	rig_run(&r, 1010); /* the SYN-ACK was lost */
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.flags == (TCP_SYN | TCP_ACK));
	rig_in_at(&r, TCP_ACK, RIG_PEER + 1, RIG_ISS + 1, "HELO", 4, 1000);
	CU_ASSERT_EQUAL(r.user.n_opened, 1);
	CU_ASSERT_EQUAL(r.user.rx_bytes, 4);
	rig_close(&r);
}

SUITE("dataplane/tcp/scenarios", TEST(what_is_written_before_the_handshake_leaves_after_it),
      TEST(a_lost_syn_makes_the_first_timeout_three_seconds),
      TEST(segments_are_as_large_as_path_peer_and_options_allow),
      TEST(a_window_in_a_syn_is_not_scaled_and_later_ones_are),
      TEST(a_peer_without_an_option_gets_none_of_it),
      TEST(a_clock_is_taken_only_from_what_is_accepted),
      TEST(a_clock_that_rested_for_24_days_proves_nothing),
      TEST(an_ack_from_long_ago_is_challenged_within_a_rate),
      TEST(old_bytes_in_front_of_new_ones_are_cut_off),
      TEST(a_window_that_shrinks_below_what_is_out_is_survived),
      TEST(our_windows_right_edge_never_moves_left),
      TEST(a_fin_in_last_ack_is_sent_until_it_is_acknowledged),
      TEST(a_fin_leaves_though_the_window_is_closed),
      TEST(an_abort_says_where_we_stand_by_our_clock),
      TEST(a_listener_answers_a_syn_and_others_are_refused))
