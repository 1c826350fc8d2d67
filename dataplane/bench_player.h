/* bench_player.h - the other end of the bench's wire: a player of frames, no TCP stack.
 *
 * It remembers of each peer no more than the next numbers, answers when it is told to and puts its
 * frames on the wire all at once, so that the worker finds full bursts however slow the player is.
 *
 * Owner   the measuring thread. Thread: that one; the rings are between it and the worker.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/bench_tap.h"
#include "dataplane/dp.h"

struct rte_mbuf;
struct rte_mempool;
struct rte_ring;

enum {
	BENCH_WAVE_MAX = 4096, /* frames put on the wire at once */
	BENCH_RING = 16384,
};

#define BENCH_DEVICE "net_ring_bench"

/* What a peer knows. */
struct bench_peer {
	uint32_t seq;   /* of the next byte to the worker */
	uint32_t ack;   /* next byte from the worker */
	uint32_t acked; /* what the worker acknowledged */
	uint32_t ts;    /* the worker's clock, as last seen */
	uint16_t port;  /* the worker's */
};

struct bench_player {
	struct rte_ring *to, *from; /* the worker receives from `to` and sends into `from` */
	struct bench_tap tap;       /* what came out of `from` */
	struct rte_mempool *pool;
	struct bench_peer *peers;
	uint32_t n_peers;
	uint8_t mac[6];       /* the worker's */
	struct ip_addr local; /* the worker's */
	bool mac_known;
	bool astray; /* frames are for another station */
	struct rte_mbuf *wave[BENCH_WAVE_MAX];
	uint32_t n_wave;
	uint32_t n_unsent; /* frames that could not be made, or that the worker did not take */

	/* what came from the worker */
	uint64_t n_syn, n_fin, n_data, n_ack, n_rst, n_bad_sum, n_odd;
};

/* What bench_player_open() and the rings take of EAL's memory. Pure. */
uint64_t bench_player_bytes(void);

/* Makes rings, buffers and the device BENCH_DEVICE in the place of that which EAL made. Returns 0,
 * or -errno with one line in `why`.
 */
int bench_player_open(struct bench_player *p, uint32_t n_peers, const struct ip_addr *local,
                      char why[DP_WHY_BYTES]);
void bench_player_close(struct bench_player *p);

/* Takes one frame that the worker sent: judges it, notes the numbers, answers ARP. False: none is
 * there.
 */
bool bench_player_take(struct bench_player *p);

/* Adds a segment of peer `i` to the wave; `flags` as in the header, ACK included. */
void bench_player_add(struct bench_player *p, uint32_t i, uint8_t flags, uint32_t payload_bytes);

/* Puts the wave on the wire. */
void bench_player_send(struct bench_player *p);

/* True when the worker has taken everything. */
bool bench_player_is_drained(const struct bench_player *p);
