/* assets.h - attachments and inline images of a template: encoded once, the same in every message.
 *
 * Owner   the tpl; the spans are valid as long as it is.
 */
#pragma once

#include "templates/ids.h"
#include "templates/tpl.h"

struct assets {
	/* What follows the first part of a multipart/related and a multipart/mixed, closing
	 * delimiter and its line end included; empty: there is no such multipart.
	 */
	struct span related, mixed;
	struct span mixed_parts; /* of `mixed` without the closing delimiter */
	/* Signatures need not look at their bytes (canon_is_fixed()). */
	bool related_is_fixed, mixed_is_fixed;
	char boundary[IDS_HEX_BYTES + 1]; /* "=r_" and "=m_" before it */
	/* For scanners, see enum tpl_label: a zero byte behind each name and text. */
	struct span names, texts, htmls;
	struct span bytes; /* of all files; `texts` and `htmls` are its end */
	uint8_t *memory, *plain;
	/* The hash of `mixed_parts` as the beginning of a body, by enum canon; NULL: not fixed. */
	struct dkim_prefix *prefix[2];
};

/* Encodes files (names as in the folder). Returns 0, or -errno with `err`; either way assets_fini()
 * is due.
 */
int assets_make(struct assets *a, const struct tpl_text_source *inlines, uint32_t n_inlines,
                const struct tpl_text_source *attached, uint32_t n_attached, struct tpl_err *err);
void assets_fini(struct assets *a);
