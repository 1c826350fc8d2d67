/* gate_place.h - where in a text a match stands: in a link, in an HTML tag, in a code example.
 *
 * Reads what senders write, not all of HTML or Markdown. Questions about code are answered in one
 * pass over the text, as far as the last one and no further; the others look back from the match.
 *
 * Owner   the scan it is embedded in.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { GATE_LOOK_BACK_MAX = 2048 }; /* bytes before a match that are looked at */

struct gate_place {
	const char *const *pieces; /* of the text, none of them empty */
	const uint32_t *bytes;
	uint32_t n;
	bool is_html;
	/* How far it was read for code, and what was seen. */
	uint32_t piece;
	uint64_t before; /* bytes of the pieces before `piece` */
	uint32_t off;
	uint32_t in_code; /* HTML: elements that hold code, one in another */
	bool is_fenced;   /* text: between lines of three backticks */
};

void gate_place_begin(struct gate_place *p, const char *const *pieces, const uint32_t *bytes,
                      uint32_t n, bool is_html);

/* Is byte `at` of the text in a code example? HTML: in code, pre, kbd or samp. Text: in a line that
 * is indented by four columns, between backticks of a line, between lines of three. Asked for an
 * earlier byte than before it begins anew.
 */
bool gate_place_in_code(struct gate_place *p, uint64_t at);

/* In a link, or right behind its last byte? In a tag? Beyond GATE_LOOK_BACK_MAX: no. */
bool gate_place_in_url(const struct gate_place *p, uint64_t at);
bool gate_place_in_tag(const struct gate_place *p, uint64_t at);

/* Copies up to `room` bytes from `at` on. Returns how many. */
uint32_t gate_place_copy(const struct gate_place *p, uint64_t at, char *to, uint32_t room);
