/* narrow.h - a router on the way that lets no packet through above a size, and says so by ICMP
 * (RFC 1191 4, RFC 4443 3.2).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;
struct rte_mempool;

/* True when the IP packet in `frame` is no longer than `mtu_bytes`, or is none. */
bool narrow_passes(struct rte_mbuf *frame, uint32_t mtu_bytes);

/* The router's answer to the sender of `frame`, from the station that it went to, in a buffer of
 * `pool`. The packet is not passed on; `frame` stays the caller's.
 */
struct rte_mbuf *narrow_answer(struct rte_mbuf *frame, uint32_t mtu_bytes,
                               struct rte_mempool *pool);
