/* rig.c - the network side of one port on a bench. */
#include "tests/dataplane/net/rig.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#include "tests/dataplane/net/eal.h"
#include "tests/dataplane/net/sums.h"

enum { BUFFERS = 4095 };

size_t hex_bytes(const char *hex, uint8_t *out)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		unsigned byte = 0;

		sscanf(hex + 2 * i, "%2x", &byte);
		out[i] = (uint8_t)byte;
	}
	return n;
}

struct ip_addr addr(const char *text)
{
	struct ip_addr a = { 0 };

	CU_ASSERT_FATAL(ip_parse(text, &a) == 0);
	return a;
}

static void keep(void *ctx, struct rte_mbuf *m)
{
	struct rig *r = ctx;

	CU_ASSERT_FATAL(r->n_out < RIG_OUT_MAX);
	CU_ASSERT_EQUAL(m->next == NULL, (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) == 0);
	r->out[r->n_out++] = m;
}

struct net_conf rig_conf(void)
{
	static struct ip_prefix addrs[2];
	static struct ip_addr sources[2];

	ip_prefix_parse("192.0.2.2/24", &addrs[0]);
	ip_prefix_parse("2001:db8::2/64", &addrs[1]);
	sources[0] = addr("198.51.100.7");
	sources[1] = addr("2001:db8:5::7");
	return (struct net_conf){ .mac = { 2, 0, 0, 0, 0, 1 },
		                  .mtu_bytes = 1500,
		                  .addrs = addrs,
		                  .n_addrs = 2,
		                  .sources = sources,
		                  .n_sources = 2,
		                  .gateway4 = addr("192.0.2.1"),
		                  .gateway6 = addr("2001:db8::1"),
		                  .neighbours_max = 8,
		                  .neighbour_queue_max = 3,
		                  .tx = keep };
}

void rig_open(struct rig *r, const struct net_conf *conf)
{
	static struct rte_mempool *pool;
	struct net_conf c = conf != NULL ? *conf : rig_conf();

	if (pool == NULL) {
		eal_start();
		pool = eal_pool("rig", BUFFERS);
	}
	memset(r, 0, sizeof(*r));
	r->pool = c.pool = pool;
	r->now_us = 1000 * RIG_US;
	c.counters = &r->counters;
	c.tx_ctx = r;
	CU_ASSERT_FATAL(net_open(&c, &r->net) == 0);
}

void rig_forget_out(struct rig *r)
{
	while (r->n_out > 0)
		rte_pktmbuf_free(r->out[--r->n_out]);
}

void rig_close(struct rig *r)
{
	rig_forget_out(r);
	rte_pktmbuf_free(r->in);
	net_close(r->net);
	CU_ASSERT_EQUAL(rte_mempool_avail_count(r->pool), BUFFERS);
}

enum net_in rig_feed(struct rig *r, const uint8_t *bytes, size_t n, uint64_t ol_flags)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(r->pool);
	enum net_in in;

	rte_pktmbuf_free(r->in);
	r->in = NULL;
	CU_ASSERT_FATAL(m != NULL);
	m->ol_flags = ol_flags;
	memcpy(rte_pktmbuf_append(m, (uint16_t)n), bytes, n);
	in = net_input(r->net, r->now_us, m, &r->seg, &r->icmp);
	if (in == NET_IN_TCP || in == NET_IN_WRITER)
		r->in = m;
	return in;
}

enum net_in rig_feed_hex(struct rig *r, const char *hex)
{
	uint8_t bytes[RIG_FRAME_MAX];

	return rig_feed(r, bytes, hex_bytes(hex, bytes), 0);
}

enum net_in rig_feed_with(struct rig *r, const char *hex, size_t at, uint8_t value)
{
	uint8_t bytes[RIG_FRAME_MAX];
	size_t n = hex_bytes(hex, bytes);

	CU_ASSERT_FATAL(at < n);
	bytes[at] = value;
	sums_fix(bytes, n);
	return rig_feed(r, bytes, n, 0);
}

static void print_bytes(const char *what, const uint8_t *p, size_t n)
{
	printf("\n    %s ", what);
	for (size_t i = 0; i < n; i++)
		printf("%02x", p[i]);
}

void rig_expect(struct rig *r, const char *hex)
{
	uint8_t want[RIG_FRAME_MAX];
	const uint8_t *got;
	size_t n;

	if (hex == NULL) {
		CU_ASSERT_EQUAL(r->n_out, 0);
		return;
	}
	CU_ASSERT_FATAL(r->n_out > 0);
	n = hex_bytes(hex, want);
	got = rte_pktmbuf_mtod(r->out[0], const uint8_t *);
	if (r->out[0]->data_len != n || memcmp(got, want, n) != 0) {
		print_bytes("got ", got, r->out[0]->data_len);
		print_bytes("want", want, n);
		CU_FAIL("the frame sent is another one");
	} else {
		CU_PASS("the frame sent is the one expected");
	}
	rte_pktmbuf_free(r->out[0]);
	memmove(r->out, r->out + 1, --r->n_out * sizeof(r->out[0]));
}

struct rte_mbuf *rig_segment(struct rig *r)
{
	uint8_t bytes[RIG_FRAME_MAX];
	size_t n = hex_bytes(F_SYN4, bytes);
	struct rte_mbuf *m = rte_pktmbuf_alloc(r->pool);

	CU_ASSERT_FATAL(m != NULL);
	memcpy(rte_pktmbuf_append(m, (uint16_t)n), bytes, n);
	return m;
}

bool rig_send(struct rig *r, const char *local, const char *remote)
{
	struct ip_addr from = addr(local), to = addr(remote);
	struct net_path path;

	CU_ASSERT_FATAL(net_route(r->net, &from, &to, &path) == 0);
	return net_output(r->net, r->now_us, &path, rig_segment(r));
}

void rig_pass(struct rig *r, uint64_t us)
{
	for (uint64_t end_us = r->now_us + us; r->now_us < end_us;) {
		r->now_us += 100000;
		net_tick(r->net, r->now_us);
	}
}

enum neigh_state rig_state(struct rig *r, const char *a)
{
	struct ip_addr key = addr(a);
	uint32_t i = neigh_find(&r->net->neigh, &key);

	return i != NEIGH_NONE ? (enum neigh_state)r->net->neigh.entries[i].state : NEIGH_FREE;
}

void rig_resolve(struct rig *r)
{
	struct ip_addr g4 = addr("192.0.2.1"), g6 = addr("2001:db8::1");

	neigh_get(r->net, r->now_us, &g4);
	neigh_get(r->net, r->now_us, &g6);
	rig_feed_hex(r, F_ARP_REPLY);
	rig_feed_hex(r, F_NA);
	rig_forget_out(r);
	CU_ASSERT_EQUAL_FATAL(rig_state(r, "192.0.2.1"), NEIGH_REACHABLE);
	CU_ASSERT_EQUAL_FATAL(rig_state(r, "2001:db8::1"), NEIGH_REACHABLE);
}
