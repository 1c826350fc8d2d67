/* test_conf.c - files become configurations, or one line that says what is wrong with them. */
#include <errno.h>

#include "control/conf/conf.h"
#include "tests/control/conf/conf_file.h"
#include "tests/support/suite.h"

static struct conf *load(const char *text)
{
	char why[CONF_WHY_BYTES];
	struct conf *conf;

	if (conf_file_load(text, strlen(text), &conf, why) != 0)
		printf("\n    %s\n", why);
	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	return conf;
}

static void the_smallest_file_has_safe_defaults(void)
{
	struct conf *conf = load(CONF_FILE_WHOLE);

	CU_ASSERT_EQUAL(conf->egress.mode, CONF_EGRESS_SANDBOX);
	CU_ASSERT_EQUAL(conf->limits.conns_max, 10);
	CU_ASSERT_EQUAL(conf->limits.rate_per_s, 100);
	CU_ASSERT_EQUAL(conf->limits.msgs_per_conn_max, 100);
	CU_ASSERT_EQUAL(conf->worker.window, 1024);
	CU_ASSERT_EQUAL(conf->shutdown.drain_max_ms, 60000);
	CU_ASSERT_EQUAL(conf->sources[0].port, 0);
	CU_ASSERT_STRING_EQUAL(conf->sources[0].pool, "default");
	CU_ASSERT_STRING_EQUAL(conf->socket_path, "/var/lib/posthaste/posthaste.sock");
	CU_ASSERT_EQUAL(conf->retry.n_after, 6);
	CU_ASSERT_EQUAL(conf->retry.after_s[0], 600);
	conf_free(conf);
}

static void values_reach_their_fields(void)
{
	struct conf *conf = load(
	    "state_dir = \"/tmp/ph\"; bounce_domain = \"bounce.example.com\";\n"
	    "port \"p0\" { device = \"net_tap0,iface=ph0\"; "
	    "address = [\"10.9.0.2/24\", \"fd09::2/64\"]; gateway = \"10.9.0.1\";\n"
	    "  gateway6 = \"fd09::1\"; vlan = 12; mtu = 1400 }\n"
	    "port p1\n{\n device x\n address 10.8.0.2/24\n}\n"
	    "source s1 { port = p1; address = 10.8.0.10; address6 = fd09::10; helo = a.b; "
	    "pool = fast }\n"
	    "resolver { servers = [127.0.0.1, 127.0.0.1:5353, \"[::1]:54\", ::2];\n"
	    "  timeout = 1500ms }\n"
	    "egress { mode live; allow = [10.1.0.0/16] }\n"
	    "limits.rate = 50; retry { after = [5s, 10m]; give_up = 4d12h }\n"
	    "compose { slab: 2GiB, message_max: 1MiB }\nsmtp.pipelining = no\nlog.level debug\n");

	CU_ASSERT_STRING_EQUAL(conf->ports[0].device, "net_tap0,iface=ph0");
	CU_ASSERT_EQUAL(conf->ports[0].n_addrs, 2);
	CU_ASSERT_EQUAL(conf->ports[0].addrs[0].bits, 120);
	CU_ASSERT_EQUAL(conf->ports[0].vlan, 12);
	CU_ASSERT_EQUAL(conf->ports[0].mtu_bytes, 1400);
	CU_ASSERT(!ip_is_unset(&conf->ports[0].gateway6));
	CU_ASSERT(ip_is_unset(&conf->ports[1].gateway4));
	CU_ASSERT_EQUAL(conf->sources[0].port, 1);
	CU_ASSERT_STRING_EQUAL(conf->sources[0].pool, "fast");
	CU_ASSERT_EQUAL(conf->dns.n_servers, 4);
	CU_ASSERT_EQUAL(conf->dns.ports[0], 53);
	CU_ASSERT_EQUAL(conf->dns.ports[1], 5353);
	CU_ASSERT_EQUAL(conf->dns.ports[2], 54);
	CU_ASSERT_EQUAL(conf->dns.timeout_ms, 1500);
	CU_ASSERT_EQUAL(conf->egress.mode, CONF_EGRESS_LIVE);
	CU_ASSERT_EQUAL(conf->egress.allow[0].bits, 112);
	CU_ASSERT_EQUAL(conf->limits.rate_per_s, 50);
	CU_ASSERT_EQUAL(conf->retry.n_after, 2);
	CU_ASSERT_EQUAL(conf->retry.after_s[1], 600);
	CU_ASSERT_EQUAL(conf->retry.give_up_s, 4 * 86400 + 12 * 3600);
	CU_ASSERT_EQUAL(conf->compose.slab_bytes, 2ULL << 30);
	CU_ASSERT_EQUAL(conf->smtp.pipelining, false);
	CU_ASSERT_EQUAL(conf->log.level, 3);
	conf_free(conf);
}

static void json_is_a_configuration_too(void)
{
	struct conf *conf = load("{\n\"bounce_domain\": \"b.example.com\",\n"
	                         "\"port\": { \"p0\": { \"device\": \"tap\", \"mtu\": 1300,\n"
	                         "  \"address\": [\"10.9.0.2/24\"] } },\n"
	                         "\"source\": { \"s1\": { \"address\": \"10.9.0.10\", "
	                         "\"helo\": \"a.b\" } },\n"
	                         "\"resolver\": { \"servers\": [\"::1\"] }\n}\n");

	CU_ASSERT_EQUAL(conf->ports[0].mtu_bytes, 1300);
	CU_ASSERT_EQUAL(conf->n_sources, 1);
	conf_free(conf);
}

static void a_site_takes_from_limits_what_it_does_not_say(void)
{
	struct conf *conf = load("site Alpha.test { rate = 2000 }\nsite *.big.test { idle = 1s }\n"
	                         "limits { connections = 7; rate = 9 }\n" CONF_FILE_WHOLE);

	CU_ASSERT_EQUAL(conf_limits_for(conf, "alpha.TEST", NULL).rate_per_s, 2000);
	CU_ASSERT_EQUAL(conf_limits_for(conf, "alpha.test", NULL).conns_max, 7);
	CU_ASSERT_EQUAL(conf_limits_for(conf, "x.test", "mx1.big.test").idle_ms, 1000);
	CU_ASSERT_EQUAL(conf_limits_for(conf, "big.test", "mx.test").idle_ms, 5000);
	CU_ASSERT_EQUAL(conf_limits_for(conf, "x.test", NULL).rate_per_s, 9);
	conf_free(conf);
}

/* By MX host only: whose domain it is, nobody can say beforehand. */
static void a_provider_is_known_by_its_hosts_and_a_block_overrides_what_it_writes(void)
{
	static const struct {
		const char *why, *text, *domain, *mx;
		uint32_t tls, conns, msgs;
		const char *provider;
	} cases[] = {
		/* clang-format off */
		{ "google", "", "a.test", "gmail-smtp-in.l.google.com", DP_TLS_ENCRYPT, 5, 50, "google" },
		{ "yahoo", "", "a.test", "mta5.am0.yahoodns.net", DP_TLS_ENCRYPT, 10, 20, "yahoo" },
		{ "consumers", "", "a.test", "outlook-com.olc.protection.outlook.com", DP_TLS_ENCRYPT, 5, 50, "microsoft" },
		{ "tenants", "", "a.test", "a-test.mail.protection.outlook.com", DP_TLS_ENCRYPT, 5, 50, "microsoft" },
		{ "apple", "", "a.test", "mx01.mail.icloud.com", DP_TLS_ENCRYPT, 10, 5, "apple" },
		{ "a domain of that name is nobody", "", "x.google.com", "mx.a.test", DP_TLS_OPPORTUNISTIC, 10, 100, NULL },
		{ "nor is a longer name", "", "a.test", "mx.google.com.a.test", DP_TLS_OPPORTUNISTIC, 10, 100, NULL },
		{ "no host is known", "", "a.test", NULL, DP_TLS_OPPORTUNISTIC, 10, 100, NULL },
		{ "lower limits hold", "limits { connections = 2; messages_per_connection = 9 }\n", "a.test", "mx.l.google.com", DP_TLS_ENCRYPT, 2, 9, "google" },
		{ "a stricter policy holds", "tls.policy = verify\n", "a.test", "mx.l.google.com", DP_TLS_VERIFY, 5, 50, "google" },
		{ "a laxer one does not", "tls.policy = none\n", "a.test", "mx.l.google.com", DP_TLS_ENCRYPT, 5, 50, "google" },
		{ "a block for its hosts", "site \"*.google.com\" { connections = 40 }\n", "a.test", "mx.l.google.com", DP_TLS_ENCRYPT, 40, 50, "google" },
		{ "a block for the domain", "site a.test { rate = 1 }\n", "a.test", "mx.l.google.com", DP_TLS_ENCRYPT, 5, 50, "google" },
		{ "which writes its policy", "site a.test { tls = opportunistic }\n", "a.test", "mx.l.google.com", DP_TLS_OPPORTUNISTIC, 5, 50, "google" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[1024];
		struct conf *conf;
		struct conf_limits l;
		bool same;

		snprintf(text, sizeof(text), "%s%s", cases[i].text, CONF_FILE_WHOLE);
		conf = load(text);
		l = conf_limits_for(conf, cases[i].domain, cases[i].mx);
		same = l.tls == cases[i].tls && l.conns_max == cases[i].conns &&
		       l.msgs_per_conn_max == cases[i].msgs &&
		       (l.provider == NULL) == (cases[i].provider == NULL) &&
		       (l.provider == NULL || strcmp(l.provider, cases[i].provider) == 0);
		if (!same)
			printf("\n    %s: tls %u, %u connections, %u messages, %s", cases[i].why,
			       l.tls, l.conns_max, l.msgs_per_conn_max,
			       l.provider == NULL ? "nobody" : l.provider);
		CU_ASSERT_TRUE(same);
		conf_free(conf);
	}
}

static void a_class_and_a_tenant_ask_for_the_least_and_the_more_holds(void)
{
	struct conf *conf =
	    load("class transactional { tls_min = encrypt }\ntenant bank { tls_min = verify }\n"
	         "tenant shop { tls_min = opportunistic }\n" CONF_FILE_WHOLE);

	CU_ASSERT_EQUAL(conf_tls_min(conf, NULL, NULL), DP_TLS_NONE);
	CU_ASSERT_EQUAL(conf_tls_min(conf, "bulk", "nobody"), DP_TLS_NONE);
	CU_ASSERT_EQUAL(conf_tls_min(conf, "transactional", NULL), DP_TLS_ENCRYPT);
	CU_ASSERT_EQUAL(conf_tls_min(conf, "transactional", "shop"), DP_TLS_ENCRYPT);
	CU_ASSERT_EQUAL(conf_tls_min(conf, "bulk", "shop"), DP_TLS_OPPORTUNISTIC);
	CU_ASSERT_EQUAL(conf_tls_min(conf, "transactional", "bank"), DP_TLS_VERIFY);
	conf_free(conf);
}

static void a_tenant_says_what_reports_are_asked_for_and_else_its_class(void)
{
	struct conf *conf =
	    load("class bulk { dsn_notify = never; dsn_ret = hdrs }\n"
	         "tenant bank { dsn_notify = \"failure,delay\" }\n" CONF_FILE_WHOLE);
	struct conf_dsn dsn = conf_dsn(conf, "transactional", "nobody");

	CU_ASSERT_PTR_NULL(dsn.notify);
	CU_ASSERT_PTR_NULL(dsn.ret);
	dsn = conf_dsn(conf, "bulk", NULL);
	CU_ASSERT_STRING_EQUAL(dsn.notify, "never");
	CU_ASSERT_STRING_EQUAL(dsn.ret, "hdrs");
	dsn = conf_dsn(conf, "bulk", "bank");
	CU_ASSERT_STRING_EQUAL(dsn.notify, "failure,delay");
	CU_ASSERT_STRING_EQUAL(dsn.ret, "hdrs");
	conf_free(conf);
}

static void a_wrong_file_gives_one_line_that_says_where_and_what_to_do(void)
{
	static const struct {
		const char *why, *text, *want;
	} cases[] = {
		/* clang-format off */
		{ "a near name is suggested", "\n\nlimit.rate = 5\n",
		  "conf:3: unknown option \"limit.rate\"; did you mean \"limits.rate\"?" },
		{ "also in a block", "limits {\n rates = 5 }\n",
		  "conf:2: unknown option \"limits.rates\"; did you mean \"limits.rate\"?" },
		{ "and in a repeated one", "port p0 {\n dvice = x\n}\n",
		  "conf:2: unknown option \"port.dvice\"; did you mean \"port.device\"?" },
		{ "a block's option outside of one", "source.helo = a.b",
		  "conf:1: source.helo: belongs in a block; write source \"name\" { ... }" },
		{ "an empty block", CONF_FILE_WHOLE "source s2 {\n}",
		  "conf:4: source.helo: is missing in source \"s2\"; add it: what EHLO says; must resolve to its "
		  "address, and back" },
		{ "nothing is near", "frobnicate = 5",
		  "conf:1: unknown option \"frobnicate\"; control/conf/README.md lists all" },
		{ "a block nobody knows", "\nfrob { }",
		  "conf:2: unknown block \"frob\"; control/conf/README.md lists all" },
		{ "bounds are named", "limits { connections = 0 }",
		  "conf:1: limits.connections: 0 is out of bounds; use 1 to 100000" },
		{ "with their unit", "limits { idle = 1d }",
		  "conf:1: limits.idle: 1d is out of bounds; use 0s to 5m" },
		{ "a time wants its unit", "limits { idle = 5 }",
		  "conf:1: limits.idle: \"5\" is not a time with its unit; write it like 1500ms, 30s, 5m, 1h" },
		{ "a size too", "compose { slab = 10MB }",
		  "conf:1: compose.slab: \"10MB\" is not a size with its unit; write it like 512KiB, 64MiB, 2GiB" },
		{ "a number too large for any type", "limits { rate = 99999999999999999999 }",
		  "conf:1: limits.rate: \"99999999999999999999\" is not a number; write it like 100" },
		{ "a product that overflows", "compose { slab = 999999999999999999GiB }",
		  "conf:1: compose.slab: \"999999999999999999GiB\" is not a size with its unit; write it like 512KiB, 64MiB, 2GiB" },
		{ "negative numbers", "limits { rate = -1 }",
		  "conf:1: limits.rate: \"-1\" is not a number; write it like 100" },
		{ "a choice lists the choices", "egress { mode = sandbx }",
		  "conf:1: egress.mode: \"sandbx\" is not one of sandbox, live; did you mean \"sandbox\"?" },
		{ "neither true nor false", "smtp { pipelining = 2 }",
		  "conf:1: smtp.pipelining: \"2\" is neither true nor false; write one of the two" },
		{ "an option twice", "limits { rate = 1 }\nlimits.rate = 2",
		  "conf:2: limits.rate: written twice, first on line 1; remove one" },
		{ "a block twice", CONF_FILE_PORT CONF_FILE_PORT,
		  "conf:2: port: \"p0\" was there before; give this one another name" },
		{ "a block without name", "port { device = x }",
		  "conf:1: port: this block needs a name; write port \"p0\" { ... }" },
		{ "a name where none belongs", "limits \"x\" { rate = 1 }",
		  "conf:1: \"limits\" is not a block that takes a name; only port, source, site, credential, dkim, class and tenant are" },
		{ "a wrong block name", "source \"a b\" { }",
		  "conf:1: source: \"a b\" is not a name; use letters, digits, dot, hyphen and underscore" },
		{ "an address that is none", "egress { allow = [10.1.0.0/33] }",
		  "conf:1: egress.allow: \"10.1.0.0/33\" is not an address with a prefix length; write it like "
		  "192.0.2.1/24 or 2001:db8::1/64" },
		{ "the wrong family", "source s { address = ::1 }",
		  "conf:1: source.address: \"::1\" is not an IPv4 address; write it like 192.0.2.1" },
		{ "the unset address", "source s { address6 = \"::\" }",
		  "conf:1: source.address6: :: is no address that anybody has; leave the option out" },
		{ "a name server's port", "resolver { servers = \"[::1]:70000\" }",
		  "conf:1: resolver.servers: \"[::1]:70000\" is not a name server's address; write it like 192.0.2.1, "
		  "192.0.2.1:5353 or [2001:db8::1]:53" },
		{ "a port nobody may use", "egress { smtp_port = 26 }",
		  "conf:1: egress.smtp_port: 26 is not a port that takes mail; use 25, 24, 465 or 587" },
		{ "a name that is no host name", "source s { helo = localhost }",
		  "conf:1: source.helo: \"localhost\" is not a full host name; write it with its domain" },
		{ "letters of its own", "bounce_domain = b\xc3\xbc" "cher.test",
		  "conf:1: bounce_domain: \"b\xc3\xbc" "cher.test\" has letters outside of ASCII; write it as DNS has it, "
		  "like xn--bcher-kva.example.com (RFC 5890)" },
		{ "a label with a hyphen at its end", "bounce_domain = a-.test",
		  "conf:1: bounce_domain: \"a-.test\" is not a host name; labels are 1 to 63 letters, digits and "
		  "inner hyphens" },
		{ "a relative path", "state_dir = var",
		  "conf:1: state_dir: \"var\" is not an absolute path; let it begin with /" },
		{ "a list where one value belongs", "limits { rate = [1, 2] }",
		  "conf:1: limits.rate: takes one value, not a list; write limits.rate = value" },
		{ "an empty list there", "limits { rate = [] }",
		  "conf:1: limits.rate: takes one value, not an empty list; write limits.rate = value" },
		{ "no port", "bounce_domain = b.test",
		  "conf: no port; add port \"p0\" { ... }" },
		{ "no source", CONF_FILE_PORT,
		  "conf: no source; add source \"s1\" { ... }" },
		{ "no bounce domain", CONF_FILE_PORT CONF_FILE_SOURCE,
		  "conf: bounce_domain: is missing; add it: envelope senders are made under it, so that a later bounce "
		  "names its recipient" },
		{ "a source without HELO", CONF_FILE_PORT CONF_FILE_REST "source s { address = 10.1.1.1 }",
		  "conf:3: source.helo: is missing in source \"s\"; add it: what EHLO says; must resolve to its address, "
		  "and back" },
		{ "a source without address", CONF_FILE_PORT CONF_FILE_REST "source s {\n helo = a.b }",
		  "conf:3: source.address: source \"s\" has none; add address or address6" },
		{ "two ports, no choice made", CONF_FILE_WHOLE "port p1 { device = y; address = 10.8.0.1/24 }",
		  "conf:2: source.port: source \"s1\" does not say which of 2 ports; add port = \"p0\"" },
		{ "a port that is not there", CONF_FILE_WHOLE "source s2 { port = wan }",
		  "conf:4: source.port: no port is called \"wan\"; add port \"wan\" { ... }" },
		{ "one device twice", CONF_FILE_PORT CONF_FILE_REST
		  "port p1 { device = tap; address = 10.8.0.1/24 }\nsource s { port = p0; address = 10.1.1.1; helo = a.b }",
		  "conf:3: port.device: \"tap\" is port \"p0\" already; name another device" },
		{ "one address twice", CONF_FILE_WHOLE "\nsource s2 { address = 10.9.0.10; helo = a.b }",
		  "conf:5: source.address: 10.9.0.10 is source \"s1\" already; give \"s2\" its own" },
		{ "an MTU too small for IPv6", CONF_FILE_SOURCE CONF_FILE_REST
		  "port p { device = x; address = fd09::1/64\n mtu = 1000 }",
		  "conf:4: port.mtu: 1000 is too small for IPv6; use 1280 at least (RFC 8200 5)" },
		{ "several queues where one was asked for", CONF_FILE_SOURCE CONF_FILE_REST
		  "port p { device = x; address = 10.9.0.1/24\n queues = 2; landing = single }",
		  "conf:4: port.queues: 2, but port.landing = single has one queue; leave one of them out" },
		{ "numbers that do not fit together", CONF_FILE_WHOLE "store { batch_max = 100\n queue_max = 50 }",
		  "conf:5: store.batch_max: 100 is more than store.queue_max = 50; lower the first or raise the second" },
		{ "a signer without its key", CONF_FILE_WHOLE "dkim m { domain = a.test; selector = s }",
		  "conf:4: dkim.key: is missing in dkim \"m\"; add it: private key (PEM, RSA or Ed25519) that others "
		  "cannot read; read again on reload" },
		{ "a signature that ends before the last attempt", CONF_FILE_WHOLE "retry.give_up = 3d\n"
		  "dkim m { domain = a.test; selector = s; key = /k\n expires = 3d }",
		  "conf:6: dkim.expires: not longer than retry.give_up, when the last attempt may be; make it a day "
		  "longer at least, or leave it out" },
		{ "a list of headers without From", "dkim m { headers = \"To:Subject\" }",
		  "conf:1: dkim.headers: \"To:Subject\" lacks From, which must be signed (RFC 6376 5.4); add it" },
		{ "a list of headers with a stranger", "dkim m { headers = \"From: To\" }",
		  "conf:1: dkim.headers: \"From: To\" is no list of header fields; write it like From:To:Subject" },
		{ "a selector that ends its tag", "dkim m { selector = \"s;x=1\" }",
		  "conf:1: dkim.selector: \"s;x=1\" is not a name; use letters, digits, dot, hyphen and underscore" },
		{ "an unsubscribe address without TLS", "unsubscribe { url = \"http://u.test/\" }",
		  "conf:1: unsubscribe.url: \"http://u.test/\" is no https address; write it like https://u.example.com/u/" },
		{ "an unsubscribe address that ends its header", "unsubscribe { url = \"https://u.test/>\" }",
		  "conf:1: unsubscribe.url: \"https://u.test/>\" has characters that an address may not; use %XX for them" },
		{ "a mail address with parameters", "unsubscribe { mailto = \"u@a.test?cc=b@c.test\" }",
		  "conf:1: unsubscribe.mailto: \"u@a.test?cc=b@c.test\" is no plain address; write it like "
		  "unsubscribe@example.com" },
		{ "token keys that go too soon", "token { keep = 30d }",
		  "conf:1: token.keep: 30d is out of bounds; use 12w6d to 521w3d" },
		{ "a socket path too long by its folder", CONF_FILE_WHOLE "state_dir = "
		  "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  "conf:4: socket_path: \"/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "aaaaaaaaaaaaaaaaaaaa/posthaste.sock\" is too long for a socket; use at most 107 bytes, or set socket_path" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char why[CONF_WHY_BYTES];
		struct conf *conf;
		int err = conf_file_load(cases[i].text, strlen(cases[i].text), &conf, why);

		if (err != -EINVAL || strcmp(why, cases[i].want) != 0)
			printf("\n    %s:\n    got  %d %s\n    want %s", cases[i].why, err, why,
			       cases[i].want);
		CU_ASSERT_EQUAL(err, -EINVAL);
		CU_ASSERT_STRING_EQUAL(why, cases[i].want);
		CU_ASSERT_PTR_NULL(conf);
		conf_free(conf);
	}
}

static void a_file_that_is_not_there_is_told_with_its_path(void)
{
	char why[CONF_WHY_BYTES];
	struct conf *conf;

	CU_ASSERT_EQUAL(conf_load("/nonexistent/x", &conf, why), -ENOENT);
	CU_ASSERT_STRING_EQUAL(why, "/nonexistent/x: cannot be read: No such file or directory; "
	                            "check path and rights");
	CU_ASSERT_EQUAL(conf_load("/tmp", &conf, why), -EINVAL);
	CU_ASSERT_STRING_EQUAL(why, "/tmp: is not a file of at most 4 MiB; name a configuration "
	                            "file");
}

static void as_many_sources_as_there_is_room_for_are_read_and_no_more(void)
{
	size_t room = 1 << 20, used;
	char *text = malloc(room), why[CONF_WHY_BYTES];
	struct conf *conf;

	used = (size_t)sprintf(text, CONF_FILE_PORT CONF_FILE_REST);
	for (int i = 0; i < CONF_SOURCES_MAX; i++)
		used += (size_t)sprintf(text + used,
		                        "source s%d { address = 10.1.%d.%d; helo = a.b }\n", i,
		                        i / 256, i % 256);
	CU_ASSERT_EQUAL(conf_file_load(text, used, &conf, why), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	CU_ASSERT_EQUAL(conf->n_sources, CONF_SOURCES_MAX);
	CU_ASSERT_STRING_EQUAL(conf->sources[4095].name, "s4095");
	conf_free(conf);
	used += (size_t)sprintf(text + used, "source last { }\n");
	CU_ASSERT_EQUAL(conf_file_load(text, used, &conf, why), -EINVAL);
	CU_ASSERT_STRING_EQUAL(why, "conf:4099: source: more than 4096; remove this one");
	free(text);
}

SUITE("control/conf/conf", TEST(the_smallest_file_has_safe_defaults),
      TEST(values_reach_their_fields), TEST(json_is_a_configuration_too),
      TEST(a_site_takes_from_limits_what_it_does_not_say),
      TEST(a_provider_is_known_by_its_hosts_and_a_block_overrides_what_it_writes),
      TEST(a_tenant_says_what_reports_are_asked_for_and_else_its_class),
      TEST(a_class_and_a_tenant_ask_for_the_least_and_the_more_holds),
      TEST(a_wrong_file_gives_one_line_that_says_where_and_what_to_do),
      TEST(a_file_that_is_not_there_is_told_with_its_path),
      TEST(as_many_sources_as_there_is_room_for_are_read_and_no_more))
