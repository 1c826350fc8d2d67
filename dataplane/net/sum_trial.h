/* sum_trial.h - whether a device does the TCP checksums that it offers; of one port.
 *
 * Some do not (bonds, cards of hypervisors): what they send is dropped by everyone, and nothing
 * tells. So a device is believed when a peer has answered a SYN whose sum was left to it. Until
 * then every second SYN is, and all else is summed here; such a SYN sent again is summed here too,
 * and when only that is answered, for a few connections in a row, the sums stay ours.
 *
 * Thread  any worker of the port: an answer may come to another than the one that asked.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/addr.h"

enum {
	SUM_TRIAL_SYNS = 16,  /* left to the device and not answered */
	SUM_TRIAL_PROOFS = 3, /* connections against it that end the trial */
};

enum sum_verdict { SUM_ON_TRIAL, SUM_BELIEVED, SUM_DISBELIEVED };

/* All zero at first. */
struct sum_trial {
	_Atomic uint32_t verdict; /* enum sum_verdict */
	_Atomic uint32_t n_syns, n_proofs;
	_Atomic uint64_t syns[SUM_TRIAL_SYNS]; /* hash of the tuple, with a bit; 0: free */
};

/* A connection as its SYN names it; ports as they stand in the header. */
struct sum_tuple {
	const struct ip_addr *local, *remote;
	uint16_t lport, rport;
};

static inline enum sum_verdict sum_trial_verdict(const struct sum_trial *t)
{
	return (enum sum_verdict)atomic_load_explicit(&t->verdict, memory_order_relaxed);
}

/* A SYN leaves: true when its sum is left to the device. On trial only. */
bool sum_trial_asks(struct sum_trial *t, const struct sum_tuple *syn);

/* A peer has answered that SYN, whose tuple is as above. True when it was this answer that ended
 * the trial. On trial only.
 */
bool sum_trial_hears(struct sum_trial *t, const struct sum_tuple *syn);
