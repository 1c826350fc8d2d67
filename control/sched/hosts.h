/* hosts.h - what mail hosts were seen to do, by address: bounded, each fact for a time.
 *
 * A host is remembered whichever sites lead to it, and beyond their life. A second entry of the
 * same address, with a source, holds what it refuses to that source alone.
 *
 * Owner   the scheduler.
 * Thread  control thread; `now_us` is monotonic.
 * Not     what a fact is good for: dial.c and conn.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/addr.h"

enum host_fact {
#define HOST_FACT(sym, name, option) HOST_##sym,
#include "control/sched/host_fact.def"
#undef HOST_FACT
	HOST_N_FACTS
};

enum {
	HOST_ANY_SOURCE = UINT32_MAX,
	HOST_BACKOFF_US = 1000000, /* after the first failure; doubles with each further one */
	HOST_PROOF = 256, /* answers in a row, nothing lost, before a host is trusted with more */
	HOST_TEXT_BYTES = 256,
};

struct hosts;
struct host;

/* At most `n_max` entries; the longest unused leaves for a new one. */
struct hosts *hosts_new(uint32_t n_max);
void hosts_free(struct hosts *hosts);
void hosts_set_max(struct hosts *hosts, uint32_t n_max);

/* The entry of an address, NULL when nothing is known of it. Valid until the next hosts_get(). */
struct host *hosts_find(struct hosts *hosts, const struct ip_addr *addr, uint32_t source);

/* The same, made when there is none. */
struct host *hosts_get(struct hosts *hosts, const struct ip_addr *addr, uint32_t source);

/* Forgets an address, for all sources. True when something was known. */
bool hosts_del(struct hosts *hosts, const struct ip_addr *addr);

/* Entries now, and those that left for want of room. */
uint32_t hosts_n(const struct hosts *hosts);
uint64_t hosts_n_evicted(const struct hosts *hosts);

/* Whether a fact holds; `host` may be NULL. */
bool host_is(const struct host *host, enum host_fact fact, uint64_t now_us);
void host_learn(struct host *host, enum host_fact fact, uint64_t until_us);

/* It failed: it is left alone, 1 s at first, each time longer, `most_us` at most. */
void host_failed(struct host *host, uint64_t now_us, uint64_t most_us);
void host_worked(struct host *host);

/* Until when it is to be left alone; 0: it is not, or nothing is known. */
uint64_t host_avoid_us(const struct host *host, uint64_t now_us);

/* RFC 9422: what it takes, 0 unknown. */
struct host_limits {
	uint16_t rcpts_max, mails_max, domains_max;
};
void host_set_limits(struct host *host, struct host_limits limits, uint64_t until_us);
struct host_limits host_limits(const struct host *host, uint64_t now_us);

/* How many transactions in flight it is known to take beyond one that is asked of every host: 1
 * while it has proven nothing.
 */
uint32_t host_window(const struct host *host, uint64_t now_us);

/* A session with that window is over, all of its transactions answered. HOST_PROOF of them in a
 * row, and the host is trusted with twice as many in flight, `most` at most, until `until_us`.
 */
void host_window_held(struct host *host, uint32_t window, uint32_t answered, uint32_t most,
                      uint64_t now_us, uint64_t until_us);

/* A session with a window was lost, transactions with it: one at a time until `until_us`. */
void host_window_lost(struct host *host, uint64_t until_us);

/* Writes what is known now, in words: "TLS, BDAT works, 4 in flight". "" when nothing is; `host`
 * may be NULL.
 */
char *host_text(const struct host *host, uint64_t now_us, char text[HOST_TEXT_BYTES]);
