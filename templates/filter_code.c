/* filter_code.c - filters that code and decode: HTML, URLs, base64; and `raw`. */
#include "templates/emit.h"
#include "templates/filters.h"

/* ---- HTML ---- */

static const char *put_state(struct filter_call *c, const struct text *t, uint8_t state)
{
	filter_put(c, t);
	c->out.state = context_is_html(c->context) ? state : STATE_PLAIN;
	return NULL;
}

static void put_escaped(struct text *t, uint8_t b)
{
	const char *e = emit_entity(b);

	if (e != NULL)
		text_str(t, e);
	else
		text_byte(t, b);
}

/* In HTML, what was escaped is not escaped again; elsewhere each use counts. */
const char *filter_escape(struct filter_call *c)
{
	struct text t = { .arena = c->arena };
	struct span s = filter_text(c);

	for (size_t i = 0; i < s.bytes; i++)
		if (c->in.state == STATE_ESCAPED)
			text_byte(&t, s.at[i]);
		else
			put_escaped(&t, s.at[i]);
	return put_state(c, &t, STATE_ESCAPED);
}

const char *filter_h(struct filter_call *c)
{
	return filter_escape(c);
}

/* Bytes of the character reference at the front; 0 when there is none. */
static size_t reference_bytes(struct span s)
{
	size_t n = 1;

	if (s.bytes > 1 && s.at[1] == '#')
		n++;
	while (n < s.bytes && n < 34 &&
	       ((s.at[n] >= '0' && s.at[n] <= '9') || (s.at[n] >= 'a' && s.at[n] <= 'z') ||
	        (s.at[n] >= 'A' && s.at[n] <= 'Z')))
		n++;
	return n > 2 && n < s.bytes && s.at[n] == ';' ? n + 1 : 0;
}

const char *filter_escape_once(struct filter_call *c)
{
	struct text t = { .arena = c->arena };
	struct span s = filter_text(c);

	for (size_t i = 0; i < s.bytes; i++) {
		size_t n = s.at[i] == '&' ? reference_bytes(span_of(s.at + i, s.bytes - i)) : 0;

		if (n != 0) {
			text_put(&t, s.at + i, n);
			i += n - 1;
		} else {
			put_escaped(&t, s.at[i]);
		}
	}
	return put_state(c, &t, STATE_ESCAPED);
}

const char *filter_raw(struct filter_call *c)
{
	struct span s = filter_text(c);

	filter_put_span(c, s);
	c->out.state = STATE_RAW;
	return NULL;
}

/* Its own markup must get through where HTML is escaped, so what is around it is escaped here. */
const char *filter_newline_to_br(struct filter_call *c)
{
	bool escape = context_is_html(c->context) && c->in.state == STATE_PLAIN;
	struct text t = { .arena = c->arena };
	struct span s = filter_text(c);

	for (size_t i = 0; i < s.bytes; i++) {
		if (s.at[i] == '\r' && i + 1 < s.bytes && s.at[i + 1] == '\n')
			continue;
		if (s.at[i] == '\n')
			text_str(&t, "<br />\n");
		else if (escape)
			put_escaped(&t, s.at[i]);
		else
			text_byte(&t, s.at[i]);
	}
	return put_state(c, &t, STATE_ESCAPED);
}

/* Where the text that ends in `close` ends; 0 when it does not begin or end so. */
static size_t enclosed(struct span s, const char *open, const char *close)
{
	size_t n = strlen(open);
	const uint8_t *hit;

	if (s.bytes < n || memcmp(s.at, open, n) != 0)
		return 0;
	hit = memmem(s.at + n, s.bytes - n, close, strlen(close));
	return hit == NULL ? 0 : (size_t)(hit - s.at) + strlen(close);
}

const char *filter_strip_html(struct filter_call *c)
{
	static const char *const pairs[][2] = { { "<script", "</script>" },
		                                { "<!--", "-->" },
		                                { "<style", "</style>" },
		                                { "<", ">" } };
	struct text t = { .arena = c->arena };
	struct span s = filter_text(c);
	bool dead[4] = { false }; /* its end does not come again: a search is not repeated */

	while (s.bytes != 0) {
		size_t n = 0;

		for (size_t i = 0; i < 4 && s.at[0] == '<' && n == 0; i++) {
			n = dead[i] ? 0 : enclosed(s, pairs[i][0], pairs[i][1]);
			dead[i] = dead[i] || (n == 0 && s.bytes >= strlen(pairs[i][0]) &&
			                      memcmp(s.at, pairs[i][0], strlen(pairs[i][0])) == 0);
		}
		if (n == 0) {
			text_byte(&t, s.at[0]);
			n = 1;
		}
		s = span_of(s.at + n, s.bytes - n);
	}
	return filter_put(c, &t);
}

/* ---- URLs ---- */

static const char hex_digits[] = "0123456789ABCDEF";

bool filter_is_unreserved(uint8_t b)
{
	return (b >= '0' && b <= '9') || (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') ||
	       b == '-' || b == '_' || b == '.' || b == '~';
}

const char *filter_url_encode(struct filter_call *c)
{
	struct text t = { .arena = c->arena };
	struct span s = filter_text(c);

	for (size_t i = 0; i < s.bytes; i++) {
		uint8_t b = s.at[i];
		char coded[3] = { '%', hex_digits[b >> 4], hex_digits[b & 15] };

		if (filter_is_unreserved(b) || b == ' ')
			text_byte(&t, b == ' ' ? '+' : b);
		else
			text_put(&t, coded, 3);
	}
	return filter_put(c, &t);
}

static int hex_value(uint8_t b)
{
	return b >= '0' && b <= '9'   ? b - '0'
	       : b >= 'a' && b <= 'f' ? b - 'a' + 10
	       : b >= 'A' && b <= 'F' ? b - 'A' + 10
	                              : -1;
}

const char *filter_url_decode(struct filter_call *c)
{
	struct text t = { .arena = c->arena };
	struct span s = filter_text(c);

	for (size_t i = 0; i < s.bytes; i++) {
		bool coded = s.at[i] == '%' && s.bytes - i > 2 && hex_value(s.at[i + 1]) >= 0 &&
		             hex_value(s.at[i + 2]) >= 0;

		if (coded) {
			text_byte(&t,
			          (uint8_t)(hex_value(s.at[i + 1]) << 4 | hex_value(s.at[i + 2])));
			i += 2;
		} else {
			text_byte(&t, s.at[i] == '+' ? ' ' : s.at[i]);
		}
	}
	return filter_put(c, &t);
}

/* ---- base64 (RFC 4648 4 and 5) ---- */

static const char plain_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static const char *encode(struct filter_call *c, const char *digits)
{
	struct text t = { .arena = c->arena };
	struct span s = filter_text(c);

	for (size_t i = 0; i < s.bytes; i += 3) {
		size_t n = s.bytes - i;
		uint32_t v = (uint32_t)s.at[i] << 16 | (n > 1 ? (uint32_t)s.at[i + 1] << 8 : 0) |
		             (n > 2 ? s.at[i + 2] : 0);
		char four[4] = { digits[v >> 18], digits[v >> 12 & 63],
			         n > 1 ? digits[v >> 6 & 63] : '=', n > 2 ? digits[v & 63] : '=' };

		text_put(&t, four, 4);
	}
	return filter_put(c, &t);
}

static const char *decode(struct filter_call *c, const char *digits, bool padded)
{
	struct text t = { .arena = c->arena };
	struct span s = filter_text(c);
	size_t n = s.bytes;
	uint32_t v = 0;

	while (n != 0 && s.bytes - n < 2 && s.at[n - 1] == '=')
		n--;
	if (n % 4 == 1 || ((padded || n != s.bytes) && s.bytes % 4 != 0))
		return "not base64";
	for (size_t i = 0; i < n; i++) {
		const char *digit = s.at[i] == 0 ? NULL : strchr(digits, s.at[i]);

		if (digit == NULL)
			return "not base64";
		v = v << 6 | (uint32_t)(digit - digits);
		if (i % 4 != 0)
			text_byte(&t, (uint8_t)(v >> (6 - 2 * (i % 4))));
	}
	return filter_put(c, &t);
}

const char *filter_base64_encode(struct filter_call *c)
{
	return encode(c, plain_digits);
}

const char *filter_base64_decode(struct filter_call *c)
{
	return decode(c, plain_digits, true);
}

const char *filter_base64_url_safe_encode(struct filter_call *c)
{
	return encode(c, url_digits);
}

const char *filter_base64_url_safe_decode(struct filter_call *c)
{
	return decode(c, url_digits, false);
}
