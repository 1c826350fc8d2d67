/* test_tcp_flow.c - what was added is found, what was deleted is not, at any load. */
#include "dataplane/tcp/tcp_flow.h"
#include "tests/support/suite.h"

static uint64_t hash_of(uint32_t i, uint64_t seed)
{
	uint64_t x = (i + 1) * 0x9e3779b97f4a7c15ull ^ seed;

	x ^= x >> 31;
	x *= 0xbf58476d1ce4e5b9ull;
	return x ^ x >> 29;
}

static bool is_found(const struct tcp_flow *f, uint64_t hash, uint32_t value)
{
	struct tcp_flow_probe p = { .hash = hash };
	uint32_t v;

	while ((v = tcp_flow_next(f, &p)) != TCP_FLOW_NONE)
		if (v == value)
			return true;
	return false;
}

static void a_full_table_finds_all_of_its_values(void)
{
	enum { N = 100000 };
	struct tcp_flow f;

	CU_ASSERT_EQUAL_FATAL(tcp_flow_init(&f, N), 0);
	for (uint32_t i = 0; i < N; i++)
		CU_ASSERT_TRUE_FATAL(tcp_flow_try_add(&f, hash_of(i, 0), i));
	CU_ASSERT_FALSE(tcp_flow_try_add(&f, hash_of(N, 0), N));
	for (uint32_t i = 0; i < N; i++)
		CU_ASSERT_TRUE_FATAL(is_found(&f, hash_of(i, 0), i));
	CU_ASSERT_FALSE(is_found(&f, hash_of(N, 0), N));
	for (uint32_t i = 0; i < N; i += 2)
		tcp_flow_del(&f, hash_of(i, 0), i);
	for (uint32_t i = 0; i < N; i++)
		CU_ASSERT_EQUAL_FATAL(is_found(&f, hash_of(i, 0), i), i % 2 == 1);
	CU_ASSERT_EQUAL(f.n, N / 2);
	tcp_flow_fini(&f);
}

static void many_values_of_one_hash_are_refused_when_no_place_is_left(void)
{
	struct tcp_flow f;
	uint32_t n = 0;

	CU_ASSERT_EQUAL_FATAL(tcp_flow_init(&f, 10000), 0);
	while (n < 10000 && tcp_flow_try_add(&f, 42, n))
		n++;
	/* two buckets and the overflow */
	CU_ASSERT_EQUAL(n, 2 * TCP_FLOW_SLOTS + TCP_FLOW_OVERFLOW);
	for (uint32_t i = 0; i < n; i++)
		CU_ASSERT_TRUE(is_found(&f, 42, i));
	for (uint32_t i = 0; i < n; i++)
		tcp_flow_del(&f, 42, i);
	CU_ASSERT_EQUAL(f.n + f.n_spilt, 0);
	tcp_flow_fini(&f);
}

static void values_that_come_and_go_for_long_are_never_lost(void)
{
	enum { N = 4000, ROUNDS = 200000 };
	static bool in[N];
	struct tcp_flow f;

	CU_ASSERT_EQUAL_FATAL(tcp_flow_init(&f, N), 0);
	for (uint32_t r = 0; r < ROUNDS; r++) {
		uint32_t i = (uint32_t)(hash_of(r, 99) % N);

		if (in[i])
			tcp_flow_del(&f, hash_of(i, 7), i);
		else
			CU_ASSERT_TRUE_FATAL(tcp_flow_try_add(&f, hash_of(i, 7), i));
		in[i] = !in[i];
		CU_ASSERT_EQUAL_FATAL(is_found(&f, hash_of(i, 7), i), in[i]);
	}
	for (uint32_t i = 0; i < N; i++)
		CU_ASSERT_EQUAL(is_found(&f, hash_of(i, 7), i), in[i]);
	tcp_flow_fini(&f);
}

SUITE("dataplane/tcp/tcp_flow", TEST(a_full_table_finds_all_of_its_values),
      TEST(many_values_of_one_hash_are_refused_when_no_place_is_left),
      TEST(values_that_come_and_go_for_long_are_never_lost))
