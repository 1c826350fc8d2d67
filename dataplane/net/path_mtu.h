/* path_mtu.h - what is known of the paths to destinations: the MTU that a router told or that a
 * black hole taught. A fixed table of sets; a new entry takes the place of the one that ends first.
 *
 * Owner   struct net_share. Thread: path_mtu_note() the writing worker's, path_mtu_of() anyone's.
 * Life    an entry is believed for PATH_MTU_MS (RFC 1191 6.3, RFC 8201 5.3): the path may be better
 *         by then, and a new connection tries.
 */
#pragma once

#include <stdint.h>

#include "dataplane/base/addr.h"
#include "dataplane/net/epoch.h"

enum {
	PATH_MTU_SETS = 1024,
	PATH_MTU_WAYS = 4,
	PATH_MTU_MS = 600000,
};

struct path_mtu {
	epoch_word high, low; /* of the address */
	epoch_word rest;      /* until when in ms << 16 | MTU in bytes; 0: free */
};

struct path_mtu_set {
	_Alignas(64) struct epoch epoch;
	struct path_mtu way[PATH_MTU_WAYS];
};

struct path_mtus {
	uint64_t seed; /* whoever chooses destinations does not choose their sets */
	struct path_mtu_set set[PATH_MTU_SETS];
};

/* Keeps the smaller of what is known and `mtu_bytes`, for PATH_MTU_MS from now on. */
void path_mtu_note(struct path_mtus *p, uint64_t now_us, const struct ip_addr *remote,
                   uint16_t mtu_bytes);

/* What the path takes: `mtu_bytes`, or less if that is known. */
uint16_t path_mtu_of(const struct path_mtus *p, uint64_t now_us, const struct ip_addr *remote,
                     uint16_t mtu_bytes);
