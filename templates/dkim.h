/* dkim.h - DKIM signatures of a composed message (RFC 6376, RFC 8463).
 *
 * Not     verifying, nor which keys there are: tpl.h.
 */
#pragma once

#include "templates/buf.h"
#include "templates/sha.h"
#include "templates/tpl.h"

enum {
	DKIM_FIELDS_MAX = 128, /* header fields of a message */
};

/* A message to be signed: its header, CRLF after each field, and its body in pieces. */
struct dkim_message {
	struct span header; /* without the empty line */
	const struct span *body;
	uint32_t n_body;
	struct span from_domain; /* of From, A-labels */
	struct span sign_with;   /* as in tpl_campaign */
	int64_t signed_s;        /* t= */
};

/* `sha` is of sha_new(). Appends the DKIM-Signature fields that `signers` make of the message, to
 * stand above its header. Returns NULL, or why it cannot be signed; whether they fitted says
 * `out->full`.
 */
const char *dkim_sign(const struct tpl_signers *signers, const struct dkim_message *m,
                      EVP_MD_CTX *sha, struct buf *out);
