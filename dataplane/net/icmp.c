/* icmp.c - ICMP and ICMPv6: echo requests are answered, errors about our segments are read.
 *
 * Errors of our own are never sent: we offer no service that a stranger could miss.
 */
#include <string.h>

#include <rte_mbuf.h>

#include "dataplane/net/cksum.h"
#include "dataplane/net/net_int.h"

/* What an error means to TCP (RFC 1122 4.2.3.9, RFC 1191 4, RFC 4443 3). What has no row (source
 * quench, RFC 6633; redirects; other parameter problems) is ignored.
 */
struct error_row {
	uint8_t type, code_min, code_max;
	uint8_t kind;
};

/* clang-format off */
static const struct error_row errors4[] = {
	/* type                 codes    kind */
	{ ICMP4_UNREACHABLE,    0, 1,    NET_ICMP_UNREACHABLE },  /* network, host */
	{ ICMP4_UNREACHABLE,    2, 3,    NET_ICMP_PORT },         /* protocol, port */
	{ ICMP4_UNREACHABLE,    4, 4,    NET_ICMP_TOO_BIG },      /* fragmentation needed and DF */
	{ ICMP4_UNREACHABLE,    5, 8,    NET_ICMP_UNREACHABLE },  /* source route, unknown, isolated */
	{ ICMP4_UNREACHABLE,    9, 10,   NET_ICMP_PROHIBITED },   /* network, host: RFC 1122 3.2.2.1 */
	{ ICMP4_UNREACHABLE,    11, 12,  NET_ICMP_UNREACHABLE },  /* for that type of service */
	{ ICMP4_UNREACHABLE,    13, 15,  NET_ICMP_PROHIBITED },   /* filtered: RFC 1812 5.2.7.1 */
	{ ICMP4_TIME_EXCEEDED,  0, 1,    NET_ICMP_TIME_EXCEEDED },
};

static const struct error_row errors6[] = {
	{ ICMP6_UNREACHABLE,       0, 0,    NET_ICMP_UNREACHABLE }, /* no route */
	{ ICMP6_UNREACHABLE,       1, 1,    NET_ICMP_PROHIBITED },
	{ ICMP6_UNREACHABLE,       2, 3,    NET_ICMP_UNREACHABLE }, /* scope, address */
	{ ICMP6_UNREACHABLE,       4, 4,    NET_ICMP_PORT },
	{ ICMP6_UNREACHABLE,       5, 6,    NET_ICMP_PROHIBITED },  /* source policy, reject route */
	{ ICMP6_TOO_BIG,           0, 255,  NET_ICMP_TOO_BIG },     /* its code is ignored: 3.2 */
	{ ICMP6_TIME_EXCEEDED,     0, 1,    NET_ICMP_TIME_EXCEEDED },
	{ ICMP6_PARAMETER_PROBLEM, 1, 1,    NET_ICMP_PORT },        /* it does not know TCP */
};
/* clang-format on */

static const struct error_row *error_find(bool is_v4, uint8_t type, uint8_t code)
{
	const struct error_row *rows = is_v4 ? errors4 : errors6;
	size_t n =
	    is_v4 ? sizeof(errors4) / sizeof(errors4[0]) : sizeof(errors6) / sizeof(errors6[0]);

	for (size_t i = 0; i < n; i++)
		if (rows[i].type == type && rows[i].code_min <= code && code <= rows[i].code_max)
			return &rows[i];
	return NULL;
}

/* The quoted IP header, ours: no fragment and, in IPv6, no extension header, which we never send.
 * False when it is cut short or of another protocol.
 */
static bool read_quoted_ip(bool is_v4, struct span *s, struct net_icmp *icmp)
{
	struct span header;
	const uint8_t *h = s->at;

	if (s->bytes < IP4_HEADER_BYTES)
		return false;
	if (is_v4) {
		size_t bytes = (h[0] & 15) * 4u;

		if (h[0] >> 4 != 4 || bytes < IP4_HEADER_BYTES || !span_take(s, bytes, &header) ||
		    h[9] != IP_PROTO_TCP || (get16(h + 6) & IP4_FRAGMENT_MASK) != 0)
			return false;
		icmp->local = ip_from_v4(h + 12);
		icmp->remote = ip_from_v4(h + 16);
		return true;
	}
	if (h[0] >> 4 != 6 || !span_take(s, IP6_HEADER_BYTES, &header) || h[6] != IP_PROTO_TCP)
		return false;
	memcpy(icmp->local.b, h + 8, 16);
	memcpy(icmp->remote.b, h + 24, 16);
	return true;
}

/* The MTU that a TOO_BIG tells: IPv4 in 16 bits, 0 from old routers (RFC 1191 4); IPv6 in 32. A
 * figure under what every link carries is no news but an attack (RFC 8201 4).
 */
static bool read_mtu(bool is_v4, const uint8_t *at, struct net_icmp *icmp)
{
	icmp->mtu_bytes = is_v4 ? get16(at + 6) : get32(at + 4);
	if (is_v4)
		return icmp->mtu_bytes == 0 || icmp->mtu_bytes >= IP4_MTU_MIN;
	return icmp->mtu_bytes >= IP6_MTU_MIN;
}

/* The error came to the address that the quoted segment left from, or it is made up. */
static bool read_error(const struct packet *p, const struct error_row *row, struct net_icmp *icmp)
{
	bool is_v4 = p->proto == IP_PROTO_ICMP;
	struct span s = span_of(p->body.at + ICMP_HEADER_BYTES, p->body.bytes - ICMP_HEADER_BYTES);

	*icmp = (struct net_icmp){ .kind = row->kind };
	return read_quoted_ip(is_v4, &s, icmp) && ip_eq(&icmp->local, &p->dst) &&
	       span_take_u16(&s, &icmp->local_port) && span_take_u16(&s, &icmp->remote_port) &&
	       span_take_u32(&s, &icmp->seq) &&
	       (row->kind != NET_ICMP_TOO_BIG || read_mtu(is_v4, p->body.at, icmp));
}

/* The answer goes back to the station that the request came from, without a look at routes and
 * neighbours: a stranger's echo changes no table of ours.
 */
static void echo_reply(struct net *net, uint64_t now_us, const struct packet *p)
{
	bool is_v4 = p->proto == IP_PROTO_ICMP;
	size_t ip_bytes = is_v4 ? IP4_HEADER_BYTES : IP6_HEADER_BYTES;
	uint16_t bytes = (uint16_t)p->body.bytes;
	struct rte_mbuf *m;
	uint64_t sum = 0;
	uint8_t *at;

	if (ip_bytes + bytes > net->mtu_bytes || ip_is_unset(&p->src) ||
	    !net_bucket_take(&net->echo, now_us, NET_ECHO_PER_S))
		return;
	m = frame_new(net, bytes, &at);
	if (m == NULL)
		return;
	memcpy(at, p->body.at, bytes);
	at[0] = is_v4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY;
	memset(at + 2, 0, 2);
	if (is_v4) {
		ip4_prepend(net, m, &p->dst, &p->src, IP_PROTO_ICMP);
	} else {
		ip6_prepend(m, &p->dst, &p->src, IP_PROTO_ICMP6, IP_HOPS);
		sum = cksum_pseudo(at - 32, 32, IP_PROTO_ICMP6, bytes);
	}
	cksum_put(at + 2, cksum_add(sum, at, bytes));
	count(&net->counters->icmp_echo_in);
	frame_send(net, m, p->frame->from, is_v4 ? ETH_TYPE_IP4 : ETH_TYPE_IP6);
}

/* Devices do not check ICMP reliably, so its sum is always verified here. */
static bool sum_is_good(const struct packet *p)
{
	uint64_t sum = 0;

	if (p->proto == IP_PROTO_ICMP6)
		sum = cksum_pseudo(p->addrs.at, p->addrs.bytes, IP_PROTO_ICMP6,
		                   (uint16_t)p->body.bytes);
	return cksum_fold(cksum_add(sum, p->body.at, p->body.bytes)) == 0xffff;
}

enum net_in icmp_input(struct net *net, uint64_t now_us, const struct packet *p,
                       struct net_icmp *icmp)
{
	bool is_v4 = p->proto == IP_PROTO_ICMP;
	const uint8_t *at = p->body.at;
	const struct error_row *row;

	if (p->body.bytes < ICMP_HEADER_BYTES) {
		count(&net->counters->rx_malformed);
		return NET_IN_DONE;
	}
	if (!sum_is_good(p)) {
		count(&net->counters->rx_bad_checksum);
		return NET_IN_DONE;
	}
	if (!is_v4 &&
	    (at[0] == ICMP6_NEIGHBOUR_SOLICITATION || at[0] == ICMP6_NEIGHBOUR_ADVERTISEMENT)) {
		if (!net->is_writer)
			return NET_IN_WRITER;
		nd_input(net, now_us, p);
		return NET_IN_DONE;
	}
	if (p->is_group) { /* RFC 4443 2.4 e: nothing else is said to a group of ours */
		count(&net->counters->rx_not_ours);
		return NET_IN_DONE;
	}
	if (at[0] == (is_v4 ? ICMP4_ECHO_REQUEST : ICMP6_ECHO_REQUEST)) {
		if (!net->is_writer)
			return NET_IN_WRITER; /* one worker counts how many are answered */
		echo_reply(net, now_us, p);
		return NET_IN_DONE;
	}
	row = error_find(is_v4, at[0], at[1]);
	if (row == NULL || !read_error(p, row, icmp)) {
		count(row == NULL ? &net->counters->rx_not_ours : &net->counters->rx_malformed);
		return NET_IN_DONE;
	}
	count(&net->counters->icmp_error_in);
	return NET_IN_ICMP;
}
