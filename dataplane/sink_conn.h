/* sink_conn.h - a connection of the sink: its session, and TLS between it and whoever carries it.
 *
 * Owner   the carrier (sink_kernel.c, sink_port.c); one thread.
 * Life    sink_conn_open() .. sink_conn_close(), within the life of the carrier's connection.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/smtp/sink.h"

struct tls_served;
struct tls_server;

/* What the carrier does with a connection of its own. */
struct sink_wire {
	size_t (*room)(void *carrier); /* octets that write() will take */
	void (*write)(void *carrier, struct span bytes);
	void (*flush)(void *carrier);
	void (*slow)(void *carrier, uint32_t bytes_per_s); /* reads so much from now on */
	/* The connection's state is OPEN no more; to be ended outside of any call of these. Once.
	 */
	void (*ended)(void *carrier);
};

/* What the connections of a sink share. */
struct sink_host {
	struct sink *sink;
	struct tls_server *tls; /* NULL: none */
	const struct sink_wire *wire;
	bool is_implicit; /* TLS from the first octet (RFC 8314 3) */
};

enum sink_conn_state { SINK_CONN_OPEN, SINK_CONN_CLOSE, SINK_CONN_RESET };

struct sink_conn {
	struct sink_host *host;
	void *carrier;
	struct sink_session *session; /* NULL: not open */
	struct tls_served *tls;       /* NULL: in the clear */
	uint64_t now_us;
	uint8_t state; /* enum sink_conn_state: what is wished of the carrier */
};

/* What the sessions of such connections speak through: sink_conf.below. */
extern const struct sink_below sink_conn_below;

/* Each of these may change conn->state, and so may sink_tick(): ended() tells. False: there is no
 * room.
 */
bool sink_conn_open(struct sink_conn *conn, struct sink_host *host, void *carrier,
                    const struct ip_addr *peer, const struct ip_addr *local, uint64_t now_us);
void sink_conn_received(struct sink_conn *conn, uint64_t now_us, struct span bytes);
void sink_conn_peer_closed(struct sink_conn *conn, uint64_t now_us);

/* The carrier cannot go on. */
void sink_conn_fail(struct sink_conn *conn);

/* Frees what is in it. */
void sink_conn_close(struct sink_conn *conn, uint64_t now_us);
