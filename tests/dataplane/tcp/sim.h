/* sim.h - two engines joined by a bad wire, in virtual time: a run is a pure function of its path.
 *
 * The simulation stands in for dataplane/net: linking it replaces net_route() and net_output(). One
 * end listens, the other opens. After every event both engines' invariants are checked.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/counters.h"

/* What boxes that know no ECN do to those who ask for it (RFC 3168 6.1.1.1). */
enum sim_box {
	SIM_BOX_NONE,
	SIM_BOX_CLEARS,   /* the bits of SYNs are cleared */
	SIM_BOX_REFLECTS, /* a SYN-ACK comes with both */
	SIM_BOX_DROPS,    /* a SYN with both is lost */
	SIM_BOX_REFUSES,  /* ... or answered with RST */
	SIM_N_BOXES
};

/* What the wire and the two ends do. Chances are per thousand packets. */
struct sim_path {
	const char *why;
	uint64_t seed;
	uint32_t iss;                      /* of both ends */
	uint32_t loss, dup, late, corrupt; /* chances */
	uint32_t burst, burst_us;          /* chance that all is lost for up to so long */
	uint32_t forged;                   /* chance of a forged segment or ICMP error beside it */
	uint32_t delay_us, late_us;        /* one way; up to so much more for a late one */
	uint32_t kbit_s, queue_bytes;      /* bottleneck with a drop-tail queue; 0: none */
	uint16_t mtu_bytes;                /* of both ends' links; 0: 1500 */
	uint16_t hole_bytes;               /* larger IP packets vanish inside; 0: none do */
	bool hole_tells;                   /* ... and the sender is told by ICMP */
	uint32_t bytes[2];                 /* that each end writes */
	uint32_t pause_ms;                 /* the writers rest up to so long between chunks */
	uint32_t rx_window_bytes;
	uint32_t window_games;          /* chance that a packet begins a lie about the window */
	uint32_t starve;                /* chance that a packet begins a shortage of buffers */
	uint32_t stall;                 /* chance that a packet finds its end not running */
	bool no_sack, no_ts, no_wscale; /* taken out of the SYNs */
	bool few_buffers;
	bool ecn[2]; /* each end's option */
	enum sim_box box;
	uint32_t mark; /* chance that a packet that may be marked is */
	bool pacing;
	uint16_t tso_segs; /* both ends' devices cut packets of so many mbufs; 0: they do not */
	uint32_t tso_bytes;
	uint32_t lazy;     /* packets that a device holds until others come; 63 at most */
	bool reno;         /* NewReno in place of CUBIC */
	bool trace;        /* print every segment */
	uint32_t abort_ms; /* the opener aborts then; 0: never */
};

/* What a run may meet, counted by the engines of both ends. */
#define SIM_SEEN                                                                                   \
	SEEN(tcp_established)                                                                      \
	SEEN(tcp_retransmits)                                                                      \
	SEEN(tcp_rto)                                                                              \
	SEEN(tcp_probes)                                                                           \
	SEEN(tcp_undone)                                                                           \
	SEEN(tcp_black_holes)                                                                      \
	SEEN(tcp_out_of_window)                                                                    \
	SEEN(tcp_challenge_acks)                                                                   \
	SEEN(tcp_rst_in)                                                                           \
	SEEN(tcp_ecn_agreed)                                                                       \
	SEEN(tcp_ecn_fallbacks)                                                                    \
	SEEN(tcp_ecn_marks_in)                                                                     \
	SEEN(tcp_ecn_reduced)                                                                      \
	SEEN(tcp_paced)                                                                            \
	SEEN(tcp_tso)                                                                              \
	SEEN(no_buffer)

struct sim_seen {
#define SEEN(counter) uint64_t counter;
	SIM_SEEN
#undef SEEN
};

struct sim_result {
	char wrong[160]; /* "": all held */
	uint64_t took_us;
	uint32_t received[2];
	uint64_t packets, resent[2], timeouts[2];
	int why[2];
	struct sim_seen seen;
};

/* Starts the environment; once a process. */
void sim_init(void);

/* A path with all kinds of trouble, drawn from the seed. */
struct sim_path sim_draw(uint64_t seed);

/* One connection from SYN to the end. True when every byte arrived once, in order, both ends closed
 * and no buffer was lost; else `wrong` says what did not hold. A broken invariant aborts.
 */
bool sim_run(const struct sim_path *path, struct sim_result *out);
