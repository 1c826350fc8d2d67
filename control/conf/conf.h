/* conf.h - the configuration: one option table gives parser, defaults, bounds, reference.
 *
 * Life    conf_load() .. conf_free(); immutable between.
 * Thread  any may read.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "dataplane/base/addr.h"
#include "dataplane/dp.h"

enum {
	CONF_WHY_BYTES = 512, /* one line: file:line: what, why, what to do */
	CONF_LIST_MAX = 64,   /* addresses in a list option */
	CONF_PORT_ADDRS_MAX = 8,
	CONF_PORT_NEIGHBOURS_MAX = 16,
	CONF_PORTS_MAX = 8,
	CONF_SOURCES_MAX = 4096,
	CONF_SITES_MAX = 1024,
	CONF_CLASSES_MAX = 8,
	CONF_TENANTS_MAX = 4096,
	CONF_RETRY_STEPS_MAX = 30,
	CONF_DKIM_MAX = 512, /* keys in memory that is locked: two sets during a reload */
	CONF_CREDENTIALS_MAX = 256,
	CONF_ROUTE_BYTES = 256, /* a domain name and NUL */
};

/* Debian's; a system that lacks it can verify nobody, and need not until it is asked to. */
#define CONF_CA_FILE "/etc/ssl/certs/ca-certificates.crt"

enum conf_egress_mode { CONF_EGRESS_SANDBOX, CONF_EGRESS_LIVE };

struct conf_port {
	char *name;
	char *device;
	struct ip_prefix addrs[CONF_PORT_ADDRS_MAX];
	uint32_t n_addrs;
	struct ip_addr gateway4, gateway6; /* unset: none */
	struct ip_neighbour neighbours[CONF_PORT_NEIGHBOURS_MAX];
	uint32_t n_neighbours;
	uint32_t vlan, mtu_bytes, fragment_bytes_max;
	uint32_t queues;
	uint32_t landing;             /* enum dp_landing */
	bool offloads[DP_N_OFFLOADS]; /* may be used, by enum dp_offload */
};

struct conf_source {
	char *name;
	struct ip_addr addr4, addr6; /* unset: none */
	char *helo;
	char *pool;
	uint32_t port; /* index in ports */
};

/* Which family of addresses of hosts of one preference is tried first. */
enum conf_ip_preference { CONF_IP_IPV4, CONF_IP_IPV6, CONF_IP_ANY };

/* Where a site's mail goes instead of to its domains' MX hosts. */
struct conf_route {
	char host[CONF_ROUTE_BYTES]; /* a name, lower case, or an address; "": by MX */
	struct ip_addr addr;         /* of an address; unset: look the name up */
	uint16_t port;               /* host order; 0: by protocol */
};

/* What holds for one site: limits, and how it is spoken to. The default applies where no site block
 * matches; it has no route.
 */
struct conf_limits {
	uint32_t conns_max;          /* connections per (site, source) */
	uint32_t rate_per_s;         /* messages per second per site */
	uint32_t msgs_per_conn_max;  /* then QUIT */
	uint32_t idle_ms;            /* an idle session is closed after this */
	uint32_t tls;                /* enum dp_tls_policy */
	uint32_t window, window_max; /* transactions in flight: asked of all, of the proven */
	uint32_t rcpts_max;          /* recipients of one transaction */
	struct dp_times times;
	uint16_t times_set; /* which of conf.times, from 1; 0: those of the default */
	struct conf_route route;
	uint32_t protocol;      /* enum dp_proto */
	uint32_t ip_preference; /* enum conf_ip_preference */
	char *credential;       /* its name; NULL: none. Sites only, never inherited */
	uint32_t credential_id; /* what the data plane calls it; 0: none */
	uint32_t credential_no; /* its place in conf.credentials, from 1; 0: none */
	bool auth_in_clear;     /* credentials may go to a host nobody vouches for */
	bool requiretls;        /* its host, named here, may get REQUIRETLS mail (RFC 8689) */
	/* Written in a site block: the providers' table says nothing about it. */
	bool has_conns_max, has_msgs_max, has_tls;
	const char *provider; /* of provider.def; NULL: none */
};

struct conf_site {
	char *match; /* "alpha.test", "*.alpha.test": domain or MX host name */
	struct conf_limits limits;
};

enum conf_lint_dns {
	CONF_LINT_DNS_AUTO,
	CONF_LINT_DNS_OFF,
	CONF_LINT_DNS_WARN,
	CONF_LINT_DNS_REFUSE
};

/* One identity at a smarthost (RFC 4954). The secret is in a file, never here. */
struct conf_credential {
	char *name, *user;
	uint32_t id;                      /* what the data plane calls it; set when it was told */
	uint32_t mechanism;               /* enum dp_auth */
	char *password_path, *token_path; /* one of them; NULL: not that one */
};

enum conf_sign { CONF_SIGN_FROM, CONF_SIGN_ALL, CONF_SIGN_NAMED };
enum conf_canon {
	CONF_RELAXED_RELAXED,
	CONF_RELAXED_SIMPLE,
	CONF_SIMPLE_RELAXED,
	CONF_SIMPLE_SIMPLE
};

/* One DKIM signature: by which key, of what (templates/tpl.h says more). */
struct conf_dkim {
	char *name;
	char *domain, *selector, *key_path;
	char *headers;      /* over-signed fields, separated by colons; NULL: the usual ones */
	uint32_t canon;     /* enum conf_canon */
	uint32_t sign;      /* enum conf_sign */
	uint32_t expires_s; /* worked out when the file leaves it at 0 */
};

/* A class of mail, or a tenant: what is asked of all its mail. */
struct conf_class {
	char *name;
	uint32_t tls_min;           /* enum dp_tls_policy */
	char *dsn_notify, *dsn_ret; /* as dsn_words.h reads them; NULL: not said */
};

/* What campaigns ask of reports on delivery if they do not say it; NULL: nothing. */
struct conf_dsn {
	const char *notify, *ret;
};

struct conf {
	char *state_dir;
	char *socket_path; /* default: <state_dir>/posthaste.sock */
	char *bounce_domain;
	struct conf_port *ports;
	uint32_t n_ports;
	struct conf_source *sources;
	uint32_t n_sources;
	struct {
		struct ip_addr servers[CONF_LIST_MAX];
		uint16_t ports[CONF_LIST_MAX]; /* host order; 53 */
		uint32_t n_servers;
		uint32_t timeout_ms, tries;
		uint32_t ttl_min_s, ttl_max_s; /* what the cache makes of a TTL */
		uint32_t entries_max, queries_max;
	} dns;
	struct {
		enum conf_egress_mode mode;
		struct ip_prefix allow[CONF_LIST_MAX];
		uint32_t n_allow;
		uint32_t smtp_port; /* 25 */
	} egress;
	struct conf_limits limits;
	struct conf_site *sites;
	uint32_t n_sites;
	struct dp_times *times; /* sets of time-outs of sites that have their own */
	uint32_t n_times;
	struct conf_credential *credentials;
	uint32_t n_credentials;
	struct {
		uint32_t entries_max;
		/* By control/sched/host_fact.def: how long each is remembered. */
		uint32_t no_pipelining_s, no_chunking_s, bdat_works_s, no_8bitmime_s,
		    no_requiretls_s, tls_s, limits_s, window_s;
	} hosts;
	struct conf_dkim *dkim;
	uint32_t n_dkim;
	struct conf_class *classes, *tenants;
	uint32_t n_classes, n_tenants;
	struct {
		char *url, *mailto; /* "": none */
	} unsubscribe;
	struct {
		uint32_t rotate_s, keep_s;
	} token;
	char *feedback_id;    /* last part of Feedback-ID */
	char *postal_address; /* "": none */
	struct {
		uint32_t dns;                     /* enum conf_lint_dns */
		char *block_lists, *domain_lists; /* zones, with blanks between; "": none */
	} lint;
	struct {
		uint32_t after_s[CONF_RETRY_STEPS_MAX]; /* wait after attempt 1, 2, ...; the last
		                                           repeats */
		uint32_t n_after;
		uint32_t give_up_s;   /* since the first attempt: then the recipient expires */
		uint32_t host_s;      /* a host that failed is avoided this long */
		uint32_t unconfirmed; /* attempts after one whose answer was lost */
	} retry;
	struct {
		uint32_t conns_max, window, buffers;
		uint32_t idle; /* enum dp_idle */
	} worker;
	struct {
		uint32_t reply_lines_max, reply_bytes_max;
		bool pipelining, chunking;
	} smtp;
	struct {
		uint32_t threads;
		uint64_t slab_bytes; /* all composed messages in flight */
		uint32_t message_bytes_max;
		uint32_t pause_failures; /* in a row, before a campaign is paused; 0: never */
	} compose;
	struct {
		uint32_t batch_max; /* records in one durable batch */
		uint32_t queue_max; /* records waiting for one */
	} store;
	struct {
		uint32_t drain_max_ms;
	} shutdown;
	struct {
		uint32_t congestion; /* enum dp_congestion */
		bool ecn, pacing;
		uint32_t iw_segs, user_timeout_ms, keepalive_ms;
		uint32_t rx_window_bytes, tx_bytes_max;
		uint32_t time_wait_max; /* 0: by worker.connections_max */
		uint32_t rst_per_s;
	} tcp;
	struct {
		char *ca_file;    /* PEM */
		uint32_t clear_s; /* a host whose handshakes fail is sent to in the clear */
		uint32_t sessions_max;
	} tls;
	struct {
		uint32_t level; /* enum dp_log_level */
		uint32_t lines_per_s;
	} log;
	struct {
		char *rules;         /* "": the shipped ones */
		char *tag_header;    /* name of the field of tags */
		uint32_t cycles_max; /* of a byte; 0: however many */
		uint32_t pause_hits; /* messages stopped before a campaign is paused; 0: never */
	} gate;
	uint32_t campaigns_max;
};

/* Reads and checks `path`. Returns 0, or -errno with one line in `why`: "file:line: option: what is
 * wrong; what to do". Unknown options are errors, with the nearest known name.
 */
int conf_load(const char *path, struct conf **out, char why[CONF_WHY_BYTES]);

void conf_free(struct conf *conf);

/* Reads the name servers of a resolv.conf (resolv.conf(5)); 0 when none. */
uint32_t conf_resolv_read(const char *path, struct ip_addr *servers, uint32_t n_max);

/* What holds for a domain and its first MX host (NULL: not known yet): the first site block that
 * matches either, else the default; for the hosts of a provider (provider.def) no laxer than its
 * row, but for what the block writes. A block with a route matches domains only: it decides before
 * DNS is asked. Its strings are `conf`'s.
 */
struct conf_limits conf_limits_for(const struct conf *conf, const char *domain,
                                   const char *mx_host);

/* What the providers' table asks of TLS with a host (enum dp_tls_policy), wherever it stands in the
 * MX of a domain with these limits: nothing where the block of the domain says it.
 */
uint8_t conf_provider_tls(const struct conf_limits *limits, const char *mx_host);

/* Whether a host that DNS named may get REQUIRETLS mail: a site block without a route is called as
 * it is, and says so. Until DANE or MTA-STS vouch for what DNS says (RFC 8689 4.2.1).
 */
bool conf_is_requiretls_host(const struct conf *conf, const char *mx_host);

/* Numbers the sets of time-outs of `fresh` as `started`, whose data plane runs, has them. False
 * when it lacks one: that takes a restart.
 */
bool conf_adopt_times(struct conf *fresh, const struct conf *started);

/* The least that mail of that class and tenant asks of TLS (enum dp_tls_policy); NULL: not said. */
uint8_t conf_tls_min(const struct conf *conf, const char *class, const char *tenant);

/* Of a campaign of that class and tenant: what the tenant does not say, the class does. */
struct conf_dsn conf_dsn(const struct conf *conf, const char *class, const char *tenant);

/* Writes every option with its value and where it came from ("default", "file:line"), one a line,
 * secrets never; as text or as one JSON object.
 */
void conf_show(const struct conf *conf, bool json, FILE *out);

/* Names the first option whose change needs a restart, or NULL when `new` may replace `old` live.
 */
const char *conf_needs_restart(const struct conf *old, const struct conf *new);

/* Writes the reference of all options as a Markdown table, from the option table. */
void conf_reference(FILE *out);
