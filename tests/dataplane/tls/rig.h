/* rig.h - one client of ours, one server of OpenSSL's, and the bench that carries bytes between.
 *
 * TCP is the fake of dataplane/smtp. Everything is in `b`.
 */
#pragma once

#include "dataplane/tls/tls.h"
#include "tests/dataplane/smtp/fake_tcp.h"
#include "tests/dataplane/tls/server.h"

enum { SAID_MAX = 1 << 17, NOW_US = 5000000 };

struct bench {
	struct tcp tcp;
	struct tls *tls;
	struct tls_conn *conn;
	struct server *server;
	struct dp_counters counters;
	tcp_id id;
	uint32_t n_secured, n_writable, n_goodbyes, n_failed;
	bool stops; /* at the next byte received */
	char why[TLS_WHY_BYTES];
	size_t n_said;
	uint8_t said[SAID_MAX]; /* by the server */
};

extern struct bench b;
extern const struct tls_ops rig_ops;
extern const struct server_conf tls12, tls13; /* of mx.y.test */

void begin(const struct server_conf *server);
void begin_with(const struct server_conf *server, uint32_t conns_max, uint32_t sessions_max);
void connect_to(const char *host, enum tls_demand demand);
void end(void);

/* What the client has flushed goes to the server. */
void to_server(void);

/* What the server has for the client, in pieces of `piece`. True when there was something. */
bool to_client(size_t piece);

/* Both sides talk until nobody has anything to say; the server in pieces, or at once. */
void talk_in(size_t piece);
void talk(void);

/* Hands the client as much of the text as it takes now; what it took is returned. */
size_t say(const void *at, size_t bytes);
