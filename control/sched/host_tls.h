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

/* Whether it did within hosts.tls. May read the disk: ask when it matters, after a handshake
 * failed.
 */
bool host_tls_is_known(struct sched *s, const struct ip_addr *addr);

/* Deletes what is older than hosts.tls; at start. */
void host_tls_prune(struct sched *s, int64_t now_s);
