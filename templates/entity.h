/* entity.h - the character references of HTML that mail uses. */
#pragma once

#include "dataplane/base/span.h"

/* Reads "&name;", "&#n;" or "&#xn;" at the front of `s`, which holds "&". Returns its bytes, 0 when
 * it is none that is known. A control character comes out as U+FFFD, a line end or tab as a blank.
 */
size_t entity_read(struct span s, uint32_t *code);
