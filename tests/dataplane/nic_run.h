/* nic_run.h - a port of several workers on a software card, mail hosts at the other end of its
 * wire, and some hundreds of sessions through it all, in one thread and in virtual time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/dp.h"
#include "tests/support/softnic.h"

struct nic_run {
	const char *why;
	enum dp_landing landing;
	uint32_t queues;
	struct softnic_conf nic; /* mac and pool are set here */
	uint32_t offloads_off;   /* as in dp_port_conf */
	uint32_t sessions;       /* in all; each sends one message */
	uint32_t at_once;
	uint32_t message_bytes;
	uint32_t narrow_bytes; /* the path's MTU, of which a router tells; 0: the port's */
	uint32_t link_up_ms;   /* the link comes then */
	uint32_t loss;         /* of a thousand frames, each way */
};

struct nic_result {
	char wrong[200]; /* "": every message arrived once, as it was, and nothing is left over */
	uint64_t took_ms;
	uint32_t delivered;
	uint64_t rst_sent;   /* by the workers and by the hosts */
	uint64_t wrong_core; /* rx_wrong_core */
	uint64_t handed;     /* handed_out */
	uint64_t black_holes, icmp_in, rto, bad_sums, cut, unfit;
	uint64_t missed, resent;
	uint64_t mode;                          /* gauge landing_mode, of worker 0 */
	uint64_t by_worker[SOFTNIC_QUEUES_MAX]; /* connections established */
};

/* Starts the environment; once a process. */
void nic_run_init(void);
void nic_run_fini(void);

/* One run. True when nothing is wrong. */
bool nic_run(const struct nic_run *run, struct nic_result *out);
