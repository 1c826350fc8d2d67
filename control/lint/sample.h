/* sample.h - the checks of a composed message, made of some before the first is sent.
 *
 * What each message of a campaign has in common is told once, of the first sample that shows it;
 * what differs by row is told of each.
 *
 * Thread  any; pure.
 */
#pragma once

#include "control/lint/html.h"
#include "control/lint/message.h"
#include "control/lint/wire.h"
#include "templates/tpl.h"

enum {
	LINT_SAMPLES_MAX = 1000,
	LINT_LINK_DOMAINS_MAX = 64,
	LINT_SIGNERS_MAX = 8, /* different signatures, over all samples */
	LINT_HTML_CLIP_BYTES = 102 << 10,
	LINT_DATE_SLACK_S = 300,
	LINT_SOURCE_BYTES_MAX = 1 << 20, /* of a template's file of fields */
};

/* What samples are judged by. Texts are borrowed; NULL or empty: there is none. */
struct lint_campaign {
	bool bulk;
	const char *postal_address;
	const char *unsubscribe_url; /* the base: tokens are put at its end */
	struct span id_domain;       /* of Message-ID */
	const struct tpl_columns *columns;
	bool signatures_unknown; /* the samples are not signed as messages will be */
	const char *fields_file; /* the template's file of fields and what it holds, for places */
	struct span fields_text;
};

struct lint_sample {
	struct span wire; /* the whole message */
	const struct tpl_text *text;
	uint32_t n_text;
	struct span address; /* of the recipient */
	uint32_t row;        /* in its list, from 1 */
	int64_t first_attempt_s;
	bool needs_8bit, needs_smtputf8;
};

/* What is remembered between samples. */
struct lint_samples {
	const struct lint_campaign *campaign;
	struct lint_report *report;
	uint32_t n, n_broken; /* samples seen, and those that may not be sent */
	uint64_t id_hashes[LINT_SAMPLES_MAX];
	char from_domain[256]; /* of the first sample; "": none */
	char link_domains[LINT_LINK_DOMAINS_MAX][256];
	uint32_t n_link_domains;
	struct lint_signer { /* d= and s= of signatures, small letters */
		char domain[256], selector[256];
	} signers[LINT_SIGNERS_MAX];
	uint32_t n_signers;
};

void lint_samples_init(struct lint_samples *s, const struct lint_campaign *campaign,
                       struct lint_report *report);

/* Judges one message; at most LINT_SAMPLES_MAX of them. */
void lint_sample_add(struct lint_samples *s, const struct lint_sample *sample);

/* Judges one message by the cheap checks alone, for those that are no samples. */
void lint_sample_glance(struct lint_samples *s, uint32_t row, struct span address,
                        const struct lint_wire *wire);

/* Notes a row that could not be composed, and why. */
void lint_sample_failed(struct lint_samples *s, uint32_t row, struct span address,
                        const struct tpl_err *err);

/* After the last: what nothing was found about has passed. */
void lint_samples_end(struct lint_samples *s);

/* ---- the parts of it, for one another and their tests ---- */

struct lint_look {
	struct lint_samples *all;
	const struct lint_sample *sample;
	struct lint_message message;
	char who[LINT_WHERE_BYTES]; /* "row 3 (a@example.com)" */
};

/* Tells of this row; or, once, of all, at the field's line of the template where it is known. */
void lint_tell(struct lint_look *k, enum lint_id id, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void lint_tell_field(struct lint_look *k, enum lint_id id, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void lint_tell_as(struct lint_look *k, enum lint_id id, enum lint_severity severity,
                  const char *where, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* The text of a label, empty when there is none. */
struct span lint_text_of(const struct lint_sample *s, enum tpl_label label);

void lint_look_at_fields(struct lint_look *k);     /* fields.c: items 10, 11, 14-16, 20 */
void lint_look_at_signatures(struct lint_look *k); /* signatures.c: items 10, 22 */
void lint_look_at_parts(struct lint_look *k);      /* parts.c: items 17, 19 */
void lint_look_at_content(struct lint_look *k);    /* content.c: items 11, 13, 20 */

/* The https address of a List-Unsubscribe value, and whether there is a mailto; false: none. */
bool lint_unsubscribe_read(struct span value, struct span *https, bool *mailto);

/* Finds what looks like a merge tag that nothing replaced: "{{ name }}", "{% if %}", "%%name%%",
 * "*|NAME|*", and "[name]" of a column. Returns it, or an empty span.
 */
struct span lint_merge_tag(struct span text, const struct tpl_columns *columns);
