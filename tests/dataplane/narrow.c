/* narrow.c - a router on the way that lets no packet through above a size. */
#include "tests/dataplane/narrow.h"

#include <assert.h>
#include <string.h>

#include <rte_mbuf.h>

#include "tests/support/softnic_int.h"

enum { ETHER = 14, QUOTE4 = 28, QUOTE6 = 60, ICMP_HEADER = 8 };

static uint32_t ip_bytes(const uint8_t *ip, bool *is_ip4)
{
	*is_ip4 = ip[0] >> 4 == 4;
	return *is_ip4 ? (uint32_t)ip[2] << 8 | ip[3] : 40 + ((uint32_t)ip[4] << 8 | ip[5]);
}

bool narrow_passes(struct rte_mbuf *frame, uint32_t mtu_bytes)
{
	struct softnic_view v;
	bool is_ip4;

	softnic_view(rte_pktmbuf_mtod(frame, uint8_t *), frame->data_len, &v);
	return v.ip == NULL || ip_bytes(v.ip, &is_ip4) <= mtu_bytes;
}

static void put_sum(uint8_t *at, uint32_t sum)
{
	at[0] = (uint8_t)(~sum >> 8);
	at[1] = (uint8_t)~sum;
}

/* From the packet's receiver to its sender. */
static void put_ip4(uint8_t *ip, const uint8_t *of)
{
	static const uint8_t start[10] = {
		0x45, 0, 0, 20 + ICMP_HEADER + QUOTE4, 0, 0, 0, 0, 64, 1
	};

	memcpy(ip, start, sizeof(start));
	memcpy(ip + 12, of + 16, 4);
	memcpy(ip + 16, of + 12, 4);
	put_sum(ip + 10, softnic_sum(0, ip, 20));
}

static void put_ip6(uint8_t *ip, const uint8_t *of)
{
	static const uint8_t start[8] = { 0x60, 0, 0, 0, 0, ICMP_HEADER + QUOTE6, 58, 64 };

	memcpy(ip, start, sizeof(start));
	memcpy(ip + 8, of + 24, 16);
	memcpy(ip + 24, of + 8, 16);
}

struct rte_mbuf *narrow_answer(struct rte_mbuf *frame, uint32_t mtu_bytes, struct rte_mempool *pool)
{
	const uint8_t *f = rte_pktmbuf_mtod(frame, const uint8_t *), *of = f + ETHER;
	bool is_ip4 = of[0] >> 4 == 4;
	uint32_t header = is_ip4 ? 20 : 40, quote = is_ip4 ? QUOTE4 : QUOTE6, sum = 0;
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint8_t *to, *ip, *icmp;

	assert(m != NULL);
	to = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(ETHER + header + ICMP_HEADER + quote));
	assert(to != NULL);
	ip = to + ETHER;
	icmp = ip + header;
	memset(to, 0, m->data_len);
	memcpy(to, f + 6, 6);
	memcpy(to + 6, f, 6);
	memcpy(to + 12, f + 12, 2);
	memcpy(icmp + ICMP_HEADER, of, quote);
	icmp[0] = is_ip4 ? 3 : 2;
	icmp[1] = is_ip4 ? 4 : 0;
	icmp[6] = (uint8_t)(mtu_bytes >> 8);
	icmp[7] = (uint8_t)mtu_bytes;
	if (is_ip4) {
		put_ip4(ip, of);
	} else {
		static const uint8_t proto[4] = { 0, 58, 0, ICMP_HEADER + QUOTE6 };

		put_ip6(ip, of);
		sum = softnic_sum(softnic_sum(0, ip + 8, 32), proto, 4);
	}
	put_sum(icmp + 2, softnic_sum(sum, icmp, ICMP_HEADER + quote));
	return m;
}
