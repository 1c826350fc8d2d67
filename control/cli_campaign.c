/* cli_campaign.c - a campaign as a person watches it. */
#include "control/cli_campaign.h"

#include <inttypes.h>
#include <stdlib.h>

#include "control/xalloc.h"

enum {
	RATE_SAMPLES =
	    sizeof(((struct cli_rate *)0)->samples) / sizeof(((struct cli_rate *)0)->samples[0]),
	DOMAINS_SHOWN_MAX = 40,
};

uint64_t cli_rate_add(struct cli_rate *r, uint64_t now_us, uint64_t done)
{
	uint32_t oldest = r->n < RATE_SAMPLES ? 0 : r->next;
	uint64_t us, more;

	if (r->n == 0) {
		oldest = r->next;
		r->samples[oldest].at_us = now_us;
		r->samples[oldest].done = done;
	}
	us = now_us - r->samples[oldest].at_us;
	more = done - r->samples[oldest].done;
	r->samples[r->next].at_us = now_us;
	r->samples[r->next].done = done;
	r->next = (r->next + 1) % RATE_SAMPLES;
	if (r->n < RATE_SAMPLES)
		r->n++;
	return us > 0 ? more * 1000000 / us : 0;
}

uint64_t cli_campaign_done(const struct campaign *c)
{
	return table_n_rows(c->table) - c->count[RCPT_PENDING];
}

struct by_size {
	uint32_t domain, rows;
};

static int larger_first(const void *a, const void *b)
{
	const struct by_size *x = a, *y = b;

	if (x->rows != y->rows)
		return x->rows < y->rows ? 1 : -1;
	return x->domain < y->domain ? -1 : 1;
}

void cli_campaign_report(const struct campaign *c, int64_t now_s, FILE *out)
{
	uint32_t n = table_n_domains(c->table),
		 shown = n < DOMAINS_SHOWN_MAX ? n : DOMAINS_SHOWN_MAX;
	struct by_size *order = xcalloc(n > 0 ? n : 1, sizeof(*order));
	struct cli_domain *domains = xcalloc(shown > 0 ? shown : 1, sizeof(*domains));
	char(*names)[256] = xcalloc(shown > 0 ? shown : 1, sizeof(*names));

	for (uint32_t d = 0; d < n; d++)
		order[d] = (struct by_size){ d, table_domain(c->table, d).n_rows };
	qsort(order, n, sizeof(*order), larger_first);
	for (uint32_t i = 0; i < shown; i++) {
		const struct campaign_domain *from = &c->domains[order[i].domain];
		struct span name = table_domain(c->table, order[i].domain).name;

		snprintf(names[i], sizeof(names[i]), "%.*s", (int)name.bytes, name.at);
		domains[i].name = names[i];
		domains[i].recipients = order[i].rows;
		for (int st = 0; st < RCPT_N_STATES; st++)
			domains[i].count[st] = from->count[st];
		domains[i].first_reason = from->first_reason;
		domains[i].first_code = from->first_code;
		domains[i].next_in_s = from->count[RCPT_DEFERRED] == 0 ? -1
		                       : from->next_due_s > now_s      ? from->next_due_s - now_s
		                                                       : 0;
	}
	cli_domains_write(domains, shown, out);
	if (shown < n)
		fprintf(out, "and %u smaller domains\n", n - shown);
	cli_sum_write(table_n_rows(c->table), c->count, out);
	free(names);
	free(domains);
	free(order);
}
