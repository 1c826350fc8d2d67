/* craft.h - records under the server's key that no server of OpenSSL's would send. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tls_conn;

enum { CRAFT_OVER_BYTES = 64 }; /* at most, besides text and zeros */

/* Does it open its records itself, as it is now? */
bool craft_can(const struct tls_conn *c);

/* Makes the record that `c`, which opens its records itself, expects next: text of a type, with so
 * many zeros behind it (TLS 1.3). What the server itself sends later does not fit any more. Returns
 * its bytes.
 */
size_t craft_record(const struct tls_conn *c, uint8_t type, const void *text, size_t bytes,
                    size_t zeros, uint8_t *out);
