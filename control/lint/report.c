/* report.c - the table of checks, and what was found. */
#include "control/lint/lint.h"

#include <assert.h>
#include <stdarg.h>

#include <jansson.h>

#include "control/text.h"
#include "control/xalloc.h"

enum { WHY_BYTES = 128 };

/* clang-format off */
const struct lint_row lint_rows[LINT_N] = {
#define LINT(sym, n, w, s, c, name, what_holds, what_to_do)                                        \
	[LINT_##sym] = { .id = name, .holds = what_holds, .todo = what_to_do, .item = n,           \
	                 .when = LINT_WHEN_##w, .severity = LINT_##s, .class = LINT_CLASS_##c },
#include "control/lint/lint.def"
#undef LINT
};
/* clang-format on */

struct checked {
	enum lint_end end;
	char why[WHY_BYTES];        /* not checked */
	struct lint_finding *shown; /* up to LINT_SHOWN_MAX */
	uint32_t n_shown, n_found[LINT_N_SEVERITIES];
};

struct lint_report {
	bool muted;
	struct checked checks[LINT_N];
};

const char *lint_severity_name(enum lint_severity severity)
{
	static const char *const names[] = {
		[LINT_ERROR] = "error", [LINT_WARNING] = "warning", [LINT_NOTE] = "note"
	};

	return names[severity];
}

const char *lint_when_name(enum lint_when when)
{
	static const char *const names[] = { [LINT_WHEN_BEFORE] = "before",
		                             [LINT_WHEN_MESSAGE] = "message",
		                             [LINT_WHEN_RUNNING] = "running" };

	return names[when];
}

struct lint_report *lint_report_new(bool bulk)
{
	struct lint_report *r = xcalloc(1, sizeof(*r));

	for (uint32_t i = 0; i < LINT_N; i++) {
		if (lint_rows[i].when == LINT_WHEN_RUNNING)
			r->checks[i].end = LINT_END_OBSERVED;
		else if (lint_rows[i].class == LINT_CLASS_BULK && !bulk)
			r->checks[i].end = LINT_END_EXEMPT;
	}
	return r;
}

void lint_report_free(struct lint_report *r)
{
	if (r == NULL)
		return;
	for (uint32_t i = 0; i < LINT_N; i++)
		free(r->checks[i].shown);
	free(r);
}

/* The check, if something may be said of it. */
static struct checked *open_check(struct lint_report *r, enum lint_id id)
{
	struct checked *c = &r->checks[id];

	return r->muted || c->end == LINT_END_EXEMPT ? NULL : c;
}

void lint_pass(struct lint_report *r, enum lint_id id)
{
	struct checked *c = open_check(r, id);

	if (c != NULL && c->end < LINT_END_PASSED)
		c->end = LINT_END_PASSED;
}

void lint_skip(struct lint_report *r, enum lint_id id, const char *why)
{
	struct checked *c = open_check(r, id);

	if (c == NULL || c->end >= LINT_END_NOT_CHECKED)
		return;
	c->end = LINT_END_NOT_CHECKED;
	text_clean(why, c->why, sizeof(c->why));
}

static void add(struct lint_report *r, enum lint_id id, enum lint_severity severity,
                const char *where, const char *fmt, va_list ap)
{
	struct checked *c = open_check(r, id);
	struct lint_finding *f;
	char what[LINT_WHAT_BYTES];

	assert(severity >= (enum lint_severity)lint_rows[id].severity);
	if (c == NULL)
		return;
	c->end = LINT_END_FOUND;
	c->n_found[severity]++;
	if (c->n_shown == LINT_SHOWN_MAX)
		return;
	c->shown = xrealloc(c->shown, c->n_shown + 1, sizeof(*c->shown));
	f = &c->shown[c->n_shown++];
	f->id = id;
	f->severity = severity;
	text_clean(where, f->where, sizeof(f->where));
	vsnprintf(what, sizeof(what), fmt, ap);
	text_clean(what, f->what, sizeof(f->what));
}

void lint_found(struct lint_report *r, enum lint_id id, const char *where, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(r, id, lint_rows[id].severity, where, fmt, ap);
	va_end(ap);
}

void lint_found_as(struct lint_report *r, enum lint_id id, enum lint_severity severity,
                   const char *where, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(r, id, severity, where, fmt, ap);
	va_end(ap);
}

void lint_mute(struct lint_report *r, bool muted)
{
	r->muted = muted;
}

enum lint_end lint_end(const struct lint_report *r, enum lint_id id)
{
	return r->checks[id].end;
}

uint32_t lint_count(const struct lint_report *r, enum lint_severity severity)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < LINT_N; i++)
		n += r->checks[i].n_found[severity];
	return n;
}

uint32_t lint_count_when(const struct lint_report *r, enum lint_severity severity,
                         enum lint_when when)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < LINT_N; i++)
		n += lint_rows[i].when == when ? r->checks[i].n_found[severity] : 0;
	return n;
}

const struct lint_finding *lint_finding_at(const struct lint_report *r, uint32_t n)
{
	for (uint32_t i = 0; i < LINT_N; i++) {
		if (n < r->checks[i].n_shown)
			return &r->checks[i].shown[n];
		n -= r->checks[i].n_shown;
	}
	return NULL;
}

static uint32_t n_left_out(const struct checked *c)
{
	uint32_t n = 0;

	for (uint32_t s = 0; s < LINT_N_SEVERITIES; s++)
		n += c->n_found[s];
	return n - c->n_shown;
}

static uint32_t n_ended(const struct lint_report *r, enum lint_end end)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < LINT_N; i++)
		n += r->checks[i].end == end ||
		     (end == LINT_END_NOT_CHECKED && r->checks[i].end == LINT_END_NONE);
	return n;
}

static const char *why_not(const struct checked *c)
{
	return c->end == LINT_END_NONE       ? "nothing to check it on"
	       : c->end == LINT_END_OBSERVED ? "can only be observed while it runs"
	                                     : c->why;
}

void lint_write_text(const struct lint_report *r, FILE *out)
{
	for (uint32_t i = 0; i < LINT_N; i++) {
		const struct checked *c = &r->checks[i];
		const struct lint_row *row = &lint_rows[i];

		for (uint32_t n = 0; n < c->n_shown; n++)
			fprintf(out, "%-7s %2u %s: %s: %s; %s\n",
			        lint_severity_name(c->shown[n].severity), row->item, row->id,
			        c->shown[n].where, c->shown[n].what, row->todo);
		if (n_left_out(c) > 0)
			fprintf(out, "        %2u %s: and %u more\n", row->item, row->id,
			        n_left_out(c));
		if (c->end == LINT_END_NOT_CHECKED || c->end == LINT_END_NONE ||
		    c->end == LINT_END_OBSERVED)
			fprintf(out, "%-7s %2u %s: %s\n",
			        c->end == LINT_END_OBSERVED ? "later" : "skipped", row->item,
			        row->id, why_not(c));
	}
	fprintf(out, "lint: %u errors, %u warnings, %u notes; %u checks passed, %u not checked\n",
	        lint_count(r, LINT_ERROR), lint_count(r, LINT_WARNING), lint_count(r, LINT_NOTE),
	        n_ended(r, LINT_END_PASSED), n_ended(r, LINT_END_NOT_CHECKED));
}

static json_t *finding_json(const struct lint_finding *f)
{
	return xcheck(json_pack("{s:s,s:s,s:s}", "severity", lint_severity_name(f->severity),
	                        "where", f->where, "what", f->what));
}

static json_t *check_json(enum lint_id id, const struct checked *c)
{
	static const char *const ends[LINT_N_ENDS] = {
		[LINT_END_NONE] = "not checked",        [LINT_END_EXEMPT] = "exempt",
		[LINT_END_OBSERVED] = "not checked",    [LINT_END_PASSED] = "passed",
		[LINT_END_NOT_CHECKED] = "not checked", [LINT_END_FOUND] = "found"
	};
	const struct lint_row *row = &lint_rows[id];
	json_t *findings = xcheck(json_array());
	json_t *o = xcheck(json_pack(
	    "{s:s,s:i,s:s,s:s,s:s,s:s,s:s,s:i}", "id", row->id, "item", row->item, "when",
	    lint_when_name(row->when), "severity", lint_severity_name(row->severity), "result",
	    ends[c->end], "holds", row->holds, "todo", row->todo, "left_out", (int)n_left_out(c)));

	if (strcmp(ends[c->end], "not checked") == 0)
		json_object_set_new(o, "why", json_string(why_not(c)));
	for (uint32_t n = 0; n < c->n_shown; n++)
		json_array_append_new(findings, finding_json(&c->shown[n]));
	json_object_set_new(o, "findings", findings);
	return o;
}

void lint_write_json(const struct lint_report *r, FILE *out)
{
	json_t *checks = xcheck(json_array());
	json_t *o = xcheck(json_pack("{s:i,s:i,s:i}", "errors", (int)lint_count(r, LINT_ERROR),
	                             "warnings", (int)lint_count(r, LINT_WARNING), "notes",
	                             (int)lint_count(r, LINT_NOTE)));

	for (uint32_t i = 0; i < LINT_N; i++)
		json_array_append_new(checks, check_json(i, &r->checks[i]));
	json_object_set_new(o, "checks", checks);
	json_dumpf(o, out, JSON_INDENT(1));
	fputc('\n', out);
	json_decref(o);
}
