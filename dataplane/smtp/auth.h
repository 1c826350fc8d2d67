/* auth.h - the SASL exchanges of AUTH (RFC 4954): what is said, pure.
 *
 * Thread  any.
 * Not     whether a host may be told: session_auth.c; where secrets come from: control.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/smtp/smtp.h"

enum {
	AUTH_LINE_MAX =
	    512, /* RFC 5321 4.5.3.1.4: with CRLF; a longer response is not an initial one */
	/* Before base64: a user's name may grow threefold, and some words stand around. */
	AUTH_RAW_BYTES = 3 * DP_USER_MAX + DP_SECRET_MAX + 64,
	AUTH_BYTES = (AUTH_RAW_BYTES + 2) / 3 * 4 + 64,
};

/* Notes what a line "AUTH ..." of EHLO offers: bits 1 << enum dp_auth. The keyword is cut off. */
uint8_t auth_offered(struct span words);

/* The mechanism for an identity at a host that offers these: the safest that fits, or the one that
 * is asked for. DP_AUTH_AUTO: none.
 */
enum dp_auth auth_choose(const struct smtp_credential *c, uint8_t offered);

/* "PLAIN", ... */
const char *auth_name(enum dp_auth mechanism);

/* Writes the n-th line of an exchange, CRLF included: n 0 is the AUTH command, then one for each
 * 334. Returns its bytes, or 0 when the host asks for more than the mechanism has: "*" ends it then
 * (RFC 4954 4). The line holds the secret: clear it after use.
 */
size_t auth_line(const struct smtp_credential *c, enum dp_auth mechanism, uint32_t n,
                 char out[AUTH_BYTES]);

/* Whether a text repeats the secret, as it is or as it was said. Some hosts quote what they refuse.
 */
bool auth_is_told(const struct smtp_credential *c, enum dp_auth mechanism, struct span text);
