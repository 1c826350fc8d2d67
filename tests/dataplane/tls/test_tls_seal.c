/* test_tls_seal.c - records that are sealed in TCP's segments are those that any server reads. */
#include <stdlib.h>

#include "tests/dataplane/tls/rig.h"
#include "tests/support/suite.h"

enum { TEXT_BYTES = 40000, RECORD_BYTES = 16384 };

#define SUITE_OF(v, s)                                                                             \
	{                                                                                          \
		.version = v, .name = "mx.y.test", .suites = s                                     \
	}

static const struct {
	const char *why;
	struct server_conf server;
	bool in_place;
} suites[] = {
	/* clang-format off */
	{ "1.3 AES-128-GCM", SUITE_OF(0x0304, "TLS_AES_128_GCM_SHA256"), true },
	{ "1.3 AES-256-GCM", SUITE_OF(0x0304, "TLS_AES_256_GCM_SHA384"), true },
	{ "1.3 ChaCha20", SUITE_OF(0x0304, "TLS_CHACHA20_POLY1305_SHA256"), true },
	{ "1.2 AES-128-GCM", SUITE_OF(0x0303, "ECDHE-ECDSA-AES128-GCM-SHA256"), true },
	{ "1.2 AES-256-GCM", SUITE_OF(0x0303, "ECDHE-ECDSA-AES256-GCM-SHA384"), true },
	{ "1.2 ChaCha20", SUITE_OF(0x0303, "ECDHE-ECDSA-CHACHA20-POLY1305"), true },
	{ "1.2 AES-CBC", SUITE_OF(0x0303, "ECDHE-ECDSA-AES128-SHA256"), false },
	/* clang-format on */
};
enum { N_SUITES = sizeof(suites) / sizeof(suites[0]) };

static uint8_t text[TEXT_BYTES], heard[TEXT_BYTES];

static void write_text(void)
{
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 7 + i / 251);
}

static void begin_secure(const struct server_conf *server)
{
	write_text();
	begin(server);
	connect_to("mx.y.test", TLS_ANY);
	talk();
	CU_ASSERT_TRUE_FATAL(server_is_secure(b.server));
	CU_ASSERT_EQUAL_FATAL(b.n_secured, 1);
}

/* Says all of text[0..bytes) and hears it at the server. */
static bool passes(size_t bytes)
{
	size_t at = 0, n = 0;

	while (at < bytes && b.n_failed == 0)
		at += say(text + at, bytes - at);
	tls_flush(b.conn, NOW_US);
	talk();
	n = server_heard(b.server, heard, sizeof(heard));
	b.tcp.conns[b.id].n_out = b.tcp.conns[b.id].n_seen = b.tcp.conns[b.id].n_flushed = 0;
	b.tcp.conns[b.id].room = FAKE_OUT_BYTES;
	return n == bytes && memcmp(text, heard, n) == 0;
}

static void each_suite_seals_records_of_every_size_over_segments_of_any(void)
{
	static const size_t sizes[] = { 1,    2,    15,    16,    17,    31,    96,
		                        288,  1400, 1419,  1420,  1426,  1427,  1448,
		                        2048, 4095, 16383, 16384, 16385, 32768, 40000 };
	static const size_t segments[] = { 1, 5, 13, 16, 1448, 8948 };

	for (size_t i = 0; i < N_SUITES; i++) {
		begin_secure(&suites[i].server);
		CU_ASSERT_EQUAL(counter_read(&b.counters.tls_sealed_in_place), suites[i].in_place);
		for (size_t k = 0; k < sizeof(segments) / sizeof(segments[0]); k++) {
			b.tcp.conns[b.id].segment = segments[k];
			for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
				bool ok = passes(sizes[j]);

				if (!ok)
					printf("\n    %s: %zu bytes over segments of %zu",
					       suites[i].why, sizes[j], segments[k]);
				CU_ASSERT_TRUE(ok);
			}
		}
		server_says(b.server, "250 ok\r\n", 8);
		talk();
		CU_ASSERT_EQUAL(b.n_said, 8);
		CU_ASSERT_EQUAL(b.n_failed, 0);
		end();
	}
}

/* What TCP may have to send again is what it was when it was written. */
static void bytes_in_segments_do_not_change(void)
{
	static uint8_t before[FAKE_OUT_BYTES];

	for (size_t i = 0; i < N_SUITES; i++) {
		struct fake_conn *c;
		size_t n = 0;

		begin_secure(&suites[i].server);
		c = &b.tcp.conns[b.id];
		while (n < TEXT_BYTES) {
			size_t kept = c->n_out;

			memcpy(before, c->out, kept);
			n += say(text + n, TEXT_BYTES - n < 700 ? TEXT_BYTES - n : 700);
			tls_flush(b.conn, NOW_US);
			CU_ASSERT_EQUAL(memcmp(before, c->out, kept), 0);
		}
		talk();
		CU_ASSERT_EQUAL(server_heard(b.server, heard, sizeof(heard)), TEXT_BYTES);
		CU_ASSERT_EQUAL(memcmp(text, heard, TEXT_BYTES), 0);
		end();
	}
}

/* A few bytes of room, none, and room without buffers: no byte is lost, doubled or out of order. */
static void what_has_no_room_waits_whole(void)
{
	for (size_t i = 0; i < N_SUITES; i++) {
		struct fake_conn *c;
		size_t at = 0, n = 0;
		uint32_t turn;

		begin_secure(&suites[i].server);
		c = &b.tcp.conns[b.id];
		c->room = 0;
		for (turn = 0; n < TEXT_BYTES && turn < 100000 && b.n_failed == 0; turn++) {
			size_t left = TEXT_BYTES - at;

			c->room += turn % 300;
			at += say(text + at, left < 3000 ? left : 3000);
			b.tcp.no_buffers = turn % 5 == 4; /* when it is sealed */
			tls_flush(b.conn, NOW_US);
			b.tcp.no_buffers = false;
			talk();
			n += server_heard(b.server, heard + n, sizeof(heard) - n);
			c->n_out = c->n_seen = c->n_flushed = 0;
		}
		if (n != TEXT_BYTES)
			printf("\n    %s: %zu bytes in %u turns, %s", suites[i].why, n, turn,
			       b.why);
		CU_ASSERT_EQUAL(n, TEXT_BYTES);
		CU_ASSERT_EQUAL(memcmp(text, heard, TEXT_BYTES), 0);
		end();
	}
}

/* RFC 8446 4.6.3. Our answer is under the old key, what follows it under the new one, in front of
 * records of any size.
 */
static void keys_are_updated_as_often_as_the_server_asks(void)
{
	for (size_t i = 0; i < N_SUITES; i++) {
		if (suites[i].server.version != 0x0304)
			continue;
		begin_secure(&suites[i].server);
		for (int round = 0; round < 4; round++) {
			CU_ASSERT_TRUE(passes(3000));
			(void)say("half a line", 11); /* written, not yet flushed */
			server_asks_again(b.server);
			talk();
			tls_flush(b.conn, NOW_US);
			talk();
			CU_ASSERT_EQUAL(server_heard(b.server, heard, sizeof(heard)), 11);
			CU_ASSERT_EQUAL(memcmp(heard, "half a line", 11), 0);
			CU_ASSERT_TRUE(passes(TEXT_BYTES));
			server_says(b.server, "250 ok\r\n", 8);
			talk();
		}
		CU_ASSERT_EQUAL(b.n_said, 4 * 8);
		CU_ASSERT_EQUAL(b.n_failed, 0);
		tls_goodbye(b.conn, NOW_US);
		tls_flush(b.conn, NOW_US);
		to_server();
		CU_ASSERT_TRUE(server_saw_goodbye(b.server));
		end();
	}
}

/* Each question wants an answer, and TCP takes none: what waits is bounded, and so is the wait. */
static void questions_without_end_that_nobody_lets_us_answer_end_it(void)
{
	static uint8_t bytes[1 << 16];
	uint32_t n = 0;

	begin_secure(&tls13);
	b.tcp.conns[b.id].room = 0;
	for (; n < 20000 && b.n_failed == 0; n++) {
		size_t got;

		server_asks_again(b.server);
		got = server_gives(b.server, bytes, sizeof(bytes));
		tls_received(b.conn, NOW_US, span_of(bytes, got));
	}
	CU_ASSERT_EQUAL(b.n_failed, 1);
	CU_ASSERT_TRUE(n < 5000);
	CU_ASSERT_EQUAL(b.n_said, 0);
	end();
}

/* Alerts are records of their own type under the same key. */
static void goodbye_is_sealed_behind_what_was_written(void)
{
	for (size_t i = 0; i < N_SUITES; i++) {
		begin_secure(&suites[i].server);
		CU_ASSERT_EQUAL(say("QUIT\r\n", 6), 6);
		tls_goodbye(b.conn, NOW_US);
		tls_flush(b.conn, NOW_US);
		to_server();
		CU_ASSERT_EQUAL(server_heard(b.server, heard, sizeof(heard)), 6);
		CU_ASSERT_TRUE(server_saw_goodbye(b.server));
		end();
	}
}

/* What is written between two flushes leaves as one record: five bytes of header and no more. */
static void lines_of_one_flight_share_a_record(void)
{
	struct fake_conn *c;
	size_t before;

	begin_secure(&suites[0].server);
	c = &b.tcp.conns[b.id];
	before = c->n_out;
	for (int i = 0; i < 10; i++)
		CU_ASSERT_EQUAL(say("RCPT TO:<r@y.test>\r\n", 20), 20);
	CU_ASSERT_EQUAL(c->n_out, before);
	tls_flush(b.conn, NOW_US);
	CU_ASSERT_EQUAL(c->n_out - before, 5 + 200 + 1 + 16);
	talk();
	CU_ASSERT_EQUAL(server_heard(b.server, heard, sizeof(heard)), 200);
	end();
}

/* The place for unsealed bytes is one for all: who writes next seals what the last one left. */
static void connections_that_write_in_turn_do_not_mix(void)
{
	struct tls_conn *first;
	struct server *server;
	tcp_id id;

	begin_secure(&suites[0].server);
	first = b.conn, id = b.id, server = b.server;
	b.server = server_new(&suites[3].server);
	connect_to("mx.y.test", TLS_ANY);
	talk();
	for (int i = 0; i < 50; i++) {
		struct tls_conn *other = b.conn;

		CU_ASSERT_EQUAL(say("second\r\n", 8), 8);
		b.conn = first;
		CU_ASSERT_EQUAL(say("first\r\n", 7), 7);
		b.conn = other;
	}
	tls_flush(b.conn, NOW_US);
	tls_flush(first, NOW_US);
	talk();
	CU_ASSERT_EQUAL(server_heard(b.server, heard, sizeof(heard)), 400);
	CU_ASSERT_EQUAL(memcmp(heard, "second\r\nsecond\r\n", 16), 0);
	tls_stop(b.conn);
	server_free(b.server);
	b.conn = first, b.id = id, b.server = server;
	talk();
	CU_ASSERT_EQUAL(server_heard(b.server, heard, sizeof(heard)), 350);
	CU_ASSERT_EQUAL(memcmp(heard, "first\r\nfirst\r\n", 14), 0);
	end();
}

SUITE("dataplane/tls/tls_seal", TEST(each_suite_seals_records_of_every_size_over_segments_of_any),
      TEST(bytes_in_segments_do_not_change), TEST(what_has_no_room_waits_whole),
      TEST(keys_are_updated_as_often_as_the_server_asks),
      TEST(questions_without_end_that_nobody_lets_us_answer_end_it),
      TEST(goodbye_is_sealed_behind_what_was_written), TEST(lines_of_one_flight_share_a_record),
      TEST(connections_that_write_in_turn_do_not_mix))
