/* suffix.h - the public suffix list: which domain is registered. The only owner of libpsl.
 *
 * Thread  any, after the first call.
 */
#pragma once

#include "control/mx/dns_answer.h"

/* The registered domain above or at `domain` (lower case, A-labels); the domain itself where the
 * list knows none. False when the system has no list.
 */
bool suffix_registered(const char *domain, char out[DNS_NAME_BYTES]);
