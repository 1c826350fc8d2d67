/* cutter.h - what a device does with a packet that it is asked to cut (TSO), as far as TCP sees it:
 * the header again in front of each piece, its sequence number moved on, PSH and FIN on the last.
 *
 * A chain that no device could cut is a broken invariant: asserted.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct rte_mbuf;

/* Called with one segment, header and payload, valid in the call. */
typedef void cut_fn(void *ctx, const uint8_t *at, uint16_t bytes);

/* Cuts the chain `m`, whose first mbuf begins with the TCP header. It stays the caller's. */
void cutter_cut(const struct rte_mbuf *m, uint16_t mss, cut_fn *give, void *ctx);
