/* filter_mail.c - filters that Liquid has not and mail needs: money, urlsafe, hmac. */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "templates/filters.h"
#include "templates/locale.h"
#include "templates/number.h"

/* The amount as digits: what stands in a text, or a number's own. False: neither. */
static bool take_amount(struct filter_call *c, struct span *out)
{
	struct tpl_value v = c->in;
	struct span s = filter_text(c);
	size_t i = 0, digits = 0, points = 0;

	*out = s;
	if (v.kind != TPL_INT && v.kind != TPL_FLOAT && v.kind != TPL_STRING)
		return false;
	if (s.bytes != 0 && (s.at[0] == '-' || s.at[0] == '+'))
		i++;
	for (; i < s.bytes; i++) {
		digits += s.at[i] >= '0' && s.at[i] <= '9';
		points += s.at[i] == '.';
		if ((s.at[i] < '0' || s.at[i] > '9') && s.at[i] != '.')
			return false;
	}
	return digits != 0 && digits <= 30 && points <= 1;
}

/* {{ 1234.5 | money: "EUR", locale: "de" }}: 1.234,50 EUR with its sign. Units, not cents. */
const char *filter_money(struct filter_call *c)
{
	struct text t = { .arena = c->arena };
	struct span tag = c->named ? value_to_text(c->arena, c->args[c->n_args]) : span_str("en");
	const struct locale *locale;
	struct span amount;
	const char *why;

	c->out = c->in;
	if (value_is_nil(c->in) || value_is_empty(c->in))
		return NULL;
	if (!take_amount(c, &amount))
		return "not an amount; a number like 1234.50 is";
	why = locale_find(tag, &locale);
	if (why == NULL)
		why = locale_money(locale, filter_arg_text(c, 0), amount, &t);
	return why != NULL ? why : filter_put(c, &t);
}

/* RFC 3986 2.3: all but the unreserved is coded, a blank too, so that it fits any place of a URL.
 */
const char *filter_urlsafe(struct filter_call *c)
{
	static const char hex[] = "0123456789ABCDEF";
	struct text t = { .arena = c->arena };
	struct span s = filter_text(c);

	for (size_t i = 0; i < s.bytes; i++) {
		uint8_t b = s.at[i];
		char coded[3] = { '%', hex[b >> 4], hex[b & 15] };

		if (filter_is_unreserved(b))
			text_byte(&t, b);
		else
			text_put(&t, coded, 3);
	}
	return filter_put(c, &t);
}

/* RFC 2104, in hexadecimal: {{ email | hmac: "key" }}, {{ email | hmac: "key", "sha512" }}. */
const char *filter_hmac(struct filter_call *c)
{
	struct span key = filter_arg_text(c, 0), name = filter_arg_text(c, 1), s = filter_text(c);
	const EVP_MD *digest = c->n_args < 2 || span_eq(name, span_str("sha256")) ? EVP_sha256()
	                       : span_eq(name, span_str("sha1"))                  ? EVP_sha1()
	                       : span_eq(name, span_str("sha384"))                ? EVP_sha384()
	                       : span_eq(name, span_str("sha512"))                ? EVP_sha512()
	                                                                          : NULL;
	static const char hex[] = "0123456789abcdef";
	struct text t = { .arena = c->arena };
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (digest == NULL)
		return "an unknown digest; sha1, sha256, sha384 and sha512 are known";
	if (key.bytes == 0)
		return "an empty key";
	if (HMAC(digest, key.at, (int)key.bytes, s.at, s.bytes, mac, &n) == NULL)
		return filter_no_memory;
	for (unsigned i = 0; i < n; i++) {
		text_byte(&t, (uint8_t)hex[mac[i] >> 4]);
		text_byte(&t, (uint8_t)hex[mac[i] & 15]);
	}
	*c->steps += s.bytes / 16;
	return filter_put(c, &t);
}
