/* test_net.c - opening a port's network side, its memory, and its hello. */
#include "tests/dataplane/net/rig.h"
#include "tests/support/suite.h"

#include <errno.h>
#include <malloc.h>
#include <rte_mbuf.h>

static struct rig rig;

static struct net_conf whole_conf(void)
{
	struct net_conf conf = rig_conf();

	conf.pool = (struct rte_mempool *)&rig; /* looked at by nobody before a frame is made */
	conf.counters = &rig.counters;
	return conf;
}

static int try_open(const struct net_conf *conf)
{
	struct net *net = NULL;
	int rc = net_open(conf, &net);

	if (rc == 0)
		net_close(net);
	return rc;
}

#define REFUSES(change)                                                                            \
	do {                                                                                       \
		struct net_conf conf = whole_conf();                                               \
		change;                                                                            \
		CU_ASSERT_EQUAL(try_open(&conf), -EINVAL);                                         \
	} while (0)

static void a_configuration_that_cannot_work_is_refused(void)
{
	struct ip_prefix group = { addr("224.0.0.1"), 128 }, wide = { addr("10.0.0.1"), 95 };
	struct ip_neighbour group_mac = { addr("192.0.2.9"), { 3, 0, 0, 0, 0, 1 } };
	struct ip_neighbour nobody = { addr("0.0.0.0"), { 2, 0, 0, 0, 0, 1 } };
	struct ip_neighbour it = { addr("192.0.2.9"), { 2, 0, 0, 0, 0, 1 } };
	struct ip_neighbour some[5] = { it, it, it, it, it }; /* too few places are left */
	struct ip_addr none = { 0 };
	struct net_conf good = whole_conf();

	CU_ASSERT_EQUAL(try_open(&good), 0);
	REFUSES(memset(conf.mac, 0, 6));
	REFUSES(conf.mac[0] = 1);
	REFUSES(conf.vlan = 4095);
	REFUSES(conf.n_addrs = NET_ADDRS_MAX + 1);
	REFUSES(conf.n_addrs = conf.n_sources = 0);
	REFUSES(conf.addrs = &group; conf.n_addrs = 1);
	REFUSES(conf.addrs = &wide; conf.n_addrs = 1);
	REFUSES(conf.sources = &none; conf.n_sources = 1);
	REFUSES(conf.gateway4 = addr("2001:db8::1"));
	REFUSES(conf.gateway6 = addr("192.0.2.1"));
	REFUSES(conf.mtu_bytes = 1279); /* IPv6 needs 1280 */
	REFUSES(conf.neighbours_max = 3);
	REFUSES(conf.neighbours_max = UINT32_MAX);
	REFUSES(conf.neighbour_queue_max = 0);
	REFUSES(conf.fragment_bytes_max = NET_FRAGMENT_BYTES_MAX + 1);
	REFUSES(conf.neighbours = &group_mac; conf.n_neighbours = 1);
	REFUSES(conf.neighbours = &nobody; conf.n_neighbours = 1);
	REFUSES(conf.neighbours = some; conf.n_neighbours = 5; conf.neighbours_max = 8);
	REFUSES(conf.pool = NULL);
	REFUSES(conf.tx = NULL);
	REFUSES(conf.counters = NULL);
}

static void the_memory_told_is_the_memory_taken(void)
{
	static const uint32_t neighbours[] = { 4, 100, 5000 };

	for (size_t i = 0; i < 3; i++) {
		struct net_conf conf = whole_conf();
		struct net *net;
		size_t took;

		conf.neighbours_max = neighbours[i];
		CU_ASSERT_EQUAL_FATAL(net_open(&conf, &net), 0);
		took = malloc_usable_size(net) + malloc_usable_size(net->own_share);
		CU_ASSERT(took >= net_memory_bytes(&conf) && took < net_memory_bytes(&conf) + 8192);
		net_close(net);
	}
}

static void announcing_greets_with_each_address_twice_and_asks_for_the_gateways(void)
{
	rig_open(&rig, NULL);
	net_announce(rig.net, rig.now_us);
	rig_expect(&rig, F_ARP_ANNOUNCE_OUT);
	rig_expect(&rig, F_NA_ANNOUNCE_OUT);
	CU_ASSERT_EQUAL_FATAL(rig.n_out, 5); /* two sources, link-local, two questions */
	rig_feed_hex(&rig, F_ARP_REPLY);
	rig_feed_hex(&rig, F_NA);
	rig_forget_out(&rig);
	rig_pass(&rig, 5 * RIG_US);
	CU_ASSERT_EQUAL(rig.n_out, 5); /* RFC 5227 2.3: once more after 2 s, and that was it */
	rig_expect(&rig, F_ARP_ANNOUNCE_OUT);
	CU_ASSERT_EQUAL(rig_state(&rig, "192.0.2.1"), NEIGH_REACHABLE);
	CU_ASSERT_EQUAL(rig_state(&rig, "2001:db8::1"), NEIGH_REACHABLE);
	rig_close(&rig);
}

static void a_thousand_addresses_are_announced_in_bursts(void)
{
	static struct ip_addr sources[1024];
	struct net_conf conf = rig_conf();

	for (unsigned i = 0; i < 1024; i++)
		sources[i] = ip_from_v4((uint8_t[]){ 10, 1, (uint8_t)(i >> 8), (uint8_t)i });
	conf.sources = sources;
	conf.n_sources = 1024;
	conf.gateway4 = conf.gateway6 = (struct ip_addr){ 0 };
	rig_open(&rig, &conf);
	net_announce(rig.net, rig.now_us);
	CU_ASSERT_EQUAL(rig.n_out, NET_ANNOUNCE_BURST);
	rig_pass(&rig, 10 * RIG_US);
	CU_ASSERT_EQUAL(rig.n_out, 2 * (1024 + 3));
	rig_close(&rig);
}

static void an_empty_pool_is_counted_and_harms_nothing(void)
{
	static struct rte_mbuf *taken[4096];
	uint8_t bytes[RIG_FRAME_MAX];
	size_t n = hex_bytes(F_ARP_REQUEST, bytes);
	struct rte_mbuf *m;
	unsigned i = 0;

	rig_open(&rig, NULL);
	m = rte_pktmbuf_alloc(rig.pool);
	memcpy(rte_pktmbuf_append(m, (uint16_t)n), bytes, n);
	while ((taken[i] = rte_pktmbuf_alloc(rig.pool)) != NULL)
		i++;
	CU_ASSERT_EQUAL(net_input(rig.net, rig.now_us, m, &rig.seg, &rig.icmp), NET_IN_DONE);
	rig_expect(&rig, NULL);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.no_buffer), 1);
	while (i > 0)
		rte_pktmbuf_free(taken[--i]);
	rig_close(&rig);
}

SUITE("dataplane/net/net", TEST(a_configuration_that_cannot_work_is_refused),
      TEST(the_memory_told_is_the_memory_taken),
      TEST(announcing_greets_with_each_address_twice_and_asks_for_the_gateways),
      TEST(a_thousand_addresses_are_announced_in_bursts),
      TEST(an_empty_pool_is_counted_and_harms_nothing))
