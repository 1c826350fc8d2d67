/* composing.h - one message being composed, shared by the files that write its parts.
 *
 * Not     for other rooms, nor longer than one tpl_compose().
 */
#pragma once

#include "templates/buf.h"
#include "templates/compiled.h"
#include "templates/dkim.h"
#include "templates/ids.h"
#include "templates/mime.h"

enum { PIECES_MAX = 8 };

struct compose {
	struct tpl_job job; /* as given, and its unsubscribe address */
	struct buf out;
	EVP_MD_CTX *sha; /* for one hash after another */
	struct tpl_err *err;
	struct span values[FIELDS_MAX]; /* rendered header values, by field */
	struct span fields;             /* all of them but the subject, as lines */
	struct span subject, html, text;
	bool utf8; /* an address needs SMTPUTF8 */
	/* How the bodies go, chosen before the first of them: what is around says so, too. */
	enum mime_encoding html_encoding, text_encoding;
	bool has_8bit;
	struct ids ids;
	char token[TPL_TOKEN_MAX + 1]; /* "": none */
	struct span from_line;         /* the From field, as written */
	size_t header_at, body_at;     /* where they begin in `out`; the empty line is between */
	/* The message: what was written, and between it what is the same for all (compose_parts.c).
	 */
	struct dkim_piece pieces[PIECES_MAX];
	uint32_t n_pieces;
	size_t piece_at; /* where the piece being written begins */
};

/* Fails the row: `why` is wrong with `what`, in the header. Returns -EINVAL. */
int row_fails(struct compose *c, const char *what, const char *why);

/* Writes the fields of the message but those of its parts. Returns 0 or -EINVAL with the error. */
int compose_header(struct compose *c);

/* Writes the fields that say what a campaign is and how to leave it, where the template does not.
 */
int compose_list_fields(struct compose *c);

/* Writes one field from a value that no program has checked. */
int compose_field(struct compose *c, const char *name, enum header_kind kind, struct span value);

/* Writes the bodies and attachments with their fields, and fills `pieces`. */
void compose_parts(struct compose *c);
