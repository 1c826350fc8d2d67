/* tcp_key.c - SipHash-1-3 (Aumasson, Bernstein 2012) over a tuple, and a quick hash for the flows.
 */
#include "dataplane/tcp/tcp_key.h"

#include <string.h>

enum { WORDS = 5 }; /* two addresses, and ports with the purpose */

enum purpose { FOR_ISN = 1, FOR_TS = 2, FOR_PORTS = 3 };

static uint64_t rotl(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] = rotl(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] = rotl(v[2], 32);
}

static uint64_t sip(const struct tcp_key *key, const uint64_t words[WORDS])
{
	uint64_t v[4] = {
		key->k[0] ^ 0x736f6d6570736575ull,
		key->k[1] ^ 0x646f72616e646f6dull,
		key->k[0] ^ 0x6c7967656e657261ull,
		key->k[1] ^ 0x7465646279746573ull,
	};

	for (int i = 0; i <= WORDS; i++) {
		uint64_t m = i < WORDS ? words[i] : (uint64_t)(WORDS * 8) << 56;

		v[3] ^= m;
		sip_round(v);
		v[0] ^= m;
	}
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Four numbers of which each depends on all of the secret: the flows' hash multiplies by them, and
 * of a secret with few bits set it would be none (of one whose second half is zero it was the same
 * for all addresses).
 */
void tcp_key_init(struct tcp_key *key, const uint8_t secret[32])
{
	struct tcp_key raw;

	memcpy(raw.k, secret, sizeof(raw.k));
	for (unsigned i = 0; i < 4; i++)
		key->k[i] = sip(&raw, (uint64_t[WORDS]){ raw.k[2], raw.k[3], 0, 0, i });
}

static void words_of(const struct tcp_tuple *t, enum purpose purpose, uint64_t w[WORDS])
{
	memcpy(&w[0], t->local.b, 16);
	memcpy(&w[2], t->remote.b, 16);
	w[4] = (uint64_t)purpose << 32 | (uint32_t)t->lport << 16 | t->rport;
}

uint32_t tcp_key_isn(const struct tcp_key *key, const struct tcp_tuple *t, uint64_t now_us)
{
	uint64_t w[WORDS];

	words_of(t, FOR_ISN, w);
	return (uint32_t)sip(key, w) + (uint32_t)(now_us / 4);
}

uint32_t tcp_key_ts_offset(const struct tcp_key *key, const struct tcp_tuple *t)
{
	struct tcp_tuple pair = { .local = t->local, .remote = t->remote };
	uint64_t w[WORDS];

	words_of(&pair, FOR_TS, w);
	return (uint32_t)sip(key, w);
}

uint64_t tcp_key_ports(const struct tcp_key *key, const struct tcp_tuple *t)
{
	struct tcp_tuple to = *t;
	uint64_t w[WORDS];

	to.lport = 0;
	words_of(&to, FOR_PORTS, w);
	return sip(key, w);
}

static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 p = (unsigned __int128)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

uint64_t tcp_key_flow(const struct tcp_key *key, const struct tcp_tuple *t)
{
	uint64_t w[WORDS];

	words_of(t, 0, w);
	return fold(fold(w[0] ^ key->k[2], w[1] ^ key->k[3]) ^ w[4] ^ key->k[0],
	            fold(w[2] ^ key->k[3], w[3] ^ key->k[2]) ^ key->k[1]);
}
