/* test_tcp_loss.c - what counts as lost, what is sent again, and what the window becomes: RACK-TLP,
 * PRR, NewReno, undo.
 */
#include "tests/dataplane/tcp/rig.h"
#include "tests/support/suite.h"

#include "dataplane/tcp/tcp_cc.h"

#include <string.h>

#define WINDOW 60000

enum { MSS = 1448 };

static const struct rig_options sack_ts = {
	.mss = 1460, .wscale = 0, .sack = true, .ts = true, .window = WINDOW
};
static const struct rig_options plain = { .mss = 1460,
	                                  .wscale = TCP_WSCALE_NONE,
	                                  .window = WINDOW };

static uint8_t letters[65536];

static struct tcb *conn(struct rig *r)
{
	return tcb_at(r->tcp, r->user.id);
}

/* An open connection whose round trip of 10 ms is known from the handshake. */
static void start(struct rig *r, const struct rig_options *o, uint8_t cc)
{
	rig_conf(r);
	r->conf.cc = cc;
	rig_open(r);
	rig_establish(r, o);
}

static void say(struct rig *r, unsigned segs)
{
	tcp_write(r->tcp, r->now_us, r->user.id, span_of(letters, segs * MSS));
	tcp_flush(r->tcp, r->now_us, r->user.id);
	tcp_check(r->tcp);
}

/* The sequence number of segment `n`. */
static uint32_t seg(uint32_t n)
{
	return RIG_ISS + 1 + n * MSS;
}

/* An ACK up to segment `una`, with a SACK for [from, to) unless they are equal. */
static void ack_sack(struct rig *r, uint32_t una, uint32_t from, uint32_t to)
{
	struct tcp_head h = { .flags = TCP_ACK,
		              .seq = r->peer_seq,
		              .ack = seg(una),
		              .window = WINDOW,
		              .wscale = TCP_WSCALE_NONE,
		              .has_ts = r->ts != 0,
		              .ts_val = r->ts,
		              .ts_ecr = r->sent[(r->n_sent - 1) % RIG_SENT_MAX].head.ts_val,
		              .n_sacks = from != to };

	h.sacks[0] = (struct tcp_block){ seg(from), seg(to) };
	rig_in_head(r, &h, NULL, 0);
}

static bool next_is(struct rig *r, uint32_t n)
{
	const struct rig_sent *s = rig_next(r);

	return s != NULL && s->head.seq == seg(n);
}

static void a_hole_is_lost_when_a_quarter_of_the_round_trip_has_passed(void)
{
	struct rig r;

	start(&r, &sack_ts, TCP_CC_CUBIC);
	say(&r, 4);
	CU_ASSERT_EQUAL(rig_drain(&r), 4);
	rig_run(&r, 10);
	ack_sack(&r, 0, 1, 2); /* one SACK is no proof (RFC 8985 6.2) */
	CU_ASSERT_EQUAL(rig_drain(&r), 0);
	CU_ASSERT_EQUAL(conn(&r)->xmit, TCB_XMIT_REO);
	rig_run(&r, 1);
	CU_ASSERT_EQUAL(rig_drain(&r), 0);
	rig_run(&r, 4); /* 2.5 ms, and the wheel's tick */
	CU_ASSERT_TRUE(next_is(&r, 0));
	CU_ASSERT_TRUE(conn(&r)->flags & TCB_F_RECOVERY);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_rto), 0);
	rig_close(&r);
}

static void three_sacked_segments_are_proof_at_once(void)
{
	struct rig r;

	start(&r, &sack_ts, TCP_CC_CUBIC);
	say(&r, 4);
	rig_drain(&r);
	rig_run(&r, 10);
	ack_sack(&r, 0, 1, 4);
	CU_ASSERT_TRUE(next_is(&r, 0));
	CU_ASSERT_PTR_NULL(rig_next(&r));
	rig_close(&r);
}

static void a_path_that_reorders_gets_its_time_before_loss_is_found(void)
{
	struct rig r;

	start(&r, &sack_ts, TCP_CC_CUBIC);
	say(&r, 8);
	rig_drain(&r);
	rig_run(&r, 10);
	ack_sack(&r, 0, 1, 2);
	ack_sack(&r, 2, 2, 2); /* the first came late */
	CU_ASSERT_TRUE(conn(&r)->flags & TCB_F_REORDERED);
	ack_sack(&r, 2, 3, 7); /* four above the hole: still it waits */
	CU_ASSERT_EQUAL(rig_drain(&r), 0);
	rig_run(&r, 5);
	CU_ASSERT_TRUE(next_is(&r, 2));
	rig_close(&r);
}

static void what_one_ack_reports_together_was_not_reordered(void)
{
	struct rig r;

	start(&r, &sack_ts, TCP_CC_CUBIC);
	say(&r, 8);
	rig_drain(&r);
	rig_run(&r, 10);
	/* The first came, its ACK was put off; the second is lost, the third makes the ACK leave.
	 */
	ack_sack(&r, 1, 2, 3);
	CU_ASSERT_FALSE(conn(&r)->flags & TCB_F_REORDERED);
	ack_sack(&r, 1, 2, 5);
	CU_ASSERT_TRUE(next_is(&r, 1));
	rig_close(&r);
}

static void a_copy_is_not_lost_because_what_left_in_the_same_turn_arrived(void)
{
	struct rig r;

	start(&r, &sack_ts, TCP_CC_CUBIC);
	say(&r, 8);
	rig_drain(&r);
	rig_run(&r, 10);
	ack_sack(&r, 0, 1, 2);
	say(&r, 2);
	CU_ASSERT_TRUE(next_is(&r, 8));
	CU_ASSERT_TRUE(next_is(&r, 9));
	ack_sack(&r, 0, 1, 4);
	CU_ASSERT_TRUE(next_is(&r, 0)); /* at the same time as those, and behind them */
	rig_run(&r, 10);
	ack_sack(&r, 0, 1, 9);
	CU_ASSERT_EQUAL(rig_drain(&r), 0);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_retransmits), 1);
	rig_close(&r);
}

static void a_segment_lost_again_is_found_without_a_timeout(void)
{
	struct rig r;

	start(&r, &sack_ts, TCP_CC_CUBIC);
	say(&r, 10);
	rig_drain(&r);
	rig_run(&r, 10);
	ack_sack(&r, 0, 1, 4);
	CU_ASSERT_TRUE(next_is(&r, 0)); /* lost too */
	say(&r, 10);
	rig_run(&r, 1);
	ack_sack(&r, 0, 1, 10); /* room: new segments leave after the resent one */
	CU_ASSERT_TRUE(rig_drain(&r) >= 1);
	rig_run(&r, 12);
	ack_sack(&r, 0, 1, 11); /* one of these arrived: what left before has not */
	rig_run(&r, 5);
	CU_ASSERT_TRUE(next_is(&r, 0));
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_rto), 0);
	rig_close(&r);
}

static void a_lost_tail_is_probed_after_two_round_trips(void)
{
	struct rig r;
	uint64_t sent_us;

	start(&r, &sack_ts, TCP_CC_CUBIC);
	say(&r, 4);
	rig_drain(&r);
	rig_run(&r, 10);
	ack_sack(&r, 1, 1, 1);
	sent_us = r.now_us;
	rig_run(&r, 18);
	CU_ASSERT_EQUAL(rig_drain(&r), 0);
	rig_run(&r, 6);
	CU_ASSERT_TRUE(next_is(&r, 3)); /* the last one (RFC 8985 7.3) */
	CU_ASSERT_TRUE(r.now_us - sent_us < 30000);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_probes), 1);
	rig_run(&r, 10);
	ack_sack(&r, 1, 3, 4); /* the probe came: the two before it are lost */
	rig_run(&r, 5);
	CU_ASSERT_TRUE(next_is(&r, 1));
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_rto), 0);
	rig_close(&r);
}

static void a_probe_is_new_data_when_there_is_some(void)
{
	struct rig r;

	start(&r, &sack_ts, TCP_CC_CUBIC);
	say(&r, 15); /* ten leave */
	CU_ASSERT_EQUAL(rig_drain(&r), 10);
	rig_run(&r, 25);
	CU_ASSERT_TRUE(next_is(&r, 10));
	CU_ASSERT_PTR_NULL(rig_next(&r));
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_retransmits), 0);
	rig_run(&r, 250); /* one probe only, then the time-out */
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_probes), 1);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_rto), 1);
	rig_close(&r);
}

static void a_single_segment_waits_for_a_peer_that_delays_its_ack(void)
{
	struct rig r;

	start(&r, &sack_ts, TCP_CC_CUBIC);
	say(&r, 1);
	rig_drain(&r);
	rig_run(&r, 195);
	CU_ASSERT_EQUAL(rig_drain(&r), 0);
	rig_run(&r, 20);
	CU_ASSERT_TRUE(next_is(&r, 0));
	rig_close(&r);
}

static void a_loss_that_a_probe_repaired_reduces_the_window(void)
{
	static const struct {
		const char *why;
		bool dsack;
	} cases[] = {
		{ "the probe repaired it", false },
		{ "both copies arrived", true },
	};

	for (size_t i = 0; i < 2; i++) {
		struct tcp_head h = { .flags = TCP_ACK,
			              .window = WINDOW,
			              .wscale = TCP_WSCALE_NONE,
			              .has_ts = true,
			              .ts_val = 1000 };
		struct rig r;
		uint32_t cwnd;

		start(&r, &sack_ts, TCP_CC_CUBIC);
		say(&r, 4);
		rig_run(&r, 30);
		CU_ASSERT_EQUAL(rig_drain(&r), 5);
		cwnd = conn(&r)->cwnd;
		h.seq = r.peer_seq;
		h.ack = seg(4);
		h.n_sacks = cases[i].dsack;
		h.sacks[0] = (struct tcp_block){ seg(3), seg(4) };
		rig_in_head(&r, &h, NULL, 0);
		say(&r, 2);
		rig_run(&r, 10);
		ack_sack(&r, 6, 6, 6);
		if ((conn(&r)->cwnd < cwnd) == cases[i].dsack)
			printf("\n    %s: %u, was %u", cases[i].why, conn(&r)->cwnd, cwnd);
		CU_ASSERT_NOT_EQUAL(conn(&r)->cwnd < cwnd, cases[i].dsack);
		rig_close(&r);
	}
}

static void recovery_sends_in_proportion_to_what_arrives(void)
{
	struct rig r;
	unsigned sent = 0;

	start(&r, &sack_ts, TCP_CC_NEWRENO);
	say(&r, 45);
	for (uint32_t una = 2; una <= 10; una += 2) { /* slow start to 20 segments */
		rig_run(&r, 2);
		ack_sack(&r, una, una, una);
	}
	rig_drain(&r);
	CU_ASSERT_EQUAL((conn(&r)->snd_nxt - conn(&r)->snd_una) / MSS, 20);
	for (uint32_t to = 12; to <= 30; to++) { /* the eleventh is lost, the others arrive */
		rig_run(&r, 1);
		ack_sack(&r, 10, 11, to);
		sent += rig_drain(&r);
	}
	/* RFC 6937: half of the flight, the retransmission included, evenly. */
	CU_ASSERT_TRUE(sent >= 9 && sent <= 11);
	CU_ASSERT_TRUE(tcp_in_flight(conn(&r)) <= conn(&r)->ssthresh + MSS);
	ack_sack(&r, 30, 30, 30);
	CU_ASSERT_EQUAL(conn(&r)->cwnd, conn(&r)->ssthresh);
	CU_ASSERT_EQUAL(conn(&r)->ssthresh / MSS, 10);
	rig_close(&r);
}

static void duplicate_acks_let_new_segments_out_before_loss_is_found(void)
{
	struct rig r;

	start(&r, &plain, TCP_CC_NEWRENO);
	tcp_write(r.tcp, r.now_us, r.user.id, span_of(letters, 20 * 1460));
	CU_ASSERT_EQUAL(rig_drain(&r), 10);
	rig_in_at(&r, TCP_ACK, r.peer_seq, RIG_ISS + 1, NULL, 0, WINDOW);
	CU_ASSERT_EQUAL(rig_drain(&r), 1); /* RFC 3042 */
	rig_in_at(&r, TCP_ACK, r.peer_seq, RIG_ISS + 1, NULL, 0, WINDOW);
	CU_ASSERT_EQUAL(rig_drain(&r), 1);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_retransmits), 0);
	CU_ASSERT_FALSE(conn(&r)->flags & TCB_F_RECOVERY);
	rig_in_at(&r, TCP_ACK, r.peer_seq, RIG_ISS + 1, NULL, 0, WINDOW);
	CU_ASSERT_TRUE(conn(&r)->flags & TCB_F_RECOVERY);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_retransmits), 1);
	rig_close(&r);
}

static void a_timeout_that_the_echo_disproves_is_undone(void)
{
	struct rig r;
	struct tcp_head h = { .flags = TCP_ACK,
		              .window = WINDOW,
		              .wscale = TCP_WSCALE_NONE,
		              .has_ts = true,
		              .ts_val = 1000 };
	uint32_t cwnd;

	start(&r, &sack_ts, TCP_CC_CUBIC);
	say(&r, 10);
	h.ts_ecr = rig_next(&r)->head.ts_val;
	rig_drain(&r);
	cwnd = conn(&r)->cwnd;
	rig_run(&r, 500);
	CU_ASSERT_TRUE(rig_count(&r.counters.tcp_rto) >= 1);
	CU_ASSERT_TRUE(conn(&r)->cwnd < cwnd);
	rig_drain(&r);
	h.seq = r.peer_seq;
	h.ack = seg(2);
	rig_in_head(&r, &h, NULL, 0); /* of the first copy (RFC 3522) */
	CU_ASSERT_EQUAL(conn(&r)->cwnd, cwnd);
	CU_ASSERT_EQUAL(conn(&r)->to_resend, 0);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_undone), 1);
	CU_ASSERT_EQUAL(rig_drain(&r), 0);
	rig_close(&r);
}

static void a_timeout_that_the_echo_confirms_stands(void)
{
	struct rig r;
	struct tcp_head h = { .flags = TCP_ACK,
		              .window = WINDOW,
		              .wscale = TCP_WSCALE_NONE,
		              .has_ts = true,
		              .ts_val = 1000 };
	const struct rig_sent *s, *last = NULL;

	start(&r, &sack_ts, TCP_CC_CUBIC);
	say(&r, 10);
	rig_run(&r, 225);
	while ((s = rig_next(&r)) != NULL)
		last = s;
	CU_ASSERT_TRUE_FATAL(last != NULL && last->head.seq == seg(0));
	h.seq = r.peer_seq;
	h.ack = seg(1);
	h.ts_ecr = last->head.ts_val;
	rig_in_head(&r, &h, NULL, 0);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_undone), 0);
	CU_ASSERT_TRUE(conn(&r)->flags & TCB_F_LOSS);
	rig_close(&r);
}

static void only_the_first_copy_of_a_recovery_is_asked_about_by_the_echo(void)
{
	struct rig r;
	struct tcp_head h = { .flags = TCP_ACK,
		              .window = WINDOW,
		              .wscale = TCP_WSCALE_NONE,
		              .has_ts = true,
		              .ts_val = 1000,
		              .n_sacks = 1 };

	start(&r, &sack_ts, TCP_CC_CUBIC);
	say(&r, 10);
	rig_drain(&r);
	rig_run(&r, 10);
	ack_sack(&r, 0, 5, 8); /* five are lost; the window lets four of them out */
	h.ts_ecr = rig_next(&r)->head.ts_val;
	CU_ASSERT_EQUAL(rig_drain(&r), 3);
	rig_run(&r, 10);
	h.seq = r.peer_seq;
	h.sacks[0] = (struct tcp_block){ seg(5), seg(8) };
	h.ack = seg(1); /* answers the copy: the fifth leaves now */
	rig_in_head(&r, &h, NULL, 0);
	CU_ASSERT_TRUE(next_is(&r, 4));
	h.ack = seg(2); /* answers the second copy, which left before the fifth did */
	rig_in_head(&r, &h, NULL, 0);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_undone), 0);
	CU_ASSERT_TRUE(conn(&r)->flags & TCB_F_RECOVERY);
	rig_close(&r);
}

static void an_answer_to_an_earlier_recovery_undoes_no_later_one(void)
{
	struct rig r;
	const struct rig_sent *s;
	struct tcp_head h = { .flags = TCP_ACK,
		              .window = WINDOW,
		              .wscale = TCP_WSCALE_NONE,
		              .has_ts = true,
		              .ts_val = 1000 };

	start(&r, &sack_ts, TCP_CC_CUBIC);
	say(&r, 10);
	rig_drain(&r);
	rig_run(&r, 10);
	ack_sack(&r, 0, 1, 4);
	CU_ASSERT_TRUE(next_is(&r, 0)); /* lost once more */
	say(&r, 20);
	rig_run(&r, 1);
	ack_sack(&r, 0, 1, 10);
	CU_ASSERT_TRUE(rig_drain(&r) >= 6); /* 10 and more leave */
	rig_run(&r, 10);
	ack_sack(&r, 0, 11, 15);
	h.ts_ecr = 0;
	while ((s = rig_next(&r)) != NULL)
		if (s->head.seq == seg(10))
			h.ts_ecr = s->head.ts_val; /* in the recovery of 0 */
	CU_ASSERT_NOT_EQUAL_FATAL(h.ts_ecr, 0);
	CU_ASSERT_TRUE(conn(&r)->flags & TCB_F_RECOVERY);
	rig_run(&r, 10);
	ack_sack(&r, 10, 16, 19); /* 0 is repaired, 15 is lost: the next recovery */
	CU_ASSERT_TRUE(next_is(&r, 15));
	CU_ASSERT_TRUE(conn(&r)->flags & TCB_F_RECOVERY);
	h.seq = r.peer_seq;
	h.ack = seg(15); /* 10 is repaired too, by a copy that is older than that of 15 */
	rig_in_head(&r, &h, NULL, 0);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_undone), 0);
	CU_ASSERT_TRUE(conn(&r)->flags & TCB_F_RECOVERY);
	rig_close(&r);
}

static void a_recovery_whose_every_copy_was_a_duplicate_is_undone(void)
{
	struct rig r;
	struct tcp_head h = { .flags = TCP_ACK,
		              .window = WINDOW,
		              .wscale = TCP_WSCALE_NONE,
		              .has_ts = true,
		              .ts_val = 1000,
		              .n_sacks = 1 };
	uint32_t cwnd;

	start(&r, &sack_ts, TCP_CC_CUBIC);
	say(&r, 10);
	rig_drain(&r);
	cwnd = conn(&r)->cwnd;
	rig_run(&r, 10);
	ack_sack(&r, 0, 1, 4); /* the first is only late */
	CU_ASSERT_TRUE(next_is(&r, 0));
	ack_sack(&r, 10, 10, 10);
	CU_ASSERT_TRUE(conn(&r)->cwnd < cwnd);
	h.seq = r.peer_seq;
	h.ack = seg(10);
	h.sacks[0] = (struct tcp_block){ seg(0), seg(1) }; /* RFC 2883 */
	rig_in_head(&r, &h, NULL, 0);
	CU_ASSERT_TRUE(conn(&r)->cwnd >= cwnd);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_undone), 1);
	rig_close(&r);
}

static void a_peer_that_drops_what_it_sacked_gets_it_again(void)
{
	struct rig r;

	start(&r, &sack_ts, TCP_CC_CUBIC);
	say(&r, 6);
	rig_drain(&r);
	rig_run(&r, 10);
	ack_sack(&r, 0, 1, 6);
	CU_ASSERT_TRUE(next_is(&r, 0));
	ack_sack(&r, 1, 1, 1); /* only the first: it forgot the rest (RFC 2018 8) */
	rig_drain(&r);
	for (int i = 0; i < 5000 && conn(&r)->snd_una != seg(6); i++) {
		const struct rig_sent *s;

		rig_run(&r, 1);
		while ((s = rig_next(&r)) != NULL)
			if (s->head.seq == conn(&r)->snd_una)
				rig_in_at(&r, TCP_ACK, r.peer_seq, s->head.seq + s->bytes, NULL, 0,
				          WINDOW);
	}
	CU_ASSERT_EQUAL(conn(&r)->snd_una, seg(6));
	rig_close(&r);
}

static void blocks_are_repeated_the_newest_first(void)
{
	static const uint8_t came[] = { 10, 50, 30, 70, 31 };
	static const uint8_t want[][3] = {
		{ 10 }, { 50, 10 }, { 30, 50, 10 }, { 70, 30, 50 }, { 30, 70, 50 }
	};
	struct rig r;
	const struct rig_sent *s;
	uint32_t at;

	start(&r, &sack_ts, TCP_CC_CUBIC);
	at = r.peer_seq;
	for (size_t i = 0; i < sizeof(came); i++) {
		rig_in_at(&r, TCP_ACK, at + came[i], r.peer_ack, "x", 1, WINDOW);
		rig_turn(&r);
		s = rig_next(&r);
		CU_ASSERT_FATAL(s != NULL && s->head.n_sacks == (i < 3 ? i + 1 : 3));
		for (unsigned k = 0; k < s->head.n_sacks; k++)
			CU_ASSERT_EQUAL(s->head.sacks[k].start, at + want[i][k]);
	}
	CU_ASSERT_EQUAL(s->head.sacks[0].end, at + 32);
	rig_close(&r);
}

static void what_is_partly_old_is_reported_at_once(void)
{
	struct rig r;
	const struct rig_sent *s;
	uint32_t at;

	start(&r, &sack_ts, TCP_CC_CUBIC);
	at = r.peer_seq;
	rig_in(&r, TCP_ACK, "abcdef", 6, WINDOW);
	rig_run(&r, 50);
	rig_drain(&r);
	rig_in_at(&r, TCP_ACK, at + 4, r.peer_ack, "efgh", 4, WINDOW); /* in order, half of it */
	rig_turn(&r);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.n_sacks == 1);
	CU_ASSERT_EQUAL(s->head.ack, at + 8);
	CU_ASSERT_EQUAL(s->head.sacks[0].start, at + 4);
	CU_ASSERT_EQUAL(s->head.sacks[0].end, at + 6);
	rig_in_at(&r, TCP_ACK, at + 10, r.peer_ack, "klm", 3, WINDOW);
	rig_turn(&r);
	rig_drain(&r);
	rig_in_at(&r, TCP_ACK, at + 8, r.peer_ack, "ijk", 3, WINDOW); /* into what was held */
	rig_turn(&r);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.n_sacks == 1);
	CU_ASSERT_EQUAL(s->head.ack, at + 13);
	CU_ASSERT_EQUAL(s->head.sacks[0].start, at + 10);
	CU_ASSERT_EQUAL(s->head.sacks[0].end, at + 11);
	rig_close(&r);
}

static void what_we_get_twice_is_reported_once(void)
{
	struct rig r;
	const struct rig_sent *s;
	uint32_t at;

	start(&r, &sack_ts, TCP_CC_CUBIC);
	at = r.peer_seq;
	rig_in(&r, TCP_ACK, "abcdef", 6, WINDOW);
	rig_run(&r, 50);
	rig_drain(&r);
	rig_in_at(&r, TCP_ACK, at, r.peer_ack, "abcdef", 6, WINDOW); /* wholly old */
	rig_turn(&r);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.n_sacks == 1);
	CU_ASSERT_EQUAL(s->head.sacks[0].start, at);
	CU_ASSERT_EQUAL(s->head.sacks[0].end, at + 6);
	CU_ASSERT_EQUAL(s->head.ack, at + 6);
	rig_in_at(&r, TCP_ACK, at + 10, r.peer_ack, "klm", 3, WINDOW);
	rig_turn(&r);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.n_sacks == 1); /* not again */
	CU_ASSERT_EQUAL(s->head.sacks[0].start, at + 10);
	rig_in_at(&r, TCP_ACK, at + 10, r.peer_ack, "klm", 3, WINDOW); /* held already */
	rig_turn(&r);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.n_sacks == 2); /* RFC 2883 4.2 */
	CU_ASSERT_EQUAL(s->head.sacks[0].start, at + 10);
	CU_ASSERT_EQUAL(s->head.sacks[1].start, at + 10);
	rig_close(&r);
}

static void a_window_that_was_not_used_does_not_grow(void)
{
	struct rig r;
	uint32_t cwnd;

	start(&r, &sack_ts, TCP_CC_CUBIC);
	cwnd = conn(&r)->cwnd;
	for (uint32_t i = 0; i < 20; i++) { /* one segment a round trip (RFC 7661) */
		say(&r, 1);
		rig_run(&r, 10);
		ack_sack(&r, i + 1, i + 1, i + 1);
	}
	CU_ASSERT_EQUAL(conn(&r)->cwnd, cwnd);
	rig_close(&r);
}

static void a_window_that_rested_begins_again_at_ten_segments(void)
{
	struct rig r;

	start(&r, &sack_ts, TCP_CC_CUBIC);
	say(&r, 30);
	for (uint32_t una = 2; una <= 30; una += 2) {
		rig_run(&r, 2);
		ack_sack(&r, una, una, una);
	}
	rig_drain(&r);
	CU_ASSERT_TRUE(conn(&r)->cwnd > 15 * MSS);
	rig_run(&r, 1000); /* RFC 5681 4.1: more than a time-out */
	say(&r, 20);
	CU_ASSERT_EQUAL(rig_drain(&r), 10);
	rig_close(&r);
}

SUITE("dataplane/tcp/tcp_loss", TEST(a_hole_is_lost_when_a_quarter_of_the_round_trip_has_passed),
      TEST(three_sacked_segments_are_proof_at_once),
      TEST(a_path_that_reorders_gets_its_time_before_loss_is_found),
      TEST(what_one_ack_reports_together_was_not_reordered),
      TEST(a_copy_is_not_lost_because_what_left_in_the_same_turn_arrived),
      TEST(a_segment_lost_again_is_found_without_a_timeout),
      TEST(a_lost_tail_is_probed_after_two_round_trips),
      TEST(a_probe_is_new_data_when_there_is_some),
      TEST(a_single_segment_waits_for_a_peer_that_delays_its_ack),
      TEST(a_loss_that_a_probe_repaired_reduces_the_window),
      TEST(recovery_sends_in_proportion_to_what_arrives),
      TEST(duplicate_acks_let_new_segments_out_before_loss_is_found),
      TEST(a_timeout_that_the_echo_disproves_is_undone),
      TEST(a_timeout_that_the_echo_confirms_stands),
      TEST(only_the_first_copy_of_a_recovery_is_asked_about_by_the_echo),
      TEST(an_answer_to_an_earlier_recovery_undoes_no_later_one),
      TEST(a_recovery_whose_every_copy_was_a_duplicate_is_undone),
      TEST(a_peer_that_drops_what_it_sacked_gets_it_again),
      TEST(blocks_are_repeated_the_newest_first), TEST(what_is_partly_old_is_reported_at_once),
      TEST(what_we_get_twice_is_reported_once), TEST(a_window_that_was_not_used_does_not_grow),
      TEST(a_window_that_rested_begins_again_at_ten_segments))
