/* test_neigh.c - the neighbour machine in virtual time: asking, giving up, probing, and its bounds.
 */
#include "tests/dataplane/net/rig.h"
#include "tests/support/suite.h"

#include <rte_mbuf.h>
#include <stdio.h>

static struct rig rig;

static bool send4(void)
{
	return rig_send(&rig, "192.0.2.2", "203.0.113.9");
}

static void an_unanswered_neighbour_is_asked_thrice_a_second_apart_then_fails(void)
{
	rig_open(&rig, NULL);
	CU_ASSERT_FALSE(rig_send(&rig, "192.0.2.2", "192.0.2.9"));
	CU_ASSERT_EQUAL(rig.n_out, 1);
	rig_pass(&rig, RIG_US - 100000);
	CU_ASSERT_EQUAL(rig.n_out, 1);
	rig_pass(&rig, 100000);
	CU_ASSERT_EQUAL(rig.n_out, 2);
	rig_pass(&rig, RIG_US);
	CU_ASSERT_EQUAL(rig.n_out, 3);
	CU_ASSERT_EQUAL(rig_state(&rig, "192.0.2.9"), NEIGH_INCOMPLETE);
	rig_pass(&rig, RIG_US);
	CU_ASSERT_EQUAL(rig.n_out, 3);
	CU_ASSERT_EQUAL(rig_state(&rig, "192.0.2.9"), NEIGH_FAILED);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.neighbour_failed), 1);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.neighbour_dropped), 1);
	rig_close(&rig);
}

static void a_failed_neighbour_is_not_asked_again_for_three_seconds(void)
{
	rig_open(&rig, NULL);
	rig_send(&rig, "192.0.2.2", "192.0.2.9");
	rig_pass(&rig, 3 * RIG_US);
	rig_forget_out(&rig);
	rig_pass(&rig, 2 * RIG_US);
	CU_ASSERT_FALSE(rig_send(&rig, "192.0.2.2", "192.0.2.9"));
	rig_expect(&rig, NULL);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.neighbour_dropped), 2);
	rig_pass(&rig, 1 * RIG_US);
	CU_ASSERT_EQUAL(rig_state(&rig, "192.0.2.9"), NEIGH_FREE);
	CU_ASSERT_FALSE(rig_send(&rig, "192.0.2.2", "192.0.2.9"));
	CU_ASSERT_EQUAL(rig.n_out, 1);
	rig_close(&rig);
}

static void a_gateway_is_asked_for_until_it_answers(void)
{
	rig_open(&rig, NULL);
	send4();
	rig_pass(&rig, 60 * RIG_US);
	CU_ASSERT(rig.n_out >= 30 && rig.n_out <= 60); /* at most one request a second */
	rig_forget_out(&rig);
	rig_feed_hex(&rig, F_ARP_REPLY);
	CU_ASSERT(send4());
	rig_close(&rig);
}

static void the_queue_keeps_the_newest_in_order(void)
{
	struct ip_addr us = addr("192.0.2.2"), them = addr("203.0.113.9");
	struct net_path path;

	rig_open(&rig, NULL);
	net_route(rig.net, &us, &them, &path);
	for (uint8_t i = 0; i < 5; i++) {
		struct rte_mbuf *m = rig_segment(&rig);

		*rte_pktmbuf_mtod_offset(m, uint8_t *, 4) = i;
		CU_ASSERT_EQUAL(net_waits(rig.net, &path), i > 0);
		CU_ASSERT_FALSE(net_output(rig.net, rig.now_us, &path, m));
	}
	rig_expect(&rig, F_ARP_ASK_OUT);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.neighbour_full), 2);
	rig_feed_hex(&rig, F_ARP_REPLY);
	CU_ASSERT_FALSE(net_waits(rig.net, &path));
	CU_ASSERT_EQUAL_FATAL(rig.n_out, 3); /* neighbour_queue_max */
	for (uint32_t i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(*rte_pktmbuf_mtod_offset(rig.out[i], uint8_t *, 38), i + 2);
	rig_close(&rig);
}

static void a_held_segment_waits_as_a_copy_that_the_holder_cannot_touch(void)
{
	struct ip_addr us = addr("192.0.2.2"), them = addr("203.0.113.9");
	struct net_path path;
	struct rte_mbuf *m;

	rig_open(&rig, NULL);
	net_route(rig.net, &us, &them, &path);
	m = rig_segment(&rig);
	rte_mbuf_refcnt_update(m, 1);
	CU_ASSERT_FALSE(net_output(rig.net, rig.now_us, &path, m));
	CU_ASSERT_EQUAL(rte_mbuf_refcnt_read(m), 1);
	memset(rte_pktmbuf_mtod(m, uint8_t *), 0xee, m->data_len);
	rig_expect(&rig, F_ARP_ASK_OUT);
	rig_feed_hex(&rig, F_ARP_REPLY);
	rig_expect(&rig, F_SYN4_OUT);
	rte_pktmbuf_free(m);
	rig_close(&rig);
}

static void what_waits_when_the_port_closes_is_given_back(void)
{
	rig_open(&rig, NULL);
	send4();
	send4();
	rig_close(&rig); /* asserts that no buffer is missing */
}

static void a_silent_neighbour_is_probed_then_asked_for_anew_then_failed(void)
{
	rig_open(&rig, NULL);
	rig_resolve(&rig);
	rig_pass(&rig, 31 * RIG_US);
	CU_ASSERT(send4());
	CU_ASSERT_EQUAL(rig_state(&rig, "192.0.2.1"), NEIGH_DELAY);
	rig_pass(&rig, 5 * RIG_US);
	CU_ASSERT_EQUAL(rig_state(&rig, "192.0.2.1"), NEIGH_PROBE);
	CU_ASSERT(send4()); /* segments leave meanwhile */
	rig_pass(&rig, 3 * RIG_US);
	CU_ASSERT_EQUAL(rig_state(&rig, "192.0.2.1"), NEIGH_INCOMPLETE);
	CU_ASSERT_FALSE(send4());
	rig_pass(&rig, 3 * RIG_US);
	CU_ASSERT_EQUAL(rig_state(&rig, "192.0.2.1"), NEIGH_FAILED);
	CU_ASSERT_EQUAL(rig.n_out, 2 + 3 + 3); /* segments, probes, requests to all */
	rig_close(&rig);
}

static void a_neighbour_that_is_heard_needs_no_probe_for_five_minutes(void)
{
	rig_open(&rig, NULL);
	rig_resolve(&rig);
	for (int s = 0; s < 290; s++) {
		CU_ASSERT_EQUAL(rig_feed_hex(&rig, F_TCP4), NET_IN_TCP);
		CU_ASSERT(send4());
		rig_pass(&rig, RIG_US);
		CU_ASSERT_EQUAL(rig_state(&rig, "192.0.2.1"), NEIGH_REACHABLE);
	}
	CU_ASSERT_EQUAL(rig.n_out, 290); /* the segments alone */
	for (int s = 0; s < 20 && rig_state(&rig, "192.0.2.1") != NEIGH_PROBE; s++) {
		rig_feed_hex(&rig, F_TCP4);
		send4();
		rig_pass(&rig, RIG_US);
	}
	CU_ASSERT_EQUAL(rig_state(&rig, "192.0.2.1"), NEIGH_PROBE); /* a hint is no proof */
	rig_feed_hex(&rig, F_ARP_REPLY);
	CU_ASSERT_EQUAL(rig_state(&rig, "192.0.2.1"), NEIGH_REACHABLE);
	rig_close(&rig);
}

static void a_neighbour_heard_in_delay_is_reachable_without_a_probe(void)
{
	rig_open(&rig, NULL);
	rig_resolve(&rig);
	rig_pass(&rig, 31 * RIG_US);
	send4();
	rig_pass(&rig, RIG_US);
	rig_feed_hex(&rig, F_TCP4);
	rig_pass(&rig, 5 * RIG_US);
	CU_ASSERT_EQUAL(rig_state(&rig, "192.0.2.1"), NEIGH_REACHABLE);
	CU_ASSERT_EQUAL(rig.n_out, 1);
	rig_close(&rig);
}

static void being_heard_once_confirms_one_interval_only(void)
{
	rig_open(&rig, NULL);
	rig_resolve(&rig);
	rig_pass(&rig, 20 * RIG_US);
	rig_feed_hex(&rig, F_TCP4);
	rig_pass(&rig, 20 * RIG_US);
	CU_ASSERT_EQUAL(rig_state(&rig, "192.0.2.1"), NEIGH_REACHABLE);
	rig_pass(&rig, 21 * RIG_US);
	CU_ASSERT_EQUAL(rig_state(&rig, "192.0.2.1"), NEIGH_STALE);
	rig_close(&rig);
}

static void a_segment_with_a_wrong_checksum_confirms_nobody(void)
{
	uint8_t bytes[RIG_FRAME_MAX];
	size_t n = hex_bytes(F_TCP4, bytes);

	rig_open(&rig, NULL);
	rig_resolve(&rig);
	rig_pass(&rig, RIG_US);
	bytes[50] ^= 1;
	rig_feed(&rig, bytes, n, 0);
	rig_pass(&rig, 31 * RIG_US);
	CU_ASSERT_EQUAL(rig_state(&rig, "192.0.2.1"), NEIGH_STALE);
	rig_close(&rig);
}

static void a_full_table_gives_up_the_longest_unused_but_no_gateway(void)
{
	rig_open(&rig, NULL);
	rig_resolve(&rig); /* two of eight */
	for (int i = 0; i < 6; i++) {
		char text[16];
		uint8_t bytes[64];
		size_t n = hex_bytes(F_ARP_REPLY, bytes);

		snprintf(text, sizeof(text), "192.0.2.%d", 10 + i);
		rig.now_us += 1000;
		CU_ASSERT_FALSE(rig_send(&rig, "192.0.2.2", text));
		bytes[31] = (uint8_t)(10 + i);
		if (i < 2)
			rig_feed(&rig, bytes, n, 0); /* 10 and 11 answer */
	}
	rig_forget_out(&rig);
	CU_ASSERT_FALSE(rig_send(&rig, "192.0.2.2", "192.0.2.50"));
	CU_ASSERT_EQUAL(rig_state(&rig, "192.0.2.10"), NEIGH_FREE);
	CU_ASSERT_EQUAL(rig_state(&rig, "192.0.2.50"), NEIGH_INCOMPLETE);
	CU_ASSERT_FALSE(rig_send(&rig, "192.0.2.2", "192.0.2.51"));
	CU_ASSERT_EQUAL(rig_state(&rig, "192.0.2.11"), NEIGH_FREE);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.neighbour_full), 0);
	CU_ASSERT_FALSE(rig_send(&rig, "192.0.2.2", "192.0.2.52")); /* all others are asked for */
	CU_ASSERT_EQUAL(rig_state(&rig, "192.0.2.52"), NEIGH_FREE);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.neighbour_full), 1);
	CU_ASSERT(send4());
	rig_close(&rig);
}

static void a_cached_entry_that_became_anothers_is_not_used(void)
{
	struct ip_addr us = addr("192.0.2.2"), ten = addr("192.0.2.10"), nine = addr("192.0.2.9");
	struct net_path path;

	rig_open(&rig, NULL);
	net_route(rig.net, &us, &ten, &path);
	net_output(rig.net, rig.now_us, &path, rig_segment(&rig));
	rig_pass(&rig, 7 * RIG_US); /* failed, held, freed */
	CU_ASSERT_EQUAL(rig_state(&rig, "192.0.2.10"), NEIGH_FREE);
	CU_ASSERT_EQUAL(neigh_get(rig.net, rig.now_us, &nine), path.neighbour);
	net_output(rig.net, rig.now_us, &path, rig_segment(&rig));
	CU_ASSERT_EQUAL(rig_state(&rig, "192.0.2.10"), NEIGH_INCOMPLETE);
	CU_ASSERT_NOT_EQUAL(path.neighbour, neigh_find(&rig.net->neigh, &nine));
	rig_close(&rig);
}

static void every_state_has_a_name(void)
{
	for (int s = 0; s < NEIGH_N_STATES; s++)
		CU_ASSERT(neigh_state_name(s) != NULL && neigh_state_name(s)[0] != '\0');
}

static void a_configured_neighbour_is_neither_asked_nor_taught_nor_given_up(void)
{
	struct ip_neighbour fixed[2] = {
		{ .addr = addr("192.0.2.1"), .mac = { 2, 0, 0, 0, 0, 0x55 } },
		{ .addr = addr("2001:db8::1"), .mac = { 2, 0, 0, 0, 0, 0x56 } }
	};
	struct net_conf conf = rig_conf();

	conf.neighbours = fixed;
	conf.n_neighbours = 2;
	rig_open(&rig, &conf);
	net_announce(rig.net, rig.now_us);
	rig_pass(&rig, 3 * RIG_US);
	rig_forget_out(&rig);
	rig_feed_hex(&rig, F_ARP_REPLY); /* another MAC claims its address */
	rig_feed_hex(&rig, F_NA);
	for (int i = 0; i < 200; i++) {
		rig_pass(&rig, 10 * RIG_US);
		CU_ASSERT(send4());
		CU_ASSERT_EQUAL_FATAL(rig.n_out, 1); /* the segment, and no question */
		CU_ASSERT_EQUAL(memcmp(rte_pktmbuf_mtod(rig.out[0], void *), fixed[0].mac, 6), 0);
		rig_forget_out(&rig);
	}
	CU_ASSERT_EQUAL(rig_state(&rig, "2001:db8::1"), NEIGH_STATIC);
	for (unsigned i = 2; i < 60; i++) { /* a full table */
		char text[20];

		snprintf(text, sizeof(text), "192.0.2.%u", 100 + i);
		rig_send(&rig, "192.0.2.2", text);
		rig_pass(&rig, 4 * RIG_US);
	}
	CU_ASSERT_EQUAL(rig_state(&rig, "192.0.2.1"), NEIGH_STATIC);
	rig_close(&rig);
}

SUITE("dataplane/net/neigh", TEST(a_configured_neighbour_is_neither_asked_nor_taught_nor_given_up),
      TEST(an_unanswered_neighbour_is_asked_thrice_a_second_apart_then_fails),
      TEST(a_failed_neighbour_is_not_asked_again_for_three_seconds),
      TEST(a_gateway_is_asked_for_until_it_answers), TEST(the_queue_keeps_the_newest_in_order),
      TEST(a_held_segment_waits_as_a_copy_that_the_holder_cannot_touch),
      TEST(what_waits_when_the_port_closes_is_given_back),
      TEST(a_silent_neighbour_is_probed_then_asked_for_anew_then_failed),
      TEST(a_neighbour_that_is_heard_needs_no_probe_for_five_minutes),
      TEST(a_neighbour_heard_in_delay_is_reachable_without_a_probe),
      TEST(being_heard_once_confirms_one_interval_only),
      TEST(a_segment_with_a_wrong_checksum_confirms_nobody),
      TEST(a_full_table_gives_up_the_longest_unused_but_no_gateway),
      TEST(a_cached_entry_that_became_anothers_is_not_used), TEST(every_state_has_a_name))
