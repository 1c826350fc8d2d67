/* ctl_conns.c - `show connections`: each row asked of the worker that owns the connection.
 *
 * A worker is asked for one part of its connections at a time, and for the next when the client has
 * taken the rows: what is in memory does not depend on how many connections there are.
 */
#include <stdlib.h>
#include <string.h>

#include "control/asks.h"
#include "control/ctl/ctl_cmd.h"
#include "control/text.h"
#include "control/xalloc.h"

/* One client's way through the workers. */
struct job {
	struct ask ask;
	struct ctl_client *client;
	struct asks *asks;
	char *site; /* key of the only site shown; NULL: all */
	uint64_t left;
	bool is_answered, has_begun;
};

static void free_job(void *arg)
{
	struct job *job = arg;

	asks_drop(job->asks, &job->ask);
	free(job->site);
	free(job);
}

static void on_answer(struct ask *ask)
{
	struct job *job = (struct job *)((char *)ask - offsetof(struct job, ask));

	job->is_answered = true;
	ctl_go_on(job->client);
}

static const char *source_name(const struct ctl_req *req, uint32_t source)
{
	const struct conf *conf = engine_conf(req->engine);

	return source < conf->n_sources ? conf->sources[source].name : "?";
}

/* "10.9.0.2:40000", "[fd00::2]:25" */
static const char *endpoint(const struct ip_addr *a, uint16_t port, char text[IP_TEXT_MAX + 10])
{
	char addr[IP_TEXT_MAX];

	snprintf(text, IP_TEXT_MAX + 10, ip_is_v4(a) ? "%s:%u" : "[%s]:%u", ip_format(a, addr),
	         port);
	return text;
}

static void write_header(struct ctl_req *req)
{
	if (req->json)
		fputc('[', req->out);
	else
		fprintf(req->out,
		        "%6s %-10s %-21s %-21s %-20s %-11s %-8s %3s %9s %9s %9s %8s %10s %8s %6s "
		        "%8s %6s\n",
		        "worker", "source", "local", "remote", "site", "tcp", "smtp", "tls",
		        "rtt us", "var us", "min us", "cwnd", "ssthresh", "flight", "resent", "age",
		        "msgs");
}

static void write_json(struct ctl_req *req, const struct dp_conn_info *c, uint32_t worker,
                       const char *site)
{
	char addr[IP_TEXT_MAX];
	json_t *o = xcheck(json_object());
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{ "worker", worker },
		{ "local_port", c->local_port },
		{ "remote_port", c->remote_port },
		{ "tls", c->tls },
		{ "srtt_us", c->srtt_us },
		{ "rttvar_us", c->rttvar_us },
		{ "min_rtt_us", c->min_rtt_us },
		{ "rto_us", c->rto_us },
		{ "cwnd", c->cwnd_bytes },
		{ "in_flight", c->in_flight_bytes },
		{ "resent", c->resent },
		{ "age_ms", c->age_us / 1000 },
		{ "messages", c->messages },
	};

	json_object_set_new(o, "ssthresh",
	                    c->ssthresh_bytes == 0 ? json_null()
	                                           : json_integer((json_int_t)c->ssthresh_bytes));
	json_object_set_new(o, "source", ctl_json_text(source_name(req, c->source)));
	json_object_set_new(o, "local", json_string(ip_format(&c->local, addr)));
	json_object_set_new(o, "remote", json_string(ip_format(&c->remote, addr)));
	json_object_set_new(o, "site", ctl_json_text(site));
	json_object_set_new(o, "tcp", json_string(c->tcp_state));
	json_object_set_new(o, "smtp", json_string(dp_step_name((enum dp_step)c->step)));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		json_object_set_new(o, numbers[i].name, json_integer((json_int_t)numbers[i].value));
	ctl_json_write(req, o);
}

static void write_text(struct ctl_req *req, const struct dp_conn_info *c, uint32_t worker,
                       const char *site)
{
	char local[IP_TEXT_MAX + 10], remote[IP_TEXT_MAX + 10], age[TEXT_NUMBER_BYTES];

	fprintf(req->out, "%6u %-10s %-21s %-21s %-20s %-11s %-8s %3s %9u %9u %9u %8u ", worker,
	        source_name(req, c->source), endpoint(&c->local, c->local_port, local),
	        endpoint(&c->remote, c->remote_port, remote), site == NULL ? "-" : site,
	        c->tcp_state, dp_step_name((enum dp_step)c->step), c->tls ? "yes" : "no",
	        c->srtt_us, c->rttvar_us, c->min_rtt_us, c->cwnd_bytes);
	if (c->ssthresh_bytes == 0)
		fprintf(req->out, "%10s", "-");
	else
		fprintf(req->out, "%10u", c->ssthresh_bytes);
	fprintf(req->out, " %8u %6u %8s %6u\n", c->in_flight_bytes, c->resent,
	        text_duration(c->age_us / 1000000, age), c->messages);
}

/* Returns how many. */
static uint32_t write_rows(struct ctl_req *req, struct job *job)
{
	const struct dp_answer *a = &job->ask.answer;
	uint32_t n = 0;

	for (uint32_t i = 0; i < a->n_rows && job->left > 0; i++) {
		/* NULL: control has heard of its end before it could be shown. */
		const char *site = sched_conn_site(engine_sched(req->engine), a->rows[i].conn);

		if (job->site != NULL && (site == NULL || strcmp(site, job->site) != 0))
			continue;
		if (!job->has_begun)
			write_header(req);
		else if (req->json)
			fputs(",\n", req->out);
		job->has_begun = true;
		job->left--;
		n++;
		if (req->json)
			write_json(req, &a->rows[i], job->ask.worker, site);
		else
			write_text(req, &a->rows[i], job->ask.worker, site);
	}
	return n;
}

static enum ctl_said ask(struct job *job)
{
	asks_put(job->asks, &job->ask);
	return CTL_SAID_WAIT;
}

static enum ctl_said begin(struct ctl_req *req)
{
	struct job *job;
	const char *key = NULL;

	if (req->site != NULL) {
		key = sched_site_key(engine_sched(req->engine), req->site);
		if (key == NULL)
			return ctl_fail(req,
			                "no mail goes to \"%.64s\" now; \"show sites\" lists "
			                "all receivers in use",
			                req->site);
	}
	job = xcalloc(1, sizeof(*job));
	job->client = req->client;
	job->asks = engine_asks(req->engine);
	job->site = key == NULL ? NULL : xstrdup(key);
	job->left = req->has_limit ? req->limit : UINT64_MAX;
	job->ask.done = on_answer;
	req->job = job;
	req->free_job = free_job;
	return ask(job);
}

enum ctl_said ctl_show_connections(struct ctl_req *req)
{
	struct job *job = req->job;
	uint32_t n;

	if (job == NULL)
		return begin(req);
	if (!job->is_answered)
		return ask(job); /* the rows before these have been written */
	job->is_answered = false;
	n = write_rows(req, job);
	job->ask.from = job->ask.answer.next;
	if (job->ask.from == DP_ASK_END) {
		job->ask.from = 0;
		job->ask.worker++;
	}
	if (job->left > 0 && job->ask.worker < dp_n_workers(engine_dp(req->engine)))
		return n > 0 ? CTL_SAID_PART : ask(job);
	if (!job->has_begun)
		write_header(req);
	fputs(req->json ? "]\n" : "", req->out);
	return CTL_SAID_ALL;
}
