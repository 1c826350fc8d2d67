/* test_toeplitz.c - the hash is the one that cards are checked by.
 *
 * Key and hashes are those of the RSS verification suite (Microsoft, "Verifying the RSS hash
 * calculation").
 */
#include "tests/support/toeplitz.h"
#include "tests/support/suite.h"

#include <arpa/inet.h>
#include <string.h>

static const uint8_t key[40] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

/* Sender first, as in the packet that a card receives. */
static const struct {
	int family;
	const char *from, *to;
	uint16_t from_port, to_port;
	uint32_t by_addrs, by_ports;
} cases[] = {
	/* clang-format off */
	{ AF_INET, "66.9.149.187", "161.142.100.80", 2794, 1766, 0x323e8fc2, 0x51ccc178 },
	{ AF_INET, "199.92.111.2", "65.69.140.83", 14230, 4739, 0xd718262a, 0xc626b0ea },
	{ AF_INET, "24.19.198.95", "12.22.207.184", 12898, 38024, 0xd2d0a5de, 0x5c2b394a },
	{ AF_INET, "38.27.205.30", "209.142.163.6", 48228, 2217, 0x82989176, 0xafc7327f },
	{ AF_INET, "153.39.163.191", "202.188.127.2", 44251, 1303, 0x5d1809c5, 0x10e828a2 },
	{ AF_INET6, "3ffe:2501:200:1fff::7", "3ffe:2501:200:3::1", 2794, 1766, 0x2cc18cd5, 0x40207d3d },
	{ AF_INET6, "3ffe:501:8::260:97ff:fe40:efab", "ff02::1", 14230, 4739, 0x0f0c461c, 0xdde51bbf },
	{ AF_INET6, "3ffe:1900:4545:3:200:f8ff:fe21:67cf", "fe80::200:f8ff:fe21:67cf", 44251, 38024,
	  0x4b61e985, 0x02d1feef },
	/* clang-format on */
};

static void the_published_vectors_come_out(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t addr = cases[i].family == AF_INET ? 4 : 16;
		uint16_t from_port = htons(cases[i].from_port), to_port = htons(cases[i].to_port);
		uint8_t tuple[36];
		uint32_t got;

		CU_ASSERT_EQUAL(inet_pton(cases[i].family, cases[i].from, tuple), 1);
		CU_ASSERT_EQUAL(inet_pton(cases[i].family, cases[i].to, tuple + addr), 1);
		memcpy(tuple + 2 * addr, &from_port, 2);
		memcpy(tuple + 2 * addr + 2, &to_port, 2);
		got = toeplitz(key, sizeof(key), tuple, 2 * addr);
		if (got != cases[i].by_addrs)
			printf("\n    %s: got %08x, want %08x", cases[i].from, got,
			       cases[i].by_addrs);
		CU_ASSERT_EQUAL(got, cases[i].by_addrs);
		got = toeplitz(key, sizeof(key), tuple, 2 * addr + 4);
		if (got != cases[i].by_ports)
			printf("\n    %s: got %08x, want %08x", cases[i].from, got,
			       cases[i].by_ports);
		CU_ASSERT_EQUAL(got, cases[i].by_ports);
	}
}

SUITE("support/toeplitz", TEST(the_published_vectors_come_out))
