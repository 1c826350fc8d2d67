/* test_told.c - a port with two workers: one writes what both know, the other tells and reads.
 */
#include "tests/dataplane/net/rig.h"
#include "tests/support/suite.h"

#include <errno.h>
#include <rte_mbuf.h>
#include <stdio.h>

enum { WORDS_MAX = 64 };

static struct rig writer, reader;
static struct net_share *share;
static struct net_word words[WORDS_MAX]; /* the ring between the two */
static uint32_t n_words;
static bool is_full;

static bool put(void *ctx, const struct net_word *word)
{
	(void)ctx;
	if (is_full || n_words == WORDS_MAX)
		return false;
	words[n_words++] = *word;
	return true;
}

static void open_both(void)
{
	struct net_conf conf = rig_conf();

	n_words = 0;
	is_full = false;
	CU_ASSERT_EQUAL_FATAL(net_share_open(conf.neighbours_max, 7, &share), 0);
	conf.share = share;
	conf.is_writer = true;
	rig_open(&writer, &conf);
	conf.is_writer = false;
	conf.tell = put;
	rig_open(&reader, &conf);
}

static void close_both(void)
{
	rig_forget_out(&reader);
	net_close(reader.net);
	rte_pktmbuf_free(reader.in);
	rig_close(&writer); /* one pool: nothing of either is left in it */
	net_share_close(share);
}

/* The worker's part: carries what is in the ring. */
static void carry(void)
{
	for (uint32_t i = 0; i < n_words; i++)
		net_told(writer.net, writer.now_us, &words[i]);
	n_words = 0;
}

static void pass_both(uint64_t us)
{
	for (; us > 0; us -= 100000) {
		rig_pass(&writer, 100000);
		rig_pass(&reader, 100000);
		carry();
	}
}

static bool send4(struct rig *r)
{
	return rig_send(r, "192.0.2.2", "203.0.113.9");
}

static void a_reader_asks_the_writer_and_sends_what_waited_when_it_is_published(void)
{
	struct ip_addr gateway = addr("192.0.2.1"), us = addr("192.0.2.2"),
		       them = addr("203.0.113.9");
	struct net_path path;

	open_both();
	CU_ASSERT_FALSE(send4(&reader));
	CU_ASSERT_EQUAL_FATAL(n_words, 1);
	CU_ASSERT_EQUAL(words[0].kind, NET_WORD_RESOLVE);
	CU_ASSERT(ip_eq(&words[0].addr, &gateway));
	CU_ASSERT_FALSE(net_has_news(reader.net));
	net_route(reader.net, &us, &them, &path);
	CU_ASSERT(net_waits(reader.net, &path));
	carry();
	rig_expect(&writer, F_ARP_ASK_OUT);
	rig_feed_hex(&writer, F_ARP_REPLY);
	CU_ASSERT(net_has_news(reader.net));
	rig_expect(&reader, NULL);
	net_tick(reader.net, reader.now_us);
	rig_expect(&reader, F_SYN4_OUT);
	CU_ASSERT_FALSE(net_has_news(reader.net));
	CU_ASSERT_FALSE(net_waits(reader.net, &path));
	CU_ASSERT(send4(&reader));
	CU_ASSERT_EQUAL(n_words, 0);
	rig_expect(&writer, NULL);
	close_both();
}

static void what_is_published_is_used_without_a_word(void)
{
	open_both();
	rig_resolve(&writer);
	CU_ASSERT(send4(&reader));
	rig_expect(&reader, F_SYN4_OUT);
	CU_ASSERT_EQUAL(n_words, 0);
	close_both();
}

static void a_station_that_moves_is_followed_at_once(void)
{
	uint8_t moved[6] = { 2, 0, 0, 0, 0, 0x77 };

	open_both();
	rig_resolve(&writer);
	CU_ASSERT(send4(&reader));
	rig_forget_out(&reader);
	rig_feed_with(&writer, F_ARP_REPLY, 27, 0x77); /* last byte of the sender's MAC */
	CU_ASSERT(send4(&reader));
	CU_ASSERT_EQUAL_FATAL(reader.n_out, 1);
	CU_ASSERT_EQUAL(memcmp(rte_pktmbuf_mtod(reader.out[0], void *), moved, 6), 0);
	close_both();
}

static void what_does_not_answer_fails_for_all_and_is_asked_again(void)
{
	open_both();
	CU_ASSERT_FALSE(rig_send(&reader, "192.0.2.2", "192.0.2.9"));
	pass_both(4 * RIG_US);
	CU_ASSERT_EQUAL(rig_state(&writer, "192.0.2.9"), NEIGH_FAILED);
	CU_ASSERT_EQUAL(rig_state(&reader, "192.0.2.9"), NEIGH_FAILED);
	CU_ASSERT_EQUAL(counter_read(&reader.counters.neighbour_dropped), 1);
	CU_ASSERT_EQUAL(counter_read(&writer.counters.neighbour_failed), 1);
	CU_ASSERT_EQUAL(counter_read(&reader.counters.neighbour_failed), 0);
	CU_ASSERT_EQUAL(writer.n_out, 3); /* the reader's three words were one question */
	pass_both(4 * RIG_US);
	rig_forget_out(&writer);
	CU_ASSERT_FALSE(rig_send(&reader, "192.0.2.2", "192.0.2.9"));
	CU_ASSERT_EQUAL(rig_state(&reader, "192.0.2.9"), NEIGH_INCOMPLETE);
	carry();
	CU_ASSERT_EQUAL(writer.n_out, 1);
	close_both();
}

static void a_full_ring_is_tried_again(void)
{
	open_both();
	is_full = true;
	CU_ASSERT_FALSE(send4(&reader));
	pass_both(900000);
	is_full = false;
	rig_expect(&writer, NULL);
	pass_both(200000);
	rig_expect(&writer, F_ARP_ASK_OUT);
	rig_feed_hex(&writer, F_ARP_REPLY);
	pass_both(100000);
	rig_expect(&reader, F_SYN4_OUT);
	close_both();
}

static void what_only_the_writer_may_deal_with_stays_the_callers(void)
{
	static const struct {
		const char *why, *frame;
		enum net_in reader, writer;
	} cases[] = {
		/* clang-format off */
		{ "a question who has an address", F_ARP_REQUEST, NET_IN_WRITER, NET_IN_DONE },
		{ "the answer",                    F_ARP_REPLY,   NET_IN_WRITER, NET_IN_DONE },
		{ "a solicitation",                F_NS,          NET_IN_WRITER, NET_IN_DONE },
		{ "an advertisement",              F_NA,          NET_IN_WRITER, NET_IN_DONE },
		{ "an echo request",               F_ECHO4,       NET_IN_WRITER, NET_IN_DONE },
		{ "an echo request, IPv6",         F_ECHO6,       NET_IN_WRITER, NET_IN_DONE },
		{ "a first fragment",              F_TCP4_FRAGMENT,       NET_IN_WRITER, NET_IN_DONE },
		{ "a later fragment",              F_TCP4_FRAGMENT_LATER, NET_IN_WRITER, NET_IN_DONE },
		{ "a fragment, IPv6",              F_TCP6_FRAGMENT,       NET_IN_WRITER, NET_IN_DONE },
		{ "a segment",                     F_TCP4,        NET_IN_TCP,    NET_IN_TCP },
		{ "a segment, IPv6",               F_TCP6,        NET_IN_TCP,    NET_IN_TCP },
		{ "a whole datagram in a fragment header", F_TCP6_ATOMIC, NET_IN_TCP, NET_IN_TCP },
		{ "a router's error",              F_TOO_BIG4,    NET_IN_ICMP,   NET_IN_ICMP },
		{ "another protocol",              F_UDP4,        NET_IN_DONE,   NET_IN_DONE },
		/* clang-format on */
	};

	open_both();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum net_in got = rig_feed_hex(&reader, cases[i].frame);

		if (got != cases[i].reader)
			printf("\n    %s: the reader says %d", cases[i].why, (int)got);
		CU_ASSERT_EQUAL(got, cases[i].reader);
		got = rig_feed_hex(&writer, cases[i].frame);
		if (got != cases[i].writer)
			printf("\n    %s: the writer says %d", cases[i].why, (int)got);
		CU_ASSERT_EQUAL(got, cases[i].writer);
	}
	rig_expect(&reader, NULL);
	CU_ASSERT_EQUAL(counter_read(&reader.counters.arp_in), 0);
	CU_ASSERT_EQUAL(counter_read(&reader.counters.nd_in), 0);
	CU_ASSERT_EQUAL(counter_read(&reader.counters.rx_fragments), 0);
	close_both();
}

static void what_a_reader_hears_keeps_a_neighbour_reachable(void)
{
	open_both();
	rig_resolve(&writer);
	for (int s = 0; s < 240; s++) { /* a probe is due after 300 s without an answer */
		send4(&reader);
		rig_feed_hex(&reader, F_TCP4);
		pass_both(RIG_US);
		rig_forget_out(&reader);
	}
	CU_ASSERT_EQUAL(rig_state(&writer, "192.0.2.1"), NEIGH_REACHABLE);
	for (uint32_t i = 0; i < writer.n_out; i++) /* the other family's gateway goes stale */
		CU_ASSERT_NOT_EQUAL(get16(rte_pktmbuf_mtod_offset(writer.out[i], uint8_t *, 12)),
		                    ETH_TYPE_ARP);
	close_both();
}

static void a_neighbour_that_is_used_and_not_heard_is_probed_by_the_writer(void)
{
	open_both();
	rig_resolve(&writer);
	for (int s = 0; s < 40 && writer.n_out == 0; s++) {
		send4(&reader);
		pass_both(RIG_US);
		rig_forget_out(&reader);
	}
	rig_expect(&writer, F_ARP_PROBE_OUT);
	close_both();
}

static void words_are_few(void)
{
	uint32_t n = 0;

	open_both();
	rig_resolve(&writer);
	for (int i = 0; i < 600; i++) {
		send4(&reader);
		rig_feed_hex(&reader, F_TCP4);
		rig_pass(&reader, 100000);
		rig_forget_out(&reader);
		n += n_words;
		n_words = 0;
	}
	CU_ASSERT(n >= 12 && n <= 16); /* one in four seconds */
	close_both();
}

static void a_copy_that_is_not_used_goes_after_ten_minutes(void)
{
	open_both();
	rig_send(&reader, "192.0.2.2", "192.0.2.1");
	rig_send(&reader, "192.0.2.2", "192.0.2.9");
	carry();
	rig_feed_hex(&writer, F_ARP_REPLY);
	rig_feed_with(&writer, F_ARP_REPLY, 31, 9); /* last byte of the sender's address */
	pass_both(100000);
	CU_ASSERT_EQUAL(rig_state(&reader, "192.0.2.9"), NEIGH_COPY);
	pass_both(590 * RIG_US);
	CU_ASSERT_EQUAL(rig_state(&reader, "192.0.2.9"), NEIGH_COPY);
	pass_both(20 * RIG_US);
	CU_ASSERT_EQUAL(rig_state(&reader, "192.0.2.9"), NEIGH_FREE);
	CU_ASSERT_EQUAL(rig_state(&reader, "192.0.2.1"), NEIGH_COPY); /* a gateway stays */
	rig_forget_out(&writer);
	close_both();
}

static void what_one_worker_learns_of_a_path_all_know(void)
{
	struct ip_addr them = addr("203.0.113.9");

	open_both();
	CU_ASSERT_EQUAL(net_path_mtu(reader.net, reader.now_us, &them), 1500);
	net_learn_path_mtu(reader.net, reader.now_us, &them, 1400);
	CU_ASSERT_EQUAL_FATAL(n_words, 1);
	carry();
	CU_ASSERT_EQUAL(net_path_mtu(writer.net, writer.now_us, &them), 1400);
	CU_ASSERT_EQUAL(net_path_mtu(reader.net, reader.now_us, &them), 1400);
	net_learn_path_mtu(writer.net, writer.now_us, &them, 1300);
	CU_ASSERT_EQUAL(net_path_mtu(reader.net, reader.now_us, &them), 1300);
	close_both();
}

static void path_mtus_wait_for_room_in_the_ring_and_are_bounded(void)
{
	open_both();
	is_full = true;
	for (uint8_t i = 0; i < NET_WORDS_MAX + 2; i++) {
		struct ip_addr a = addr("203.0.113.9");

		a.b[15] = i;
		net_learn_path_mtu(reader.net, reader.now_us, &a, 1400);
	}
	CU_ASSERT_EQUAL(counter_read(&reader.counters.net_words_lost), 2);
	net_tick(reader.net, reader.now_us);
	is_full = false;
	net_tick(reader.net, reader.now_us);
	CU_ASSERT_EQUAL(n_words, NET_WORDS_MAX);
	for (uint8_t i = 0; i < NET_WORDS_MAX; i++)
		CU_ASSERT_EQUAL(words[i].addr.b[15], i);
	net_tick(reader.net, reader.now_us);
	CU_ASSERT_EQUAL(n_words, NET_WORDS_MAX);
	close_both();
}

static void a_worker_without_a_part_in_the_share_is_refused(void)
{
	struct net_conf conf = rig_conf();
	struct net *net;

	open_both();
	conf.pool = writer.pool;
	conf.counters = &writer.counters;
	conf.share = share;
	CU_ASSERT_EQUAL(net_open(&conf, &net), -EINVAL); /* reads, and can tell nobody */
	conf.tell = put;
	conf.neighbours_max = share->neighbours_max + 1;
	CU_ASSERT_EQUAL(net_open(&conf, &net), -EINVAL);
	close_both();
}

static void only_the_writer_announces(void)
{
	open_both();
	net_announce(reader.net, reader.now_us);
	rig_expect(&reader, NULL);
	CU_ASSERT_EQUAL(n_words, 2); /* both gateways are asked for */
	net_announce(writer.net, writer.now_us);
	CU_ASSERT(writer.n_out > 2);
	close_both();
}

SUITE("dataplane/net/told",
      TEST(a_reader_asks_the_writer_and_sends_what_waited_when_it_is_published),
      TEST(what_is_published_is_used_without_a_word),
      TEST(a_station_that_moves_is_followed_at_once),
      TEST(what_does_not_answer_fails_for_all_and_is_asked_again), TEST(a_full_ring_is_tried_again),
      TEST(what_only_the_writer_may_deal_with_stays_the_callers),
      TEST(what_a_reader_hears_keeps_a_neighbour_reachable),
      TEST(a_neighbour_that_is_used_and_not_heard_is_probed_by_the_writer), TEST(words_are_few),
      TEST(a_copy_that_is_not_used_goes_after_ten_minutes),
      TEST(what_one_worker_learns_of_a_path_all_know),
      TEST(path_mtus_wait_for_room_in_the_ring_and_are_bounded),
      TEST(a_worker_without_a_part_in_the_share_is_refused), TEST(only_the_writer_announces))
