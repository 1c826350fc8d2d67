/* test_tcp_frto.c - a time-out that was none is found by what new segments bring, where the peer
 * has no timestamps (RFC 5682 2.1).
 */
#include "tests/dataplane/tcp/rig.h"
#include "tests/support/suite.h"

#define WINDOW 60000

enum { MSS = 1000, OUT = 4 };

static uint8_t letters[65536];

static struct tcb *conn(struct rig *r)
{
	return tcb_at(r->tcp, r->user.id);
}

/* A window of four segments is out, more is queued, and the time-out has come: the first left
 * again.
 */
static void time_out(struct rig *r, bool sack, unsigned segs)
{
	const struct rig_options o = {
		.mss = MSS, .wscale = TCP_WSCALE_NONE, .sack = sack, .window = WINDOW
	};
	const struct rig_sent *s;

	rig_conf(r);
	rig_open(r);
	rig_establish(r, &o);
	conn(r)->cwnd = OUT * MSS;
	tcp_write(r->tcp, r->now_us, r->user.id, span_of(letters, segs * MSS));
	tcp_flush(r->tcp, r->now_us, r->user.id);
	CU_ASSERT_EQUAL(rig_drain(r), OUT < segs ? OUT : segs);
	while (rig_count(&r->counters.tcp_rto) == 0) {
		rig_drain(r); /* a probe, with SACK */
		rig_run(r, 1);
	}
	s = rig_next(r);
	CU_ASSERT_FATAL(s != NULL && s->head.seq == RIG_ISS + 1);
	CU_ASSERT_PTR_NULL(rig_next(r));
}

static void ack(struct rig *r, uint32_t segs)
{
	rig_in_at(r, TCP_ACK, r->peer_seq, RIG_ISS + 1 + segs * MSS, NULL, 0, WINDOW);
}

static bool next_is(struct rig *r, uint32_t seg)
{
	const struct rig_sent *s = rig_next(r);

	return s != NULL && s->head.seq == RIG_ISS + 1 + seg * MSS;
}

static void two_acks_of_what_was_not_sent_again_undo_a_timeout(void)
{
	struct rig r;

	time_out(&r, false, 10);
	ack(&r, 1); /* late, or of the copy: two new segments leave, no old one */
	CU_ASSERT_TRUE(next_is(&r, 4));
	CU_ASSERT_TRUE(next_is(&r, 5));
	CU_ASSERT_PTR_NULL(rig_next(&r));
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_undone), 0);
	ack(&r, 2); /* nobody sent the second again */
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_undone), 1);
	CU_ASSERT_TRUE(conn(&r)->cwnd >= OUT * MSS);
	CU_ASSERT_EQUAL(conn(&r)->to_resend, 0);
	CU_ASSERT_FALSE(conn(&r)->flags & TCB_F_LOSS);
	for (int i = 0; i < 10; i++)
		rig_in_at(&r, TCP_ACK, r.peer_seq, conn(&r)->snd_nxt, NULL, 0, WINDOW);
	CU_ASSERT_TRUE(tcp_all_acked(r.tcp, r.user.id));
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_retransmits), 1);
	rig_close(&r);
}

static void a_duplicate_after_the_first_ack_means_it_was_needed(void)
{
	struct rig r;

	time_out(&r, false, 10);
	ack(&r, 1);
	CU_ASSERT_TRUE(next_is(&r, 4));
	CU_ASSERT_TRUE(next_is(&r, 5));
	ack(&r, 1); /* of the new one: the second is missing */
	CU_ASSERT_TRUE(next_is(&r, 1));
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_undone), 0);
	CU_ASSERT_TRUE(conn(&r)->flags & TCB_F_LOSS);
	CU_ASSERT_TRUE(conn(&r)->cwnd <= 3 * MSS);
	rig_close(&r);
}

static void a_duplicate_at_once_means_it_was_needed(void)
{
	struct rig r;

	time_out(&r, false, 10);
	ack(&r, 0);
	CU_ASSERT_FALSE(conn(&r)->flags & (TCB_F_FRTO_ASK | TCB_F_FRTO_NEW));
	ack(&r, 1);
	CU_ASSERT_TRUE(next_is(&r, 1)); /* slow start through what was lost */
	rig_close(&r);
}

static void without_new_data_the_usual_recovery_goes_on(void)
{
	struct rig r;

	time_out(&r, false, OUT);
	ack(&r, 1);
	CU_ASSERT_TRUE(next_is(&r, 1));
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_undone), 0);
	rig_close(&r);
}

static void a_second_timeout_is_not_doubted(void)
{
	struct rig r;

	time_out(&r, false, 10);
	ack(&r, 1);
	rig_drain(&r);
	while (rig_count(&r.counters.tcp_rto) < 2)
		rig_run(&r, 1);
	CU_ASSERT_TRUE(next_is(&r, 1));
	ack(&r, 2);
	CU_ASSERT_TRUE(next_is(&r, 2));
	rig_close(&r);
}

static void bytes_of_the_peer_say_nothing_of_ours(void)
{
	struct rig r;

	time_out(&r, false, 10);
	rig_in_at(&r, TCP_ACK, r.peer_seq, RIG_ISS + 1, "x", 1, WINDOW);
	CU_ASSERT_TRUE(conn(&r)->flags & TCB_F_FRTO_ASK);
	rig_close(&r);
}

static void with_sack_it_holds_as_well(void)
{
	struct rig r;
	uint64_t resent;

	time_out(&r, true, 10);
	resent = rig_count(&r.counters.tcp_retransmits);
	ack(&r, 1);
	CU_ASSERT_TRUE(rig_drain(&r) >= 1);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_retransmits), resent);
	ack(&r, 2);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_undone), 1);
	rig_close(&r);
}

SUITE("dataplane/tcp/tcp_frto", TEST(two_acks_of_what_was_not_sent_again_undo_a_timeout),
      TEST(a_duplicate_after_the_first_ack_means_it_was_needed),
      TEST(a_duplicate_at_once_means_it_was_needed),
      TEST(without_new_data_the_usual_recovery_goes_on), TEST(a_second_timeout_is_not_doubted),
      TEST(bytes_of_the_peer_say_nothing_of_ours), TEST(with_sack_it_holds_as_well))
