/* tcp_flow.c - buckets of tags and values with two places for each hash. */
#include "dataplane/tcp/tcp_flow.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/pages.h"

enum {
	MAX_VALUES = 1 << 28,
	WALK_MAX = 64, /* moves an insert may cause */
};

static_assert(sizeof(struct tcp_flow_bucket) == 64, "a bucket is a cache line");

static uint16_t tag_of(uint64_t hash)
{
	uint16_t tag = (uint16_t)(hash >> 48);

	return tag != 0 ? tag : 1;
}

/* A number of 32 bits brought down to 0 .. n - 1 evenly. */
static uint32_t scale(uint32_t x, uint32_t n)
{
	return (uint32_t)((uint64_t)x * n >> 32);
}

static uint32_t first_of(const struct tcp_flow *f, uint64_t hash)
{
	return scale((uint32_t)hash, f->n_buckets);
}

/* The other bucket of a tag: both add up to a number that the tag gives, modulo the buckets. So of
 * the other again it is the first, and both are found from what a bucket holds: moving a value
 * needs no look at its owner. One tag in so many has but one bucket.
 */
static uint32_t other_of(const struct tcp_flow *f, uint32_t bucket, uint16_t tag)
{
	uint32_t sum = scale(tag * 0x9e3779b1u, f->n_buckets);

	return sum >= bucket ? sum - bucket : sum + f->n_buckets - bucket;
}

/* Buckets for a load of at most 0.85: no more of them than that, for they count in the bytes of
 * each connection.
 */
static uint32_t buckets_for(uint32_t max)
{
	return (uint32_t)((uint64_t)max * 20 / (17 * TCP_FLOW_SLOTS)) + 2;
}

uint64_t tcp_flow_memory_bytes(uint32_t max)
{
	return pages_bytes((uint64_t)buckets_for(max) * sizeof(struct tcp_flow_bucket));
}

int tcp_flow_init(struct tcp_flow *f, uint32_t max)
{
	memset(f, 0, sizeof(*f));
	if (max > MAX_VALUES)
		return -EINVAL;
	f->buckets = pages_get((uint64_t)buckets_for(max) * sizeof(struct tcp_flow_bucket));
	if (f->buckets == NULL)
		return -ENOMEM;
	f->n_buckets = buckets_for(max);
	f->max = max;
	return 0;
}

void tcp_flow_fini(struct tcp_flow *f)
{
	free(f->buckets);
	memset(f, 0, sizeof(*f));
}

static bool try_put(struct tcp_flow *f, uint32_t bucket, uint16_t tag, uint32_t value)
{
	struct tcp_flow_bucket *b = &f->buckets[bucket];

	for (unsigned i = 0; i < TCP_FLOW_SLOTS; i++) {
		if (b->tags[i] == 0) {
			b->tags[i] = tag;
			b->values[i] = value;
			return true;
		}
	}
	return false;
}

/* Makes room in a full bucket by moving one of its values whose other bucket has room. */
static bool try_make_room(struct tcp_flow *f, uint32_t bucket)
{
	struct tcp_flow_bucket *b = &f->buckets[bucket];

	for (unsigned i = 0; i < TCP_FLOW_SLOTS; i++) {
		if (try_put(f, other_of(f, bucket, b->tags[i]), b->tags[i], b->values[i])) {
			b->tags[i] = 0;
			return true;
		}
	}
	return false;
}

/* Pushes values along until one finds a free place. What is left without a place is returned in
 * (bucket, tag, value): not always what was to be put in.
 */
static bool try_walk(struct tcp_flow *f, uint32_t *bucket, uint16_t *tag, uint32_t *value)
{
	for (unsigned step = 0; step < WALK_MAX; step++) {
		struct tcp_flow_bucket *b = &f->buckets[*bucket];
		unsigned i = (step + *value) % TCP_FLOW_SLOTS;
		uint16_t out_tag = b->tags[i];
		uint32_t out_value = b->values[i];

		if (try_make_room(f, *bucket))
			return try_put(f, *bucket, *tag, *value);
		b->tags[i] = *tag;
		b->values[i] = *value;
		*tag = out_tag;
		*value = out_value;
		*bucket = other_of(f, *bucket, out_tag);
		if (try_put(f, *bucket, *tag, *value))
			return true;
	}
	return false;
}

bool tcp_flow_try_add(struct tcp_flow *f, uint64_t hash, uint32_t value)
{
	uint16_t tag = tag_of(hash);
	uint32_t bucket = first_of(f, hash);

	assert(value != TCP_FLOW_NONE);
	/* A spill place is kept free for the value that a walk may leave over. */
	if (f->n >= f->max || f->n_spilt == TCP_FLOW_OVERFLOW)
		return false;
	f->n++;
	if (try_put(f, bucket, tag, value) || try_put(f, other_of(f, bucket, tag), tag, value) ||
	    try_walk(f, &bucket, &tag, &value))
		return true;
	f->spilt[f->n_spilt++] = (struct tcp_flow_spill){ .tag = tag, .value = value };
	return true;
}

static bool try_take(struct tcp_flow *f, uint32_t bucket, uint16_t tag, uint32_t value)
{
	struct tcp_flow_bucket *b = &f->buckets[bucket];

	for (unsigned i = 0; i < TCP_FLOW_SLOTS; i++) {
		if (b->tags[i] == tag && b->values[i] == value) {
			b->tags[i] = 0;
			return true;
		}
	}
	return false;
}

void tcp_flow_del(struct tcp_flow *f, uint64_t hash, uint32_t value)
{
	uint16_t tag = tag_of(hash);
	uint32_t bucket = first_of(f, hash);

	f->n--;
	if (try_take(f, bucket, tag, value) || try_take(f, other_of(f, bucket, tag), tag, value))
		return;
	for (uint32_t i = 0; i < f->n_spilt; i++) {
		if (f->spilt[i].value == value) {
			f->spilt[i] = f->spilt[--f->n_spilt];
			return;
		}
	}
	assert(false); /* what is deleted was added */
}

uint32_t tcp_flow_next(const struct tcp_flow *f, struct tcp_flow_probe *p)
{
	uint16_t tag = tag_of(p->hash);

	while (p->at < 2 * TCP_FLOW_SLOTS) {
		uint32_t bucket = first_of(f, p->hash), i = p->at++ % TCP_FLOW_SLOTS;
		const struct tcp_flow_bucket *b;

		if (p->at > TCP_FLOW_SLOTS)
			bucket = other_of(f, bucket, tag);
		b = &f->buckets[bucket];
		if (b->tags[i] == tag)
			return b->values[i];
	}
	while (p->at - 2 * TCP_FLOW_SLOTS < f->n_spilt) {
		const struct tcp_flow_spill *s = &f->spilt[p->at++ - 2 * TCP_FLOW_SLOTS];

		if (s->tag == tag)
			return s->value;
	}
	return TCP_FLOW_NONE;
}
