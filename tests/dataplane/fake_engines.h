/* fake_engines.h - engines that do as little as a worker can be tested with.
 *
 * A session to port 25 opens and stays; to 587 it is closed with TIMEOUT at once; to 465 a frame is
 * sent, and its coming back opens the session. Every job is taken and delivered; QUIT closes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/net/net.h"
#include "dataplane/tcp/tcp.h"

/* What a test may say itself; NULL: as above. */
struct fake_hooks {
	enum net_in (*input)(struct net *net, struct rte_mbuf *m, struct net_seg *seg,
	                     struct net_icmp *icmp);
	void (*told)(const struct net_word *word);
	/* Whether an engine, named by its landing_me, has a connection on that port. */
	bool (*has)(uint32_t me, uint16_t local_port);
	void (*took)(uint32_t me, uint16_t local_port);  /* a segment or error of one it has */
	void (*reset)(uint32_t me, uint16_t local_port); /* a segment that was nobody's */
};
extern struct fake_hooks fake_hooks;

/* How many frames net_input() got that net_output() had sent. Any thread. */
uint32_t fake_frames_back(void);

/* Calls of tcp_tick(). Any thread. */
uint32_t fake_ticks(void);

/* Calls of tcp_abort_all(). Any thread. */
uint32_t fake_aborts(void);

/* Probes of stale sessions asked for. Any thread. */
uint32_t fake_probes(void);
