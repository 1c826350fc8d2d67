/* worker_rx.c - what arrived: from the device to the engines. */
#include <rte_mbuf.h>

#include "dataplane/worker_int.h"

uint32_t worker_receive(struct worker *w)
{
	struct rte_mbuf *m[WORKER_RX_BURST];
	uint32_t n = w->port.io->rx_burst(w->port.dev, w->queue, m, WORKER_RX_BURST);
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct net_seg seg;
		struct net_icmp icmp;

		bytes += m[i]->pkt_len;
		switch (net_input(w->net, w->now_us, m[i], &seg, &icmp)) {
		case NET_IN_TCP:
			tcp_input(w->tcp, w->now_us, &seg);
			rte_pktmbuf_free(m[i]);
			break;
		case NET_IN_ICMP:
			tcp_icmp(w->tcp, w->now_us, &icmp);
			break;
		case NET_IN_WRITER: /* not said by a net on its own, which ours is */
			rte_pktmbuf_free(m[i]);
			break;
		case NET_IN_DONE:
			break;
		}
	}
	count_n(&w->counters.rx_packets, n);
	count_n(&w->counters.rx_bytes, bytes);
	return n;
}
