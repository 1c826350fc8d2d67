/* path.h - what a bad path does to a frame, decided from a seed and the frame's ordinal.
 *
 * A bottleneck with a drop-tail queue, then loss (random or in bursts), corruption, duplication,
 * delay and reordering. Only TCP is treated badly: a lost ARP would measure ARP. The same seed, the
 * same ordinal and the same options give the same fate, whatever the time.
 *
 * Owner   the relay, one for each direction.
 * Not     frames, devices, a clock: `now_ns` is an argument.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct path_conf {
	uint64_t delay_us;
	uint64_t reorder_us;  /* a frame that is reordered comes up to so much later */
	uint64_t rate_bps;    /* 0: no bottleneck */
	uint64_t queue_bytes; /* in front of the bottleneck; more is dropped */
	double loss, duplicate, corrupt, reorder; /* probabilities */
	double burst_in, burst_out; /* a burst, in which all is lost, begins and ends (Gilbert) */
};

struct path_counts {
	uint64_t frames, bytes, tcp;
	uint64_t lost, lost_in_bursts, queue_full, duplicated, corrupted, reordered;
	uint64_t queue_bytes_max;
};

struct path {
	struct path_conf conf;
	struct path_counts counts;
	uint64_t seed;
	uint64_t free_at_ns; /* when the bottleneck has sent what it holds */
	bool in_burst;
};

struct path_fate {
	unsigned n_copies;  /* 0: it is lost */
	uint64_t due_ns[2]; /* of each copy */
	size_t corrupt_at;  /* of the bytes after the IP header; corrupt_by 0: none */
	uint8_t corrupt_by; /* to be XORed: one byte never escapes a TCP checksum */
};

/* Reads "delay_us=25000,loss=0.01"; the names are the fields of struct path_conf. Returns 0, or
 * -EINVAL when a name or a number is none.
 */
int path_parse(const char *text, struct path_conf *conf);

void path_init(struct path *p, const struct path_conf *conf, uint64_t seed);

/* The fate of the next frame, of `bytes` with `tcp_bytes` of TCP in it (0: another protocol). */
void path_take(struct path *p, uint64_t now_ns, size_t bytes, size_t tcp_bytes,
               struct path_fate *fate);
