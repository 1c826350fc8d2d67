/* test_usual.c - the short way of a frame judges as the long one does.
 *
 * A frame that the device took an empty tag out of (VLAN 0) is judged by the same rules, but never
 * takes the short way: each frame here is fed both ways, and nobody may tell a difference.
 */
#include "tests/dataplane/net/rig.h"
#include "tests/dataplane/net/sums.h"
#include "tests/support/suite.h"

#include <rte_mbuf.h>

static struct rig rig;
static uint32_t n_usual; /* frames that the short way took */

struct verdict {
	enum net_in in;
	struct net_seg seg;
	size_t tcp_at;
	struct dp_counters counted;
};

static struct verdict feed(const uint8_t *bytes, size_t n, uint64_t flags)
{
	struct verdict v;

	memset(&rig.counters, 0, sizeof(rig.counters));
	memset(&rig.seg, 0, sizeof(rig.seg));
	memset(&v, 0, sizeof(v));
	v.in = rig_feed(&rig, bytes, n, flags);
	rig_forget_out(&rig);
	if (v.in == NET_IN_TCP) {
		v.seg = rig.seg;
		v.tcp_at = (size_t)(rig.seg.tcp.at - rte_pktmbuf_mtod(rig.in, const uint8_t *));
	}
	memcpy(&v.counted, &rig.counters, sizeof(v.counted));
	return v;
}

static bool is_same_segment(const struct verdict *a, const struct verdict *b)
{
	return ip_eq(&a->seg.local, &b->seg.local) && ip_eq(&a->seg.remote, &b->seg.remote) &&
	       a->tcp_at == b->tcp_at && a->seg.tcp.bytes == b->seg.tcp.bytes &&
	       a->seg.ecn == b->seg.ecn && a->seg.hash == b->seg.hash;
}

static void both_ways(const uint8_t *bytes, size_t n, uint64_t flags, size_t changed)
{
	struct verdict is = feed(bytes, n, flags), must;
	struct rte_mbuf *m = rig.in;
	struct net_seg seg;

	n_usual += is.in == NET_IN_TCP && usual_parse(rig.net, rig.now_us, m, &seg);
	must = feed(bytes, n, flags | RTE_MBUF_F_RX_VLAN_STRIPPED);
	if (is.in != must.in || !is_same_segment(&is, &must) ||
	    memcmp(&is.counted, &must.counted, sizeof(is.counted)) != 0) {
		printf("\n    byte %zu of %zu is %02x: the two ways differ", changed, n,
		       changed < n ? bytes[changed] : 0);
		CU_FAIL("one judges otherwise");
	} else {
		CU_PASS("they agree");
	}
}

/* Every byte of the headers with these values, as it is and with sums made right again. */
static void change_each_byte(const char *hex, uint64_t flags)
{
	static const uint8_t by[] = { 0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff, 0x45 };
	uint8_t bytes[RIG_FRAME_MAX], changed[RIG_FRAME_MAX];
	size_t n = hex_bytes(hex, bytes);

	both_ways(bytes, n, flags, n);
	for (size_t at = 0; at < n; at++)
		for (size_t k = 0; k < sizeof(by); k++) {
			memcpy(changed, bytes, n);
			changed[at] ^= by[k];
			both_ways(changed, n, flags, at);
			sums_fix(changed, n);
			both_ways(changed, n, flags, at);
		}
}

static struct net_conf conf(bool device_sums)
{
	struct net_conf c = rig_conf();

	c.fragment_bytes_max = 0; /* a part that is fed twice would not be judged twice alike */
	c.rx_checksum = device_sums;
	return c;
}

static void the_short_way_judges_as_the_long_one_does(void)
{
	struct net_conf c = conf(false);

	rig_open(&rig, &c);
	n_usual = 0;
	change_each_byte(F_TCP4_DATA, 0);
	CU_ASSERT(n_usual > 100); /* else nothing was compared */
	change_each_byte(F_TCP4_OPTIONS, 0);
	change_each_byte(F_TCP6, 0);
	rig_close(&rig);
}

static void what_comes_from_ourselves_is_judged_alike(void)
{
	uint8_t bytes[RIG_FRAME_MAX], changed[RIG_FRAME_MAX];
	size_t n = hex_bytes(F_TCP4_DATA, bytes);
	struct net_conf c = conf(false);

	rig_open(&rig, &c);
	memcpy(changed, bytes, n);
	memcpy(changed + 26, bytes + 30, 4); /* our address as the sender's */
	sums_fix(changed, n);
	both_ways(changed, n, 0, 26);
	CU_ASSERT_PTR_NULL(rig.in);
	memcpy(changed, bytes, n);
	memcpy(changed + 6, bytes, 6); /* our MAC */
	both_ways(changed, n, 0, 6);
	CU_ASSERT_PTR_NULL(rig.in);
	rig_close(&rig);
}

static void the_devices_word_counts_alike(void)
{
	static const uint64_t said[] = {
		RTE_MBUF_F_RX_IP_CKSUM_GOOD,
		RTE_MBUF_F_RX_L4_CKSUM_GOOD,
		RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD,
		RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_GOOD,
		RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_BAD,
		RTE_MBUF_F_RX_IP_CKSUM_NONE | RTE_MBUF_F_RX_L4_CKSUM_NONE,
	};

	for (size_t i = 0; i < 2 * sizeof(said) / sizeof(said[0]); i++) {
		struct net_conf c = conf(i % 2 == 1);

		rig_open(&rig, &c);
		change_each_byte(F_TCP4_DATA, said[i / 2]);
		rig_close(&rig);
	}
}

static void a_frame_cut_anywhere_is_judged_alike(void)
{
	uint8_t bytes[RIG_FRAME_MAX];
	size_t n = hex_bytes(F_TCP4_DATA, bytes);
	struct net_conf c = conf(false);

	rig_open(&rig, &c);
	for (size_t len = 1; len <= n; len++)
		both_ways(bytes, len, 0, n);
	memset(bytes + n, 0xa5, 40); /* padding */
	for (size_t len = n + 1; len <= n + 40; len++)
		both_ways(bytes, len, 0, n);
	rig_close(&rig);
}

SUITE("dataplane/net/usual", TEST(the_short_way_judges_as_the_long_one_does),
      TEST(what_comes_from_ourselves_is_judged_alike), TEST(the_devices_word_counts_alike),
      TEST(a_frame_cut_anywhere_is_judged_alike))
