/* test_conf_check.c - what is worked out from elsewhere; wrong pairs are in test_conf.c. */
#include "control/conf/conf_opt.h"
#include "tests/control/conf/conf_file.h"
#include "tests/support/suite.h"

static void name_servers_are_read_as_resolv_conf_writes_them(void)
{
	char path[] = "/tmp/posthaste-test-resolv-XXXXXX";
	FILE *f = fdopen(mkstemp(path), "w");
	struct ip_addr servers[2];
	char text[IP_TEXT_MAX];

	fputs("# comment\nsearch example.com\nnameserver 192.0.2.53\nnameserver\t 2001:db8::53 \n"
	      "nameserver nonsense\nnameserver\nnameserver 192.0.2.54\n",
	      f);
	fclose(f);
	CU_ASSERT_EQUAL(conf_resolv_read(path, servers, 2), 2);
	CU_ASSERT_STRING_EQUAL(ip_format(&servers[0], text), "192.0.2.53");
	CU_ASSERT_STRING_EQUAL(ip_format(&servers[1], text), "2001:db8::53");
	unlink(path);
	CU_ASSERT_EQUAL(conf_resolv_read(path, servers, 2), 0);
}

static void the_socket_lies_in_the_state_directory_unless_said(void)
{
	static const char moved[] = CONF_FILE_WHOLE "state_dir = /srv/ph\n";
	static const char named[] = CONF_FILE_WHOLE "socket_path = /run/ph.sock\n";
	char why[CONF_WHY_BYTES];
	struct conf *conf;

	CU_ASSERT_EQUAL_FATAL(conf_file_load(moved, sizeof(moved) - 1, &conf, why), 0);
	CU_ASSERT_STRING_EQUAL(conf->socket_path, "/srv/ph/posthaste.sock");
	conf_free(conf);
	CU_ASSERT_EQUAL_FATAL(conf_file_load(named, sizeof(named) - 1, &conf, why), 0);
	CU_ASSERT_STRING_EQUAL(conf->socket_path, "/run/ph.sock");
	conf_free(conf);
}

static void a_signature_outlives_the_last_attempt(void)
{
	static const char text[] =
	    CONF_FILE_WHOLE "retry.give_up = 2d\n"
			    "dkim a { domain = a.test; selector = s; key = /k }\n"
			    "dkim b { domain = b.test; selector = s; key = /k\n"
			    "expires = 3d; sign = named; "
			    "canonicalization = simple/relaxed }\n";
	char why[CONF_WHY_BYTES];
	struct conf *conf;

	CU_ASSERT_EQUAL_FATAL(conf_file_load(text, sizeof(text) - 1, &conf, why), 0);
	CU_ASSERT_EQUAL_FATAL(conf->n_dkim, 2);
	CU_ASSERT_EQUAL(conf->dkim[0].expires_s, 9 * 86400);
	CU_ASSERT_EQUAL(conf->dkim[0].sign, CONF_SIGN_FROM);
	CU_ASSERT_EQUAL(conf->dkim[0].canon, CONF_RELAXED_RELAXED);
	CU_ASSERT_EQUAL(conf->dkim[1].expires_s, 3 * 86400);
	CU_ASSERT_EQUAL(conf->dkim[1].sign, CONF_SIGN_NAMED);
	CU_ASSERT_EQUAL(conf->dkim[1].canon, CONF_SIMPLE_RELAXED);
	conf_free(conf);
}

static void no_signature_names_the_field_of_tags(void)
{
	static const char bad[] =
	    CONF_FILE_WHOLE "dkim a { domain = a.test; selector = s; key = /k\n"
			    "headers = \"From:x-posthaste-tag:To\" }\n";
	static const char good[] =
	    CONF_FILE_WHOLE "gate.tag_header = X-Other\n"
			    "dkim a { domain = a.test; selector = s; key = /k\n"
			    "headers = \"From:X-Posthaste-Tag\" }\n";
	char why[CONF_WHY_BYTES];
	struct conf *conf;

	CU_ASSERT_EQUAL(conf_file_load(bad, sizeof(bad) - 1, &conf, why), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "dkim.headers: names X-Posthaste-Tag"));
	CU_ASSERT_EQUAL_FATAL(conf_file_load(good, sizeof(good) - 1, &conf, why), 0);
	CU_ASSERT_STRING_EQUAL(conf->gate.tag_header, "X-Other");
	CU_ASSERT_STRING_EQUAL(conf->gate.rules, "");
	CU_ASSERT_EQUAL(conf->gate.pause_hits, 3);
	conf_free(conf);
}

SUITE("control/conf/conf_check", TEST(no_signature_names_the_field_of_tags),
      TEST(a_signature_outlives_the_last_attempt),
      TEST(name_servers_are_read_as_resolv_conf_writes_them),
      TEST(the_socket_lies_in_the_state_directory_unless_said))
