/* tls_server.h - the server side of TLS, for `posthaste sink` only: TLS 1.2 and 1.3, with a
 * certificate that is given or made at the start.
 *
 * Owner   one thread.
 * Life    a connection: tls_served_new() .. tls_served_free().
 * Not     a socket: bytes in, bytes out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/span.h"
#include "dataplane/tls/tls.h"

struct tls_server;
struct tls_served;

struct tls_server_conf {
	const char *cert_file; /* PEM: certificate and chain; NULL: made for `host` */
	const char *key_file;  /* PEM; NULL: in cert_file */
	const char *host;
	uint16_t version_min, version_max; /* as on the wire; 0: 0x0303 and 0x0304 */
	bool no_tickets;                   /* sessions cannot be resumed */
};

/* What a connection tells. send() must take all: who writes has asked for room before. */
struct tls_served_ops {
	void (*send)(void *user, struct span bytes);
	void (*secured)(void *user);
	void (*received)(void *user, struct span bytes);
};

/* Makes the server. Returns 0, or -errno with one line in `why`. */
int tls_server_open(const struct tls_server_conf *conf, struct tls_server **out,
                    char why[TLS_WHY_BYTES]);
void tls_server_close(struct tls_server *server);

/* Writes the certificate of the authority that vouches for a certificate made here. Returns 0, or
 * -errno: -ENOENT when the certificate was given.
 */
int tls_server_write_authority(const struct tls_server *server, const char *path);

/* NULL without memory. */
struct tls_served *tls_served_new(struct tls_server *server, const struct tls_served_ops *ops,
                                  void *user);
void tls_served_free(struct tls_served *c);

/* Bytes of the client; tells what they mean. False: TLS has failed or ended, an alert is sent. */
bool tls_served_take(struct tls_served *c, struct span bytes);

/* What is said leaves in as few records as servers make of it that buffer what they write: with
 * tls_served_flush(), or when it is much. False: TLS has failed.
 */
bool tls_served_say(struct tls_served *c, struct span bytes);
bool tls_served_flush(struct tls_served *c);

/* At most this leaves of what waits and so many bytes more. */
size_t tls_served_bytes(const struct tls_served *c, size_t plain_bytes);

/* close_notify (RFC 8446 6.1). */
void tls_served_goodbye(struct tls_served *c);

bool tls_served_is_secure(const struct tls_served *c);
