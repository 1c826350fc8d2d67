/* ctl_campaign.c - campaigns: starting, showing, exporting. */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "control/cli_progress.h"
#include "control/ctl/ctl_cmd.h"
#include "control/text.h"
#include "control/xalloc.h"

enum {
	DOMAINS_SHOWN_MAX = 1000, /* the largest domains of a campaign */
	NAME_BYTES = 256,
};

static const char *const status_names[] = {
	[CAMPAIGN_IMPORTING] = "importing", [CAMPAIGN_RUNNING] = "running", [CAMPAIGN_DONE] = "done"
};

static const char *const state_names[] = {
#define RCPT_STATE(sym, name, final) [RCPT_##sym] = name,
#include "control/campaign/rcpt_state.def"
#undef RCPT_STATE
};

static const char *status_of(const struct campaign *c)
{
	return c->paused && c->status == CAMPAIGN_RUNNING ? "paused" : status_names[c->status];
}

/* Messages delivered a second, over the time the campaign ran. */
static uint64_t mean_rate(const struct campaign *c)
{
	int64_t end = c->ended_s != 0 ? c->ended_s : time(NULL);
	int64_t took = end - c->started_s;

	return c->count[RCPT_DELIVERED] / (uint64_t)(took > 0 ? took : 1);
}

static uint64_t n_recipients(const struct campaign *c)
{
	return c->table == NULL ? 0 : table_n_rows(c->table);
}

/* The largest domains, largest first, the first in the table before its equals. */
struct ranked {
	uint32_t domain, n_rows;
};

static bool ranks_before(struct ranked a, struct ranked b)
{
	return a.n_rows != b.n_rows ? a.n_rows > b.n_rows : a.domain < b.domain;
}

static int by_rank(const void *a, const void *b)
{
	return ranks_before(*(const struct ranked *)a, *(const struct ranked *)b) ? -1 : 1;
}

/* Puts heap[i] where it belongs below: the root of the heap ranks last. */
static void sink(struct ranked *heap, uint32_t n, uint32_t i)
{
	for (uint32_t child; (child = 2 * i + 1) < n; i = child) {
		struct ranked r = heap[i];

		if (child + 1 < n && ranks_before(heap[child], heap[child + 1]))
			child++;
		if (!ranks_before(r, heap[child]))
			return;
		heap[i] = heap[child];
		heap[child] = r;
	}
}

/* One pass, as a campaign may have a million domains. */
static uint32_t largest(const struct campaign *c, struct ranked out[DOMAINS_SHOWN_MAX])
{
	uint32_t n_domains = c->table == NULL ? 0 : table_n_domains(c->table), n = 0;

	for (uint32_t d = 0; d < n_domains; d++) {
		struct ranked r = { d, table_domain(c->table, d).n_rows };

		if (n < DOMAINS_SHOWN_MAX) {
			out[n++] = r;
			for (uint32_t i = n / 2; n == DOMAINS_SHOWN_MAX && i-- > 0;)
				sink(out, n, i);
		} else if (ranks_before(r, out[0])) {
			out[0] = r;
			sink(out, n, 0);
		}
	}
	qsort(out, n, sizeof(*out), by_rank);
	return n;
}

/* Fills the names into `names` and the rest into `rows`; returns how many. */
static uint32_t get_domains(const struct campaign *c, struct cli_domain *rows,
                            char (*names)[NAME_BYTES])
{
	struct ranked *order = xcalloc(DOMAINS_SHOWN_MAX, sizeof(*order));
	uint32_t n = c->domains == NULL ? 0 : largest(c, order);
	int64_t now_s = time(NULL);

	for (uint32_t i = 0; i < n; i++) {
		struct table_domain t = table_domain(c->table, order[i].domain);
		const struct campaign_domain *d = &c->domains[order[i].domain];

		snprintf(names[i], NAME_BYTES, "%.*s", (int)t.name.bytes, (const char *)t.name.at);
		rows[i] = (struct cli_domain){
			.name = names[i],
			.recipients = t.n_rows,
			.first_reason = d->first_reason,
			.first_code = d->first_code,
			.next_in_s = d->next_due_s == 0 ? -1 : (int64_t)d->next_due_s - now_s,
		};
		if (d->next_due_s != 0 && rows[i].next_in_s < 0)
			rows[i].next_in_s = 0;
		for (uint32_t s = 0; s < RCPT_N_STATES; s++)
			rows[i].count[s] = d->count[s];
	}
	free(order);
	return n;
}

static json_t *states_json(const uint64_t count[RCPT_N_STATES])
{
	json_t *states = xcheck(json_object());

	for (uint32_t s = 0; s < RCPT_N_STATES; s++)
		json_object_set_new(states, state_names[s], json_integer((json_int_t)count[s]));
	return states;
}

/* Rows read so far, and how much of the list that is. */
static uint64_t n_rows(const struct campaign *c)
{
	return c->importing == NULL ? c->import.rows : atomic_load(&c->importing->rows);
}

static unsigned import_percent(const struct campaign *c)
{
	uint64_t bytes, total;

	if (c->importing == NULL)
		return 100;
	bytes = atomic_load(&c->importing->bytes);
	total = atomic_load(&c->importing->bytes_total);
	return total == 0 ? 0 : (unsigned)((__uint128_t)bytes * 100 / total);
}

static json_t *campaign_json(const struct campaign *c)
{
	json_t *o = json_pack(
	    "{s:I,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "id", (json_int_t)c->id, "name",
	    c->spec.name, "status", status_of(c), "recipients", (json_int_t)n_recipients(c),
	    "in_flight", (json_int_t)c->in_flight, "attempts", (json_int_t)c->attempts, "rows",
	    (json_int_t)n_rows(c), "rejected", (json_int_t)c->import.rejected, "duplicates",
	    (json_int_t)c->import.duplicates, "started_s", (json_int_t)c->started_s, "ended_s",
	    (json_int_t)c->ended_s, "rate", (json_int_t)mean_rate(c));

	json_object_set_new(xcheck(o), "import_percent", json_integer(import_percent(c)));
	json_object_set_new(o, "states", states_json(c->count));
	json_object_set_new(o, "paused_why",
	                    c->paused ? ctl_json_text(c->paused_why) : json_null());
	return o;
}

static json_t *domain_json(const struct cli_domain *d)
{
	json_t *o = xcheck(json_object());

	json_object_set_new(o, "domain", ctl_json_text(d->name));
	json_object_set_new(o, "recipients", json_integer((json_int_t)d->recipients));
	json_object_set_new(o, "states", states_json(d->count));
	json_object_set_new(o, "first_code", json_integer(d->first_code));
	json_object_set_new(o, "first_reason", ctl_json_text(d->first_reason));
	json_object_set_new(o, "next_in_s",
	                    d->next_in_s < 0 ? json_null() : json_integer(d->next_in_s));
	return o;
}

static void show_json(struct ctl_req *req, const struct cli_domain *rows, uint32_t n)
{
	const struct campaign *c = req->campaign;
	json_t *o = campaign_json(c), *domains = xcheck(json_array());
	uint32_t all = c->table == NULL ? 0 : table_n_domains(c->table);

	for (uint32_t i = 0; i < n; i++)
		json_array_append_new(domains, domain_json(&rows[i]));
	json_object_set_new(o, "domains", domains);
	json_object_set_new(o, "domains_not_shown", json_integer(all - n));
	json_object_set_new(o, "gate", ctl_gate_json(req, c->id));
	ctl_json_write(req, o);
	fputc('\n', req->out);
}

static void show_text(struct ctl_req *req, const struct cli_domain *rows, uint32_t n)
{
	const struct campaign *c = req->campaign;
	uint32_t all = c->table == NULL ? 0 : table_n_domains(c->table);
	char t[TEXT_NUMBER_BYTES];

	fprintf(req->out, "campaign \"%s\": %s", c->spec.name, status_of(c));
	if (c->importing != NULL)
		fprintf(req->out, ", %u %% of the list", import_percent(c));
	if (c->started_s != 0)
		fprintf(req->out, ", started %s", text_time(c->started_s, t));
	if (c->ended_s != 0)
		fprintf(req->out, ", ended %s", text_time(c->ended_s, t));
	if (c->paused) {
		char why[CAMPAIGN_REASON_MAX + 1];

		fprintf(req->out, "\npaused: %s", text_clean(c->paused_why, why, sizeof(why)));
	}
	fprintf(req->out,
	        "\nrows=%" PRIu64 " recipients=%" PRIu64 " rejected=%" PRIu64 " duplicates=%" PRIu64
	        "\n",
	        n_rows(c), n_recipients(c), c->import.rejected, c->import.duplicates);
	for (uint32_t s = 0; s < RCPT_N_STATES; s++)
		fprintf(req->out, "%-12s %14s\n", state_names[s], text_thousands(c->count[s], t));
	fprintf(req->out, "%-12s %14s\n", "in flight", text_thousands(c->in_flight, t));
	fprintf(req->out, "%-12s %14s\n", "attempts", text_thousands(c->attempts, t));
	fprintf(req->out, "%-12s %14s msg/s\n\n", "mean rate", text_thousands(mean_rate(c), t));
	ctl_gate_text(req, c->id);
	cli_domains_write(rows, n, req->out);
	if (all > n)
		fprintf(req->out, "and %s smaller domains\n", text_thousands(all - n, t));
	cli_sum_write(n_recipients(c), c->count, req->out);
}

enum ctl_said ctl_show_campaign(struct ctl_req *req)
{
	struct cli_domain *rows = xcalloc(DOMAINS_SHOWN_MAX, sizeof(*rows));
	char(*names)[NAME_BYTES] = xcalloc(DOMAINS_SHOWN_MAX, sizeof(*names));
	uint32_t n = get_domains(req->campaign, rows, names);

	if (req->json)
		show_json(req, rows, n);
	else
		show_text(req, rows, n);
	free(names);
	free(rows);
	return CTL_SAID_ALL;
}

static void campaign_line(struct ctl_req *req, const struct campaign *c)
{
	char n[6][TEXT_NUMBER_BYTES];

	fprintf(req->out, "%-24s %-10s %12s %12s %12s %12s %12s %10s\n", c->spec.name, status_of(c),
	        text_thousands(n_recipients(c), n[0]),
	        text_thousands(c->count[RCPT_DELIVERED], n[1]),
	        text_thousands(c->count[RCPT_DEFERRED], n[2]),
	        text_thousands(c->count[RCPT_BOUNCED], n[3]),
	        text_thousands(c->count[RCPT_PENDING], n[4]), text_thousands(c->in_flight, n[5]));
}

enum ctl_said ctl_show_campaigns(struct ctl_req *req)
{
	struct campaigns *cs = engine_campaigns(req->engine);
	const struct campaign *c;

	if (req->cursor == 0 && req->json)
		fputc('[', req->out);
	else if (req->cursor == 0)
		fprintf(req->out, "%-24s %-10s %12s %12s %12s %12s %12s %10s\n", "campaign",
		        "status", "recipients", "delivered", "deferred", "bounced", "pending",
		        "in flight");
	for (uint32_t i = 0; i < CTL_CHUNK_ROWS; i++, req->cursor++) {
		c = campaign_at(cs, req->cursor);
		if (c == NULL) {
			fputs(req->json ? "]\n" : "", req->out);
			return CTL_SAID_ALL;
		}
		if (!req->json) {
			campaign_line(req, c);
			continue;
		}
		fputs(req->cursor == 0 ? "" : ",\n", req->out);
		ctl_json_write(req, campaign_json(c));
	}
	return CTL_SAID_PART;
}
