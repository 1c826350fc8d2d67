/* html_text.h - the text that an HTML body says, for readers without HTML.
 *
 * One pass, linear in the input, bounded by the buffer; not a browser: it keeps words, paragraphs,
 * list marks, alt texts and link addresses, and drops the rest.
 */
#pragma once

#include "templates/buf.h"

void html_text(struct span html, struct buf *out);
