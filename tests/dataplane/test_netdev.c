/* test_netdev.c - what would lock the operator out, or fight with the kernel, is refused by name.
 */
#include "dataplane/netdev.h"
#include "tests/support/suite.h"

#include <errno.h>
#include <string.h>

static const char routes4[] =
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
    "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
    "eth1\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\n"
    "bad line\n"
    "\n"
    "*\t00000000\t00000000\t0200\t0\t0\t0\t00000000\t0\t0\t0\n";
static const char routes6[] =
    "20010db8000000000000000000000000 40 00000000000000000000000000000000 00 "
    "00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth2\n"
    "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
    "fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth3\n"
    "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
    "00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n";

static struct netdev_host host;

static void add_addr(const char *ifname, const char *addr)
{
	snprintf(host.addrs[host.n_addrs].ifname, IF_NAMESIZE, "%s", ifname);
	ip_parse(addr, &host.addrs[host.n_addrs++].addr);
}

/* A host with an uplink, a second interface, and an operator logged in over a third. */
static void make_host(void)
{
	memset(&host, 0, sizeof(host));
	netdev_read_routes(&host, routes4, false);
	netdev_read_routes(&host, routes6, true);
	netdev_read_ssh(&host, "198.51.100.7 50022 10.3.0.1 22");
	add_addr("lo", "127.0.0.1");
	add_addr("eth0", "192.0.2.2");
	add_addr("eth1", "10.2.0.1");
	add_addr("eth1", "fd00:2::1");
	add_addr("ssh0", "10.3.0.1");
}

static void only_a_default_route_counts_as_one(void)
{
	make_host();
	CU_ASSERT_EQUAL_FATAL(host.n_defaults, 2);
	CU_ASSERT_STRING_EQUAL(host.defaults[0], "eth0");
	CU_ASSERT_STRING_EQUAL(host.defaults[1], "eth3");
}

static void a_device_that_the_host_needs_is_refused(void)
{
	static const struct {
		const char *why, *device, *names; /* NULL: accepted */
	} cases[] = {
		/* clang-format off */
		{ "the IPv4 uplink",            "net_af_packet0,iface=eth0",         "eth0" },
		{ "the same with more options", "net_af_xdp0,iface=eth0,queue=1",    "eth0" },
		{ "the IPv6 uplink",            "net_af_packet0,iface=eth3",         "eth3" },
		{ "the SSH session's",          "net_af_packet0,qpairs=1,iface=ssh0", "SSH" },
		{ "a tap that mirrors it",      "net_tap0,iface=ph0,remote=eth0",    "eth0" },
		{ "a free interface",           "net_af_packet0,iface=eth1",         NULL },
		{ "a name that only begins so", "net_af_packet0,iface=eth00",        NULL },
		{ "a plain tap",                "net_tap0,iface=ph0",                NULL },
		{ "a tap named like it",        "net_tap0,iface=eth0",               NULL },
		{ "a name too long to be one",  "net_af_packet0,iface=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dp_port_conf port = { .name = "p0", .device = cases[i].device };
		struct dp_conf conf = { .ports = &port, .n_ports = 1 };
		char why[DP_WHY_BYTES] = "";
		int rc;

		make_host();
		netdev_read_device(&host, 0, cases[i].device);
		rc = netdev_refuses(&host, &conf, why);
		if ((rc == -EBUSY) != (cases[i].names != NULL))
			printf("\n    %s: got %d (%s)", cases[i].why, rc, why);
		CU_ASSERT_EQUAL(rc, cases[i].names != NULL ? -EBUSY : 0);
		if (cases[i].names != NULL) {
			CU_ASSERT_PTR_NOT_NULL(strstr(why, cases[i].names));
			CU_ASSERT_PTR_NOT_NULL(strstr(why, "\"p0\""));
		}
	}
}

static void an_address_of_the_kernels_is_refused(void)
{
	struct dp_port_conf port = { .name = "p0", .device = "net_tap0", .n_addrs = 1 };
	struct dp_source_conf source = { .name = "s0" };
	struct dp_conf conf = { .ports = &port, .n_ports = 1, .sources = &source, .n_sources = 1 };
	char why[DP_WHY_BYTES] = "";

	make_host();
	ip_prefix_parse("10.2.0.2/24", &port.addrs[0]);
	ip_parse("10.2.0.9", &source.addr4);
	CU_ASSERT_EQUAL(netdev_refuses(&host, &conf, why), 0); /* same network, other address */

	ip_parse("fd00:2::1", &source.addr6);
	CU_ASSERT_EQUAL(netdev_refuses(&host, &conf, why), -EADDRINUSE);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "source \"s0\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "fd00:2::1"));

	ip_prefix_parse("10.2.0.1/24", &port.addrs[0]);
	CU_ASSERT_EQUAL(netdev_refuses(&host, &conf, why), -EADDRINUSE);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "port \"p0\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "eth1"));
}

static void an_ssh_variable_that_cannot_be_read_is_none(void)
{
	static const char *const texts[] = { NULL, "", "a b", "1.2.3.4 5 six 7", "    " };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		memset(&host, 0, sizeof(host));
		netdev_read_ssh(&host, texts[i]);
		CU_ASSERT_TRUE(ip_is_unset(&host.ssh_local));
	}
	netdev_read_ssh(&host, "fe80::2%eth1 5 fe80::1%eth1 22");
	CU_ASSERT_FALSE(ip_is_unset(&host.ssh_local));
}

static void this_host_can_be_looked_at(void)
{
	struct dp_port_conf port = { .name = "p0", .device = "net_af_packet0,iface=lo" };
	struct dp_conf conf = { .ports = &port, .n_ports = 1 };

	CU_ASSERT_EQUAL(netdev_look(&conf, &host), 0);
	CU_ASSERT_EQUAL(host.n_taken[0], 1);
	CU_ASSERT_STRING_EQUAL(host.taken[0][0], "lo");
}

SUITE("dataplane/netdev", TEST(only_a_default_route_counts_as_one),
      TEST(a_device_that_the_host_needs_is_refused), TEST(an_address_of_the_kernels_is_refused),
      TEST(an_ssh_variable_that_cannot_be_read_is_none), TEST(this_host_can_be_looked_at))
