/* sample.c - the sample is read once; rounds over it are timed by the TSC. */
#include "control/gate/sample.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

#include "control/gate/mail.h"
#include "control/gate/shipped.h"
#include "control/xalloc.h"

enum {
	ROUNDS = 9,
	ROUNDS_MOST = 109, /* where the machine does much else */
	PAUSE_NS = 10000000,
	ROUNDS_ALONE = 3,
};

static struct {
	struct mail *mails;
	uint64_t bytes;
} sample;

static void read_sample(void)
{
	sample.mails = xcalloc(shipped_mail_n, sizeof(*sample.mails));
	for (unsigned i = 0; i < shipped_mail_n; i++) {
		struct mail *m = &sample.mails[i];

		mail_read(span_of(shipped_mail_files[i], shipped_mail_sizes[i]), m);
		for (uint32_t t = 0; t < m->n; t++)
			sample.bytes += m->texts[t].bytes.bytes;
	}
}

static void get_sample(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, read_sample);
}

static uint32_t tenths(uint64_t cycles)
{
	return (uint32_t)(cycles * 10 / sample.bytes);
}

/* Scans each mail once; returns the sum of the best that each was seen to take. */
static uint64_t scan_all(struct gate *gate, uint32_t lane, uint64_t *best)
{
	struct gate_verdict v;
	uint64_t sum = 0;

	for (unsigned i = 0; i < shipped_mail_n; i++) {
		uint64_t began = __rdtsc(), took;

		gate_scan(gate, lane, 0, false, sample.mails[i].texts, sample.mails[i].n, &v);
		took = __rdtsc() - began;
		best[i] = took < best[i] ? took : best[i];
		sum += best[i];
	}
	return sum;
}

uint32_t sample_gate_cycles(struct gate *gate, uint32_t lane, uint32_t enough)
{
	struct timespec pause = { .tv_nsec = PAUSE_NS };
	uint64_t *best, sum = 0;

	get_sample();
	best = xcalloc(shipped_mail_n, sizeof(*best));
	memset(best, 0xff, shipped_mail_n * sizeof(*best));
	for (int r = 0; r < ROUNDS || (r < ROUNDS_MOST && tenths(sum) > enough); r++) {
		if (r >= ROUNDS)
			nanosleep(&pause, NULL);
		sum = scan_all(gate, lane, best);
	}
	free(best);
	return tenths(sum);
}

static bool on_match(void *ctx, uint32_t pattern, uint64_t end)
{
	(void)ctx, (void)pattern, (void)end;
	return true;
}

static uint32_t cycles_alone(const struct match_pattern *pattern)
{
	struct match_scratch *scratch;
	struct match_set *set;
	char why[MATCH_WHY_BYTES];
	uint64_t best = UINT64_MAX;
	uint32_t bad;

	if (match_compile(pattern, 1, &set, &bad, why) != 0)
		return 0;
	scratch = xcheck(match_scratch_new(set));
	for (int r = 0; r < ROUNDS_ALONE; r++) {
		uint64_t began = __rdtsc(), took;

		for (unsigned i = 0; i < shipped_mail_n; i++)
			for (uint32_t t = 0; t < sample.mails[i].n; t++) {
				const struct dp_text *x = &sample.mails[i].texts[t];
				const char *at = (const char *)x->bytes.at;
				uint32_t bytes = (uint32_t)x->bytes.bytes;

				match_scan(set, scratch, &at, &bytes, 1, on_match, NULL);
			}
		took = __rdtsc() - began;
		best = took < best ? took : best;
	}
	match_scratch_free(scratch);
	match_free(set);
	return tenths(best);
}

uint32_t sample_slowest(const struct match_pattern *patterns, uint32_t n,
                        uint32_t slowest[SAMPLE_SLOWEST], uint32_t cycles[SAMPLE_SLOWEST])
{
	uint32_t known = 0;

	get_sample();
	for (uint32_t i = 0; i < n; i++) {
		uint32_t cost = cycles_alone(&patterns[i]), at = known;

		while (at > 0 && cycles[at - 1] < cost)
			at--;
		if (at == SAMPLE_SLOWEST)
			continue;
		known += known < SAMPLE_SLOWEST;
		for (uint32_t k = known - 1; k > at; k--) {
			slowest[k] = slowest[k - 1];
			cycles[k] = cycles[k - 1];
		}
		slowest[at] = i;
		cycles[at] = cost;
	}
	return known;
}
