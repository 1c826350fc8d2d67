/* ticket.c - sets of a few entries each, found by their keys' first bytes. */
#include "dataplane/tls/ticket.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdlib.h>

enum { TICKET_WAYS = 4 };

static uint32_t rounded(uint32_t n_max)
{
	return (n_max + TICKET_WAYS - 1) / TICKET_WAYS * TICKET_WAYS;
}

uint64_t tickets_memory_bytes(uint32_t n_max)
{
	return (uint64_t)rounded(n_max) * sizeof(struct ticket);
}

int tickets_init(struct tickets *t, uint32_t n_max)
{
	*t = (struct tickets){ .n = rounded(n_max) };
	if (t->n == 0)
		return 0;
	t->all = calloc(t->n, sizeof(*t->all));
	return t->all == NULL ? -ENOMEM : 0;
}

static void drop(struct ticket *e)
{
	SSL_SESSION_free(e->session);
	e->session = NULL;
}

void tickets_fini(struct tickets *t)
{
	for (uint32_t i = 0; t->all != NULL && i < t->n; i++)
		drop(&t->all[i]);
	free(t->all);
	t->all = NULL;
}

struct ticket_key ticket_key_of(const struct tls_peer *peer)
{
	uint8_t bytes[256 + sizeof(peer->addr.b) + 1];
	size_t n = strlen(peer->host);
	struct ticket_key key;

	assert(n < 256);
	memcpy(bytes, peer->addr.b, sizeof(peer->addr.b));
	bytes[sizeof(peer->addr.b)] = (uint8_t)peer->demand;
	memcpy(bytes + sizeof(peer->addr.b) + 1, peer->host, n);
	n += sizeof(peer->addr.b) + 1;
	if (EVP_Digest(bytes, n, key.b, NULL, EVP_sha256(), NULL) != 1)
		abort(); /* the default provider always has it */
	return key;
}

/* The set that a key belongs to. */
static struct ticket *set_of(const struct tickets *t, const struct ticket_key *key)
{
	uint64_t h;

	memcpy(&h, key->b, sizeof(h));
	return &t->all[h % (t->n / TICKET_WAYS) * TICKET_WAYS];
}

static struct ticket *find(const struct tickets *t, const struct ticket_key *key)
{
	struct ticket *set = t->n == 0 ? NULL : set_of(t, key);

	for (int i = 0; set != NULL && i < TICKET_WAYS; i++)
		if (set[i].session != NULL && memcmp(&set[i].key, key, sizeof(*key)) == 0)
			return &set[i];
	return NULL;
}

SSL_SESSION *tickets_find(struct tickets *t, const struct ticket_key *key, uint64_t now_us)
{
	struct ticket *e = find(t, key);

	if (e != NULL && now_us - e->at_us > (uint64_t)TICKET_AGE_MAX_S * 1000000)
		drop(e);
	return e == NULL ? NULL : e->session;
}

void tickets_add(struct tickets *t, const struct ticket_key *key, uint64_t now_us,
                 SSL_SESSION *session)
{
	struct ticket *e = find(t, key), *set;

	if (t->n == 0) {
		SSL_SESSION_free(session);
		return;
	}
	set = set_of(t, key);
	for (int i = 0; e == NULL && i < TICKET_WAYS; i++)
		if (set[i].session == NULL)
			e = &set[i];
	if (e == NULL) {
		e = set;
		for (int i = 1; i < TICKET_WAYS; i++)
			if (set[i].at_us < e->at_us)
				e = &set[i];
	}
	drop(e);
	*e = (struct ticket){ .key = *key, .session = session, .at_us = now_us };
}

void tickets_del(struct tickets *t, const struct ticket_key *key)
{
	struct ticket *e = find(t, key);

	if (e != NULL)
		drop(e);
}
