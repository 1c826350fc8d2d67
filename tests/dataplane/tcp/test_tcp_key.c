/* test_tcp_key.c - keyed numbers: the same for the same input, unforeseeable for another. */
#include "dataplane/tcp/tcp_key.h"
#include "dataplane/tcp/tcp_flow.h"
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

/* A sink's table: many of its addresses, one client, whose ports it does not choose. With keys that
 * were the secret itself, one of 16 bytes and 16 zero ones refused at 27,000 of 49,000.
 */
static void a_flow_table_takes_what_it_is_made_for_whatever_the_secret(void)
{
	enum { MAX = 49152, HOSTS = 256 };
	static const struct {
		const char *why;
		uint8_t secret[32];
	} cases[] = {
		{ "nothing but zeros", { 0 } },
		{ "one bit", { 1 } },
		{ "its first half is a time",
		  { 0x10, 0x92, 0x02, 0x6b, 0, 0, 0, 0, 0x9c, 0x31, 0xe0, 0x05 } },
		{ "its second half alone", { [24] = 0x6b, [31] = 0x10 } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tcp_flow flow;
		struct tcp_key key;
		uint32_t n = 0;

		tcp_key_init(&key, cases[i].secret);
		CU_ASSERT_EQUAL_FATAL(tcp_flow_init(&flow, MAX), 0);
		for (; n < MAX; n++) {
			struct tcp_tuple t = { .lport = 25 };
			uint32_t host = n % HOSTS;

			ip_parse("10.9.0.0", &t.local);
			ip_parse("10.9.200.1", &t.remote);
			t.local.b[15] = (uint8_t)host;
			/* each host's connections have ports in a row, from somewhere on */
			t.rport = (uint16_t)(1024 + (host * 40503u + n / HOSTS) % 64512);
			if (!tcp_flow_try_add(&flow, tcp_key_flow(&key, &t), n))
				break;
		}
		if (n != MAX)
			printf("\n    %s: full at %u of %u", cases[i].why, n, MAX);
		CU_ASSERT_EQUAL(n, MAX);
		CU_ASSERT_TRUE(flow.n_spilt < TCP_FLOW_OVERFLOW / 4);
		tcp_flow_fini(&flow);
	}
}

SUITE("dataplane/tcp/tcp_key", TEST(a_flow_table_takes_what_it_is_made_for_whatever_the_secret),
      TEST(a_sequence_number_grows_with_time_and_differs_by_tuple_and_secret),
      TEST(a_peer_sees_one_clock_whatever_the_ports),
      TEST(the_order_of_ports_does_not_depend_on_the_port_itself),
      TEST(the_hash_of_neighbouring_tuples_spreads_over_the_buckets))
