/* test_span.c - reading foreign bytes never goes past their end. */
#include "dataplane/base/span.h"
#include "tests/support/suite.h"

static void a_reader_takes_from_the_front_in_network_order(void)
{
	static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7 };
	struct span s = span_of(bytes, sizeof(bytes));
	uint8_t a;
	uint16_t b;
	uint32_t c;

	CU_ASSERT_TRUE(span_take_u8(&s, &a));
	CU_ASSERT_TRUE(span_take_u16(&s, &b));
	CU_ASSERT_TRUE(span_take_u32(&s, &c));
	CU_ASSERT_EQUAL(a, 1);
	CU_ASSERT_EQUAL(b, 0x0203);
	CU_ASSERT_EQUAL(c, 0x04050607);
	CU_ASSERT_EQUAL(s.bytes, 0);
}

static void a_reader_that_finds_too_few_bytes_changes_nothing(void)
{
	static const uint8_t bytes[] = { 1, 2, 3 };
	struct span s = span_of(bytes, sizeof(bytes)), part = { 0 };
	uint32_t c = 99;

	CU_ASSERT_FALSE(span_take_u32(&s, &c));
	CU_ASSERT_FALSE(span_take(&s, 4, &part));
	CU_ASSERT_FALSE(span_take(&s, SIZE_MAX, &part));
	CU_ASSERT_EQUAL(c, 99);
	CU_ASSERT_EQUAL(s.bytes, 3);
	CU_ASSERT_PTR_NULL(part.at);
}

static void empty_spans_are_equal_wherever_they_point(void)
{
	CU_ASSERT_TRUE(span_eq(span_of(NULL, 0), span_of("x", 0)));
	CU_ASSERT_FALSE(span_eq(span_str("ab"), span_str("ac")));
	CU_ASSERT_FALSE(span_eq(span_str("ab"), span_str("abc")));
}

SUITE("dataplane/base/span", TEST(a_reader_takes_from_the_front_in_network_order),
      TEST(a_reader_that_finds_too_few_bytes_changes_nothing),
      TEST(empty_spans_are_equal_wherever_they_point))
