/* test_tcp_rto.c - the retransmission timer follows RFC 6298, within our bounds. */
#include "dataplane/tcp/tcp_rto.h"
#include "tests/support/suite.h"

static void the_time_out_follows_samples_and_expiries_within_its_bounds(void)
{
	static const struct {
		const char *why;
		uint32_t samples, rtt_us;
		unsigned backoff;
		uint32_t want_us;
	} cases[] = {
		/* clang-format off */
		{ "no sample: one second (2.1)",         0,   0,          0,   1000000 },
		{ "no sample, two expiries",             0,   0,          2,   4000000 },
		{ "first sample: three round trips",     1,   100000,     0,   300000 },
		{ "a LAN is floored",                    1,   50,         0,   TCP_RTO_MIN_US },
		{ "no time at all is a sample too",      1,   0,          0,   TCP_RTO_MIN_US },
		{ "one expiry doubles it",               1,   100000,     1,   600000 },
		{ "doubling stops at the ceiling",       1,   100000,     255, TCP_RTO_MAX_US },
		{ "an absurd sample does not overflow",  1,   UINT32_MAX, 0,   TCP_RTO_MAX_US },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tcp_rto r;
		uint32_t got;

		tcp_rto_init(&r);
		for (uint32_t n = 0; n < cases[i].samples; n++)
			tcp_rto_sample(&r, cases[i].rtt_us);
		got = tcp_rto_after(&r, cases[i].backoff);
		if (got != cases[i].want_us)
			printf("\n    %s: got %u, want %u", cases[i].why, got, cases[i].want_us);
		CU_ASSERT_EQUAL(got, cases[i].want_us);
	}
}

static void a_steady_round_trip_brings_the_time_out_near_it(void)
{
	struct tcp_rto r;

	tcp_rto_init(&r);
	for (int i = 0; i < 100; i++)
		tcp_rto_sample(&r, 500000);
	CU_ASSERT_TRUE(r.srtt_us > 499000 && r.srtt_us <= 500000);
	CU_ASSERT_TRUE(r.rto_us < 510000);
	tcp_rto_sample(&r, 900000); /* one late answer widens it: 4 * (400 ms / 4) */
	CU_ASSERT_TRUE(r.rto_us > 900000);
}

SUITE("dataplane/tcp/tcp_rto", TEST(the_time_out_follows_samples_and_expiries_within_its_bounds),
      TEST(a_steady_round_trip_brings_the_time_out_near_it))
