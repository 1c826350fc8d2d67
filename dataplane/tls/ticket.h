/* ticket.h - sessions that a server lets us resume, newest per host; bounded, oldest go first.
 *
 * Owner   the engine (tls.c) of one worker.
 * Not     OpenSSL's own cache, which forgets by server, not by host.
 */
#pragma once

#include <stdint.h>

#include "dataplane/tls/tls.h"

struct ssl_session_st;

enum {
	TICKET_KEY_BYTES = 32, /* SHA-256: nobody can make two hosts share an entry */
	TICKET_AGE_MAX_S = 7200,
};

struct ticket_key {
	uint8_t b[TICKET_KEY_BYTES];
};

struct ticket {
	struct ticket_key key;
	struct ssl_session_st *session; /* NULL: free */
	uint64_t at_us;
};

struct tickets {
	struct ticket *all; /* `n` of them, in sets of TICKET_WAYS; NULL when n is 0 */
	uint32_t n;
};

/* Bytes for `n_max` tickets, rounded up to whole sets. Pure. */
uint64_t tickets_memory_bytes(uint32_t n_max);

/* Returns 0 or -ENOMEM. */
int tickets_init(struct tickets *t, uint32_t n_max);
void tickets_fini(struct tickets *t);

/* Names a peer: host, address and what was demanded of it, since a resumed session is not checked
 * again.
 */
struct ticket_key ticket_key_of(const struct tls_peer *peer);

/* The newest session of a peer, borrowed until the next call; NULL when there is none or it is
 * too old.
 */
struct ssl_session_st *tickets_find(struct tickets *t, const struct ticket_key *key,
                                    uint64_t now_us);

/* Takes over one reference of `session`. */
void tickets_add(struct tickets *t, const struct ticket_key *key, uint64_t now_us,
                 struct ssl_session_st *session);

/* A session that did not lead to a connection is not offered again. */
void tickets_del(struct tickets *t, const struct ticket_key *key);
