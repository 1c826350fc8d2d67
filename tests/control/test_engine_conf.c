/* test_engine_conf.c - what the data plane is told is what was configured. */
#include "control/engine_conf.h"
#include "tests/control/conf/conf_file.h"
#include "tests/support/suite.h"

static void offloads_that_are_switched_off_are_forbidden_on_that_port_only(void)
{
	static const char text[] =
	    "bounce_domain = b.example.com; resolver.servers = [127.0.0.1]\n"
	    "port p0 { device = net_tap0; address = 10.9.0.2/24; offload_tso = false;\n"
	    "  offload_checksum_ip = false }\n"
	    "port p1 { device = net_tap1; address = 10.8.0.2/24; offload_checksum_tcp = false }\n"
	    "port p2 { device = net_tap2; address = 10.7.0.2/24 }\n"
	    "source s1 { port = p0; address = 10.9.0.10; helo = a.b }\n";
	static const uint8_t secret[32];
	char why[CONF_WHY_BYTES] = "";
	struct engine_dp_conf *d;
	const struct dp_conf *dp;
	struct conf *conf = NULL;

	CU_ASSERT_EQUAL(conf_file_load(text, strlen(text), &conf, why), 0);
	CU_ASSERT_STRING_EQUAL(why, "");
	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	d = engine_dp_conf_new(conf, secret);
	dp = engine_dp_conf_of(d);
	CU_ASSERT_EQUAL(dp->ports[0].offloads_off,
	                1u << DP_OFFLOAD_TSO | 1u << DP_OFFLOAD_CHECKSUM_IP);
	CU_ASSERT_EQUAL(dp->ports[1].offloads_off, 1u << DP_OFFLOAD_CHECKSUM_TCP);
	CU_ASSERT_EQUAL(dp->ports[2].offloads_off, 0);
	engine_dp_conf_free(d);
	conf_free(conf);
}

static void neighbours_and_memory_for_fragments_are_handed_on(void)
{
	static const char text[] =
	    "bounce_domain = b.example.com; resolver.servers = [127.0.0.1]\n"
	    "port p0 { device = net_tap0; address = 10.9.0.2/24; fragment_memory = 64KiB;\n"
	    "  neighbour = [\"10.9.0.1 02:00:00:00:00:07\", \"10.9.0.3 02:00:00:00:00:08\"] }\n"
	    "source s1 { port = p0; address = 10.9.0.10; helo = a.b }\n";
	static const uint8_t secret[32];
	char why[CONF_WHY_BYTES] = "";
	struct engine_dp_conf *d;
	const struct dp_conf *dp;
	struct conf *conf = NULL;

	CU_ASSERT_EQUAL(conf_file_load(text, strlen(text), &conf, why), 0);
	CU_ASSERT_STRING_EQUAL(why, "");
	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	d = engine_dp_conf_new(conf, secret);
	dp = engine_dp_conf_of(d);
	CU_ASSERT_EQUAL(dp->ports[0].fragment_bytes_max, 65536);
	CU_ASSERT_EQUAL_FATAL(dp->ports[0].n_neighbours, 2);
	CU_ASSERT_EQUAL(dp->ports[0].neighbours[1].addr.b[15], 3);
	CU_ASSERT_EQUAL(dp->ports[0].neighbours[1].mac[5], 8);
	engine_dp_conf_free(d);
	conf_free(conf);
}

SUITE("control/engine_conf", TEST(neighbours_and_memory_for_fragments_are_handed_on),
      TEST(offloads_that_are_switched_off_are_forbidden_on_that_port_only))
