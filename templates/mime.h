/* mime.h - bodies on the wire: which transfer encoding, and the encoding itself (RFC 2045 6). */
#pragma once

#include "templates/buf.h"

enum mime_encoding { MIME_7BIT, MIME_8BIT, MIME_QP, MIME_BASE64 };

/* The encoding that lets `body` (UTF-8 without NUL, CRLF line ends) pass any server: 7bit when it
 * is ASCII in lines of at most 998 octets, base64 when over a third is not ASCII, else
 * quoted-printable. Where `may_8bit`, 8bit instead of the last two if its lines are short enough.
 */
enum mime_encoding mime_choose(struct span body, bool may_8bit);

/* As it stands in Content-Transfer-Encoding. */
const char *mime_encoding_name(enum mime_encoding encoding);

/* Appends the body, encoded; lines of quoted-printable and base64 have at most 76 octets. */
void mime_put(struct buf *out, enum mime_encoding encoding, struct span body);
