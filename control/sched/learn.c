/* learn.c - what sessions say of hosts: facts, limits, windows, failures. */
#include "control/sched/sched_int.h"

uint64_t after_s(const struct sched *s, uint32_t seconds)
{
	return s->now_us + (uint64_t)seconds * 1000000;
}

/* How long a fact is remembered, by host_fact.def. */
uint64_t fact_until_us(const struct sched *s, enum host_fact fact)
{
	static const size_t keep_at[HOST_N_FACTS] = {
#define HOST_FACT(sym, name, option) [HOST_##sym] = offsetof(struct conf, option),
#include "control/sched/host_fact.def"
#undef HOST_FACT
	};
	uint32_t seconds;

	memcpy(&seconds, (const char *)s->conf + keep_at[fact], sizeof(seconds));
	return after_s(s, seconds);
}

void learn(struct sched *s, struct host *host, enum host_fact fact)
{
	host_learn(host, fact, fact_until_us(s, fact));
}

struct host *host_of(struct sched *s, const struct conn *c)
{
	return hosts_get(s->hosts, &c->addr, HOST_ANY_SOURCE);
}

/* A host that failed is left alone, longer each time, up to retry.host. What it says concerns who
 * asked; silence and closed ports everybody.
 */
void conn_failed(struct sched *s, struct conn *c, const struct dp_evt *evt)
{
	bool said = evt->code != 0;
	struct host *host =
	    hosts_get(s->hosts, &c->addr, said ? c->lane->source : (uint32_t)HOST_ANY_SOURCE);

	if (c->has_failed) /* a refusal, and the end that follows it */
		return;
	c->has_failed = 1;
	c->lane->no_mail_in_row += bounce_takes_no_mail(evt);
	if (said)
		c->lane->fails_in_row++;
	else
		c->lane->site->fails_in_row++;
	host_failed(host, s->now_us, (uint64_t)s->conf->retry.host_s * 1000000);
}

/* It answered a message: to be let in alone proves nothing. */
void conn_worked(struct sched *s, const struct conn *c)
{
	struct host *all = hosts_find(s->hosts, &c->addr, HOST_ANY_SOURCE);
	struct host *ours = hosts_find(s->hosts, &c->addr, c->lane->source);

	c->lane->site->fails_in_row = c->lane->fails_in_row = c->lane->no_mail_in_row = 0;
	if (all != NULL)
		host_worked(all);
	if (ours != NULL)
		host_worked(ours);
}

/* What a session found out is told again with each of its events: only what is new is taken. */
void conn_learn(struct sched *s, struct conn *c, const struct dp_evt *evt)
{
	unsigned fresh = evt->learnt & ~(unsigned)c->learnt;

	c->learnt |= evt->learnt;
	if (fresh & DP_KNOWN_NO_PIPELINING)
		learn(s, host_of(s, c), HOST_NO_PIPELINING);
	if (fresh & DP_KNOWN_BDAT_WORKS)
		learn(s, host_of(s, c), HOST_BDAT_WORKS);
	if (fresh & DP_KNOWN_NO_CHUNKING) {
		learn(s, host_of(s, c), HOST_NO_CHUNKING);
		host_learn(host_of(s, c), HOST_BDAT_WORKS, 0);
	}
}

/* RFC 9422: what a host takes, by its EHLO or by a refusal. */
void conn_learn_limits(struct sched *s, struct conn *c, const struct dp_evt *evt)
{
	const struct host_limits limits = { evt->rcpts_max, evt->mail_max, evt->domains_max };

	if (limits.rcpts_max != 0 || limits.mails_max != 0 || limits.domains_max != 0)
		host_set_limits(host_of(s, c), limits, fact_until_us(s, HOST_LIMITS));
	if (limits.mails_max != 0 && limits.mails_max < c->msgs_max)
		c->msgs_max = limits.mails_max;
	c->rcpts_max = limits.rcpts_max;
}

/* What a session that is over says about windows: all its transactions answered, or some lost. A
 * host that was never given more than one at a time has proven nothing.
 */
void conn_prove_window(struct sched *s, const struct conn *c, bool in_order)
{
	const unsigned able = DP_KNOWN_PIPELINING | DP_KNOWN_TOLD_APART;
	const struct conf_limits *l = c->lane->site->limits;

	if (c->lost > 0 && !in_order && c->window > l->window)
		host_window_lost(host_of(s, c), fact_until_us(s, HOST_NO_WINDOW));
	else if (c->lost == 0 && c->answered > 0 && (c->learnt & able) == able)
		host_window_held(host_of(s, c), c->window, c->answered, l->window_max, s->now_us,
		                 fact_until_us(s, HOST_WINDOW));
}
