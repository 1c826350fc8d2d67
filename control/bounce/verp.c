#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "control/bounce/verp.h"

enum {
	MAC_BITS = 40,
	MAC_DIGITS = 8, /* 36^8 > 2^40 */
	DOMAIN_BYTES_MAX = 255,
};

static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

/* HMAC-SHA256 (RFC 2104) over both numbers, cut to its first 40 bits. */
static uint64_t mac_of(const uint8_t key[32], uint32_t campaign, uint32_t row)
{
	uint8_t text[8], mac[EVP_MAX_MD_SIZE];
	unsigned bytes = 0;
	const uint8_t *made;
	uint64_t cut = 0;

	for (int i = 0; i < 4; i++) {
		text[i] = (uint8_t)(campaign >> (24 - 8 * i));
		text[4 + i] = (uint8_t)(row >> (24 - 8 * i));
	}
	made = HMAC(EVP_sha256(), key, 32, text, sizeof(text), mac, &bytes);
	/* Fails only for want of memory, on which control stops anyway. */
	assert(made != NULL && bytes == 32);
	for (int i = 0; i < MAC_BITS / 8; i++)
		cut = cut << 8 | mac[i];
	return cut;
}

/* Writes `value` in at least `width` digits; returns how many. */
static size_t put_number(char *out, uint64_t value, size_t width)
{
	char reversed[16];
	size_t n = 0;

	while (value > 0 || n < width) {
		reversed[n++] = digits[value % 36];
		value /= 36;
	}
	for (size_t i = 0; i < n; i++)
		out[i] = reversed[n - 1 - i];
	return n;
}

size_t verp_encode(const uint8_t key[32], uint32_t campaign, uint32_t row, const char *domain,
                   char out[DP_ADDRESS_MAX])
{
	size_t n = 0, domain_bytes = strlen(domain);

	assert(domain_bytes <= DOMAIN_BYTES_MAX);
	out[n++] = 'b';
	out[n++] = '+';
	n += put_number(out + n, campaign, 1);
	out[n++] = '.';
	n += put_number(out + n, row, 1);
	out[n++] = '.';
	n += put_number(out + n, mac_of(key, campaign, row), MAC_DIGITS);
	out[n++] = '@';
	memcpy(out + n, domain, domain_bytes + 1);
	return n + domain_bytes;
}

/* Some hosts change the case of a local part, so both are read. */
static int digit_of(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'Z')
		return c - 'A' + 10;
	return -1;
}

/* Reads digits up to `stop` and takes both: between `least` and `most` of them, the value at most
 * `max`.
 */
static bool take_number(struct span *s, char stop, size_t least, size_t most, uint64_t max,
                        uint64_t *out)
{
	uint64_t value = 0;
	size_t n = 0;
	uint8_t c;

	while (span_take_u8(s, &c)) {
		int digit = digit_of(c);

		if (c == (uint8_t)stop) {
			*out = value;
			return n >= least && value <= max;
		}
		if (digit < 0 || n++ == most)
			return false;
		value = value * 36 + (uint64_t)digit;
	}
	return false;
}

int verp_decode(const uint8_t key[32], struct span address, uint32_t *campaign, uint32_t *row)
{
	uint64_t c, r, mac, want;
	struct span head;

	if (address.bytes > DP_ADDRESS_MAX || !span_take(&address, 2, &head) ||
	    (head.at[0] != 'b' && head.at[0] != 'B') || head.at[1] != '+')
		return -EINVAL;
	if (!take_number(&address, '.', 1, 7, UINT32_MAX, &c) ||
	    !take_number(&address, '.', 1, 7, UINT32_MAX, &r) ||
	    !take_number(&address, '@', MAC_DIGITS, MAC_DIGITS, (1ull << MAC_BITS) - 1, &mac) ||
	    address.bytes == 0)
		return -EINVAL;
	want = mac_of(key, (uint32_t)c, (uint32_t)r);
	if (CRYPTO_memcmp(&want, &mac, sizeof(want)) != 0)
		return -EINVAL;
	*campaign = (uint32_t)c;
	*row = (uint32_t)r;
	return 0;
}
