/* gate_card.h - numbers that look like those of payment cards.
 *
 * 13 to 19 digits, in one piece or in the groups that cards print, with a prefix that a scheme has
 * (ISO/IEC 7812-1) and the check digit of Luhn.
 */
#pragma once

#include <stdint.h>

#include "dataplane/base/span.h"

/* Where the first such number behind `from` ends, and `*start` where it begins; 0: there is none.
 */
size_t gate_card_find(struct span text, size_t from, size_t *start);
