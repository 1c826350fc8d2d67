/* test_port.c - device names are read right, and buffers are sized within their bounds. */
#include "dataplane/port.h"
#include "tests/support/suite.h"

static void a_pci_address_is_told_from_a_virtual_device(void)
{
	static const struct {
		const char *device;
		bool pci;
	} cases[] = {
		{ "0000:3b:00.0", true },
		{ "3b:00.1", true },
		{ "0000:3B:00.0,arg=1", true },
		{ "net_tap0,iface=ph0", false },
		{ "0000:3b:00", false },
		{ "0000:3b:00.00", false },
		{ "", false },
		{ "zz:00.0", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CU_ASSERT_EQUAL(port_is_pci(cases[i].device), cases[i].pci);
}

static void a_devices_name_ends_at_the_comma(void)
{
	char name[64];

	CU_ASSERT_TRUE(port_device_name("net_tap0,iface=ph0", name));
	CU_ASSERT_STRING_EQUAL(name, "net_tap0");
	CU_ASSERT_FALSE(port_device_name(",iface=ph0", name));
	CU_ASSERT_FALSE(port_device_name(
	    "net_a_name_that_is_much_longer_than_any_that_dpdk_would_take_for_one", name));
}

static struct port_size size_of(uint32_t conns_max, uint32_t buffers, uint16_t mtu)
{
	struct dp_port_conf port = { .device = "net_tap0", .mtu_bytes = mtu };
	struct dp_conf conf = {
		.ports = &port, .n_ports = 1, .conns_max = conns_max, .buffers = buffers
	};
	struct port_size size;

	port_size_of(&conf, 0, &size);
	return size;
}

static void buffers_follow_sessions_unless_they_are_given(void)
{
	CU_ASSERT_EQUAL(size_of(1, 0, 1500).tx_buffers, 4095);
	CU_ASSERT_EQUAL(size_of(100000, 0, 1500).tx_buffers, 202048);
	CU_ASSERT_EQUAL(size_of(1 << 22, 0, 1500).tx_buffers, (1 << 22) - 1);
	CU_ASSERT_EQUAL(size_of(100000, 8191, 1500).tx_buffers, 8191);
	CU_ASSERT_EQUAL(size_of(100000, 1, 1500).tx_buffers, 4095);
	CU_ASSERT_EQUAL(size_of(1, 1 << 24, 1500).tx_buffers, 1 << 24); /* never less in silence */
}

static void af_xdp_gets_more_to_receive_into_than_its_ring_of_2048(void)
{
	struct dp_port_conf port = { .device = "net_af_xdp0,iface=eth1", .mtu_bytes = 1500 };
	struct dp_conf conf = { .ports = &port, .n_ports = 1, .conns_max = 1 };
	struct port_size size;

	port_size_of(&conf, 0, &size);
	CU_ASSERT_TRUE(size.rx_buffers > 2 * 2048 + 256);
	CU_ASSERT_EQUAL(size_of(1, 0, 1500).rx_buffers, 2047);
}

static void the_sum_is_what_the_buffers_take(void)
{
	struct port_size small = size_of(1, 10000, 1500), large = size_of(1, 20000, 1500);
	uint64_t each = (large.bytes - small.bytes) / 10000;

	CU_ASSERT_EQUAL((large.bytes - small.bytes) % 10000, 0);
	CU_ASSERT_TRUE(each >= small.room_bytes + sizeof(struct rte_mbuf));
	CU_ASSERT_TRUE(each < small.room_bytes + sizeof(struct rte_mbuf) + 256);
	CU_ASSERT_TRUE(size_of(1, 10000, 9000).bytes > 4 * small.bytes);
}

SUITE("dataplane/port", TEST(a_pci_address_is_told_from_a_virtual_device),
      TEST(a_devices_name_ends_at_the_comma), TEST(buffers_follow_sessions_unless_they_are_given),
      TEST(af_xdp_gets_more_to_receive_into_than_its_ring_of_2048),
      TEST(the_sum_is_what_the_buffers_take))
