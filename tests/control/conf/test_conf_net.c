/* test_conf_net.c - addresses with prefixes and ports, as written and as read back. */
#include <errno.h>
#include <string.h>

#include "control/conf/conf_opt.h"
#include "tests/support/suite.h"

static void servers_and_networks_are_written_as_they_are_read(void)
{
	static const struct {
		const char *option, *text, *want; /* NULL: refused */
	} cases[] = {
		{ "resolver.servers", "192.0.2.1", "192.0.2.1" },
		{ "resolver.servers", "192.0.2.1:53", "192.0.2.1" },
		{ "resolver.servers", "192.0.2.1:5353", "192.0.2.1:5353" },
		{ "resolver.servers", "2001:db8::1", "2001:db8::1" },
		{ "resolver.servers", "[2001:db8::1]", "2001:db8::1" },
		{ "resolver.servers", "[2001:DB8::1]:65535", "[2001:db8::1]:65535" },
		{ "resolver.servers", "[2001:db8::1]:0", NULL },
		{ "resolver.servers", "[2001:db8::1", NULL },
		{ "resolver.servers", "[2001:db8::1]x", NULL },
		{ "resolver.servers", "192.0.2.1:", NULL },
		{ "resolver.servers", "192.0.2.1:65536", NULL },
		{ "resolver.servers", "192.0.2.1:5x", NULL },
		{ "resolver.servers", "", NULL },
		{ "resolver.servers", "[]", NULL },
		{ "resolver.servers", ":53", NULL },
		{ "resolver.servers", "dns.example.com", NULL },
		{ "resolver.servers",
		  "1111111111111111111111111111111111111111111111111111111111111111", NULL },
		{ "egress.allow", "10.1.2.3/16", "10.1.2.3/16" },
		{ "egress.allow", "10.1.2.3", "10.1.2.3/32" },
		{ "egress.allow", "::/0", "::/0" },
		{ "egress.allow", "2001:db8::/129", NULL },
		{ "egress.allow", "10.0.0.0/", NULL },
		{ "port.neighbour", "192.0.2.1 02:00:5E:00:53:0a", "192.0.2.1 02:00:5e:00:53:0a" },
		{ "port.neighbour", "2001:db8::1 02:00:5e:00:53:01",
		  "2001:db8::1 02:00:5e:00:53:01" },
		{ "port.neighbour", "192.0.2.1", NULL },
		{ "port.neighbour", "02:00:5e:00:53:01", NULL },
		{ "port.neighbour", "192.0.2.1 02:00:5e:00:53", NULL },
		{ "port.neighbour", "192.0.2.1 02:00:5e:00:53:01:02", NULL },
		{ "port.neighbour", "192.0.2.1 02:00:5e:00:53:1", NULL },
		{ "port.neighbour", "192.0.2.1 02-00-5e-00-53-01", NULL },
		{ "port.neighbour", "192.0.2.1 0x:00:5e:00:53:01", NULL },
		{ "port.neighbour", "192.0.2.1 03:00:5e:00:53:01", NULL },
		{ "port.neighbour", "192.0.2.1 00:00:00:00:00:00", NULL },
		{ "port.neighbour", "224.0.0.1 02:00:5e:00:53:01", NULL },
		{ "port.neighbour",
		  "1111111111111111111111111111111111111111111111111111111111111111 "
		  "02:00:5e:00:53:01",
		  NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static struct conf conf;
		static struct conf_port port;
		bool in_port = strncmp(cases[i].option, "port.", 5) == 0;
		void *base = in_port ? (void *)&port : (void *)&conf;
		const struct conf_opt *o = &conf_options[conf_option_find(
		    in_port ? CONF_BLOCK_PORT : CONF_BLOCK_NONE, cases[i].option)];
		char *value = (char *)(uintptr_t)cases[i].text, why[CONF_WHY_BYTES];
		char text[CONF_TEXT_BYTES] = "";
		int err = conf_value_set(o, &conf, base, &value, 1, why);

		if (err == 0)
			conf_value_text(o, &conf, base, 0, text);
		if ((err == 0) != (cases[i].want != NULL))
			printf("\n    %s: %d %s", cases[i].text, err, err == 0 ? text : why);
		CU_ASSERT_EQUAL(err, cases[i].want == NULL ? -EINVAL : 0);
		CU_ASSERT_STRING_EQUAL(text, cases[i].want == NULL ? "" : cases[i].want);
	}
}

SUITE("control/conf/conf_net", TEST(servers_and_networks_are_written_as_they_are_read))
