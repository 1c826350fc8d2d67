/* softnic_int.h - the inside of the software card, shared by the softnic*.c files only. */
#pragma once

#include <rte_mbuf.h>

#include "tests/support/softnic.h"

enum {
	SOFTNIC_DESCS_MAX = 4096,
	SOFTNIC_CUT_MAX = 256,       /* frames of one packet: 64 KB cut into 256 bytes */
	SOFTNIC_FLOWS_MAX = 1 << 16, /* remembered; beyond that the oldest is written over */
	SOFTNIC_TUPLE_MAX = 36,
};

/* One descriptor. A packet of n mbufs takes n; `m` of the first holds the chain. */
struct softnic_desc {
	struct rte_mbuf *m;
	uint16_t segs; /* of the packet that begins here; 0: inside one */
};

/* head <= read <= tail count packets' descriptors for ever; [head, read) left, [read, tail) wait.
 */
struct softnic_txq {
	struct softnic_desc *ring;
	uint32_t size, head, read, tail;
	bool stopped;
};

/* head <= tail <= posted count descriptors for ever; [head, tail) hold frames, [tail, posted) empty
 * mbufs for those to come.
 */
struct softnic_rxq {
	struct rte_mbuf **ring;
	struct rte_mempool *pool;
	uint32_t size, head, tail, posted;
};

/* The two ends of a received segment, and where its like belongs. */
struct softnic_flow {
	uint8_t tuple[SOFTNIC_TUPLE_MAX];
	uint16_t queue;
	uint8_t bytes; /* 0: free */
};

struct softnic {
	struct softnic_conf conf;
	struct softnic_stats stats;
	struct rte_eth_conf eth;
	uint64_t random;
	uint16_t n_queues, mtu_bytes;
	bool started, link_up, promiscuous, all_groups;
	uint16_t astray; /* queue of what is not hashed */
	uint8_t key[TOEPLITZ_KEY_MAX], key_said[TOEPLITZ_KEY_MAX];
	uint16_t reta[SOFTNIC_RETA_MAX], reta_said[SOFTNIC_RETA_MAX];
	uint64_t hash_types;
	uint32_t segments_in;
	bool table_has_changed;
	struct softnic_flow *flows;
	struct softnic_txq tx[SOFTNIC_QUEUES_MAX];
	struct softnic_rxq rx[SOFTNIC_QUEUES_MAX];
	uint16_t next_tx;                      /* queue whose turn on the wire it is */
	struct rte_mbuf *cut[SOFTNIC_CUT_MAX]; /* segments that follow on the wire */
	uint32_t n_cut, cut_at;
};

/* What of a frame the card looks at. */
struct softnic_view {
	uint8_t *ip, *l4;                 /* NULL: not IP; no whole TCP header */
	uint32_t l4_bytes;                /* TCP header and payload */
	uint8_t tuple[SOFTNIC_TUPLE_MAX]; /* addresses, then ports where there are */
	uint8_t addr_bytes;               /* of both addresses: 8 or 32; 0: not IP */
	bool is_fragment;
};

/* Reads a linear frame. Trusts no length in it. */
void softnic_view(uint8_t *frame, uint32_t bytes, struct softnic_view *v);

uint64_t softnic_random(struct softnic *nic);
void softnic_table_draw(struct softnic *nic);

/* RFC 1071 over `bytes` bytes, on top of `sum`; folded, not complemented. */
uint32_t softnic_sum(uint32_t sum, const uint8_t *at, uint32_t bytes);
uint32_t softnic_sum_pseudo(const struct softnic_view *v, uint32_t l4_bytes);

/* Remembers on which queue a flow was sent; `tuple` as its segments arrive. */
void softnic_learn(struct softnic *nic, const uint8_t *tuple, uint8_t bytes, uint16_t queue);

void softnic_rx_fill(struct softnic *nic, uint16_t queue);
void softnic_rx_empty(struct softnic *nic, uint16_t queue);
void softnic_tx_empty(struct softnic *nic, uint16_t queue);
uint16_t softnic_rx_burst(void *dev, uint16_t queue, struct rte_mbuf **m, uint16_t n);
uint16_t softnic_tx_prepare(void *dev, uint16_t queue, struct rte_mbuf **m, uint16_t n);
uint16_t softnic_tx_burst(void *dev, uint16_t queue, struct rte_mbuf **m, uint16_t n);
