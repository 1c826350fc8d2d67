/* compiled.h - what tpl_open() makes and tpl_compose() reads; inside this room only. */
#pragma once

#include "templates/assets.h"
#include "templates/fields.h"
#include "templates/fixed.h"

/* Each part has a unit of its own: a partial is compiled for where it is written. */
struct tpl {
	struct unit field_unit, html_unit, text_unit;
	struct fields fields;
	struct prog html, text;
	bool has_html, has_text; /* one at least; text is made from HTML where it is missing */
	uint32_t n_columns;
	struct assets assets;
	struct fixed fixed_html, fixed_text;
	const char *message_file; /* where the header stands, for errors */
	char *single_file;        /* its name where all stands in one file; else NULL */
};

/* The files of a template folder, in memory. */
struct tpl_sources {
	struct span message, html, text;
	/* Where everything stands in `message`, header, empty line and body: the file's name. Then
	 * there are no partials and no files. NULL: a folder.
	 */
	const char *single;
	bool has_html, has_text;
	bool merge_message, merge_html, merge_text; /* written with merge tags, not in Liquid */
	const struct tpl_text_source *partials;
	uint32_t n_partials;
	const struct tpl_text_source *inlines, *attached; /* files as they are */
	uint32_t n_inlines, n_attached;
};

/* As tpl_open(), from memory; keeps copies only. */
int tpl_open_sources(const struct tpl_sources *sources, const struct tpl_columns *columns,
                     struct tpl **out, struct tpl_err *err);

/* ---- compile.c: one text, and the partials of a unit ---- */

/* Compiles what stands in `text` from the byte `from` on. */
int compile_text(struct prog *prog, struct unit *unit, const char *file, struct span text,
                 size_t from, enum tpl_context context, struct tpl_err *err);
int compile_partials(struct unit *unit, const struct tpl_text_source *from, uint32_t n,
                     enum tpl_context context, struct tpl_err *err);

/* Checks the names in partials, once all that calls them is compiled. */
int link_partials(struct unit *unit, struct tpl_err *err);
