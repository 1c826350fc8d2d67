/* text.c - see text.h. */
#include "control/text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *text_thousands(uint64_t n, char out[TEXT_NUMBER_BYTES])
{
	char digits[TEXT_NUMBER_BYTES];
	int n_digits = snprintf(digits, sizeof(digits), "%" PRIu64, n), used = 0;

	for (int i = 0; i < n_digits; i++) {
		if (i > 0 && (n_digits - i) % 3 == 0)
			out[used++] = ',';
		out[used++] = digits[i];
	}
	out[used] = '\0';
	return out;
}

const char *text_duration(uint64_t seconds, char out[TEXT_NUMBER_BYTES])
{
	static const struct {
		uint64_t seconds;
		const char *name;
	} parts[] = { { 86400, "d" }, { 3600, "h" }, { 60, "m" }, { 1, "s" } };
	size_t i = 0;
	uint64_t rest;
	int used;

	while (i < 3 && seconds < parts[i].seconds)
		i++;
	used = snprintf(out, TEXT_NUMBER_BYTES, "%" PRIu64 " %s", seconds / parts[i].seconds,
	                parts[i].name);
	rest = seconds % parts[i].seconds;
	if (i < 3 && rest / parts[i + 1].seconds > 0)
		snprintf(out + used, TEXT_NUMBER_BYTES - (size_t)used, " %" PRIu64 " %s",
		         rest / parts[i + 1].seconds, parts[i + 1].name);
	return out;
}

const char *text_place(const char *path, const char *file, char out[TEXT_PLACE_BYTES])
{
	const char *slash = strrchr(path, '/');
	bool same = strcmp(slash != NULL ? slash + 1 : path, file) == 0;

	snprintf(out, TEXT_PLACE_BYTES, "%s%s%s", path, same ? "" : "/", same ? "" : file);
	return out;
}

const char *text_time(int64_t unix_s, char out[TEXT_NUMBER_BYTES])
{
	time_t t = (time_t)unix_s;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(out, TEXT_NUMBER_BYTES, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(out, TEXT_NUMBER_BYTES, "@%" PRId64, unix_s);
	return out;
}

/* Bytes of the UTF-8 sequence at `p`, 0: none. RFC 3629 4: no overlong forms, no surrogates. */
static size_t utf8_bytes(const unsigned char *p)
{
	size_t bytes = p[0] < 0x80   ? 1
	               : p[0] < 0xc2 ? 0
	               : p[0] < 0xe0 ? 2
	               : p[0] < 0xf0 ? 3
	               : p[0] < 0xf5 ? 4
	                             : 0;

	for (size_t i = 1; i < bytes; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return bytes;
}

const char *text_clean(const char *text, char *out, size_t room)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t used = 0;

	while (*p != '\0') {
		size_t bytes = utf8_bytes(p);
		/* U+0080 to U+009F are control characters too: a terminal may obey them. */
		bool is_control =
		    *p < ' ' || *p == 0x7f || (bytes == 2 && *p == 0xc2 && p[1] < 0xa0);

		if (used + (bytes == 0 || is_control ? 1 : bytes) >= room)
			break;
		if (bytes == 0 || is_control) {
			out[used++] = is_control ? ' ' : '?';
			p += bytes == 0 ? 1 : bytes;
			continue;
		}
		memcpy(out + used, p, bytes);
		used += bytes;
		p += bytes;
	}
	out[used] = '\0';
	return out;
}
