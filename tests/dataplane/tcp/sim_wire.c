/* sim_wire.c - the bad wire: packets by the time they arrive, and what happens to them. */
#include "tests/dataplane/tcp/sim_int.h"

#include <assert.h>
#include <string.h>

static bool earlier(const struct sim *s, uint32_t a, uint32_t b)
{
	const struct packet *x = &s->packets[a], *y = &s->packets[b];

	return x->due_us != y->due_us ? x->due_us < y->due_us : x->order < y->order;
}

static void heap_swap(struct sim *s, uint32_t i, uint32_t j)
{
	uint32_t held = s->heap[i];

	s->heap[i] = s->heap[j];
	s->heap[j] = held;
}

void sim_heap_add(struct sim *s, uint32_t packet)
{
	uint32_t i = s->n_heap++;

	s->packets[packet].order = s->n_sent++;
	s->heap[i] = packet;
	for (; i != 0 && earlier(s, s->heap[i], s->heap[(i - 1) / 2]); i = (i - 1) / 2)
		heap_swap(s, i, (i - 1) / 2);
}

uint32_t sim_heap_pop(struct sim *s)
{
	uint32_t first = s->heap[0], i = 0;

	s->heap[0] = s->heap[--s->n_heap];
	for (;;) {
		uint32_t least = i;

		for (uint32_t k = 2 * i + 1; k <= 2 * i + 2; k++)
			if (k < s->n_heap && earlier(s, s->heap[k], s->heap[least]))
				least = k;
		if (least == i)
			return first;
		heap_swap(s, i, least);
		i = least;
	}
}

static struct packet *packet_get(struct sim *s)
{
	return s->n_free != 0 ? &s->packets[s->free[--s->n_free]] : NULL;
}

void sim_packet_put(struct sim *s, const struct packet *p)
{
	s->free[s->n_free++] = (uint32_t)(p - s->packets);
}

/* The sum that TCP's checksum is made of. */
uint16_t sim_sum(const uint8_t *at, uint16_t bytes)
{
	uint32_t sum = 0;

	for (uint16_t i = 0; i < bytes; i++)
		sum += i % 2 != 0 ? at[i] : (uint32_t)at[i] << 8;
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Middle boxes: they take options out of SYNs, and lie about windows. */
static void meddle(struct end *from, struct packet *p)
{
	struct sim *s = from->sim;
	struct tcp_head h;
	struct span bytes;
	bool readable = tcp_head_read(span_of(p->at, p->bytes), &h, &bytes);

	assert(readable);
	if (h.flags & TCP_SYN) {
		h.sack_ok = h.sack_ok && !s->path->no_sack;
		h.has_ts = h.has_ts && !s->path->no_ts;
		if (s->path->no_wscale)
			h.wscale = TCP_WSCALE_NONE;
		if (s->path->box == SIM_BOX_CLEARS)
			h.flags &= (uint8_t)~BOTH;
		else if (s->path->box == SIM_BOX_REFLECTS && (h.flags & TCP_ACK))
			h.flags |= BOTH;
		tcp_head_write(&h, p->at);
		p->bytes = (uint16_t)tcp_head_bytes(&h);
		return;
	}
	if (s->now_us < from->lie_until_us) {
		h.window = from->lie_divisor != 0 ? (uint16_t)(h.window / from->lie_divisor) : 0;
		p->at[14] = (uint8_t)(h.window >> 8);
		p->at[15] = (uint8_t)h.window;
	}
}

/* A box refuses a SYN for bits it does not know, as if the other end did. */
static void refuse(struct end *from, const struct tcp_head *syn)
{
	struct sim *s = from->sim;
	struct packet *p = packet_get(s);
	struct tcp_head h = { .source_port = syn->dest_port,
		              .dest_port = syn->source_port,
		              .flags = TCP_RST | TCP_ACK,
		              .ack = syn->seq + 1,
		              .wscale = TCP_WSCALE_NONE };

	if (p == NULL)
		return;
	p->to = from;
	p->ecn = NET_ECN_NOT_ECT;
	p->due_us = s->now_us + s->path->delay_us;
	tcp_head_write(&h, p->at);
	p->bytes = (uint16_t)tcp_head_bytes(&h);
	p->sum = sim_sum(p->at, p->bytes);
	sim_heap_add(s, (uint32_t)(p - s->packets));
}

/* True when a box on the way does not let the segment pass. */
bool sim_is_stopped(struct end *from, const uint8_t *at, uint16_t n)
{
	const struct sim_path *path = from->sim->path;
	struct tcp_head h;
	struct span bytes;

	if (path->box != SIM_BOX_DROPS && path->box != SIM_BOX_REFUSES)
		return false;
	if (!tcp_head_read(span_of(at, n), &h, &bytes) ||
	    (h.flags & (TCP_SYN | TCP_ACK | BOTH)) != (TCP_SYN | BOTH))
		return false;
	if (path->box == SIM_BOX_REFUSES)
		refuse(from, &h);
	return true;
}

/* A router on the path says that a packet was too large. */
void sim_tell_too_big(struct end *from, const uint8_t *head)
{
	struct sim *s = from->sim;
	struct packet *p = packet_get(s);

	if (p == NULL)
		return;
	p->to = from;
	p->bytes = 0;
	p->due_us = s->now_us + s->path->delay_us;
	p->icmp = (struct net_icmp){
		.kind = NET_ICMP_TOO_BIG,
		.local = from->addr,
		.remote = from->other->addr,
		.local_port = (uint16_t)(head[0] << 8 | head[1]),
		.remote_port = (uint16_t)(head[2] << 8 | head[3]),
		.seq = (uint32_t)head[4] << 24 | (uint32_t)head[5] << 16 | (uint32_t)head[6] << 8 |
		       head[7],
		.mtu_bytes = s->path->hole_bytes,
	};
	sim_heap_add(s, (uint32_t)(p - s->packets));
}

/* Someone who sees nothing of the connection guesses. Not during the handshake: a SYN that comes
 * then with the right ports is a simultaneous open, and TCP has no means to know better.
 */
void sim_forge(struct end *to)
{
	struct sim *s = to->sim;
	struct packet *p = packet_get(s);
	struct tcp_head h = {
		.source_port = to->other->port,
		.dest_port = to->port,
		.wscale = TCP_WSCALE_NONE,
	};

	/* One draw a statement: the order must not be the compiler's. */
	h.seq = (uint32_t)sim_random(&s->random);
	h.ack = (uint32_t)sim_random(&s->random);
	h.flags = (uint8_t)(sim_random(&s->random) & 0xdf);
	h.window = (uint16_t)sim_random(&s->random);
	h.has_ts = sim_happens(s, 500);
	h.ts_val = (uint32_t)sim_random(&s->random);
	if (p == NULL)
		return;
	if (!to->opened || !to->other->opened) {
		sim_packet_put(s, p);
		return;
	}
	p->to = to;
	p->due_us = s->now_us;
	p->ecn = NET_ECN_NOT_ECT;
	p->bytes = 0;
	if (sim_happens(s, 300)) {
		p->icmp = (struct net_icmp){
			.local = to->addr,
			.remote = to->other->addr,
			.local_port = to->port,
			.remote_port = to->other->port,
		};
		p->icmp.kind = sim_below(s, 5);
		p->icmp.seq = (uint32_t)sim_random(&s->random);
		p->icmp.mtu_bytes = sim_below(s, 1500);
	} else {
		tcp_head_write(&h, p->at);
		p->bytes = (uint16_t)(tcp_head_bytes(&h) + sim_below(s, 100));
		p->sum = sim_sum(p->at, p->bytes);
	}
	sim_heap_add(s, (uint32_t)(p - s->packets));
}

static bool is_lost(struct end *from, uint32_t bytes)
{
	struct sim *s = from->sim;
	uint32_t rate = s->path->kbit_s;

	if (s->now_us < from->burst_until_us)
		return true;
	if (sim_happens(s, s->path->burst))
		from->burst_until_us = s->now_us + sim_below(s, s->path->burst_us);
	if (sim_happens(s, s->path->loss))
		return true;
	if (rate == 0)
		return false;
	if (from->wire_free_us < s->now_us)
		from->wire_free_us = s->now_us;
	if ((from->wire_free_us - s->now_us) * rate / 8000 + bytes > s->path->queue_bytes)
		return true;
	from->wire_free_us += (uint64_t)(bytes + 54) * 8000 / rate;
	return false;
}

void sim_put(struct end *from, const uint8_t *at, uint16_t bytes, enum net_ecn ecn)
{
	struct sim *s = from->sim;
	struct packet *p;

	if (is_lost(from, bytes) || (p = packet_get(s)) == NULL)
		return;
	p->bytes = bytes;
	memcpy(p->at, at, bytes);
	meddle(from, p);
	p->sum = sim_sum(p->at, p->bytes);
	if (sim_happens(s, s->path->corrupt))
		p->at[sim_below(s, p->bytes)] ^= (uint8_t)(1 << sim_below(s, 8));
	p->to = from->other;
	p->ecn = (uint8_t)ecn;
	if (ecn == NET_ECN_ECT0 && sim_happens(s, s->path->mark))
		p->ecn = NET_ECN_CE;
	p->due_us = s->now_us + s->path->delay_us;
	if (s->path->kbit_s != 0)
		p->due_us += from->wire_free_us - s->now_us;
	if (sim_happens(s, s->path->late))
		p->due_us += sim_below(s, s->path->late_us);
	sim_heap_add(s, (uint32_t)(p - s->packets));
}
