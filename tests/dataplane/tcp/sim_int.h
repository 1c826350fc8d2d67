/* sim_int.h - what the files of the simulation share.
 *
 *	sim.c       the ends, time, the verdict     sim_wire.c  packets, and what happens to them
 *	sim_net.c   in the place of dataplane/net   sim_draw.c  paths by seed
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/tcp/tcp.h"
#include "dataplane/tcp/tcp_wire.h"
#include "tests/dataplane/tcp/sim.h"
#include "tests/dataplane/tcp/watch.h"

enum {
	PACKETS_MAX = 4096,
	PACKET_BYTES = 1600,
	STARVED_MAX = 2048,
	HELD_MAX = 64,
	PORT_A = 5000,
	PORT_B = 25,
	BOTH = TCP_ECE | TCP_CWR,
	STEP_US = 100,           /* the least that time moves */
	GAMES_END_US = 30000000, /* liars, thieves and stalls get bored: the run must end */
	TIME_MAX_US = 2000000000,
	START_US = 5000000,
};

struct packet {
	uint64_t due_us, order;
	struct end *to;
	struct net_icmp icmp; /* kind -1: a segment */
	uint16_t bytes, sum;
	uint8_t ecn;
	uint8_t at[PACKET_BYTES];
};

struct end {
	struct sim *sim;
	struct end *other;
	struct tcp *tcp;
	struct rte_mempool *pool;
	struct dp_counters counters;
	struct ip_addr addr;
	uint16_t port;
	tcp_id id;
	uint32_t index, total, written, received;
	uint64_t next_us;          /* its timers */
	uint64_t write_us;         /* it writes again; UINT64_MAX: when there is room */
	uint64_t wire_free_us;     /* the bottleneck towards the other end */
	uint64_t stalled_until_us; /* it does not run */
	uint64_t burst_until_us;   /* what it sends is lost */
	uint64_t lie_until_us;     /* its windows are changed on the way */
	uint64_t starved_until_us;
	uint64_t path_mtu_until_us; /* until when it goes by what it learned of the path */
	uint16_t path_mtu;
	uint32_t lie_divisor; /* 0: the window is closed */
	struct watch watch;   /* of what it sends */
	uint32_t n_held;      /* by the device, oldest first */
	struct rte_mbuf *held[HELD_MAX];
	uint32_t n_stolen;
	struct rte_mbuf *stolen[STARVED_MAX];
	uint64_t closed_us;
	bool opened, peer_closed, closed, closing, bad;
	int why;
};

struct sim {
	const struct sim_path *path;
	uint64_t now_us, random, n_sent;
	uint32_t n_heap, n_free;
	struct packet *packets;
	uint32_t heap[PACKETS_MAX], free[PACKETS_MAX];
	struct end ends[2];
};

static inline uint64_t sim_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state >> 11;
}

static inline uint32_t sim_below(struct sim *s, uint32_t n)
{
	return n != 0 ? (uint32_t)(sim_random(&s->random) % n) : 0;
}

static inline bool sim_happens(struct sim *s, uint32_t per_thousand)
{
	return per_thousand != 0 && sim_below(s, 1000) < per_thousand;
}

static inline uint8_t sim_pattern(uint32_t at)
{
	return (uint8_t)(at * 2654435761u >> 24);
}

/* sim_wire.c: packets by the time they arrive. */
void sim_heap_add(struct sim *s, uint32_t packet);
uint32_t sim_heap_pop(struct sim *s);
void sim_packet_put(struct sim *s, const struct packet *p);
uint16_t sim_sum(const uint8_t *at, uint16_t bytes);

/* A segment sets out, and may be changed, doubled, delayed or lost. */
void sim_put(struct end *from, const uint8_t *at, uint16_t bytes, enum net_ecn ecn);

/* A box on the way refuses it or swallows it; says that it is too large; forges one beside it. */
bool sim_is_stopped(struct end *from, const uint8_t *at, uint16_t n);
void sim_tell_too_big(struct end *from, const uint8_t *head);
void sim_forge(struct end *to);

/* sim_net.c: the device of an end has done with all it holds. */
void sim_let_go(struct end *e);
