/* lint_dns.c - the linter's questions to the DNS, asked until no check wants more. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/lint/dns.h"
#include "control/lint_run.h"
#include "control/mx/batch.h"
#include "control/xalloc.h"

/* What lint_dns borrows. */
struct gathered {
	struct lint_dns in;
	struct lint_source *sources;
	struct lint_key *keys;
	char (*records)[TPL_RECORD_BYTES]; /* of keys */
	struct lint_rcpts *rcpts;
	char (*rcpt_names)[DNS_NAME_BYTES];
	const char **links;
	char mail_from[DP_ADDRESS_MAX + 1], mail_domain[DNS_NAME_BYTES],
	    from_domain[DNS_NAME_BYTES];
};

/* ---- gathering ---- */

static bool in_pool(const struct campaign *c, const struct conf_source *s)
{
	return c->spec.pool == NULL || strcmp(c->spec.pool, s->pool) == 0;
}

static void gather_sources(const struct lint_run *run, struct gathered *g)
{
	const struct conf *conf = run->conf;
	uint32_t n = conf == NULL ? 0 : conf->n_sources;

	g->in.sources = g->sources = xcalloc(2 * n + 1, sizeof(*g->sources));
	for (uint32_t i = 0; i < n; i++) {
		const struct conf_source *s = &conf->sources[i];
		const struct ip_addr *addrs[] = { &s->addr4, &s->addr6 };

		for (int k = 0; k < 2; k++)
			if (in_pool(run->c, s) && !ip_is_unset(addrs[k]))
				g->sources[g->in.n_sources++] =
				    (struct lint_source){ s->name, s->helo, *addrs[k] };
	}
}

static void gather_keys(const struct lint_run *run, const struct lint_samples *samples,
                        struct gathered *g)
{
	g->in.keys = g->keys = xcalloc(LINT_SIGNERS_MAX, sizeof(*g->keys));
	g->records = xcalloc(LINT_SIGNERS_MAX, sizeof(*g->records));
	for (uint32_t i = 0; i < samples->n_signers; i++) {
		const struct lint_signer *seen = &samples->signers[i];

		g->keys[i] = (struct lint_key){ seen->domain, seen->selector, NULL };
		for (uint32_t k = 0; run->signers != NULL && k < run->signers->n; k++) {
			const struct tpl_signer *s = &run->signers->at[k];

			if (strcasecmp(s->domain, seen->domain) != 0 ||
			    strcasecmp(s->selector, seen->selector) != 0)
				continue;
			tpl_key_record(s->key, g->records[i]);
			g->keys[i].record = g->records[i];
		}
	}
	g->in.n_keys = samples->n_signers;
}

static int larger_first(const void *a, const void *b)
{
	const struct lint_rcpts *x = a, *y = b;

	return (x->n < y->n) - (x->n > y->n);
}

/* The largest of all domains: sorted as a whole, a table holds a million at most. */
static void gather_rcpts(const struct lint_run *run, struct gathered *g)
{
	const struct table *t = run->c->table;
	uint32_t n = table_n_domains(t);

	g->rcpts = xcalloc(n + 1, sizeof(*g->rcpts));
	g->rcpt_names = xcalloc(n + 1, sizeof(*g->rcpt_names));
	for (uint32_t i = 0; i < n; i++) {
		struct table_domain d = table_domain(t, i);

		snprintf(g->rcpt_names[i], DNS_NAME_BYTES, "%.*s", (int)d.name.bytes,
		         (const char *)d.name.at);
		g->rcpts[i] = (struct lint_rcpts){ g->rcpt_names[i], d.n_rows };
	}
	qsort(g->rcpts, n, sizeof(*g->rcpts), larger_first);
	g->in.rcpts = g->rcpts;
	g->in.n_rcpts = n < LINT_RUN_DOMAINS ? n : LINT_RUN_DOMAINS;
	g->in.n_rcpts_left_out = n - g->in.n_rcpts;
}

static void gather(const struct lint_run *run, const struct lint_samples *samples,
                   struct gathered *g)
{
	size_t n;

	gather_sources(run, g);
	gather_keys(run, samples, g);
	gather_rcpts(run, g);
	if (fact_name(samples->from_domain, g->from_domain))
		g->in.from_domain = g->from_domain;
	if (run->conf != NULL || run->c->spec.return_path != NULL) {
		const char *sign;

		n = campaign_mail_from(run->c, 0, g->mail_from);
		g->mail_from[n] = '\0';
		sign = strrchr(g->mail_from, '@');
		if (sign != NULL && fact_name(sign + 1, g->mail_domain)) {
			g->in.mail_from = g->mail_from;
			g->in.mail_domain = g->mail_domain;
		}
	}
	g->in.block_lists = run->conf == NULL ? "" : run->conf->lint.block_lists;
	g->in.domain_lists = run->conf == NULL ? "" : run->conf->lint.domain_lists;
	g->links = xcalloc(LINT_LINK_DOMAINS_MAX, sizeof(*g->links));
	for (uint32_t i = 0; i < samples->n_link_domains; i++)
		g->links[i] = samples->link_domains[i];
	g->in.link_domains = g->links;
	g->in.n_link_domains = samples->n_link_domains;
}

static void gathered_fini(struct gathered *g)
{
	free(g->sources);
	free(g->keys);
	free(g->records);
	free(g->rcpts);
	free(g->rcpt_names);
	free(g->links);
}

/* ---- asking ---- */

struct asking {
	struct facts *facts;
	struct fact *pending[FACTS_MAX];
};

static void add_records(struct fact *f, const struct dns_answer *a)
{
	uint8_t text[FACT_TEXT_BYTES_MAX + 1];

	for (uint32_t i = 0; i < a->n_addrs; i++)
		fact_add_addr(f, &a->addrs[i]);
	for (uint32_t i = 0; i < a->n_mx; i++)
		fact_add_name(f, a->mx[i].host);
	for (uint32_t i = 0; i < a->n_names; i++)
		fact_add_name(f, a->names[i]);
	for (uint32_t i = 0; i < a->n_txt; i++) {
		size_t bytes = dns_txt_join(a->txt[i], text, sizeof(text));

		if (bytes < sizeof(text))
			fact_add_text(f, span_of(text, bytes));
	}
	f->has_soa = a->has_soa || a->n_soa > 0;
}

static void on_answer(void *ctx, uint32_t i, const struct query *q, const struct dns_answer *answer)
{
	static const enum fact_end ends[] = { [QUERY_OPEN] = FACT_TROUBLE,
		                              [QUERY_RECORDS] = FACT_RECORDS,
		                              [QUERY_NO_RECORDS] = FACT_NO_RECORDS,
		                              [QUERY_NO_NAME] = FACT_NO_NAME,
		                              [QUERY_TROUBLE] = FACT_TROUBLE };
	struct asking *k = ctx;
	struct fact *f = k->pending[i];

	add_records(f, answer);
	fact_set_end(k->facts, f, ends[q->end], q->trouble);
}

static void give_up(struct facts *facts, const char *why)
{
	struct fact *f;

	while ((f = facts_wanted(facts, 0)) != NULL)
		fact_set_end(facts, f, FACT_TROUBLE, why);
}

/* Asks for all that is wanted now. Returns false when nothing more can be asked. */
static bool ask_wanted(struct batch *b, struct facts *facts, const struct batch_limits *limits)
{
	uint32_t n = facts_n_wanted(facts);
	struct asking *k = xcalloc(1, sizeof(*k));
	struct batch_question *questions = xcalloc(n + 1, sizeof(*questions));
	int err;

	k->facts = facts;
	for (uint32_t i = 0; i < n; i++) {
		k->pending[i] = facts_wanted(facts, i);
		memcpy(questions[i].name, k->pending[i]->name, sizeof(questions[i].name));
		questions[i].type = k->pending[i]->type;
	}
	err = batch_ask(b, questions, n, limits, on_answer, k);
	free(questions);
	free(k);
	return err == 0;
}

static void ask_all(struct batch *b, const struct lint_run *run, const struct lint_dns *in,
                    struct lint_report *report)
{
	struct batch_limits limits = { .at_once_max = LINT_RUN_AT_ONCE,
		                       .wait_ms = LINT_RUN_WAIT_MS,
		                       .cancel = run->cancel };
	struct facts *facts = facts_new();
	bool can_ask = true;

	while (!lint_dns_round(in, facts, report)) {
		if (can_ask)
			can_ask = ask_wanted(b, facts, &limits);
		if (!can_ask)
			give_up(facts, "no answer in time");
	}
	facts_free(facts);
}

int lint_run_dns(const struct lint_run *run, const struct lint_samples *samples,
                 struct lint_report *report, char why[256])
{
	struct ip_addr servers[CONF_LIST_MAX];
	uint16_t ports[CONF_LIST_MAX];
	struct mx_conf mc = { .servers = servers, .ports = ports, .timeout_ms = 2000, .tries = 2 };
	struct gathered g = { 0 };
	struct batch *b;
	int err;

	if (run->conf != NULL) {
		mc = (struct mx_conf){ .servers = run->conf->dns.servers,
			               .ports = run->conf->dns.ports,
			               .n_servers = run->conf->dns.n_servers,
			               .timeout_ms = run->conf->dns.timeout_ms,
			               .tries = run->conf->dns.tries };
	} else {
		mc.n_servers = conf_resolv_read("/etc/resolv.conf", servers, CONF_LIST_MAX);
		for (uint32_t i = 0; i < mc.n_servers; i++)
			ports[i] = 53;
	}
	err = batch_open(&mc, &b, why);
	if (err != 0)
		return err;
	gather(run, samples, &g);
	ask_all(b, run, &g.in, report);
	gathered_fini(&g);
	batch_close(b);
	return 0;
}

void lint_run_no_dns(struct lint_report *report, const char *why)
{
	for (enum lint_id id = LINT_PTR; id <= LINT_NULL_MX; id++)
		if (id != LINT_DKIM_KEY && id != LINT_FROM_PROVIDER)
			lint_skip(report, id, why);
	lint_skip(report, LINT_LINK_LIST, why);
}
