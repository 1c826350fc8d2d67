/* test_smtp_show.c - what is shown of sessions: each once, where it stands, what it has done. */
#include "tests/dataplane/smtp/world.h"

static struct dp_conn_info rows[8];

static void a_session_is_shown_where_it_stands(void)
{
	uint32_t from = 0;

	world_begin();
	dial();
	CU_ASSERT_EQUAL(smtp_show(world.smtp, world.now_us + 5000, &from, 100, rows, 8), 1);
	CU_ASSERT_EQUAL(from, DP_ASK_END);
	CU_ASSERT_EQUAL(rows[0].step, DP_STEP_CONNECT);
	CU_ASSERT_EQUAL(rows[0].messages, 0);
	CU_ASSERT_EQUAL(rows[0].age_us, 5000);
	CU_ASSERT_EQUAL(rows[0].local_port, 1024); /* TCP's part */
	CU_ASSERT_EQUAL(rows[0].srtt_us, 1000);
	CU_ASSERT_EQUAL(rows[0].resent, 3);
	CU_ASSERT_STRING_EQUAL(rows[0].tcp_state, "fake");
	fake_open(&world.tcp, world.now_us, 0);
	from = 0;
	(void)smtp_show(world.smtp, world.now_us, &from, 100, rows, 8);
	CU_ASSERT_EQUAL(rows[0].step, DP_STEP_BANNER);
	SERVER("220 hi\r\n");
	SERVER("250 mx\r\n");
	for (uint64_t message = 1; message <= 3; message++) {
		submit(message);
		SERVER("250 ok\r\n");
		SERVER("250 ok\r\n");
		from = 0;
		(void)smtp_show(world.smtp, world.now_us, &from, 100, rows, 8);
		CU_ASSERT_EQUAL(rows[0].step, DP_STEP_DATA);
		CU_ASSERT_EQUAL(rows[0].messages, message);
		SERVER("354 go\r\n");
		SERVER("250 ok\r\n");
	}
	from = 0;
	(void)smtp_show(world.smtp, world.now_us, &from, 100, rows, 8);
	CU_ASSERT_EQUAL(rows[0].step, DP_STEP_IDLE);
	CU_ASSERT_EQUAL(rows[0].conn, last(DP_EVT_OPEN)->conn);
	fake_closed(&world.tcp, world.now_us, 0, -5);
	world_end();
}

static void both_bounds_hold_and_the_next_call_goes_on(void)
{
	uint32_t from = 0, seen = 0;
	bool shown[4] = { false };

	world_begin();
	for (int i = 0; i < 4; i++)
		dial();
	CU_ASSERT_EQUAL(smtp_show(world.smtp, 0, &from, 1, rows, 8), 1); /* slots */
	CU_ASSERT_EQUAL(from, 1);
	CU_ASSERT_EQUAL(smtp_show(world.smtp, 0, &from, 100, rows + 1, 2), 2); /* rows */
	CU_ASSERT_EQUAL(from, 3);
	CU_ASSERT_EQUAL(smtp_show(world.smtp, 0, &from, 100, rows + 3, 5), 1);
	CU_ASSERT_EQUAL(from, DP_ASK_END);
	for (int i = 0; i < 4; i++) {
		uint32_t id = rows[i].local_port - 1024u;

		CU_ASSERT_TRUE_FATAL(id < 4 && !shown[id]);
		shown[id] = true;
		seen++;
	}
	CU_ASSERT_EQUAL(seen, 4);
	for (tcp_id id = 0; id < 4; id++)
		fake_closed(&world.tcp, world.now_us, id, -5);
	from = 0;
	CU_ASSERT_EQUAL(smtp_show(world.smtp, 0, &from, 100, rows, 8), 0);
	CU_ASSERT_EQUAL(from, DP_ASK_END);
	from = 1000; /* a question may be older than the table is large */
	CU_ASSERT_EQUAL(smtp_show(world.smtp, 0, &from, 100, rows, 8), 0);
	CU_ASSERT_EQUAL(from, DP_ASK_END);
	world_end();
}

SUITE("dataplane/smtp/smtp_show", TEST(a_session_is_shown_where_it_stands),
      TEST(both_bounds_hold_and_the_next_call_goes_on))
