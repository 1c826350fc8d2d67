/* compiled.h - what tpl_open() makes and tpl_compose() reads; inside this room only. */
#pragma once

#include "templates/fields.h"

struct tpl {
	struct fields fields;
	struct prog html, text;
	bool has_html, has_text; /* one at least; text is made from HTML where it is missing */
	uint32_t n_columns;
};

/* The files of a template folder, in memory. */
struct tpl_sources {
	struct span message, html, text;
	bool has_html, has_text;
};

/* As tpl_open(), from memory; keeps copies only. */
int tpl_open_sources(const struct tpl_sources *sources, const struct tpl_columns *columns,
                     struct tpl **out, struct tpl_err *err);
