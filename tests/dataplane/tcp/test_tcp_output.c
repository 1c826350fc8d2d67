/* test_tcp_output.c - what leaves, when, and again: windows, retransmission, persist, buffers. */
#include "tests/dataplane/tcp/rig.h"
#include "tests/support/suite.h"
#include "dataplane/tcp/tcp_cc.h"

#include <errno.h>
#include <string.h>

#define WINDOW 60000

static const struct rig_options sack_ts = {
	.mss = 1460, .wscale = 0, .sack = true, .ts = true, .window = WINDOW
};
static const struct rig_options plain = { .mss = 1000,
	                                  .wscale = TCP_WSCALE_NONE,
	                                  .window = WINDOW };

static uint8_t letters[70000];

static void start(struct rig *r, const struct rig_options *o)
{
	for (size_t i = 0; i < sizeof(letters); i++)
		letters[i] = (uint8_t)('a' + i % 26);
	rig_conf(r);
	rig_open(r);
	rig_establish(r, o);
}

static size_t say(struct rig *r, size_t n)
{
	size_t took = tcp_write(r->tcp, r->now_us, r->user.id, span_of(letters, n));

	tcp_flush(r->tcp, r->now_us, r->user.id);
	tcp_check(r->tcp);
	return took;
}

static void ack(struct rig *r, uint32_t to)
{
	rig_in_at(r, TCP_ACK, r->peer_seq, RIG_ISS + 1 + to, NULL, 0, WINDOW);
}

static void data_is_cut_by_mss_and_only_its_end_is_pushed(void)
{
	struct rig r;
	const struct rig_sent *s;

	start(&r, &sack_ts);
	CU_ASSERT_EQUAL(say(&r, 3000), 3000);
	for (uint32_t at = 0; at < 3000;) {
		s = rig_next(&r);
		CU_ASSERT_FATAL(s != NULL);
		CU_ASSERT_EQUAL(s->head.seq, RIG_ISS + 1 + at);
		CU_ASSERT_TRUE(s->bytes <= 1448); /* 1460 less the timestamps */
		CU_ASSERT_EQUAL(memcmp(s->payload, letters + at, s->bytes), 0);
		at += s->bytes;
		CU_ASSERT_EQUAL((s->head.flags & TCP_PSH) != 0, at == 3000);
	}
	CU_ASSERT_FALSE(tcp_all_acked(r.tcp, r.user.id));
	ack(&r, 3000);
	CU_ASSERT_TRUE(tcp_all_acked(r.tcp, r.user.id));
	rig_close(&r);
}

static void a_part_of_a_segment_waits_for_flush_and_a_whole_one_does_not(void)
{
	struct rig r;

	start(&r, &plain);
	tcp_write(r.tcp, r.now_us, r.user.id, span_of(letters, 400));
	CU_ASSERT_EQUAL(rig_drain(&r), 0);
	tcp_write(r.tcp, r.now_us, r.user.id, span_of(letters, 700));
	CU_ASSERT_EQUAL(rig_drain(&r), 1);
	tcp_flush(r.tcp, r.now_us, r.user.id);
	CU_ASSERT_EQUAL(rig_next(&r)->bytes, 100);
	rig_close(&r);
}

static void the_first_window_is_ten_segments(void)
{
	struct rig r;

	start(&r, &plain);
	say(&r, 30000);
	CU_ASSERT_EQUAL(rig_drain(&r), 10);
	ack(&r, 2000); /* two acknowledged in slow start: four may leave */
	CU_ASSERT_EQUAL(rig_drain(&r), 4);
	rig_close(&r);
}

static void a_timeout_backs_off_and_sends_the_first_segment_again(void)
{
	struct rig r;
	const struct rig_sent *s;
	uint64_t at[5];

	start(&r, &plain);
	say(&r, 500);
	CU_ASSERT_EQUAL(rig_next(&r)->bytes, 500);
	at[0] = r.now_us;
	for (int i = 1; i < 5; i++) {
		while ((s = rig_next(&r)) == NULL)
			rig_run(&r, 1);
		CU_ASSERT_EQUAL(s->head.seq, RIG_ISS + 1);
		CU_ASSERT_EQUAL(s->bytes, 500);
		at[i] = s->at_us;
	}
	CU_ASSERT_TRUE(at[1] - at[0] >= 200000 && at[1] - at[0] <= 205000); /* RTT 10 ms: floored */
	for (int i = 2; i < 5; i++) {
		uint64_t want = 200000ull << (i - 1);

		CU_ASSERT_TRUE(at[i] - at[i - 1] >= want && at[i] - at[i - 1] <= want + 5000);
	}
	ack(&r, 500);
	rig_run(&r, 2000);
	CU_ASSERT_EQUAL(rig_drain(&r), 0);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_retransmits), 4);
	rig_close(&r);
}

static void a_syn_is_repeated_at_1_2_4_seconds_and_then_given_up(void)
{
	struct rig r;
	uint64_t t0;

	rig_conf(&r);
	r.conf.syn_timeout_ms = 10000;
	rig_open(&r);
	rig_connect(&r);
	rig_drain(&r);
	t0 = r.now_us;
	for (uint32_t want_s = 1; want_s <= 7; want_s = 2 * want_s + 1) {
		const struct rig_sent *s;

		while ((s = rig_next(&r)) == NULL)
			rig_run(&r, 1);
		CU_ASSERT_EQUAL(s->head.flags, TCP_SYN);
		CU_ASSERT_TRUE(s->at_us - t0 >= want_s * 1000000ull &&
		               s->at_us - t0 <= want_s * 1000000ull + 10000);
	}
	CU_ASSERT_EQUAL(r.user.n_closed, 0);
	rig_run(&r, 3100);
	CU_ASSERT_EQUAL(r.user.n_closed, 1);
	CU_ASSERT_EQUAL(r.user.why, -ETIMEDOUT);
	CU_ASSERT_EQUAL(rig_drain(&r), 0);
	rig_close(&r);
}

static void a_silent_peer_is_given_up_after_the_user_timeout(void)
{
	struct rig r;

	rig_conf(&r);
	r.conf.user_timeout_ms = 5000;
	rig_open(&r);
	rig_establish(&r, &plain);
	say(&r, 10);
	rig_run(&r, 4990);
	CU_ASSERT_EQUAL(r.user.n_closed, 0);
	rig_run(&r, 30);
	CU_ASSERT_EQUAL(r.user.n_closed, 1);
	CU_ASSERT_EQUAL(r.user.why, -ETIMEDOUT);
	rig_close(&r);
}

static void three_duplicate_acks_resend_the_hole_and_halve_the_window(void)
{
	struct rig r;
	const struct rig_sent *s;

	rig_conf(&r);
	r.conf.cc = TCP_CC_NEWRENO;
	rig_open(&r);
	rig_establish(&r, &plain);
	say(&r, 10000);
	CU_ASSERT_EQUAL(rig_drain(&r), 10);
	ack(&r, 0);
	ack(&r, 0);
	CU_ASSERT_EQUAL(rig_drain(&r), 0);
	ack(&r, 0);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL);
	CU_ASSERT_EQUAL(s->head.seq, RIG_ISS + 1);
	CU_ASSERT_EQUAL(tcb_at(r.tcp, r.user.id)->ssthresh, 5000);
	ack(&r, 3000); /* partial: the next hole is resent at once (RFC 6582 3.2) */
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL);
	CU_ASSERT_EQUAL(s->head.seq, RIG_ISS + 1 + 3000);
	ack(&r, 10000);
	CU_ASSERT_TRUE(tcb_at(r.tcp, r.user.id)->cwnd <= 5000);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_rto), 0);
	rig_close(&r);
}

static void sacked_segments_are_not_sent_again(void)
{
	struct rig r;
	const struct rig_sent *s;
	struct tcp_head h = { .flags = TCP_ACK,
		              .window = WINDOW,
		              .wscale = TCP_WSCALE_NONE,
		              .has_ts = true,
		              .ts_val = 1000,
		              .n_sacks = 2 };

	start(&r, &sack_ts);
	say(&r, 10 * 1448);
	CU_ASSERT_EQUAL(rig_drain(&r), 10);
	h.seq = r.peer_seq;
	h.ack = RIG_ISS + 1;
	h.sacks[0] = (struct tcp_block){ RIG_ISS + 1 + 4 * 1448, RIG_ISS + 1 + 7 * 1448 };
	h.sacks[1] = (struct tcp_block){ RIG_ISS + 1 + 1448, RIG_ISS + 1 + 3 * 1448 };
	rig_in_head(&r, &h, NULL, 0);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.seq == RIG_ISS + 1);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.seq == RIG_ISS + 1 + 3 * 1448);
	CU_ASSERT_PTR_NULL(rig_next(&r));
	rig_close(&r);
}

static void nonsense_in_sack_blocks_changes_nothing(void)
{
	struct rig r;
	struct tcp_head h = { .flags = TCP_ACK,
		              .window = WINDOW,
		              .wscale = TCP_WSCALE_NONE,
		              .has_ts = true,
		              .ts_val = 1000,
		              .n_sacks = 3 };

	start(&r, &sack_ts);
	say(&r, 10 * 1448);
	rig_drain(&r);
	h.seq = r.peer_seq;
	h.ack = RIG_ISS + 1;
	h.sacks[0] = (struct tcp_block){ RIG_ISS + 5000, RIG_ISS + 100 };     /* backwards */
	h.sacks[1] = (struct tcp_block){ RIG_ISS + 1448, RIG_ISS + 1000000 }; /* never sent */
	h.sacks[2] = (struct tcp_block){ RIG_ISS - 50000, RIG_ISS + 15000 };  /* long gone */
	rig_in_head(&r, &h, NULL, 0);
	CU_ASSERT_EQUAL(tcb_at(r.tcp, r.user.id)->sacked, 0);
	rig_close(&r);
}

static void a_closed_window_is_probed_below_its_edge_until_it_opens(void)
{
	struct rig r;
	const struct rig_sent *s;
	uint32_t probes = 0;

	rig_conf(&r);
	r.conf.user_timeout_ms = 10000;
	rig_open(&r);
	rig_establish(&r, &plain);
	say(&r, 1000);
	rig_drain(&r);
	rig_in_at(&r, TCP_ACK, r.peer_seq, RIG_ISS + 1001, NULL, 0, 0);
	say(&r, 500);
	CU_ASSERT_EQUAL(rig_drain(&r), 0);
	for (int i = 0; i < 60000; i++) { /* longer than the user timeout: the peer is alive */
		rig_run(&r, 1);
		while ((s = rig_next(&r)) != NULL) {
			CU_ASSERT_EQUAL(s->head.seq, RIG_ISS + 1000);
			CU_ASSERT_EQUAL(s->bytes, 0);
			probes++;
			rig_in_at(&r, TCP_ACK, r.peer_seq, RIG_ISS + 1001, NULL, 0, 0);
		}
	}
	CU_ASSERT_EQUAL(r.user.n_closed, 0);
	/* Backed off to half of the user timeout. */
	CU_ASSERT_TRUE(probes >= 13 && probes <= 17);
	rig_in_at(&r, TCP_ACK, r.peer_seq, RIG_ISS + 1001, NULL, 0, 500);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->bytes == 500);
	rig_close(&r);
}

static void a_window_smaller_than_a_segment_is_used_after_a_while(void)
{
	struct rig r;
	const struct rig_sent *s;

	start(&r, &plain);
	rig_in_at(&r, TCP_ACK, r.peer_seq, RIG_ISS + 1, NULL, 0, 300);
	say(&r, 1000);
	CU_ASSERT_EQUAL(rig_drain(&r), 0); /* 300 of 1000 would be a silly window */
	rig_run(&r, 250);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->bytes == 300);
	rig_in_at(&r, TCP_ACK, r.peer_seq, RIG_ISS + 301, NULL, 0, 2000);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->bytes == 700);
	CU_ASSERT_EQUAL(memcmp(s->payload, letters + 300, 700), 0);
	rig_close(&r);
}

static void a_segment_that_the_device_still_holds_is_copied(void)
{
	struct rig r;
	const struct rig_sent *s;

	start(&r, &plain);
	r.hold = true;
	say(&r, 500);
	rig_drain(&r);
	for (int i = 0; i < 3; i++) {
		while ((s = rig_next(&r)) == NULL)
			rig_run(&r, 1);
		CU_ASSERT_EQUAL(s->bytes, 500);
		CU_ASSERT_EQUAL(memcmp(s->payload, letters, 500), 0);
	}
	ack(&r, 500);
	rig_close(&r);
}

static void the_layer_above_is_told_when_there_is_room_again(void)
{
	struct rig r;

	start(&r, &plain);
	CU_ASSERT_EQUAL(say(&r, 70000), 65536);
	CU_ASSERT_EQUAL(tcp_write_room(r.tcp, r.user.id), 0);
	for (uint32_t at = 0; at < 65536 && r.user.n_writable == 0; at += 1000)
		ack(&r, at);
	CU_ASSERT_EQUAL(r.user.n_writable, 1);
	CU_ASSERT_TRUE(tcp_write_room(r.tcp, r.user.id) >= 32768);
	rig_close(&r);
}

static void acks_are_put_off_40_ms_or_until_the_second_segment(void)
{
	struct rig r;
	const struct rig_sent *s;

	start(&r, &plain);
	rig_in(&r, TCP_ACK, letters, 100, WINDOW);
	rig_run(&r, 38);
	CU_ASSERT_EQUAL(rig_drain(&r), 0);
	rig_run(&r, 4);
	CU_ASSERT_EQUAL(rig_drain(&r), 1);
	rig_in(&r, TCP_ACK, letters, 1000, WINDOW);
	rig_turn(&r);
	CU_ASSERT_EQUAL(rig_drain(&r), 0);
	rig_in(&r, TCP_ACK, letters, 1000, WINDOW);
	rig_in(&r, TCP_ACK, letters, 1000, WINDOW);
	rig_turn(&r); /* one for the turn */
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.ack == r.peer_seq);
	CU_ASSERT_PTR_NULL(rig_next(&r));
	rig_in(&r, TCP_ACK, letters, 100, WINDOW);
	say(&r, 10); /* the answer carries it */
	CU_ASSERT_EQUAL(rig_next(&r)->head.ack, r.peer_seq);
	rig_run(&r, 60);
	CU_ASSERT_EQUAL(rig_drain(&r), 0);
	rig_close(&r);
}

/* The ACK of a copy that was not needed echoes an old timestamp (RFC 7323 4.3: what is not
 * acceptable is not recorded), so it seems to have taken as long as the peer was out of reach.
 */
static void an_echo_that_may_be_stale_does_not_inflate_the_timeout(void)
{
	struct rig r;
	struct tcp_head h = {
		.flags = TCP_ACK, .window = WINDOW, .wscale = TCP_WSCALE_NONE, .has_ts = true
	};

	start(&r, &sack_ts);
	say(&r, 100);
	h.ts_ecr = rig_next(&r)->head.ts_val;
	rig_run(&r, 30000); /* it arrived, but all ACKs are lost */
	CU_ASSERT_TRUE(rig_drain(&r) >= 6);
	h.seq = r.peer_seq;
	h.ack = RIG_ISS + 101;
	h.ts_val = r.ts;
	rig_in_head(&r, &h, NULL, 0);
	CU_ASSERT_TRUE(tcb_at(r.tcp, r.user.id)->rto.rto_us <= 1000000);
	CU_ASSERT_TRUE(tcb_at(r.tcp, r.user.id)->rto.rto_us >= 200000);
	rig_close(&r);
}

SUITE("dataplane/tcp/tcp_output", TEST(data_is_cut_by_mss_and_only_its_end_is_pushed),
      TEST(a_part_of_a_segment_waits_for_flush_and_a_whole_one_does_not),
      TEST(the_first_window_is_ten_segments),
      TEST(a_timeout_backs_off_and_sends_the_first_segment_again),
      TEST(a_syn_is_repeated_at_1_2_4_seconds_and_then_given_up),
      TEST(a_silent_peer_is_given_up_after_the_user_timeout),
      TEST(three_duplicate_acks_resend_the_hole_and_halve_the_window),
      TEST(an_echo_that_may_be_stale_does_not_inflate_the_timeout),
      TEST(sacked_segments_are_not_sent_again), TEST(nonsense_in_sack_blocks_changes_nothing),
      TEST(a_closed_window_is_probed_below_its_edge_until_it_opens),
      TEST(a_window_smaller_than_a_segment_is_used_after_a_while),
      TEST(a_segment_that_the_device_still_holds_is_copied),
      TEST(the_layer_above_is_told_when_there_is_room_again),
      TEST(acks_are_put_off_40_ms_or_until_the_second_segment))
