/* lint.h - the door of the linter: what it checks, and a report of what it found.
 *
 * lint.def is the table of checks. Here nothing reads a clock, a file or the network: checks are
 * functions of what they are given, a report collects what they say.
 *
 * Thread  a report belongs to one thread at a time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
	LINT_WHERE_BYTES = 320, /* file:line:column, header, domain or address; an address fits */
	LINT_WHAT_BYTES = 320,
	LINT_SHOWN_MAX = 20, /* findings kept of one check; more are counted */
};

enum lint_id {
#define LINT(sym, item, when, severity, class, id, holds, todo) LINT_##sym,
#include "control/lint/lint.def"
#undef LINT
	LINT_N
};

enum lint_when { LINT_WHEN_BEFORE, LINT_WHEN_MESSAGE, LINT_WHEN_RUNNING };
enum lint_severity { LINT_ERROR, LINT_WARNING, LINT_NOTE, LINT_N_SEVERITIES };
enum lint_class { LINT_CLASS_ALL, LINT_CLASS_BULK };

struct lint_row {
	const char *id, *holds, *todo;
	uint8_t item, when, severity, class;
};

extern const struct lint_row lint_rows[LINT_N];
const char *lint_severity_name(enum lint_severity severity);
const char *lint_when_name(enum lint_when when);

/* How a check ended; a worse one replaces a better one. */
enum lint_end {
	LINT_END_NONE,     /* nobody asked */
	LINT_END_EXEMPT,   /* does not concern this class */
	LINT_END_OBSERVED, /* can only be seen while it runs */
	LINT_END_PASSED,
	LINT_END_NOT_CHECKED, /* could not be told; `why` says why */
	LINT_END_FOUND,
	LINT_N_ENDS
};

struct lint_finding {
	enum lint_id id;
	enum lint_severity severity;
	char where[LINT_WHERE_BYTES], what[LINT_WHAT_BYTES];
};

struct lint_report;

/* A report on mail of one class; lint_report_free() is due. */
struct lint_report *lint_report_new(bool bulk);
void lint_report_free(struct lint_report *r); /* NULL is allowed */

/* Says how a check ended. A finding's text and place are made fit for one line of a terminal.
 * lint_found() takes the severity of the table, lint_found_as() a lesser one.
 */
void lint_pass(struct lint_report *r, enum lint_id id);
void lint_skip(struct lint_report *r, enum lint_id id, const char *why);
void lint_found(struct lint_report *r, enum lint_id id, const char *where, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void lint_found_as(struct lint_report *r, enum lint_id id, enum lint_severity severity,
                   const char *where, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* While muted, nothing is noted: for those who must look more than once. */
void lint_mute(struct lint_report *r, bool muted);

enum lint_end lint_end(const struct lint_report *r, enum lint_id id);
uint32_t lint_count(const struct lint_report *r, enum lint_severity severity);
uint32_t lint_count_when(const struct lint_report *r, enum lint_severity severity,
                         enum lint_when when);

/* The n-th finding in the order of the table, or NULL. */
const struct lint_finding *lint_finding_at(const struct lint_report *r, uint32_t n);

/* Writes everything; every check that neither passed nor failed is named with its reason. */
void lint_write_text(const struct lint_report *r, FILE *out);
void lint_write_json(const struct lint_report *r, FILE *out);
