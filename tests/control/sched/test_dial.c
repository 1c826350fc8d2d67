/* test_dial.c - which host a connection goes to, and what it is told: dial() with a door that only
 * remembers.
 */
#include <stdlib.h>
#include <string.h>

#include "control/sched/host_tls.h"
#include "control/sched/sched_int.h"
#include "control/xalloc.h"
#include "tests/support/suite.h"

enum { TRIES = 4000, ADDRS_MAX = 8, S_US = 1000000 };

/* ---- what dial() asks of others ---- */

static struct {
	struct dp_dial last;
	uint64_t wake_us;
	const char *named;        /* host with requiretls in the configuration */
	struct ip_addr knows_tls; /* address that has done TLS */
} fake;

int dp_connect(struct dp *dp, uint32_t worker, const struct dp_dial *dial)
{
	(void)dp, (void)worker;
	fake.last = *dial;
	return 0;
}

bool conf_is_requiretls_host(const struct conf *conf, const char *mx_host)
{
	(void)conf;
	return fake.named != NULL && strcmp(mx_host, fake.named) == 0;
}

uint8_t conf_provider_tls(const struct conf_limits *limits, const char *mx_host)
{
	(void)limits;
	return strcmp(mx_host, "mx.provider.test") == 0 ? DP_TLS_ENCRYPT : DP_TLS_NONE;
}

bool host_tls_is_known(struct sched *s, const struct ip_addr *addr)
{
	(void)s;
	return ip_eq(addr, &fake.knows_tls);
}

void site_wake_at(struct sched *s, struct site *site, uint64_t at_us)
{
	(void)s, (void)site;
	fake.wake_us = at_us;
}

void site_hungry(struct sched *s, struct site *site)
{
	(void)s, (void)site;
	CU_FAIL("there is room");
}

/* ---- one lane of one site ---- */

static struct {
	struct sched s;
	struct site *site; /* its key is at its end */
	struct lane lane;
	struct mx_answer answer;
	struct mx_host hosts[4];
	struct host_addr addrs[ADDRS_MAX];
	struct conf conf;
	struct conf_source source;
	uint32_t n_conns_of[1];
	struct conn conn;
} w;

/* A host of that preference, and its addresses. */
struct mail_host {
	const char *name;
	uint16_t preference;
	const char *addrs[4]; /* ends in NULL */
};

static void begin(const struct mail_host *mx, uint32_t n)
{
	memset(&w, 0, sizeof(w));
	memset(&fake, 0, sizeof(fake));
	w.site = xcalloc(1, sizeof(*w.site) + 1);
	for (uint32_t i = 0; i < n; i++) {
		struct mx_host *h = &w.hosts[i];

		snprintf(h->name, sizeof(h->name), "%s", mx[i].name);
		h->preference = mx[i].preference;
		for (; mx[i].addrs[h->n_addrs] != NULL; h->n_addrs++) {
			ip_parse(mx[i].addrs[h->n_addrs], &h->addrs[h->n_addrs]);
			w.addrs[w.site->n_addrs++] =
			    (struct host_addr){ .addr = h->addrs[h->n_addrs], .host = i };
		}
	}
	w.answer = (struct mx_answer){ .fate = MX_OK, .n_hosts = n, .hosts = w.hosts };
	w.site->answer = &w.answer;
	w.site->addrs = w.addrs;
	w.site->limits = &w.site->limits_now;
	w.site->limits_now = (struct conf_limits){ .window = 1, .window_max = 1 };
	w.lane = (struct lane){ .site = w.site, .n_workers = 1, .tls = DP_TLS_OPPORTUNISTIC };
	ip_parse("192.0.2.100", &w.source.addr4);
	ip_parse("2001:db8::100", &w.source.addr6);
	w.conf = (struct conf){ .sources = &w.source,
		                .n_sources = 1,
		                .egress = { .smtp_port = 25 },
		                .worker = { .conns_max = 1 } };
	w.s = (struct sched){ .conf = &w.conf,
		              .now_us = 1000 * S_US,
		              .n_conns_of = w.n_conns_of,
		              .conns = &w.conn,
		              .random = 0x853c49e6748fea9bull };
	w.s.hosts = hosts_new(64);
}

static void end(void)
{
	hosts_free(w.s.hosts);
	free(w.site);
}

/* One connection, forgotten at once. */
static enum dialled dial_once(void)
{
	enum dialled dialled;

	w.conn = (struct conn){ .gen = 0 };
	w.s.free_conns = &w.conn;
	w.lane.conns = NULL;
	w.lane.n_conns = w.n_conns_of[0] = w.s.n_conns = 0;
	dialled = dial(&w.s, &w.lane);
	return dialled;
}

/* How many of TRIES dials go to each address, in the order of the site's. */
static void count_dials(uint32_t counts[ADDRS_MAX])
{
	memset(counts, 0, ADDRS_MAX * sizeof(counts[0]));
	for (int i = 0; i < TRIES; i++) {
		CU_ASSERT_EQUAL_FATAL(dial_once(), DIALLED);
		for (uint32_t a = 0; a < w.site->n_addrs; a++)
			counts[a] += ip_eq(&fake.last.remote, &w.addrs[a].addr);
	}
}

/* A fifth more or less than its share is far outside of what chance does in 4,000 tries. */
static void check_shares(const char *why, const uint32_t *shares)
{
	uint32_t counts[ADDRS_MAX], sum = 0;

	count_dials(counts);
	for (uint32_t a = 0; a < w.site->n_addrs; a++)
		sum += shares[a];
	for (uint32_t a = 0; a < w.site->n_addrs; a++) {
		uint32_t want = TRIES * shares[a] / sum;
		bool near = counts[a] >= want - want / 5 && counts[a] <= want + want / 5;

		if (!near)
			printf("\n    %s: address %u was dialled %u times, want %u", why, a,
			       counts[a], want);
		CU_ASSERT_TRUE(near);
	}
}

static void fail_host(const char *text, uint32_t seconds)
{
	struct ip_addr addr;

	ip_parse(text, &addr);
	host_failed(hosts_get(w.s.hosts, &addr, HOST_ANY_SOURCE), w.s.now_us,
	            (uint64_t)seconds * S_US);
}

static void equals_share_the_load_and_the_preferred_family_comes_first(void)
{
	static const struct {
		const char *why;
		uint32_t preference; /* enum conf_ip_preference */
		bool v4, v6;         /* addresses of the source */
		struct mail_host mx[3];
		uint32_t shares[ADDRS_MAX];
	} cases[] = {
		/* clang-format off */
		{ "two hosts of one preference, a worse one waits", CONF_IP_IPV4, true, false,
		  { { "a", 10, { "192.0.2.1" } }, { "b", 10, { "192.0.2.2" } }, { "c", 20, { "192.0.2.3" } } },
		  { 1, 1, 0 } },
		{ "a host's addresses share its half", CONF_IP_IPV4, true, false,
		  { { "a", 10, { "192.0.2.1", "192.0.2.2", "192.0.2.3" } }, { "b", 10, { "192.0.2.4" } } },
		  { 1, 1, 1, 3 } },
		{ "IPv4 first", CONF_IP_IPV4, true, true,
		  { { "a", 10, { "192.0.2.1", "2001:db8::1" } } }, { 1, 0 } },
		{ "IPv4 first among equal hosts, too", CONF_IP_IPV4, true, true,
		  { { "a", 10, { "192.0.2.1" } }, { "b", 10, { "2001:db8::1" } } }, { 1, 0 } },
		{ "a better host counts for more than its family", CONF_IP_IPV4, true, true,
		  { { "a", 10, { "2001:db8::1" } }, { "b", 20, { "192.0.2.1" } } }, { 1, 0 } },
		{ "IPv6 first where it is wished", CONF_IP_IPV6, true, true,
		  { { "a", 10, { "192.0.2.1", "2001:db8::1", "2001:db8::2" } } }, { 0, 1, 1 } },
		{ "IPv6 only from a source that has it", CONF_IP_IPV6, true, false,
		  { { "a", 10, { "192.0.2.1", "2001:db8::1" } } }, { 1, 0 } },
		{ "IPv6 only where the source has nothing else", CONF_IP_IPV4, false, true,
		  { { "a", 10, { "192.0.2.1", "2001:db8::1" } } }, { 0, 1 } },
		{ "any: at random", CONF_IP_ANY, true, true,
		  { { "a", 10, { "192.0.2.1", "2001:db8::1", "2001:db8::2" } } }, { 1, 1, 1 } },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t n = 0;

		while (n < 3 && cases[i].mx[n].name != NULL)
			n++;
		begin(cases[i].mx, n);
		w.site->limits_now.ip_preference = cases[i].preference;
		if (!cases[i].v4)
			w.source.addr4 = (struct ip_addr){ 0 };
		if (!cases[i].v6)
			w.source.addr6 = (struct ip_addr){ 0 };
		check_shares(cases[i].why, cases[i].shares);
		end();
	}
}

static const struct mail_host two_kinds[] = { { "a.test", 10, { "192.0.2.1", "2001:db8::1" } },
	                                      { "b.test", 20, { "192.0.2.2" } } };

static void who_failed_is_left_alone_and_the_next_best_is_taken(void)
{
	struct ip_addr addr;

	begin(two_kinds, 2);
	fail_host("192.0.2.1", 60);
	check_shares("the other family", (const uint32_t[]){ 0, 1, 0 });
	fail_host("2001:db8::1", 60);
	check_shares("the next preference", (const uint32_t[]){ 0, 0, 1 });
	w.s.now_us += S_US / 2;
	fail_host("192.0.2.2", 60);
	CU_ASSERT_EQUAL(dial_once(), DIALLED_NOWHERE);
	CU_ASSERT_EQUAL(fake.wake_us,
	                1001 * (uint64_t)S_US); /* the first that may be tried again */
	w.s.now_us = fake.wake_us;
	CU_ASSERT_EQUAL(dial_once(), DIALLED);
	ip_parse("192.0.2.1", &addr);
	CU_ASSERT_TRUE(ip_eq(&fake.last.remote, &addr));
	end();
}

static void what_a_host_refuses_to_another_source_does_not_matter(void)
{
	struct ip_addr addr;

	begin(two_kinds, 2);
	ip_parse("192.0.2.1", &addr);
	host_failed(hosts_get(w.s.hosts, &addr, 7), w.s.now_us, 60 * (uint64_t)S_US);
	check_shares("another source", (const uint32_t[]){ 1, 0, 0 });
	host_failed(hosts_get(w.s.hosts, &addr, 0), w.s.now_us, 60 * (uint64_t)S_US);
	check_shares("this source", (const uint32_t[]){ 0, 1, 0 });
	end();
}

static void a_source_without_the_family_of_any_address_never_dials(void)
{
	begin(two_kinds + 1, 1);
	w.source.addr4 = (struct ip_addr){ 0 };
	CU_ASSERT_EQUAL(dial_once(), DIALLED_NEVER);
	CU_ASSERT_EQUAL(fake.wake_us, 0);
	end();
}

/* RFC 8689 4.2.1: even past a better host, which nobody vouches for. */
static void requiretls_goes_to_hosts_that_are_named_for_it_only(void)
{
	struct ip_addr addr;

	begin(two_kinds, 2);
	w.lane.tls = DP_TLS_VERIFY;
	fake.named = "b.test";
	check_shares("other mail", (const uint32_t[]){ 1, 0, 0 });
	CU_ASSERT_EQUAL(fake.last.requiretls_ok, 0);
	w.lane.requiretls = 1;
	check_shares("REQUIRETLS mail", (const uint32_t[]){ 0, 0, 1 });
	CU_ASSERT_EQUAL(fake.last.requiretls_ok, 1);
	CU_ASSERT_EQUAL(fake.last.tls, DP_TLS_VERIFY);
	CU_ASSERT_STRING_EQUAL(fake.last.host, "b.test");
	ip_parse("192.0.2.2", &addr);
	host_learn(hosts_get(w.s.hosts, &addr, HOST_ANY_SOURCE), HOST_NO_REQUIRETLS,
	           w.s.now_us + S_US);
	CU_ASSERT_FALSE(site_takes_requiretls(&w.s, w.site, NULL)); /* for a while */
	w.s.now_us += S_US;
	CU_ASSERT_TRUE(site_takes_requiretls(&w.s, w.site, NULL));
	fake.named = NULL;
	CU_ASSERT_FALSE(site_takes_requiretls(&w.s, w.site, NULL));
	CU_ASSERT_EQUAL(dial_once(), DIALLED_NEVER);
	w.site->is_routed = w.site->limits_now.requiretls = 1; /* the route names it */
	CU_ASSERT_TRUE(site_takes_requiretls(&w.s, w.site, NULL));
	CU_ASSERT_EQUAL(dial_once(), DIALLED);
	end();
}

/* RFC 3207 6: the session is told that it may not go on in the clear. */
static void who_has_done_tls_is_expected_to_where_it_is_only_liked(void)
{
	static const struct {
		const char *why;
		enum dp_tls_policy policy;
		bool knows, want;
	} cases[] = {
		{ "liked, and done before", DP_TLS_OPPORTUNISTIC, true, true },
		{ "liked, and never done", DP_TLS_OPPORTUNISTIC, false, false },
		{ "not wanted", DP_TLS_NONE, true, false },
		{ "demanded anyway", DP_TLS_ENCRYPT, true, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin(two_kinds, 1);
		w.lane.tls = (uint8_t)cases[i].policy;
		ip_parse(cases[i].knows ? "192.0.2.1" : "192.0.2.9", &fake.knows_tls);
		CU_ASSERT_EQUAL(dial_once(), DIALLED);
		CU_ASSERT_EQUAL(fake.last.tls, cases[i].policy);
		CU_ASSERT_EQUAL((fake.last.known & DP_KNOWN_TLS) != 0, cases[i].want);
		end();
	}
}

/* It is known by its name, though the domain's first host is somebody else's. */
static void a_providers_host_is_asked_for_tls_wherever_it_stands(void)
{
	static const struct mail_host mixed[] = { { "a.test", 10, { "192.0.2.1" } },
		                                  { "mx.provider.test", 20, { "192.0.2.2" } } };

	begin(mixed, 2);
	CU_ASSERT_EQUAL(dial_once(), DIALLED);
	CU_ASSERT_EQUAL(fake.last.tls, DP_TLS_OPPORTUNISTIC);
	CU_ASSERT_TRUE(w.conn.may_clear);
	fail_host("192.0.2.1", 60);
	CU_ASSERT_EQUAL(dial_once(), DIALLED);
	CU_ASSERT_EQUAL(fake.last.tls, DP_TLS_ENCRYPT);
	CU_ASSERT_FALSE(w.conn.may_clear);
	w.site->is_routed = 1; /* as a host of the configuration it is what its block says */
	CU_ASSERT_EQUAL(dial_once(), DIALLED);
	CU_ASSERT_EQUAL(fake.last.tls, DP_TLS_OPPORTUNISTIC);
	end();
}

SUITE("control/sched/dial", TEST(equals_share_the_load_and_the_preferred_family_comes_first),
      TEST(who_failed_is_left_alone_and_the_next_best_is_taken),
      TEST(what_a_host_refuses_to_another_source_does_not_matter),
      TEST(a_source_without_the_family_of_any_address_never_dials),
      TEST(requiretls_goes_to_hosts_that_are_named_for_it_only),
      TEST(who_has_done_tls_is_expected_to_where_it_is_only_liked),
      TEST(a_providers_host_is_asked_for_tls_wherever_it_stands))
