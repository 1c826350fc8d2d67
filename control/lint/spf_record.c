/* spf_record.c - the terms of an SPF record, read as a whole before any is used (RFC 7208 4.6). */
#include "control/lint/spf_record.h"

#include <string.h>
#include <strings.h>

enum argument {
	ARG_NONE,
	ARG_DOMAIN,     /* ":" and a domain, required */
	ARG_MAY_DOMAIN, /* ":" and a domain, or nothing */
	ARG_HOST,       /* ":" and a domain, or nothing; then prefix lengths, or nothing */
	ARG_NET,        /* ":" and an address, then a prefix length, or nothing */
};

/* clang-format off */
static const struct {
	const char *name;
	enum argument argument;
} kinds[SPF_N_KINDS] = {
	[SPF_ALL]      = { "all",      ARG_NONE },
	[SPF_INCLUDE]  = { "include",  ARG_DOMAIN },
	[SPF_A]        = { "a",        ARG_HOST },
	[SPF_MX]       = { "mx",       ARG_HOST },
	[SPF_PTR]      = { "ptr",      ARG_MAY_DOMAIN },
	[SPF_IP4]      = { "ip4",      ARG_NET },
	[SPF_IP6]      = { "ip6",      ARG_NET },
	[SPF_EXISTS]   = { "exists",   ARG_DOMAIN },
	[SPF_REDIRECT] = { "redirect", ARG_DOMAIN },
	[SPF_EXP]      = { "exp",      ARG_DOMAIN },
	[SPF_OTHER]    = { "",         ARG_NONE },
};
/* clang-format on */

bool spf_is_record(struct span text)
{
	return text.bytes >= 6 && strncasecmp((const char *)text.at, "v=spf1", 6) == 0 &&
	       (text.bytes == 6 || text.at[6] == ' ');
}

static bool is_alpha(uint8_t c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." ) */
static size_t name_bytes(struct span s)
{
	size_t n = 0;

	while (n < s.bytes && (is_alpha(s.at[n]) ||
	                       (n > 0 && (is_digit(s.at[n]) || strchr("-_.", s.at[n]) != NULL))))
		n++;
	return n;
}

static enum spf_kind kind_of(struct span name, bool modifier)
{
	for (int i = modifier ? SPF_REDIRECT : 0; i < (modifier ? SPF_OTHER : SPF_REDIRECT); i++)
		if (strlen(kinds[i].name) == name.bytes &&
		    strncasecmp(kinds[i].name, (const char *)name.at, name.bytes) == 0)
			return (enum spf_kind)i;
	return SPF_OTHER;
}

static struct span after(struct span s, size_t n)
{
	return span_of(s.at + n, s.bytes - n);
}

/* "/24": without zeros before it, at most `most`. False when it is none. */
static bool read_bits(struct span *s, uint32_t most, uint8_t *bits)
{
	uint32_t v = 0;
	size_t n = 1;

	for (; n < s->bytes && is_digit(s->at[n]) && n < 5; n++)
		v = v * 10 + (s->at[n] - '0');
	if (n == 1 || v > most || (n > 2 && s->at[1] == '0'))
		return false;
	*bits = (uint8_t)v;
	*s = after(*s, n);
	return true;
}

/* [ "/" ip4 bits ] [ "//" ip6 bits ] and nothing behind it. */
static bool read_dual_bits(struct span s, struct spf_term *t)
{
	if (s.bytes > 1 && s.at[0] == '/' && s.at[1] != '/' && !read_bits(&s, 32, &t->bits4))
		return false;
	if (s.bytes > 1 && s.at[0] == '/' && s.at[1] == '/') {
		s = after(s, 1);
		if (!read_bits(&s, 128, &t->bits6))
			return false;
	}
	return s.bytes == 0;
}

/* Where the prefix lengths begin: a "/" outside of a macro. */
static size_t domain_bytes(struct span s)
{
	bool in_macro = false;
	size_t n = 0;

	for (; n < s.bytes && (in_macro || s.at[n] != '/'); n++) {
		if (s.at[n] == '{' && n > 0 && s.at[n - 1] == '%')
			in_macro = true;
		else if (s.at[n] == '}')
			in_macro = false;
	}
	return n;
}

static bool read_net(struct span s, struct spf_term *t)
{
	const uint8_t *slash = memchr(s.at, '/', s.bytes);
	size_t n = slash == NULL ? s.bytes : (size_t)(slash - s.at);
	char text[IP_TEXT_MAX];
	bool v4 = t->kind == SPF_IP4;

	if (n == 0 || n >= sizeof(text))
		return false;
	memcpy(text, s.at, n);
	text[n] = '\0';
	/* ::ffff:a.b.c.d is an IPv6 network that no IPv4 sender is in. */
	if (strchr(text, ':') == NULL ? !v4 : v4)
		return false;
	if (ip_parse(text, &t->net) != 0)
		return false;
	s = after(s, n);
	if (s.bytes > 0 && !read_bits(&s, v4 ? 32 : 128, v4 ? &t->bits4 : &t->bits6))
		return false;
	return s.bytes == 0;
}

/* Reads what stands behind the name. */
static bool read_argument(struct span s, enum argument argument, uint8_t mark, struct spf_term *t)
{
	if (argument == ARG_NONE)
		return s.bytes == 0;
	if (s.bytes > 0 && s.at[0] == mark) {
		s = after(s, 1);
		if (argument == ARG_NET)
			return read_net(s, t);
		t->domain = span_of(s.at, argument == ARG_HOST ? domain_bytes(s) : s.bytes);
		if (!spf_domain_is_sound(t->domain))
			return false;
		s = after(s, t->domain.bytes);
	} else if (argument == ARG_DOMAIN || argument == ARG_NET) {
		return false;
	}
	return argument == ARG_HOST ? read_dual_bits(s, t) : s.bytes == 0;
}

static const char *read_modifier(struct spf_record *r, struct spf_term *t, struct span name)
{
	struct span value = after(t->whole, name.bytes + 1);

	t->kind = kind_of(name, true);
	for (uint32_t i = 0; i + 1 < r->n; i++)
		if (t->kind != SPF_OTHER && r->terms[i].kind == t->kind)
			return "a modifier stands there twice";
	if (t->kind == SPF_OTHER)
		return NULL; /* its macros are of no interest: it is passed over */
	if (!spf_domain_is_sound(value))
		return "a modifier's domain is wrong";
	t->domain = value;
	if (t->kind == SPF_REDIRECT)
		r->redirect = t;
	return NULL;
}

static const char *read_term(struct spf_record *r, struct span s)
{
	static const char marks[] = "+-~?";
	static const enum spf_result results[] = { SPF_PASS, SPF_FAIL, SPF_SOFTFAIL, SPF_NEUTRAL };
	struct spf_term *t = &r->terms[r->n];
	const char *mark = memchr(marks, s.at[0], sizeof(marks) - 1);
	size_t n = name_bytes(s);

	if (r->n++ == SPF_TERMS_MAX)
		return "over 128 terms";
	*t = (struct spf_term){ .whole = s, .qualifier = SPF_PASS, .bits4 = 32, .bits6 = 128 };
	if (n > 0 && n < s.bytes && s.at[n] == '=')
		return read_modifier(r, t, span_of(s.at, n));
	if (mark != NULL) {
		t->qualifier = results[mark - marks];
		s = after(s, 1);
		n = name_bytes(s);
	}
	t->kind = kind_of(span_of(s.at, n), false);
	if (n == 0 || t->kind == SPF_OTHER)
		return "a mechanism that there is not";
	if (!read_argument(after(s, n), kinds[t->kind].argument, ':', t))
		return "a mechanism's argument is wrong";
	return NULL;
}

const char *spf_record_read(struct span text, struct spf_record *out)
{
	const char *wrong;

	out->n = 0;
	out->redirect = NULL;
	if (text.bytes > SPF_RECORD_BYTES)
		return "it is over 2,048 bytes";
	for (text = after(text, 6); text.bytes > 0;) {
		const uint8_t *blank = memchr(text.at, ' ', text.bytes);
		size_t n = blank == NULL ? text.bytes : (size_t)(blank - text.at);

		for (size_t i = 0; i < n; i++)
			if (text.at[i] <= ' ' || text.at[i] >= 0x7f)
				return "it has bytes that are no printable ASCII";
		if (n > 0 && (wrong = read_term(out, span_of(text.at, n))) != NULL)
			return wrong;
		text = after(text, n + (blank != NULL));
	}
	return NULL;
}
