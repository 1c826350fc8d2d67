/* tls.h - TLS between TCP and SMTP: the client side of one worker's encrypted connections.
 *
 * Owner   the worker; no other thread touches it, so no lock of OpenSSL's is ever waited for.
 * Thread  that worker; `now_us` is its monotonic clock, read once a turn.
 * Life    a connection: tls_start() .. tls_stop(), within the life of its TCP connection.
 * Not     whether to encrypt and what a failure means: SMTP and control decide.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/addr.h"
#include "dataplane/base/span.h"
#include "dataplane/counters.h"
#include "dataplane/tcp/tcp.h"

struct tls;
struct tls_conn;

enum {
	TLS_WHY_BYTES = 256, /* room for one line that says why something failed */
	TLS_SUITE_BYTES = 64,
	TLS_HOT_BYTES = 256, /* of a connection, from its beginning on: what a record touches */
};

/* What the layer above is told, from inside tls_received(), tls_finish() and tls_turn(). After
 * failed() the connection can only be stopped. Each call may stop it.
 */
struct tls_ops {
	/* The handshake is over. What came with its end is received next, and only then is there
	 * room to write: nobody can answer before being asked.
	 */
	void (*secured)(void *user, uint64_t now_us);
	void (*writable)(void *user, uint64_t now_us);
	void (*received)(void *user, uint64_t now_us, struct span bytes); /* valid in the call */
	void (*peer_closed)(void *user, uint64_t now_us); /* close_notify (RFC 8446 6.1) */
	void (*failed)(void *user, uint64_t now_us, const char *why);
};

struct tls_conf {
	uint32_t conns_max;
	uint32_t sessions_max; /* tickets kept, over all hosts; 0: none */
	const char *ca_file;   /* PEM: who may vouch for names; NULL: nobody */
	struct dp_counters *counters;
	const struct tls_ops *ops;
};

/* How much is asked of the server. */
enum tls_demand {
	TLS_ANY,     /* forward secrecy, TLS 1.2; AEAD preferred; any certificate */
	TLS_STRICT,  /* AEAD only; any certificate */
	TLS_CHECKED, /* AEAD only; a certificate of that name by somebody in ca_file */
};

struct tls_peer {
	const char *host; /* for SNI and the check of the name, A-labels; "": none */
	struct ip_addr addr;
	enum tls_demand demand;
};

/* What a handshake agreed on. */
struct tls_info {
	uint16_t version; /* as on the wire: 0x0303 is TLS 1.2, 0x0304 TLS 1.3 */
	bool is_resumed;
	char suite[TLS_SUITE_BYTES];
};

/* Bytes that tls_open() will allocate. What OpenSSL takes for a connection comes beside it from
 * the heap: 41 KiB during the handshake, 18 afterwards, 15 of a resumed session. Pure.
 */
uint64_t tls_memory_bytes(const struct tls_conf *conf);

/* Makes the engine. Returns 0, or -errno with one line in `why`: -EINVAL when ca_file
 * cannot be used.
 */
int tls_open(const struct tls_conf *conf, struct tcp *tcp, struct tls **out,
             char why[TLS_WHY_BYTES]);

/* All connections must be stopped. */
void tls_close(struct tls *tls);

/* Begins a handshake on an open TCP connection whose every received byte goes to tls_received()
 * from now on. It is told in tls_ops, never inside this call. NULL when there is no room.
 */
struct tls_conn *tls_start(struct tls *tls, const struct tls_peer *peer, tcp_id tcp, void *user);

/* Frees the connection; nothing is sent and nothing is told any more. */
void tls_stop(struct tls_conn *c);

/* Bytes that TCP received. `c` may be gone after it. */
void tls_received(struct tls_conn *c, uint64_t now_us, struct span bytes);

/* TCP's FIN came: takes what still waits, budget or not, since its last words may say why. `c` may
 * be gone after it.
 */
void tls_finish(struct tls_conn *c, uint64_t now_us);

/* Runs the handshake step that has waited longest: one, for a whole handshake's costs about as much
 * as everything else of a turn may. Call once a turn. True when more wait: the next turn should
 * come at once.
 */
bool tls_turn(struct tls *tls, uint64_t now_us);

/* As tcp_write_start() and tcp_write_done(): plain text is put where the former says and taken,
 * whole, by the latter. Pairs must not be interleaved. 0 when TCP has no room.
 */
size_t tls_write_start(struct tls_conn *c, uint64_t now_us, uint8_t **at);
void tls_write_done(struct tls_conn *c, uint64_t now_us, size_t bytes);

/* What was written becomes a record at once, and no plain copy of it is kept: for secrets. */
void tls_write_wipe(struct tls_conn *c, uint64_t now_us);

/* Hands TCP what it had no room for, and flushes it. */
void tls_flush(struct tls_conn *c, uint64_t now_us);

/* Says close_notify if the handshake is over; the caller closes TCP after it. Nothing may be
 * written and nothing is told any more.
 */
void tls_goodbye(struct tls_conn *c, uint64_t now_us);

/* Once secured. */
void tls_describe(const struct tls_conn *c, struct tls_info *info);
