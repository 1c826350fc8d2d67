/* share.h - what the workers of one port know together: who has which MAC address, and what paths
 * take. One of them writes; the others copy what they need and look again when the epoch changed.
 *
 * Owner   whoever called net_share_open(): it outlives every struct net that refers to it.
 * Thread  share_put(), share_del() and path_mtu_note(): the writing worker; the rest anyone.
 * Not     routes: they come from the configuration, never change and each worker has its own copy.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/addr.h"
#include "dataplane/net/epoch.h"
#include "dataplane/net/path_mtu.h"
#include "dataplane/net/sum_trial.h"

enum share_said {
	SHARE_NOTHING, /* nobody asked, or there is no answer yet */
	SHARE_KNOWN,   /* this is its MAC */
	SHARE_FAILED,  /* it does not answer, for now */
	SHARE_BUSY,    /* being written just now: look again */
};

struct share_slot {
	epoch_word high, low; /* of the address */
	epoch_word what;      /* enum share_said << 48 | MAC; 0: empty */
};

struct net_share {
	uint32_t neighbours_max, mask;
	struct path_mtus mtus;
	struct sum_trial sums;           /* of every worker's segments */
	_Alignas(64) struct epoch epoch; /* of the slots */
	struct share_slot slots[];       /* open addressing, at most half full */
};

/* Says what is so about `a`, SHARE_KNOWN with its MAC or SHARE_FAILED; nothing happens when that
 * was said before. There is room: the writer's own table has neighbours_max entries.
 */
void share_put(struct net_share *s, const struct ip_addr *a, enum share_said said,
               const uint8_t mac[6]);

/* Nothing is known of `a` any more. */
void share_del(struct net_share *s, const struct ip_addr *a);

/* What is said about `a`; `mac` is filled when it is SHARE_KNOWN. `epoch` gets the value at which
 * that was so; SHARE_BUSY leaves it as it was.
 */
enum share_said share_find(const struct net_share *s, const struct ip_addr *a, uint8_t mac[6],
                           uint32_t *epoch);
