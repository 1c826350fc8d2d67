/* mail.h - a mail message, or a text alone, as the pieces that the content gate looks at.
 *
 * Thread  any; a read mail is immutable.
 */
#pragma once

#include "dataplane/base/span.h"
#include "dataplane/dp_msg.h"

struct mail {
	struct dp_text texts[DP_TEXTS_MAX];
	uint32_t n;
	uint32_t n_dropped;        /* parts beyond DP_TEXTS_MAX, that are not here */
	char *owned[DP_TEXTS_MAX]; /* their bytes */
};

/* Takes a message apart (RFC 5322, RFC 2045): subject, other fields as they stand, decoded text and
 * HTML, names of attachments. Bytes that do not begin with a header are one text, HTML when they
 * begin like it. Always succeeds: what cannot be decoded is taken as it stands.
 */
void mail_read(struct span bytes, struct mail *out);
void mail_fini(struct mail *mail);
