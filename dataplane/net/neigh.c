/* neigh.c - neighbours: who has which MAC address, for ARP and ND alike. */
#include "dataplane/net/neigh.h"

#include <assert.h>
#include <string.h>

#include <rte_mbuf.h>

#include "dataplane/net/net_int.h"

#define S_US     1000000ull
#define FOR_EVER (1ull << 62)

enum ask { ASK_NOBODY, ASK_ALL, ASK_IT };

/* One row a state: what is done in it and what follows when its time is over. */
struct neigh_row {
	const char *name;
	uint64_t wait_us;    /* until the next try, or the end of the state */
	uint8_t tries_max;   /* requests; then the state ends */
	uint8_t ask;         /* whom */
	uint8_t next;        /* when it ends */
	uint8_t next_pinned; /* when it ends for a gateway, which is never given up */
	bool has_mac;        /* segments may leave */
	bool heard_confirms; /* a TCP segment heard lately is as good as an answer */
	bool may_be_evicted;
};

/* Times: RFC 4861 10 (RetransTimer, ReachableTime, DELAY_FIRST_PROBE_TIME, MAX_*_SOLICIT); one
 * request a second is also what RFC 1122 2.3.2.1 allows for ARP. FAILED and the 600 s are ours.
 */
/* clang-format off */
static const struct neigh_row rows[] = {
	/*                     name          wait        tries ask         next              next_pinned       mac    heard  evict */
	[NEIGH_FREE]       = { "free",       0,          0,    ASK_NOBODY, NEIGH_FREE,       NEIGH_FREE,       false, false, false },
	[NEIGH_INCOMPLETE] = { "incomplete", 1 * S_US,   3,    ASK_ALL,    NEIGH_FAILED,     NEIGH_FAILED,     false, false, false },
	[NEIGH_REACHABLE]  = { "reachable",  30 * S_US,  0,    ASK_NOBODY, NEIGH_STALE,      NEIGH_STALE,      true,  true,  true  },
	[NEIGH_STALE]      = { "stale",      600 * S_US, 0,    ASK_NOBODY, NEIGH_FREE,       NEIGH_STALE,      true,  false, true  },
	[NEIGH_DELAY]      = { "delay",      5 * S_US,   0,    ASK_NOBODY, NEIGH_PROBE,      NEIGH_PROBE,      true,  true,  true  },
	[NEIGH_PROBE]      = { "probe",      1 * S_US,   3,    ASK_IT,     NEIGH_INCOMPLETE, NEIGH_INCOMPLETE, true,  false, true  },
	[NEIGH_FAILED]     = { "failed",     3 * S_US,   0,    ASK_NOBODY, NEIGH_FREE,       NEIGH_INCOMPLETE, false, false, true  },
	[NEIGH_STATIC]     = { "static",     FOR_EVER,   0,    ASK_NOBODY, NEIGH_STATIC,     NEIGH_STATIC,     true,  false, false },
	[NEIGH_COPY]       = { "copy",       4 * S_US,   0,    ASK_NOBODY, NEIGH_COPY,       NEIGH_COPY,       true,  false, true  },
};
/* clang-format on */
static_assert(sizeof(rows) / sizeof(rows[0]) == NEIGH_N_STATES, "one row per state");

/* Hearing a station is a hint, not a proof: it may still send to us when it no longer takes what
 * we send. So it is asked at least this often.
 */
#define HEARD_MAX_US (300 * S_US)

const char *neigh_state_name(enum neigh_state state)
{
	return rows[state].name;
}

uint32_t neigh_n_buckets(uint32_t entries)
{
	uint32_t n = 16;

	while (n < entries && n < 1u << 31)
		n *= 2;
	return n;
}

void neigh_init(struct neigh_table *t)
{
	for (uint32_t i = 0; i <= t->bucket_mask; i++)
		t->buckets[i] = NEIGH_NONE;
	for (uint32_t i = 0; i < t->entries_max; i++)
		t->entries[i].next = i + 1 < t->entries_max ? i + 1 : NEIGH_NONE;
	t->free = 0;
}

uint32_t neigh_find(const struct neigh_table *t, const struct ip_addr *a)
{
	uint32_t i = t->buckets[ip_hash(a) & t->bucket_mask];

	while (i != NEIGH_NONE && !ip_eq(&t->entries[i].addr, a))
		i = t->entries[i].next;
	return i;
}

static bool is_pinned(const struct net *net, const struct neigh *n)
{
	return ip_eq(&n->addr, &net->gateway4) || ip_eq(&n->addr, &net->gateway6);
}

void neigh_fini(struct net *net)
{
	struct neigh_table *t = &net->neigh;

	for (uint32_t i = 0; i < t->entries_max; i++) {
		neigh_queue_drop(net, &t->entries[i]);
		t->entries[i].state = NEIGH_FREE;
	}
	neigh_init(t);
}

static void neigh_free(struct net *net, struct neigh *n)
{
	struct neigh_table *t = &net->neigh;
	uint32_t self = (uint32_t)(n - t->entries);
	uint32_t *at = &t->buckets[ip_hash(&n->addr) & t->bucket_mask];

	assert(n->queue == NULL); /* only states without a queue lead to FREE */
	while (*at != self)
		at = &t->entries[*at].next;
	*at = n->next;
	if (net->is_writer)
		share_del(net->share, &n->addr);
	n->state = NEIGH_FREE;
	n->next = t->free;
	t->free = self;
}

static void ask(struct net *net, struct neigh *n)
{
	const uint8_t *to = rows[n->state].ask == ASK_IT ? n->mac : NULL;

	n->tries++;
	if (!net->is_writer) /* that fails when the ring is full: the next try may not */
		net_tell(net, NET_WORD_RESOLVE, &n->addr, 0);
	else if (ip_is_v4(&n->addr))
		arp_ask(net, &n->addr, to);
	else
		nd_ask(net, &n->addr, to);
}

/* What the state means to the other workers of the port. */
static void publish(struct net *net, const struct neigh *n)
{
	if (rows[n->state].has_mac)
		share_put(net->share, &n->addr, SHARE_KNOWN, n->mac);
	else if (n->state == NEIGH_FAILED)
		share_put(net->share, &n->addr, SHARE_FAILED, NULL);
	else
		share_del(net->share, &n->addr);
}

void neigh_enter(struct net *net, uint64_t now_us, struct neigh *n, enum neigh_state state)
{
	if (state == NEIGH_FREE) {
		neigh_free(net, n);
		return;
	}
	net->neigh.n_waiting += (state == NEIGH_INCOMPLETE) - (n->state == NEIGH_INCOMPLETE);
	n->state = (uint8_t)state;
	n->tries = 0;
	n->deadline_us = now_us + rows[state].wait_us;
	if (net->is_writer)
		publish(net, n);
	if (state == NEIGH_FAILED) {
		if (net->is_writer)
			count(&net->counters->neighbour_failed);
		neigh_queue_drop(net, n);
	}
	if (rows[state].ask != ASK_NOBODY)
		ask(net, n);
}

static bool evict_one(struct net *net)
{
	struct neigh_table *t = &net->neigh;
	struct neigh *oldest = NULL;

	for (uint32_t i = 0; i < t->entries_max; i++) {
		struct neigh *n = &t->entries[i];

		if (rows[n->state].may_be_evicted && !is_pinned(net, n) &&
		    (oldest == NULL || n->used_us < oldest->used_us))
			oldest = n;
	}
	if (oldest != NULL)
		neigh_free(net, oldest);
	return oldest != NULL;
}

/* A free place, known by its address. */
static uint32_t add_entry(struct neigh_table *t, uint64_t now_us, const struct ip_addr *a)
{
	uint32_t i = t->free, *bucket = &t->buckets[ip_hash(a) & t->bucket_mask];

	t->free = t->entries[i].next;
	t->entries[i] = (struct neigh){ .addr = *a, .next = *bucket, .used_us = now_us };
	*bucket = i;
	return i;
}

void neigh_add_static(struct net *net, const struct ip_neighbour *from)
{
	struct neigh_table *t = &net->neigh;
	uint32_t i = neigh_find(t, &from->addr);

	if (i == NEIGH_NONE)
		i = add_entry(t, 0, &from->addr);
	memcpy(t->entries[i].mac, from->mac, 6);
	neigh_enter(net, 0, &t->entries[i], NEIGH_STATIC);
}

uint32_t neigh_get(struct net *net, uint64_t now_us, const struct ip_addr *a)
{
	struct neigh_table *t = &net->neigh;
	uint32_t i = neigh_find(t, a);

	if (i != NEIGH_NONE)
		return i;
	if (t->free == NEIGH_NONE && !evict_one(net))
		return NEIGH_NONE;
	i = add_entry(t, now_us, a);
	if (net->is_writer)
		neigh_enter(net, now_us, &t->entries[i], NEIGH_INCOMPLETE);
	else
		neigh_copy(net, now_us, &t->entries[i]);
	return i;
}

bool neigh_send(struct net *net, uint64_t now_us, struct neigh *n, struct rte_mbuf *m)
{
	n->used_us = now_us;
	if (rows[n->state].has_mac) {
		if (n->state == NEIGH_STALE)
			neigh_enter(net, now_us, n, NEIGH_DELAY); /* RFC 4861 7.3.3 */
		frame_send(net, m, n->mac, ip_is_v4(&n->addr) ? ETH_TYPE_IP4 : ETH_TYPE_IP6);
		return true;
	}
	if (n->state == NEIGH_FAILED) {
		count(&net->counters->neighbour_dropped);
		rte_pktmbuf_free(m);
		return false;
	}
	neigh_queue_put(net, n, m);
	return false;
}

void neigh_resolved(struct net *net, uint64_t now_us, struct neigh *n)
{
	struct rte_mbuf *m;

	while ((m = neigh_queue_take(n)) != NULL)
		neigh_send(net, now_us, n, m);
}

static void confirmed(struct net *net, uint64_t now_us, struct neigh *n)
{
	n->confirmed_us = now_us;
	neigh_enter(net, now_us, n, NEIGH_REACHABLE);
}

void neigh_learn(struct net *net, uint64_t now_us, const struct ip_addr *a, const uint8_t mac[6],
                 unsigned bits)
{
	uint32_t i = neigh_find(&net->neigh, a);
	struct neigh *n = i != NEIGH_NONE ? &net->neigh.entries[i] : NULL;
	bool differs;

	if (n == NULL || n->state == NEIGH_STATIC || (!rows[n->state].has_mac && mac == NULL))
		return;
	differs = mac != NULL && (!rows[n->state].has_mac || memcmp(mac, n->mac, 6) != 0);
	if (differs && rows[n->state].has_mac && (bits & NEIGH_OVERRIDE) == 0) {
		if (n->state == NEIGH_REACHABLE) /* RFC 4861 7.2.5, case I.a */
			neigh_enter(net, now_us, n, NEIGH_STALE);
		return;
	}
	if (differs)
		memcpy(n->mac, mac, 6);
	if (bits & NEIGH_SOLICITED)
		confirmed(net, now_us, n);
	else if (differs)
		neigh_enter(net, now_us, n, NEIGH_STALE);
	neigh_resolved(net, now_us, n);
}

static uint64_t mac_key(const uint8_t mac[6])
{
	uint64_t key = 0;

	memcpy(&key, mac, 6);
	return key;
}

static struct neigh_heard *heard_slot(struct neigh_table *t, uint64_t key)
{
	return &t->heard[(key * 0x9e3779b97f4a7c15u) >> 56];
}

void neigh_heard(struct neigh_table *t, uint64_t now_us, const uint8_t mac[6])
{
	uint64_t key = mac_key(mac);

	*heard_slot(t, key) = (struct neigh_heard){ .mac = key, .at_us = now_us };
}

/* RFC 4861 7.3.1 takes hints from the layers above; ours is a TCP segment that came from the
 * neighbour since the state began.
 */
static bool was_heard(struct net *net, uint64_t now_us, const struct neigh *n)
{
	const struct neigh_heard *h = heard_slot(&net->neigh, mac_key(n->mac));
	uint64_t since_us = n->deadline_us - rows[n->state].wait_us;

	return h->mac == mac_key(n->mac) && h->at_us > since_us &&
	       now_us - n->confirmed_us < HEARD_MAX_US;
}

void neigh_used(struct net *net, uint64_t now_us, const struct ip_addr *a)
{
	uint32_t i = neigh_get(net, now_us, a);
	struct neigh *n;

	if (i == NEIGH_NONE) {
		count(&net->counters->neighbour_full);
		return;
	}
	n = &net->neigh.entries[i];
	n->used_us = now_us;
	if (n->state == NEIGH_STALE)
		neigh_enter(net, now_us, n, NEIGH_DELAY); /* RFC 4861 7.3.3 */
}

void neigh_reached(struct net *net, uint64_t now_us, const struct ip_addr *a)
{
	uint32_t i;

	neigh_used(net, now_us, a);
	i = neigh_find(&net->neigh, a);
	if (i != NEIGH_NONE && rows[net->neigh.entries[i].state].has_mac)
		neigh_heard(&net->neigh, now_us, net->neigh.entries[i].mac);
}

/* A copy is kept while it is used. What the one that writes has to know of it is said once a
 * period: that the neighbour answers us, or that we send to it.
 */
static void copy_expired(struct net *net, uint64_t now_us, struct neigh *n)
{
	const struct neigh_heard *h = heard_slot(&net->neigh, mac_key(n->mac));
	uint64_t since_us = n->deadline_us - rows[n->state].wait_us;

	if (now_us - n->used_us >= rows[NEIGH_STALE].wait_us && !is_pinned(net, n)) {
		neigh_enter(net, now_us, n, NEIGH_FREE);
		return;
	}
	if (h->mac == mac_key(n->mac) && h->at_us > since_us)
		net_tell(net, NET_WORD_REACHED, &n->addr, 0);
	else if (n->used_us > since_us)
		net_tell(net, NET_WORD_RESOLVE, &n->addr, 0);
	neigh_enter(net, now_us, n, NEIGH_COPY);
}

static void expire(struct net *net, uint64_t now_us, struct neigh *n)
{
	const struct neigh_row *row = &rows[n->state];

	if (n->state == NEIGH_COPY)
		copy_expired(net, now_us, n);
	else if (row->heard_confirms && was_heard(net, now_us, n)) {
		neigh_enter(net, now_us, n, NEIGH_REACHABLE);
	} else if (n->tries < row->tries_max) {
		n->deadline_us = now_us + row->wait_us;
		ask(net, n);
	} else {
		neigh_enter(net, now_us, n, is_pinned(net, n) ? row->next_pinned : row->next);
	}
}

void neigh_tick(struct net *net, uint64_t now_us)
{
	struct neigh_table *t = &net->neigh;
	uint32_t n;

	if (!net->is_writer)
		neigh_copy_waiting(net, now_us);
	n = t->entries_max < NEIGH_TICK_ENTRIES ? t->entries_max : NEIGH_TICK_ENTRIES;

	for (; n > 0; n--) {
		struct neigh *e = &t->entries[t->cursor];

		if (++t->cursor == t->entries_max)
			t->cursor = 0;
		if (e->state != NEIGH_FREE && now_us >= e->deadline_us)
			expire(net, now_us, e);
	}
}
