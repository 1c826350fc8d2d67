/* tls_open.h - opens records where TCP brings them.
 *
 * From the end of the handshake on records are opened here, and text goes up without OpenSSL's
 * record layer, which costs several thousand cycles each. What is no text - alerts, tickets, new
 * keys - is handed to OpenSSL as a kernel that does TLS would hand it over: opened, with its
 * header. Keys to read with OpenSSL offers for TLS 1.2 as it does those to write with; for TLS 1.3
 * (not in 3.0) they are made of the server's traffic secret, which it tells whoever would log it.
 *
 * Owner   the connection.
 */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/span.h"

struct tls_conn;

/* What the next record is. */
enum tls_opened {
	TLS_OPENED_NONE, /* not whole yet; what there is of it is kept */
	TLS_OPENED_TEXT,
	TLS_OPENED_OTHER, /* for OpenSSL: with its header */
	TLS_OPENED_BAD,   /* c->fault says why */
};

/* Why a record ends its connection; the alert that RFC 8446 6.2 names, and words. */
struct tls_fault {
	uint8_t alert;
	const char *why;
};

/* Has `ctx` tell of keys. */
void tls_open_watch(SSL_CTX *ctx);

/* The handshake is over: opens from here on, where the keys are known and OpenSSL has no part of a
 * record.
 */
void tls_open_begin(struct tls_conn *c);
void tls_open_end(struct tls_conn *c);

/* Opens the record that c->held begins with, or else `in`, which it takes from. `out` is valid
 * until the next call for any connection.
 */
enum tls_opened tls_open_next(struct tls_conn *c, struct span *in, struct span *out);
