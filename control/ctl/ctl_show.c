/* ctl_show.c - the engine's numbers: counters, workers, sites, configuration.
 *
 * JSON writes plain numbers; text writes thousands apart.
 */
#include <string.h>
#include <time.h>

#include "control/ctl/ctl_cmd.h"
#include "control/store/store.h"
#include "control/text.h"
#include "control/xalloc.h"

/* A counter's place by its name in counters.def. */
enum counter_at {
#define COUNTER(name, unit, help) AT_##name,
#include "dataplane/counters.def"
#undef COUNTER
};

static uint64_t counter_sum(const struct dp *dp, uint32_t counter)
{
	uint64_t sum = 0;

	for (uint32_t w = 0; w < dp_n_workers(dp); w++)
		sum += dp_counter(dp, w, counter);
	return sum;
}

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

/* The wall clock may be set back. */
static uint64_t uptime_s(const struct engine *e)
{
	int64_t up = time(NULL) - engine_started_s(e);

	return up > 0 ? (uint64_t)up : 0;
}

/* The resolver's and the store's own numbers, beside those of the workers. */
struct extra {
	const char *name, *unit, *help;
	uint64_t value;
};

enum { N_EXTRAS = 13 };

/* A share of what was counted; 0 while there is nothing. */
static uint64_t percent(struct dp *dp, enum counter_at part, enum counter_at whole)
{
	uint64_t n = counter_sum(dp, whole);

	return n > 0 ? counter_sum(dp, part) * 100 / n : 0;
}

static void get_extras(struct engine *e, struct extra extras[N_EXTRAS])
{
	struct mx_stats mx = mx_stats(engine_mx(e));
	struct dp *dp = engine_dp(e);
	const struct extra all[] = {
		{ "mx_hits", "look-ups", "domains answered from the cache", mx.hits },
		{ "mx_misses", "look-ups", "domains that had to be asked for", mx.misses },
		{ "mx_queries", "queries", "questions sent to name servers", mx.queries },
		{ "mx_failures", "look-ups", "look-ups that failed for now", mx.failures },
		{ "mx_evicted", "domains", "domains dropped from a full cache", mx.evicted },
		{ "mx_entries", "domains", "gauge: domains in the cache", mx.entries },
		{ "mx_pending", "look-ups", "gauge: look-ups that wait for an answer", mx.pending },
		{ "hosts_known", "addresses", "gauge: mail hosts that something is remembered of",
		  sched_n_hosts(engine_sched(e)) },
		{ "hosts_forgotten", "addresses", "mail hosts forgotten for want of room",
		  sched_n_hosts_evicted(engine_sched(e)) },
		{ "store_pending", "records", "gauge: records not yet durable",
		  store_pending(engine_store(e)) },
		{ "tls_ticket_hits", "percent", "gauge: handshakes for which a session was at hand",
		  percent(dp, AT_tls_resumption_offered, AT_tls_handshakes) },
		{ "tls_ticket_taken", "percent", "gauge: of those, the server took it up",
		  percent(dp, AT_tls_resumed, AT_tls_resumption_offered) },
		{ "uptime", "seconds", "gauge: since the engine started", uptime_s(e) },
	};

	static_assert(sizeof(all) / sizeof(all[0]) == N_EXTRAS, "all are given");
	memcpy(extras, all, sizeof(all));
}

static void stats_line(struct ctl_req *req, const struct extra *x)
{
	char text[TEXT_NUMBER_BYTES];

	fprintf(req->out, "%-22s %20s %-12s %s\n", x->name, text_thousands(x->value, text), x->unit,
	        x->help);
}

enum ctl_said ctl_show_stats(struct ctl_req *req)
{
	struct dp *dp = engine_dp(req->engine);
	json_t *all = req->json ? xcheck(json_object()) : NULL;
	struct extra extras[N_EXTRAS];

	get_extras(req->engine, extras);
	for (uint32_t c = 0; c < dp_n_counters() + N_EXTRAS; c++) {
		struct extra x;

		if (c < dp_n_counters())
			x = (struct extra){ dp_counter_name(c), dp_counter_unit(c),
				            dp_counter_help(c), counter_sum(dp, c) };
		else
			x = extras[c - dp_n_counters()];
		if (req->json)
			json_object_set_new(all, x.name, number(x.value));
		else
			stats_line(req, &x);
	}
	if (req->json) {
		ctl_json_write(req, all);
		fputc('\n', req->out);
	}
	return CTL_SAID_ALL;
}

static void workers_json(struct ctl_req *req, const struct dp *dp)
{
	json_t *all = xcheck(json_array());
	char idle[DP_IDLE_TEXT_BYTES];

	for (uint32_t w = 0; w < dp_n_workers(dp); w++) {
		json_t *row = xcheck(json_object());

		json_object_set_new(row, "worker", number(w));
		json_object_set_new(row, "when_idle", json_string(dp_idle_text(dp, w, idle)));
		for (uint32_t c = 0; c < dp_n_counters(); c++)
			json_object_set_new(row, dp_counter_name(c), number(dp_counter(dp, w, c)));
		json_array_append_new(all, row);
	}
	ctl_json_write(req, all);
	fputc('\n', req->out);
}

enum ctl_said ctl_show_workers(struct ctl_req *req)
{
	/* What tells workers apart at a glance; `json show workers` has all. */
	static const struct {
		const char *title;
		enum counter_at counter;
		int width;
	} columns[] = {
		{ "open", AT_smtp_open_now, 9 },        { "sessions", AT_smtp_sessions, 12 },
		{ "delivered", AT_smtp_delivered, 14 }, { "4yz", AT_smtp_refused_4yz, 12 },
		{ "5yz", AT_smtp_refused_5yz, 12 },     { "rx packets", AT_rx_packets, 15 },
		{ "tx packets", AT_tx_packets, 15 },    { "sleeps", AT_worker_sleeps, 14 },
	};
	struct dp *dp = engine_dp(req->engine);
	char text[TEXT_NUMBER_BYTES], idle[DP_IDLE_TEXT_BYTES];

	if (req->json) {
		workers_json(req, dp);
		return CTL_SAID_ALL;
	}
	fputs("worker", req->out);
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		fprintf(req->out, " %*s", columns[i].width, columns[i].title);
	fputs("  when idle\n", req->out);
	for (uint32_t w = 0; w < dp_n_workers(dp); w++) {
		fprintf(req->out, "%6u", w);
		for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
			fprintf(req->out, " %*s", columns[i].width,
			        text_thousands(dp_counter(dp, w, columns[i].counter), text));
		fprintf(req->out, "  %s\n", dp_idle_text(dp, w, idle));
	}
	return CTL_SAID_ALL;
}

static json_t *site_json(const struct sched_site_view *v)
{
	json_t *row = json_pack(
	    "{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "connections", (json_int_t)v->conns, "idle",
	    (json_int_t)v->conns_idle, "connections_max", (json_int_t)v->conns_max, "ready",
	    (json_int_t)v->ready, "deferred", (json_int_t)v->deferred, "in_flight",
	    (json_int_t)v->in_flight, "delivered", (json_int_t)v->delivered, "refused",
	    (json_int_t)v->refused, "rate", (json_int_t)v->rate_per_s);

	xcheck(row);
	json_object_set_new(row, "site", ctl_json_text(v->name));
	json_object_set_new(row, "domain", ctl_json_text(v->domain));
	json_object_set_new(row, "tls", ctl_json_text(v->tls));
	json_object_set_new(row, "provider", ctl_json_text(v->provider));
	json_object_set_new(row, "last_error", ctl_json_text(v->last_error));
	return row;
}

static void site_line(struct ctl_req *req, const struct sched_site_view *v)
{
	char n[5][TEXT_NUMBER_BYTES], error[200], conns[40];

	snprintf(conns, sizeof(conns), "%u/%u", v->conns, v->conns_max);
	fprintf(req->out, "%-24.60s %-24.60s %-9.9s %-13s %9s %9s %9s %9s %10s %8s  %s\n",
	        v->domain, v->name, v->provider == NULL ? "-" : v->provider, v->tls, conns,
	        text_thousands(v->ready, n[0]), text_thousands(v->in_flight, n[1]),
	        text_thousands(v->deferred, n[2]), text_thousands(v->delivered, n[3]),
	        text_thousands(v->refused, n[4]),
	        v->last_error == NULL ? "" : text_clean(v->last_error, error, sizeof(error)));
}

enum ctl_said ctl_show_sites(struct ctl_req *req)
{
	const struct sched *sched = engine_sched(req->engine);
	struct sched_site_view view;

	if (req->cursor == 0 && req->json)
		fputc('[', req->out);
	else if (req->cursor == 0)
		fprintf(req->out, "%-24s %-24s %-9s %-13s %9s %9s %9s %9s %10s %8s  %s\n", "domain",
		        "site", "provider", "tls", "conns/max", "ready", "in flight", "deferred",
		        "delivered", "refused", "last error");
	for (uint32_t i = 0; i < CTL_CHUNK_ROWS; i++) {
		bool is_first = req->cursor == 0;

		if (!sched_site_next(sched, &req->cursor, &view)) {
			fputs(req->json ? "]\n" : "", req->out);
			return CTL_SAID_ALL;
		}
		if (!req->json) {
			site_line(req, &view);
			continue;
		}
		fputs(is_first ? "" : ",\n", req->out);
		ctl_json_write(req, site_json(&view));
	}
	return CTL_SAID_PART;
}

static void host_line(struct ctl_req *req, const struct sched_host_view *v)
{
	char ip[IP_TEXT_MAX];
	json_t *row;

	ip_format(&v->addr, ip);
	if (!req->json) {
		fprintf(req->out, "%5u %-32.120s %-40s %6u %7u  %s\n", v->preference, v->name, ip,
		        v->conns, v->window, v->known);
		return;
	}
	row = json_pack("{s:i,s:s,s:I,s:I}", "preference", (int)v->preference, "address", ip,
	                "connections", (json_int_t)v->conns, "window", (json_int_t)v->window);
	json_object_set_new(xcheck(row), "host", ctl_json_text(v->name));
	json_object_set_new(row, "known", ctl_json_text(v->known));
	ctl_json_write(req, row);
}

/* At most MX_HOSTS_MAX * MX_HOST_ADDRS_MAX rows: all at once. */
enum ctl_said ctl_show_domain(struct ctl_req *req)
{
	struct sched *sched = engine_sched(req->engine);
	const char *key = sched_site_key(sched, req->site);
	struct sched_host_view view;
	uint32_t cursor = 0;

	if (key == NULL)
		return ctl_fail(req,
		                "no mail goes to \"%.64s\" now; \"show sites\" lists all "
		                "receivers in use",
		                req->site);
	if (!req->json)
		fprintf(req->out, "%5s %-32s %-40s %6s %7s  %s\n", "pref", "host", "address",
		        "conns", "window", "known");
	while (sched_host_next(sched, key, &cursor, &view)) {
		fputs(!req->json ? "" : cursor == 1 ? "[" : ",\n", req->out);
		host_line(req, &view);
	}
	if (req->json)
		fputs(cursor == 0 ? "[]\n" : "]\n", req->out);
	return CTL_SAID_ALL;
}

enum ctl_said ctl_show_config(struct ctl_req *req)
{
	conf_show(engine_conf(req->engine), req->json, req->out);
	return CTL_SAID_ALL;
}

enum ctl_said ctl_show_version(struct ctl_req *req)
{
	uint64_t up_s = uptime_s(req->engine);
	char up[TEXT_NUMBER_BYTES];

	if (req->json)
		fprintf(req->out, "{\"version\":\"%s\",\"uptime_s\":%llu}\n", POSTHASTE_VERSION,
		        (unsigned long long)up_s);
	else
		fprintf(req->out, "posthaste %s, up %s\n", POSTHASTE_VERSION,
		        text_duration(up_s, up));
	return CTL_SAID_ALL;
}
