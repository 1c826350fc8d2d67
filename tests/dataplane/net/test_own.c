/* test_own.c - own addresses are found, others are not, up to the sizes we promise. */
#include "dataplane/net/own.h"
#include "tests/support/suite.h"

enum { N = 1200 };

static struct own list[N];
static uint32_t slots[4096];

static struct ip_addr nth(uint32_t i, bool v4)
{
	struct ip_addr a = { .b = { 0x20, 0x01, 0x0d,
		                    0xb8, [14] = (uint8_t)(i >> 8), [15] = (uint8_t)i } };
	uint8_t b[4] = { 10, 0, (uint8_t)(i >> 8), (uint8_t)i };

	return v4 ? ip_from_v4(b) : a;
}

static struct own_set empty(uint32_t n)
{
	memset(slots, 0, sizeof(slots));
	return (struct own_set){ .list = list, .slots = slots, .mask = own_n_slots(n) - 1 };
}

static void twelve_hundred_addresses_of_both_families_are_found(void)
{
	struct own_set s = empty(N);

	CU_ASSERT_EQUAL(own_n_slots(N), 4096);
	for (uint32_t i = 0; i < N; i++) {
		struct ip_addr a = nth(i, i % 2);

		own_add(&s, &a);
	}
	CU_ASSERT_EQUAL(s.n, N);
	for (uint32_t i = 0; i < N; i++) {
		struct ip_addr a = nth(i, i % 2), other = nth(i, i % 2 == 0);

		CU_ASSERT_PTR_EQUAL(own_find(&s, &a), &list[i]);
		CU_ASSERT_PTR_NULL(own_find(&s, &other));
	}
}

static void an_address_named_twice_is_one(void)
{
	struct own_set s = empty(2);
	struct ip_addr a = nth(1, true);

	own_add(&s, &a);
	own_add(&s, &a);
	CU_ASSERT_EQUAL(s.n, 1);
}

static void neighbouring_addresses_do_not_pile_up(void)
{
	struct own_set s = empty(N);
	uint32_t longest = 0, run = 0;

	for (uint32_t i = 0; i < N; i++) {
		struct ip_addr a = nth(i, true);

		own_add(&s, &a);
	}
	for (uint32_t i = 0; i <= s.mask; i++) {
		run = slots[i] != 0 ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	CU_ASSERT(longest < 32); /* a random spread of 1200 in 4096 stays well under */
}

SUITE("dataplane/net/own", TEST(twelve_hundred_addresses_of_both_families_are_found),
      TEST(an_address_named_twice_is_one), TEST(neighbouring_addresses_do_not_pile_up))
