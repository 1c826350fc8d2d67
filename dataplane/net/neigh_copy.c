/* neigh_copy.c - neighbours of a worker that reads only: copies of what another one has found. */
#include <string.h>

#include "dataplane/net/neigh.h"
#include "dataplane/net/net_int.h"

void neigh_copy(struct net *net, uint64_t now_us, struct neigh *n)
{
	uint8_t mac[6];

	switch (share_find(net->share, &n->addr, mac, &n->epoch)) {
	case SHARE_KNOWN:
		memcpy(n->mac, mac, sizeof(mac));
		if (n->state != NEIGH_COPY)
			neigh_enter(net, now_us, n, NEIGH_COPY);
		neigh_resolved(net, now_us, n);
		break;
	case SHARE_FAILED:
		if (n->state != NEIGH_FAILED)
			neigh_enter(net, now_us, n, NEIGH_FAILED);
		break;
	case SHARE_NOTHING:
		if (n->state != NEIGH_INCOMPLETE)
			neigh_enter(net, now_us, n, NEIGH_INCOMPLETE);
		break;
	case SHARE_BUSY: /* what we knew stands until the next look */
		if (n->state == NEIGH_FREE)
			neigh_enter(net, now_us, n, NEIGH_INCOMPLETE);
		break;
	}
}

bool net_has_news(const struct net *net)
{
	return !net->is_writer && net->neigh.n_waiting > 0 &&
	       net->neigh.epoch != epoch_now(&net->share->epoch);
}

void neigh_copy_waiting(struct net *net, uint64_t now_us)
{
	struct neigh_table *t = &net->neigh;
	uint32_t epoch = epoch_now(&net->share->epoch);

	if (t->n_waiting == 0 || t->epoch == epoch || (epoch & 1) != 0)
		return;
	for (uint32_t i = 0; i < t->entries_max; i++)
		if (t->entries[i].state == NEIGH_INCOMPLETE && t->entries[i].epoch != epoch)
			neigh_copy(net, now_us, &t->entries[i]);
	t->epoch = epoch; /* who met a busy writer meets another epoch, too */
}
