/* test_tcp_pace.c - with pacing a window leaves over the round trip, without it at once. */
#include "tests/dataplane/tcp/rig.h"
#include "tests/support/suite.h"

#define WINDOW 60000

enum { MSS = 1448, RTT_MS = 40 };

static const struct rig_options sack_ts = {
	.mss = 1460, .wscale = 0, .sack = true, .ts = true, .window = WINDOW
};

static uint8_t letters[65536];

static struct tcb *conn(struct rig *r)
{
	return tcb_at(r->tcp, r->user.id);
}

/* An open connection whose round trip was measured as RTT_MS. */
static void start(struct rig *r, bool pacing)
{
	rig_conf(r);
	r->conf.pacing = pacing;
	rig_open(r);
	rig_establish(r, &sack_ts);
	conn(r)->rto.srtt_us = RTT_MS * 1000;
}

static void say(struct rig *r, unsigned segs)
{
	tcp_write(r->tcp, r->now_us, r->user.id, span_of(letters, segs * MSS));
	tcp_flush(r->tcp, r->now_us, r->user.id);
	tcp_check(r->tcp);
}

static void a_window_leaves_over_half_a_round_trip_in_slow_start(void)
{
	uint64_t first_us, last_us = 0;
	const struct rig_sent *s;
	unsigned n = 0;
	struct rig r;

	start(&r, true);
	first_us = r.now_us;
	say(&r, 10);
	CU_ASSERT_TRUE(rig_drain(&r) <= 3);
	r.n_read = 0; /* all of them again */
	rig_run(&r, RTT_MS);
	while ((s = rig_next(&r)) != NULL) {
		if (s->bytes == 0)
			continue;
		n++;
		last_us = s->at_us;
	}
	CU_ASSERT_EQUAL(n, 10);
	/* Twice the window a round trip: 10 in 20 ms, less what may leave at once. */
	CU_ASSERT_TRUE(last_us - first_us >= 14000 && last_us - first_us <= 22000);
	CU_ASSERT_TRUE(rig_count(&r.counters.tcp_paced) >= 5);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_retransmits), 0);
	rig_close(&r);
}

static void after_slow_start_it_takes_five_sixths_of_a_round_trip(void)
{
	uint64_t first_us, last_us = 0;
	const struct rig_sent *s;
	struct rig r;

	start(&r, true);
	conn(&r)->ssthresh = conn(&r)->cwnd;
	first_us = r.now_us;
	say(&r, 10);
	rig_run(&r, RTT_MS);
	while ((s = rig_next(&r)) != NULL)
		last_us = s->at_us;
	CU_ASSERT_EQUAL(conn(&r)->snd_nxt, RIG_ISS + 1 + 10 * MSS);
	CU_ASSERT_TRUE(last_us - first_us >= 25000 && last_us - first_us <= 34000);
	rig_close(&r);
}

static void what_was_saved_by_silence_is_not_spent_at_once(void)
{
	struct rig r;

	start(&r, true);
	say(&r, 1);
	rig_run(&r, 150); /* nothing is owed, and nothing is earned */
	rig_drain(&r);
	say(&r, 9);
	CU_ASSERT_TRUE(rig_drain(&r) <= 3);
	rig_close(&r);
}

static void a_connection_with_nothing_out_never_waits(void)
{
	struct rig r;

	start(&r, true);
	for (unsigned i = 0; i < 5; i++) {
		say(&r, 1);
		CU_ASSERT_EQUAL(rig_drain(&r), 1);
		rig_in_at(&r, TCP_ACK, r.peer_seq, conn(&r)->snd_nxt, NULL, 0, WINDOW);
	}
	rig_close(&r);
}

static void without_it_a_window_leaves_at_once(void)
{
	struct rig r;

	start(&r, false);
	say(&r, 10);
	CU_ASSERT_EQUAL(rig_drain(&r), 10);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_paced), 0);
	rig_close(&r);
}

SUITE("dataplane/tcp/tcp_pace", TEST(a_window_leaves_over_half_a_round_trip_in_slow_start),
      TEST(after_slow_start_it_takes_five_sixths_of_a_round_trip),
      TEST(what_was_saved_by_silence_is_not_spent_at_once),
      TEST(a_connection_with_nothing_out_never_waits), TEST(without_it_a_window_leaves_at_once))
