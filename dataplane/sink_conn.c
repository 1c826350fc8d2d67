/* sink_conn.c - a connection of the sink: session, TLS, carrier. */
#include "dataplane/sink_conn.h"

#include "dataplane/counters.h"
#include "dataplane/tls/tls_server.h"

static void set_state(struct sink_conn *conn, enum sink_conn_state state)
{
	bool was_open = conn->state == SINK_CONN_OPEN;

	if (conn->state != SINK_CONN_RESET)
		conn->state = (uint8_t)state;
	if (was_open)
		conn->host->wire->ended(conn->carrier);
}

void sink_conn_fail(struct sink_conn *conn)
{
	set_state(conn, SINK_CONN_RESET);
}

/* ---- from the session down ---- */

static bool on_say(void *user, struct span bytes)
{
	struct sink_conn *conn = user;
	const struct sink_wire *wire = conn->host->wire;
	size_t need = conn->tls != NULL ? tls_served_bytes(conn->tls, bytes.bytes) : bytes.bytes;

	if (wire->room(conn->carrier) < need)
		return false;
	if (conn->tls == NULL)
		wire->write(conn->carrier, bytes);
	else if (!tls_served_say(conn->tls, bytes))
		sink_conn_fail(conn);
	return true;
}

static void flush(struct sink_conn *conn)
{
	if (conn->tls != NULL && !tls_served_flush(conn->tls))
		sink_conn_fail(conn);
	conn->host->wire->flush(conn->carrier);
}

static void on_flush(void *user)
{
	flush(user);
}

static void on_slow(void *user, uint32_t bytes_per_s)
{
	struct sink_conn *conn = user;

	conn->host->wire->slow(conn->carrier, bytes_per_s);
}

static void on_end(void *user, enum sink_end how)
{
	struct sink_conn *conn = user;

	if (how == SINK_END_CLOSE && conn->tls != NULL &&
	    conn->host->wire->room(conn->carrier) >= tls_served_bytes(conn->tls, 0)) {
		tls_served_goodbye(conn->tls);
		conn->host->wire->flush(conn->carrier);
	}
	set_state(conn, how == SINK_END_CLOSE ? SINK_CONN_CLOSE : SINK_CONN_RESET);
}

/* ---- TLS ---- */

static void on_send(void *user, struct span bytes)
{
	struct sink_conn *conn = user;

	if (conn->host->wire->room(conn->carrier) >= bytes.bytes)
		conn->host->wire->write(conn->carrier, bytes);
	else
		sink_conn_fail(conn); /* a handshake that the client does not read */
}

static void on_secured(void *user)
{
	struct sink_conn *conn = user;

	count(&sink_counts_mine(conn->host->sink)->tls_sessions);
	if (conn->host->is_implicit)
		sink_greet(conn->session, conn->now_us, true);
	else
		sink_secured(conn->session, conn->now_us);
}

static void on_received(void *user, struct span bytes)
{
	struct sink_conn *conn = user;

	if (conn->state == SINK_CONN_OPEN)
		sink_received(conn->session, conn->now_us, bytes);
}

static const struct tls_served_ops tls_ops = {
	.send = on_send,
	.secured = on_secured,
	.received = on_received,
};

static void begin_tls(struct sink_conn *conn)
{
	if (conn->host->tls != NULL)
		conn->tls = tls_served_new(conn->host->tls, &tls_ops, conn);
	if (conn->tls == NULL)
		sink_conn_fail(conn);
}

static void on_secure(void *user)
{
	struct sink_conn *conn = user;

	conn->host->wire->flush(conn->carrier); /* the 220 leaves in the clear */
	begin_tls(conn);
}

const struct sink_below sink_conn_below = {
	.say = on_say, .flush = on_flush, .secure = on_secure, .slow = on_slow, .end = on_end
};

/* ---- from the carrier up ---- */

bool sink_conn_open(struct sink_conn *conn, struct sink_host *host, void *carrier,
                    const struct ip_addr *peer, const struct ip_addr *local, uint64_t now_us)
{
	*conn = (struct sink_conn){ .host = host, .carrier = carrier, .now_us = now_us };
	conn->session = sink_begin(host->sink, now_us, peer, local, conn);
	if (conn->session == NULL)
		return false;
	if (host->is_implicit)
		begin_tls(conn);
	else
		sink_greet(conn->session, now_us, false);
	return true;
}

void sink_conn_received(struct sink_conn *conn, uint64_t now_us, struct span bytes)
{
	bool was_secure;

	conn->now_us = now_us;
	if (conn->state != SINK_CONN_OPEN)
		return;
	if (conn->tls == NULL) {
		sink_received(conn->session, now_us, bytes);
		return;
	}
	was_secure = tls_served_is_secure(conn->tls);
	if (!tls_served_take(conn->tls, bytes)) {
		if (!was_secure || conn->state == SINK_CONN_RESET)
			count(&sink_counts_mine(conn->host->sink)->tls_failed);
		if (conn->state == SINK_CONN_OPEN) /* an alert, or the client's goodbye */
			sink_peer_closed(conn->session, now_us);
		if (conn->state == SINK_CONN_OPEN && !was_secure)
			set_state(conn, SINK_CONN_CLOSE);
	}
	flush(conn);
}

void sink_conn_peer_closed(struct sink_conn *conn, uint64_t now_us)
{
	conn->now_us = now_us;
	if (conn->state == SINK_CONN_OPEN)
		sink_peer_closed(conn->session, now_us);
}

void sink_conn_close(struct sink_conn *conn, uint64_t now_us)
{
	if (conn->session != NULL)
		sink_finish(conn->session, now_us);
	if (conn->tls != NULL)
		tls_served_free(conn->tls);
	conn->session = NULL;
	conn->tls = NULL;
}
