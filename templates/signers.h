/* signers.h - which of many signers may have to do with a message.
 *
 * Not     which of them sign: dkim.c.
 */
#pragma once

#include "templates/tpl.h"

enum { SIGNERS_NEAR_MAX = 64 };

/* Fills the numbers of the signers that sign all messages, whose domain is `from_domain` or above
 * it, or whose name is in `names` (commas between), in ascending order, each once. Returns how
 * many; UINT32_MAX when they are not sorted or over SIGNERS_NEAR_MAX: then any may.
 */
uint32_t signers_near(const struct tpl_signers *all, struct span from_domain, struct span names,
                      uint32_t out[SIGNERS_NEAR_MAX]);
