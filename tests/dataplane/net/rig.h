/* rig.h - the network side of one port on a bench: frames in by hex, frames out are kept.
 *
 * Its addresses are those of frames.h; time is a counter that the test moves.
 */
#pragma once

#include "dataplane/net/net.h"
#include "dataplane/net/net_int.h"
#include "tests/dataplane/net/frames.h"

#define RIG_US 1000000ull

enum { RIG_OUT_MAX = 4096, RIG_FRAME_MAX = 2048 };

struct rig {
	struct net *net;
	struct rte_mempool *pool;
	struct dp_counters counters;
	struct net_seg seg; /* of the last frame that was TCP; its mbuf, or the writer's, is `in` */
	struct net_icmp icmp;
	struct rte_mbuf *in;
	struct rte_mbuf *out[RIG_OUT_MAX];
	uint32_t n_out;
	uint64_t now_us;
};

/* Writes the bytes of a hex text; returns how many. */
size_t hex_bytes(const char *hex, uint8_t *out);

struct ip_addr addr(const char *text);

/* What the rig opens with: no offloads, both families, both gateways. */
struct net_conf rig_conf(void);

/* `conf` may be NULL. A test opens one at a time; `r` is cleared. */
void rig_open(struct rig *r, const struct net_conf *conf);

/* Closes and asserts that every buffer is back in the pool. */
void rig_close(struct rig *r);

enum net_in rig_feed(struct rig *r, const uint8_t *bytes, size_t n, uint64_t ol_flags);
enum net_in rig_feed_hex(struct rig *r, const char *hex);

/* A frame of frames.h with byte `at` set to `value` and its checksums made right again. */
enum net_in rig_feed_with(struct rig *r, const char *hex, size_t at, uint8_t value);

/* Asserts that the oldest frame sent is this, and forgets it. NULL: that none was sent. */
void rig_expect(struct rig *r, const char *hex);
void rig_forget_out(struct rig *r);

/* The segment F_SYN4 in a fresh buffer. */
struct rte_mbuf *rig_segment(struct rig *r);

/* Routes and sends F_SYN4 from `local` to `remote`. */
bool rig_send(struct rig *r, const char *local, const char *remote);

/* Moves time in steps of 100 ms, with a tick each. */
void rig_pass(struct rig *r, uint64_t us);

/* The state of the entry of `a`; NEIGH_FREE without one. */
enum neigh_state rig_state(struct rig *r, const char *a);

/* Lets both gateways be asked for and answer; both are reachable afterwards, `out` is empty. */
void rig_resolve(struct rig *r);
