/* tcp_timewait.h - connections in TIME-WAIT (RFC 9293 3.6): a ring of compact entries by age.
 *
 *	tail: oldest, goes first ...... head: newest
 *
 * All wait equally long, so the ring is in order of expiry and needs no timers. An entry that
 * begins its wait anew is written again at the head; its old place stays as a gap. When the ring is
 * full the oldest goes.
 *
 * Owner   the engine. Thread: its worker.
 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/tcp/tcp_key.h"
#include "dataplane/tcp/tcp_wire.h"

struct tcp;

enum {
	TCP_TIME_WAIT_MS = 60000, /* twice a segment's life of 30 s */
	TCP_TW_REUSE_MS = 1000,   /* RFC 6191: after it our own timestamps are surely larger */
	TCP_TW_RESTART_MS = 1000, /* a repeated FIN renews the wait no more often */
	TCP_TW_FLAG_LIVE = 1,
	TCP_TW_FLAG_TS = 2,
};

/* A value in the flow table with this bit is an index in this ring. */
#define TCP_TW_BIT 0x80000000u

struct tcp_tw {
	struct ip_addr remote;
	uint32_t local; /* see net_local() */
	uint16_t lport, rport;
	uint32_t snd_nxt, rcv_nxt;
	uint32_t ts_recent;
	uint32_t since_ms : 30;
	uint32_t flags : 2;
};
static_assert(sizeof(struct tcp_tw) == 40, "small, for there may be many");

struct tcp_timewait {
	struct tcp_tw *ring;
	uint32_t n;          /* entries the ring has */
	uint32_t tail, used; /* oldest, and how many from there on, gaps included */
};

/* Bytes that tcp_tw_init() allocates. Pure. */
uint64_t tcp_tw_memory_bytes(uint32_t entries);
int tcp_tw_init(struct tcp_timewait *tw, uint32_t entries);
void tcp_tw_fini(struct tcp_timewait *tw);

/* Adds an entry, whose tuple is in the flow table no more. */
void tcp_tw_add(struct tcp *t, const struct tcp_tw *entry);
void tcp_tw_del(struct tcp *t, uint32_t index);

/* A segment for an entry. */
void tcp_tw_input(struct tcp *t, uint32_t index, const struct tcp_head *h, size_t bytes);

/* May a new connection take this entry's tuple? (RFC 6191 2) */
bool tcp_tw_may_reuse(const struct tcp *t, uint32_t index);

/* Ends at most `budget` waits that are over. */
uint32_t tcp_tw_expire(struct tcp *t, uint32_t budget);

/* When the oldest wait is over; UINT64_MAX: there is none. */
uint64_t tcp_tw_next_due_us(const struct tcp *t);
