/* egress.c - the egress guard: may a connection to this address and port be opened at all? */
#include "dataplane/egress.h"

#include <assert.h>

#define V4(b0, b1, b2, b3, len)                                                                    \
	{                                                                                          \
		.addr = { .b = { [10] = 0xff, 0xff, b0, b1, b2, b3 } }, .bits = 96 + (len)         \
	}
#define V6(len, ...)                                                                               \
	{                                                                                          \
		.addr = { .b = { __VA_ARGS__ } }, .bits = (len)                                    \
	}

/* What the IANA special-purpose registries (RFC 6890) keep from global unicast. The first match
 * gives the reason, so narrow rows stand before wide ones.
 */
struct egress_row {
	struct ip_prefix net;
	const char *why;
};

/* clang-format off */
static const struct egress_row special[] = {
	{ V4(255, 255, 255, 255, 32), "limited broadcast (RFC 8190)" },
	{ V4(0, 0, 0, 0, 8),          "\"this network\", unspecified (RFC 791 3.2)" },
	{ V4(10, 0, 0, 0, 8),         "private (RFC 1918)" },
	{ V4(100, 64, 0, 0, 10),      "carrier-grade NAT (RFC 6598)" },
	{ V4(127, 0, 0, 0, 8),        "loopback (RFC 1122 3.2.1.3)" },
	{ V4(169, 254, 0, 0, 16),     "link-local (RFC 3927)" },
	{ V4(172, 16, 0, 0, 12),      "private (RFC 1918)" },
	{ V4(192, 0, 0, 0, 24),       "IETF protocol assignments (RFC 6890)" },
	{ V4(192, 0, 2, 0, 24),       "documentation (RFC 5737)" },
	{ V4(192, 88, 99, 0, 24),     "6to4 relay anycast (RFC 7526)" },
	{ V4(192, 168, 0, 0, 16),     "private (RFC 1918)" },
	{ V4(198, 18, 0, 0, 15),      "benchmarking (RFC 2544)" },
	{ V4(198, 51, 100, 0, 24),    "documentation (RFC 5737)" },
	{ V4(203, 0, 113, 0, 24),     "documentation (RFC 5737)" },
	{ V4(224, 0, 0, 0, 4),        "multicast (RFC 5771)" },
	{ V4(240, 0, 0, 0, 4),        "reserved (RFC 1112 4)" },
	{ V6(128, 0),                                 "unspecified (RFC 4291 2.5.2)" },
	{ V6(128, [15] = 1),                          "loopback (RFC 4291 2.5.3)" },
	{ V6(48, 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01), "local-use NAT64 (RFC 8215)" },
	{ V6(64, 0x01),                               "discard-only (RFC 6666)" },
	{ V6(48, 0x20, 0x01, 0x00, 0x02, 0x00, 0x00), "benchmarking (RFC 5180)" },
	{ V6(32, 0x20, 0x01, 0x0d, 0xb8),             "documentation (RFC 3849)" },
	{ V6(28, 0x20, 0x01, 0x00, 0x10),             "ORCHID (RFC 4843)" },
	{ V6(28, 0x20, 0x01, 0x00, 0x20),             "ORCHIDv2 (RFC 7343)" },
	{ V6(20, 0x3f, 0xff, 0x00),                   "documentation (RFC 9637)" },
	{ V6(16, 0x5f, 0x00),                         "SRv6 SIDs (RFC 9602)" },
	{ V6(7, 0xfc),                                "unique local (RFC 4193)" },
	{ V6(10, 0xfe, 0x80),                         "link-local (RFC 4291 2.5.6)" },
	{ V6(10, 0xfe, 0xc0),                         "site-local (RFC 3879)" },
	{ V6(8, 0xff),                                "multicast (RFC 4291 2.7)" },
};

/* IPv6 forms that carry an IPv4 address, and where. */
static const struct {
	struct ip_prefix net;
	uint8_t at;     /* offset of the four bytes */
	uint8_t flip;   /* each byte is xored with this */
} carriers[] = {
	{ V6(96, 0), 12, 0 },                                  /* compatible (RFC 4291 2.5.5.1) */
	{ V6(96, [8] = 0xff, 0xff, 0, 0), 12, 0 },             /* translated (RFC 2765 2.1) */
	{ V6(96, 0x00, 0x64, 0xff, 0x9b), 12, 0 },             /* NAT64 (RFC 6052 2.1) */
	{ V6(16, 0x20, 0x02), 2, 0 },                          /* 6to4 (RFC 3056 2) */
	{ V6(32, 0x20, 0x01, 0x00, 0x00), 12, 0xff },          /* Teredo client (RFC 4380 4) */
	{ V6(32, 0x20, 0x01, 0x00, 0x00), 4, 0 },              /* Teredo server (RFC 4380 4) */
};

static const uint16_t ports[] = { 25, 24, 465, 587 };
/* clang-format on */

static bool in_any(const struct ip_addr *a, const struct ip_prefix *nets, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (ip_in_prefix(a, &nets[i]))
			return true;
	return false;
}

static bool is_own(const struct egress *e, const struct ip_addr *a)
{
	for (uint32_t i = 0; i < e->n_own; i++)
		if (ip_eq(a, &e->own[i]))
			return true;
	return false;
}

/* A connected IPv4 network's all-ones and all-zeros addresses are broadcasts (RFC 1122 3.2.1.3);
 * a /31 has none (RFC 3021).
 */
static bool is_subnet_broadcast(const struct ip_prefix *net, const struct ip_addr *a)
{
	bool ones = true, zeros = true;

	if (!ip_is_v4(a) || net->bits < 96 || net->bits > 126 || !ip_in_prefix(a, net))
		return false;
	for (unsigned bit = net->bits; bit < 128; bit++) {
		if (a->b[bit / 8] >> (7 - bit % 8) & 1)
			zeros = false;
		else
			ones = false;
	}
	return ones || zeros;
}

static const char *special_why(const struct ip_addr *a)
{
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (ip_in_prefix(a, &special[i].net))
			return special[i].why;
	/* Only 2000::/3 is allocated for global unicast (RFC 4291 2.4, IANA). Carriers outside of
	 * it (NAT64 among them) are judged by their inner address.
	 */
	if (!ip_is_v4(a) && a->b[0] >> 5 != 1 && !in_any(a, &carriers[2].net, 1))
		return "not global unicast (RFC 4291 2.4)";
	return NULL;
}

/* One address, by its mode. */
static const char *refuses_plain(const struct egress *e, const struct ip_addr *a)
{
	if (is_own(e, a))
		return "one of our own addresses";
	for (uint32_t i = 0; i < e->n_nets; i++)
		if (is_subnet_broadcast(&e->nets[i], a))
			return "broadcast address of a connected network";
	if (in_any(a, e->allow, e->n_allow))
		return NULL;
	if (e->live)
		return special_why(a);
	return in_any(a, e->nets, e->n_nets) ? NULL : "outside the sandbox";
}

const char *egress_refuses(const struct egress *e, const struct ip_addr *to, uint16_t port)
{
	const char *why = NULL;
	bool known = false;

	assert(e->n_nets == 0 || e->nets != NULL);
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		known |= ports[i] == port;
	if (!known)
		return "not a mail port";
	why = refuses_plain(e, to);
	/* An entry that names the outer form names what it leads to as well. */
	if (why != NULL || ip_is_v4(to) || in_any(to, e->allow, e->n_allow))
		return why;
	for (size_t i = 0; i < sizeof(carriers) / sizeof(carriers[0]) && why == NULL; i++) {
		uint8_t v4[4];
		struct ip_addr inner;

		if (!ip_in_prefix(to, &carriers[i].net))
			continue;
		for (unsigned k = 0; k < 4; k++)
			v4[k] = to->b[carriers[i].at + k] ^ carriers[i].flip;
		inner = ip_from_v4(v4);
		why = refuses_plain(e, &inner);
	}
	return why;
}
