/* neigh_queue.c - the segments that wait for a neighbour's address. */
#include <string.h>

#include <rte_mbuf.h>

#include "dataplane/net/neigh.h"
#include "dataplane/net/net_int.h"

/* The queue is linked through mbuf->next, which must be NULL again in whatever leaves it. */
struct rte_mbuf *neigh_queue_take(struct neigh *n)
{
	struct rte_mbuf *m = n->queue;

	if (m == NULL)
		return NULL;
	n->queue = m->next;
	n->n_queued--;
	m->next = NULL;
	return m;
}

void neigh_queue_drop(struct net *net, struct neigh *n)
{
	struct rte_mbuf *m;

	while ((m = neigh_queue_take(n)) != NULL) {
		count(&net->counters->neighbour_dropped);
		rte_pktmbuf_free(m);
	}
}

/* The same bytes at the same place in a buffer of the same pool, so they fit. */
static struct rte_mbuf *private_copy(struct net *net, const struct rte_mbuf *m)
{
	struct rte_mbuf *copy = rte_pktmbuf_alloc(m->pool);

	if (copy == NULL) {
		count(&net->counters->no_buffer);
		return NULL;
	}
	copy->data_off = m->data_off;
	copy->data_len = m->data_len;
	copy->pkt_len = m->pkt_len;
	copy->ol_flags = m->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK;
	copy->tx_offload = m->tx_offload;
	memcpy(rte_pktmbuf_mtod(copy, void *), rte_pktmbuf_mtod(m, const void *), m->data_len);
	return copy;
}

/* RFC 4861 7.2.2: when the queue is full, the newcomer replaces the oldest. A segment that its
 * connection still refers to is copied: the holder may rewrite it while it waits here.
 */
void neigh_queue_put(struct net *net, struct neigh *n, struct rte_mbuf *m)
{
	if (rte_mbuf_refcnt_read(m) > 1) {
		struct rte_mbuf *copy = private_copy(net, m);

		rte_pktmbuf_free(m);
		if (copy == NULL)
			return;
		m = copy;
	}
	if (n->n_queued == net->neigh.queue_max) {
		count(&net->counters->neighbour_full);
		rte_pktmbuf_free(neigh_queue_take(n));
	}
	if (n->queue == NULL)
		n->queue = m;
	else
		n->queue_tail->next = m;
	n->queue_tail = m;
	n->n_queued++;
}
