/* tcb.h - one TCP connection, as its worker sees it.
 *
 * Owner   the engine whose pool it came from; no other thread reads it.
 * Life    tcp_connect() .. tcp_drop(); the pool's generation tells one use from the next.
 * Layout  4.5 lines: every second one begins in the middle of a line. What a segment in order looks
 *         at stands in the first 140 bytes, three lines either way; loss and the rare at the end.
 * Not     policy: retransmission is tcp_loss.c, congestion tcp_cc.h, timers tcp_timer.c.
 */
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/net/net.h"
#include "dataplane/tcp/tcp_rto.h"

struct rte_mbuf;

enum tcp_state {
#define TCP_STATE(sym, name, may_write, sends) TCP_STATE_##sym,
#include "dataplane/tcp/tcp_state.def"
#undef TCP_STATE
	TCP_N_STATES
};

enum tcb_flag {
	TCB_F_TS = 1 << 0,          /* timestamps were agreed on */
	TCB_F_SACK = 1 << 1,        /* selective acknowledgements were agreed on */
	TCB_F_FIN_QUEUED = 1 << 2,  /* we said that nothing more will be written */
	TCB_F_FIN_SENT = 1 << 3,    /* our FIN left: snd_nxt is snd_end + 1 */
	TCB_F_PEER_FIN = 1 << 4,    /* the peer's FIN is known and stands at peer_fin */
	TCB_F_ACK_NOW = 1 << 5,     /* an ACK is owed when the turn ends */
	TCB_F_DELACK = 1 << 6,      /* an ACK is owed by ack_due_ms */
	TCB_F_RECOVERY = 1 << 7,    /* fast recovery until snd_una reaches `recover` */
	TCB_F_LOSS = 1 << 8,        /* after a time-out, until snd_una reaches `recover` */
	TCB_F_RTX_ONCE = 1 << 9,    /* the next retransmission does not ask the window */
	TCB_F_WANT_WRITE = 1 << 10, /* the layer above was told of too little room */
	TCB_F_RETRY = 1 << 11,      /* something could not leave for want of a buffer */
	TCB_F_SYN_AGAIN = 1 << 12,  /* the SYN timed out, was sent early again or held up */
	TCB_F_LIFE = 1 << 13,       /* life_due_ms counts: FIN-WAIT-2 or a close before the open */
	TCB_F_ON_LIST = 1 << 14,    /* on the engine's list of those who may owe an ACK */
	TCB_F_REORDERED = 1 << 15,  /* the path was seen to reorder (RFC 8985 6.2) */
	TCB_F_PROBED = 1 << 16,     /* a tail loss probe is out, until tlp_end is acknowledged */
	TCB_F_PROBE_RTX = 1 << 17,  /* ... and it was a segment sent again */
	TCB_F_UNDO = 1 << 18,       /* undo_* tell how it was before the last loss */
	TCB_F_DSACKED = 1 << 19,    /* the segment at hand reports a duplicate (RFC 2883) */
	TCB_F_SYN_HELD = 1 << 20,   /* the SYN waits for a neighbour's address, or did when last
	                               looked at: when it left is not known */
	TCB_F_CLAMPED = 1 << 21,    /* cut to a smaller MTU by guess; is it the remedy? */
	TCB_F_KEEP = 1 << 22,       /* life_due_ms counts: keepalive */
	TCB_F_FRTO_ASK = 1 << 27,   /* a time-out: the next ACK tells whether to doubt it */
	TCB_F_FRTO_NEW = 1 << 28,   /* new segments instead of old: the next ACK judges it */
	TCB_F_ECN = 1 << 23,        /* ECN was agreed on (RFC 3168 6.1.1) */
	TCB_F_ECE = 1 << 24,        /* a router marked what we received: ACKs say so until CWR */
	TCB_F_CWR_DUE = 1 << 25,    /* the next new segment says that the window was reduced */
	TCB_F_REDUCED = 1 << 26,    /* for a mark, until snd_una is beyond `recover` */
};

enum tcb_xmit { /* what the xmit timer is for: never two at once */
	        TCB_XMIT_NONE,
	        TCB_XMIT_RTO,     /* something sent is not acknowledged */
	        TCB_XMIT_TLP,     /* the same, and a probe leaves first (RFC 8985 7) */
	        TCB_XMIT_REO,     /* the same, and it may be lost soon (RFC 8985 6.3) */
	        TCB_XMIT_PERSIST, /* something may not leave: the peer's window is too small */
};

struct tcb {
	/* Sequence space. Names follow RFC 9293 3.3.1. */
	_Alignas(32) uint32_t snd_una; /* oldest byte not yet acknowledged */
	uint32_t snd_nxt;              /* next byte we will send; it never goes back */
	uint32_t snd_end;              /* end of what was written */
	uint32_t snd_wnd;              /* peer's window in bytes, scaled (RFC 7323 2.3) */
	uint32_t snd_wl1, snd_wl2;     /* seq and ack of the last window update */
	uint32_t snd_wnd_max;          /* the largest window the peer ever offered */
	uint32_t rcv_nxt;              /* next byte we expect */
	uint32_t rcv_adv;              /* right edge of the window we advertised */
	uint32_t ack_sent;             /* rcv_nxt in the last segment we sent */
	uint32_t ts_recent;            /* RFC 7323 4.3 */
	uint32_t ts_recent_ms;         /* when it was taken */
	uint32_t alive_ms;             /* when the peer last showed progress */
	uint32_t flags;                /* TCB_F_* */
	uint16_t rcv_mss;              /* largest payload seen */
	uint8_t state;                 /* enum tcp_state */
	uint8_t xmit;                  /* enum tcb_xmit */
	uint8_t snd_wscale, rcv_wscale;
	uint8_t dupacks; /* consecutive duplicate ACKs, stops at 255 */
	uint8_t backoff; /* expiries in a row */

	/* Who it is, and whom it belongs to. */
	struct net_path path;
	uint16_t lport, rport; /* host order */
	void *user;            /* the session above; borrowed */

	/* What is held: sent and not acknowledged, not sent, out of order. */
	struct rte_mbuf *tx_head; /* oldest segment not wholly acknowledged */
	struct rte_mbuf *tx_next; /* first segment that was never sent */
	struct rte_mbuf *ooo;     /* out-of-order segments by sequence */
	uint32_t sacked;          /* bytes from snd_una on that the peer holds out of order */
	uint32_t ack_due_ms;
	uint32_t xmit_due_ms, life_due_ms;
	struct rte_mbuf *tx_tail;
	uint32_t push_end;  /* what was flushed ends here */
	uint32_t cwnd;      /* RFC 5681 3.1, in bytes */
	uint32_t flight;    /* bytes thought to be in the network (RFC 6675 pipe) */
	uint32_t ts_offset; /* RFC 7323 5.4 */
	uint16_t snd_mss;   /* payload bytes a segment may carry, options deducted */
	uint16_t tx_segs;   /* segments from tx_head to tx_tail */
	uint16_t ooo_segs;
	uint16_t to_resend; /* segments marked lost and not yet sent again */

	/* Time, and the window. */
	struct tcp_rto rto;
	uint32_t ssthresh, recover;
	uint32_t min_rtt_us;  /* 0: none was measured */
	uint64_t rack_us;     /* when the newest segment that arrived had left (RFC 8985 5.2) */
	uint32_t rack_end;    /* ... and its end */
	uint32_t rack_rtt_us; /* ... and its round trip */
	uint32_t fack;        /* the highest byte known to have arrived */
	union {
		uint32_t open_us; /* until it is open: when the SYN left, low half */
		uint32_t w_max;   /* then: RFC 9438 4.1.2, in bytes */
	};

	/* Loss, and what is rare. */
	uint32_t tlp_end;   /* snd_nxt when the probe left */
	uint32_t reo_round; /* the reordering window grows again when this is acknowledged */
	uint32_t ca_bytes;  /* congestion control's own, as are w_max and cubic */
	union {
		struct { /* RFC 6937 3; in fast recovery */
			uint32_t delivered, out, flight;
		} prr;
		struct { /* RFC 9438 4; else. All zero when the epoch has not begun */
			uint32_t epoch_ms, k_ms, w_est;
		} cubic;
	};
	uint32_t undo_cwnd, undo_ssthresh;
	uint32_t undo_ts;    /* timestamp of the first segment sent again (RFC 3522) */
	uint16_t undo_left;  /* segments sent again of which no duplicate was reported */
	uint8_t reo_mult;    /* the reordering window, in quarters of min_rtt, less one */
	uint8_t reo_persist; /* recoveries until it shrinks again */
	uint32_t pace_us;    /* low half of when the next segment may leave, where pacing is on */
	uint32_t peer_fin;   /* sequence of the peer's FIN */
	uint16_t peer_mss;   /* as offered */
	uint8_t cc;          /* enum tcp_cc */
	uint8_t n_hurries;   /* times a stale peer made us send the SYN early */
	uint16_t resent;     /* segments sent again; stops at the largest number */
};

enum { TCB_HOT_BYTES = 160 }; /* from the beginning on */

static_assert(offsetof(struct tcb, path) == 64 && offsetof(struct tcb, tx_tail) <= TCB_HOT_BYTES,
              "a segment in order touches three lines, wherever the TCB begins");
static_assert(sizeof(struct tcb) == 288, "a million connections cost 288 MB");
