/* tcp_sim.c - runs seeds of the simulation: tcp_sim FROM COUNT [-v]. Use scripts/sim. With -v and
 * one seed every segment is printed.
 *
 * Prints each failing seed; exit status 1 when there is one. A broken invariant ends the process,
 * and says at which seed.
 */
#include "tests/dataplane/tcp/sim.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char broken[64];

static void on_abort(int sig)
{
	(void)sig;
	if (write(STDOUT_FILENO, broken, strlen(broken)) < 0)
		_exit(2);
	_exit(1);
}

static void describe(const struct sim_path *p, const struct sim_result *r)
{
	printf("seed %" PRIu64 ": %s\n", p->seed, r->wrong[0] != '\0' ? r->wrong : "ok");
	printf("    %.3f s, %" PRIu64 " packets, resent %" PRIu64 "/%" PRIu64 ", timeouts %" PRIu64
	       "/%" PRIu64 ", got %u/%u of %u/%u\n",
	       (double)r->took_us / 1e6, r->packets, r->resent[0], r->resent[1], r->timeouts[0],
	       r->timeouts[1], r->received[1], r->received[0], p->bytes[0], p->bytes[1]);
	printf(
	    "    iss %08x loss %u dup %u late %u corrupt %u burst %u x %u us forged %u delay %u+%u"
	    " us rate %u kbit/s queue %u\n",
	    p->iss, p->loss, p->dup, p->late, p->corrupt, p->burst, p->burst_us, p->forged,
	    p->delay_us, p->late_us, p->kbit_s, p->queue_bytes);
	printf("    ecn %d/%d mark %u box %d%s tso %u/%u lazy %u\n", p->ecn[0], p->ecn[1], p->mark,
	       p->box, p->pacing ? " pacing" : "", p->tso_segs, p->tso_bytes, p->lazy);
	printf("    mtu %u hole %u%s pause %u window %u games %u starve %u stall %u%s%s%s%s%s abort"
	       " %u\n",
	       p->mtu_bytes, p->hole_bytes, p->hole_tells ? " (told)" : "", p->pause_ms,
	       p->rx_window_bytes, p->window_games, p->starve, p->stall,
	       p->no_sack ? " no-sack" : "", p->no_ts ? " no-ts" : "",
	       p->no_wscale ? " no-wscale" : "", p->few_buffers ? " few-buffers" : "",
	       p->reno ? " reno" : "", p->abort_ms);
}

int main(int argc, char **argv)
{
	uint64_t from = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 0, failed = 0;
	bool verbose = argc > 3;

	if (count == 0) {
		fprintf(stderr, "usage: tcp_sim FROM COUNT [-v]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	sim_init();
	signal(SIGABRT, on_abort);
	signal(SIGSEGV, on_abort);
	for (uint64_t seed = from; seed < from + count; seed++) {
		struct sim_path path = sim_draw(seed);
		struct sim_result result;

		path.trace = verbose && count == 1;
		snprintf(broken, sizeof(broken), "seed %" PRIu64 ": an invariant broke\n", seed);
		if (!sim_run(&path, &result) || verbose)
			describe(&path, &result);
		failed += result.wrong[0] != '\0';
	}
	printf("%" PRIu64 " seeds from %" PRIu64 ", %" PRIu64 " failed\n", count, from, failed);
	return failed != 0;
}
