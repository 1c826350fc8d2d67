/* credentials.c - who we are to hosts that do not take it (RFC 4954). */
#include <stdio.h>

#include "control/sched/sched_int.h"

/* NULL: sessions of the lane do not authenticate. */
static struct credential *of_lane(struct sched *s, const struct lane *lane)
{
	uint32_t id = lane->site->limits->credential_id;

	return id == 0 ? NULL : &s->credentials[id - 1];
}

static struct credential *of_conn(struct sched *s, const struct conn *c)
{
	return c->credential == 0 ? NULL : &s->credentials[c->credential - 1];
}

/* As with a host: 1 s, twice as long each time, retry.host at most. */
static uint64_t wait_us(const struct sched *s, uint32_t fails)
{
	uint64_t us = HOST_BACKOFF_US, most_us = (uint64_t)s->conf->retry.host_s * 1000000;

	for (uint32_t i = 1; i < fails && us < most_us; i++)
		us *= 2;
	return us < most_us ? us : most_us;
}

bool credential_may_dial(struct sched *s, const struct lane *lane, uint64_t *again_us)
{
	const struct credential *cr = of_lane(s, lane);

	if (cr == NULL || cr->until_us <= s->now_us)
		return true;
	*again_us = cr->until_us;
	return false;
}

void credential_dialled(struct sched *s, struct conn *c)
{
	struct credential *cr = of_lane(s, c->lane);

	if (cr == NULL)
		return;
	c->credential = c->lane->site->limits->credential_id;
	c->credential_turn = cr->turn;
	if (cr->fails > 0) /* this one finds out, the others wait */
		cr->until_us = s->now_us + wait_us(s, cr->fails);
}

void credential_taken(struct sched *s, const struct conn *c)
{
	struct credential *cr = of_conn(s, c);

	if (cr == NULL || cr->fails == 0 || c->credential_turn != cr->turn)
		return;
	cr->fails = 0;
	cr->until_us = 0;
	if (s->cf.credential_taken != NULL)
		s->cf.credential_taken(s->cf.ctx, c->credential);
}

bool credential_refused(struct sched *s, const struct conn *c, const struct dp_evt *evt)
{
	struct credential *cr = of_conn(s, c);
	int n = evt->text_bytes < DP_TEXT_MAX ? evt->text_bytes : DP_TEXT_MAX;
	char ip[IP_TEXT_MAX], why[DP_TEXT_MAX + IP_TEXT_MAX + 16];

	/* It had a secret that is no more, or somebody has asked for a newer one since. */
	if (c->credential_turn != cr->turn)
		return cr->until_us <= s->now_us;
	snprintf(why, sizeof(why), "%s: %u %.*s", ip_format(&c->addr, ip), evt->code, n, evt->text);
	if (s->cf.credential_refused != NULL &&
	    s->cf.credential_refused(s->cf.ctx, c->credential, why))
		return true;
	cr->turn++;
	cr->fails++;
	cr->until_us = s->now_us + wait_us(s, cr->fails);
	return false;
}

bool credential_is_out(const struct sched *s, const struct lane *lane)
{
	uint32_t id = lane->site->limits->credential_id;

	return id != 0 && s->credentials[id - 1].fails >= SITE_ROUNDS_MAX;
}
