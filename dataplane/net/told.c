/* told.c - what the workers of a port tell the one of them that writes its tables. */
#include <assert.h>

#include "dataplane/net/net_int.h"

bool net_tell(struct net *net, enum net_word_kind kind, const struct ip_addr *a, uint32_t mtu_bytes)
{
	struct net_word word = { .kind = kind, .addr = *a, .mtu_bytes = mtu_bytes };

	assert(!net->is_writer);
	return net->tell(net->tell_ctx, &word);
}

/* Words about neighbours are said again by the neighbours' timers; these would not be. */
static void keep(struct net *net, const struct ip_addr *a, uint32_t mtu_bytes)
{
	if (net->n_words == NET_WORDS_MAX) {
		count(&net->counters->net_words_lost);
		return;
	}
	net->words[net->n_words++] =
	    (struct net_word){ .kind = NET_WORD_PATH_MTU, .addr = *a, .mtu_bytes = mtu_bytes };
}

void net_tell_again(struct net *net)
{
	uint32_t said = 0;

	while (said < net->n_words && net->tell(net->tell_ctx, &net->words[said]))
		said++;
	net->n_words -= said;
	for (uint32_t i = 0; i < net->n_words && said > 0; i++)
		net->words[i] = net->words[i + said];
}

void net_told(struct net *net, uint64_t now_us, const struct net_word *word)
{
	assert(net->is_writer);
	switch (word->kind) {
	case NET_WORD_RESOLVE:
		neigh_used(net, now_us, &word->addr);
		break;
	case NET_WORD_REACHED:
		neigh_reached(net, now_us, &word->addr);
		break;
	case NET_WORD_PATH_MTU:
		net_learn_path_mtu(net, now_us, &word->addr, (uint16_t)word->mtu_bytes);
		break;
	}
}

uint16_t net_path_mtu(const struct net *net, uint64_t now_us, const struct ip_addr *remote)
{
	return path_mtu_of(&net->share->mtus, now_us, remote, net->mtu_bytes);
}

void net_learn_path_mtu(struct net *net, uint64_t now_us, const struct ip_addr *remote,
                        uint16_t mtu_bytes)
{
	if (net->is_writer)
		path_mtu_note(&net->share->mtus, now_us, remote, mtu_bytes);
	else if (net->n_words > 0 || !net_tell(net, NET_WORD_PATH_MTU, remote, mtu_bytes))
		keep(net, remote, mtu_bytes);
}
