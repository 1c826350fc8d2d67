/* test_verp.c - an envelope sender names its recipient, and only ours does. */
#include <errno.h>

#include "control/bounce/verp.h"
#include "tests/support/suite.h"

static const uint8_t key[32] = { 1, 2, 3, 4 };

static void an_address_reads_back_as_what_it_was_made_of(void)
{
	static const struct {
		uint32_t campaign, row;
	} cases[] = { { 0, 0 }, { 1, 2 }, { 35, 36 }, { 7, 73411 }, { UINT32_MAX, UINT32_MAX } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char out[DP_ADDRESS_MAX];
		uint32_t campaign = 99, row = 99;
		size_t n = verp_encode(key, cases[i].campaign, cases[i].row, "b.x.test", out);

		CU_ASSERT_EQUAL(n, strlen(out));
		CU_ASSERT_EQUAL(verp_decode(key, span_str(out), &campaign, &row), 0);
		CU_ASSERT_EQUAL(campaign, cases[i].campaign);
		CU_ASSERT_EQUAL(row, cases[i].row);
		for (char *c = out; *c != '@'; c++)
			*c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
		CU_ASSERT_EQUAL(verp_decode(key, span_str(out), &campaign, &row), 0);
	}
}

static void the_longest_address_fits(void)
{
	char domain[256], out[DP_ADDRESS_MAX];

	memset(domain, 'd', 255);
	domain[255] = '\0';
	CU_ASSERT_TRUE(verp_encode(key, UINT32_MAX, UINT32_MAX, domain, out) < DP_ADDRESS_MAX);
}

static void the_mac_is_that_of_the_key_and_of_both_numbers(void)
{
	static const uint8_t other[32] = { 9 };
	char a[DP_ADDRESS_MAX], b[DP_ADDRESS_MAX];
	uint32_t campaign, row;

	/* HMAC-SHA256 of 00 00 00 07 00 00 00 2a, computed with another implementation. */
	verp_encode(key, 7, 42, "b.x.test", a);
	CU_ASSERT_STRING_EQUAL(a, "b+7.16.3yeoass9@b.x.test");
	CU_ASSERT_EQUAL(verp_decode(other, span_str(a), &campaign, &row), -EINVAL);
	verp_encode(key, 42, 7, "b.x.test", b);
	CU_ASSERT_NOT_EQUAL(strcmp(a + 7, b + 7), 0);
}

static void what_is_not_ours_is_refused(void)
{
	static const char *const cases[] = {
		"",
		"b",
		"b+",
		"b+1.2@b.x.test",
		"b+1.2.3@b.x.test",
		"b+1.2.00000000@b.x.test",
		"c+1.2.00000000@b.x.test",
		"b-1.2.00000000@b.x.test",
		"b+.2.00000000@b.x.test",
		"b+1..00000000@b.x.test",
		"b+zzzzzzz.2.00000000@b.x.test",
		"b+11111111.2.00000000@b.x.test",
		"b+1.2.zzzzzzzz@b.x.test",
		"b+1.2.000000000@b.x.test",
		"b+1.2.00000000",
		"b+1.2.00000000@",
		"b+1.2.3.4@b.x.test",
		"anna@x.test",
	};
	char ours[DP_ADDRESS_MAX];
	uint32_t campaign = 5, row = 6;
	size_t n;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CU_ASSERT_EQUAL(verp_decode(key, span_str(cases[i]), &campaign, &row), -EINVAL);
	n = verp_encode(key, 1, 2, "b.x.test", ours);
	for (size_t i = 0; i < n && ours[i] != '@'; i++) {
		char kept = ours[i];

		ours[i] = kept == '3' ? '4' : '3';
		CU_ASSERT_EQUAL(verp_decode(key, span_str(ours), &campaign, &row), -EINVAL);
		ours[i] = kept;
	}
	CU_ASSERT_EQUAL(campaign, 5);
	CU_ASSERT_EQUAL(row, 6);
}

SUITE("control/bounce/verp", TEST(an_address_reads_back_as_what_it_was_made_of),
      TEST(the_longest_address_fits), TEST(the_mac_is_that_of_the_key_and_of_both_numbers),
      TEST(what_is_not_ours_is_refused))
