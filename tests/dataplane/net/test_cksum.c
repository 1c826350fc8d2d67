/* test_cksum.c - the Internet checksum of RFC 1071, against its own example and the plain way. */
#include "dataplane/net/cksum.h"
#include "tests/dataplane/net/sums.h"
#include "tests/support/suite.h"

#include <string.h>

/* As the two bytes stand in the packet. */
static uint32_t fold(const uint8_t *p, size_t n)
{
	uint16_t memory = cksum_fold(cksum_add(0, p, n));
	uint8_t b[2];

	memcpy(b, &memory, 2);
	return (uint32_t)b[0] << 8 | b[1];
}

static void the_example_of_the_rfc_gives_its_sum(void)
{
	static const uint8_t example[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	CU_ASSERT_EQUAL(fold(example, sizeof(example)), 0xddf2); /* RFC 1071 3 */
}

static void every_length_and_alignment_agrees_with_the_plain_way(void)
{
	uint8_t bytes[1600 + 8];
	uint32_t x = 1;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
	for (size_t at = 0; at < 8; at++) {
		for (size_t n = 0; n <= 1600; n++) {
			uint32_t got = fold(bytes + at, n), want = sum_bytes(0, bytes + at, n);

			if (got != want) {
				printf("\n    %zu bytes at %zu: got %x, want %x", n, at, got, want);
				CU_FAIL_FATAL("a sum differs");
			}
		}
	}
	CU_PASS("all lengths");
}

static void carries_survive_when_every_bit_is_set(void)
{
	static uint8_t ones[65536];

	memset(ones, 0xff, sizeof(ones));
	CU_ASSERT_EQUAL(fold(ones, sizeof(ones)), 0xffff);
	CU_ASSERT_EQUAL(fold(ones, 65535), sum_bytes(0, ones, 65535));
	CU_ASSERT_EQUAL(cksum_fold(UINT64_MAX), 0xffff);
}

static void a_sum_in_pieces_is_the_sum_of_the_whole(void)
{
	uint8_t bytes[101];
	uint64_t whole, pieces;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37);
	whole = cksum_add(0, bytes, sizeof(bytes));
	for (size_t cut = 0; cut <= sizeof(bytes); cut += 2) {
		pieces = cksum_add(cksum_add(0, bytes, cut), bytes + cut, sizeof(bytes) - cut);
		CU_ASSERT_EQUAL(cksum_fold(pieces), cksum_fold(whole));
	}
}

static void the_pseudo_header_is_addresses_protocol_and_length(void)
{
	uint8_t header[36] = { 0 };
	uint16_t got;

	for (int i = 0; i < 32; i++)
		header[i] = (uint8_t)(200 + i);
	header[33] = 6;
	header[34] = 0x05;
	header[35] = 0xb4;
	got = cksum_fold(cksum_pseudo(header, 32, 6, 1460));
	CU_ASSERT_EQUAL(got, cksum_fold(cksum_add(0, header, 36)));
	CU_ASSERT_EQUAL(sum_bytes(0, (uint8_t *)&got, 2), sum_bytes(0, header, 36));
}

static void data_with_its_checksum_sums_to_ones(void)
{
	uint8_t bytes[20] = { 0x45, 0, 0, 99, 1, 2, 3, 4, 64, 6 };

	cksum_put(bytes + 10, cksum_add(0, bytes, sizeof(bytes)));
	CU_ASSERT_EQUAL(cksum_fold(cksum_add(0, bytes, sizeof(bytes))), 0xffff);
	CU_ASSERT_EQUAL(sum_bytes(0, bytes, sizeof(bytes)), 0xffff);
}

SUITE("dataplane/net/cksum", TEST(the_example_of_the_rfc_gives_its_sum),
      TEST(every_length_and_alignment_agrees_with_the_plain_way),
      TEST(carries_survive_when_every_bit_is_set), TEST(a_sum_in_pieces_is_the_sum_of_the_whole),
      TEST(the_pseudo_header_is_addresses_protocol_and_length),
      TEST(data_with_its_checksum_sums_to_ones))
