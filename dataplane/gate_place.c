/* gate_place.c - forward by memchr() to what may begin or end code; backward byte by byte. */
#include "dataplane/gate_place.h"

#include <string.h>

enum { CODE_DEPTH_MAX = 64, CODE_INDENT = 4, NAME_MAX = 6 };

static const char *const code_names[] = { "code", "pre", "kbd", "samp" };

void gate_place_begin(struct gate_place *p, const char *const *pieces, const uint32_t *bytes,
                      uint32_t n, bool is_html)
{
	*p = (struct gate_place){ .pieces = pieces, .bytes = bytes, .n = n, .is_html = is_html };
}

uint32_t gate_place_copy(const struct gate_place *p, uint64_t at, char *to, uint32_t room)
{
	uint32_t did = 0;

	for (uint32_t i = 0; i < p->n && did < room;
	     at -= at < p->bytes[i] ? at : p->bytes[i], i++) {
		uint32_t left;

		if (at >= p->bytes[i])
			continue;
		left = p->bytes[i] - (uint32_t)at;
		left = left < room - did ? left : room - did;
		memcpy(to + did, p->pieces[i] + at, left);
		did += left;
	}
	return did;
}

/* Goes back from a byte; -1 before the first. */
struct back {
	const struct gate_place *p;
	uint32_t piece, off; /* the next one is off - 1 */
};

static struct back back_from(const struct gate_place *p, uint64_t at)
{
	struct back b = { .p = p };

	while (b.piece + 1 < p->n && at > p->bytes[b.piece])
		at -= p->bytes[b.piece++];
	b.off = at < p->bytes[b.piece] ? (uint32_t)at : p->bytes[b.piece];
	return b;
}

static int back_byte(struct back *b)
{
	if (b->off == 0) {
		if (b->piece == 0)
			return -1;
		b->off = b->p->bytes[--b->piece];
	}
	return (uint8_t)b->p->pieces[b->piece][--b->off];
}

/* RFC 3986 3: a scheme, "://", and then all that cannot end it. */
bool gate_place_in_url(const struct gate_place *p, uint64_t at)
{
	struct back b = back_from(p, at);
	int after = 0, after2 = 0; /* the bytes behind the one at hand */

	if (p->n == 0)
		return false;
	for (int i = 0; i < GATE_LOOK_BACK_MAX; i++) {
		int c = back_byte(&b);

		if (c <= ' ' || c == '"' || c == '\'' || c == '<' || c == '>' || c == '`')
			return false;
		if (c == ':' && after == '/' && after2 == '/')
			return true;
		after2 = after;
		after = c;
	}
	return false;
}

bool gate_place_in_tag(const struct gate_place *p, uint64_t at)
{
	struct back b = back_from(p, at);

	if (p->n == 0 || !p->is_html)
		return false;
	for (int i = 0; i < GATE_LOOK_BACK_MAX; i++) {
		int c = back_byte(&b);

		if (c < 0 || c == '>' || c == '<')
			return c == '<';
	}
	return false;
}

/* A tag begins at `at`: does it begin or end code? */
static void see_tag(struct gate_place *p, uint64_t at)
{
	char name[NAME_MAX + 2];
	uint32_t n = gate_place_copy(p, at + 1, name, sizeof(name));
	bool is_end = n > 0 && name[0] == '/';
	uint32_t first = is_end, bytes = 0;

	while (first + bytes < n && ((name[first + bytes] | 0x20) >= 'a') &&
	       ((name[first + bytes] | 0x20) <= 'z')) {
		name[first + bytes] |= 0x20;
		bytes++;
	}
	for (unsigned i = 0; i < sizeof(code_names) / sizeof(code_names[0]); i++) {
		if (strlen(code_names[i]) != bytes ||
		    memcmp(name + first, code_names[i], bytes) != 0)
			continue;
		if (!is_end && p->in_code < CODE_DEPTH_MAX)
			p->in_code++;
		else if (is_end && p->in_code > 0)
			p->in_code--;
	}
}

/* A backtick stands at `at`: do three of them begin a line? */
static void see_tick(struct gate_place *p, uint64_t at)
{
	struct back b = back_from(p, at);
	char ticks[3];
	int before = back_byte(&b);

	if ((before == '\n' || before < 0) && gate_place_copy(p, at, ticks, 3) == 3 &&
	    memcmp(ticks, "```", 3) == 0)
		p->is_fenced = !p->is_fenced;
}

/* Reads on to byte `at`. */
static void read_to(struct gate_place *p, uint64_t at)
{
	int mark = p->is_html ? '<' : '`';

	while (p->piece < p->n && p->before + p->off < at) {
		uint64_t left = at - p->before - p->off;
		uint32_t have = p->bytes[p->piece] - p->off;
		const char *from = p->pieces[p->piece] + p->off, *hit;

		hit = memchr(from, mark, left < have ? left : have);
		if (hit != NULL) {
			uint64_t place = p->before + p->off + (uint64_t)(hit - from);

			p->off += (uint32_t)(hit - from) + 1;
			if (p->is_html)
				see_tag(p, place);
			else
				see_tick(p, place);
		} else {
			p->off += (uint32_t)(left < have ? left : have);
		}
		if (p->off == p->bytes[p->piece]) {
			p->before += p->off;
			p->piece++;
			p->off = 0;
		}
	}
}

/* Of a line up to byte `at`: an odd number of backticks, or a beginning of four blanks. */
static bool is_line_code(const struct gate_place *p, uint64_t at)
{
	struct back b = back_from(p, at);
	unsigned ticks = 0, indent = 0;

	for (int i = 0; i < GATE_LOOK_BACK_MAX; i++) {
		int c = back_byte(&b);

		if (c < 0 || c == '\n')
			break;
		ticks += c == '`';
		/* at the end of the way back this is what the line begins with */
		indent = c == ' ' ? indent + 1 : c == '\t' ? indent + CODE_INDENT : 0;
	}
	return ticks % 2 == 1 || indent >= CODE_INDENT;
}

bool gate_place_in_code(struct gate_place *p, uint64_t at)
{
	if (p->n == 0)
		return false;
	if (at < p->before + p->off)
		gate_place_begin(p, p->pieces, p->bytes, p->n, p->is_html);
	read_to(p, at);
	return p->in_code > 0 || p->is_fenced || (!p->is_html && is_line_code(p, at));
}
