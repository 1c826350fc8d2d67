/* auth.c - PLAIN (RFC 4616), LOGIN, XOAUTH2 and OAUTHBEARER (RFC 7628): a row each. */
#include "dataplane/smtp/auth.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { PIECE_BYTES = 12 }; /* of base64 that nobody says by chance */

/* Bytes of a response before base64. */
struct raw {
	uint8_t at[AUTH_RAW_BYTES];
	size_t bytes;
};

static void put(struct raw *r, const void *at, size_t bytes)
{
	assert(r->bytes + bytes <= sizeof(r->at)); /* user and secret are bounded at the door */
	memcpy(r->at + r->bytes, at, bytes);
	r->bytes += bytes;
}

static void put_text(struct raw *r, const char *text)
{
	put(r, text, strlen(text));
}

/* RFC 4616 2: no other identity to act as. */
static void plain(const struct smtp_credential *c, struct raw *r)
{
	put(r, "", 1);
	put(r, c->user.at, c->user.bytes);
	put(r, "", 1);
	put(r, c->secret.at, c->secret.bytes);
}

static void user(const struct smtp_credential *c, struct raw *r)
{
	put(r, c->user.at, c->user.bytes);
}

static void secret(const struct smtp_credential *c, struct raw *r)
{
	put(r, c->secret.at, c->secret.bytes);
}

static void put_bearer(const struct smtp_credential *c, struct raw *r)
{
	put_text(r, "\1auth=Bearer ");
	put(r, c->secret.at, c->secret.bytes);
	put_text(r, "\1\1");
}

static void xoauth2(const struct smtp_credential *c, struct raw *r)
{
	put_text(r, "user=");
	put(r, c->user.at, c->user.bytes);
	put_bearer(c, r);
}

/* RFC 7628 3.1; the user as a saslname (RFC 5801 4). */
static void oauthbearer(const struct smtp_credential *c, struct raw *r)
{
	put_text(r, "n,a=");
	for (size_t i = 0; i < c->user.bytes; i++) {
		if (c->user.at[i] == ',')
			put_text(r, "=2C");
		else if (c->user.at[i] == '=')
			put_text(r, "=3D");
		else
			put(r, &c->user.at[i], 1);
	}
	put_text(r, ",");
	put_bearer(c, r);
}

/* The 334 in answer to a token tells what is wrong with it; the host wants a word before it says
 * 535 (RFC 7628 3.2.3: one byte ^A).
 */
static void empty(const struct smtp_credential *c, struct raw *r)
{
	(void)c, (void)r;
}

static void acknowledge(const struct smtp_credential *c, struct raw *r)
{
	(void)c;
	put_text(r, "\1");
}

typedef void respond_fn(const struct smtp_credential *c, struct raw *r);

/* In order of preference where the choice is ours. */
static const struct mechanism {
	const char *name;
	bool takes_token;
	bool has_initial; /* the first response may stand in the command */
	respond_fn *responses[2];
} mechanisms[DP_N_AUTHS] = {
	[DP_AUTH_PLAIN] = { "PLAIN", false, true, { plain, NULL } },
	[DP_AUTH_LOGIN] = { "LOGIN", false, false, { user, secret } },
	[DP_AUTH_XOAUTH2] = { "XOAUTH2", true, true, { xoauth2, empty } },
	[DP_AUTH_OAUTHBEARER] = { "OAUTHBEARER", true, true, { oauthbearer, acknowledge } },
};

uint8_t auth_offered(struct span words)
{
	unsigned offered = 0;

	while (words.bytes > 0) {
		size_t bytes = 0;

		while (bytes < words.bytes && words.at[bytes] > ' ' && words.at[bytes] != '=')
			bytes++;
		for (unsigned m = DP_AUTH_PLAIN; m < DP_N_AUTHS; m++)
			if (bytes == strlen(mechanisms[m].name) &&
			    strncasecmp((const char *)words.at, mechanisms[m].name, bytes) == 0)
				offered |= 1u << m;
		bytes += bytes < words.bytes;
		words = span_of(words.at + bytes, words.bytes - bytes);
	}
	return (uint8_t)offered;
}

enum dp_auth auth_choose(const struct smtp_credential *c, uint8_t offered)
{
	static const enum dp_auth order[] = { DP_AUTH_PLAIN, DP_AUTH_LOGIN, DP_AUTH_OAUTHBEARER,
		                              DP_AUTH_XOAUTH2 };

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		enum dp_auth m = order[i];

		if ((offered >> m & 1) != 0 && mechanisms[m].takes_token == c->is_token &&
		    (c->mechanism == DP_AUTH_AUTO || c->mechanism == m))
			return m;
	}
	return DP_AUTH_AUTO;
}

const char *auth_name(enum dp_auth mechanism)
{
	return mechanisms[mechanism].name;
}

static size_t base64(struct span in, char *out)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = 0;

	for (size_t i = 0; i < in.bytes; i += 3) {
		size_t left = in.bytes - i;
		uint32_t v = (uint32_t)in.at[i] << 16;

		v |= left > 1 ? (uint32_t)in.at[i + 1] << 8 : 0;
		v |= left > 2 ? in.at[i + 2] : 0;
		out[n++] = digits[v >> 18];
		out[n++] = digits[v >> 12 & 63];
		out[n++] = left > 1 ? digits[v >> 6 & 63] : '=';
		out[n++] = left > 2 ? digits[v & 63] : '=';
	}
	return n;
}

/* The n-th response in base64; false when the mechanism has no such one. */
static bool respond(const struct smtp_credential *c, const struct mechanism *m, uint32_t n,
                    char *out, size_t *bytes)
{
	struct raw raw = { .bytes = 0 };

	if (n >= 2 || m->responses[n] == NULL)
		return false;
	m->responses[n](c, &raw);
	*bytes = base64(span_of(raw.at, raw.bytes), out);
	explicit_bzero(&raw, sizeof(raw));
	return true;
}

/* Whether the first response stands in the command: it must fit (RFC 4954 4). */
static bool is_initial(const struct smtp_credential *c, const struct mechanism *m)
{
	char out[AUTH_BYTES];
	size_t bytes = 0;

	if (!m->has_initial)
		return false;
	respond(c, m, 0, out, &bytes);
	explicit_bzero(out, sizeof(out));
	return 5 + strlen(m->name) + 1 + bytes + 2 <= AUTH_LINE_MAX;
}

size_t auth_line(const struct smtp_credential *c, enum dp_auth mechanism, uint32_t n,
                 char out[AUTH_BYTES])
{
	const struct mechanism *m = &mechanisms[mechanism];
	bool initial = is_initial(c, m);
	size_t used = 0, bytes = 0;

	assert(m->name != NULL);
	if (n == 0)
		used = (size_t)snprintf(out, AUTH_BYTES, "AUTH %s%s", m->name, initial ? " " : "");
	if (n == 0 && !initial)
		bytes = 0;
	else if (!respond(c, m, initial || n == 0 ? n : n - 1, out + used, &bytes))
		return 0;
	used += bytes;
	memcpy(out + used, "\r\n", 2);
	return used + 2;
}

static bool holds(struct span text, const void *what, size_t bytes)
{
	return bytes > 0 && memmem(text.at, text.bytes, what, bytes) != NULL;
}

/* Whether a piece of what was said stands in it: a host may quote the end of a line as well as its
 * beginning.
 */
static bool holds_piece(struct span text, const char *said, size_t bytes)
{
	for (size_t at = 0; bytes >= PIECE_BYTES && at + PIECE_BYTES <= text.bytes; at++)
		if (memmem(said, bytes, text.at + at, PIECE_BYTES) != NULL)
			return true;
	return holds(text, said, bytes > 8 ? bytes : 0);
}

bool auth_is_told(const struct smtp_credential *c, enum dp_auth mechanism, struct span text)
{
	const struct mechanism *m = &mechanisms[mechanism];
	bool told = holds(text, c->secret.at, c->secret.bytes);
	char out[AUTH_BYTES];
	size_t bytes;

	for (uint32_t n = 0; n < 2 && !told && respond(c, m, n, out, &bytes); n++)
		told = holds_piece(text, out, bytes);
	explicit_bzero(out, sizeof(out));
	return told;
}
