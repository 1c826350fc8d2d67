/* test_conf_site.c - blocks of sites: what is inherited, what belongs together, where mail goes. */
#include "control/conf/conf_opt.h"
#include "tests/control/conf/conf_file.h"
#include "tests/support/suite.h"

static struct conf *load(const char *text, char why[CONF_WHY_BYTES])
{
	struct conf *conf = NULL;

	why[0] = '\0';
	conf_file_load(text, strlen(text), &conf, why);
	return conf;
}

static void sites_inherit_time_outs_and_equal_sets_are_one(void)
{
	static const char text[] =
	    CONF_FILE_WHOLE "smtp.dot_timeout = 5m\n"
			    "site a.test { }\n"
			    "site b.test { mail_timeout = 10s }\n"
			    "site c.test { dot_timeout = 5m; mail_timeout = 10s }\n"
			    "site d.test { dot_timeout = 20m }\n";
	char why[CONF_WHY_BYTES];
	struct conf *conf = load(text, why);

	CU_ASSERT_STRING_EQUAL(why, "");
	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	CU_ASSERT_EQUAL(conf_limits_for(conf, "x.test", NULL).times_set, 0);
	CU_ASSERT_EQUAL(conf_limits_for(conf, "a.test", NULL).times_set, 0);
	CU_ASSERT_EQUAL(conf_limits_for(conf, "b.test", NULL).times_set, 1);
	CU_ASSERT_EQUAL(conf_limits_for(conf, "c.test", NULL).times_set, 1);
	CU_ASSERT_EQUAL(conf_limits_for(conf, "d.test", NULL).times_set, 2);
	CU_ASSERT_EQUAL_FATAL(conf->n_times, 2);
	CU_ASSERT_EQUAL(conf->times[0].mail_ms, 10000);
	CU_ASSERT_EQUAL(conf->times[0].dot_ms, 300000);
	CU_ASSERT_EQUAL(conf->times[1].dot_ms, 1200000);
	conf_free(conf);
}

static void a_reload_takes_the_time_outs_of_the_start_wherever_they_stand(void)
{
	static const char started[] = CONF_FILE_WHOLE "site a.test { mail_timeout = 10s }\n"
						      "site b.test { mail_timeout = 20s }\n";
	static const char moved[] = CONF_FILE_WHOLE "site c.test { rate = 5 }\n"
						    "site b.test { mail_timeout = 20s }\n";
	static const char unknown[] = CONF_FILE_WHOLE "site a.test { mail_timeout = 30s }\n";
	char why[CONF_WHY_BYTES];
	struct conf *old = load(started, why), *fresh = load(moved, why);

	CU_ASSERT_PTR_NOT_NULL_FATAL(old);
	CU_ASSERT_PTR_NOT_NULL_FATAL(fresh);
	CU_ASSERT_PTR_NULL(conf_needs_restart(old, fresh));
	CU_ASSERT_TRUE(conf_adopt_times(fresh, old));
	CU_ASSERT_EQUAL(conf_limits_for(fresh, "b.test", NULL).times_set, 2);
	conf_free(fresh);
	fresh = load(unknown, why);
	CU_ASSERT_PTR_NOT_NULL_FATAL(fresh);
	CU_ASSERT_FALSE(conf_adopt_times(fresh, old));
	conf_free(fresh);
	conf_free(old);
}

static void a_window_for_all_is_one_for_the_proven_too(void)
{
	static const char text[] = CONF_FILE_WHOLE
	    "site a.test { transactions_in_flight = 16 }\n"
	    "site b.test { transactions_in_flight = 2; transactions_in_flight_max = 8 }\n";
	char why[CONF_WHY_BYTES];
	struct conf *conf = load(text, why);

	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	CU_ASSERT_EQUAL(conf->limits.window, 1);
	CU_ASSERT_EQUAL(conf->limits.window_max, 4);
	CU_ASSERT_EQUAL(conf->sites[0].limits.window_max, 16);
	CU_ASSERT_EQUAL(conf->sites[1].limits.window, 2);
	CU_ASSERT_EQUAL(conf->sites[1].limits.window_max, 8);
	conf_free(conf);
}

static void a_route_is_a_host_and_a_port_that_takes_mail(void)
{
	static const struct {
		const char *text, *host;
		uint16_t port;
	} cases[] = {
		{ "Relay.Example.com:587", "relay.example.com", 587 },
		{ "relay.example.com", "relay.example.com", 0 },
		{ "192.0.2.7:24", "192.0.2.7", 24 },
		{ "[2001:DB8::7]:25", "2001:db8::7", 25 },
		{ "[2001:db8::7]", "2001:db8::7", 0 },
		{ "relay.example.com:26", NULL, 0 },
		{ "relay.example.com:", NULL, 0 },
		{ "relay.example.com:25x", NULL, 0 },
		{ "relay", NULL, 0 },
		{ "[relay.example.com]:25", NULL, 0 },
		{ "[2001:db8::7", NULL, 0 },
		{ "2001:db8::7", NULL, 0 },
		{ ":25", NULL, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[400], why[CONF_WHY_BYTES], shown[CONF_TEXT_BYTES];
		const struct conf_opt *o =
		    &conf_options[conf_option_find(CONF_BLOCK_SITE, "site.route")];
		struct conf *conf;

		snprintf(text, sizeof(text), CONF_FILE_WHOLE "site a.test { route = \"%s\" }\n",
		         cases[i].text);
		conf = load(text, why);
		if ((conf != NULL) != (cases[i].host != NULL))
			printf("\n    %s: %s", cases[i].text, why);
		CU_ASSERT_EQUAL(conf != NULL, cases[i].host != NULL);
		if (conf == NULL)
			continue;
		CU_ASSERT_STRING_EQUAL(conf->sites[0].limits.route.host, cases[i].host);
		CU_ASSERT_EQUAL(conf->sites[0].limits.route.port, cases[i].port);
		conf_value_text(o, conf, &conf->sites[0], 0, shown);
		CU_ASSERT_STRING_EQUAL(strcasecmp(shown, cases[i].text) == 0 ? "" : shown, "");
		conf_free(conf);
	}
}

/* RFC 8689 4.2.1: what DNS says of a domain names nobody. */
static void requiretls_hosts_are_those_that_blocks_are_called_as(void)
{
	static const char text[] =
	    CONF_FILE_WHOLE "site mx.a.test { requiretls = true }\n"
			    "site \"*.mail.test\" { requiretls = true }\n"
			    "site b.test { route = relay.test; requiretls = true }\n"
			    "site mx.c.test { rate = 1 }\n";
	static const struct {
		const char *host;
		bool want;
	} cases[] = { { "mx.a.test", true },   { "MX.A.test", true },   { "a.test", false },
		      { "b.test", false },     { "relay.test", false }, { "mx.c.test", false },
		      { "x.mail.test", true }, { "mail.test", false } };
	char why[CONF_WHY_BYTES];
	struct conf *conf = load(text, why);

	CU_ASSERT_STRING_EQUAL(why, "");
	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CU_ASSERT_EQUAL(conf_is_requiretls_host(conf, cases[i].host), cases[i].want);
	CU_ASSERT_TRUE(conf_limits_for(conf, "b.test", NULL).requiretls);
	conf_free(conf);
	CU_ASSERT_PTR_NULL(load(CONF_FILE_WHOLE "site \"*\" { requiretls = true }\n", why));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "\"*\" names no host"));
	conf = load(CONF_FILE_WHOLE "site \"*\" { requiretls = true; route = r.test }\n", why);
	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	conf_free(conf);
}

static void a_providers_host_asks_for_tls_unless_the_block_says_it(void)
{
	char why[CONF_WHY_BYTES];
	struct conf *conf = load(CONF_FILE_WHOLE "site a.test { tls = opportunistic }\n"
	                                         "site b.test { rate = 1 }\n",
	                         why);
	struct conf_limits a, b;

	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	a = conf_limits_for(conf, "a.test", "mx.a.test");
	b = conf_limits_for(conf, "b.test", "mx.b.test");
	CU_ASSERT_EQUAL(conf_provider_tls(&a, "aspmx.l.google.com"), DP_TLS_NONE);
	CU_ASSERT_EQUAL(conf_provider_tls(&b, "aspmx.l.google.com"), DP_TLS_ENCRYPT);
	CU_ASSERT_EQUAL(conf_provider_tls(&b, "MTA5.am0.yahoodns.net"), DP_TLS_ENCRYPT);
	CU_ASSERT_EQUAL(conf_provider_tls(&b, "mx.b.test"), DP_TLS_NONE);
	conf_free(conf);
}

static void a_family_is_preferred_everywhere_or_at_one_site(void)
{
	char why[CONF_WHY_BYTES];
	struct conf *conf = load(CONF_FILE_WHOLE "smtp.ip_preference = any\n"
	                                         "site a.test { ip_preference = ipv6 }\n"
	                                         "site b.test { }\n",
	                         why);

	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	CU_ASSERT_EQUAL(conf_limits_for(conf, "a.test", NULL).ip_preference, CONF_IP_IPV6);
	CU_ASSERT_EQUAL(conf_limits_for(conf, "b.test", NULL).ip_preference, CONF_IP_ANY);
	CU_ASSERT_EQUAL(conf_limits_for(conf, "c.test", NULL).ip_preference, CONF_IP_ANY);
	conf_free(conf);
	conf = load(CONF_FILE_WHOLE, why);
	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	CU_ASSERT_EQUAL(conf_limits_for(conf, "c.test", NULL).ip_preference, CONF_IP_IPV4);
	conf_free(conf);
}

/* It decides before DNS is asked: a block with a route is not found by an MX host's name. */
static void a_block_with_a_route_matches_domains_only(void)
{
	static const char text[] =
	    CONF_FILE_WHOLE "site \"*.mx.test\" { route = r.test; rate = 1 }\n"
			    "site \"*.mail.test\" { rate = 2 }\n"
			    "site \"*\" { rate = 3 }\n";
	char why[CONF_WHY_BYTES];
	struct conf *conf = load(text, why);

	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	CU_ASSERT_EQUAL(conf_limits_for(conf, "a.mx.test", NULL).rate_per_s, 1);
	CU_ASSERT_EQUAL(conf_limits_for(conf, "a.test", "b.mx.test").rate_per_s, 3);
	CU_ASSERT_EQUAL(conf_limits_for(conf, "a.test", "b.mail.test").rate_per_s, 2);
	CU_ASSERT_EQUAL(conf_limits_for(conf, "a.test", NULL).rate_per_s, 3);
	conf_free(conf);
}

/* RFC 4954 4: a secret goes to a host of the configuration, that TLS vouches for. */
static void a_credential_needs_a_named_and_verified_host(void)
{
	static const struct {
		const char *site, *says; /* NULL: fine */
	} cases[] = {
		{ "route = r.test:587; tls = verify; credential = c", NULL },
		{ "route = r.test:587; tls = encrypt; auth_in_clear = true; credential = c", NULL },
		{ "route = r.test:587; tls = encrypt; credential = c", "needs tls = verify" },
		{ "route = r.test:587; credential = c", "needs tls = verify" },
		{ "tls = verify; credential = c", "name one: route" },
		{ "route = r.test; tls = verify; credential = d", "none is called \"d\"" },
		{ "route = 192.0.2.1; tls = verify", "an address has no name" },
		{ "route = 192.0.2.1; requiretls = true",
		  "an address has no name that requiretls" },
		{ "route = 192.0.2.1; tls = encrypt", NULL },
		{ "protocol = lmtp", "no MX host speaks LMTP" },
		{ "protocol = lmtp; route = r.test:25", "not spoken on port 25" },
		{ "protocol = lmtp; route = 192.0.2.1", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[600], why[CONF_WHY_BYTES];
		struct conf *conf;

		snprintf(text, sizeof(text),
		         CONF_FILE_WHOLE "credential c { user = u; password_file = /p }\n"
		                         "site a.test { %s }\n",
		         cases[i].site);
		conf = load(text, why);
		if ((conf != NULL) != (cases[i].says == NULL))
			printf("\n    %s: %s", cases[i].site, why);
		CU_ASSERT_EQUAL(conf != NULL, cases[i].says == NULL);
		if (cases[i].says != NULL)
			CU_ASSERT_PTR_NOT_NULL(strstr(why, cases[i].says));
		conf_free(conf);
	}
}

static void a_credential_has_one_secret_that_fits_its_mechanism(void)
{
	static const struct {
		const char *block;
		bool fine;
	} cases[] = {
		{ "user = u; password_file = /p", true },
		{ "user = u; token_file = /p; mechanism = xoauth2", true },
		{ "user = u; password_file = /p; mechanism = login", true },
		{ "user = u", false },
		{ "user = u; password_file = /p; token_file = /t", false },
		{ "user = u; password_file = /p; mechanism = oauthbearer", false },
		{ "user = u; token_file = /p; mechanism = plain", false },
		{ "password_file = /p", false },
		{ "user = \"\"; password_file = /p", false },
		{ "user = u; password_file = p", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[600], why[CONF_WHY_BYTES];
		struct conf *conf;

		snprintf(text, sizeof(text), CONF_FILE_WHOLE "credential c { %s }\n",
		         cases[i].block);
		conf = load(text, why);
		if ((conf != NULL) != cases[i].fine)
			printf("\n    %s: %s", cases[i].block, why);
		CU_ASSERT_EQUAL(conf != NULL, cases[i].fine);
		conf_free(conf);
	}
}

SUITE("control/conf/conf_site", TEST(a_credential_needs_a_named_and_verified_host),
      TEST(a_credential_has_one_secret_that_fits_its_mechanism),
      TEST(sites_inherit_time_outs_and_equal_sets_are_one),
      TEST(a_reload_takes_the_time_outs_of_the_start_wherever_they_stand),
      TEST(a_window_for_all_is_one_for_the_proven_too),
      TEST(a_route_is_a_host_and_a_port_that_takes_mail),
      TEST(a_block_with_a_route_matches_domains_only),
      TEST(requiretls_hosts_are_those_that_blocks_are_called_as),
      TEST(a_providers_host_asks_for_tls_unless_the_block_says_it),
      TEST(a_family_is_preferred_everywhere_or_at_one_site))
