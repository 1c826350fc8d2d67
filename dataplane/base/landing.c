/* landing.c - which worker owns a connection: port number or Toeplitz. */
#include "dataplane/base/landing.h"

#include <assert.h>
#include <string.h>

enum {
	V4_BYTES = 12, /* what is hashed: source, destination, source port, destination port */
	V6_BYTES = 36,
	TOEPLITZ_KEY_MORE = 4,
};

/* Each bit of the data that is one adds the 32 bits of the key that begin where it stands
 * (Microsoft's RSS specification, which all devices follow more or less).
 */
uint32_t landing_toeplitz(const uint8_t *key, uint32_t start, const uint8_t *data, uint32_t bytes)
{
	uint32_t hash = start;
	uint64_t window = 0;

	for (unsigned i = 0; i < TOEPLITZ_KEY_MORE; i++)
		window = window << 8 | key[i];
	for (uint32_t i = 0; i < bytes; i++) {
		window = window << 8 | key[i + TOEPLITZ_KEY_MORE];
		for (unsigned bit = 0; bit < 8; bit++)
			if (data[i] >> (7 - bit) & 1)
				hash ^= (uint32_t)(window >> (8 - bit));
	}
	return hash;
}

void landing_hash_init(struct landing_hash *h, const struct landing_rss *rss, unsigned variant)
{
	uint8_t key[LANDING_KEY_MAX + TOEPLITZ_KEY_MORE] = { 0 };

	for (uint32_t i = 0; i < rss->key_bytes; i++)
		key[i] = rss->key[variant & LANDING_KEY_REVERSED ? rss->key_bytes - 1 - i : i];
	h->start = variant & LANDING_FROM_ONES ? UINT32_MAX : 0;
	for (uint32_t at = 0; at < LANDING_TUPLE_MAX; at++)
		for (unsigned value = 0; value < 256; value++) {
			uint8_t byte = (uint8_t)value;

			h->by_byte[at][value] = landing_toeplitz(key + at, 0, &byte, 1);
		}
}

static uint32_t add(const struct landing_hash *h, uint32_t sum, uint32_t at, const uint8_t *data,
                    uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		sum ^= h->by_byte[at + i][data[i]];
	return sum;
}

uint32_t landing_hash_of(const struct landing_hash *h, const struct landing_tuple *t)
{
	uint8_t ports[4] = { (uint8_t)(t->rport >> 8), (uint8_t)t->rport, (uint8_t)(t->lport >> 8),
		             (uint8_t)t->lport };
	uint32_t from = ip_is_v4(t->local) ? 12 : 0, bytes = 16 - from;
	uint32_t sum = add(h, h->start, 0, t->remote->b + from, bytes);

	sum = add(h, sum, bytes, t->local->b + from, bytes);
	return add(h, sum, 2 * bytes, ports, sizeof(ports));
}

bool landing_rss_is_usable(const struct landing_rss *rss, uint32_t n_queues, bool v4, bool v6)
{
	uint32_t need = (v6 ? V6_BYTES : V4_BYTES) + TOEPLITZ_KEY_MORE;

	if (rss->key_bytes < need || rss->key_bytes > LANDING_KEY_MAX || rss->table_size == 0 ||
	    rss->table_size > LANDING_TABLE_MAX || (rss->table_size & (rss->table_size - 1)) != 0 ||
	    (v4 && !rss->v4) || (v6 && !rss->v6))
		return false;
	for (uint32_t i = 0; i < rss->table_size; i++)
		if (rss->table[i] >= n_queues)
			return false; /* nobody polls that queue */
	return true;
}

void landing_init(struct landing *l, uint32_t n_queues, uint16_t port_first, uint16_t port_last,
                  const struct landing_rss *rss)
{
	uint32_t n_ports = (uint32_t)port_last - port_first + 1;

	assert(n_queues >= 1 && n_queues <= LANDING_QUEUES_MAX && port_first <= port_last);
	memset(l, 0, sizeof(*l));
	l->n_queues = n_queues;
	l->port_first = port_first;
	l->port_last = port_last;
	l->port_split = (uint32_t)port_last + 1;
	if (n_queues == 1) {
		atomic_init(&l->mode, LANDING_SINGLE);
	} else if (rss == NULL) {
		atomic_init(&l->mode, LANDING_PARTITION);
	} else {
		l->rss = *rss;
		l->port_split = port_first + n_ports / 4;
		atomic_init(&l->mode, LANDING_TRIAL);
	}
}

static bool has_hash(const struct landing *l)
{
	return atomic_load_explicit(&l->has_hash, memory_order_acquire);
}

uint32_t landing_owner(const struct landing *l, const struct landing_tuple *t)
{
	/* Until there is a hash nobody has a port above the split: any answer is right. */
	if (landing_is_by_port(l, t->lport) || !has_hash(l))
		return t->lport % l->n_queues;
	return l->rss.table[landing_hash_of(&l->hash, t) & (l->rss.table_size - 1)];
}

static void add_range(struct landing_search *s, uint32_t first, uint32_t end)
{
	if (first >= end)
		return;
	s->ranges[s->n_ranges].first = first;
	s->ranges[s->n_ranges++].n = end - first;
}

void landing_search_init(struct landing_search *s, const struct landing *l, uint32_t me,
                         const struct ip_addr *local, const struct ip_addr *remote, uint16_t rport)
{
	struct landing_tuple t = { .local = local, .remote = remote, .rport = rport };
	uint32_t port_at = ip_is_v4(local) ? V4_BYTES - 2 : V6_BYTES - 2;
	bool above = has_hash(l), predicts = landing_mode(l) == LANDING_PREDICT;

	memset(s, 0, sizeof(*s));
	s->me = me;
	s->l = l;
	if (above) {
		s->sum = landing_hash_of(&l->hash, &t);
		s->high = l->hash.by_byte[port_at];
		s->low = l->hash.by_byte[port_at + 1];
	}
	if (above && predicts)
		add_range(s, l->port_split, l->port_last + 1);
	add_range(s, l->port_first, l->port_split);
	if (above && !predicts)
		add_range(s, l->port_split, l->port_last + 1);
}

const char *landing_mode_name(enum landing_mode mode)
{
	static const char *const names[LANDING_N_MODES] = {
		[LANDING_SINGLE] = "single queue",
		[LANDING_PARTITION] = "partitioned ports",
		[LANDING_TRIAL] = "partitioned ports, hash on trial",
		[LANDING_PREDICT] = "predicted",
	};

	return names[mode];
}
