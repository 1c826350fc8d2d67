/* test_tls_open.c - records are opened as OpenSSL would open them, and what is none ends it. */
#include <stdlib.h>

#include "tests/dataplane/tls/craft.h"
#include "tests/dataplane/tls/rig.h"
#include "tests/support/suite.h"

enum {
	TEXT_BYTES = 40000,
	RECORD_BYTES = 16384,
	/* of a record (RFC 8446 5.1, 6) */
	CHANGE_CIPHER_SPEC = 20,
	ALERT = 21,
	HANDSHAKE = 22,
	TEXT = 23,
};

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
	{ "1.2 AES-128-GCM", SUITE_OF(0x0303, "ECDHE-ECDSA-AES128-GCM-SHA256"), true },
	{ "1.3 AES-256-GCM", SUITE_OF(0x0304, "TLS_AES_256_GCM_SHA384"), true },
	{ "1.3 ChaCha20", SUITE_OF(0x0304, "TLS_CHACHA20_POLY1305_SHA256"), true },
	{ "1.2 AES-256-GCM", SUITE_OF(0x0303, "ECDHE-ECDSA-AES256-GCM-SHA384"), true },
	{ "1.2 ChaCha20", SUITE_OF(0x0303, "ECDHE-ECDSA-CHACHA20-POLY1305"), true },
	{ "1.2 AES-CBC", SUITE_OF(0x0303, "ECDHE-ECDSA-AES128-SHA256"), false },
	/* clang-format on */
};
enum { N_SUITES = sizeof(suites) / sizeof(suites[0]), N_FIRST = 2 /* one of each version */ };

static uint8_t text[TEXT_BYTES], record[TEXT_BYTES + CRAFT_OVER_BYTES];

static void begin_secure(size_t suite, size_t piece)
{
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 7 + i / 251);
	begin(&suites[suite].server);
	connect_to("mx.y.test", TLS_ANY);
	talk_in(piece);
	CU_ASSERT_TRUE_FATAL(server_is_secure(b.server));
	CU_ASSERT_EQUAL_FATAL(b.n_secured, 1);
	CU_ASSERT_EQUAL(counter_read(&b.counters.tls_opened_in_place), suites[suite].in_place);
}

static void hand(const uint8_t *at, size_t bytes, size_t piece)
{
	for (size_t i = 0; i < bytes && b.conn != NULL && b.n_failed == 0; i += piece)
		tls_received(b.conn, NOW_US,
		             span_of(at + i, bytes - i < piece ? bytes - i : piece));
}

static void hand_crafted(uint8_t type, const void *at, size_t bytes, size_t zeros)
{
	hand(record, craft_record(b.conn, type, at, bytes, zeros, record), SAID_MAX);
}

/* What was written since the server looked: an alert that it takes for the end. */
static bool has_said_alert(void)
{
	struct fake_conn *c = &b.tcp.conns[b.id];

	return c->n_flushed > c->n_seen &&
	       !server_takes(b.server, c->out + c->n_seen, c->n_flushed - c->n_seen);
}

static void each_suite_opens_records_of_every_size_in_pieces_of_any(void)
{
	static const size_t sizes[] = { 1, 2, 15, 16, 17, 100, 1448, 4096, 16384, 16385, 40000 };
	static const size_t pieces[] = { 1, 6, 1448, SAID_MAX };

	for (size_t i = 0; i < N_SUITES; i++) {
		for (size_t k = 0; k < sizeof(pieces) / sizeof(pieces[0]); k++) {
			begin_secure(i, pieces[k]);
			for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
				bool ok;

				b.n_said = 0;
				server_says(b.server, text, sizes[j]);
				talk_in(pieces[k]);
				ok = b.n_said == sizes[j] && memcmp(b.said, text, sizes[j]) == 0;
				if (!ok)
					printf("\n    %s: %zu bytes in pieces of %zu: %s",
					       suites[i].why, sizes[j], pieces[k], b.why);
				CU_ASSERT_TRUE(ok);
			}
			CU_ASSERT_EQUAL(b.n_failed, 0);
			end();
		}
	}
}

/* Several in one piece, and parts of the next. */
static void records_that_come_together_are_opened_in_order(void)
{
	for (size_t i = 0; i < N_SUITES; i++) {
		for (size_t piece = 1; piece < 400; piece += 79) {
			begin_secure(i, SAID_MAX);
			for (size_t n = 0; n < 1000; n += 50)
				server_says(b.server, text + n, 50);
			talk_in(piece);
			CU_ASSERT_EQUAL(b.n_said, 1000);
			CU_ASSERT_EQUAL(memcmp(b.said, text, 1000), 0);
			server_says_goodbye(b.server);
			talk_in(piece);
			CU_ASSERT_EQUAL(b.n_goodbyes, 1);
			CU_ASSERT_EQUAL(b.n_failed, 0);
			end();
		}
	}
}

static void a_changed_record_is_never_text(void)
{
	static uint8_t bytes[SAID_MAX];

	for (size_t i = 0; i < N_FIRST; i++) {
		size_t n = 1;

		for (size_t at = 0; at < n; at += at < 8 ? 1 : 6) {
			begin_secure(i, SAID_MAX);
			server_says(b.server, "250 2.0.0 Ok\r\n", 14);
			n = server_gives(b.server, bytes, sizeof(bytes));
			bytes[at] ^= 1;
			hand(bytes, n, SAID_MAX);
			CU_ASSERT_EQUAL(b.n_said, 0);
			/* A changed length may wait for what never comes. */
			if (at != 3 && at != 4) {
				CU_ASSERT_EQUAL(b.n_failed, 1);
				CU_ASSERT_TRUE(has_said_alert());
			}
			if (at > 4)
				CU_ASSERT_STRING_EQUAL(b.why,
				                       "decryption failed or bad record mac");
			end();
		}
	}
}

static void a_record_again_or_out_of_order_ends_it(void)
{
	static uint8_t first[1000], second[1000];

	for (size_t i = 0; i < N_FIRST; i++) {
		for (int again = 0; again < 2; again++) {
			size_t n, m;

			begin_secure(i, SAID_MAX);
			server_says(b.server, "250 one\r\n", 9);
			n = server_gives(b.server, first, sizeof(first));
			server_says(b.server, "250 two\r\n", 9);
			m = server_gives(b.server, second, sizeof(second));
			if (again)
				hand(first, n, SAID_MAX);
			hand(again ? first : second, again ? n : m, SAID_MAX);
			CU_ASSERT_EQUAL(b.n_said, again ? 9 : 0);
			CU_ASSERT_EQUAL(b.n_failed, 1);
			CU_ASSERT_STRING_EQUAL(b.why, "decryption failed or bad record mac");
			end();
		}
	}
}

static void a_header_that_is_none_ends_it(void)
{
	static const struct {
		const char *why;
		size_t suite;
		uint8_t header[5];
		const char *want;
	} cases[] = {
		/* clang-format off */
		{ "a handshake in the clear", 0, { HANDSHAKE, 3, 3, 0, 40 }, "bad record type" },
		{ "an alert in the clear", 0, { ALERT, 3, 3, 0, 2 }, "bad record type" },
		{ "change_cipher_spec after the handshake", 0, { CHANGE_CIPHER_SPEC, 3, 3, 0, 1 }, "bad record type" },
		{ "another version", 0, { TEXT, 3, 1, 0, 40 }, "wrong version number" },
		{ "another version, 1.2", 1, { TEXT, 3, 2, 0, 60 }, "wrong version number" },
		{ "SMTP in the clear", 1, { '2', '5', '0', ' ', 'o' }, "wrong version number" },
		{ "longer than RFC 8446 5.2 allows", 0, { TEXT, 3, 3, 0x41, 1 }, "record too long" },
		{ "longer than RFC 5288 makes them", 1, { TEXT, 3, 3, 0x40, 25 }, "record too long" },
		{ "no room for a tag", 0, { TEXT, 3, 3, 0, 0 }, "decryption failed or bad record mac" },
		{ "no room for a nonce", 1, { TEXT, 3, 3, 0, 0 }, "decryption failed or bad record mac" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin_secure(cases[i].suite, SAID_MAX);
		hand(cases[i].header, sizeof(cases[i].header), 1);
		if (strcmp(b.why, cases[i].want) != 0)
			printf("\n    %s: got \"%s\", want \"%s\"", cases[i].why, b.why,
			       cases[i].want);
		CU_ASSERT_STRING_EQUAL(b.why, cases[i].want);
		CU_ASSERT_EQUAL(b.n_failed, 1);
		CU_ASSERT_TRUE(has_said_alert());
		end();
	}
}

static void what_a_record_holds_is_judged_as_openssl_judges_it(void)
{
	static const uint8_t fatal[] = { 2, 40 }, key_update[] = { 24, 0, 0, 1, 7 },
			     no_message[] = { 77, 0, 0, 0 };
	static const struct {
		const char *why;
		size_t suite;
		uint8_t type;
		const void *at;
		size_t bytes, zeros;
		const char *want; /* "": text */
	} cases[] = {
		/* clang-format off */
		{ "padded text", 0, TEXT, text, 100, 200, "" },
		{ "a full record, padded as far as it goes", 0, TEXT, text, RECORD_BYTES, 239, "" },
		{ "one byte too many", 0, TEXT, text, RECORD_BYTES + 1, 0, "record too long" },
		{ "an unknown type", 0, 99, text, 10, 0, "bad record type" },
		{ "nothing but zeros", 0, 0, text, 0, 20, "bad record type" },
		{ "change_cipher_spec, sealed", 0, CHANGE_CIPHER_SPEC, text, 1, 0, "bad record type" },
		{ "an unknown type, 1.2", 1, 99, text, 10, 0, "unexpected record" },
		{ "a fatal alert", 0, ALERT, fatal, 2, 0, "alert handshake failure" },
		{ "a fatal alert, 1.2", 1, ALERT, fatal, 2, 0, "alert handshake failure" },
		{ "an empty alert", 0, ALERT, fatal, 0, 0, "bad length" },
		{ "a message that is none", 0, HANDSHAKE, no_message, 4, 0, "unexpected message" },
		{ "new keys, said wrongly", 0, HANDSHAKE, key_update, 5, 0, "bad key update" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool is_text = cases[i].want[0] == '\0', ok;

		begin_secure(cases[i].suite, SAID_MAX);
		hand_crafted(cases[i].type, cases[i].at, cases[i].bytes, cases[i].zeros);
		ok = is_text
		         ? b.n_failed == 0 && b.n_said == cases[i].bytes
		         : b.n_failed == 1 && b.n_said == 0 && strstr(b.why, cases[i].want) != NULL;
		if (!ok)
			printf("\n    %s: got \"%s\", want \"%s\"", cases[i].why, b.why,
			       cases[i].want);
		CU_ASSERT_TRUE(ok);
		end();
	}
}

/* RFC 8446 5.1 */
static void text_between_parts_of_a_message_ends_it(void)
{
	static const uint8_t ticket[] = { 4, 0, 0, 21, 0, 0, 14, 16, 0, 0, 0, 1, 1 };

	for (size_t part = 1; part <= sizeof(ticket); part++) {
		begin_secure(0, SAID_MAX);
		hand_crafted(TEXT, text, 7, 0);
		CU_ASSERT_EQUAL(b.n_said, 7);
		hand_crafted(HANDSHAKE, ticket, part, 0);
		CU_ASSERT_EQUAL(b.n_failed, 0);
		hand_crafted(TEXT, text, 7, 0);
		if (b.n_failed != 1)
			printf("\n    behind %zu bytes", part);
		CU_ASSERT_EQUAL(b.n_failed, 1);
		CU_ASSERT_EQUAL(b.n_said, 7);
		end();
	}
}

static void a_few_empty_records_are_borne_and_a_flood_is_not(void)
{
	for (size_t i = 0; i < N_FIRST; i++) {
		begin_secure(i, SAID_MAX);
		for (int round = 0; round < 3; round++) {
			for (int k = 0; k < 32; k++)
				hand_crafted(TEXT, text, 0, 0);
			CU_ASSERT_EQUAL(b.n_failed, 0);
			hand_crafted(TEXT, text, 7, 0);
		}
		CU_ASSERT_EQUAL(b.n_said, 3 * 7);
		for (int k = 0; k < 33; k++)
			hand_crafted(TEXT, text, 0, 0);
		CU_ASSERT_EQUAL(b.n_failed, 1);
		CU_ASSERT_STRING_EQUAL(b.why, "too many empty records");
		end();
	}
}

/* The one who hears a record may end the connection, though the next has come already. */
static void a_connection_may_be_stopped_in_the_middle(void)
{
	for (size_t i = 0; i < N_SUITES; i++) {
		for (size_t piece = 7; piece < 200; piece += 96) {
			begin_secure(i, SAID_MAX);
			server_says(b.server, text, 20);
			server_says(b.server, text, 20);
			b.stops = true;
			(void)to_client(piece);
			CU_ASSERT_EQUAL(b.n_said, 20);
			CU_ASSERT_PTR_NULL(b.conn);
			end();
		}
	}
}

SUITE("dataplane/tls/tls_open", TEST(each_suite_opens_records_of_every_size_in_pieces_of_any),
      TEST(records_that_come_together_are_opened_in_order), TEST(a_changed_record_is_never_text),
      TEST(a_record_again_or_out_of_order_ends_it), TEST(a_header_that_is_none_ends_it),
      TEST(what_a_record_holds_is_judged_as_openssl_judges_it),
      TEST(text_between_parts_of_a_message_ends_it),
      TEST(a_few_empty_records_are_borne_and_a_flood_is_not),
      TEST(a_connection_may_be_stopped_in_the_middle))
