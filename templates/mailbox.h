/* mailbox.h - one address, with or without a display name, read and written. */
#pragma once

#include "dataplane/base/span.h"

enum {
	MAILBOX_LOCAL_MAX = 64, /* RFC 5321 4.5.3.1.1 */
	MAILBOX_DOMAIN_MAX = 255,
	MAILBOX_DISPLAY_MAX = 512, /* bytes of a display name */
	MAILBOX_LABEL_MAX = 63,    /* RFC 1035 2.3.4 */
};

struct mailbox {
	uint8_t display[MAILBOX_DISPLAY_MAX]; /* unquoted, UTF-8 */
	size_t display_bytes;
	struct span address; /* in what was read */
};

/* True for local@domain as RFC 5321 4.1.2 and RFC 6531 3.3 allow it: a dot-string or quoted string,
 * then a domain or an address literal.
 */
bool address_is_valid(struct span address);

/* True for a domain name or an address literal. */
bool domain_is_valid(struct span domain);

/* Writes a valid domain with other letters than ASCII turned into A-labels (RFC 5890 2.3.2.1), so
 * that a domain alone never asks for SMTPUTF8. Returns false when it is no internationalised name.
 */
bool domain_to_ascii(struct span domain, char out[MAILBOX_DOMAIN_MAX + 1]);

/* Reads `address`, `<address>` or `any text <address>`; the text may be quoted. What stands before
 * the last "<" is the display name whatever it holds, so no value can become a second address.
 * Returns NULL, or what is wrong.
 */
const char *mailbox_read(struct span text, struct mailbox *out);
