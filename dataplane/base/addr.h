/* addr.h - IP addresses and prefixes, both families in one shape.
 *
 * An IPv4 address is kept as ::ffff:a.b.c.d (RFC 4291 2.5.5.2), so one compare, one hash and one
 * table serve both families.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
	IP_TEXT_MAX = 46 + 4, /* longest printed address, "/128" and NUL included */
};

struct ip_addr {
	uint8_t b[16]; /* network order */
};

struct ip_prefix {
	struct ip_addr addr; /* host bits may be set: "10.0.0.2/24" keeps the .2 */
	uint8_t bits;        /* in the 128-bit form: an IPv4 /24 is 120 */
};

/* A station on the link whose MAC address is configured. */
struct ip_neighbour {
	struct ip_addr addr;
	uint8_t mac[6];
};

static inline bool ip_is_v4(const struct ip_addr *a)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

	return memcmp(a->b, mapped, sizeof(mapped)) == 0;
}

static inline bool ip_eq(const struct ip_addr *a, const struct ip_addr *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

static inline bool ip_is_unset(const struct ip_addr *a)
{
	static const struct ip_addr zero;

	return ip_eq(a, &zero);
}

/* An address that one station may have: no group, no "nobody", no IPv4 loopback. */
static inline bool ip_is_station(const struct ip_addr *a)
{
	if (ip_is_v4(a))
		return a->b[12] != 0 && a->b[12] != 127 && a->b[12] < 224;
	return !ip_is_unset(a) && a->b[0] != 0xff;
}

/* The address whose four bytes stand at `v4`, in network order. */
static inline struct ip_addr ip_from_v4(const uint8_t v4[4])
{
	struct ip_addr a = { .b = { [10] = 0xff, [11] = 0xff } };

	memcpy(a.b + 12, v4, 4);
	return a;
}

/* Reads "192.0.2.1" or "2001:db8::1". Returns 0, or -EINVAL and `out` untouched. */
int ip_parse(const char *text, struct ip_addr *out);

/* Reads "192.0.2.1/24", "2001:db8::1/64"; without a slash the prefix is one address. Returns 0,
 * or -EINVAL and `out` untouched.
 */
int ip_prefix_parse(const char *text, struct ip_prefix *out);

/* Writes the usual text form (IPv4 dotted, IPv6 by RFC 5952) and returns `text`. */
const char *ip_format(const struct ip_addr *a, char text[IP_TEXT_MAX]);

/* True when `a` lies in `p`; host bits of `p` are not looked at. */
bool ip_in_prefix(const struct ip_addr *a, const struct ip_prefix *p);
