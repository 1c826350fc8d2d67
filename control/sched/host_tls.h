/* host_tls.h - which hosts have completed TLS, remembered across restarts.
 *
 * In the store as a note "tls/<address>" whose value is the time, so that nobody who breaks
 * handshakes is rewarded with clear text by our restart, or by a full table of hosts.
 *
 * Owner   the scheduler.
 * Thread  control thread.
 */
#pragma once

#include "control/sched/sched_int.h"

/* A host completed TLS now. */
void host_tls_learn(struct sched *s, const struct ip_addr *addr);

/* Whether it did within hosts.tls. Reads the disk only when more hosts are known than memory holds.
 */
bool host_tls_is_known(struct sched *s, const struct ip_addr *addr);

/* Takes what the store has, and deletes what is older than hosts.tls; at start. */
void host_tls_load(struct sched *s);

/* What the store has of an address is deleted. Returns 1, 0: it has nothing, or -errno. */
int host_tls_forget(struct sched *s, const struct ip_addr *addr);
