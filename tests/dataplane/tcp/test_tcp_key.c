/* test_tcp_key.c - keyed numbers: the same for the same input, unforeseeable for another. */
#include "dataplane/tcp/tcp_key.h"
#include "tests/support/suite.h"

static struct tcp_tuple tuple(uint16_t lport)
{
	struct tcp_tuple t = { .lport = lport, .rport = 25 };

	ip_parse("192.0.2.1", &t.local);
	ip_parse("198.51.100.7", &t.remote);
	return t;
}

static struct tcp_key key_of(uint8_t byte)
{
	uint8_t secret[32];
	struct tcp_key k;

	memset(secret, byte, sizeof(secret));
	tcp_key_init(&k, secret);
	return k;
}

static void a_sequence_number_grows_with_time_and_differs_by_tuple_and_secret(void)
{
	struct tcp_key k = key_of(1), other = key_of(2);
	struct tcp_tuple a = tuple(1000), b = tuple(1001);

	CU_ASSERT_EQUAL(tcp_key_isn(&k, &a, 4000000) - tcp_key_isn(&k, &a, 0), 1000000);
	CU_ASSERT_NOT_EQUAL(tcp_key_isn(&k, &a, 0), tcp_key_isn(&k, &b, 0));
	CU_ASSERT_NOT_EQUAL(tcp_key_isn(&k, &a, 0), tcp_key_isn(&other, &a, 0));
	CU_ASSERT_NOT_EQUAL(tcp_key_isn(&k, &a, 0), tcp_key_ts_offset(&k, &a));
}

static void a_peer_sees_one_clock_whatever_the_ports(void)
{
	struct tcp_key k = key_of(1);
	struct tcp_tuple a = tuple(1000), b = tuple(2000);

	CU_ASSERT_EQUAL(tcp_key_ts_offset(&k, &a), tcp_key_ts_offset(&k, &b));
	b.remote.b[15] ^= 1;
	CU_ASSERT_NOT_EQUAL(tcp_key_ts_offset(&k, &a), tcp_key_ts_offset(&k, &b));
}

static void the_order_of_ports_does_not_depend_on_the_port_itself(void)
{
	struct tcp_key k = key_of(1);
	struct tcp_tuple a = tuple(1000), b = tuple(2000);

	CU_ASSERT_EQUAL(tcp_key_ports(&k, &a), tcp_key_ports(&k, &b));
	b.rport = 587;
	CU_ASSERT_NOT_EQUAL(tcp_key_ports(&k, &a), tcp_key_ports(&k, &b));
}

static void the_hash_of_neighbouring_tuples_spreads_over_the_buckets(void)
{
	struct tcp_key k = key_of(1);
	unsigned n[64] = { 0 };

	for (uint16_t p = 0; p < 6400; p++) {
		struct tcp_tuple t = tuple((uint16_t)(20000 + p));

		n[tcp_key_flow(&k, &t) % 64]++;
	}
	for (int i = 0; i < 64; i++)
		CU_ASSERT_TRUE(n[i] > 50 && n[i] < 150);
}

SUITE("dataplane/tcp/tcp_key",
      TEST(a_sequence_number_grows_with_time_and_differs_by_tuple_and_secret),
      TEST(a_peer_sees_one_clock_whatever_the_ports),
      TEST(the_order_of_ports_does_not_depend_on_the_port_itself),
      TEST(the_hash_of_neighbouring_tuples_spreads_over_the_buckets))
