/* html.h - what an HTML body shows: its words and its links.
 *
 * One pass, linear in the input; not a browser: an element is hidden by its own `hidden` attribute
 * or inline style, and then so is what is inside. Style sheets are not applied.
 *
 * Thread  any; pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/span.h"

enum { LINT_LINKS_MAX = 256 }; /* of one body, looked at */

struct lint_link {
	struct span url; /* decoded */
	bool shown;      /* it has words, or a picture with words for it */
};

struct lint_html {
	uint8_t *memory; /* the spans point into it */
	size_t used;
	struct span text; /* what is shown, blocks parted by line ends */
	struct lint_link links[LINT_LINKS_MAX];
	uint32_t n_links, n_links_left_out;
};

/* Reads it; lint_html_fini() is due. */
void lint_html_read(struct span html, struct lint_html *out);
void lint_html_fini(struct lint_html *h);

/* Folds text for comparing: letters of ASCII become small, and every run of blanks, commas, middle
 * dots, bullets and bars one blank; none at either end. `out` has room for `text.bytes`. Returns
 * what it wrote.
 */
size_t lint_fold(struct span text, uint8_t *out);
