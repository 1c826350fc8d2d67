/* test_port_rss.c - what a device says of its hashing is read back whole, or not believed at all.
 */
#include "dataplane/port_rss.h"
#include "tests/support/suite.h"

#include <errno.h>
#include <string.h>

#include <rte_ethdev.h>

enum { QUEUES = 3 };

static struct {
	uint8_t key_bytes;
	uint16_t table_size;
	uint64_t types;
	int key_rc, table_rc;
	uint16_t bad_queue; /* stands in the table's last entry; 0: none */
} device;

static int info_get(void *dev, struct rte_eth_dev_info *info)
{
	(void)dev;
	memset(info, 0, sizeof(*info));
	info->hash_key_size = device.key_bytes;
	info->reta_size = device.table_size;
	return 0;
}

static int rss_conf_get(void *dev, struct rte_eth_rss_conf *conf)
{
	(void)dev;
	CU_ASSERT_EQUAL(conf->rss_key_len, device.key_bytes);
	for (unsigned i = 0; i < device.key_bytes; i++)
		conf->rss_key[i] = (uint8_t)(i + 1);
	conf->rss_hf = device.types;
	return device.key_rc;
}

static int reta_query(void *dev, struct rte_eth_rss_reta_entry64 *reta, uint16_t size)
{
	(void)dev;
	CU_ASSERT_EQUAL(size, device.table_size);
	for (unsigned i = 0; i < size; i++)
		if (reta[i / 64].mask >> i % 64 & 1)
			reta[i / 64].reta[i % 64] = (uint16_t)((i * 7 + i / 5) % QUEUES);
	if (device.bad_queue != 0)
		reta[(size - 1) / 64].reta[(size - 1) % 64] = device.bad_queue;
	return device.table_rc;
}

static bool read_it(bool v4, bool v6, struct landing_rss *rss)
{
	static const struct port_io io = { .info_get = info_get,
		                           .rss_conf_get = rss_conf_get,
		                           .reta_query = reta_query };
	struct port p;

	port_use(&p, &io, NULL);
	p.n_queues = QUEUES;
	p.plan.rss = true;
	return port_rss_read(&p, v4, v6, rss);
}

static void good_device(void)
{
	memset(&device, 0, sizeof(device));
	device.key_bytes = 52;
	device.table_size = 512;
	device.types = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP;
}

static void key_and_table_are_read_back_whole(void)
{
	struct landing_rss rss;

	good_device();
	CU_ASSERT_TRUE(read_it(true, true, &rss));
	CU_ASSERT_EQUAL(rss.key_bytes, 52);
	CU_ASSERT_EQUAL(rss.key[51], 52);
	CU_ASSERT_EQUAL(rss.table_size, 512);
	for (unsigned i = 0; i < 512; i++)
		CU_ASSERT_EQUAL(rss.table[i], (i * 7 + i / 5) % QUEUES);
}

static void a_device_that_cannot_say_is_not_believed(void)
{
	struct landing_rss rss;

	good_device();
	device.key_rc = -ENOTSUP;
	CU_ASSERT_FALSE(read_it(true, false, &rss));
	good_device();
	device.table_rc = -ENOTSUP;
	CU_ASSERT_FALSE(read_it(true, false, &rss));
	good_device();
	device.key_bytes = 200; /* more than there is room for */
	CU_ASSERT_FALSE(read_it(true, false, &rss));
	good_device();
	device.table_size = 8192;
	CU_ASSERT_FALSE(read_it(true, false, &rss));
	good_device();
	device.bad_queue = QUEUES;
	CU_ASSERT_FALSE(read_it(true, false, &rss));
}

static void a_family_without_ports_in_its_hash_matters_only_where_it_is_used(void)
{
	struct landing_rss rss;

	good_device();
	device.types = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_IPV6;
	CU_ASSERT_TRUE(read_it(true, false, &rss));
	CU_ASSERT_FALSE(read_it(true, true, &rss));
	CU_ASSERT_FALSE(read_it(false, true, &rss));
}

SUITE("dataplane/port_rss", TEST(key_and_table_are_read_back_whole),
      TEST(a_device_that_cannot_say_is_not_believed),
      TEST(a_family_without_ports_in_its_hash_matters_only_where_it_is_used))
