#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/dataplane/tls/rig.h"

struct bench b;

const struct tcp_ops smtp_tcp_ops; /* what fake_tcp would tell; nobody here calls it */

static void on_secured(void *user, uint64_t now_us)
{
	(void)user, (void)now_us;
	CU_ASSERT_EQUAL(b.n_said, 0);
	b.n_secured++;
}

static void on_writable(void *user, uint64_t now_us)
{
	(void)user, (void)now_us;
	b.n_writable++;
}

static void on_received(void *user, uint64_t now_us, struct span bytes)
{
	(void)user, (void)now_us;
	if (bytes.bytes > sizeof(b.said) - b.n_said)
		abort();
	memcpy(b.said + b.n_said, bytes.at, bytes.bytes);
	b.n_said += bytes.bytes;
	if (b.stops) {
		tls_stop(b.conn);
		b.conn = NULL;
	}
}

static void on_peer_closed(void *user, uint64_t now_us)
{
	(void)user, (void)now_us;
	b.n_goodbyes++;
}

static void on_failed(void *user, uint64_t now_us, const char *why)
{
	(void)user, (void)now_us;
	b.n_failed++;
	snprintf(b.why, sizeof(b.why), "%s", why);
}

const struct tls_ops rig_ops = { .secured = on_secured,
	                         .writable = on_writable,
	                         .received = on_received,
	                         .peer_closed = on_peer_closed,
	                         .failed = on_failed };

void begin_with(const struct server_conf *server, uint32_t conns_max, uint32_t sessions_max)
{
	struct tls_conf conf = { .conns_max = conns_max,
		                 .sessions_max = sessions_max,
		                 .ca_file = server_ca_file(),
		                 .counters = &b.counters,
		                 .ops = &rig_ops };

	memset(&b, 0, sizeof(b));
	if (tls_open(&conf, &b.tcp, &b.tls, b.why) != 0)
		abort();
	b.server = server_new(server);
}

void begin(const struct server_conf *server)
{
	begin_with(server, 4, 8);
}

void connect_to(const char *host, enum tls_demand demand)
{
	struct tls_peer peer = { .host = host, .demand = demand };

	b.n_secured = b.n_writable = b.n_failed = b.n_goodbyes = 0;
	b.n_said = 0;
	if (tcp_connect(&b.tcp, NOW_US, NULL, NULL, 25, NULL, &b.id) != 0)
		abort();
	b.conn = tls_start(b.tls, &peer, b.id, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(b.conn);
	CU_ASSERT_EQUAL(b.tcp.conns[b.id].n_out, 0); /* only in its turn */
}

void end(void)
{
	if (b.conn != NULL)
		tls_stop(b.conn);
	tls_close(b.tls);
	server_free(b.server);
}

void to_server(void)
{
	struct fake_conn *c = &b.tcp.conns[b.id];

	(void)server_takes(b.server, c->out + c->n_seen, c->n_flushed - c->n_seen);
	c->n_seen = c->n_flushed;
}

bool to_client(size_t piece)
{
	static uint8_t bytes[SAID_MAX];
	size_t n = server_gives(b.server, bytes, sizeof(bytes));

	for (size_t at = 0; at < n && b.conn != NULL; at += piece)
		tls_received(b.conn, NOW_US, span_of(bytes + at, n - at < piece ? n - at : piece));
	return n > 0;
}

void talk_in(size_t piece)
{
	do {
		while (tls_turn(b.tls, NOW_US))
			continue;
		to_server();
	} while (to_client(piece));
}

void talk(void)
{
	talk_in(SAID_MAX);
}

size_t say(const void *at, size_t bytes)
{
	uint8_t *room_at;
	size_t room = tls_write_start(b.conn, NOW_US, &room_at);

	if (room > bytes)
		room = bytes;
	if (room > 0)
		memcpy(room_at, at, room);
	tls_write_done(b.conn, NOW_US, room);
	return room;
}

const struct server_conf tls12 = { .version = 0x0303, .name = "mx.y.test" };
const struct server_conf tls13 = { .version = 0x0304, .name = "mx.y.test" };
