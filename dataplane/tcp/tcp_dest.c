/* tcp_dest.c - what is known of the path to a destination. */
#include "dataplane/tcp/tcp_dest.h"

#include <stdbool.h>
#include <stddef.h>

#include "dataplane/tcp/tcp_seq.h"

static uint32_t set_of(const struct tcp_key *key, const struct ip_addr *remote)
{
	struct tcp_tuple to = { .remote = *remote };

	return (uint32_t)(tcp_key_flow(key, &to) % TCP_DEST_SETS);
}

static bool is_live(const struct tcp_dest *e, uint32_t now_ms)
{
	return e->mtu_bytes != 0 && seq_gt(e->until_ms, now_ms);
}

void tcp_dest_note(struct tcp_dests *d, const struct tcp_key *key, const struct ip_addr *remote,
                   uint16_t mtu_bytes, uint32_t now_ms)
{
	struct tcp_dest *set = d->set[set_of(key, remote)], *at = NULL;

	for (unsigned i = 0; i < TCP_DEST_WAYS && at == NULL; i++)
		if (is_live(&set[i], now_ms) && ip_eq(&set[i].remote, remote))
			at = &set[i];
	for (unsigned i = 0; i < TCP_DEST_WAYS && at == NULL; i++)
		if (!is_live(&set[i], now_ms))
			at = &set[i];
	if (at == NULL) {
		at = &set[0];
		for (unsigned i = 1; i < TCP_DEST_WAYS; i++)
			if (seq_lt(set[i].until_ms, at->until_ms))
				at = &set[i];
	}
	if (is_live(at, now_ms) && ip_eq(&at->remote, remote) && at->mtu_bytes < mtu_bytes)
		mtu_bytes = at->mtu_bytes;
	*at = (struct tcp_dest){ .remote = *remote,
		                 .until_ms = now_ms + TCP_DEST_MS,
		                 .mtu_bytes = mtu_bytes };
}

uint16_t tcp_dest_mtu(const struct tcp_dests *d, const struct tcp_key *key,
                      const struct ip_addr *remote, uint16_t mtu_bytes, uint32_t now_ms)
{
	const struct tcp_dest *set = d->set[set_of(key, remote)];

	for (unsigned i = 0; i < TCP_DEST_WAYS; i++)
		if (is_live(&set[i], now_ms) && ip_eq(&set[i].remote, remote) &&
		    set[i].mtu_bytes < mtu_bytes)
			return set[i].mtu_bytes;
	return mtu_bytes;
}
