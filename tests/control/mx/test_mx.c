/* test_mx.c - every fate of a domain, over loopback against dns_server.py.
 *
 * The server is started by this test and ends when its standard input does. $DNS_SERVER names it.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "control/mx/batch.h"
#include "control/mx/mx.h"
#include "tests/support/suite.h"

static uv_loop_t loop;
static struct mx *mx;
static struct ip_addr server;
static uint16_t port;
static pid_t server_pid;
static int server_stdin;

static void server_start(void)
{
	int in[2], out[2];
	char text[16] = "";
	const char *script = getenv("DNS_SERVER");

	if (script == NULL || pipe(in) != 0 || pipe(out) != 0)
		exit(2);
	server_pid = fork();
	if (server_pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		execl("/usr/bin/python3", "python3", script, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	server_stdin = in[1];
	for (size_t n = 0; n + 1 < sizeof(text) && strchr(text, '\n') == NULL; n++)
		if (read(out[0], text + n, 1) != 1)
			exit(2);
	close(out[0]);
	port = (uint16_t)atoi(text);
	ip_parse("127.0.0.1", &server);
}

static void open_mx(uint32_t entries_max, uint32_t queries_max)
{
	struct mx_conf conf = {
		.servers = &server,
		.ports = &port,
		.n_servers = 1,
		.timeout_ms = 200,
		.tries = 1,
		.ttl_min_s = 1,
		.ttl_max_s = 86400,
		.entries_max = entries_max,
		.queries_max = queries_max,
	};
	char why[256];

	if (server_pid == 0)
		server_start();
	uv_loop_init(&loop);
	CU_ASSERT_EQUAL_FATAL(mx_open(&loop, &conf, &mx, why), 0);
}

static void close_mx(void)
{
	mx_close(mx);
	uv_run(&loop, UV_RUN_DEFAULT);
	CU_ASSERT_EQUAL(uv_loop_close(&loop), 0); /* no handle is left */
}

static struct mx_answer *got;
static unsigned calls;

static void on_done(void *ctx, struct mx_answer *answer)
{
	(void)ctx;
	calls++;
	if (got != NULL)
		mx_release(got);
	got = mx_hold(answer);
}

static void drop_got(void)
{
	if (got != NULL)
		mx_release(got);
	got = NULL;
	calls = 0;
}

static struct mx_answer *ask(const char *domain)
{
	drop_got();
	mx_lookup(mx, domain, on_done, NULL);
	while (calls == 0)
		uv_run(&loop, UV_RUN_ONCE);
	CU_ASSERT_EQUAL(calls, 1);
	return got;
}

static void each_domain_has_its_fate(void)
{
	static const struct {
		const char *why, *domain;
		enum mx_fate fate;
		const char *says;
		uint32_t n_hosts;
		const char *host, *addr, *site;
	} cases[] = {
		/* clang-format off */
		{ "hosts by preference, IPv4 first", "alpha.test", MX_OK, "MX", 2,
		  "mx1.alpha.test", "192.0.2.1", "mx1.alpha.test,mx2.alpha.test" },
		{ "the same set is the same site", "beta.test", MX_OK, "MX", 2,
		  "mx1.alpha.test", "192.0.2.1", "mx1.alpha.test,mx2.alpha.test" },
		{ "RFC 7505", "null.test", MX_NULL, "null MX", 0, NULL, NULL, "" },
		{ "a root among other targets is passed over", "mixednull.test", MX_OK, "MX", 1,
		  "mx2.alpha.test", "192.0.2.3", "mx2.alpha.test" },
		{ "NXDOMAIN is for good", "nodomain.test", MX_NO_DOMAIN, "NXDOMAIN", 0, NULL, NULL, "" },
		{ "RFC 5321 5.1: implicit MX", "implicit.test", MX_OK, "no MX", 1,
		  "implicit.test", "192.0.2.4", "implicit.test" },
		{ "neither MX nor address", "nohosts.test", MX_NO_HOSTS, "no MX and no address", 0,
		  NULL, NULL, "" },
		{ "only hosts without an address", "deadmx.test", MX_NO_HOSTS, "no MX host", 0,
		  NULL, NULL, "" },
		{ "SERVFAIL is for now", "servfail.test", MX_TRY_LATER, "MX of servfail.test", 0,
		  NULL, NULL, "" },
		{ "REFUSED is for now", "refused.test", MX_TRY_LATER, "MX of refused.test", 0,
		  NULL, NULL, "" },
		{ "no answer is for now", "silent.test", MX_TRY_LATER, "Timeout", 0, NULL, NULL, "" },
		{ "a broken answer is for now", "broken.test", MX_TRY_LATER, "MX of broken.test", 0,
		  NULL, NULL, "" },
		{ "CNAME with its target in the answer", "cname.test", MX_OK, "MX", 1,
		  "mx1.alpha.test", "192.0.2.1", "mx1.alpha.test" },
		{ "CNAME that must be asked further", "far.test", MX_OK, "MX", 2,
		  "mx1.alpha.test", "192.0.2.1", "mx1.alpha.test,mx2.alpha.test" },
		{ "CNAMEs that turn back end", "loop.test", MX_TRY_LATER, "CNAME", 0, NULL, NULL, "" },
		{ "an MX target that is a CNAME is followed", "mxcname.test", MX_OK, "MX", 1,
		  "alias.test", "192.0.2.1", "alias.test" },
		{ "all hosts fail for now", "tempmx.test", MX_TRY_LATER, "address of mx.servfail.test",
		  0, NULL, NULL, "" },
		{ "one host fails for now", "partmx.test", MX_OK, "MX", 1,
		  "mx2.alpha.test", "192.0.2.3", "mx.servfail.test,mx2.alpha.test" },
		{ "IPv6 alone", "six.test", MX_OK, "MX", 1, "mx.six.test", "2001:db8::6", "mx.six.test" },
		{ "truncated, so asked by TCP; the best 16 of 20", "big.test", MX_OK, "MX",
		  MX_HOSTS_MAX, "mx19.big-name-of-a-host.test", "192.0.2.119", NULL },
		{ "no name of the DNS", "a..test", MX_NO_DOMAIN, "not a domain name", 0, NULL, NULL, "" },
		{ "a backslash would be read as an escape", "a\\098.test", MX_NO_DOMAIN,
		  "not a domain name", 0, NULL, NULL, "" },
		/* clang-format on */
	};

	open_mx(1000, 100);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mx_answer *a = ask(cases[i].domain);
		char text[IP_TEXT_MAX];
		bool ok = a->fate == cases[i].fate && strstr(a->why, cases[i].says) != NULL &&
		          a->n_hosts == cases[i].n_hosts &&
		          (cases[i].site == NULL || strcmp(a->site, cases[i].site) == 0);

		if (ok && cases[i].host != NULL)
			ok = strcmp(a->hosts[0].name, cases[i].host) == 0 &&
			     strcmp(ip_format(&a->hosts[0].addrs[0], text), cases[i].addr) == 0;
		if (!ok)
			printf("\n    %s: %s: got fate %d, \"%s\", %u hosts, site \"%s\"",
			       cases[i].why, cases[i].domain, (int)a->fate, a->why, a->n_hosts,
			       a->site);
		CU_ASSERT(ok);
	}
	drop_got();
	close_mx();
}

static void both_families_are_kept_ipv4_first(void)
{
	struct mx_answer *a;

	open_mx(10, 10);
	a = ask("alpha.test");
	CU_ASSERT_EQUAL_FATAL(a->n_hosts, 2);
	CU_ASSERT_EQUAL_FATAL(a->hosts[0].n_addrs, 3);
	CU_ASSERT(ip_is_v4(&a->hosts[0].addrs[0]) && ip_is_v4(&a->hosts[0].addrs[1]));
	CU_ASSERT(!ip_is_v4(&a->hosts[0].addrs[2]));
	CU_ASSERT_EQUAL(a->hosts[0].preference, 5);
	CU_ASSERT_EQUAL(a->hosts[1].preference, 20);
	drop_got();
	close_mx();
}

static void a_known_domain_is_not_asked_again_until_its_ttl_ends(void)
{
	uint64_t queries;

	open_mx(10, 10);
	ask("short.test");
	queries = mx_stats(mx).queries;
	CU_ASSERT_EQUAL(queries, 3); /* MX, A, AAAA */
	ask("short.test");
	CU_ASSERT_EQUAL(mx_stats(mx).queries, queries);
	CU_ASSERT_EQUAL(mx_stats(mx).hits, 1);
	usleep(1050 * 1000); /* its TTL is 1 s, and real time passes */
	uv_update_time(&loop);
	ask("short.test");
	CU_ASSERT_EQUAL(mx_stats(mx).queries, 2 * queries);
	drop_got();
	close_mx();
}

static void a_temporary_failure_is_asked_again_soon_only(void)
{
	struct mx_answer *a;

	open_mx(10, 10);
	a = ask("servfail.test");
	CU_ASSERT(a->expires_ms - (int64_t)uv_now(&loop) <= 10000);
	CU_ASSERT(a->expires_ms - (int64_t)uv_now(&loop) > 9000);
	CU_ASSERT_EQUAL(mx_stats(mx).failures, 1);
	ask("servfail.test");
	CU_ASSERT_EQUAL(mx_stats(mx).queries, 1);
	drop_got();
	close_mx();
}

static void a_negative_holds_as_long_as_the_soa_says(void)
{
	struct mx_answer *a;

	open_mx(10, 10);
	a = ask("nodomain.test");
	CU_ASSERT(a->expires_ms - (int64_t)uv_now(&loop) <= 60000);
	CU_ASSERT(a->expires_ms - (int64_t)uv_now(&loop) > 55000);
	drop_got();
	close_mx();
}

/* A host of the configuration: its MX is nobody's business, and its absence nobody's fault. */
static void a_host_of_the_configuration_is_asked_for_its_addresses_only(void)
{
	static const struct {
		const char *host;
		enum mx_fate fate;
		uint32_t n_addrs, queries;
	} cases[] = {
		{ "mx1.alpha.test", MX_OK, 3, 2 },       { "alpha.test", MX_TRY_LATER, 0, 2 },
		{ "nodomain.test", MX_TRY_LATER, 0, 2 }, { "192.0.2.9", MX_OK, 1, 0 },
		{ "2001:db8::9", MX_OK, 1, 0 },          { "bad..test", MX_TRY_LATER, 0, 0 },
	};

	open_mx(10, 10);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t before = mx_stats(mx).queries;

		drop_got();
		mx_lookup_host(mx, cases[i].host, on_done, NULL);
		while (calls == 0)
			uv_run(&loop, UV_RUN_ONCE);
		if (got->fate != cases[i].fate)
			printf("\n    %s: %s", cases[i].host, got->why);
		CU_ASSERT_EQUAL(got->fate, cases[i].fate);
		CU_ASSERT_EQUAL(mx_stats(mx).queries - before, cases[i].queries);
		if (cases[i].fate != MX_OK)
			continue;
		CU_ASSERT_STRING_EQUAL(got->site, cases[i].host);
		CU_ASSERT_EQUAL(got->hosts[0].n_addrs, cases[i].n_addrs);
	}
	ask("alpha.test"); /* the domain is another thing than the host of that name */
	CU_ASSERT_EQUAL(got->fate, MX_OK);
	CU_ASSERT_EQUAL(got->n_hosts, 2);
	drop_got();
	close_mx();
}

static void lookups_of_one_domain_are_joined(void)
{
	open_mx(10, 10);
	drop_got();
	for (int i = 0; i < 5; i++)
		mx_lookup(mx, "alpha.test", on_done, NULL);
	while (calls < 5)
		uv_run(&loop, UV_RUN_ONCE);
	CU_ASSERT_EQUAL(mx_stats(mx).queries, 5); /* MX, two hosts of two families */
	drop_got();
	close_mx();
}

static void no_more_domains_than_the_bound_are_asked_at_once(void)
{
	open_mx(10, 3);
	drop_got();
	for (int i = 0; i < 40; i++) {
		char domain[32];

		snprintf(domain, sizeof(domain), "many%d.test", i);
		mx_lookup(mx, domain, on_done, NULL);
	}
	CU_ASSERT_EQUAL(mx_stats(mx).queries, 3);
	CU_ASSERT_EQUAL(mx_stats(mx).pending, 40);
	while (calls < 40)
		uv_run(&loop, UV_RUN_ONCE);
	CU_ASSERT_EQUAL(mx_stats(mx).pending, 0);
	ask("alpha.test");
	CU_ASSERT_EQUAL(mx_stats(mx).entries, 10);
	CU_ASSERT_EQUAL(mx_stats(mx).evicted, 31);
	drop_got();
	close_mx();
}

static void closing_drops_what_is_under_way(void)
{
	open_mx(10, 1);
	drop_got();
	mx_lookup(mx, "silent.test", on_done, NULL);
	mx_lookup(mx, "alpha.test", on_done, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
	close_mx();
	CU_ASSERT_EQUAL(calls, 0);
}

static void on_done_ask_more(void *ctx, struct mx_answer *answer)
{
	on_done(ctx, answer);
	mx_lookup(mx, "null.test", on_done, NULL);
	mx_lookup(mx, "beta.test", on_done, NULL);
}

static void an_answer_may_be_the_reason_to_ask_more(void)
{
	open_mx(1, 1);
	drop_got();
	mx_lookup(mx, "alpha.test", on_done_ask_more, NULL);
	mx_lookup(mx, "six.test", on_done_ask_more, NULL);
	while (calls < 6)
		uv_run(&loop, UV_RUN_ONCE);
	drop_got();
	close_mx();
}

static void without_a_server_nothing_opens(void)
{
	struct mx_conf conf = { .timeout_ms = 100, .tries = 1, .entries_max = 1, .queries_max = 1 };
	char why[256] = "";

	uv_loop_init(&loop);
	CU_ASSERT(mx_open(&loop, &conf, &mx, why) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "no DNS server"));
	CU_ASSERT_EQUAL(uv_loop_close(&loop), 0);
}

/* ---- many at once ---- */

struct told {
	uint32_t n;
	enum query_end end[8];
	char name[8][64]; /* the first name or address */
};

static void on_told(void *ctx, uint32_t i, const struct query *q, const struct dns_answer *answer)
{
	struct told *t = ctx;
	char ip[IP_TEXT_MAX];

	t->n++;
	CU_ASSERT_EQUAL(t->end[i], QUERY_OPEN); /* once */
	t->end[i] = q->end;
	if (answer->n_addrs > 0)
		snprintf(t->name[i], 64, "%s", ip_format(&answer->addrs[0], ip));
	else if (answer->n_mx > 0)
		snprintf(t->name[i], 64, "%s", answer->mx[0].host);
}

static int ask_all(const struct batch_question *questions, uint32_t n, uint64_t wait_ms,
                   const _Atomic bool *cancel, struct told *t)
{
	struct mx_conf conf = {
		.servers = &server, .ports = &port, .n_servers = 1, .timeout_ms = 200, .tries = 1
	};
	struct batch_limits limits = { .at_once_max = 2, .wait_ms = wait_ms, .cancel = cancel };
	struct batch *b;
	char why[256];
	int r;

	memset(t, 0, sizeof(*t));
	CU_ASSERT_EQUAL_FATAL(batch_open(&conf, &b, why), 0);
	r = batch_ask(b, questions, n, &limits, on_told, t);
	batch_close(b);
	return r;
}

static void a_batch_answers_each_question_once(void)
{
	static const struct batch_question questions[] = {
		{ "null.test", DNS_TYPE_MX },   { "mx2.alpha.test", DNS_TYPE_A },
		{ "alias.test", DNS_TYPE_A },   { "nowhere.test", DNS_TYPE_TXT },
		{ "empty.test", DNS_TYPE_A },   { "x.servfail.test", DNS_TYPE_SOA },
		{ "alpha.test", DNS_TYPE_PTR },
	};
	static const enum query_end want[] = { QUERY_RECORDS,   QUERY_RECORDS,    QUERY_RECORDS,
		                               QUERY_NO_NAME,   QUERY_NO_RECORDS, QUERY_TROUBLE,
		                               QUERY_NO_RECORDS };
	struct told t;

	CU_ASSERT_EQUAL(ask_all(questions, 7, 5000, NULL, &t), 0);
	CU_ASSERT_EQUAL(t.n, 7);
	for (int i = 0; i < 7; i++)
		CU_ASSERT_EQUAL(t.end[i], want[i]);
	CU_ASSERT_STRING_EQUAL(t.name[0], ".");
	CU_ASSERT_STRING_EQUAL(t.name[1], "192.0.2.3");
	CU_ASSERT_STRING_EQUAL(t.name[2], "192.0.2.1"); /* by way of a CNAME */
}

static void a_batch_ends_in_time_and_when_told_to(void)
{
	static const struct batch_question silent[] = { { "a.silent.test", DNS_TYPE_A } };
	const _Atomic bool stop = true;
	struct told t;

	CU_ASSERT_EQUAL(ask_all(silent, 1, 1, NULL, &t), -ETIMEDOUT);
	CU_ASSERT_EQUAL(t.n, 0);
	CU_ASSERT_EQUAL(ask_all(silent, 1, 60000, &stop, &t), -ECANCELED);
	CU_ASSERT_EQUAL(ask_all(silent, 1, 60000, NULL, &t), 0); /* the resolver's own patience */
	CU_ASSERT_EQUAL(t.end[0], QUERY_TROUBLE);
}

/* Last: without it the server would outlive a failed assertion's exit. */
static void the_server_ends_with_the_test(void)
{
	int status = -1;

	close(server_stdin);
	CU_ASSERT_EQUAL(waitpid(server_pid, &status, 0), server_pid);
	CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

SUITE("control/mx/mx", TEST(each_domain_has_its_fate), TEST(both_families_are_kept_ipv4_first),
      TEST(a_known_domain_is_not_asked_again_until_its_ttl_ends),
      TEST(a_temporary_failure_is_asked_again_soon_only),
      TEST(a_negative_holds_as_long_as_the_soa_says),
      TEST(a_host_of_the_configuration_is_asked_for_its_addresses_only),
      TEST(lookups_of_one_domain_are_joined),
      TEST(no_more_domains_than_the_bound_are_asked_at_once), TEST(closing_drops_what_is_under_way),
      TEST(an_answer_may_be_the_reason_to_ask_more), TEST(without_a_server_nothing_opens),
      TEST(a_batch_answers_each_question_once), TEST(a_batch_ends_in_time_and_when_told_to),
      TEST(the_server_ends_with_the_test))
