/* fuzz_tcp_input.c - bytes are a script of segments and calls for an engine in several states.
 *
 * One byte chooses the connection's beginning, then come records: an operation, its arguments, and
 * for segments sequence and ACK as small offsets from where the connection stands, so that most of
 * them come near the edges that matter. After each, the invariants are checked; at the end no
 * buffer may be missing. Raw segments (any bytes at all) are one of the operations.
 */
#include <assert.h>
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

/* The connection, if there is one: none before somebody was accepted, none after its end. */
static bool was_accepted;

static const struct tcb *conn(struct rig *r)
{
	if (r->user.n_closed != 0 || (r->conf.listen_port != 0 && !was_accepted))
		return NULL;
	return tcb_at(r->tcp, r->user.id);
}

static void *accept_one(void *ctx, tcp_id id)
{
	struct rig *r = ctx;

	if (was_accepted)
		return NULL;
	was_accepted = true;
	r->user.id = id;
	return &r->user;
}

static void segment(struct rig *r, struct span *s)
{
	struct tcp_head h = { .wscale = TCP_WSCALE_NONE };
	const struct tcb *c = conn(r);
	uint8_t options = take(s);
	size_t n;

	h.flags = take(s);
	if (options & 0x80)
		h.flags = TCP_ACK | (h.flags & TCP_FIN);
	h.seq = near(c != NULL ? c->rcv_nxt : r->peer_seq, take(s));
	h.ack = near(c != NULL ? c->snd_una : r->peer_ack, take(s));
	h.window = (uint16_t)(take(s) << 8 | (options & 0xf));
	r->ecn = options >> 4 & 3;
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
	e.seq = near(conn(r) != NULL ? conn(r)->snd_una : r->peer_ack, take(s));
	tcp_icmp(r->tcp, r->now_us, &e);
}

static void one(struct rig *r, struct span *s)
{
	bool open = conn(r) != NULL;

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

/* Where a script begins: the high bits of its first byte. */
enum start {
	START_ESTABLISHED,
	START_SYN_SENT,
	START_FIN_WAIT_1,
	START_FIN_WAIT_2,
	START_CLOSING,
	START_CLOSE_WAIT,
	START_LAST_ACK,
	START_OTHERS, /* by the low bits: TIME-WAIT, SYN-RECEIVED of both kinds, LISTEN */
	N_STARTS
};

static void from_peer(struct rig *r, uint8_t flags, uint32_t acked)
{
	r->peer_ack += acked;
	rig_in(r, flags, NULL, 0, 8000);
	rig_turn(r);
}

/* Everything that both FINs can lead to. */
static void close_it(struct rig *r, enum start start)
{
	bool peer_first = start == START_CLOSE_WAIT || start == START_LAST_ACK;

	if (peer_first)
		from_peer(r, TCP_ACK | TCP_FIN, 0);
	if (start != START_CLOSE_WAIT)
		tcp_close(r->tcp, r->now_us, r->user.id);
	if (start == START_FIN_WAIT_2 || start == START_OTHERS)
		from_peer(r, TCP_ACK, 1);
	if (start == START_CLOSING || start == START_OTHERS)
		from_peer(r, TCP_ACK | TCP_FIN, 0);
}

static void syn_of_peer(struct rig *r)
{
	struct tcp_head h = { .flags = TCP_SYN,
		              .seq = r->peer_seq,
		              .window = 8000,
		              .mss = 1460,
		              .wscale = TCP_WSCALE_NONE };

	r->peer_seq++;
	rig_in_head(r, &h, NULL, 0);
}

static void begin(struct rig *r, uint8_t how)
{
	struct rig_options o = { .mss = (uint16_t)(how & 8 ? 1460 : 88),
		                 .window = 8000,
		                 .wscale = how & 4 ? 3 : TCP_WSCALE_NONE,
		                 .sack = how & 1,
		                 .ts = how & 2,
		                 .flags = how & 8 ? TCP_ECE : 0 };
	static const uint8_t state_of[N_STARTS] = { TCP_STATE_ESTABLISHED, TCP_STATE_SYN_SENT,
		                                    TCP_STATE_FIN_WAIT_1,  TCP_STATE_FIN_WAIT_2,
		                                    TCP_STATE_CLOSING,     TCP_STATE_CLOSE_WAIT,
		                                    TCP_STATE_LAST_ACK,    TCP_STATE_ESTABLISHED };
	enum start start = how >> 5;
	bool listens = start == START_OTHERS && (how & 2) != 0;

	r->user.close_on_fin = (how & 16) != 0 && start == START_ESTABLISHED;
	if (listens) { /* LISTEN; SYN-RECEIVED of a stranger */
		r->local_port = r->conf.listen_port;
		if (how & 1)
			syn_of_peer(r);
		assert((how & 1) == 0 || conn(r)->state == TCP_STATE_SYN_RCVD);
		return;
	}
	if (start == START_SYN_SENT || (start == START_OTHERS && (how & 1))) {
		rig_connect(r);
		r->local_port = rig_next(r)->head.source_port;
		r->ts = 1000;
		if (start == START_OTHERS) { /* both open: SYN-RECEIVED of ours */
			syn_of_peer(r);
			assert(conn(r)->state == TCP_STATE_SYN_RCVD);
		}
		return;
	}
	rig_establish(r, &o);
	if (start != START_ESTABLISHED)
		close_it(r, start);
	if (start == START_OTHERS)
		assert(r->tcp->tw.used == 1 && conn(r) == NULL);
	else
		assert(conn(r)->state == state_of[start]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct span s = span_of(data, bytes);
	static struct rig r; /* large */
	uint8_t how = take(&s);

	rig_conf(&r);
	r.conf.conns_max = 8;
	r.conf.user_timeout_ms = 20000;
	r.conf.tx_bytes_max = 8192;
	r.conf.ecn = (how & 8) != 0;
	r.conf.pacing = (how & 16) != 0;
	was_accepted = false;
	r.peer_seq = RIG_PEER;
	if (how >> 5 == START_OTHERS && (how & 2)) {
		r.conf.listen_port = 2525;
		r.conf.accept = accept_one;
		r.conf.accept_ctx = &r;
	}
	rig_open(&r);
	begin(&r, how);
	for (int i = 0; i < 400 && s.bytes != 0; i++)
		one(&r, &s);
	rig_close(&r);
	return 0;
}
