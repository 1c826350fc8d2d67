/* mailbox.c - one address, with or without a display name, read and written. */
#include "templates/mailbox.h"

#include <idn2.h>
#include <stdio.h>

#include "templates/utf8.h"

static bool is_blank(uint8_t b)
{
	return b == ' ' || b == '\t';
}

static bool is_alnum(uint8_t b)
{
	return (b >= '0' && b <= '9') || (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z');
}

/* RFC 5322 3.2.3; RFC 6532 3.2 adds everything beyond ASCII. */
static bool is_atext(uint8_t b)
{
	return is_alnum(b) || b >= 0x80 || (b != 0 && strchr("!#$%&'*+-/=?^_`{|}~", b) != NULL);
}

/* Atoms with single dots between them. */
static bool is_dot_atom(struct span s)
{
	bool dot = true;

	for (size_t i = 0; i < s.bytes; i++) {
		if (s.at[i] == '.' ? dot : !is_atext(s.at[i]))
			return false;
		dot = s.at[i] == '.';
	}
	return !dot;
}

static bool is_quoted_string(struct span s)
{
	if (s.bytes < 2 || s.at[0] != '"' || s.at[s.bytes - 1] != '"')
		return false;
	for (size_t i = 1; i + 1 < s.bytes; i++) {
		bool pair = s.at[i] == '\\';

		if (pair && ++i + 1 == s.bytes)
			return false; /* the closing quote is quoted away */
		if (s.at[i] < 0x20 || s.at[i] == 0x7f || (s.at[i] == '"' && !pair))
			return false;
	}
	return true;
}

bool domain_is_valid(struct span s)
{
	size_t label = 0;

	if (s.bytes >= 3 && s.at[0] == '[' && s.at[s.bytes - 1] == ']') {
		for (size_t i = 1; i + 1 < s.bytes; i++)
			if (!is_alnum(s.at[i]) && strchr(".:-", s.at[i]) == NULL)
				return false;
		return true;
	}
	if (s.bytes > MAILBOX_DOMAIN_MAX)
		return false;
	for (size_t i = 0; i < s.bytes; i++) {
		uint8_t b = s.at[i];

		if (b == '.' ? label == 0 : !is_alnum(b) && b != '-' && b != '_' && b < 0x80)
			return false;
		label = b == '.' ? 0 : label + 1;
		if (label > MAILBOX_LABEL_MAX)
			return false;
	}
	return label != 0;
}

bool domain_to_ascii(struct span domain, char out[MAILBOX_DOMAIN_MAX + 1])
{
	char text[MAILBOX_DOMAIN_MAX + 1], *converted = NULL;
	bool fits;

	if (domain.bytes > MAILBOX_DOMAIN_MAX)
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)domain.bytes, (const char *)domain.at);
	if (utf8_is_ascii(domain)) {
		strcpy(out, text);
		return true;
	}
	if (idn2_to_ascii_8z(text, &converted, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
		return false;
	fits = strlen(converted) <= MAILBOX_DOMAIN_MAX;
	if (fits)
		strcpy(out, converted);
	idn2_free(converted);
	return fits;
}

bool address_is_valid(struct span a)
{
	const uint8_t *sign = a.bytes == 0 ? NULL : memrchr(a.at, '@', a.bytes);
	struct span local, domain;

	if (sign == NULL || utf8_first_bad(a) != a.bytes)
		return false;
	local = span_of(a.at, (size_t)(sign - a.at));
	domain = span_of(sign + 1, a.bytes - local.bytes - 1);
	return local.bytes <= MAILBOX_LOCAL_MAX &&
	       (is_dot_atom(local) || is_quoted_string(local)) && domain_is_valid(domain);
}

static struct span trimmed(struct span s)
{
	while (s.bytes != 0 && is_blank(s.at[0])) {
		s.at++;
		s.bytes--;
	}
	while (s.bytes != 0 && is_blank(s.at[s.bytes - 1]))
		s.bytes--;
	return s;
}

/* A display name as people see it: without quotes and their backslashes. */
static const char *read_display(struct span s, struct mailbox *out)
{
	bool quoted = s.bytes >= 2 && s.at[0] == '"' && s.at[s.bytes - 1] == '"';

	if (s.bytes > MAILBOX_DISPLAY_MAX)
		return "a display name over 512 bytes";
	if (quoted) {
		s.at++;
		s.bytes -= 2;
	}
	for (size_t i = 0; i < s.bytes; i++) {
		if (quoted && s.at[i] == '\\' && i + 1 < s.bytes)
			i++;
		out->display[out->display_bytes++] = s.at[i];
	}
	return NULL;
}

const char *mailbox_read(struct span text, struct mailbox *out)
{
	const uint8_t *open;
	const char *why;

	text = trimmed(text);
	out->display_bytes = 0;
	out->address = text;
	if (text.bytes == 0)
		return "an address is missing";
	if (text.at[text.bytes - 1] == '>') {
		open = memrchr(text.at, '<', text.bytes);
		if (open == NULL)
			return "\">\" without \"<\" before it";
		out->address = span_of(open + 1, (size_t)(text.at + text.bytes - 1 - (open + 1)));
		why = read_display(trimmed(span_of(text.at, (size_t)(open - text.at))), out);
		if (why != NULL)
			return why;
	}
	if (!address_is_valid(out->address))
		return "not one address; expected \"name <local@domain>\" or \"local@domain\"";
	return NULL;
}
