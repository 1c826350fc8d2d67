/* token.c - unsubscribe tokens: what they say is in them, and a keyed hash over it.
 *
 *	version, key id (2), campaign (4), row (4), tenant, stream (length and bytes each), MAC
 *
 * numbers in network order, the whole in base64url without padding (RFC 4648 5).
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

#include "templates/token.h"

enum {
	VERSION = 1,
	FIXED_BYTES = 11,
	MAC_BYTES = 16,
	RAW_BYTES_MAX = FIXED_BYTES + 2 * (1 + TPL_TOKEN_NAME_MAX) + MAC_BYTES,
};
static_assert((RAW_BYTES_MAX * 4 + 2) / 3 <= TPL_TOKEN_MAX, "a token fits");

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static size_t encode(const uint8_t *from, size_t bytes, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < bytes; i += 3) {
		size_t have = bytes - i < 3 ? bytes - i : 3;
		uint32_t v = (uint32_t)from[i] << 16 | (have > 1 ? (uint32_t)from[i + 1] << 8 : 0) |
		             (have > 2 ? from[i + 2] : 0);

		for (size_t k = 0; k <= have; k++)
			out[n++] = digits[v >> (18 - 6 * k) & 63];
	}
	out[n] = '\0';
	return n;
}

/* Returns the bytes, 0 when it is not what encode() writes. */
static size_t decode(struct span text, uint8_t out[RAW_BYTES_MAX])
{
	size_t n = 0;
	uint32_t v = 0;
	unsigned bits = 0;

	if (text.bytes > (RAW_BYTES_MAX * 4 + 2) / 3)
		return 0;
	for (size_t i = 0; i < text.bytes; i++) {
		const char *digit = text.at[i] == 0 ? NULL : strchr(digits, text.at[i]);

		if (digit == NULL)
			return 0;
		v = v << 6 | (uint32_t)(digit - digits);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[n++] = (uint8_t)(v >> bits);
		}
	}
	/* one text a token: bits left over are none, and zero */
	return bits < 6 && (v & ((1u << bits) - 1)) == 0 ? n : 0;
}

static bool mac_of(EVP_MD_CTX *sha, const struct tpl_token_key *key, const uint8_t *raw,
                   size_t bytes, uint8_t out[MAC_BYTES])
{
	uint8_t whole[SHA_BYTES];

	if (!sha_hmac(sha, span_of(key->bytes, TPL_KEY_BYTES), span_of(raw, bytes), whole))
		return false;
	memcpy(out, whole, MAC_BYTES);
	return true;
}

static size_t put_number(uint8_t *to, uint32_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		to[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
	return bytes;
}

static size_t put_name(uint8_t *to, const char *name, size_t bytes)
{
	to[0] = (uint8_t)bytes;
	memcpy(to + 1, name, bytes);
	return bytes + 1;
}

size_t token_make_with(EVP_MD_CTX *sha, const struct tpl_token_keys *keys,
                       const struct tpl_token *t, int64_t when_s, char out[TPL_TOKEN_MAX + 1])
{
	size_t tenant = strnlen(t->tenant, sizeof(t->tenant));
	size_t stream = strnlen(t->stream, sizeof(t->stream)), n = 0;
	uint8_t raw[RAW_BYTES_MAX];
	uint32_t i = keys->n;

	while (i != 0 && keys->at[i - 1].since_s > when_s)
		i--;
	i += i == 0; /* the first key holds for all time before it, too */
	if (keys->n == 0 || keys->at[i - 1].id > UINT16_MAX || tenant > TPL_TOKEN_NAME_MAX ||
	    stream > TPL_TOKEN_NAME_MAX)
		return 0;
	raw[n++] = VERSION;
	n += put_number(raw + n, keys->at[i - 1].id, 2);
	n += put_number(raw + n, t->campaign, 4);
	n += put_number(raw + n, t->row, 4);
	n += put_name(raw + n, t->tenant, tenant);
	n += put_name(raw + n, t->stream, stream);
	if (!mac_of(sha, &keys->at[i - 1], raw, n, raw + n))
		return 0;
	return encode(raw, n + MAC_BYTES, out);
}

size_t tpl_token_make(const struct tpl_token_keys *keys, const struct tpl_token *t, int64_t when_s,
                      char out[TPL_TOKEN_MAX + 1])
{
	EVP_MD_CTX *sha = sha_new();
	size_t bytes = sha == NULL ? 0 : token_make_with(sha, keys, t, when_s, out);

	EVP_MD_CTX_free(sha);
	return bytes;
}

static bool take_number(struct span *from, size_t bytes, uint32_t *out)
{
	struct span s;

	*out = 0;
	if (!span_take(from, bytes, &s))
		return false;
	for (size_t i = 0; i < bytes; i++)
		*out = *out << 8 | s.at[i];
	return true;
}

static bool take_name(struct span *from, char out[TPL_TOKEN_NAME_MAX + 1])
{
	uint32_t bytes;
	struct span s;

	if (!take_number(from, 1, &bytes) || bytes > TPL_TOKEN_NAME_MAX ||
	    !span_take(from, bytes, &s))
		return false;
	for (size_t i = 0; i < bytes; i++) /* it may be shown before its MAC was found right */
		if (s.at[i] <= ' ' || s.at[i] >= 0x7f)
			return false;
	memcpy(out, s.at, bytes);
	out[bytes] = '\0';
	return true;
}

int tpl_token_read(const struct tpl_token_keys *keys, struct span text, struct tpl_token *out)
{
	uint8_t raw[RAW_BYTES_MAX + 3], mac[MAC_BYTES];
	size_t bytes = decode(text, raw);
	struct span rest = span_of(raw, bytes);
	uint32_t version;

	if (!take_number(&rest, 1, &version) || version != VERSION ||
	    !take_number(&rest, 2, &out->key_id) || !take_number(&rest, 4, &out->campaign) ||
	    !take_number(&rest, 4, &out->row) || !take_name(&rest, out->tenant) ||
	    !take_name(&rest, out->stream) || rest.bytes != MAC_BYTES)
		return -EINVAL;
	for (uint32_t i = 0; i < keys->n; i++) {
		EVP_MD_CTX *sha;
		bool ok;

		if (keys->at[i].id != out->key_id)
			continue;
		sha = sha_new();
		ok = sha != NULL && mac_of(sha, &keys->at[i], raw, bytes - MAC_BYTES, mac) &&
		     CRYPTO_memcmp(mac, rest.at, MAC_BYTES) == 0;
		EVP_MD_CTX_free(sha);
		return ok ? 0 : -EINVAL;
	}
	return -ENOKEY;
}
