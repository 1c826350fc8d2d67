/* conf_check.c - what one option alone cannot know, and defaults that are worked out. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/conf/conf_opt.h"
#include "control/xalloc.h"
#include "dataplane/dp.h"

enum { RESOLV_LINE_BYTES = 512 };

int conf_wrong_at(const struct conf_loaded *ld, uint32_t line, char why[CONF_WHY_BYTES],
                  const char *fmt, ...)
{
	int n = line == 0 ? snprintf(why, CONF_WHY_BYTES, "%s: ", ld->file)
	                  : snprintf(why, CONF_WHY_BYTES, "%s:%u: ", ld->file, line);
	va_list ap;

	va_start(ap, fmt);
	if (n >= 0 && n < CONF_WHY_BYTES)
		vsnprintf(why + n, (size_t)(CONF_WHY_BYTES - n), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

uint32_t conf_block_line(const struct conf_loaded *ld, enum conf_block block, uint32_t instance)
{
	return conf_origin_line(ld, conf_n_options + block, instance);
}

uint32_t conf_line_of(const struct conf_loaded *ld, enum conf_block block, const char *name,
                      uint32_t instance)
{
	return conf_origin_line(ld, (uint32_t)conf_option_find(block, name), instance);
}

static int check_required(struct conf_loaded *ld, char *why)
{
	const struct conf *conf = &ld->conf;

	for (enum conf_block b = CONF_BLOCK_PORT; b <= CONF_BLOCK_SOURCE; b++)
		if (conf_block_count(conf, b) == 0)
			return conf_wrong_at(ld, 0, why, "no %s; add %s \"%s\" { ... }",
			                     conf_blocks[b].section, conf_blocks[b].section,
			                     conf_blocks[b].example);
	for (uint32_t i = 0; i < conf_n_options; i++) {
		const struct conf_opt *o = &conf_options[i];

		for (uint32_t n = 0; o->required && n < conf_block_count(conf, o->block); n++) {
			if (conf_value_count(o, conf_block_at(conf, o->block, n)) > 0)
				continue;
			if (o->block == CONF_BLOCK_NONE)
				return conf_wrong_at(ld, 0, why, "%s: is missing; add it: %s",
				                     o->name, o->help);
			return conf_wrong_at(ld, conf_block_line(ld, o->block, n), why,
			                     "%s: is missing in %s \"%s\"; add it: %s", o->name,
			                     conf_blocks[o->block].section,
			                     conf_block_name(conf, o->block, n), o->help);
		}
	}
	return 0;
}

/* Each queue is a worker's. */
static int check_queues(const struct conf_loaded *ld, char *why)
{
	const struct conf *conf = &ld->conf;
	uint32_t n = 0;

	for (uint32_t i = 0; i < conf->n_ports; i++) {
		uint32_t line = conf_line_of(ld, CONF_BLOCK_PORT, "port.queues", i);

		n += conf->ports[i].queues;
		if (conf->ports[i].landing == DP_LANDING_SINGLE && conf->ports[i].queues > 1)
			return conf_wrong_at(
			    ld, line, why,
			    "port.queues: %u, but port.landing = single has one queue; "
			    "leave one of them out",
			    conf->ports[i].queues);
		if (n > DP_WORKERS_MAX)
			return conf_wrong_at(
			    ld, line, why,
			    "port.queues: more than %d queues of all ports; lower it",
			    DP_WORKERS_MAX);
	}
	return 0;
}

static int check_ports(const struct conf_loaded *ld, char *why)
{
	const struct conf *conf = &ld->conf;

	for (uint32_t i = 0; i < conf->n_ports; i++) {
		const struct conf_port *p = &conf->ports[i];
		uint32_t line = conf_line_of(ld, CONF_BLOCK_PORT, "port.mtu", i);

		for (uint32_t j = 0; j < i; j++)
			if (strcmp(conf->ports[j].device, p->device) == 0)
				return conf_wrong_at(
				    ld, conf_line_of(ld, CONF_BLOCK_PORT, "port.device", i), why,
				    "port.device: \"%.100s\" is port \"%s\" already; name "
				    "another device",
				    p->device, conf->ports[j].name);
		for (uint32_t a = 0; a < p->n_addrs; a++)
			if (!ip_is_v4(&p->addrs[a].addr) && p->mtu_bytes < 1280)
				return conf_wrong_at(
				    ld, line, why,
				    "port.mtu: %u is too small for IPv6; use 1280 at least "
				    "(RFC 8200 5)",
				    p->mtu_bytes);
	}
	return 0;
}

/* One source address, to be sorted. */
struct owned {
	struct ip_addr addr;
	uint32_t source;
};

static int by_addr(const void *a, const void *b)
{
	const struct owned *x = a, *y = b;
	int cmp = memcmp(x->addr.b, y->addr.b, sizeof(x->addr.b));

	return cmp != 0 ? cmp : (x->source > y->source) - (x->source < y->source);
}

static int check_repeats(const struct conf_loaded *ld, char *why)
{
	const struct conf *conf = &ld->conf;
	struct owned *all = xcalloc(2 * (size_t)conf->n_sources + 1, sizeof(*all));
	uint32_t n = 0;
	int err = 0;

	for (uint32_t i = 0; i < conf->n_sources; i++) {
		if (!ip_is_unset(&conf->sources[i].addr4))
			all[n++] = (struct owned){ conf->sources[i].addr4, i };
		if (!ip_is_unset(&conf->sources[i].addr6))
			all[n++] = (struct owned){ conf->sources[i].addr6, i };
	}
	qsort(all, n, sizeof(*all), by_addr);
	for (uint32_t i = 1; i < n && err == 0; i++) {
		const char *name = ip_is_v4(&all[i].addr) ? "source.address" : "source.address6";
		char text[IP_TEXT_MAX];

		if (ip_eq(&all[i].addr, &all[i - 1].addr))
			err = conf_wrong_at(
			    ld, conf_line_of(ld, CONF_BLOCK_SOURCE, name, all[i].source), why,
			    "%s: %s is source \"%s\" already; give \"%s\" its own", name,
			    ip_format(&all[i].addr, text), conf->sources[all[i - 1].source].name,
			    conf->sources[all[i].source].name);
	}
	free(all);
	return err;
}

static int check_sources(struct conf_loaded *ld, char *why)
{
	struct conf *conf = &ld->conf;

	for (uint32_t i = 0; i < conf->n_sources; i++) {
		struct conf_source *s = &conf->sources[i];

		if (ip_is_unset(&s->addr4) && ip_is_unset(&s->addr6))
			return conf_wrong_at(
			    ld, conf_block_line(ld, CONF_BLOCK_SOURCE, i), why,
			    "source.address: source \"%s\" has none; add address or "
			    "address6",
			    s->name);
		if (s->port == CONF_UNSET_PORT && conf->n_ports > 1)
			return conf_wrong_at(
			    ld, conf_block_line(ld, CONF_BLOCK_SOURCE, i), why,
			    "source.port: source \"%s\" does not say which of %u ports; "
			    "add port = \"%s\"",
			    s->name, conf->n_ports, conf->ports[0].name);
		if (s->port == CONF_UNSET_PORT)
			s->port = 0;
	}
	return check_repeats(ld, why);
}

enum { DKIM_SLACK_S = 7 * 86400 };

/* A signature must outlive the last attempt, and the way to readers after it. */
static int check_dkim(struct conf_loaded *ld, char *why)
{
	struct conf *conf = &ld->conf;

	for (uint32_t i = 0; i < conf->n_dkim; i++) {
		struct conf_dkim *d = &conf->dkim[i];

		if (d->expires_s == 0)
			d->expires_s = conf->retry.give_up_s + DKIM_SLACK_S;
		if (d->expires_s <= conf->retry.give_up_s)
			return conf_wrong_at(
			    ld, conf_line_of(ld, CONF_BLOCK_DKIM, "dkim.expires", i), why,
			    "dkim.expires: not longer than retry.give_up, when the last "
			    "attempt may be; make it a day longer at least, or leave it out");
	}
	return 0;
}

/* A field that a signature names must be there when it is made; tags come later. */
static int check_tags(struct conf_loaded *ld, char *why)
{
	const struct conf *conf = &ld->conf;
	size_t bytes = strlen(conf->gate.tag_header);

	for (uint32_t i = 0; i < conf->n_dkim; i++) {
		const char *at = conf->dkim[i].headers;

		for (; at != NULL && *at != '\0'; at += strcspn(at, ":"), at += *at == ':')
			if (strcspn(at, ":") == bytes &&
			    strncasecmp(at, conf->gate.tag_header, bytes) == 0)
				return conf_wrong_at(
				    ld, conf_line_of(ld, CONF_BLOCK_DKIM, "dkim.headers", i), why,
				    "dkim.headers: names %s, which the content gate puts in "
				    "front of signed messages; leave it out, or change "
				    "gate.tag_header",
				    conf->gate.tag_header);
	}
	return 0;
}

/* Pairs of numbers of which one must not exceed the other. */
static int check_pairs(const struct conf_loaded *ld, char *why)
{
	const struct conf *c = &ld->conf;
	const struct {
		const char *small, *large;
		uint64_t small_value, large_value;
	} pairs[] = {
		{ "resolver.ttl_min", "resolver.ttl_max", c->dns.ttl_min_s, c->dns.ttl_max_s },
		{ "compose.message_max", "compose.slab", c->compose.message_bytes_max,
		  c->compose.slab_bytes },
		{ "store.batch_max", "store.queue_max", c->store.batch_max, c->store.queue_max },
		{ "worker.window", "store.queue_max", c->worker.window, c->store.queue_max },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		int small = conf_option_find(CONF_BLOCK_NONE, pairs[i].small);
		int large = conf_option_find(CONF_BLOCK_NONE, pairs[i].large);
		uint32_t a = conf_origin_line(ld, (uint32_t)small, 0);
		uint32_t b = conf_origin_line(ld, (uint32_t)large, 0);
		char text[2][CONF_TEXT_BYTES];

		if (pairs[i].small_value <= pairs[i].large_value)
			continue;
		conf_value_text(&conf_options[small], c, c, 0, text[0]);
		conf_value_text(&conf_options[large], c, c, 0, text[1]);
		return conf_wrong_at(
		    ld, a > b ? a : b, why,
		    "%s: %.40s is more than %s = %.40s; lower the first or raise the second",
		    pairs[i].small, text[0], pairs[i].large, text[1]);
	}
	return 0;
}

uint32_t conf_resolv_read(const char *path, struct ip_addr *servers, uint32_t n_max)
{
	char line[RESOLV_LINE_BYTES], *rest, *word;
	uint32_t n = 0;
	FILE *f = fopen(path, "re");

	while (f != NULL && n < n_max && fgets(line, sizeof(line), f) != NULL) {
		rest = line;
		word = strsep(&rest, " \t\n");
		if (strcmp(word, "nameserver") != 0)
			continue;
		while ((word = strsep(&rest, " \t\n")) != NULL && *word == '\0')
			;
		if (word != NULL && ip_parse(word, &servers[n]) == 0)
			n++;
	}
	if (f != NULL)
		fclose(f);
	return n;
}

static int fill_resolver(struct conf_loaded *ld, char *why)
{
	struct conf *conf = &ld->conf;

	if (conf->dns.n_servers > 0)
		return 0;
	conf->dns.n_servers =
	    conf_resolv_read("/etc/resolv.conf", conf->dns.servers, CONF_LIST_MAX);
	for (uint32_t i = 0; i < conf->dns.n_servers; i++)
		conf->dns.ports[i] = 53;
	if (conf->dns.n_servers == 0)
		return conf_wrong_at(
		    ld, conf_line_of(ld, CONF_BLOCK_NONE, "resolver.servers", 0), why,
		    "resolver.servers: none, and /etc/resolv.conf names none either; add "
		    "servers = [\"192.0.2.1\"]");
	return 0;
}

static int fill_socket(struct conf_loaded *ld, char *why)
{
	struct conf *conf = &ld->conf;
	int option = conf_option_find(CONF_BLOCK_NONE, "socket_path");
	const char *trouble;

	if (conf->socket_path != NULL)
		return 0;
	if (asprintf(&conf->socket_path, "%s/posthaste.sock", conf->state_dir) < 0)
		conf->socket_path = xcheck(NULL);
	trouble = conf_options[option].check(conf->socket_path, 0);
	if (trouble != NULL)
		return conf_wrong_at(ld, conf_line_of(ld, CONF_BLOCK_NONE, "state_dir", 0), why,
		                     "socket_path: \"%.150s\" %s, or set socket_path",
		                     conf->socket_path, trouble);
	return 0;
}

int conf_check(struct conf_loaded *ld, char why[CONF_WHY_BYTES])
{
	static int (*const checks[])(struct conf_loaded *, char *) = {
		check_required, check_sources, fill_socket,      fill_resolver,
		check_dkim,     check_tags,    conf_check_sites,
	};
	int err = 0;

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]) && err == 0; i++)
		err = checks[i](ld, why);
	if (err == 0)
		err = check_ports(ld, why);
	if (err == 0)
		err = check_queues(ld, why);
	return err == 0 ? check_pairs(ld, why) : err;
}
