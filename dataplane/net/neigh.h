/* neigh.h - neighbours: who has which MAC address, for ARP and ND alike.
 *
 * One machine serves both: the states of RFC 4861 7.3.2, plus FAILED, which holds back new
 * requests for a while. Entries are made by what we send, never by what we hear, so nobody on the
 * link can fill the table.
 *
 * FREE --send--> INCOMPLETE --answer--> REACHABLE --30 s--> STALE --send--> DELAY --5 s--> PROBE
 *                                           ^   |                            |              |
 *                                           |   +-heard from                 +-heard from +-answer
 *                                           +---+----------------------------+--------------+
 *
 * A worker that reads only has entries in INCOMPLETE, COPY and FAILED: its questions go to the one
 * that writes, and what that one publishes (share.h) is its answer.
 *
 * FAILED follows three requests to all without an answer, INCOMPLETE three to a station in PROBE.
 *
 * Owner   struct net. Thread: its worker.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/addr.h"

struct net;
struct rte_mbuf;

enum neigh_state {
	NEIGH_FREE,
	NEIGH_INCOMPLETE,
	NEIGH_REACHABLE,
	NEIGH_STALE,
	NEIGH_DELAY,
	NEIGH_PROBE,
	NEIGH_FAILED,
	NEIGH_STATIC, /* by configuration */
	NEIGH_COPY,   /* of a worker that reads only: the one that writes knows the address */
	NEIGH_N_STATES
};

enum {
	NEIGH_NONE = UINT32_MAX,   /* no such entry */
	NEIGH_TICK_ENTRIES = 4096, /* looked at in one tick */
	NEIGH_HEARD = 256,         /* stations remembered as lately heard from */

	/* What a learned address says; bits for neigh_learn(). */
	NEIGH_SOLICITED = 1, /* it answers a question of ours */
	NEIGH_OVERRIDE = 2,  /* it replaces what we know */
};

struct neigh {
	struct ip_addr addr;
	uint8_t mac[6];
	uint8_t state;         /* enum neigh_state */
	uint8_t tries;         /* requests sent in this state */
	uint32_t next;         /* in its bucket, or in the free list */
	uint32_t n_queued;     /* segments waiting for the address */
	uint32_t epoch;        /* of the share, when it was asked last; readers only */
	uint64_t deadline_us;  /* when the state ends */
	uint64_t confirmed_us; /* last answer to a question of ours */
	uint64_t used_us;      /* last segment sent there */
	struct rte_mbuf *queue, *queue_tail; /* linked by mbuf->next; we hold the only reference */
};

/* A station from which a good TCP segment came: it can be heard, so it is alive. */
struct neigh_heard {
	uint64_t mac;
	uint64_t at_us;
};

struct neigh_table {
	struct neigh *entries;
	uint32_t *buckets;
	uint32_t entries_max, bucket_mask, queue_max;
	uint32_t free;      /* head of the free list */
	uint32_t cursor;    /* where the next tick goes on */
	uint32_t n_waiting; /* entries in INCOMPLETE */
	uint32_t epoch;     /* of the share, when all that waited was looked up; readers only */
	struct neigh_heard heard[NEIGH_HEARD];
};

/* How many buckets a table of `entries` has; a power of two. */
uint32_t neigh_n_buckets(uint32_t entries);

/* Makes the table empty. Its arrays and bounds are set. */
void neigh_init(struct neigh_table *t);

/* Drops all that waits; the table is empty afterwards. */
void neigh_fini(struct net *net);

/* The index of an entry, NEIGH_NONE when there is none. */
uint32_t neigh_find(const struct neigh_table *t, const struct ip_addr *a);

/* Finds or makes an entry; a new one is asked for at once. When the table is full the longest
 * unused entry that is neither a gateway nor being resolved gives way; NEIGH_NONE when none can.
 */
uint32_t neigh_get(struct net *net, uint64_t now_us, const struct ip_addr *a);

/* Makes an entry that nothing changes, whoever claims the address. There is room for it. */
void neigh_add_static(struct net *net, const struct ip_neighbour *from);

/* Sends an IP packet to a neighbour or lets it wait there; takes over the reference. Returns true
 * when it left.
 */
bool neigh_send(struct net *net, uint64_t now_us, struct neigh *n, struct rte_mbuf *m);

/* Takes in what a packet says about `a` (RFC 4861 7.2.5, RFC 826): its MAC, NULL when not told,
 * and the NEIGH_ bits. Addresses without an entry are ignored.
 */
void neigh_learn(struct net *net, uint64_t now_us, const struct ip_addr *a, const uint8_t mac[6],
                 unsigned bits);

/* A good TCP segment came from this station. */
void neigh_heard(struct neigh_table *t, uint64_t now_us, const uint8_t mac[6]);

/* Runs what is due. */
void neigh_tick(struct net *net, uint64_t now_us);

/* The writing worker's: another worker sends to `a`; it is heard from, too. */
void neigh_used(struct net *net, uint64_t now_us, const struct ip_addr *a);
void neigh_reached(struct net *net, uint64_t now_us, const struct ip_addr *a);

/* neigh_copy.c, of a worker that reads only: takes over what is published about an entry; about all
 * that wait, if anything was published since.
 */
void neigh_copy(struct net *net, uint64_t now_us, struct neigh *n);
void neigh_copy_waiting(struct net *net, uint64_t now_us);

/* Within neigh*.c: the one place where an entry changes its state; sends what waited. */
void neigh_enter(struct net *net, uint64_t now_us, struct neigh *n, enum neigh_state state);
void neigh_resolved(struct net *net, uint64_t now_us, struct neigh *n);

/* neigh_queue.c: the segments that wait for a neighbour. `put` takes over the reference. */
void neigh_queue_put(struct net *net, struct neigh *n, struct rte_mbuf *m);
struct rte_mbuf *neigh_queue_take(struct neigh *n);
void neigh_queue_drop(struct net *net, struct neigh *n);

/* For tests and reports. */
const char *neigh_state_name(enum neigh_state state);
