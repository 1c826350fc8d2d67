/* tls_int.h - the engine and its connections, as the files of this room share them.
 *
 *	tls_start -> queued -> HANDSHAKE <-> queued, whenever bytes came -> SECURE
 *	                           |                                          |
 *	                           +---------------> FAILED <-----------------+
 */
#pragma once

#include <openssl/ssl.h>

#include "dataplane/base/pool.h"
#include "dataplane/tls/ticket.h"
#include "dataplane/tls/tls.h"
#include "dataplane/tls/tls_key.h"
#include "dataplane/tls/tls_open.h"
#include "dataplane/tls/tls_seal.h"

enum {
	TLS_RECORD_BYTES = SSL3_RT_MAX_PLAIN_LENGTH,
	TLS_OVERHEAD_BYTES = 128,     /* the most that a record adds: header, IV, MAC and padding */
	TLS_HELD_BYTES_MAX = 1 << 17, /* of a handshake that waits for its turn: more than OpenSSL's
	                               bound of a certificate list */
	TLS_SPILL_BYTES_MAX = 1 << 16, /* records that TCP had no room for */
	TLS_N_DEMANDS = TLS_CHECKED + 1,
};

enum tls_state { TLS_STATE_HANDSHAKE, TLS_STATE_SECURE, TLS_STATE_FAILED, TLS_STATE_CLOSED };

/* Bytes on their way between TCP and OpenSSL; from the heap, since most connections have none. */
struct tls_buf {
	uint8_t *at;
	uint32_t first, n, room; /* bytes [first, n) are still to be taken */
};

struct tls_conn {
	/* What a record touches, in either direction. */
	struct tls *tls;
	void *user;
	tcp_id tcp;
	uint32_t slot;
	uint8_t state;               /* enum tls_state */
	uint8_t demand;              /* enum tls_demand */
	uint8_t seal_type;           /* of the record that OpenSSL writes next */
	uint8_t n_empty;             /* records without text, in a row */
	bool is_queued, was_offered; /* a session to be resumed */
	bool is_opening;             /* records are opened here, not by OpenSSL */
	bool is_rekeyed;             /* the server has said that its key changes */
	bool is_message;             /* the last record held a handshake message, or a part */
	struct tls_buf held, spill;
	const struct tls_fault *fault; /* of a record; NULL: none */
	struct tls_key seal, open;

	SSL *ssl;
	struct span in; /* what OpenSSL may read now */
	struct ticket_key key;
	const char *why;              /* it failed; a text that lives for ever */
	struct tls_conn *prev, *next; /* in tls.queue */
};
static_assert(offsetof(struct tls_conn, ssl) == TLS_HOT_BYTES, "what is fetched ahead");

struct tls {
	struct tls_conf conf;
	struct tcp *tcp;
	uint64_t now_us;
	OSSL_LIB_CTX *lib;
	SSL_CTX *ctx[TLS_N_DEMANDS];
	BIO_METHOD *bio;
	struct tls_suites suites;
	struct pool conns;
	struct tickets tickets;
	struct tls_conn *first, *last; /* what waits for a step, oldest first */
	uint8_t in[TLS_HEADER_BYTES + TLS_RECORD_BYTES + 256]; /* plain text on its way up, a
	                                                          record with all there is to it */
	/* And down: what one connection has written and not yet flushed becomes one record. */
	struct tls_conn *writer; /* whose it is; NULL: nobody's */
	uint32_t n_out;
	uint8_t out[TLS_RECORD_BYTES];
};

/* tls_bio.c: OpenSSL reads c->in, and writes into TCP's segments or else into c->spill. */
BIO_METHOD *tls_bio_new(void);
bool tls_bio_can_seal(void);
bool tls_spill_is_empty(struct tls_conn *c);

/* Room for `bytes` more at the end, for the caller to fill and to count in `n`; NULL: there is
 * none. */
uint8_t *tls_buf_room(struct tls_buf *b, size_t bytes, size_t bytes_max);
bool tls_buf_add(struct tls_buf *b, const void *at, size_t bytes, size_t bytes_max);
void tls_buf_free(struct tls_buf *b);

/* tls.c: the queue of those that wait for a turn. */
void tls_enqueue(struct tls_conn *c);
void tls_dequeue(struct tls_conn *c);

/* tls_conn.c: what a connection has waited for. `c` may be gone after it. */
void tls_step(struct tls_conn *c, uint64_t now_us);
