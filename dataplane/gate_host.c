/* gate_host.c - one pass over the host, label by label. */
#include "dataplane/gate_host.h"

#include <stdbool.h>

static bool ends_host(uint8_t c)
{
	return c <= ' ' || c == '/' || c == '?' || c == '#' || c == '"' || c == '\'' || c == '<' ||
	       c == '>' || c == '\\' || c == '`' || c == ')';
}

/* First bytes of UTF-8: Greek U+0370.. in CD to CF, Cyrillic U+0400.. in D0 to D4. */
static bool is_lookalike(uint8_t c)
{
	return c >= 0xcd && c <= 0xd4;
}

static bool is_latin(uint8_t c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* What one label has. */
struct label {
	unsigned bytes;
	bool has_latin, has_other, is_number;
};

static uint32_t judge_label(const uint8_t *at, const struct label *l)
{
	uint32_t out = l->has_latin && l->has_other ? GATE_HOST_MIXED : 0;

	if (l->bytes > 4 && (at[0] | 0x20) == 'x' && (at[1] | 0x20) == 'n' && at[2] == '-' &&
	    at[3] == '-')
		out |= GATE_HOST_PUNYCODE;
	return out;
}

/* The end of host and port, and behind the user's part if there is one (RFC 3986 3.2.1). */
static struct span host_of(struct span rest)
{
	size_t from = 0, at = 0;

	for (; at < rest.bytes && at < GATE_HOST_BYTES_MAX && !ends_host(rest.at[at]); at++)
		if (rest.at[at] == '@')
			from = at + 1;
	return span_of(rest.at + from, at - from);
}

static uint32_t judge_slowly(struct span rest)
{
	struct span host = host_of(rest);
	struct label l = { .is_number = true };
	uint32_t out = 0, numbers = 0, labels = 0;

	if (host.bytes > 2 && host.at[0] == '[')
		return GATE_HOST_ADDRESS;
	for (size_t i = 0; i <= host.bytes; i++) {
		uint8_t c = i < host.bytes ? host.at[i] : ':';

		if (c != '.' && c != ':') {
			l.bytes++;
			l.has_latin |= is_latin(c);
			l.has_other |= is_lookalike(c);
			l.is_number &= c >= '0' && c <= '9';
			continue;
		}
		out |= judge_label(host.at + i - l.bytes, &l);
		labels++;
		numbers += l.is_number && l.bytes > 0 && l.bytes <= 3;
		l = (struct label){ .is_number = true };
		if (c == ':')
			break;
	}
	return labels == 4 && numbers == 4 ? out | GATE_HOST_ADDRESS : out;
}

/* What a byte may be a sign of. */
enum { END = 1 << 0, PLAIN = 1 << 1, ODD = 1 << 2 };

/* clang-format off */
static const uint8_t signs[256] = {
	[0 ... ' '] = END, ['/'] = END, ['?'] = END, ['#'] = END, ['"'] = END, ['\''] = END,
	['<'] = END, ['>'] = END, ['\\'] = END, ['`'] = END, [')'] = END,
	['a' ... 'z'] = PLAIN, ['A' ... 'Z'] = PLAIN,
	['@'] = ODD, ['-'] = ODD, ['['] = ODD, [0x80 ... 0xff] = ODD,
};
/* clang-format on */

/* Nearly every host is letters and dots: it is nothing that is asked for here. */
uint32_t gate_host_judge(struct span rest)
{
	size_t most = rest.bytes < GATE_HOST_BYTES_MAX ? rest.bytes : GATE_HOST_BYTES_MAX;
	uint32_t seen = 0;

	for (size_t i = 0; i < most && (seen & END) == 0; i++)
		seen |= signs[rest.at[i]];
	return (seen & ODD) != 0 || (seen & PLAIN) == 0 ? judge_slowly(rest) : 0;
}
