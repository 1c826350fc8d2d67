/* worker_hand.c - between workers of one port: what belongs to another goes there, once.
 *
 * A segment's owner is told by its addresses and ports alone (base/landing.h). Where the port
 * number tells it, that is looked at first; where the device should have brought it right, only
 * after no connection was found. Whoever gets it handed over answers for it.
 */
#include <stdio.h>

#include <rte_mbuf.h>

#include "dataplane/worker_int.h"

enum {
	JUDGED_SEGMENTS = 256,
	WRONG_OF_JUDGED = 8, /* one in so many breaks the device's word */
	TCP_FLAGS_AT = 13,
	TCP_SYN_BIT = 0x02,
};

static bool has_others(const struct worker *w)
{
	return w->landing->n_queues > 1;
}

static uint16_t port_at(const struct net_seg *seg, unsigned at)
{
	return (uint16_t)(seg->tcp.at[at] << 8 | seg->tcp.at[at + 1]);
}

/* False when the ring is full. */
static bool hand(struct worker *w, uint32_t to, const struct hand *h)
{
	if (!handoff_try_put(w->handoff, w->queue, to, h)) {
		count(&w->counters.handoff_full);
		return false;
	}
	w->wakes |= 1u << to;
	count(&w->counters.handed_out);
	return true;
}

/* What finds no room is lost, as on the wire. */
static void hand_mbuf(struct worker *w, uint32_t to, const struct hand *h)
{
	if (!hand(w, to, h))
		rte_pktmbuf_free(h->m);
}

bool worker_on_stray(void *worker, const struct net_seg *seg, uint16_t local_port,
                     uint16_t remote_port)
{
	struct worker *w = worker;
	struct landing_tuple t = { &seg->local, &seg->remote, local_port, remote_port };
	struct worker_arrival *a = &w->at_hand;
	uint32_t owner;

	a->is_strange = true;
	if (a->was_handed)
		return false;
	owner = landing_owner(w->landing, &t);
	if (owner == w->queue)
		return false;
	count(&w->counters.rx_wrong_core);
	a->is_gone = true;
	hand_mbuf(w, owner, &(struct hand){ .kind = HAND_SEGMENT, .m = a->m, .seg = *seg });
	return true;
}

static void say_landing(const struct worker *w, const char *what)
{
	char line[DP_WHY_BYTES];

	snprintf(line, sizeof(line), "port \"%.40s\": %s", w->conf->ports[w->port_index].name,
	         what);
	w->conf->log(DP_LOG_INFO, line);
}

/* A segment of a connection of ours: does it come as the device says? A peer's first is not judged,
 * since a kernel's tap brings it to any queue.
 */
static void judge_landing(struct worker *w, const struct net_seg *seg)
{
	const struct worker_arrival *a = &w->at_hand;
	struct landing_tuple t = { &seg->local, &seg->remote, port_at(seg, 2), port_at(seg, 0) };
	enum landing_mode mode = landing_mode(w->landing);

	if (seg->tcp.at[TCP_FLAGS_AT] & TCP_SYN_BIT)
		return;
	if (mode == LANDING_PREDICT && !landing_is_by_port(w->landing, t.lport)) {
		if (a->queue == w->queue)
			w->n_right++;
		else
			w->n_wrong++;
	} else if (mode == LANDING_TRIAL &&
	           landing_hear(w->landing, &t, a->queue,
	                        (a->m->ol_flags & RTE_MBUF_F_RX_RSS_HASH) != 0, a->m->hash.rss)) {
		say_landing(w, landing_mode(w->landing) == LANDING_PREDICT
		                   ? "replies land as its hash foretells"
		                   : "its hash does not foretell where replies land; local ports "
		                     "are partitioned between workers");
	}
}

void worker_take_segment(struct worker *w, struct rte_mbuf *m, const struct net_seg *seg,
                         uint16_t queue, bool was_handed)
{
	uint16_t lport;

	if (!has_others(w)) {
		worker_take_segments(w, &m, seg, 1);
		return;
	}
	lport = port_at(seg, 2);
	if (!was_handed && landing_is_by_port(w->landing, lport) &&
	    lport % w->landing->n_queues != w->queue) {
		hand_mbuf(w, lport % w->landing->n_queues,
		          &(struct hand){ .kind = HAND_SEGMENT, .m = m, .seg = *seg });
		return;
	}
	w->at_hand = (struct worker_arrival){ .m = m, .queue = queue, .was_handed = was_handed };
	tcp_input(w->tcp, w->now_us, seg);
	if (w->at_hand.is_gone)
		return;
	if (!w->at_hand.is_strange)
		judge_landing(w, seg);
	rte_pktmbuf_free(m);
}

void worker_take_segments(struct worker *w, struct rte_mbuf **m, const struct net_seg *segs,
                          uint32_t n)
{
	if (has_others(w)) {
		for (uint32_t i = 0; i < n; i++)
			worker_take_segment(w, m[i], &segs[i], w->queue, false);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		tcp_input(w->tcp, w->now_us, &segs[i]);
	rte_pktmbuf_free_bulk(m, n);
}

/* It quotes a segment of ours, so the quoted tuple tells whose. */
void worker_take_icmp(struct worker *w, const struct net_icmp *icmp, bool was_handed)
{
	struct landing_tuple t = { &icmp->local, &icmp->remote, icmp->local_port,
		                   icmp->remote_port };
	uint32_t owner;

	if (tcp_icmp(w->tcp, w->now_us, icmp) || was_handed || !has_others(w))
		return;
	owner = landing_owner(w->landing, &t);
	if (owner != w->queue)
		(void)hand(w, owner, &(struct hand){ .kind = HAND_ICMP, .icmp = *icmp });
}

void worker_hand_to_writer(struct worker *w, struct rte_mbuf *m)
{
	hand_mbuf(w, 0, &(struct hand){ .kind = HAND_FRAME, .m = m });
}

bool worker_on_word(void *worker, const struct net_word *word)
{
	return hand(worker, 0, &(struct hand){ .kind = HAND_WORD, .word = *word });
}

static void take_one(struct worker *w, uint32_t from, struct hand *h)
{
	switch ((enum hand_kind)h->kind) {
	case HAND_SEGMENT:
		h->seg.hash = 0; /* by the other worker's key */
		worker_take_segment(w, h->m, &h->seg, (uint16_t)from, true);
		break;
	case HAND_FRAME:
		worker_take_frame(w, h->m);
		break;
	case HAND_ICMP:
		worker_take_icmp(w, &h->icmp, true);
		break;
	case HAND_WORD:
		if (h->word.kind == NET_WORD_RESOLVE)
			w->askers |= 1u << from;
		net_told(w->net, w->now_us, &h->word);
		break;
	}
}

uint32_t worker_take_handed(struct worker *w)
{
	uint32_t n = 0;
	struct hand h;

	if (!has_others(w))
		return 0;
	for (uint32_t from = 0; from < w->landing->n_queues; from++)
		for (uint32_t i = 0; from != w->queue && i < WORKER_HANDED_BURST; i++, n++) {
			if (!handoff_try_take(w->handoff, from, w->queue, &h))
				break;
			take_one(w, from, &h);
		}
	count_n(&w->counters.handed_in, n);
	return n;
}

bool worker_has_handed(const struct worker *w)
{
	return has_others(w) && (handoff_has_any(w->handoff, w->queue) || net_has_news(w->net));
}

void worker_look_for_news(struct worker *w)
{
	uint64_t answers;

	if (!has_others(w))
		return;
	if (w->queue != 0) {
		if (net_has_news(w->net))
			net_tick(w->net, w->now_us);
		return;
	}
	answers = counter_read(&w->counters.arp_in) + counter_read(&w->counters.nd_in);
	if (answers != w->answers_seen)
		w->wakes |= w->askers;
	w->answers_seen = answers;
}

void worker_wake_others(struct worker *w)
{
	for (; w->wakes != 0; w->wakes &= w->wakes - 1)
		handoff_wake(w->handoff, (uint32_t)__builtin_ctz(w->wakes));
}

void worker_look_at_landing(struct worker *w)
{
	uint32_t n = w->n_right + w->n_wrong;

	gauge(&w->counters.landing_mode, landing_mode(w->landing));
	if (!w->said_sums && counter_read(&w->counters.tx_sums_disbelieved) > 0) {
		w->said_sums = true;
		say_landing(w,
		            "what the device should have summed is not answered; TCP checksums are "
		            "written here, as with port.offload_checksum_tcp = false");
	}
	if (n < JUDGED_SEGMENTS)
		return;
	if (w->n_wrong > n / WRONG_OF_JUDGED && landing_give_up(w->landing))
		say_landing(w, "replies no longer land as its hash foretold; new local ports are "
		               "partitioned between workers");
	w->n_right = w->n_wrong = 0;
}
