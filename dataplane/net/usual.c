/* usual.c - the frame that most are: IPv4 without options around one whole TCP segment, from a
 * station to an own address. It is judged in one go, by the rules of frame.c, ip4.c and segment.c;
 * what breaks one of them, or is of another shape, is left to those, which count it.
 */
#include <string.h>

#include <rte_mbuf.h>

#include "dataplane/net/cksum.h"
#include "dataplane/net/net_int.h"

enum { USUAL_BYTES_MIN = ETH_HEADER_BYTES + IP4_HEADER_BYTES + TCP_HEADER_BYTES };

/* Version 4 with five words, and neither MF nor an offset. */
static bool is_whole_tcp(const uint8_t *ip)
{
	return ip[0] == 0x45 && ip[9] == IP_PROTO_TCP && (get16(ip + 6) & IP4_FRAGMENT_MASK) == 0;
}

/* Both lengths lie within the frame, and the TCP header within its segment. */
static bool lengths_are_good(const uint8_t *ip, size_t room)
{
	size_t bytes = get16(ip + 2), head_bytes = (ip[IP4_HEADER_BYTES + 12] >> 4) * 4u;

	return bytes <= room && head_bytes >= TCP_HEADER_BYTES &&
	       bytes >= IP4_HEADER_BYTES + head_bytes;
}

/* Of the header, and of the segment with its pseudo-header (RFC 9293 3.1). What the device calls
 * bad or half done (NONE has both bits) is judged elsewhere.
 */
static bool sums_are_good(const struct net *net, const struct rte_mbuf *m, const uint8_t *ip,
                          size_t tcp_bytes)
{
	uint64_t says = net->rx_checksum ? m->ol_flags : 0, sum;

	if (says & (RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_BAD))
		return false;
	if (!(says & RTE_MBUF_F_RX_IP_CKSUM_GOOD) && !cksum_is_good(cksum_header4(ip)))
		return false;
	if (says & RTE_MBUF_F_RX_L4_CKSUM_GOOD)
		return true;
	sum = cksum_pseudo4(ip + 12, IP_PROTO_TCP, (uint16_t)tcp_bytes);
	return cksum_is_good(cksum_add(sum, ip + IP4_HEADER_BYTES, tcp_bytes));
}

bool usual_parse(struct net *net, uint64_t now_us, const struct rte_mbuf *m, struct net_seg *seg)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *), *ip = frame + ETH_HEADER_BYTES;
	size_t tcp_bytes;

	if (m->data_len < USUAL_BYTES_MIN || m->nb_segs != 1 ||
	    (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) || net->vlan != 0 || net->sums_on_trial)
		return false;
	if (memcmp(frame, net->mac, 6) != 0 || memcmp(frame + 6, net->mac, 6) == 0 ||
	    (frame[6] & 1) || get16(frame + 12) != ETH_TYPE_IP4 || !is_whole_tcp(ip) ||
	    !lengths_are_good(ip, m->data_len - ETH_HEADER_BYTES) || !ip4_is_sender(net, ip + 12))
		return false;
	tcp_bytes = get16(ip + 2) - (size_t)IP4_HEADER_BYTES;
	if (!sums_are_good(net, m, ip, tcp_bytes))
		return false;
	*seg = (struct net_seg){ .local = ip_from_v4(ip + 16),
		                 .remote = ip_from_v4(ip + 12),
		                 .tcp = span_of(ip + IP4_HEADER_BYTES, tcp_bytes),
		                 .ecn = ip[1] & IP_ECN_MASK };
	if (own_find(&net->own, &seg->local) == NULL || own_find(&net->own, &seg->remote) != NULL)
		return false;
	neigh_heard(&net->neigh, now_us, frame + 6);
	return true;
}
