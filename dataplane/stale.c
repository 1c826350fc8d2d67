/* stale.c - ending the sessions that a crashed predecessor left open at its peers. */
#include "dataplane/stale.h"

#include "dataplane/net/net.h"

enum {
	ROUNDS = 3,
	ROUND_US = 300000,
	FIRST_US = 20000, /* ARP or ND of the gateway is usually answered by then */
	HOLD_US = 500000,
	LOOK_US = 1000, /* how often we look for the answers while we hold */
	PROBES_PER_TURN = 64,
};

void stale_init(struct stale *s, struct trace *trace, struct tcp *tcp, const struct net *net,
                const struct dp_counters *counters, uint64_t now_us)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < trace->n_stale; i++)
		if (net_is_own(net, &trace->stale[i].local))
			trace->stale[n++] = trace->stale[i];
	for (uint32_t i = n; i < trace->n_stale; i++)
		trace->stale[i].in_use = 0;
	trace->n_stale = n;
	*s = (struct stale){ .trace = trace,
		             .tcp = tcp,
		             .net = net,
		             .counters = counters,
		             .start_us = now_us + FIRST_US,
		             .due_us = n > 0 ? now_us + FIRST_US : UINT64_MAX,
		             .no_match_before = counter_read(&counters->tcp_no_match),
		             .holds = n > 0 };
}

/* Whether the peers' answers came. They meet no connection, which is counted; strays make it look
 * answered a little early, which costs one refused connection, not more.
 */
static bool is_answered(const struct stale *s)
{
	return s->round > 0 &&
	       counter_read(&s->counters->tcp_no_match) - s->no_match_before >= s->trace->n_stale;
}

void stale_turn(struct stale *s, uint64_t now_us)
{
	if (s->due_us > now_us)
		return;
	if (s->holds && (is_answered(s) || now_us >= s->start_us + HOLD_US))
		s->holds = false;

	if (s->round == 0 || (s->round < ROUNDS && s->next == s->trace->n_stale &&
	                      now_us >= s->start_us + s->round * (uint64_t)ROUND_US)) {
		s->round++;
		s->next = 0;
	}
	for (uint32_t i = 0; i < PROBES_PER_TURN && s->next < s->trace->n_stale; i++)
		tcp_probe_stale(s->tcp, now_us, &s->trace->stale[s->next++]);

	if (s->next < s->trace->n_stale || s->holds)
		s->due_us = now_us + LOOK_US;
	else
		s->due_us = s->start_us + s->round * (uint64_t)ROUND_US;
	if (s->round == ROUNDS && s->next == s->trace->n_stale && !s->holds) {
		trace_forget_stale(s->trace);
		s->due_us = UINT64_MAX;
	}
}
