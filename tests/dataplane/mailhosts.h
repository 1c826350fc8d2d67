/* mailhosts.h - mail hosts at the other end of a wire: a network and a TCP engine of ours with a
 * listener on port 25, and an SMTP server on top that takes whatever comes.
 *
 * Thread  one; time is the caller's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/addr.h"
#include "dataplane/base/span.h"
#include "dataplane/counters.h"

struct rte_mbuf;
struct mailhosts;

/* A message as it was before dot-stuffing, without the line of the dot. */
typedef void mailhosts_got_fn(void *ctx, struct span message);

struct mailhosts_conf {
	const struct ip_prefix *nets; /* the first address of each network is a router's */
	uint32_t n_nets;
	const struct ip_addr *hosts; /* who take mail */
	uint32_t n_hosts;
	uint32_t conns_max;
	mailhosts_got_fn *got;
	void *ctx;
};

/* Needs EAL. Aborts when there is no memory. */
struct mailhosts *mailhosts_new(const struct mailhosts_conf *conf, uint64_t now_us);
void mailhosts_free(struct mailhosts *h);

/* A frame arrives; takes it over. */
void mailhosts_take(struct mailhosts *h, uint64_t now_us, struct rte_mbuf *frame);

/* The next frame they send, linear, the caller's; NULL: none now. */
struct rte_mbuf *mailhosts_give(struct mailhosts *h);

/* Timers, and the ACKs that were put off. Once a step of time. */
void mailhosts_tick(struct mailhosts *h, uint64_t now_us);

/* Connections that are open there. */
uint32_t mailhosts_n_conns(const struct mailhosts *h);

/* What their engines counted. */
const struct dp_counters *mailhosts_counters(const struct mailhosts *h);

/* Their buffers that somebody holds. */
uint32_t mailhosts_buffers(const struct mailhosts *h);
