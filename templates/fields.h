/* fields.h - message.liquid: the header fields a template writes itself, one a line.
 *
 * A line that begins with a blank continues the one before; empty lines, and lines that hold
 * comments only, are passed over.
 */
#pragma once

#include "templates/header.h"
#include "templates/prog.h"

enum {
	FIELDS_MAX = 64,
	FIELD_NAME_BYTES = 78,
};

struct field_tpl {
	char name[FIELD_NAME_BYTES]; /* as the template spells it */
	enum header_kind kind;
	struct prog value;
	uint32_t line; /* of the name, for what is wrong with the whole value */
};

struct fields {
	struct field_tpl *at;
	uint32_t n;
};

/* Reads message.liquid. Returns 0, or -errno with `err`; either way fields_fini() is due. */
int fields_parse(struct fields *fields, struct src *src, struct unit *unit, struct tpl_err *err);
void fields_fini(struct fields *fields);

/* The field of that name in any case, or NULL. */
const struct field_tpl *fields_find(const struct fields *fields, const char *name);
