/* test_hosts.c - what is remembered of a host holds for its time, within bounds. */
#include <stdio.h>

#include "control/sched/hosts.h"
#include "tests/support/suite.h"

enum { S = 1000000 };

static struct ip_addr addr(uint32_t n)
{
	struct ip_addr a;

	ip_parse("192.0.2.0", &a);
	a.b[14] = (uint8_t)(n >> 8);
	a.b[15] = (uint8_t)n;
	return a;
}

static void a_fact_holds_until_its_time(void)
{
	struct hosts *hosts = hosts_new(16);
	struct ip_addr a = addr(1);
	struct host *h = hosts_get(hosts, &a, HOST_ANY_SOURCE);

	CU_ASSERT_FALSE(host_is(NULL, HOST_TLS, 0));
	for (int f = 0; f < HOST_N_FACTS; f++) {
		CU_ASSERT_FALSE(host_is(h, (enum host_fact)f, 0));
		host_learn(h, (enum host_fact)f, 10 * S);
		CU_ASSERT_TRUE(host_is(h, (enum host_fact)f, 10 * S - 1));
		CU_ASSERT_FALSE(host_is(h, (enum host_fact)f, 10 * S));
	}
	hosts_free(hosts);
}

static void what_a_host_refuses_to_one_source_is_kept_apart(void)
{
	struct hosts *hosts = hosts_new(16);
	struct ip_addr a = addr(1);

	host_failed(hosts_get(hosts, &a, 3), 0, 60 * S);
	CU_ASSERT_PTR_NULL(hosts_find(hosts, &a, HOST_ANY_SOURCE));
	CU_ASSERT_PTR_NULL(hosts_find(hosts, &a, 4));
	CU_ASSERT_EQUAL(host_avoid_us(hosts_find(hosts, &a, 3), 0), HOST_BACKOFF_US);
	hosts_free(hosts);
}

static void a_host_that_fails_is_left_alone_longer_each_time_up_to_a_bound(void)
{
	static const uint64_t want_s[] = { 1, 2, 4, 8, 10, 10 };
	struct hosts *hosts = hosts_new(16);
	struct ip_addr a = addr(1);
	struct host *h = hosts_get(hosts, &a, HOST_ANY_SOURCE);

	for (size_t i = 0; i < sizeof(want_s) / sizeof(want_s[0]); i++) {
		host_failed(h, 100 * S, 10 * S);
		CU_ASSERT_EQUAL(host_avoid_us(h, 100 * S), (100 + want_s[i]) * S);
		CU_ASSERT_EQUAL(host_avoid_us(h, (100 + want_s[i]) * S), 0);
	}
	host_worked(h);
	CU_ASSERT_EQUAL(host_avoid_us(h, 100 * S), 0);
	host_failed(h, 100 * S, 10 * S);
	CU_ASSERT_EQUAL(host_avoid_us(h, 100 * S), 101 * S);
	hosts_free(hosts);
}

static void a_host_is_forgotten_for_all_sources(void)
{
	struct hosts *hosts = hosts_new(16);
	struct ip_addr a = addr(1), b = addr(2);

	host_learn(hosts_get(hosts, &a, HOST_ANY_SOURCE), HOST_TLS, 10 * S);
	host_failed(hosts_get(hosts, &a, 3), 0, 60 * S);
	host_learn(hosts_get(hosts, &b, HOST_ANY_SOURCE), HOST_TLS, 10 * S);
	CU_ASSERT_TRUE(hosts_del(hosts, &a));
	CU_ASSERT_FALSE(hosts_del(hosts, &a));
	CU_ASSERT_PTR_NULL(hosts_find(hosts, &a, HOST_ANY_SOURCE));
	CU_ASSERT_PTR_NULL(hosts_find(hosts, &a, 3));
	CU_ASSERT_TRUE(host_is(hosts_find(hosts, &b, HOST_ANY_SOURCE), HOST_TLS, 0));
	CU_ASSERT_EQUAL(hosts_n(hosts), 1);
	CU_ASSERT_EQUAL(hosts_n_evicted(hosts), 0);
	hosts_free(hosts);
}

static void the_longest_unused_leaves_for_a_new_one(void)
{
	struct hosts *hosts = hosts_new(16);

	for (uint32_t n = 0; n < 16; n++) {
		struct ip_addr a = addr(n);

		hosts_get(hosts, &a, HOST_ANY_SOURCE);
	}
	for (uint32_t n = 16; n < 1000; n++) {
		struct ip_addr a = addr(n), kept = addr(3);

		CU_ASSERT_PTR_NOT_NULL(hosts_find(hosts, &kept, HOST_ANY_SOURCE));
		hosts_get(hosts, &a, HOST_ANY_SOURCE);
		CU_ASSERT_EQUAL(hosts_n(hosts), 16);
	}
	CU_ASSERT_EQUAL(hosts_n_evicted(hosts), 984);
	hosts_set_max(hosts, 4);
	CU_ASSERT_EQUAL(hosts_n(hosts), 4);
	hosts_free(hosts);
}

/* Conservative: twice as many only after HOST_PROOF answers in a row on sessions that used all they
 * had; one lost session, and it is one at a time again for as long.
 */
static void a_window_grows_by_proof_and_falls_by_one_loss(void)
{
	struct hosts *hosts = hosts_new(16);
	struct ip_addr a = addr(1);
	struct host *h = hosts_get(hosts, &a, HOST_ANY_SOURCE);

	host_window_held(h, 1, HOST_PROOF - 1, 8, 0, 100 * S);
	CU_ASSERT_EQUAL(host_window(h, 0), 1);
	host_window_held(h, 1, 1, 8, 0, 100 * S);
	CU_ASSERT_EQUAL(host_window(h, 0), 2);
	host_window_held(h, 1, 10 * HOST_PROOF, 8, 0, 100 * S); /* says nothing about two */
	CU_ASSERT_EQUAL(host_window(h, 0), 2);
	for (int i = 0; i < 5; i++)
		host_window_held(h, 8, HOST_PROOF, 8, 0, 100 * S);
	CU_ASSERT_EQUAL(host_window(h, 0), 8);
	CU_ASSERT_EQUAL(host_window(h, 100 * S), 1);
	host_window_lost(h, 200 * S);
	CU_ASSERT_EQUAL(host_window(h, 0), 1);
	host_window_held(h, 1, 10 * HOST_PROOF, 8, 199 * S, 300 * S);
	CU_ASSERT_EQUAL(host_window(h, 199 * S), 1);
	host_window_held(h, 1, HOST_PROOF, 8, 200 * S, 300 * S);
	CU_ASSERT_EQUAL(host_window(h, 200 * S), 2);
	hosts_free(hosts);
}

static void limits_hold_for_their_time_and_all_is_told_in_words(void)
{
	const struct host_limits limits = { 100, 20, 3 };
	struct hosts *hosts = hosts_new(16);
	struct ip_addr a = addr(1);
	struct host *h = hosts_get(hosts, &a, HOST_ANY_SOURCE);
	char text[HOST_TEXT_BYTES];

	CU_ASSERT_STRING_EQUAL(host_text(h, 0, text), "");
	host_set_limits(h, limits, 10 * S);
	CU_ASSERT_EQUAL(host_limits(h, 0).mails_max, 20);
	CU_ASSERT_EQUAL(host_limits(h, 10 * S).mails_max, 0);
	CU_ASSERT_STRING_EQUAL(host_text(h, 0, text), "RCPTMAX=100, MAILMAX=20, RCPTDOMAINMAX=3");
	host_learn(h, HOST_TLS, 5 * S);
	host_failed(h, 0, 60 * S);
	CU_ASSERT_STRING_EQUAL(host_text(h, 0, text),
	                       "TLS, RCPTMAX=100, MAILMAX=20, RCPTDOMAINMAX=3, left alone for 1 s");
	for (int f = 0; f < HOST_N_FACTS; f++)
		host_learn(h, (enum host_fact)f, 10 * S);
	host_window_held(h, 1, 0, 8, 0, 10 * S);
	CU_ASSERT_TRUE(strlen(host_text(h, 0, text)) < HOST_TEXT_BYTES - 1);
	hosts_free(hosts);
}

SUITE("control/sched/hosts", TEST(a_fact_holds_until_its_time),
      TEST(what_a_host_refuses_to_one_source_is_kept_apart),
      TEST(a_host_that_fails_is_left_alone_longer_each_time_up_to_a_bound),
      TEST(a_host_is_forgotten_for_all_sources), TEST(the_longest_unused_leaves_for_a_new_one),
      TEST(a_window_grows_by_proof_and_falls_by_one_loss),
      TEST(limits_hold_for_their_time_and_all_is_told_in_words))
