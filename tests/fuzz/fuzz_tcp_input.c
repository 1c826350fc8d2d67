/* fuzz_tcp_input.c - bytes are a script of segments and calls for an engine in several states.
 *
 * One byte chooses the connection's beginning, then come records: an operation, its arguments, and
 * for segments sequence and ACK as small offsets from where the connection stands, so that most of
 * them come near the edges that matter. After each, the invariants are checked; at the end no
 * buffer may be missing. Raw segments (any bytes at all) are one of the operations.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/dataplane/tcp/rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum op {
	OP_SEGMENT,
	OP_SEGMENT_AGAIN, /* twice as likely */
	OP_SEGMENT_MORE,
	OP_RAW,
	OP_TIME,
	OP_WRITE,
	OP_CLOSE,
	OP_ABORT,
	OP_ICMP,
	OP_TURN,
	N_OPS
};

static uint8_t filler[4096];

static uint8_t take(struct span *s)
{
	uint8_t b = 0;

	span_take_u8(s, &b);
	return b;
}

static uint32_t near(uint32_t base, uint8_t b)
{
	static const uint32_t far[8] = {
		1448, 2896, 32767, 32768, 65536, 1u << 30, 1u << 31, 14480
	};

	if (b < 240)
		return base + (uint32_t)(b / 2) * ((b & 1) ? 1u : 100u);
	return b < 248 ? base + far[b - 240] : base - far[b - 248];
}

static void segment(struct rig *r, struct span *s)
{
	struct tcp_head h = { .wscale = TCP_WSCALE_NONE };
	const struct tcb *c = r->user.n_closed == 0 ? tcb_at(r->tcp, r->user.id) : NULL;
	uint8_t options = take(s);
	size_t n;

	h.flags = take(s) & 0x3f;
	if (options & 0x80)
		h.flags = TCP_ACK | (h.flags & TCP_FIN);
	h.seq = near(c != NULL ? c->rcv_nxt : 0, take(s));
	h.ack = near(c != NULL ? c->snd_una : 0, take(s));
	h.window = (uint16_t)(take(s) << 8 | (options & 0xf));
	h.has_ts = options & 1;
	h.ts_val = r->ts + take(s) - 16u;
	if (h.has_ts && h.ts_val > r->ts)
		r->ts = h.ts_val;
	if (c != NULL && (options & 2)) {
		h.n_sacks = options & 4 ? 3 : 1;
		for (unsigned i = 0; i < h.n_sacks; i++) {
			h.sacks[i].start = near(c->snd_una, take(s));
			h.sacks[i].end = near(h.sacks[i].start, take(s));
		}
	}
	if (h.flags & TCP_SYN) {
		h.mss = (uint16_t)(take(s) * 8);
		h.wscale = take(s) & 0x1f;
		h.sack_ok = options & 8;
		h.n_sacks = 0;
	}
	n = (size_t)take(s) * 16;
	rig_in_head(r, &h, filler, n > sizeof(filler) ? sizeof(filler) : n);
}

static void raw(struct rig *r, struct span *s)
{
	struct net_seg seg = { .local = r->local, .remote = r->remote };
	uint8_t wire[256];
	size_t n = take(s);
	struct span bytes;

	if (!span_take(s, n, &bytes))
		return;
	memcpy(wire, bytes.at, n);
	if (n >= 4) {
		wire[0] = 0;
		wire[1] = 25;
		wire[2] = (uint8_t)(r->local_port >> 8);
		wire[3] = (uint8_t)r->local_port;
	}
	seg.tcp = span_of(wire, n);
	tcp_input(r->tcp, r->now_us, &seg);
}

static void icmp(struct rig *r, struct span *s)
{
	struct net_icmp e = { .local = r->local,
		              .remote = r->remote,
		              .local_port = r->local_port,
		              .remote_port = 25,
		              .kind = take(s) % 5 };

	e.mtu_bytes = take(s) * 8u;
	e.seq = near(r->user.n_closed == 0 ? tcb_at(r->tcp, r->user.id)->snd_una : 0, take(s));
	tcp_icmp(r->tcp, r->now_us, &e);
}

static void one(struct rig *r, struct span *s)
{
	bool open = r->user.n_closed == 0;

	switch ((enum op)(take(s) % N_OPS)) {
	case OP_SEGMENT:
	case OP_SEGMENT_AGAIN:
	case OP_SEGMENT_MORE:
		segment(r, s);
		break;
	case OP_RAW:
		raw(r, s);
		break;
	case OP_TIME:
		r->now_us += (uint64_t)take(s) * take(s) * 1000;
		tcp_tick(r->tcp, r->now_us, 100);
		break;
	case OP_WRITE:
		if (open) {
			tcp_write(r->tcp, r->now_us, r->user.id, span_of(filler, take(s) * 16u));
			tcp_flush(r->tcp, r->now_us, r->user.id);
		}
		break;
	case OP_CLOSE:
		if (open)
			tcp_close(r->tcp, r->now_us, r->user.id);
		break;
	case OP_ABORT:
		if (open && take(s) % 8 == 0)
			tcp_abort(r->tcp, r->now_us, r->user.id);
		break;
	case OP_ICMP:
		icmp(r, s);
		break;
	case OP_TURN:
	case N_OPS:
		tcp_turn_end(r->tcp, r->now_us);
		break;
	}
	tcp_check(r->tcp);
}

/* SYN-SENT, or open with what the byte says about options. */
static void begin(struct rig *r, uint8_t how)
{
	struct rig_options o = { .mss = (uint16_t)(how & 8 ? 1460 : 88),
		                 .window = 8000,
		                 .wscale = how & 4 ? 3 : TCP_WSCALE_NONE,
		                 .sack = how & 1,
		                 .ts = how & 2 };

	r->user.close_on_fin = how & 16;
	if (how & 32) {
		rig_connect(r);
		r->local_port = rig_next(r)->head.source_port;
		r->ts = 1000;
		return;
	}
	rig_establish(r, &o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct span s = span_of(data, bytes);
	static struct rig r; /* large */

	rig_conf(&r);
	r.conf.user_timeout_ms = 20000;
	r.conf.tx_bytes_max = 8192;
	rig_open(&r);
	begin(&r, take(&s));
	for (int i = 0; i < 400 && s.bytes != 0; i++)
		one(&r, &s);
	rig_close(&r);
	return 0;
}
