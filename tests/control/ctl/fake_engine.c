/* fake_engine.c - see fake_engine.h. */
#include "tests/control/ctl/fake_engine.h"

#include "control/gate/keeper.h"
#include "control/secrets.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "control/asks.h"
#include "control/xalloc.h"

struct fake fake;

static char here; /* something to point at */

struct engine *fake_engine(void)
{
	return (struct engine *)&here;
}

static void free_spec(void)
{
	free(fake.spec.template_dir);
	free(fake.spec.recipients_path);
	free(fake.spec.address_column);
	free(fake.spec.from);
	free(fake.spec.to_test);
}

void fake_reset(void)
{
	free_spec();
	fake = (struct fake){ .n_campaigns = 1, .n_sites = 2, .n_domains = 3 };
	fake.campaign = (struct campaign){
		.id = 7,
		.status = CAMPAIGN_RUNNING,
		.spec = { .name = "welcome" },
		.table = (struct table *)&here,
		.domains = fake.domains,
		.count = { [RCPT_PENDING] = 100,
		           [RCPT_DELIVERED] = 4000,
		           [RCPT_DEFERRED] = 1000,
		           [RCPT_BOUNCED] = 250 },
		.in_flight = 12,
		.attempts = 5300,
		.import = { .rows = 5362, .recipients = 5350, .rejected = 9, .duplicates = 3 },
		.started_s = time(NULL) - 10,
	};
	fake.domains[0].count[RCPT_DELIVERED] = 4000;
	fake.domains[0].count[RCPT_PENDING] = 100;
	fake.domains[1].count[RCPT_DEFERRED] = 1000;
	fake.domains[1].first_code = 450;
	fake.domains[1].first_reason = "450 4.3.2 try \x1b again\xff";
	fake.domains[1].next_due_s = (uint32_t)time(NULL) + 100;
	fake.domains[2].count[RCPT_BOUNCED] = 250;
	fake.domains[2].first_reason = "domain takes no mail (null MX, RFC 7505)";
}

uint32_t table_n_rows(const struct table *t)
{
	(void)t;
	return 5350;
}

uint32_t table_n_domains(const struct table *t)
{
	(void)t;
	return fake.n_domains;
}

struct table_domain table_domain(const struct table *t, uint32_t n)
{
	static const struct {
		const char *name;
		uint32_t n_rows;
	} domains[] = { { "alpha.test", 4100 }, { "busy.test", 1000 }, { "nullmx.test", 250 } };

	(void)t;
	return (struct table_domain){ .name = span_str(domains[n % 3].name),
		                      .n_rows = n < 3 ? domains[n].n_rows : n };
}

struct campaign *campaign_find(struct campaigns *cs, const char *name)
{
	(void)cs;
	return strcmp(name, fake.campaign.spec.name) == 0 ? &fake.campaign : NULL;
}

struct campaign *campaign_at(struct campaigns *cs, uint32_t n)
{
	(void)cs;
	return n < fake.n_campaigns ? &fake.campaign : NULL;
}

const char *campaign_import_story(const struct campaign *c, char out[CAMPAIGN_STORY_BYTES])
{
	snprintf(out, CAMPAIGN_STORY_BYTES, c->import.resumed_rows > 0 ? "; resumed" : "");
	return out;
}

int campaign_export(struct campaigns *cs, struct campaign *c, const char *path,
                    campaign_done_fn *done, void *ctx, char why[CAMPAIGN_WHY_BYTES])
{
	(void)cs;
	(void)c;
	(void)why;
	snprintf(fake.exported_to, sizeof(fake.exported_to), "%s", path);
	fake.done = done;
	fake.done_ctx = ctx;
	return 0;
}

int engine_campaign_start(struct engine *e, const struct campaign_spec *spec,
                          campaign_done_fn *done, void *ctx, char why[CAMPAIGN_WHY_BYTES])
{
	(void)e;
	free_spec();
	fake.spec = *spec;
	fake.spec.template_dir = xstrdup(spec->template_dir);
	fake.spec.recipients_path = xstrdup(spec->recipients_path);
	fake.spec.address_column = xstrdup(spec->address_column);
	fake.spec.from = xstrdup(spec->from);
	fake.spec.to_test = spec->to_test == NULL ? NULL : xstrdup(spec->to_test);
	fake.done = done;
	fake.done_ctx = ctx;
	if (fake.start_result != 0)
		strcpy(why, "campaign \"welcome\" exists (running); choose another name");
	return fake.start_result;
}

void engine_stop(struct engine *e)
{
	(void)e;
	fake.stops++;
}

int engine_reload(struct engine *e, char why[CONF_WHY_BYTES])
{
	(void)e;
	fake.reloads++;
	if (fake.reload_result != 0)
		strcpy(why, "conf:3: worker.window: needs a restart");
	return fake.reload_result;
}

const struct conf *engine_conf(const struct engine *e)
{
	static struct conf empty;

	(void)e;
	return fake.conf != NULL ? fake.conf : &empty;
}

struct campaigns *engine_campaigns(struct engine *e)
{
	(void)e;
	return NULL;
}

struct sched *engine_sched(struct engine *e)
{
	(void)e;
	return NULL;
}

struct mx *engine_mx(struct engine *e)
{
	(void)e;
	return NULL;
}

struct dp *engine_dp(struct engine *e)
{
	(void)e;
	return NULL;
}

struct store *engine_store(struct engine *e)
{
	(void)e;
	return NULL;
}

int64_t engine_started_s(const struct engine *e)
{
	(void)e;
	return time(NULL) - 125;
}

bool sched_site_next(const struct sched *s, uint32_t *cursor, struct sched_site_view *view)
{
	uint32_t n = (*cursor)++;

	(void)s;
	*view = (struct sched_site_view){ .name = "mx.alpha.test",
		                          .domain = "alpha.test",
		                          .conns = 3,
		                          .conns_max = 10,
		                          .ready = 1234567,
		                          .delivered = n,
		                          .last_error = n == 0 ? NULL : "421 \nlater" };
	return n < fake.n_sites;
}

struct mx_stats mx_stats(const struct mx *mx)
{
	(void)mx;
	return (struct mx_stats){ .hits = 41, .pending = 2 };
}

uint32_t store_pending(const struct store *store)
{
	(void)store;
	return 17;
}

static const struct {
	const char *name, *unit, *help;
} counters[] = {
#define COUNTER(name, unit, help) { #name, unit, help },
#include "dataplane/counters.def"
#undef COUNTER
};

uint32_t dp_n_counters(void)
{
	return sizeof(counters) / sizeof(counters[0]);
}

const char *dp_counter_name(uint32_t n)
{
	return counters[n].name;
}

const char *dp_counter_unit(uint32_t n)
{
	return counters[n].unit;
}

const char *dp_counter_help(uint32_t n)
{
	return counters[n].help;
}

uint32_t dp_n_workers(const struct dp *dp)
{
	(void)dp;
	return 2;
}

uint64_t dp_counter(const struct dp *dp, uint32_t worker, uint32_t counter)
{
	(void)dp;
	return 1000 * (worker + 1) + counter;
}

const char *dp_step_name(enum dp_step step)
{
	return step == DP_STEP_IDLE ? "idle" : "busy";
}

struct asks *engine_asks(struct engine *e)
{
	static struct asks *asks;

	(void)e;
	if (asks == NULL)
		asks = asks_open(NULL);
	return asks;
}

static struct {
	bool is_open;
	uint32_t from;
} asked[2];

int dp_ask(struct dp *dp, uint32_t worker, uint32_t from)
{
	(void)dp;
	if (asked[worker].is_open)
		return -EAGAIN;
	asked[worker].is_open = true;
	asked[worker].from = from;
	fake.n_asked++;
	return 0;
}

int dp_try_answer(struct dp *dp, uint32_t worker, struct dp_answer *out)
{
	uint32_t n = asked[worker].from;

	(void)dp;
	if (!asked[worker].is_open || fake.is_mute)
		return -EAGAIN;
	asked[worker].is_open = false;
	for (out->n_rows = 0; n < fake.n_conns && out->n_rows < DP_ASK_ROWS; n++)
		out->rows[out->n_rows++] =
		    (struct dp_conn_info){ .conn = (uint64_t)worker << 16 | n,
			                   .age_us = 125000000,
			                   .messages = n,
			                   .local = ip_from_v4((const uint8_t[]){ 10, 9, 0, 2 }),
			                   .remote = ip_from_v4((const uint8_t[]){ 10, 25, 0, 1 }),
			                   .local_port = (uint16_t)(1024 + n),
			                   .remote_port = 25,
			                   .step = DP_STEP_IDLE,
			                   .tcp_state = "established",
			                   .srtt_us = 1500,
			                   .cwnd_bytes = 14600,
			                   .ssthresh_bytes = 0 };
	out->next = n == fake.n_conns ? DP_ASK_END : n;
	return 0;
}

/* Even connections go to one site, odd ones to another; number 4 has just ended. */
const char *sched_conn_site(const struct sched *s, uint64_t conn)
{
	(void)s;
	return (uint16_t)conn == 4 ? NULL : conn % 2 == 0 ? "mx.alpha.test" : "mx.beta.test";
}

const char *sched_site_key(const struct sched *s, const char *name)
{
	(void)s;
	return strcmp(name, "alpha.test") == 0 || strcmp(name, "mx.alpha.test") == 0
	           ? "mx.alpha.test"
	           : NULL;
}

const char *dp_idle_text(const struct dp *dp, uint32_t worker, char text[DP_IDLE_TEXT_BYTES])
{
	(void)dp;
	snprintf(text, DP_IDLE_TEXT_BYTES, "spins %u us, then naps", worker);
	return text;
}

uint32_t dp_n_ports(const struct dp *dp)
{
	(void)dp;
	return 2;
}

void dp_view_port(const struct dp *dp, uint32_t port, struct dp_port_view *view)
{
	(void)dp;
	*view = (struct dp_port_view){ .name = port == 0 ? "p0" : "p1",
		                       .device = "net_tap0,iface=ph0",
		                       .mac = { 2, 0, 0, 0, 0, (uint8_t)port },
		                       .mtu_bytes = 1500,
		                       .link_up = port == 0,
		                       .first_worker = 2 * port,
		                       .n_workers = 2,
		                       .landing = "predicted",
		                       .handed = 17,
		                       .wrong_core = 3,
		                       .idle = "sleeps",
		                       .without = "none" };
}

/* Two addresses of one host. */
bool sched_host_next(struct sched *s, const char *key, uint32_t *cursor,
                     struct sched_host_view *view)
{
	(void)s, (void)key;
	if (*cursor == 2)
		return false;
	*view = (struct sched_host_view){
		.name = "mx1.alpha.test", .preference = 10, .conns = *cursor, .window = 4
	};
	ip_parse(*cursor == 0 ? "192.0.2.1" : "2001:db8::1", &view->addr);
	strcpy(view->known, *cursor == 0 ? "TLS, BDAT works" : "");
	(*cursor)++;
	return true;
}

int sched_forget_host(struct sched *s, const struct ip_addr *addr)
{
	struct ip_addr full;

	(void)s;
	fake.forgotten = *addr;
	ip_parse("192.0.2.9", &full);
	return ip_eq(addr, &full) ? -EAGAIN : ip_is_v4(addr);
}

uint32_t sched_n_hosts(const struct sched *s)
{
	(void)s;
	return 7;
}

uint64_t sched_n_hosts_evicted(const struct sched *s)
{
	(void)s;
	return 0;
}

/* The content gate: two rules, one of them hit. */
struct keeper *engine_keeper(struct engine *e)
{
	(void)e;
	return NULL;
}

struct secrets *engine_secrets(struct engine *e)
{
	(void)e;
	return NULL;
}

bool secrets_next(const struct secrets *s, uint32_t *cursor, struct secrets_view *view)
{
	static const struct secrets_view all[] = {
		{ .name = "relay", .user = "joe@a.test", .path = "/etc/pw" },
		{ .name = "cloud",
		  .user = "mail@b.test",
		  .path = "/run/token",
		  .is_token = true,
		  .refused_s = 1789000000,
		  .refused = "192.0.2.1: 535 5.7.8 \033[31mexpired" },
	};

	(void)s;
	if (*cursor == 2)
		return false;
	*view = all[(*cursor)++];
	return true;
}

void keeper_look(const struct keeper *k, struct keeper_view *view)
{
	(void)k;
	*view = (struct keeper_view){ .path = "",
		                      .trouble = "rules:3: no such word",
		                      .n_rules = 2,
		                      .n_stop = 1,
		                      .cycles = 12,
		                      .since_s = 1795000000 };
}

void keeper_each(const struct keeper *k, uint32_t campaign, bool only_hit, keeper_hits_fn *fn,
                 void *ctx)
{
	static const struct gate_rule stop = { .id = "placeholder.curly",
		                               .note = "unresolved {{placeholder}}",
		                               .grade = DP_GATE_STOP,
		                               .action = DP_GATE_REJECT,
		                               .where = 1 << DP_PART_TEXT };
	static const struct gate_rule note = { .id = "note.card", .note = "a card" };

	(void)k;
	fn(ctx, &(struct keeper_hits){ stop.id, &stop, campaign == 0 ? 1204 : 4 });
	if (!only_hit)
		fn(ctx, &(struct keeper_hits){ note.id, &note, 0 });
}

const char *rules_grade_name(uint8_t grade)
{
	return grade == DP_GATE_STOP ? "stop" : "note";
}

const char *rules_action_name(uint8_t action)
{
	return action == DP_GATE_REJECT ? "reject" : "pass";
}

void rules_where_text(uint8_t where, char text[64])
{
	snprintf(text, 64, "%s", where != 0 ? "text" : "");
}

void sched_pause(struct sched *s, struct campaign *c, const char *why)
{
	(void)s;
	c->paused = true;
	snprintf(c->paused_why, sizeof(c->paused_why), "%s", why);
}

void sched_resume(struct sched *s, struct campaign *c)
{
	(void)s;
	c->paused = false;
}

void sched_release(struct sched *s, struct campaign *c, enum rcpt_state state,
                   sched_released_fn *done, void *ctx)
{
	uint64_t n = c->count[RCPT_HELD];

	(void)s;
	c->count[state] += n;
	c->count[RCPT_HELD] = 0;
	done(ctx, c, n);
}
