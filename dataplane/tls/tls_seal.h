/* tls_seal.h - seals records straight into TCP's segments.
 *
 * Once the keys of a connection are known OpenSSL hands them to whoever writes for it, as it would
 * to a kernel that does TLS, and passes plain text from then on. So a byte is read once by the
 * cipher and lands where it leaves from. What is not known here stays OpenSSL's work.
 *
 * Owner   the connection.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/span.h"

struct tls_conn;

enum {
	TLS_SEAL_RECORDS_MAX = 1 << 24, /* of one key (RFC 8446 5.5) */
};

/* Seals one record with c->seal and hands it to TCP, what has no room there to c->spill. False:
 * neither had room, or the key is used up; the connection is of no use any more.
 */
bool tls_seal_record(struct tls_conn *c, uint8_t type, struct span plain);
