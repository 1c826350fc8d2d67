/* address.c - is this text a mail address we can send to, and in what form. */
#include "control/campaign/address.h"

#include <idn2.h>

static bool is_alnum(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_ascii(struct span s)
{
	for (size_t i = 0; i < s.bytes; i++)
		if (s.at[i] >= 0x80)
			return false;
	return true;
}

bool utf8_is_text(struct span s)
{
	size_t i = 0;

	while (i < s.bytes) {
		uint8_t c = s.at[i];
		unsigned more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
		uint32_t point = more == 0 ? c : c & (0x3fu >> more);
		static const uint32_t least[] = { 1, 0x80, 0x800, 0x10000 };

		if ((c >= 0x80 && c < 0xc2) || c > 0xf4 || s.bytes - i <= more)
			return false;
		for (unsigned k = 1; k <= more; k++) {
			if ((s.at[i + k] & 0xc0) != 0x80)
				return false;
			point = point << 6 | (s.at[i + k] & 0x3f);
		}
		/* No overlong form, no surrogate, nothing above U+10FFFF. */
		if (point < least[more] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
			return false;
		i += 1 + more;
	}
	return true;
}

/* Dot-string of atoms: RFC 5321 4.1.2, atext of RFC 5322 3.2.3. */
static const char *check_dot_string(struct span s)
{
	for (size_t i = 0; i < s.bytes; i++) {
		uint8_t c = s.at[i];

		if (c == '.') {
			if (i == 0 || i + 1 == s.bytes || s.at[i - 1] == '.')
				return "a dot at the start or end of the local part, or two "
				       "together";
		} else if (!is_alnum(c) &&
		           (c == '\0' || strchr("!#$%&'*+-/=?^_`{|}~", c) == NULL)) {
			return "a character that may not stand before the @";
		}
	}
	return NULL;
}

/* Quoted-string: RFC 5321 4.1.2, printable ASCII, " and \ only behind a \. */
static const char *check_quoted(struct span s)
{
	if (s.bytes < 3 || s.at[s.bytes - 1] != '"')
		return "the quoted local part is empty or not closed";
	for (size_t i = 1; i + 1 < s.bytes; i++) {
		uint8_t c = s.at[i];

		if (c == '\\' && i + 2 < s.bytes)
			c = s.at[++i];
		else if (c == '"' || c == '\\')
			return "a quote or backslash in the local part needs a backslash before it";
		if (c < 0x20 || c > 0x7e)
			return "a character that may not stand before the @";
	}
	return NULL;
}

static const char *check_local(struct span s)
{
	if (s.bytes == 0)
		return "nothing before the @";
	if (s.bytes > ADDRESS_LOCAL_MAX)
		return "the local part is longer than 64 bytes";
	if (!is_ascii(s))
		return "the local part is not ASCII (needs SMTPUTF8)";
	return s.at[0] == '"' ? check_quoted(s) : check_dot_string(s);
}

/* Labels of letters, digits and hyphens; two at least, the last not a number (RFC 3696 2). */
static const char *check_domain(struct span s)
{
	size_t label = 0;
	bool digits = true, dot = false;

	if (s.bytes > ADDRESS_DOMAIN_MAX)
		return "the domain is longer than 253 bytes";
	for (size_t i = 0; i < s.bytes; i++) {
		uint8_t c = s.at[i];

		if (c == '.') {
			if (label == 0 || s.at[i - 1] == '-')
				return "an empty label in the domain, or one that ends in a hyphen";
			label = 0;
			digits = dot = true;
			continue;
		}
		if (!is_alnum(c) && c != '-')
			return "a character that may not stand in a domain";
		if (c == '-' && label == 0)
			return "a label of the domain begins with a hyphen";
		if (++label > 63)
			return "a label of the domain is longer than 63 bytes";
		digits = digits && c >= '0' && c <= '9';
	}
	if (label == 0 || s.at[s.bytes - 1] == '-')
		return "an empty label in the domain, or one that ends in a hyphen";
	if (!dot)
		return "the domain has no dot";
	return digits ? "the domain ends in a number" : NULL;
}

/* Copies the domain, with other letters than ASCII turned into A-labels. */
static const char *ascii_domain(struct span s, char out[ADDRESS_DOMAIN_MAX + 1], size_t *bytes)
{
	char text[4 * ADDRESS_DOMAIN_MAX + 1], *converted = NULL;
	const char *wrong = NULL;

	if (s.bytes > 4 * ADDRESS_DOMAIN_MAX)
		return "the domain is longer than 253 bytes";
	if (is_ascii(s)) {
		if (s.bytes > ADDRESS_DOMAIN_MAX)
			return "the domain is longer than 253 bytes";
		memcpy(out, s.at, s.bytes);
		*bytes = s.bytes;
		return NULL;
	}
	if (!utf8_is_text(s))
		return "the domain is not UTF-8";
	memcpy(text, s.at, s.bytes);
	text[s.bytes] = '\0';
	if (idn2_to_ascii_8z(text, &converted, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
		return "the domain is no valid internationalised name";
	*bytes = strlen(converted);
	if (*bytes > ADDRESS_DOMAIN_MAX)
		wrong = "the domain is longer than 253 bytes";
	else
		memcpy(out, converted, *bytes);
	idn2_free(converted);
	return wrong;
}

const char *address_parse(struct span text, struct address *out)
{
	const uint8_t *at = text.bytes > 0 ? memrchr(text.at, '@', text.bytes) : NULL;
	char domain[ADDRESS_DOMAIN_MAX + 1];
	struct span local, rest;
	const char *wrong;
	size_t bytes = 0;

	if (text.bytes == 0)
		return "no address";
	if (text.at[text.bytes - 1] == '>')
		return "write the address alone, without a name and <>";
	if (at == NULL)
		return "no @ in the address";
	local = span_of(text.at, (size_t)(at - text.at));
	rest = span_of(at + 1, text.bytes - local.bytes - 1);
	if (rest.bytes == 0)
		return "nothing after the @";
	if (rest.at[0] == '[')
		return "an address literal instead of a domain";
	if ((wrong = check_local(local)) != NULL ||
	    (wrong = ascii_domain(rest, domain, &bytes)) != NULL ||
	    (wrong = check_domain(span_of(domain, bytes))) != NULL)
		return wrong;
	if (local.bytes + 1 + bytes > ADDRESS_BYTES_MAX)
		return "the address is longer than 254 bytes";

	out->bytes = local.bytes + 1 + bytes;
	memcpy(out->text, local.at, local.bytes);
	out->text[local.bytes] = '@';
	memcpy(out->text + local.bytes + 1, domain, bytes);
	for (size_t i = 0; i < bytes; i++)
		out->domain[i] =
		    domain[i] >= 'A' && domain[i] <= 'Z' ? (char)(domain[i] + 32) : domain[i];
	out->domain[bytes] = '\0';
	out->domain_bytes = bytes;
	return NULL;
}
