/* sum_trial.c - whether a device does the TCP checksums that it offers. */
#include "dataplane/net/sum_trial.h"

#define SENT_AGAIN 1ull /* summed here the second time; the lowest bit of an entry */

/* FNV-1a, 64 bits. Who guesses it can at most have sums written by us that a device could write. */
static uint64_t key_of(const struct sum_tuple *t)
{
	const uint16_t ports[2] = { t->lport, t->rport };
	uint64_t h = 0xcbf29ce484222325;

	for (unsigned i = 0; i < 16; i++)
		h = (h ^ t->local->b[i]) * 0x100000001b3;
	for (unsigned i = 0; i < 16; i++)
		h = (h ^ t->remote->b[i]) * 0x100000001b3;
	for (unsigned i = 0; i < 2; i++)
		h = (h ^ ports[i]) * 0x100000001b3;
	return h | 2; /* never 0 */
}

/* Workers may write over each other's entries: then a SYN counts for nothing, which only makes the
 * trial longer.
 */
static uint64_t entry_get(const struct sum_trial *t, unsigned i)
{
	return atomic_load_explicit(&t->syns[i], memory_order_relaxed);
}

static void entry_put(struct sum_trial *t, unsigned i, uint64_t entry)
{
	atomic_store_explicit(&t->syns[i], entry, memory_order_relaxed);
}

static unsigned find(const struct sum_trial *t, uint64_t key)
{
	unsigned i = 0;

	while (i < SUM_TRIAL_SYNS && (entry_get(t, i) | SENT_AGAIN) != (key | SENT_AGAIN))
		i++;
	return i;
}

bool sum_trial_asks(struct sum_trial *t, const struct sum_tuple *syn)
{
	uint64_t key = key_of(syn) & ~SENT_AGAIN, old;
	unsigned i = find(t, key);
	uint32_t n;

	if (i < SUM_TRIAL_SYNS) {
		entry_put(t, i, key | SENT_AGAIN);
		return false;
	}
	n = atomic_fetch_add_explicit(&t->n_syns, 1, memory_order_relaxed);
	i = n / 2 % SUM_TRIAL_SYNS;
	old = entry_get(t, i);
	if (n % 2 != 0 || (old != 0 && !(old & SENT_AGAIN)))
		return false;
	entry_put(t, i, key);
	return true;
}

bool sum_trial_hears(struct sum_trial *t, const struct sum_tuple *syn)
{
	unsigned i = find(t, key_of(syn));
	uint32_t on_trial = SUM_ON_TRIAL;
	enum sum_verdict verdict = SUM_BELIEVED;
	uint64_t entry;

	if (i == SUM_TRIAL_SYNS)
		return false;
	entry = entry_get(t, i);
	entry_put(t, i, 0);
	if (entry & SENT_AGAIN) {
		if (atomic_fetch_add_explicit(&t->n_proofs, 1, memory_order_relaxed) + 1 <
		    SUM_TRIAL_PROOFS)
			return false;
		verdict = SUM_DISBELIEVED;
	}
	return atomic_compare_exchange_strong_explicit(&t->verdict, &on_trial, verdict,
	                                               memory_order_relaxed, memory_order_relaxed);
}
