/* test_tcp_facts.c - what is shown of a connection is what it does. */
#include "tests/dataplane/tcp/rig.h"
#include "tests/support/suite.h"

static struct rig r;
static const struct rig_options options = {
	.mss = 1460, .wscale = 7, .sack = true, .window = 1000
};

static struct tcp_facts facts(void)
{
	struct tcp_facts f = { 0 };

	CU_ASSERT_TRUE_FATAL(tcp_facts(r.tcp, r.user.id, &f));
	return f;
}

static void a_connection_is_shown_as_it_stands(void)
{
	struct tcp_facts f;

	rig_conf(&r);
	rig_open(&r);
	CU_ASSERT_EQUAL_FATAL(rig_connect(&r), 0);
	f = facts();
	CU_ASSERT_STRING_EQUAL(tcp_state_name(f.state), "syn-sent");
	CU_ASSERT_EQUAL(f.srtt_us, 0);
	CU_ASSERT_EQUAL(f.resent, 0);
	rig_run(&r, 1500); /* the SYN is lost */
	CU_ASSERT_EQUAL(facts().resent, 1);
	rig_close(&r);

	rig_conf(&r);
	rig_open(&r);
	rig_establish(&r, &options);
	f = facts();
	CU_ASSERT_STRING_EQUAL(tcp_state_name(f.state), "established");
	CU_ASSERT_TRUE(ip_eq(&f.local, &r.local));
	CU_ASSERT_TRUE(ip_eq(&f.remote, &r.remote));
	CU_ASSERT_EQUAL(f.local_port, r.local_port);
	CU_ASSERT_EQUAL(f.remote_port, 25);
	CU_ASSERT_EQUAL(f.ssthresh_bytes, 0); /* no loss yet */
	CU_ASSERT_EQUAL(f.in_flight_bytes, 0);
	CU_ASSERT_TRUE(f.cwnd_bytes >= 2 * 1460);
	rig_close(&r);
}

static void what_was_sent_again_is_counted_and_stops_at_the_top(void)
{
	uint8_t bytes[1000] = { 0 };
	struct tcp_facts f;

	rig_conf(&r);
	rig_open(&r);
	rig_establish(&r, &options);
	tcp_write(r.tcp, r.now_us, r.user.id, span_of(bytes, sizeof(bytes)));
	tcp_flush(r.tcp, r.now_us, r.user.id);
	CU_ASSERT_EQUAL(facts().in_flight_bytes, sizeof(bytes));
	rig_run(&r, 5000); /* nobody answers */
	f = facts();
	CU_ASSERT_TRUE(f.resent >= 2);
	CU_ASSERT_EQUAL(f.resent, rig_count(&r.counters.tcp_retransmits));
	CU_ASSERT_TRUE(f.ssthresh_bytes > 0);
	tcb_at(r.tcp, r.user.id)->resent = UINT16_MAX;
	rig_run(&r, 20000);
	CU_ASSERT_EQUAL(facts().resent, UINT16_MAX);
	rig_close(&r);
}

static void an_id_that_nobody_has_is_refused(void)
{
	struct tcp_facts f;

	rig_conf(&r);
	rig_open(&r);
	CU_ASSERT_FALSE(tcp_facts(r.tcp, 0, &f));
	CU_ASSERT_FALSE(tcp_facts(r.tcp, UINT32_MAX, &f));
	rig_close(&r);
}

SUITE("dataplane/tcp/tcp_facts", TEST(a_connection_is_shown_as_it_stands),
      TEST(what_was_sent_again_is_counted_and_stops_at_the_top),
      TEST(an_id_that_nobody_has_is_refused))
