/* dsn.h - how an envelope names message and recipient for reports on delivery (RFC 3461).
 *
 * Pure.
 * Thread  any.
 */
#pragma once

#include "dataplane/base/span.h"

enum {
	DSN_ENVID_MAX = 100, /* RFC 3461 4.4 */
	DSN_ORCPT_MAX = 500, /* RFC 3461 4.2 */
};

/* Writes "rfc822;..." (RFC 3461 4.2), or "utf-8;..." (RFC 6533 3) for an address beyond ASCII, so
 * that ASCII carries either. Returns its bytes, 0 when it is no text or takes too many.
 */
size_t dsn_orcpt(struct span address, char out[DSN_ORCPT_MAX]);
