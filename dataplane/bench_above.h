/* bench_above.h - a layer above TCP that does next to nothing, for measurements: it connects, sends
 * or closes as the other thread says, and counts.
 *
 * Owner   the worker, once it runs; what both threads touch is atomic.
 * Life    one in a process: the callbacks of tcp_ops know no other.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "dataplane/bench_tap.h"
#include "dataplane/dp_hook.h"

enum {
	BENCH_PAYLOAD_BYTES = 100,
	BENCH_PER_TURN = 32, /* connects or segments a turn: what arrives in a burst */
	BENCH_PORT = 25,
};

enum bench_job { BENCH_CONNECT, BENCH_SEND };

struct bench_above {
	struct worker_above door;
	struct tcp *tcp;
	struct bench_tap *tap; /* set before the worker starts */
	tcp_id *ids;           /* of connection i */
	uint32_t conns;
	struct ip_addr local;
	clockid_t cpu; /* the worker thread's */
	bool cpu_known;

	/* the other thread orders, the worker works it off */
	enum bench_job job;
	uint32_t first, round_conns; /* connections [first, first + round_conns), round by round */
	_Atomic uint32_t todo;       /* connects or segments left; written last */
	uint32_t at;
	_Atomic bool closes; /* a connection that opens is closed at once */

	/* the worker counts, the other thread reads */
	_Atomic uint32_t n_open, n_closed, n_failed;
	_Atomic uint64_t bytes;
};

/* Address of the peer of connection `i`. */
struct ip_addr bench_remote(uint32_t i);

/* Returns the one there is, for `conns` connections from `local`; NULL without memory. */
struct bench_above *bench_above_open(uint32_t conns, const struct ip_addr *local);
void bench_above_close(struct bench_above *a);

/* Orders `n` connects or segments, in rounds over [first, first + round_conns). */
void bench_above_order(struct bench_above *a, enum bench_job job, uint32_t first,
                       uint32_t round_conns, uint32_t n);
