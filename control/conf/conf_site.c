/* conf_site.c - what the blocks of sites and credentials must hold together, and their time-outs.
 */
#include <string.h>
#include <strings.h>

#include "control/conf/conf_opt.h"
#include "control/near.h"
#include "control/xalloc.h"

static const char *credential_at(const void *ctx, uint32_t n)
{
	const struct conf *conf = ctx;

	return n < conf->n_credentials ? conf->credentials[n].name : NULL;
}

static int find_credential(const struct conf_loaded *ld, uint32_t site, char *why)
{
	const struct conf *conf = &ld->conf;
	struct conf_limits *l = &conf->sites[site].limits;
	uint32_t line = conf_line_of(ld, CONF_BLOCK_SITE, "site.credential", site);
	const char *meant;

	for (uint32_t i = 0; i < conf->n_credentials; i++)
		if (strcmp(conf->credentials[i].name, l->credential) == 0)
			l->credential_no = i + 1;
	if (l->credential_no != 0)
		return 0;
	meant = near_find(l->credential, credential_at, conf);
	if (meant != NULL)
		return conf_wrong_at(ld, line, why,
		                     "site.credential: none is called \"%s\"; did you mean \"%s\"?",
		                     l->credential, meant);
	return conf_wrong_at(
	    ld, line, why, "site.credential: none is called \"%s\"; add credential \"%s\" { ... }",
	    l->credential, l->credential);
}

/* RFC 8689 4.2.1: a host that is certain, by a name that its certificate can show. */
static int check_requiretls(const struct conf_loaded *ld, uint32_t site, char *why)
{
	const struct conf_site *block = &ld->conf.sites[site];
	const struct conf_route *route = &block->limits.route;

	if (!block->limits.requiretls)
		return 0;
	if (route->host[0] == '\0' && strcmp(block->match, "*") == 0)
		return conf_wrong_at(
		    ld, conf_line_of(ld, CONF_BLOCK_SITE, "site.requiretls", site), why,
		    "site.requiretls: \"*\" names no host; call the block as the MX "
		    "host, or add route = host:port");
	if (!ip_is_unset(&route->addr))
		return conf_wrong_at(ld, conf_line_of(ld, CONF_BLOCK_SITE, "site.route", site), why,
		                     "site.route: an address has no name that requiretls could "
		                     "check; write the host's name");
	return 0;
}

/* RFC 4954 4: a secret only to whom it is meant for. */
static int check_site(const struct conf_loaded *ld, uint32_t site, char *why)
{
	const struct conf_limits *l = &ld->conf.sites[site].limits;
	bool is_name = l->route.host[0] != '\0' && ip_is_unset(&l->route.addr);
	int err = l->credential != NULL ? find_credential(ld, site, why) : 0;

	if (err != 0)
		return err;
	if (l->credential != NULL && l->route.host[0] == '\0')
		return conf_wrong_at(ld, conf_line_of(ld, CONF_BLOCK_SITE, "site.credential", site),
		                     why,
		                     "site.credential: goes to hosts of the configuration only; "
		                     "name one: route = host:port");
	if (l->credential != NULL && !l->auth_in_clear && l->tls != DP_TLS_VERIFY)
		return conf_wrong_at(ld, conf_line_of(ld, CONF_BLOCK_SITE, "site.credential", site),
		                     why,
		                     "site.credential: needs tls = verify; add it, or "
		                     "auth_in_clear = true if the way there is your own");
	if (l->tls == DP_TLS_VERIFY && l->route.host[0] != '\0' && !is_name)
		return conf_wrong_at(ld, conf_line_of(ld, CONF_BLOCK_SITE, "site.route", site), why,
		                     "site.route: an address has no name that tls = verify could "
		                     "check; write the host's name");
	if (l->protocol == DP_PROTO_LMTP && l->route.host[0] == '\0')
		return conf_wrong_at(ld, conf_line_of(ld, CONF_BLOCK_SITE, "site.protocol", site),
		                     why,
		                     "site.protocol: no MX host speaks LMTP (RFC 2033 3); add "
		                     "route = host:24");
	if (l->protocol == DP_PROTO_LMTP && l->route.port == 25)
		return conf_wrong_at(
		    ld, conf_line_of(ld, CONF_BLOCK_SITE, "site.route", site), why,
		    "site.route: LMTP is not spoken on port 25 (RFC 2033 3); use 24");
	return check_requiretls(ld, site, why);
}

static int check_windows(const struct conf_loaded *ld, const struct conf_limits *l,
                         enum conf_block block, uint32_t instance, const char *name, char *why)
{
	if (l->window <= l->window_max)
		return 0;
	/* Who asks for more of all hosts asks for it of those that have proven something. */
	if (conf_line_of(ld, block, name, instance) == 0)
		return 1;
	return conf_wrong_at(
	    ld, conf_line_of(ld, block, name, instance), why,
	    "%s: %u is less than the %u that all hosts get; raise it or leave it out", name,
	    l->window_max, l->window);
}

static int check_credentials(const struct conf_loaded *ld, char *why)
{
	for (uint32_t i = 0; i < ld->conf.n_credentials; i++) {
		const struct conf_credential *c = &ld->conf.credentials[i];
		bool takes_token =
		    c->mechanism == DP_AUTH_XOAUTH2 || c->mechanism == DP_AUTH_OAUTHBEARER;

		if ((c->password_path == NULL) == (c->token_path == NULL))
			return conf_wrong_at(ld, conf_block_line(ld, CONF_BLOCK_CREDENTIAL, i), why,
			                     "credential: \"%s\" needs a password_file or a "
			                     "token_file, one of them",
			                     c->name);
		if (c->mechanism != DP_AUTH_AUTO && takes_token != (c->token_path != NULL))
			return conf_wrong_at(
			    ld, conf_line_of(ld, CONF_BLOCK_CREDENTIAL, "credential.mechanism", i),
			    why,
			    "credential.mechanism: takes a %s; name a %s, or another mechanism",
			    takes_token ? "token" : "password",
			    takes_token ? "token_file" : "password_file");
	}
	return 0;
}

/* The number of a set of time-outs among `conf->times`, from 1; 0: there is none. */
static uint16_t find_times(const struct conf *conf, const struct dp_times *times)
{
	for (uint32_t i = 0; i < conf->n_times; i++)
		if (memcmp(&conf->times[i], times, sizeof(*times)) == 0)
			return (uint16_t)(i + 1);
	return 0;
}

static void number_times(struct conf *conf)
{
	conf->times = xcalloc(conf->n_sites + 1, sizeof(*conf->times));
	for (uint32_t i = 0; i < conf->n_sites; i++) {
		struct conf_limits *l = &conf->sites[i].limits;

		if (memcmp(&l->times, &conf->limits.times, sizeof(l->times)) == 0)
			continue;
		if (find_times(conf, &l->times) == 0)
			conf->times[conf->n_times++] = l->times;
		l->times_set = find_times(conf, &l->times);
	}
}

bool conf_adopt_times(struct conf *fresh, const struct conf *started)
{
	for (uint32_t i = 0; i < fresh->n_sites; i++) {
		struct conf_limits *l = &fresh->sites[i].limits;

		if (l->times_set == 0)
			continue;
		l->times_set = find_times(started, &l->times);
		if (l->times_set == 0)
			return false;
	}
	return true;
}

static void note_written(struct conf_loaded *ld)
{
	for (uint32_t i = 0; i < ld->conf.n_sites; i++) {
		struct conf_limits *l = &ld->conf.sites[i].limits;

		l->has_tls = conf_line_of(ld, CONF_BLOCK_SITE, "site.tls", i) != 0;
		l->has_conns_max = conf_line_of(ld, CONF_BLOCK_SITE, "site.connections", i) != 0;
		l->has_msgs_max =
		    conf_line_of(ld, CONF_BLOCK_SITE, "site.messages_per_connection", i) != 0;
	}
}

int conf_check_sites(struct conf_loaded *ld, char why[CONF_WHY_BYTES])
{
	struct conf *conf = &ld->conf;
	int err = check_credentials(ld, why);

	if (err == 0)
		err = check_windows(ld, &conf->limits, CONF_BLOCK_NONE, 0,
		                    "limits.transactions_in_flight_max", why);
	if (err > 0)
		conf->limits.window_max = conf->limits.window;
	for (uint32_t i = 0; i < conf->n_sites && err >= 0; i++) {
		struct conf_limits *l = &conf->sites[i].limits;

		err = check_site(ld, i, why);
		if (err == 0)
			err = check_windows(ld, l, CONF_BLOCK_SITE, i,
			                    "site.transactions_in_flight_max", why);
		if (err > 0)
			l->window_max = l->window;
	}
	if (err < 0)
		return err;
	note_written(ld);
	number_times(conf);
	return 0;
}

static bool matches(const char *match, const char *name)
{
	size_t match_bytes, name_bytes;

	if (strcmp(match, "*") == 0)
		return true;
	if (name == NULL)
		return false;
	if (match[0] != '*')
		return strcasecmp(match, name) == 0;
	match_bytes = strlen(match + 1);
	name_bytes = strlen(name);
	return name_bytes > match_bytes &&
	       strcasecmp(match + 1, name + name_bytes - match_bytes) == 0;
}

bool conf_is_requiretls_host(const struct conf *conf, const char *mx_host)
{
	for (uint32_t i = 0; i < conf->n_sites; i++) {
		const struct conf_limits *l = &conf->sites[i].limits;

		if (l->requiretls && l->route.host[0] == '\0' &&
		    matches(conf->sites[i].match, mx_host))
			return true;
	}
	return false;
}

static const struct provider {
	const char *name, *match;
	uint32_t conns_max, msgs_max;
} providers[] = {
#define PROVIDER(name, match, conns_max, msgs_max) { name, match, conns_max, msgs_max },
#include "control/conf/provider.def"
#undef PROVIDER
};

static const struct provider *provider_of(const char *mx_host)
{
	for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++)
		if (matches(providers[i].match, mx_host))
			return &providers[i];
	return NULL;
}

uint8_t conf_provider_tls(const struct conf_limits *limits, const char *mx_host)
{
	return !limits->has_tls && provider_of(mx_host) != NULL ? DP_TLS_ENCRYPT : DP_TLS_NONE;
}

static void apply(struct conf_limits *l, const struct provider *p)
{
	l->provider = p->name;
	if (!l->has_tls && l->tls < DP_TLS_ENCRYPT)
		l->tls = DP_TLS_ENCRYPT;
	if (!l->has_conns_max && l->conns_max > p->conns_max)
		l->conns_max = p->conns_max;
	if (!l->has_msgs_max && l->msgs_per_conn_max > p->msgs_max)
		l->msgs_per_conn_max = p->msgs_max;
}

struct conf_limits conf_limits_for(const struct conf *conf, const char *domain, const char *mx_host)
{
	const struct provider *provider = provider_of(mx_host);
	struct conf_limits l = conf->limits;

	for (uint32_t i = 0; i < conf->n_sites; i++) {
		const struct conf_site *site = &conf->sites[i];

		if (matches(site->match, domain) ||
		    (site->limits.route.host[0] == '\0' && matches(site->match, mx_host))) {
			l = site->limits;
			break;
		}
	}
	if (provider != NULL)
		apply(&l, provider);
	return l;
}
