/* fixed.h - a body that has no variables: written and encoded once, the same in every message.
 *
 * Owner   the tpl; the spans are valid as long as it is.
 */
#pragma once

#include "templates/mime.h"
#include "templates/prog.h"

struct fixed {
	struct span text;    /* decoded; without `at`: the body differs from row to row */
	struct span wire[2]; /* encoded, by whether 8bit may be chosen */
	enum mime_encoding encoding[2];
};

/* Makes one of a program that writes the same for each row; of any other, an empty one. Returns 0
 * or -ENOMEM; fixed_fini() is due either way.
 */
int fixed_of_program(struct fixed *f, const struct prog *prog);

/* The text that stands for a fixed HTML body. */
int fixed_of_html(struct fixed *f, const struct fixed *html);
void fixed_fini(struct fixed *f);
