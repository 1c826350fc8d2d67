/* test_tls_memory.c - what an open connection keeps of the heap.
 *
 * OpenSSL's allocations are counted, apart from those of the server that lives in the same process.
 */
#include <openssl/crypto.h>
#include <stdlib.h>

#include "tests/dataplane/tls/rig.h"
#include "tests/support/suite.h"

enum {
	/* Of the 32 and 20 KiB that a session may take, one is for TCP and SMTP; the slots of
	 * tls_memory_bytes() and the allocator's own are another.
	 */
	FULL_BYTES_MAX = 30 << 10,
	RESUMED_BYTES_MAX = 18 << 10,
	N_CONNS = 20,
};

struct block {
	_Alignas(16) size_t bytes;
	bool is_ours;
	_Alignas(16) uint8_t at[];
};

static int64_t held_bytes; /* by the client's side */

/* What glibc takes for it. */
static int64_t footprint(size_t bytes)
{
	size_t whole = (bytes + 8 + 15) / 16 * 16;

	return (int64_t)(whole < 32 ? 32 : whole);
}

static void *grow(void *at, size_t bytes, const char *file, int line)
{
	struct block *old = at == NULL ? NULL : (struct block *)((uint8_t *)at - sizeof(*old));
	bool is_ours = old == NULL ? !server_is_at_work() : old->is_ours;
	struct block *block;

	(void)file, (void)line;
	if (old != NULL && is_ours)
		held_bytes -= footprint(old->bytes);
	if (bytes == 0) {
		free(old);
		return NULL;
	}
	block = realloc(old, sizeof(*block) + bytes);
	if (block == NULL)
		abort();
	block->is_ours = is_ours;
	block->bytes = bytes;
	if (is_ours)
		held_bytes += footprint(bytes);
	return block->at;
}

static void *take(size_t bytes, const char *file, int line)
{
	return grow(NULL, bytes, file, line);
}

static void give(void *at, const char *file, int line)
{
	(void)grow(at, 0, file, line);
}

/* A session that was opened and has heard a reply; it rests. */
static struct tls_conn *open_one(const char *host)
{
	struct tls_conn *c;

	b.tcp.conns[b.id].is_used = false;
	server_again(b.server);
	connect_to(host, TLS_STRICT);
	talk();
	CU_ASSERT_EQUAL(b.n_secured, 1);
	(void)say("EHLO x\r\n", 8);
	tls_flush(b.conn, NOW_US);
	talk();
	server_says(b.server, "250 ok\r\n", 8);
	talk();
	c = b.conn;
	b.conn = NULL;
	return c;
}

/* Bytes of one more connection, its tickets included; and of one that has said its hello. */
static int64_t bytes_of_one(const struct server_conf *server, bool resumed, int64_t *hello)
{
	struct tls_conn *conns[N_CONNS];
	int64_t before, bytes;
	char host[32];

	begin_with(server, N_CONNS + 1, 4 * N_CONNS);
	for (int i = 0; i < 2; i++) /* what is made once is made now */
		tls_stop(open_one("mx.y.test"));
	before = held_bytes;
	for (int i = 0; i < N_CONNS; i++) {
		snprintf(host, sizeof(host), "mx%d.y.test", i);
		conns[i] = open_one(resumed ? "mx.y.test" : host);
	}
	bytes = (held_bytes - before) / N_CONNS;
	CU_ASSERT_EQUAL(counter_read(&b.counters.tls_resumed), resumed ? N_CONNS + 1 : 1);
	for (int i = 0; i < N_CONNS; i++)
		tls_stop(conns[i]);
	before = held_bytes;
	b.tcp.conns[b.id].is_used = false;
	connect_to("mx.y.test", TLS_STRICT);
	(void)tls_turn(b.tls, NOW_US);
	*hello = held_bytes - before;
	end();
	return bytes;
}

static void an_open_connection_stays_within_its_bytes(void)
{
	static const struct {
		const char *why;
		struct server_conf server;
	} cases[] = {
		{ "TLS 1.3, RSA", { .version = 0x0304, .name = "mx.y.test", .has_chain = true } },
		{ "TLS 1.3, P-256", { .version = 0x0304, .name = "mx.y.test" } },
		{ "TLS 1.2, RSA", { .version = 0x0303, .name = "mx.y.test", .has_chain = true } },
	};

	CU_ASSERT_EQUAL_FATAL(CRYPTO_set_mem_functions(take, grow, give), 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t hello[2], full = bytes_of_one(&cases[i].server, false, &hello[0]);
		int64_t resumed = bytes_of_one(&cases[i].server, true, &hello[1]);

		printf("\n    %s: full %lld bytes, %lld behind its hello; resumed %lld, %lld",
		       cases[i].why, (long long)full, (long long)hello[0], (long long)resumed,
		       (long long)hello[1]);
		CU_ASSERT_TRUE(full < FULL_BYTES_MAX);
		CU_ASSERT_TRUE(resumed < RESUMED_BYTES_MAX);
	}
}

SUITE("dataplane/tls/tls_memory", TEST(an_open_connection_stays_within_its_bytes))
