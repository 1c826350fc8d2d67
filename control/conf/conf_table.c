/* conf_table.c - every option there is, and the kinds of blocks they stand in. */
#include <string.h>
#include <strings.h>

#include "control/conf/conf_opt.h"
#include "control/dsn_words.h"
#include "dataplane/dp.h"

const char *conf_check_hostname(const char *text, int64_t n)
{
	size_t bytes = strlen(text), label = 0, labels = 1;

	(void)n;
	for (size_t i = 0; i < bytes; i++)
		if ((unsigned char)text[i] >= 0x80)
			return "has letters outside of ASCII; write it as DNS has it, like "
			       "xn--bcher-kva.example.com (RFC 5890)";
	if (bytes == 0 || bytes > 253)
		return "is not a host name of 1 to 253 bytes; write it like mta1.example.com";
	for (size_t i = 0; i <= bytes; i++) {
		char c = text[i];

		if (c == '.' || c == '\0') {
			if (label == 0 || label > 63 || text[i - 1] == '-')
				return "is not a host name; labels are 1 to 63 letters, digits and "
				       "inner hyphens";
			labels += c == '.';
			label = 0;
			continue;
		}
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      (c == '-' && label > 0)))
			return "is not a host name; use letters, digits, hyphens and dots";
		label++;
	}
	return labels < 2 ? "is not a full host name; write it with its domain" : NULL;
}

static const char *check_path(const char *text, int64_t n)
{
	(void)n;
	if (text[0] != '/')
		return "is not an absolute path; let it begin with /";
	return strlen(text) > 1000 ? "is too long for a path; use at most 1,000 bytes" : NULL;
}

/* What sockaddr_un holds. */
static const char *check_socket(const char *text, int64_t n)
{
	if (strlen(text) > 107)
		return "is too long for a socket; use at most 107 bytes";
	return check_path(text, n);
}

static const char *check_device(const char *text, int64_t n)
{
	(void)n;
	return text[0] == '\0' ? "names no device; write it like net_tap0,iface=ph0" : NULL;
}

static const char *check_word(const char *text)
{
	size_t bytes = strlen(text);

	if (bytes == 0 || bytes > 63)
		return "is not a name of 1 to 63 bytes; choose another";
	for (size_t i = 0; i < bytes; i++)
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-",
		           text[i]) == NULL)
			return "is not a name; use letters, digits, dot, hyphen and underscore";
	return NULL;
}

static const char *check_pool(const char *text, int64_t n)
{
	(void)n;
	return check_word(text);
}

static const char *check_class(const char *text)
{
	return strcmp(text, "bulk") == 0 || strcmp(text, "transactional") == 0
	           ? NULL
	           : "is no class of mail; use bulk or transactional";
}

static const char *check_match(const char *text)
{
	if (strcmp(text, "*") == 0)
		return NULL; /* every domain */
	return conf_check_hostname(strncmp(text, "*.", 2) == 0 ? text + 2 : text, 0);
}

/* DESIGN, egress guard: no other port can be configured. */
static const char *check_smtp_port(const char *text, int64_t n)
{
	(void)text;
	return n == 25 || n == 24 || n == 465 || n == 587
	           ? NULL
	           : "is not a port that takes mail; use 25, 24, 465 or 587";
}

/* RFC 6376 3.1: labels below _domainkey. */
static const char *check_selector(const char *text, int64_t n)
{
	(void)n;
	return check_word(text);
}

/* It stands in an AUTH exchange between NULs or ^A (RFC 4616 2, RFC 7628 3.1). */
static const char *check_user(const char *text, int64_t n)
{
	size_t bytes = strlen(text);

	(void)n;
	if (bytes == 0 || bytes > 255)
		return "is not a name of 1 to 255 bytes; write it as the host knows us";
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return "holds a control character; remove it";
	return NULL;
}

static const char *check_headers(const char *text, int64_t n)
{
	bool from = false;

	(void)n;
	for (const char *at = text; *at != '\0';) {
		size_t bytes = strcspn(at, ":");

		for (size_t i = 0; i < bytes; i++)
			if (at[i] <= ' ' || at[i] >= 0x7f || at[i] == ';')
				return "is no list of header fields; write it like From:To:Subject";
		if (bytes == 0 || bytes > 77)
			return "has a name of no or over 77 bytes; write it like From:To:Subject";
		from |= bytes == 4 && strncasecmp(at, "From", 4) == 0;
		at += bytes;
		if (*at == ':' && *++at == '\0')
			return "ends in a colon; take it away";
	}
	return from ? NULL : "lacks From, which must be signed (RFC 6376 5.4); add it";
}

/* RFC 8058 3.1: one-click needs HTTPS; the address stands in a header between < and >. */
static const char *check_url(const char *text, int64_t n)
{
	(void)n;
	if (text[0] == '\0')
		return NULL; /* none */
	if (strncmp(text, "https://", 8) != 0 || text[8] == '\0')
		return "is no https address; write it like https://u.example.com/u/";
	if (strlen(text) > 500)
		return "is over 500 bytes; shorten it";
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text >= 0x7f || strchr("<>\",", *text) != NULL)
			return "has characters that an address may not; use %XX for them";
	return NULL;
}

static const char *check_mailto(const char *text, int64_t n)
{
	const char *at = strchr(text, '@');

	(void)n;
	if (text[0] == '\0')
		return NULL; /* none */
	for (const char *c = text; *c != '\0'; c++)
		if (*c <= ' ' || *c >= 0x7f || strchr("<>\",?&#%:", *c) != NULL)
			return "is no plain address; write it like unsubscribe@example.com";
	if (at == NULL || at == text || strlen(text) > 254)
		return "is no address; write it like unsubscribe@example.com";
	return conf_check_hostname(at + 1, 0);
}

static const char *check_feedback_id(const char *text, int64_t n)
{
	size_t bytes = strlen(text);

	(void)n;
	return bytes < 5 || bytes > 15 ? "has not 5 to 15 characters; choose another"
	                               : check_word(text);
}

/* One line that a body can show; who sends nothing in bulk needs none. */
static const char *check_postal(const char *text, int64_t n)
{
	size_t bytes = strlen(text);

	(void)n;
	if (bytes == 0)
		return NULL;
	if (bytes < 10 || bytes > 500 || strchr(text, ' ') == NULL)
		return "is no postal address of 10 to 500 bytes; write it like Shop Ltd, 1 High "
		       "Street, Anytown";
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return "is not one line; write it with commas";
	return NULL;
}

/* Names of zones, with blanks between. */
static const char *check_zones(const char *text, int64_t n)
{
	char zone[256];
	size_t bytes;

	for (const char *at = text + strspn(text, " "); *at != '\0'; at += strspn(at, " ")) {
		bytes = strcspn(at, " ");
		if (bytes >= sizeof(zone))
			return "has a name of over 253 bytes";
		memcpy(zone, at, bytes);
		zone[bytes] = '\0';
		if (conf_check_hostname(zone, n) != NULL)
			return "is no list of zones; write it like \"zen.example.org "
			       "bl.example.net\"";
		at += bytes;
	}
	return strlen(text) > 1000 ? "is over 1,000 bytes" : NULL;
}

static const char *check_rules_path(const char *text, int64_t n)
{
	return text[0] == '\0' ? NULL : check_path(text, n);
}

/* RFC 5322 2.2: printable ASCII but the colon; ours is not one that says something already. */
static const char *check_field_name(const char *text, int64_t n)
{
	size_t bytes = strlen(text);

	(void)n;
	if (strncasecmp(text, "X-", 2) != 0 || bytes < 3 || bytes > 60)
		return "is no field of 3 to 60 bytes that begins with X-; write it like "
		       "X-Example-Tag";
	for (size_t i = 0; i < bytes; i++)
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-",
		           text[i]) == NULL)
			return "is no field name; use letters, digits and hyphens";
	return NULL;
}

static const char *check_dsn_notify(const char *text, int64_t n)
{
	(void)n;
	return dsn_notify_read(text) < 0 ? "is not " DSN_NOTIFY_RULE "; write it like failure,delay"
	                                 : NULL;
}

static const char *check_dsn_ret(const char *text, int64_t n)
{
	(void)n;
	return dsn_ret_read(text) < 0 ? "is not " DSN_RET_RULE "; write hdrs" : NULL;
}

static const char *const lint_dns[] = { "auto", "off", "warn", "refuse", NULL };
static const char *const egress_modes[] = { "sandbox", "live", NULL };
static const char *const tls_policies[] = {
#define DP_TLS(sym, name) name,
#include "dataplane/dp_tls.def"
#undef DP_TLS
	NULL
};
static const char *const ip_preferences[] = { "ipv4", "ipv6", "any", NULL };
static const char *const protocols[] = { "smtp", "lmtp", NULL };
static const char *const mechanisms[] = {
	"auto", "plain", "login", "xoauth2", "oauthbearer", NULL
};
static const char *const congestions[] = { "cubic", "newreno", NULL };
static const char *const idle_ways[] = { "adaptive", "poll", "sleep", NULL };
static const char *const landings[] = { "auto", "predict", "partition", "single", NULL };
static const char *const log_levels[] = { "error", "warn", "info", "debug", NULL };
static const char *const canons[] = { "relaxed/relaxed", "relaxed/simple", "simple/relaxed",
	                              "simple/simple", NULL };
static const char *const signs[] = { "from", "all", "named", NULL };
static_assert(CONF_RELAXED_RELAXED == 0 && CONF_SIMPLE_SIMPLE == 3, "as in canons");
static_assert(CONF_SIGN_FROM == 0 && CONF_SIGN_NAMED == 2, "as in signs");
static_assert(CONF_LINT_DNS_AUTO == 0 && CONF_LINT_DNS_REFUSE == 3, "as in lint_dns");
static_assert(CONF_EGRESS_SANDBOX == 0 && CONF_EGRESS_LIVE == 1, "as in egress_modes");
static_assert(CONF_IP_IPV4 == 0 && CONF_IP_ANY == 2, "as in ip_preferences");
static_assert(DP_PROTO_SMTP == 0 && DP_PROTO_LMTP == 1, "as in protocols");
static_assert(DP_AUTH_AUTO == 0 && DP_AUTH_OAUTHBEARER == 4, "as in mechanisms");
static_assert(DP_CONGESTION_CUBIC == 0 && DP_CONGESTION_NEWRENO == 1, "as in congestions");
static_assert(DP_IDLE_ADAPTIVE == 0 && DP_IDLE_SLEEP == 2, "as in idle_ways");
static_assert(DP_LANDING_AUTO == 0 && DP_LANDING_SINGLE == 3, "as in landings");
static_assert(DP_LOG_ERROR == 0 && DP_LOG_DEBUG == 3, "as in log_levels");

enum {
	S = 1000,
	MINUTE = 60,
	HOUR = 3600,
	DAY = 86400,
	KIB = 1 << 10,
	MIB = 1 << 20,
};

#define AT(f)   .at = offsetof(struct conf, f)
#define PORT(f) .block = CONF_BLOCK_PORT, .at = offsetof(struct conf_port, f)
#define OFFLOAD(sym)                                                                               \
	PORT(offloads[DP_OFFLOAD_##sym]), .type = CONF_TYPE_BOOL, .def = true, .when = CONF_AT_START
#define SRC(f)        .block = CONF_BLOCK_SOURCE, .at = offsetof(struct conf_source, f)
#define SITE(f)       .block = CONF_BLOCK_SITE, .at = offsetof(struct conf_site, limits.f)
#define CLASS(f)      .block = CONF_BLOCK_CLASS, .at = offsetof(struct conf_class, f)
#define TENANT(f)     .block = CONF_BLOCK_TENANT, .at = offsetof(struct conf_class, f)
#define CREDENTIAL(f) .block = CONF_BLOCK_CREDENTIAL, .at = offsetof(struct conf_credential, f)
#define DKIM(f)       .block = CONF_BLOCK_DKIM, .at = offsetof(struct conf_dkim, f)
#define INT(u, low, high, d)                                                                       \
	.type = CONF_TYPE_INT, .unit = CONF_UNIT_##u, .min = (low), .max = (high), .def = (d)
#define BIG(u, low, high, d)                                                                       \
	.type = CONF_TYPE_BIG, .unit = CONF_UNIT_##u, .min = (low), .max = (high), .def = (d)
#define STR(d)    .type = CONF_TYPE_STRING, .def_str = (d)
#define ONE_OF(c) .type = CONF_TYPE_CHOICE, .choices = (c)
#define NOW       .when = CONF_AT_START
#define RELOAD    .when = CONF_ON_RELOAD

/* clang-format off */
const struct conf_opt conf_options[] = {
	{ .name = "bounce_domain", AT(bounce_domain), STR(NULL), NOW, .required = true,
	  .check = conf_check_hostname,
	  .help = "envelope senders are made under it, so that a later bounce names its recipient" },
	{ .name = "campaigns_max", AT(campaigns_max), INT(NONE, 1, 100000, 1000), NOW,
	  .help = "campaigns kept in the state directory" },
	{ .name = "class.dsn_notify", CLASS(dsn_notify), STR(NULL), RELOAD, .check = check_dsn_notify,
	  .help = "reports its campaigns ask for (RFC 3461): never, or some of \"success,failure,delay\"; none" },
	{ .name = "class.dsn_ret", CLASS(dsn_ret), STR(NULL), RELOAD, .check = check_dsn_ret,
	  .help = "how much of the message they return: hdrs, full or none" },
	{ .name = "class.tls_min", CLASS(tls_min), ONE_OF(tls_policies), .def_str = "none", RELOAD,
	  .help = "the least that its mail asks for, whatever the site's policy, as tls.policy" },
	{ .name = "compose.message_max", AT(compose.message_bytes_max),
	  INT(BYTES, 4 * KIB, 64 * MIB, 4 * MIB), NOW,
	  .help = "largest composed message; a row that needs more fails" },
	{ .name = "compose.pause_failures", AT(compose.pause_failures), INT(NONE, 0, 1000000, 100),
	  RELOAD,
	  .help = "messages in a row that cannot be composed before their campaign is paused; 0: any number" },
	{ .name = "compose.slab", AT(compose.slab_bytes), BIG(BYTES, MIB, 64LL << 30, 64 * MIB), NOW,
	  .help = "memory for all composed messages in flight" },
	{ .name = "compose.threads", AT(compose.threads), INT(NONE, 1, 64, 1), NOW,
	  .help = "threads that compose and sign" },
	{ .name = "credential.mechanism", CREDENTIAL(mechanism), ONE_OF(mechanisms),
	  .def_str = "auto", RELOAD,
	  .help = "auto: the safest that the host offers and the secret fits; a token: xoauth2, oauthbearer" },
	{ .name = "credential.password_file", CREDENTIAL(password_path), STR(NULL), RELOAD,
	  .check = check_path,
	  .help = "its first line is the password; others cannot read it; watched" },
	{ .name = "credential.token_file", CREDENTIAL(token_path), STR(NULL), RELOAD,
	  .check = check_path,
	  .help = "its first line is the OAuth 2.0 access token; others cannot read it; watched" },
	{ .name = "credential.user", CREDENTIAL(user), STR(NULL), RELOAD, .required = true,
	  .check = check_user,
	  .help = "who we are to the host" },
	{ .name = "dkim.canonicalization", DKIM(canon), ONE_OF(canons), .def_str = "relaxed/relaxed",
	  RELOAD,
	  .help = "of header and body; relaxed survives servers that touch blanks (RFC 6376 3.4)" },
	{ .name = "dkim.domain", DKIM(domain), STR(NULL), RELOAD, .required = true,
	  .check = conf_check_hostname,
	  .help = "d= of the signature; with sign = from, of From or above it" },
	{ .name = "dkim.expires", DKIM(expires_s), INT(S, 0, 365 * DAY, 0), RELOAD,
	  .def_note = "retry.give_up and a week",
	  .help = "x= of the signature, since the first attempt; longer than retry.give_up" },
	{ .name = "dkim.headers", DKIM(headers), STR(NULL), RELOAD, .check = check_headers,
	  .def_note = "From:To:Subject:Date:Message-ID:Reply-To:List-Unsubscribe:"
	              "List-Unsubscribe-Post:Content-Type",
	  .help = "signed once more than they occur, so that none can be added; others just as they are" },
	{ .name = "dkim.key", DKIM(key_path), STR(NULL), RELOAD, .required = true,
	  .check = check_path,
	  .help = "private key (PEM, RSA or Ed25519) that others cannot read; read again on reload" },
	{ .name = "dkim.selector", DKIM(selector), STR(NULL), RELOAD, .required = true,
	  .check = check_selector,
	  .help = "s= of the signature; the key's record stands at SELECTOR._domainkey.DOMAIN" },
	{ .name = "dkim.sign", DKIM(sign), ONE_OF(signs), .def_str = "from", RELOAD,
	  .help = "from: what comes from its domain or beneath; all; named: campaigns with --dkim NAME" },
	{ .name = "egress.allow", AT(egress.allow), .type = CONF_TYPE_PREFIX, NOW,
	  .at_count = offsetof(struct conf, egress.n_allow), .n_max = CONF_LIST_MAX,
	  .help = "destinations allowed by name, beyond the ports' own networks" },
	{ .name = "egress.mode", AT(egress.mode), ONE_OF(egress_modes), .def_str = "sandbox", NOW,
	  .help = "sandbox: only the ports' own networks and egress.allow; live: the Internet" },
	{ .name = "egress.smtp_port", AT(egress.smtp_port), INT(NONE, 24, 587, 25), NOW,
	  .check = check_smtp_port,
	  .help = "TCP port of mail hosts: 25, 24, 465 or 587" },
	{ .name = "feedback_id", AT(feedback_id), STR("posthaste"), NOW, .check = check_feedback_id,
	  .help = "who sends, at the end of Feedback-ID; choose one and keep it" },
	{ .name = "gate.cycles_per_byte_max", AT(gate.cycles_max), INT(NONE, 0, 1000, 5), RELOAD,
	  .help = "rules that cost more of a worker's cycles a byte are refused; 0: however many" },
	{ .name = "gate.pause_hits", AT(gate.pause_hits), INT(NONE, 0, 1000000, 3), RELOAD,
	  .help = "recipients that stop rules may hold or reject before their campaign is paused; 0: any number" },
	{ .name = "gate.rules", AT(gate.rules), STR(""), RELOAD, .check = check_rules_path,
	  .def_note = "shipped, see `posthaste reference rules`",
	  .help = "file of rules that the content gate holds every message against; read again on reload" },
	{ .name = "gate.tag_header", AT(gate.tag_header), STR("X-Posthaste-Tag"), RELOAD,
	  .check = check_field_name,
	  .help = "field in which rules that tag put their id; no dkim.headers may name it" },
	{ .name = "hosts.bdat_works", AT(hosts.bdat_works_s), INT(S, 0, 365 * DAY, DAY), RELOAD,
	  .help = "a host that took a message by BDAT gets it in one flight with RCPT this long" },
	{ .name = "hosts.entries_max", AT(hosts.entries_max), INT(NONE, 16, 10000000, 100000), RELOAD,
	  .help = "host addresses that something is remembered of; the longest unused leave" },
	{ .name = "hosts.limits", AT(hosts.limits_s), INT(S, 0, 365 * DAY, DAY), RELOAD,
	  .help = "what a host said of its LIMITS (RFC 9422) holds this long" },
	{ .name = "hosts.no_8bitmime", AT(hosts.no_8bitmime_s), INT(S, 0, 365 * DAY, DAY), RELOAD,
	  .help = "a host without 8BITMIME is composed for as 7-bit this long" },
	{ .name = "hosts.no_chunking", AT(hosts.no_chunking_s), INT(S, 0, 365 * DAY, 7 * DAY), RELOAD,
	  .help = "a host that refused BDAT is not asked again for this long" },
	{ .name = "hosts.no_pipelining", AT(hosts.no_pipelining_s), INT(S, 0, 365 * DAY, 7 * DAY),
	  RELOAD,
	  .help = "a host that lost count of pipelined commands gets one at a time this long" },
	{ .name = "hosts.no_requiretls", AT(hosts.no_requiretls_s), INT(S, 0, 365 * DAY, HOUR), RELOAD,
	  .help = "a host that is named for REQUIRETLS and did not offer it is passed over this long" },
	{ .name = "hosts.tls", AT(hosts.tls_s), INT(S, 0, 365 * DAY, 30 * DAY), RELOAD,
	  .help = "a host that completed TLS is not sent to in the clear this long" },
	{ .name = "hosts.window", AT(hosts.window_s), INT(S, 0, 365 * DAY, DAY), RELOAD,
	  .help = "what was proven of a host's transactions in flight holds this long" },
	{ .name = "limits.connections", AT(limits.conns_max), INT(NONE, 1, 100000, 10), RELOAD,
	  .help = "connections from one source to one site" },
	{ .name = "limits.idle", AT(limits.idle_ms), INT(MS, 0, 300 * S, 5 * S), RELOAD,
	  .help = "an unused connection is kept this long" },
	{ .name = "limits.messages_per_connection", AT(limits.msgs_per_conn_max),
	  INT(NONE, 1, 1000000, 100), RELOAD,
	  .help = "messages before QUIT" },
	{ .name = "limits.rate", AT(limits.rate_per_s), INT(NONE, 1, 1000000, 100), RELOAD,
	  .help = "messages a second to one site" },
	{ .name = "limits.transactions_in_flight", AT(limits.window),
	  INT(NONE, 1, DP_WINDOW_MAX, 1), RELOAD,
	  .help = "unanswered transactions on a connection; more save round trips" },
	{ .name = "limits.transactions_in_flight_max", AT(limits.window_max),
	  INT(NONE, 1, DP_WINDOW_MAX, 4), RELOAD,
	  .help = "for hosts that have proven to take them: doubled after 256 answers, none lost" },
	{ .name = "lint.block_lists", AT(lint.block_lists), STR(""), NOW, .check = check_zones,
	  .help = "DNS zones that list addresses, with blanks between; sources are looked up there" },
	{ .name = "lint.dns", AT(lint.dns), ONE_OF(lint_dns), .def_str = "auto", NOW,
	  .help = "DNS is checked when a campaign starts: off, warn, refuse; auto: warn in live mode" },
	{ .name = "lint.domain_lists", AT(lint.domain_lists), STR(""), NOW, .check = check_zones,
	  .help = "DNS zones that list domains; those that links lead to are looked up there" },
	{ .name = "log.level", AT(log.level), ONE_OF(log_levels), .def_str = "info", RELOAD,
	  .help = "least important lines that are logged" },
	{ .name = "log.lines_per_second", AT(log.lines_per_s), INT(NONE, 0, 100000, 100), RELOAD,
	  .help = "lines a second below level error; 0: no limit" },
	{ .name = "port.address", PORT(addrs), .type = CONF_TYPE_PREFIX, NOW, .required = true,
	  .at_count = offsetof(struct conf_port, n_addrs), .n_max = CONF_PORT_ADDRS_MAX,
	  .help = "its own addresses with their networks" },
	{ .name = "port.device", PORT(device), STR(NULL), NOW, .required = true,
	  .check = check_device,
	  .help = "DPDK device: net_tap0,iface=ph0 or 0000:3b:00.0" },
	{ .name = "port.fragment_memory", PORT(fragment_bytes_max),
	  INT(BYTES, 0, 256 * MIB, 256 * KIB), NOW,
	  .help = "memory for datagrams that come in fragments; 0: they are dropped" },
	{ .name = "port.gateway", PORT(gateway4), .type = CONF_TYPE_ADDR4, NOW,
	  .help = "IPv4 router; none: only its own networks are reached" },
	{ .name = "port.gateway6", PORT(gateway6), .type = CONF_TYPE_ADDR6, NOW,
	  .help = "IPv6 router" },
	{ .name = "port.landing", PORT(landing), ONE_OF(landings), .def_str = "auto", NOW,
	  .help = "how replies find their worker: predict (by the device's hash), partition, single" },
	{ .name = "port.mtu", PORT(mtu_bytes), INT(NONE, 576, 9000, 1500), NOW,
	  .help = "largest IP packet in bytes; IPv6 needs 1280" },
	{ .name = "port.neighbour", PORT(neighbours), .type = CONF_TYPE_NEIGHBOUR, NOW,
	  .at_count = offsetof(struct conf_port, n_neighbours), .n_max = CONF_PORT_NEIGHBOURS_MAX,
	  .help = "stations on the link whose MAC addresses are fixed: they are not asked for" },
	{ .name = "port.offload_checksum_ip", OFFLOAD(CHECKSUM_IP),
	  .help = "the device writes IPv4 header checksums where it can" },
	{ .name = "port.offload_checksum_tcp", OFFLOAD(CHECKSUM_TCP),
	  .help = "the device writes TCP checksums where it can" },
	{ .name = "port.offload_multi_segs", OFFLOAD(MULTI_SEGS),
	  .help = "a frame may be a chain of buffers where the device takes it" },
	{ .name = "port.offload_rx_checksum", OFFLOAD(RX_CHECKSUM),
	  .help = "the device verifies received checksums where it can" },
	{ .name = "port.offload_tso", OFFLOAD(TSO),
	  .help = "the device cuts large segments where it can; needs the three others that send" },
	{ .name = "port.queues", PORT(queues), INT(NONE, 1, 16, 1), NOW,
	  .help = "queues of the device, each with a worker of its own" },
	{ .name = "port.vlan", PORT(vlan), INT(NONE, 0, 4094, 0), NOW,
	  .help = "VLAN tag; 0: untagged" },
	{ .name = "postal_address", AT(postal_address), STR(""), NOW, .check = check_postal,
	  .help = "of who sends, in one line; bulk mail must show it: {{ campaign.postal_address }}" },
	{ .name = "resolver.entries_max", AT(dns.entries_max), INT(NONE, 16, 10000000, 100000), NOW,
	  .help = "domains in the cache" },
	{ .name = "resolver.queries_max", AT(dns.queries_max), INT(NONE, 1, 10000, 200), NOW,
	  .help = "domains looked up at once; further ones wait" },
	{ .name = "resolver.servers", AT(dns.servers), .type = CONF_TYPE_SERVER, NOW,
	  .at_count = offsetof(struct conf, dns.n_servers),
	  .at_beside = offsetof(struct conf, dns.ports), .n_max = CONF_LIST_MAX,
	  .def_note = "those of /etc/resolv.conf",
	  .help = "name servers, with a port where it is not 53" },
	{ .name = "resolver.timeout", AT(dns.timeout_ms), INT(MS, 50, 60 * S, 2 * S), NOW,
	  .help = "patience for one answer" },
	{ .name = "resolver.tries", AT(dns.tries), INT(NONE, 1, 10, 2), NOW,
	  .help = "questions to each server before a look-up fails for now" },
	{ .name = "resolver.ttl_max", AT(dns.ttl_max_s), INT(S, 1, 7 * DAY, DAY), NOW,
	  .help = "an answer is kept no longer" },
	{ .name = "resolver.ttl_min", AT(dns.ttl_min_s), INT(S, 0, DAY, 30), NOW,
	  .help = "an answer is kept no shorter" },
	{ .name = "retry.after", AT(retry.after_s), .type = CONF_TYPE_SECONDS, RELOAD,
	  .unit = CONF_UNIT_S, .min = 1, .max = 7 * DAY,
	  .at_count = offsetof(struct conf, retry.n_after), .n_max = CONF_RETRY_STEPS_MAX,
	  .def_str = "10m 20m 40m 1h20m 2h40m 4h",
	  .help = "wait after the first, second, ... attempt; the last repeats" },
	{ .name = "retry.give_up", AT(retry.give_up_s), INT(S, 1, 30 * DAY, 5 * DAY), RELOAD,
	  .help = "since the first attempt; then the recipient expires (RFC 5321 4.5.4.1)" },
	{ .name = "retry.host", AT(retry.host_s), INT(S, 1, DAY, MINUTE), RELOAD,
	  .help = "a host that failed is avoided this long" },
	{ .name = "retry.unconfirmed", AT(retry.unconfirmed), INT(NONE, 0, 10, 1), RELOAD,
	  .help = "a message whose answer was lost is sent again so often; each may be a duplicate" },
	{ .name = "shutdown.drain_max", AT(shutdown.drain_max_ms), INT(MS, 0, 600 * S, 60 * S), NOW,
	  .help = "patience for unanswered transactions at the end" },
	{ .name = "site.auth_in_clear", SITE(auth_in_clear), .type = CONF_TYPE_BOOL, RELOAD,
	  .help = "send its credential though TLS or the host's name is not certain" },
	{ .name = "site.banner_timeout", SITE(times.banner_ms), INT(MS, 100, 3600 * S, 300 * S), RELOAD,
	  .def_note = "smtp.banner_timeout",
	  .help = "as smtp.banner_timeout; at a reload, a set of time-outs that a site had at the start" },
	{ .name = "site.body_timeout", SITE(times.body_ms), INT(MS, 100, 3600 * S, 180 * S), RELOAD,
	  .def_note = "smtp.body_timeout",
	  .help = "as smtp.body_timeout; at a reload, a set of time-outs that a site had at the start" },
	{ .name = "site.connect_timeout", SITE(times.connect_ms), INT(MS, 100, 300 * S, 30 * S), RELOAD,
	  .def_note = "smtp.connect_timeout",
	  .help = "as smtp.connect_timeout; at a reload, a set of time-outs that a site had at the start" },
	{ .name = "site.connections", SITE(conns_max), INT(NONE, 1, 100000, 10), RELOAD,
	  .def_note = "limits.connections",
	  .help = "connections from one source to this site" },
	{ .name = "site.credential", SITE(credential), STR(NULL), RELOAD, .check = check_pool,
	  .help = "the credential block to authenticate with; needs tls = verify" },
	{ .name = "site.data_timeout", SITE(times.data_ms), INT(MS, 100, 3600 * S, 120 * S), RELOAD,
	  .def_note = "smtp.data_timeout",
	  .help = "as smtp.data_timeout; at a reload, a set of time-outs that a site had at the start" },
	{ .name = "site.dot_timeout", SITE(times.dot_ms), INT(MS, 100, 3600 * S, 600 * S), RELOAD,
	  .def_note = "smtp.dot_timeout",
	  .help = "as smtp.dot_timeout; at a reload, a set of time-outs that a site had at the start" },
	{ .name = "site.ehlo_timeout", SITE(times.ehlo_ms), INT(MS, 100, 3600 * S, 300 * S), RELOAD,
	  .def_note = "smtp.ehlo_timeout",
	  .help = "as smtp.ehlo_timeout; at a reload, a set of time-outs that a site had at the start" },
	{ .name = "site.idle", SITE(idle_ms), INT(MS, 0, 300 * S, 5 * S), RELOAD,
	  .def_note = "limits.idle",
	  .help = "an unused connection is kept this long" },
	{ .name = "site.ip_preference", SITE(ip_preference), ONE_OF(ip_preferences), .def_str = "ipv4",
	  RELOAD, .def_note = "smtp.ip_preference",
	  .help = "ipv4, ipv6 or any, as smtp.ip_preference" },
	{ .name = "site.mail_timeout", SITE(times.mail_ms), INT(MS, 100, 3600 * S, 300 * S), RELOAD,
	  .def_note = "smtp.mail_timeout",
	  .help = "as smtp.mail_timeout; at a reload, a set of time-outs that a site had at the start" },
	{ .name = "site.messages_per_connection", SITE(msgs_per_conn_max),
	  INT(NONE, 1, 1000000, 100), RELOAD,
	  .def_note = "limits.messages_per_connection",
	  .help = "messages before QUIT" },
	{ .name = "site.protocol", SITE(protocol), ONE_OF(protocols), .def_str = "smtp", RELOAD,
	  .help = "lmtp (RFC 2033): a verdict per recipient after the message; port 24" },
	{ .name = "site.quit_timeout", SITE(times.quit_ms), INT(MS, 0, 300 * S, 5 * S), RELOAD,
	  .def_note = "smtp.quit_timeout",
	  .help = "as smtp.quit_timeout; at a reload, a set of time-outs that a site had at the start" },
	{ .name = "site.rate", SITE(rate_per_s), INT(NONE, 1, 1000000, 100), RELOAD,
	  .def_note = "limits.rate",
	  .help = "messages a second" },
	{ .name = "site.rcpt_timeout", SITE(times.rcpt_ms), INT(MS, 100, 3600 * S, 300 * S), RELOAD,
	  .def_note = "smtp.rcpt_timeout",
	  .help = "as smtp.rcpt_timeout; at a reload, a set of time-outs that a site had at the start" },
	{ .name = "site.rcpts_max", SITE(rcpts_max), INT(NONE, 1, DP_RCPTS_MAX, DP_RCPTS_MAX), RELOAD,
	  .def_note = "smtp.rcpts_max",
	  .help = "recipients of one message (--shared-copy) in one transaction" },
	{ .name = "site.requiretls", SITE(requiretls), .type = CONF_TYPE_BOOL, .def = false, RELOAD,
	  .help = "the host of its route, or the MX host it is named after, gets REQUIRETLS mail (RFC 8689)" },
	{ .name = "site.route", SITE(route), .type = CONF_TYPE_ROUTE, RELOAD,
	  .help = "host:port that takes the mail instead of the MX hosts; a name or an address" },
	{ .name = "site.rset_timeout", SITE(times.rset_ms), INT(MS, 100, 3600 * S, 60 * S), RELOAD,
	  .def_note = "smtp.rset_timeout",
	  .help = "as smtp.rset_timeout; at a reload, a set of time-outs that a site had at the start" },
	{ .name = "site.tls", SITE(tls), ONE_OF(tls_policies), .def_str = "opportunistic", RELOAD,
	  .def_note = "tls.policy",
	  .help = "none, opportunistic, encrypt or verify, as tls.policy" },
	{ .name = "site.transactions_in_flight", SITE(window), INT(NONE, 1, DP_WINDOW_MAX, 1), RELOAD,
	  .def_note = "limits.transactions_in_flight",
	  .help = "unanswered transactions on a connection" },
	{ .name = "site.transactions_in_flight_max", SITE(window_max),
	  INT(NONE, 1, DP_WINDOW_MAX, 4), RELOAD,
	  .def_note = "limits.transactions_in_flight_max",
	  .help = "the same, for hosts that have proven to take them" },
	{ .name = "smtp.banner_timeout", AT(limits.times.banner_ms), INT(MS, 100, 3600 * S, 300 * S), NOW,
	  .help = "patience for the greeting (this and the next: RFC 5321 4.5.3.2)" },
	{ .name = "smtp.body_timeout", AT(limits.times.body_ms), INT(MS, 100, 3600 * S, 180 * S), NOW,
	  .help = "patience for the peer to take data" },
	{ .name = "smtp.chunking", AT(smtp.chunking), .type = CONF_TYPE_BOOL, .def = true, NOW,
	  .help = "use CHUNKING where it is offered (RFC 3030)" },
	{ .name = "smtp.connect_timeout", AT(limits.times.connect_ms), INT(MS, 100, 300 * S, 30 * S), NOW,
	  .help = "patience for a connection" },
	{ .name = "smtp.data_timeout", AT(limits.times.data_ms), INT(MS, 100, 3600 * S, 120 * S), NOW,
	  .help = "patience for the answer to DATA" },
	{ .name = "smtp.dot_timeout", AT(limits.times.dot_ms), INT(MS, 100, 3600 * S, 600 * S), NOW,
	  .help = "patience for the answer to a whole message; a shorter one makes duplicates" },
	{ .name = "smtp.ehlo_timeout", AT(limits.times.ehlo_ms), INT(MS, 100, 3600 * S, 300 * S), NOW,
	  .help = "patience for the answer to EHLO and HELO" },
	{ .name = "smtp.ip_preference", AT(limits.ip_preference), ONE_OF(ip_preferences),
	  .def_str = "ipv4", RELOAD,
	  .help = "ipv4 or ipv6: such addresses of equal hosts first, if the source has one; any: at random" },
	{ .name = "smtp.mail_timeout", AT(limits.times.mail_ms), INT(MS, 100, 3600 * S, 300 * S), NOW,
	  .help = "patience for the answer to MAIL" },
	{ .name = "smtp.pipelining", AT(smtp.pipelining), .type = CONF_TYPE_BOOL, .def = true, NOW,
	  .help = "use PIPELINING where it is offered (RFC 2920)" },
	{ .name = "smtp.quit_timeout", AT(limits.times.quit_ms), INT(MS, 0, 300 * S, 5 * S), NOW,
	  .help = "patience for the answer to QUIT" },
	{ .name = "smtp.rcpt_timeout", AT(limits.times.rcpt_ms), INT(MS, 100, 3600 * S, 300 * S), NOW,
	  .help = "patience for the answer to RCPT" },
	{ .name = "smtp.rcpts_max", AT(limits.rcpts_max), INT(NONE, 1, DP_RCPTS_MAX, DP_RCPTS_MAX), RELOAD,
	  .help = "recipients of one message (--shared-copy) in one transaction" },
	{ .name = "smtp.reply_bytes_max", AT(smtp.reply_bytes_max),
	  INT(BYTES, 512, MIB, 64 * KIB), NOW,
	  .help = "largest reply, all its lines; a larger one ends the session" },
	{ .name = "smtp.reply_lines_max", AT(smtp.reply_lines_max), INT(NONE, 1, 10000, 128), NOW,
	  .help = "lines in one reply; one with more ends the session" },
	{ .name = "smtp.rset_timeout", AT(limits.times.rset_ms), INT(MS, 100, 3600 * S, 60 * S), NOW,
	  .help = "patience for the answer to RSET" },
	{ .name = "socket_path", AT(socket_path), STR(NULL), NOW, .check = check_socket,
	  .def_note = "posthaste.sock in state_dir",
	  .help = "the stats socket" },
	{ .name = "source.address", SRC(addr4), .type = CONF_TYPE_ADDR4, NOW,
	  .help = "IPv4 address it sends from" },
	{ .name = "source.address6", SRC(addr6), .type = CONF_TYPE_ADDR6, NOW,
	  .help = "IPv6 address it sends from" },
	{ .name = "source.helo", SRC(helo), STR(NULL), NOW, .required = true,
	  .check = conf_check_hostname,
	  .help = "what EHLO says; must resolve to its address, and back" },
	{ .name = "source.pool", SRC(pool), STR("default"), NOW, .check = check_pool,
	  .help = "sources of one pool share a campaign's messages" },
	{ .name = "source.port", SRC(port), .type = CONF_TYPE_PORT, NOW, .def = CONF_UNSET_PORT,
	  .def_note = "the only port",
	  .help = "the port it sends through" },
	{ .name = "state_dir", AT(state_dir), STR("/var/lib/posthaste"), NOW, .check = check_path,
	  .help = "everything that must survive" },
	{ .name = "store.batch_max", AT(store.batch_max), INT(NONE, 1, 1000000, 4096), NOW,
	  .help = "records made durable at once" },
	{ .name = "store.queue_max", AT(store.queue_max), INT(NONE, 16, 10000000, 65536), NOW,
	  .help = "records that wait to become durable" },
	{ .name = "tcp.congestion", AT(tcp.congestion), ONE_OF(congestions), .def_str = "cubic", NOW,
	  .help = "congestion control: cubic (RFC 9438) or newreno (RFC 6582)" },
	{ .name = "tcp.ecn", AT(tcp.ecn), .type = CONF_TYPE_BOOL, .def = false, NOW,
	  .help = "offer ECN; a SYN that is not answered is repeated without (RFC 3168)" },
	{ .name = "tcp.initial_window", AT(tcp.iw_segs), INT(NONE, 1, 10, 10), NOW,
	  .help = "segments of the first window (RFC 6928)" },
	{ .name = "tcp.keepalive", AT(tcp.keepalive_ms), INT(MS, 0, 24 * HOUR * S, 0), NOW,
	  .help = "an idle peer is asked after so long whether it is there; 0: never" },
	{ .name = "tcp.pacing", AT(tcp.pacing), .type = CONF_TYPE_BOOL, .def = false, NOW,
	  .help = "spread what a window allows over its round trip" },
	{ .name = "tcp.receive_window", AT(tcp.rx_window_bytes),
	  INT(BYTES, 4 * KIB, 16 * MIB, 16 * KIB), NOW,
	  .help = "what a peer may send ahead; replies are short" },
	{ .name = "tcp.resets_per_second", AT(tcp.rst_per_s), INT(NONE, 1, 1000000, 1000), NOW,
	  .help = "answers of a worker to segments that match no connection" },
	{ .name = "tcp.send_buffer", AT(tcp.tx_bytes_max), INT(BYTES, 8 * KIB, 64 * MIB, 64 * KIB),
	  NOW,
	  .help = "bytes of a connection that are unsent or unacknowledged" },
	{ .name = "tcp.time_wait_max", AT(tcp.time_wait_max), INT(NONE, 0, 1 << 24, 0), NOW,
	  .help = "ended connections a worker remembers; 0: computed from connections_max" },
	{ .name = "tcp.user_timeout", AT(tcp.user_timeout_ms),
	  INT(MS, 5 * S, HOUR * S, 120 * S), NOW,
	  .help = "patience for a peer that acknowledges nothing (RFC 5482)" },
	{ .name = "tenant.dsn_notify", TENANT(dsn_notify), STR(NULL), RELOAD, .check = check_dsn_notify,
	  .help = "reports this tenant's campaigns ask for, as class.dsn_notify, which it replaces" },
	{ .name = "tenant.dsn_ret", TENANT(dsn_ret), STR(NULL), RELOAD, .check = check_dsn_ret,
	  .help = "how much of the message they return, as class.dsn_ret, which it replaces" },
	{ .name = "tenant.tls_min", TENANT(tls_min), ONE_OF(tls_policies), .def_str = "none", RELOAD,
	  .help = "the least that this tenant's mail asks for, as class.tls_min" },
	{ .name = "tls.ca_file", AT(tls.ca_file), STR(CONF_CA_FILE), NOW, .check = check_path,
	  .help = "certificates of who may vouch for hosts' names (PEM)" },
	{ .name = "tls.clear_after_failure", AT(tls.clear_s), INT(S, 0, 3 * DAY, DAY), RELOAD,
	  .help = "a host whose handshakes fail gets mail in the clear this long, if opportunistic" },
	{ .name = "tls.policy", AT(limits.tls), ONE_OF(tls_policies), .def_str = "opportunistic",
	  RELOAD,
	  .help = "none; opportunistic: where offered; encrypt: or not at all; verify: the name too" },
	{ .name = "tls.sessions_max", AT(tls.sessions_max), INT(NONE, 0, 1000000, 4096), NOW,
	  .help = "tickets kept for resumption, a worker; each takes about 8 KiB" },
	{ .name = "token.keep", AT(token.keep_s), INT(S, 90 * DAY, 3650LL * DAY, 365 * DAY), NOW,
	  .help = "unsubscribe tokens are understood at least this long after they were made" },
	{ .name = "token.rotate", AT(token.rotate_s), INT(S, DAY, 3650LL * DAY, 30 * DAY), NOW,
	  .help = "a new key for unsubscribe tokens is made this often" },
	{ .name = "unsubscribe.mailto", AT(unsubscribe.mailto), STR(""), NOW,
	  .check = check_mailto,
	  .help = "address in List-Unsubscribe; the token is the subject" },
	{ .name = "unsubscribe.url", AT(unsubscribe.url), STR(""), NOW, .check = check_url,
	  .help = "https address in List-Unsubscribe (RFC 8058); the token is put at its end" },
	{ .name = "worker.buffers", AT(worker.buffers), INT(NONE, 0, 1 << 24, 0), NOW,
	  .help = "packet buffers a worker; 0: computed from connections_max" },
	{ .name = "worker.connections_max", AT(worker.conns_max), INT(NONE, 1, 1 << 20, 10000), NOW,
	  .help = "connections a worker" },
	{ .name = "worker.idle", AT(worker.idle), ONE_OF(idle_ways), .def_str = "adaptive", NOW,
	  .help = "adaptive: poll for 100 us after the last packet, then sleep; poll: for ever; sleep: at once" },
	{ .name = "worker.window", AT(worker.window), INT(NONE, 1, 65536, 1024), NOW,
	  .help = "recipients a worker holds until they are durable: the most that a crash repeats" },
};

const struct conf_block_kind conf_blocks[] = {
	[CONF_BLOCK_NONE]   = { .section = "" },
	[CONF_BLOCK_PORT]   = { "port", offsetof(struct conf, ports), offsetof(struct conf, n_ports),
	                        sizeof(struct conf_port), CONF_PORTS_MAX,
	                        offsetof(struct conf_port, name), CONF_AT_START, check_word, "p0",
	                        .may_miss = false },
	[CONF_BLOCK_SOURCE] = { "source", offsetof(struct conf, sources),
	                        offsetof(struct conf, n_sources), sizeof(struct conf_source),
	                        CONF_SOURCES_MAX, offsetof(struct conf_source, name), CONF_AT_START,
	                        check_word, "s1", .may_miss = false },
	[CONF_BLOCK_SITE]   = { "site", offsetof(struct conf, sites), offsetof(struct conf, n_sites),
	                        sizeof(struct conf_site), CONF_SITES_MAX,
	                        offsetof(struct conf_site, match), CONF_ON_RELOAD, check_match,
	                        "example.com", .may_miss = false },
	[CONF_BLOCK_CREDENTIAL] = { "credential", offsetof(struct conf, credentials),
	                        offsetof(struct conf, n_credentials),
	                        sizeof(struct conf_credential), CONF_CREDENTIALS_MAX,
	                        offsetof(struct conf_credential, name), CONF_ON_RELOAD, check_word,
	                        "relay", .may_miss = true },
	[CONF_BLOCK_DKIM]   = { "dkim", offsetof(struct conf, dkim), offsetof(struct conf, n_dkim),
	                        sizeof(struct conf_dkim), CONF_DKIM_MAX,
	                        offsetof(struct conf_dkim, name), CONF_ON_RELOAD, check_word,
	                        "main", .may_miss = true },
	[CONF_BLOCK_CLASS]  = { "class", offsetof(struct conf, classes),
	                        offsetof(struct conf, n_classes), sizeof(struct conf_class),
	                        CONF_CLASSES_MAX, offsetof(struct conf_class, name),
	                        CONF_ON_RELOAD, check_class, "bulk", .may_miss = true },
	[CONF_BLOCK_TENANT] = { "tenant", offsetof(struct conf, tenants),
	                        offsetof(struct conf, n_tenants), sizeof(struct conf_class),
	                        CONF_TENANTS_MAX, offsetof(struct conf_class, name),
	                        CONF_ON_RELOAD, check_word, "acme", .may_miss = true },
};
/* clang-format on */

const uint32_t conf_n_options = sizeof(conf_options) / sizeof(conf_options[0]);

int conf_option_find(enum conf_block block, const char *name)
{
	for (uint32_t i = 0; i < conf_n_options; i++)
		if (conf_options[i].block == block && strcmp(conf_options[i].name, name) == 0)
			return (int)i;
	return -1;
}

uint32_t conf_block_count(const struct conf *conf, enum conf_block block)
{
	if (block == CONF_BLOCK_NONE)
		return 1;
	return *(const uint32_t *)((const char *)conf + conf_blocks[block].at_count);
}

void *conf_block_at(const struct conf *conf, enum conf_block block, uint32_t n)
{
	const struct conf_block_kind *kind = &conf_blocks[block];
	char *array;

	if (block == CONF_BLOCK_NONE)
		return (void *)(uintptr_t)conf;
	memcpy(&array, (const char *)conf + kind->at, sizeof(array));
	return array + n * kind->bytes;
}

const char *conf_block_name(const struct conf *conf, enum conf_block block, uint32_t n)
{
	if (block == CONF_BLOCK_NONE)
		return "";
	return *(char *const *)((char *)conf_block_at(conf, block, n) + conf_blocks[block].at_name);
}
