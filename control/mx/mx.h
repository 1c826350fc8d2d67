/* mx.h - from a mail domain to the hosts that take its mail, with a bounded cache.
 *
 * RFC 5321 5.1 (MX, implicit MX, order), RFC 7505 (null MX), RFC 2308 (negatives).
 *
 * Owner   the engine.
 * Thread  control thread (c-ares on its libuv loop).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/addr.h"

struct uv_loop_s;
struct mx;

enum {
	MX_HOSTS_MAX = 16, /* hosts kept of an MX set, best first */
	MX_HOST_ADDRS_MAX = 16,
	MX_NAME_BYTES = 256,
};

enum mx_fate {
	MX_OK,        /* hosts follow */
	MX_NULL,      /* null MX: takes no mail, for good (RFC 7505) */
	MX_NO_DOMAIN, /* NXDOMAIN: for good */
	MX_NO_HOSTS,  /* the domain exists, has no MX and no address; or only hosts without one: for
	                 good */
	MX_TRY_LATER, /* SERVFAIL, time-out, broken answer: for now */
};

struct mx_host {
	char name[MX_NAME_BYTES];
	uint16_t preference;
	uint8_t n_addrs;
	struct ip_addr addrs[MX_HOST_ADDRS_MAX]; /* IPv4 first */
};

/* One answer, immutable, reference-counted; shared by all domains of the same MX set only by
 * equality of `site`.
 */
struct mx_answer {
	enum mx_fate fate;
	char why[160];            /* what an operator reads: "null MX, RFC 7505", "NXDOMAIN" */
	char site[MX_NAME_BYTES]; /* key of the MX set: the sorted host names, shortened with a hash
	                           */
	uint32_t n_hosts;
	struct mx_host *hosts; /* by preference, equals in the order of the answer */
	int64_t expires_ms;    /* monotonic */
	uint32_t refs;
};

struct mx_conf {
	const struct ip_addr *servers;
	const uint16_t *ports;
	uint32_t n_servers;
	uint32_t timeout_ms, tries;
	uint32_t ttl_min_s, ttl_max_s;
	uint32_t entries_max; /* domains in the cache */
	uint32_t queries_max; /* domains being looked up at once; further ones wait */
};

int mx_open(struct uv_loop_s *loop, const struct mx_conf *conf, struct mx **out, char why[256]);

/* Unanswered look-ups are dropped without a call. */
void mx_close(struct mx *mx);

/* Looks up a domain (lower case, A-labels). `done` is called exactly once, possibly before it
 * returns when the cache knows; the answer is borrowed for the call: mx_hold() to keep it.
 */
typedef void mx_done_fn(void *ctx, struct mx_answer *answer);
void mx_lookup(struct mx *mx, const char *domain, mx_done_fn *done, void *ctx);

/* The same for a host that the configuration names, or its address: MX records are not asked for,
 * and a name without address is trouble for now, whatever DNS says.
 */
void mx_lookup_host(struct mx *mx, const char *host, mx_done_fn *done, void *ctx);

struct mx_answer *mx_hold(struct mx_answer *answer);
void mx_release(struct mx_answer *answer);

/* For `show stats`. */
struct mx_stats {
	uint64_t hits, misses, queries, failures, evicted;
	uint32_t entries, pending;
};
struct mx_stats mx_stats(const struct mx *mx);
