/* dkim.h - DKIM signatures of a composed message (RFC 6376, RFC 8463).
 *
 * Not     verifying, nor which keys there are: tpl.h.
 */
#pragma once

#include "templates/buf.h"
#include "templates/canon.h"
#include "templates/sha.h"
#include "templates/tpl.h"

enum {
	DKIM_FIELDS_MAX = 128, /* header fields of a message */
};

/* A piece of a body. */
struct dkim_piece {
	struct span bytes;
	bool is_fixed; /* canon_is_fixed(), and so is where it stands */
};

/* The hash of lines that are the beginning of many bodies, ready to go on from; immutable. Lines
 * are canon_is_fixed(). NULL: no memory.
 */
struct dkim_prefix;
struct dkim_prefix *dkim_prefix_new(enum canon how, struct span lines);
void dkim_prefix_free(struct dkim_prefix *prefix); /* NULL is allowed */

/* A message to be signed: its header, CRLF after each field, and its body in pieces. */
struct dkim_message {
	struct span header; /* without the empty line */
	const struct dkim_piece *body;
	uint32_t n_body;
	/* What stands before the pieces, by enum canon; NULL: nothing. */
	const struct dkim_prefix *prefix[2];
	struct span from_domain; /* of From, A-labels */
	struct span sign_with;   /* as in tpl_campaign */
	int64_t signed_s;        /* t= */
	bool no_expiry;          /* no x=, whatever the signer says */
};

/* `sha` is of sha_new(). Appends the DKIM-Signature fields that `signers` make of the message, to
 * stand above its header. Returns NULL, or why it cannot be signed; whether they fitted says
 * `out->full`.
 */
const char *dkim_sign(const struct tpl_signers *signers, const struct dkim_message *m,
                      EVP_MD_CTX *sha, struct buf *out);
