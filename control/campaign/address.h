/* address.h - is this text a mail address we can send to, and in what form.
 *
 * Syntax by RFC 5321 4.1.2 (Mailbox) and its length limits 4.5.3.1; domains with other letters than
 * ASCII become A-labels (RFC 5890).
 * Not     whether it exists.
 */
#pragma once

#include "dataplane/base/span.h"
#include "dataplane/dp_msg.h"

enum {
	ADDRESS_BYTES_MAX = 254, /* a path is at most 256 with its <> (RFC 5321 4.5.3.1.3) */
	ADDRESS_LOCAL_MAX = 64,
	ADDRESS_DOMAIN_MAX = 253, /* of DNS text form; a label has at most 63 */
};

struct address {
	char text[DP_ADDRESS_MAX]; /* for RCPT TO: local part as written, domain in ASCII */
	size_t bytes;
	char domain[ADDRESS_DOMAIN_MAX + 1]; /* lower case, A-labels, NUL-terminated */
	size_t domain_bytes;
};

/* Reads one. Returns NULL, or why it is none, as a phrase that lives for ever. Any bytes may come;
 * they need not be UTF-8. Any thread.
 */
const char *address_parse(struct span text, struct address *out);

enum { ADDRESS_FOLDED_BYTES = 4 * DP_ADDRESS_MAX };

/* What two addresses share that count as the same: the domain in small letters, the local part
 * case-folded; nothing else. Returns a span of `out` or of `address`.
 */
struct span address_fold(struct span address, char out[ADDRESS_FOLDED_BYTES]);

/* True for well-formed UTF-8 (RFC 3629 4) without NUL. */
bool utf8_is_text(struct span text);
