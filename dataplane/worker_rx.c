/* worker_rx.c - what arrived: from the device to the engines. */
#include <rte_mbuf.h>

#include "dataplane/worker_int.h"

/* The mbuf is taken over. */
void worker_take_frame(struct worker *w, struct rte_mbuf *m)
{
	struct net_seg seg;
	struct net_icmp icmp;

	switch (net_input(w->net, w->now_us, m, &seg, &icmp)) {
	case NET_IN_TCP:
		worker_take_segment(w, m, &seg, w->queue, false);
		break;
	case NET_IN_ICMP:
		worker_take_icmp(w, &icmp, false);
		break;
	case NET_IN_WRITER:
		worker_hand_to_writer(w, m);
		break;
	case NET_IN_DONE:
		break;
	}
}

uint32_t worker_receive(struct worker *w)
{
	struct rte_mbuf *m[WORKER_RX_BURST];
	uint32_t n = w->port->io->rx_burst(w->port->dev, w->queue, m, WORKER_RX_BURST);
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < n; i++) {
		bytes += m[i]->pkt_len;
		worker_take_frame(w, m[i]);
	}
	count_n(&w->counters.rx_packets, n);
	count_n(&w->counters.rx_bytes, bytes);
	return n;
}
