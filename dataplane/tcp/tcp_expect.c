/* tcp_expect.c - fetches what the segments of a burst will touch, for all of them together.
 *
 * Each step reads what the step before has fetched for all, and fetches what that points to: the
 * processor waits for memory once a step, and not once a pointer of each segment.
 *
 * Not     anything that must be right: a connection that ends meanwhile was fetched in vain.
 */
#include <rte_mbuf.h>

#include "dataplane/base/fetch.h"
#include "dataplane/tcp/tcp_engine.h"
#include "dataplane/tcp/tcp_seg.h"
#include "dataplane/tcp/tcp_seq.h"

enum {
	EXPECT_ACKED_MAX = 16, /* mbufs of a connection that are fetched for an ACK */
};

static uint16_t port_at(const struct net_seg *seg, unsigned at)
{
	return (uint16_t)(seg->tcp.at[at] << 8 | seg->tcp.at[at + 1]);
}

void tcp_foresee(const struct tcp *t, struct net_seg *seg)
{
	struct tcp_tuple tuple = { .local = seg->local,
		                   .remote = seg->remote,
		                   .lport = port_at(seg, 2),
		                   .rport = port_at(seg, 0) };

	seg->hash = tcp_key_flow(&t->key, &tuple);
	tcp_flow_expect(&t->flow, seg->hash);
}

/* The connection that a segment is likely to be for; NULL: none is known. */
static struct tcb *foreseen(const struct tcp *t, const struct net_seg *seg)
{
	return seg->guess < t->conns.n ? pool_at(&t->conns, seg->guess) : NULL;
}

/* Both its lines, and the record behind them. */
static void fetch_mbuf(const struct rte_mbuf *m)
{
	fetch(m, sizeof(*m) + sizeof(struct tcp_seg));
}

/* What an ACK looks at further: the rest of the connection, and the mbuf that it frees first. */
static void fetch_sent(const struct tcp *t, const struct tcb *c)
{
	if (c->tx_head == NULL)
		return;
	fetch(&t->wheel.nodes[tcb_id(t, c)], sizeof(t->wheel.nodes[0]));
	fetch((const uint8_t *)c + TCB_HOT_BYTES, sizeof(*c) - TCB_HOT_BYTES);
	fetch_mbuf(c->tx_head);
}

static uint32_t ack_of(const struct net_seg *seg)
{
	uint32_t ack;

	memcpy(&ack, seg->tcp.at + 8, sizeof(ack));
	return be32toh(ack);
}

/* The oldest segment of a connection, and what the peer says that it has. */
struct acked {
	struct rte_mbuf *m;
	uint32_t ack;
};

/* The mbufs behind the first that ACKs free, one of each connection at a time: they are linked, so
 * those of one connection can only be fetched one after the other.
 */
static void fetch_acked(struct acked *acked, uint32_t n)
{
	for (unsigned pass = 0; pass < EXPECT_ACKED_MAX && n > 0; pass++) {
		uint32_t kept = 0;

		for (uint32_t i = 0; i < n; i++) {
			struct rte_mbuf *next = seg_of(acked[i].m)->next;

			if (next == NULL || seq_gt(seg_end(acked[i].m), acked[i].ack))
				continue;
			fetch_mbuf(next);
			acked[kept++] = (struct acked){ next, acked[i].ack };
		}
		n = kept;
	}
}

static bool has_payload(const struct net_seg *seg)
{
	return seg->tcp.bytes > (seg->tcp.at[12] >> 4) * 4u;
}

/* Where the flow table was looked at while the rest of the burst was read, the connection is
 * likely to be found. Then what it points to; then what the layer above has of it, and what an ACK
 * frees.
 */
void tcp_expect(const struct tcp *t, struct net_seg *segs, uint32_t n)
{
	void *users[TCP_EXPECT_MAX];
	struct acked acked[TCP_EXPECT_MAX];
	uint32_t n_users = 0, n_acked = 0;

	for (uint32_t i = 0; i < n; i++) {
		segs[i].guess = tcp_flow_guess(&t->flow, segs[i].hash);
		if (foreseen(t, &segs[i]) != NULL) /* else none, or one in TIME-WAIT */
			fetch_to_write(foreseen(t, &segs[i]), TCB_HOT_BYTES);
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct tcb *c = foreseen(t, &segs[i]);

		if (c == NULL || !tcb_is_used(c))
			continue;
		fetch_sent(t, c);
		if (c->tx_head != NULL && n_acked < TCP_EXPECT_MAX)
			acked[n_acked++] = (struct acked){ c->tx_head, ack_of(&segs[i]) };
		if (has_payload(&segs[i]) && n_users < TCP_EXPECT_MAX)
			users[n_users++] = c->user;
	}
	if (t->conf.ops->expect != NULL && n_users > 0)
		t->conf.ops->expect(users, n_users);
	fetch_acked(acked, n_acked);
}
