/* sums.h - makes the checksums of a frame right again after a test has changed it.
 *
 * The plain way of RFC 1071 4.1, two bytes at a time, on purpose unlike the code that is tested.
 * Untagged frames; IPv6 without extension headers.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

static inline uint32_t sum_bytes(uint32_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static inline void sum_put(uint8_t *field, uint32_t sum)
{
	field[0] = (uint8_t)(~sum >> 8);
	field[1] = (uint8_t)~sum;
}

/* The L4 part: its checksum field by protocol, -1 where we know none. */
static inline int sum_field(uint8_t proto)
{
	return proto == 6 ? 16 : proto == 1 || proto == 58 ? 2 : -1;
}

static inline void sums_fix_l4(uint8_t *l4, size_t bytes, uint8_t proto, const uint8_t *addrs,
                               size_t addrs_bytes)
{
	int field = sum_field(proto);
	uint32_t sum = 0;

	if (field < 0 || bytes < (size_t)field + 2)
		return;
	if (proto != 1)
		sum = sum_bytes(proto + (uint32_t)bytes, addrs, addrs_bytes);
	l4[field] = l4[field + 1] = 0;
	sum_put(l4 + field, sum_bytes(sum, l4, bytes));
}

static inline void sums_fix(uint8_t *frame, size_t bytes)
{
	uint8_t *ip = frame + 14;
	size_t left = bytes > 14 ? bytes - 14 : 0, header, total;

	if (left >= 20 && ip[0] >> 4 == 4) {
		header = (ip[0] & 15) * 4u;
		total = (size_t)ip[2] << 8 | ip[3];
		if (header < 20 || header > left)
			return;
		ip[10] = ip[11] = 0;
		sum_put(ip + 10, sum_bytes(0, ip, header));
		if (total >= header && total <= left)
			sums_fix_l4(ip + header, total - header, ip[9], ip + 12, 8);
	} else if (left >= 40 && ip[0] >> 4 == 6) {
		total = (size_t)ip[4] << 8 | ip[5];
		if (total <= left - 40)
			sums_fix_l4(ip + 40, total, ip[6], ip + 8, 32);
	}
}
