/* test_route.c - connected networks first, then the gateway, and what is no destination at all. */
#include "dataplane/net/net_int.h"
#include "tests/support/suite.h"

#include <errno.h>

static struct dp_counters counters;

static void no_tx(void *ctx, struct rte_mbuf *m)
{
	(void)ctx;
	(void)m;
	CU_FAIL("a route sends nothing");
}

static struct ip_addr addr(const char *text)
{
	struct ip_addr a = { 0 };

	if (text != NULL)
		CU_ASSERT_FATAL(ip_parse(text, &a) == 0);
	return a;
}

static struct net *open_net(const char *gateway4, const char *gateway6)
{
	struct ip_prefix addrs[3];
	struct ip_addr source = addr("198.51.100.7");
	struct net_conf conf = { .mac = { 2, 0, 0, 0, 0, 1 },
		                 .mtu_bytes = 1400,
		                 .addrs = addrs,
		                 .n_addrs = 3,
		                 .sources = &source,
		                 .n_sources = 1,
		                 .gateway4 = addr(gateway4),
		                 .gateway6 = addr(gateway6),
		                 .neighbours_max = 4,
		                 .neighbour_queue_max = 1,
		                 .pool = (struct rte_mempool *)&counters, /* never used */
		                 .tx = no_tx,
		                 .counters = &counters };
	struct net *net;

	ip_prefix_parse("192.0.2.2/24", &addrs[0]);
	ip_prefix_parse("2001:db8::2/64", &addrs[1]);
	ip_prefix_parse("10.9.8.6/31", &addrs[2]);
	CU_ASSERT_FATAL(net_open(&conf, &net) == 0);
	return net;
}

struct route_case {
	const char *why, *local, *remote;
	int want;
	const char *next_hop;
};

static void check(struct net *net, const struct route_case *c)
{
	struct ip_addr local = addr(c->local), remote = addr(c->remote), hop = addr(c->next_hop);
	struct net_path path;
	int got = net_route(net, &local, &remote, &path);

	if (got != c->want)
		printf("\n    %s: got %d, want %d", c->why, got, c->want);
	CU_ASSERT_EQUAL(got, c->want);
	if (got != 0 || c->want != 0)
		return;
	if (!ip_eq(route_next_hop(net, &path), &hop))
		printf("\n    %s: another next hop", c->why);
	CU_ASSERT(ip_eq(route_next_hop(net, &path), &hop));
	CU_ASSERT(ip_eq(net_local(net, path.local), &local) && ip_eq(&path.remote, &remote));
	CU_ASSERT_EQUAL(path.mtu_bytes, 1400);
}

static void every_destination_has_its_next_hop_or_its_refusal(void)
{
	static const struct route_case cases[] = {
		/* clang-format off */
		{ "on the link", "192.0.2.2", "192.0.2.9", 0, "192.0.2.9" },
		{ "beyond it", "192.0.2.2", "203.0.113.9", 0, "192.0.2.1" },
		{ "from a source outside of the network", "198.51.100.7", "203.0.113.9", 0, "192.0.2.1" },
		{ "IPv6 on the link", "2001:db8::2", "2001:db8::9", 0, "2001:db8::9" },
		{ "IPv6 beyond it", "2001:db8::2", "2001:db8:1::9", 0, "2001:db8::1" },
		{ "link-local is on the link", "2001:db8::2", "fe80::9", 0, "fe80::9" },
		{ "a /31 has no broadcast (RFC 3021)", "10.9.8.6", "10.9.8.7", 0, "10.9.8.7" },
		{ "local is not ours", "192.0.2.3", "203.0.113.9", -EADDRNOTAVAIL, NULL },
		{ "our link-local address may send", "fe80::ff:fe00:1", "fe80::9", 0, "fe80::9" },
		{ "another family", "192.0.2.2", "2001:db8::9", -ENETUNREACH, NULL },
		{ "ourselves", "192.0.2.2", "192.0.2.2", -ENETUNREACH, NULL },
		{ "another address of ours", "192.0.2.2", "198.51.100.7", -ENETUNREACH, NULL },
		{ "the network's broadcast", "192.0.2.2", "192.0.2.255", -ENETUNREACH, NULL },
		{ "the network itself", "192.0.2.2", "192.0.2.0", -ENETUNREACH, NULL },
		{ "everybody", "192.0.2.2", "255.255.255.255", -ENETUNREACH, NULL },
		{ "a group", "192.0.2.2", "224.0.0.1", -ENETUNREACH, NULL },
		{ "loopback", "192.0.2.2", "127.0.0.1", -ENETUNREACH, NULL },
		{ "nobody", "192.0.2.2", "0.0.0.0", -ENETUNREACH, NULL },
		{ "an IPv6 group", "2001:db8::2", "ff02::1", -ENETUNREACH, NULL },
		{ "IPv6 loopback", "2001:db8::2", "::1", -ENETUNREACH, NULL },
		{ "IPv6 nobody", "2001:db8::2", "::", -ENETUNREACH, NULL },
		/* clang-format on */
	};
	struct net *net = open_net("192.0.2.1", "2001:db8::1");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(net, &cases[i]);
	net_close(net);
}

static void without_a_gateway_only_connected_networks_are_reached(void)
{
	static const struct route_case cases[] = {
		{ "IPv4 beyond", "192.0.2.2", "203.0.113.9", -ENETUNREACH, NULL },
		{ "IPv6 beyond", "2001:db8::2", "2001:db8:1::9", -ENETUNREACH, NULL },
		{ "on the link", "192.0.2.2", "192.0.2.9", 0, "192.0.2.9" },
	};
	struct net *net = open_net(NULL, NULL);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(net, &cases[i]);
	net_close(net);
}

static void a_gateway_may_lie_outside_of_our_networks(void)
{
	static const struct route_case cases[] = {
		{ "IPv4", "192.0.2.2", "203.0.113.9", 0, "172.31.1.1" },
		{ "IPv6", "2001:db8::2", "2001:db8:1::9", 0, "fe80::1" },
	};
	struct net *net = open_net("172.31.1.1", "fe80::1");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(net, &cases[i]);
	net_close(net);
}

SUITE("dataplane/net/route", TEST(every_destination_has_its_next_hop_or_its_refusal),
      TEST(without_a_gateway_only_connected_networks_are_reached),
      TEST(a_gateway_may_lie_outside_of_our_networks))
