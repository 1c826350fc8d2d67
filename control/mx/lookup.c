/* lookup.c - one domain being looked up: MX, then the addresses of every host, then an answer. */
#include "control/mx/lookup.h"

#include <assert.h>

#include "control/mx/query.h"
#include "control/mx/site.h"
#include "control/xalloc.h"

enum {
	ASKS_MAX = MX_HOSTS_MAX * 2, /* A and AAAA of each host, all at once */
	PARTIAL_S_MAX = 60,          /* an answer with a host missing for now is kept this long */
};

/* A question for the addresses of a host. */
struct ask {
	struct query query; /* its context is the look-up */
	uint32_t n_addrs;
	struct ip_addr addrs[MX_HOST_ADDRS_MAX];
};

struct host {
	char name[MX_NAME_BYTES];
	uint16_t preference;
};

struct lookup {
	struct resolver *resolver;
	lookup_done_fn *done;
	void *ctx;
	uint64_t *queries;
	char domain[MX_NAME_BYTES];
	bool has_ttl;
	uint32_t ttl_s;
	struct query mx;
	struct host hosts[MX_HOSTS_MAX];
	uint32_t n_hosts;
	bool is_host;              /* a host of the configuration: no MX is asked for */
	bool implicit;             /* no MX: the domain is its own host */
	struct ask asks[ASKS_MAX]; /* of host i: 2i for A, 2i + 1 for AAAA */
	uint32_t n_open;           /* questions not yet answered, and one while asking */
};

struct lookup *lookup_new(struct resolver *resolver, const char *domain, bool is_host,
                          lookup_done_fn *done, void *ctx)
{
	struct lookup *l = xcalloc(1, sizeof(*l));

	l->resolver = resolver;
	l->is_host = is_host;
	l->done = done;
	l->ctx = ctx;
	snprintf(l->domain, sizeof(l->domain), "%s", domain);
	return l;
}

void lookup_free(struct lookup *l)
{
	free(l);
}

static void use_ttl(struct lookup *l, uint32_t ttl_s)
{
	if (!l->has_ttl || ttl_s < l->ttl_s)
		l->ttl_s = ttl_s;
	l->has_ttl = true;
}

static void use_query_ttl(struct lookup *l, const struct query *q)
{
	if (q->has_ttl)
		use_ttl(l, q->ttl_s);
}

/* ---- the answer ---- */

static void finish(struct lookup *l, struct mx_answer *answer)
{
	struct lookup_result result = { .answer = answer,
		                        .has_ttl = l->has_ttl,
		                        .ttl_s = l->ttl_s };

	l->done(l->ctx, &result); /* `l` may be gone after this */
}

static void finish_bare(struct lookup *l, enum mx_fate fate, const char *why)
{
	struct mx_answer *a = xcalloc(1, sizeof(*a));

	a->refs = 1;
	a->fate = fate;
	snprintf(a->why, sizeof(a->why), "%s", why);
	finish(l, a);
}

static bool host_add(const struct lookup *l, uint32_t i, struct mx_host *to)
{
	const struct ask *v4 = &l->asks[2 * i], *v6 = v4 + 1;
	uint32_t n4 = v4->n_addrs;

	if (n4 + v6->n_addrs == 0)
		return false;
	/* neither family may crowd the other out */
	if (n4 + v6->n_addrs > MX_HOST_ADDRS_MAX && n4 > MX_HOST_ADDRS_MAX / 2)
		n4 = v6->n_addrs < MX_HOST_ADDRS_MAX / 2 ? MX_HOST_ADDRS_MAX - v6->n_addrs
		                                         : MX_HOST_ADDRS_MAX / 2;
	memcpy(to->name, l->hosts[i].name, sizeof(to->name));
	to->preference = l->hosts[i].preference;
	to->n_addrs = 0;
	for (uint32_t k = 0; k < n4; k++)
		to->addrs[to->n_addrs++] = v4->addrs[k];
	for (uint32_t k = 0; k < v6->n_addrs && to->n_addrs < MX_HOST_ADDRS_MAX; k++)
		to->addrs[to->n_addrs++] = v6->addrs[k];
	return true;
}

/* The key names the whole set, so that it does not change while a host's addresses are missing. */
static void set_site(const struct lookup *l, struct mx_answer *a)
{
	const char *names[MX_HOSTS_MAX];

	for (uint32_t i = 0; i < l->n_hosts; i++)
		names[i] = l->hosts[i].name;
	site_key(names, l->n_hosts, a->site);
}

static void finish_hosts(struct lookup *l)
{
	const struct ask *trouble = NULL;
	struct mx_answer *a;
	char why[160];

	for (uint32_t i = 0; i < 2 * l->n_hosts; i++)
		if (l->asks[i].query.end == QUERY_TROUBLE)
			trouble = &l->asks[i];
	a = xcalloc(1, sizeof(*a));
	a->refs = 1;
	a->hosts = xcalloc(l->n_hosts, sizeof(*a->hosts));
	for (uint32_t i = 0; i < l->n_hosts; i++)
		a->n_hosts += host_add(l, i, &a->hosts[a->n_hosts]);
	if (a->n_hosts != 0) {
		a->fate = MX_OK;
		snprintf(a->why, sizeof(a->why), "%s",
		         l->is_host    ? "host of the configuration, address"
		         : l->implicit ? "no MX, address"
		                       : "MX");
		set_site(l, a);
		if (trouble != NULL)
			use_ttl(l,
			        l->has_ttl && l->ttl_s < PARTIAL_S_MAX ? l->ttl_s : PARTIAL_S_MAX);
		finish(l, a);
		return;
	}
	mx_release(a);
	if (trouble != NULL) {
		snprintf(why, sizeof(why), "address of %.80s: %s", trouble->query.name,
		         trouble->query.trouble);
		finish_bare(l, MX_TRY_LATER, why);
	} else if (l->is_host) { /* no fault of any recipient */
		snprintf(why, sizeof(why), "host %.120s has no address", l->domain);
		finish_bare(l, MX_TRY_LATER, why);
	} else {
		finish_bare(l, MX_NO_HOSTS,
		            l->implicit ? "the domain has no MX and no address"
		                        : "no MX host of the domain has an address");
	}
}

/* ---- questions ---- */

static void on_addrs(struct query *q, const struct dns_answer *answer);

static void ask_hosts(struct lookup *l)
{
	l->n_open = 1; /* ours, so that an answer given at once does not end it early */
	for (uint32_t i = 0; i < 2 * l->n_hosts; i++) {
		struct ask *ask = &l->asks[i];

		ask->n_addrs = 0;
		l->n_open++;
		query_start(&ask->query, l->resolver, i % 2 == 0 ? DNS_TYPE_A : DNS_TYPE_AAAA,
		            l->hosts[i / 2].name, l->queries, on_addrs, l);
	}
	if (--l->n_open == 0)
		finish_hosts(l);
}

/* ---- MX ---- */

/* Keeps the best MX_HOSTS_MAX, by preference, equals as they came; each name once. */
static void insert_host(struct lookup *l, const struct dns_mx *mx)
{
	uint32_t at;

	for (at = 0; at < l->n_hosts && l->hosts[at].preference <= mx->preference; at++)
		if (strcmp(l->hosts[at].name, mx->host) == 0)
			return;
	for (uint32_t i = at; i < l->n_hosts; i++) { /* the same host, less preferred */
		if (strcmp(l->hosts[i].name, mx->host) != 0)
			continue;
		memmove(&l->hosts[i], &l->hosts[i + 1], (--l->n_hosts - i) * sizeof(l->hosts[0]));
		break;
	}
	if (at == MX_HOSTS_MAX)
		return;
	if (l->n_hosts == MX_HOSTS_MAX)
		l->n_hosts--;
	memmove(&l->hosts[at + 1], &l->hosts[at], (l->n_hosts - at) * sizeof(l->hosts[0]));
	memcpy(l->hosts[at].name, mx->host, sizeof(l->hosts[at].name));
	l->hosts[at].preference = mx->preference;
	l->n_hosts++;
}

static void on_mx_records(struct lookup *l, const struct dns_answer *answer)
{
	for (uint32_t i = 0; i < answer->n_mx; i++)
		if (strcmp(answer->mx[i].host, ".") != 0)
			insert_host(l, &answer->mx[i]);
	if (l->n_hosts != 0)
		ask_hosts(l);
	else if (answer->n_mx != 0) /* the root as only target; its preference should be 0 */
		finish_bare(l, MX_NULL, "null MX: the domain takes no mail (RFC 7505)");
	else
		finish_bare(l, MX_TRY_LATER, "MX: no record that can be used");
}

/* The name is its own host. */
static void ask_itself(struct lookup *l)
{
	memcpy(l->hosts[0].name, l->domain, sizeof(l->domain));
	l->n_hosts = 1;
	ask_hosts(l);
}

static void on_mx_end(struct query *q, const struct dns_answer *answer)
{
	struct lookup *l = q->ctx;
	char why[160];

	use_query_ttl(l, q);

	switch (q->end) {
	case QUERY_RECORDS:
		on_mx_records(l, answer);
		return;
	case QUERY_NO_RECORDS: /* RFC 5321 5.1: the implicit MX, preference 0 */
		l->implicit = true;
		ask_itself(l);
		return;
	case QUERY_NO_NAME:
		finish_bare(l, MX_NO_DOMAIN, "NXDOMAIN: the domain does not exist");
		return;
	case QUERY_TROUBLE:
		snprintf(why, sizeof(why), "MX of %.80s: %s", l->mx.name, l->mx.trouble);
		finish_bare(l, MX_TRY_LATER, why);
		return;
	case QUERY_OPEN:
		break;
	}
	assert(!"a question that ended says how");
}

static void on_addrs(struct query *q, const struct dns_answer *answer)
{
	struct lookup *l = q->ctx;
	struct ask *ask = (struct ask *)q; /* its first member */

	use_query_ttl(l, q);
	if (q->end == QUERY_RECORDS) {
		ask->n_addrs =
		    answer->n_addrs < MX_HOST_ADDRS_MAX ? answer->n_addrs : MX_HOST_ADDRS_MAX;
		memcpy(ask->addrs, answer->addrs, ask->n_addrs * sizeof(ask->addrs[0]));
	}
	assert(l->n_open != 0);
	if (--l->n_open == 0)
		finish_hosts(l);
}

void lookup_start(struct lookup *l, uint64_t *queries)
{
	l->queries = queries;
	if (l->is_host) {
		ask_itself(l);
		return;
	}
	query_start(&l->mx, l->resolver, DNS_TYPE_MX, l->domain, queries, on_mx_end, l);
}
