/* server.h - a TLS server in memory, with certificates made on the spot.
 *
 * It takes what the client put on the wire and gives what goes back; no sockets, no files but the
 * one that holds the authority's certificate.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server;

struct server_conf {
	int version;         /* the only one it speaks: 0x0303 or 0x0304 */
	const char *name;    /* in its certificate, vouched for by the authority */
	const char *suites;  /* of that version; NULL: OpenSSL's */
	bool is_self_signed; /* nobody vouches for it */
	bool is_expired;     /* its certificate is */
	bool has_chain;      /* RSA-2048, and somebody between it and the authority */
};

/* The authority's certificate as a PEM file; it is removed at exit. */
const char *server_ca_file(void);

/* Tickets outlive a connection: server_again() begins the next one of the same server. */
struct server *server_new(const struct server_conf *conf);
void server_again(struct server *s);

/* Another connection of the same server, at once. */
struct server *server_beside(const struct server *s);
void server_free(struct server *s);

/* Bytes of the client; false when the server has ended the handshake or the connection. */
bool server_takes(struct server *s, const void *at, size_t bytes);

/* Takes the bytes that go back; at most `room`. */
size_t server_gives(struct server *s, void *at, size_t room);

/* Inside of a call here, for who counts memory. */
bool server_is_at_work(void);

bool server_is_secure(const struct server *s);
bool server_saw_goodbye(const struct server *s);
const char *server_sni(const struct server *s);

/* Plain text, what it has read since the last call, and what it says. */
size_t server_heard(struct server *s, void *at, size_t room);
void server_says(struct server *s, const void *at, size_t bytes);
void server_says_goodbye(struct server *s);

/* Asks for new keys, wanting an answer (TLS 1.3), or for a new handshake (TLS 1.2). */
void server_asks_again(struct server *s);
