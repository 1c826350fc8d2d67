/* worker_rx.c - what arrived: from the device to the engines. */
#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include "dataplane/worker_int.h"

/* Takes over the mbuf unless it is a segment, which is filled in. */
static bool is_segment(struct worker *w, struct rte_mbuf *m, struct net_seg *seg)
{
	struct net_icmp icmp;

	switch (net_input(w->net, w->now_us, m, seg, &icmp)) {
	case NET_IN_TCP:
		return true;
	case NET_IN_ICMP:
		worker_take_icmp(w, &icmp, false);
		break;
	case NET_IN_WRITER:
		worker_hand_to_writer(w, m);
		break;
	case NET_IN_DONE:
		break;
	}
	return false;
}

void worker_take_frame(struct worker *w, struct rte_mbuf *m)
{
	struct net_seg seg;

	if (is_segment(w, m, &seg))
		worker_take_segment(w, m, &seg, w->queue, false);
}

/* In passes over the burst: one frame alone would wait for memory at each step, several wait
 * together.
 */
uint32_t worker_receive(struct worker *w)
{
	struct rte_mbuf *m[WORKER_RX_BURST];
	struct net_seg segs[WORKER_RX_BURST];
	uint32_t n = w->port->io->rx_burst(w->port->dev, w->queue, m, WORKER_RX_BURST), n_segs = 0;
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < n; i++)
		rte_mbuf_prefetch_part1(m[i]);
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *frame = rte_pktmbuf_mtod(m[i], const uint8_t *);

		rte_prefetch0(frame);
		rte_prefetch0(frame + 64);
		rte_prefetch0(frame + 128);
		rte_mbuf_prefetch_part2(m[i]); /* for when it is let go */
	}
	for (uint32_t i = 0; i < n; i++) {
		bytes += m[i]->pkt_len;
		if (!is_segment(w, m[i], &segs[n_segs]))
			continue;
		tcp_foresee(w->tcp, &segs[n_segs]);
		m[n_segs++] = m[i];
	}
	tcp_expect(w->tcp, segs, n_segs);
	worker_take_segments(w, m, segs, n_segs);
	count_n(&w->counters.rx_packets, n);
	count_n(&w->counters.rx_bytes, bytes);
	return n;
}
