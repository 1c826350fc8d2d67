/* landing.h - which worker owns a connection, so that every worker can tell it from a segment.
 *
 *	local ports   first ........ split ......................... last
 *	owner         port modulo n  what the device's own hash says
 *
 * Below the split the port alone tells the owner: no knowledge of the device is needed, and replies
 * that land elsewhere are handed over. Above it the owner is the queue that a device with RSS
 *should choose: Toeplitz over addresses and ports with the key and the table that it was asked for.
 *Who owns a tuple never changes, whatever the device does later; what changes is only from where
 *new connections take their ports. So a connection in use is always found, with one hand-over at
 *most.
 *
 * A device's word is not believed: while trying, replies to ports below the split are compared with
 * each way in which devices are known to hash; the one that explains them is taken, or none.
 *
 * Thread  landing_init() before anyone else; the rest any worker of the port.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/addr.h"

enum {
	LANDING_QUEUES_MAX = 16,
	LANDING_KEY_MAX = 64,
	LANDING_TABLE_MAX = 4096,
	LANDING_TUPLE_MAX = 36,    /* bytes hashed: two IPv6 addresses and two ports */
	LANDING_TRIAL_TUPLES = 64, /* connections heard before a hash is believed */
};

/* How replies find their worker. */
enum landing_mode {
	LANDING_SINGLE,    /* there is one worker */
	LANDING_PARTITION, /* by port number */
	LANDING_TRIAL,     /* by port number, while the device's hash is compared with ours */
	LANDING_PREDICT,   /* the device brings them */
	LANDING_N_MODES
};

/* What differs between devices that all say "Toeplitz". */
enum {
	LANDING_KEY_REVERSED = 1, /* the key's bytes from last to first */
	LANDING_FROM_ONES = 2,    /* the hash begins at 0xffffffff */
	LANDING_N_VARIANTS = 4,
};

/* What a device says of its hashing, read back after its start. */
struct landing_rss {
	uint8_t key[LANDING_KEY_MAX];
	uint32_t key_bytes;
	uint16_t table[LANDING_TABLE_MAX]; /* queues */
	uint32_t table_size;               /* a power of two */
	bool v4, v6;                       /* TCP ports of that family are part of the hash */
};

/* A hash with its variant, as sums for each value of each byte: linear over XOR. */
struct landing_hash {
	uint32_t start;
	uint32_t by_byte[LANDING_TUPLE_MAX][256];
};

struct landing {
	_Atomic uint32_t mode; /* enum landing_mode */
	_Atomic bool has_hash; /* ports above the split have owners */
	uint32_t n_queues;
	uint32_t port_first, port_last, port_split;
	struct landing_rss rss;
	struct landing_hash hash;
	uint32_t variant; /* of `hash` */
	/* The trial: tuples heard, and how many each variant explains. */
	_Atomic uint64_t heard[LANDING_TRIAL_TUPLES * 16 / 64];
	_Atomic uint32_t n_heard, n_explained[LANDING_N_VARIANTS];
};

/* A tuple as the worker that owns it sees it; ports in host order. */
struct landing_tuple {
	const struct ip_addr *local, *remote;
	uint16_t lport, rport;
};

/* The Toeplitz hash of `bytes` bytes, from `start`; the key must have four bytes more. Pure. */
uint32_t landing_toeplitz(const uint8_t *key, uint32_t start, const uint8_t *data, uint32_t bytes);

/* Makes the sums of a variant; its hash of a segment that arrives for `t`. Pure. */
void landing_hash_init(struct landing_hash *h, const struct landing_rss *rss, unsigned variant);
uint32_t landing_hash_of(const struct landing_hash *h, const struct landing_tuple *t);

/* Whether anything can be foretold from `rss`: a key and a table for `n_queues`, both families that
 * are asked for.
 */
bool landing_rss_is_usable(const struct landing_rss *rss, uint32_t n_queues, bool v4, bool v6);

/* Begins with `n_queues` workers and local ports first .. last: SINGLE with one queue, TRIAL with
 * `rss` (copied; usable), PARTITION without (NULL).
 */
void landing_init(struct landing *l, uint32_t n_queues, uint16_t port_first, uint16_t port_last,
                  const struct landing_rss *rss);

static inline enum landing_mode landing_mode(const struct landing *l)
{
	return (enum landing_mode)atomic_load_explicit(&l->mode, memory_order_acquire);
}

/* The one worker that may hold a connection with this tuple. */
uint32_t landing_owner(const struct landing *l, const struct landing_tuple *t);

/* True when the port alone tells the owner. */
static inline bool landing_is_by_port(const struct landing *l, uint16_t lport)
{
	return lport < l->port_split;
}

/* A segment that an owner got from `queue`, not its peer's first, for a connection of its own.
 * `rss_hash` is the device's when `has_rss_hash`. Returns true when this one ended the trial.
 */
bool landing_hear(struct landing *l, const struct landing_tuple *t, uint32_t queue,
                  bool has_rss_hash, uint32_t rss_hash);

/* The device no longer keeps its word: new connections take ports below the split. True when it was
 * this call that said so.
 */
bool landing_give_up(struct landing *l);

const char *landing_mode_name(enum landing_mode mode);

/* Local ports of `me` towards one (remote, remote port): ranges in the order in which they should
 * be used, and the test for each port in them.
 */
struct landing_search {
	const struct landing *l;
	uint32_t me, sum; /* hash without the local port */
	const uint32_t *high, *low;
	uint32_t n_ranges;
	struct {
		uint32_t first, n;
	} ranges[2];
};

void landing_search_init(struct landing_search *s, const struct landing *l, uint32_t me,
                         const struct ip_addr *local, const struct ip_addr *remote, uint16_t rport);

static inline bool landing_search_has(const struct landing_search *s, uint16_t lport)
{
	uint32_t hash;

	if (landing_is_by_port(s->l, lport))
		return lport % s->l->n_queues == s->me;
	hash = s->sum ^ s->high[lport >> 8] ^ s->low[lport & 0xff];
	return s->l->rss.table[hash & (s->l->rss.table_size - 1)] == s->me;
}
