/* test_tcp_wire.c - what is written reads the same; what is malformed is refused. */
#include "dataplane/tcp/tcp_wire.h"
#include "tests/support/suite.h"

static void what_is_written_reads_the_same(void)
{
	static const struct tcp_head cases[] = {
		{ .flags = TCP_ACK, .wscale = TCP_WSCALE_NONE },
		{ .flags = TCP_SYN,
		  .mss = 1460,
		  .wscale = 7,
		  .sack_ok = true,
		  .has_ts = true,
		  .ts_val = 5,
		  .ts_ecr = 6 },
		{ .flags = TCP_SYN, .mss = 536, .wscale = TCP_WSCALE_NONE, .sack_ok = true },
		{ .flags = TCP_SYN, .wscale = 0, .has_ts = true, .ts_val = UINT32_MAX },
		{ .flags = TCP_ACK | TCP_PSH,
		  .wscale = TCP_WSCALE_NONE,
		  .has_ts = true,
		  .n_sacks = 3,
		  .sacks = { { 1, 2 }, { 3, 4 }, { UINT32_MAX, 0 } } },
		{ .flags = TCP_ACK,
		  .wscale = TCP_WSCALE_NONE,
		  .n_sacks = 4,
		  .sacks = { { 1, 2 }, { 3, 4 }, { 5, 6 }, { 7, 8 } } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tcp_head h = cases[i], back;
		uint8_t wire[TCP_HEAD_BYTES_MAX + 3];
		struct span payload;
		unsigned n;

		h.seq = 0xdeadbeef;
		h.ack = 0x01020304;
		h.source_port = 65535;
		h.dest_port = 25;
		h.window = 513;
		n = tcp_head_bytes(&h);
		CU_ASSERT_TRUE_FATAL(n % 4 == 0 && n <= TCP_HEAD_BYTES_MAX);
		tcp_head_write(&h, wire);
		CU_ASSERT_TRUE_FATAL(tcp_head_read(span_of(wire, n + 3), &back, &payload));
		CU_ASSERT_EQUAL(payload.bytes, 3);
		CU_ASSERT_TRUE(back.seq == h.seq && back.ack == h.ack &&
		               back.source_port == h.source_port && back.dest_port == h.dest_port &&
		               back.window == h.window && back.flags == h.flags &&
		               back.mss == h.mss && back.wscale == h.wscale &&
		               back.sack_ok == h.sack_ok && back.has_ts == h.has_ts &&
		               back.ts_val == h.ts_val && back.ts_ecr == h.ts_ecr &&
		               back.n_sacks == h.n_sacks);
		CU_ASSERT_EQUAL(memcmp(back.sacks, h.sacks, sizeof(h.sacks[0]) * h.n_sacks), 0);
	}
}

static void options_are_read_as_their_rfcs_say(void)
{
	static const struct {
		const char *why;
		uint8_t flags;
		uint8_t opts[8];
		bool ok;
		uint16_t mss;
		uint8_t wscale;
	} cases[] = {
		/* clang-format off */
		{ "an unknown kind is passed over", TCP_SYN, { 77, 4, 0, 0, 2, 4, 5, 0xb4 }, true, 1460, 255 },
		{ "a shift above 14 is 14",         TCP_SYN, { 3, 3, 200, 0 },               true, 0, 14 },
		{ "an MSS outside of a SYN is not", TCP_ACK, { 2, 4, 5, 0xb4 },              true, 0, 255 },
		{ "an MSS of a wrong length is not",TCP_SYN, { 2, 3, 5, 1, 3, 3, 1, 0 },     true, 0, 1 },
		{ "nothing after the end counts",   TCP_SYN, { 0, 0, 0, 0, 2, 4, 5, 0xb4 },  true, 0, 255 },
		{ "a length of 0 leads nowhere",    TCP_SYN, { 2, 0, 0, 0 },                 false, 0, 0 },
		{ "a length beyond the header",     TCP_SYN, { 1, 1, 1, 1, 1, 1, 2, 4 },     false, 0, 0 },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t wire[28] = { [12] = 0x70, [13] = cases[i].flags };
		struct tcp_head h;
		struct span payload;
		bool ok;

		memcpy(wire + 20, cases[i].opts, 8);
		ok = tcp_head_read(span_of(wire, 28), &h, &payload);
		if (ok != cases[i].ok ||
		    (ok && (h.mss != cases[i].mss || h.wscale != cases[i].wscale)))
			printf("\n    %s: ok %d, mss %u, scale %u", cases[i].why, ok, h.mss,
			       h.wscale);
		CU_ASSERT_EQUAL(ok, cases[i].ok);
		CU_ASSERT_TRUE(!ok || (h.mss == cases[i].mss && h.wscale == cases[i].wscale));
	}
}

SUITE("dataplane/tcp/tcp_wire", TEST(what_is_written_reads_the_same),
      TEST(options_are_read_as_their_rfcs_say))
