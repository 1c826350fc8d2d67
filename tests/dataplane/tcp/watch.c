/* watch.c - what a bystander on the wire can hold against an end. */
#include "tests/dataplane/tcp/watch.h"

#include <assert.h>

#include "dataplane/tcp/tcp_seq.h"

void watch_leaving(struct watch *own, const struct watch *other, const struct tcp_head *h,
                   uint32_t bytes, unsigned scale)
{
	uint32_t edge = h->ack + ((uint32_t)h->window << (h->flags & TCP_SYN ? 0 : scale));

	if (h->flags & TCP_RST)
		return; /* it offers nothing */
	if (bytes != 0) /* a FIN asks no window, nor do probes, which carry nothing */
		assert(other->knows && seq_leq(h->seq + bytes, other->edge));
	if (!(h->flags & TCP_ACK))
		return;
	assert(!own->knows || seq_geq(edge, own->edge));
	own->knows = true;
	own->edge = edge;
}
