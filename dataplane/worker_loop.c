/* worker_loop.c - the turn of a worker: receive, obey, run timers, send; and the loop. */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_prefetch.h>

#include "dataplane/credential.h"
#include "dataplane/worker_int.h"

enum {
	CMDS_PER_TURN = 32,
	TIMERS_PER_TURN = 256,
	FULL_BURSTS_MAX = 32, /* 1,024 frames: more than stood in any queue when they were begun */
	NET_TICK_US = 100000,
	TX_PATIENCE_US = 10000, /* net_tap can refuse one frame for ever */
	WAKE_US = 100,          /* between two wake-ups of control while there is work */
};

void worker_emit(void *worker, const struct dp_evt *evt)
{
	struct worker *w = worker;
	bool cut, fits = evt_ring_try_put(&w->evts, evt, &cut);

	assert(fits); /* credits and dials_max leave room for every event, see worker_size.c */
	(void)fits;
	count(&w->counters.events);
	if (cut)
		count(&w->counters.event_texts_cut);
	w->n_emitted++;
}

void worker_tx_add(void *worker, struct rte_mbuf *m)
{
	struct worker *w = worker;

	if (w->port->plan.copy_tx) {
		struct rte_mbuf *copy = rte_pktmbuf_copy(m, w->rx_pool, 0, UINT32_MAX);

		rte_pktmbuf_free(m);
		if (copy == NULL) {
			count(&w->counters.no_buffer);
			return;
		}
		m = copy;
	}
	if (w->tx.n == TX_PENDING_MAX)
		worker_tx_flush(w);
	if (w->tx.n == TX_PENDING_MAX) {
		count(&w->counters.tx_dropped);
		rte_pktmbuf_free(m);
		return;
	}
	w->tx.m[w->tx.n++] = m;
}

/* Takes the first `n` off the front. */
static void tx_shift(struct worker_tx *tx, uint32_t n)
{
	tx->n -= n;
	memmove(tx->m, tx->m + n, tx->n * sizeof(tx->m[0]));
	tx->n_refused = tx->n_refused > n ? tx->n_refused - n : 0;
	tx->n_fit = tx->n_fit > n ? tx->n_fit - n : 0;
}

/* Has the device look at what it has not seen. A frame that it could not send is given up here: in
 * its queue it would be refused for ever, or stop the queue.
 */
static void tx_prepare(struct worker *w)
{
	struct worker_tx *tx = &w->tx;

	while (tx->n_fit < tx->n) {
		struct rte_mbuf **m = tx->m + tx->n_fit;
		uint32_t n = tx->n - tx->n_fit;
		uint32_t fit = w->port->io->tx_prepare(w->port->dev, w->queue, m, (uint16_t)n);

		tx->n_fit += fit;
		if (fit == n)
			return;
		rte_pktmbuf_free(m[fit]);
		memmove(m + fit, m + fit + 1, (n - fit - 1) * sizeof(m[0]));
		tx->n--;
		count(&w->counters.tx_unfit);
	}
}

void worker_tx_flush(struct worker *w)
{
	struct worker_tx *tx = &w->tx;
	uint64_t bytes = 0;
	uint32_t sent;

	if (w->port->plan.tx_prepare)
		tx_prepare(w);
	if (tx->n == 0)
		return;
	for (uint32_t i = 0; i < tx->n; i++)
		bytes += tx->m[i]->pkt_len;
	sent = w->port->io->tx_burst(w->port->dev, w->queue, tx->m, (uint16_t)tx->n);
	for (uint32_t i = sent; i < tx->n; i++)
		bytes -= tx->m[i]->pkt_len;
	count_n(&w->counters.tx_packets, sent);
	count_n(&w->counters.tx_bytes, bytes);
	tx_shift(tx, sent);

	if (tx->n == 0 || sent > 0)
		tx->stuck_since_us = 0;
	if (tx->n == 0)
		return;
	count_n(&w->counters.tx_full, tx->n - tx->n_refused);
	tx->n_refused = tx->n;
	if (tx->stuck_since_us == 0)
		tx->stuck_since_us = w->now_us;
	else if (w->now_us - tx->stuck_since_us >= TX_PATIENCE_US) {
		/* The one in front may be what the device will never take. */
		rte_pktmbuf_free(tx->m[0]);
		tx_shift(tx, 1);
		count(&w->counters.tx_dropped);
		tx->stuck_since_us = w->now_us;
	}
}

static void refuse_dial(struct worker *w, const struct dp_dial *dial, enum dp_why why,
                        const char *text)
{
	struct dp_evt e = { .kind = DP_EVT_CLOSED,
		            .reach = DP_REACH_HOST,
		            .step = DP_STEP_CONNECT,
		            .why = (uint8_t)why,
		            .conn = dial->conn,
		            .at_us = w->now_us };
	size_t n = strlen(text);

	e.text_bytes = (uint16_t)n;
	memcpy(e.text, text, n < DP_TEXT_MAX ? n : DP_TEXT_MAX);
	worker_emit(w, &e);
}

/* The only place where a connection begins, so the only one that asks the egress guard. */
static void obey_connect(struct worker *w, const struct dp_dial *dial)
{
	const struct dp_source_conf *s = &w->conf->sources[dial->source];
	const struct ip_addr *local = ip_is_v4(&dial->remote) ? &s->addr4 : &s->addr6;
	const char *refused = egress_refuses(&w->egress, &dial->remote, dial->remote_port);

	if (refused != NULL) {
		count(&w->counters.egress_refused);
		refuse_dial(w, dial, DP_WHY_EGRESS, refused);
	} else if (ip_is_unset(local)) {
		refuse_dial(w, dial, DP_WHY_NO_SOURCE, "");
	} else if (w->drains_seen > 0) {
		refuse_dial(w, dial, DP_WHY_SHUTDOWN, "");
	} else {
		smtp_open_session(w->smtp, w->now_us, dial, local);
	}
}

static void take_credential(struct worker *w, uint32_t id, struct credential *c)
{
	struct credential *before = w->credentials[id - 1];

	w->credentials[id - 1] = c;
	smtp_set_credential(w->smtp, id, credential_read(c));
	if (before != NULL)
		credential_let_go(before);
}

static void obey_one(struct worker *w, const struct worker_cmd *cmd)
{
	count(&w->counters.commands);
	switch ((enum worker_cmd_kind)cmd->kind) {
	case WORKER_CMD_CONNECT:
		obey_connect(w, &cmd->dial);
		break;
	case WORKER_CMD_SUBMIT:
		smtp_submit(w->smtp, w->now_us, &cmd->job);
		break;
	case WORKER_CMD_QUIT:
		smtp_quit(w->smtp, w->now_us, cmd->conn);
		break;
	case WORKER_CMD_CREDENTIAL:
		take_credential(w, cmd->credential.id, cmd->credential.now);
		break;
	case WORKER_CMD_GATE:
		worker_take_gate(w, cmd->gate);
		break;
	}
}

/* In passes, as in worker_receive(): the orders' first lines, then what each message will touch. */
static void foresee(struct worker *w, uint32_t n)
{
	const struct dp_job *jobs[CMDS_PER_TURN];
	uint32_t n_jobs = 0;

	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *cmd = spsc_at(&w->cmds, i);

		rte_prefetch0(cmd);
		rte_prefetch0(cmd + 64);
		rte_prefetch0(cmd + 128);
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct worker_cmd *cmd = spsc_at(&w->cmds, i);

		if (cmd->kind == WORKER_CMD_SUBMIT)
			jobs[n_jobs++] = &cmd->job;
	}
	smtp_expect(w->smtp, jobs, n_jobs);
}

static uint32_t obey(struct worker *w)
{
	uint32_t drains = atomic_load_explicit(&w->drains, memory_order_acquire);
	uint32_t n_drains = 0, n;

	for (; w->drains_seen < drains; w->drains_seen++, n_drains++)
		smtp_drain(w->smtp, w->now_us, w->conf->drain_max_ms);
	if (stale_holds(&w->stale) && drains == 0)
		return n_drains;
	n = spsc_ready(&w->cmds, CMDS_PER_TURN);
	if (n > 1)
		foresee(w, n);
	for (uint32_t i = 0; i < n; i++)
		obey_one(w, spsc_at(&w->cmds, i));
	spsc_drop(&w->cmds, n);
	return n_drains + n;
}

/* The link may come and go; each time it comes the neighbours are told who we are. */
static void look_at_link(struct worker *w)
{
	struct rte_eth_link link = { .link_status = RTE_ETH_LINK_DOWN };
	bool up =
	    w->port->io->link_get(w->port->dev, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;

	if (up && !w->link_up)
		net_announce(w->net, w->now_us);
	w->link_up = up;
	gauge(&w->counters.port_link_up, up);
}

/* What would cost too much to know at every turn. */
static void look_at_self(struct worker *w)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	gauge(&w->counters.worker_cpu_us,
	      (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000);
	gauge(&w->counters.buffers_rx_now, rte_mempool_in_use_count(w->rx_pool));
	gauge(&w->counters.buffers_tx_now, rte_mempool_in_use_count(w->tx_pool));
}

/* Returns true when a timer was due. */
static bool run_timers(struct worker *w)
{
	bool due = w->timer_due_us <= w->now_us;
	uint64_t tcp, above = UINT64_MAX;

	if (w->net_due_us <= w->now_us) {
		look_at_link(w);
		look_at_self(w);
		worker_look_at_landing(w);
		net_tick(w->net, w->now_us);
		w->net_due_us = w->now_us + NET_TICK_US;
		due = true;
	}
	stale_turn(&w->stale, w->now_us);
	tcp = tcp_tick(w->tcp, w->now_us, TIMERS_PER_TURN);
	if (w->smtp != NULL)
		above = smtp_tick(w->smtp, w->now_us, TIMERS_PER_TURN);
	else if (w->above != NULL && w->above->tick != NULL)
		above = w->above->tick(w->above->ctx, w->now_us, TIMERS_PER_TURN);
	w->timer_due_us = tcp < above ? tcp : above;
	return due;
}

/* A wake-up costs as much as half a message. Control sleeps as soon as it has read all there was,
 * so under load each turn would wake it: there events wait a little for those of the next turns.
 * True when it was told.
 */
static bool wake_control(struct worker *w, bool has_worked)
{
	if (w->n_emitted == 0 || (has_worked && w->now_us - w->woken_us < WAKE_US))
		return false;
	w->n_emitted = 0;
	w->woken_us = w->now_us;
	wake_signal(w->control);
	return true;
}

bool worker_turn(struct worker *w, uint64_t now_us)
{
	uint32_t n, handed;
	bool found;

	w->now_us = now_us;
	n = worker_receive(w);
	handed = worker_take_handed(w);
	w->full_bursts =
	    n == WORKER_RX_BURST || handed >= WORKER_HANDED_BURST ? w->full_bursts + 1 : 0;
	found = n + handed > 0;
	worker_look_for_news(w);
	found |= w->above == NULL ? obey(w) > 0 : w->above->turn(w->above->ctx, now_us);
	found |= worker_answer(w);
	/* What has arrived is heard before a timer says that it has not: a worker that had lost its
	 * CPU for long would send again what is acknowledged in its queue. A timer that had nothing
	 * to send or say is no reason to stay awake, see worker_loop().
	 */
	if (w->full_bursts % FULL_BURSTS_MAX == 0)
		(void)run_timers(w);
	tcp_turn_end(w->tcp, now_us);
	found |= w->tx.n > w->tx.n_refused;
	worker_tx_flush(w);
	worker_wake_others(w);
	found |= wake_control(w, found);
	count(&w->counters.worker_turns);
	return found;
}

void worker_loop(struct worker *w)
{
	gauge(&w->counters.worker_tsc_hz, rte_get_tsc_hz());
	while (!atomic_load_explicit(&w->stop, memory_order_acquire)) {
		uint64_t tsc = rte_rdtsc(), now = tsc_clock_us(&w->clock, tsc);
		bool due = worker_wake_at(w) <= now;

		if (worker_turn(w, now)) {
			worker_idle_over(w, now);
			due = true;
		}
		count_n(due ? &w->counters.worker_busy_cycles : &w->counters.worker_idle_cycles,
		        rte_rdtsc() - tsc);
		if (!due)
			worker_rest(w, tsc, now);
	}
}
