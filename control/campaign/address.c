/* address.c - is this text a mail address we can send to, and in what form. */
#include "control/campaign/address.h"

#include <idn2.h>
#include <unicode/uchar.h>
#include <unicode/ustring.h>

/* What a byte may be in an address. */
enum { ATEXT = 1, LABEL = 2, DIGIT = 4, UPPER = 8, HIGH = 16 };

static const uint8_t classes[256] = {
	/* clang-format off */
	['0' ... '9'] = ATEXT | LABEL | DIGIT,
	['a' ... 'z'] = ATEXT | LABEL,
	['A' ... 'Z'] = ATEXT | LABEL | UPPER,
	['-'] = ATEXT | LABEL,
	/* the rest of atext, RFC 5322 3.2.3 */
	['!'] = ATEXT, ['#' ... '\''] = ATEXT, ['*'] = ATEXT, ['+'] = ATEXT, ['/'] = ATEXT,
	['='] = ATEXT, ['?'] = ATEXT, ['^' ... '`'] = ATEXT, ['{' ... '~'] = ATEXT,
	[0x80 ... 0xff] = ATEXT | HIGH, /* RFC 6531 3.3 */
	/* clang-format on */
};

static char lower(uint8_t c)
{
	return (char)((classes[c] & UPPER) != 0 ? c + 32 : c);
}

static bool is_ascii(struct span s)
{
	uint8_t any = 0;

	for (size_t i = 0; i < s.bytes; i++)
		any |= s.at[i];
	return any < 0x80;
}

bool utf8_is_text(struct span s)
{
	size_t i = 0;

	while (i < s.bytes) {
		uint8_t c = s.at[i];
		uint64_t word;

		if (s.bytes - i >= sizeof(word)) {
			memcpy(&word, s.at + i, sizeof(word));
			/* Eight bytes of ASCII of which none is NUL. */
			if (((word | (word - 0x0101010101010101u)) & 0x8080808080808080u) == 0) {
				i += sizeof(word);
				continue;
			}
		}
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

/* Dot-string of atoms: RFC 5321 4.1.2, with letters beyond ASCII RFC 6531 3.3. */
static const char *check_dot_string(struct span s)
{
	uint8_t before = '.';

	for (size_t i = 0; i < s.bytes; before = s.at[i++]) {
		if (s.at[i] == '.' ? before == '.' : (classes[s.at[i]] & ATEXT) == 0)
			return s.at[i] == '.' ? "a dot at the start or end of the local part, or "
			                        "two together"
			                      : "a character that may not stand before the @";
	}
	return before == '.' ? "a dot at the start or end of the local part, or two together"
	                     : NULL;
}

/* Quoted-string: RFC 5321 4.1.2, printable, " and \ only behind a \. */
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
		if (c < 0x20 || c == 0x7f)
			return "a character that may not stand before the @";
	}
	return NULL;
}

/* Letters beyond ASCII are well-formed, and none is a control character (U+0080 to U+009F). */
static bool is_utf8_local(struct span s)
{
	for (size_t i = 0; i + 1 < s.bytes; i++)
		if (s.at[i] == 0xc2 && s.at[i + 1] < 0xa0)
			return false;
	return utf8_is_text(s);
}

static const char *check_local(struct span s)
{
	if (s.bytes == 0)
		return "nothing before the @";
	if (s.bytes > ADDRESS_LOCAL_MAX)
		return "the local part is longer than 64 bytes";
	if (!is_ascii(s) && !is_utf8_local(s))
		return "the local part is not UTF-8, or has a control character";
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
		if ((classes[c] & LABEL) == 0)
			return "a character that may not stand in a domain";
		if (c == '-' && label == 0)
			return "a label of the domain begins with a hyphen";
		if (++label > 63)
			return "a label of the domain is longer than 63 bytes";
		digits = digits && (classes[c] & DIGIT) != 0;
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
		out->domain[i] = lower((uint8_t)domain[i]);
	out->domain[bytes] = '\0';
	out->domain_bytes = bytes;
	return NULL;
}

/* ---- folding ---- */

enum { FOLD_UNITS = 512 };

/* Full case folding of Unicode, which does not hang on a language. Returns 0 when it cannot be. */
static size_t fold_local(struct span local, char *out, size_t room)
{
	UChar wide[FOLD_UNITS], folded[FOLD_UNITS];
	UErrorCode error = U_ZERO_ERROR;
	int32_t units, bytes = 0;

	u_strFromUTF8(wide, FOLD_UNITS, &units, (const char *)local.at, (int32_t)local.bytes,
	              &error);
	units = u_strFoldCase(folded, FOLD_UNITS, wide, units, U_FOLD_CASE_DEFAULT, &error);
	u_strToUTF8(out, (int32_t)room, &bytes, folded, units, &error);
	return U_SUCCESS(error) ? (size_t)bytes : 0;
}

struct span address_fold(struct span address, char out[ADDRESS_FOLDED_BYTES])
{
	const uint8_t *sign = memrchr(address.at, '@', address.bytes);
	size_t n = sign != NULL ? (size_t)(sign - address.at) : 0, local = 0;

	if (!is_ascii(address))
		local =
		    fold_local(span_of(address.at, n), out, ADDRESS_FOLDED_BYTES - DP_ADDRESS_MAX);
	if (local == 0)
		for (; local < n; local++)
			out[local] = lower(address.at[local]);
	for (; n < address.bytes; n++)
		out[local++] = lower(address.at[n]);
	return span_of(out, local);
}
