/* emit.h - a value on its way out: checked, escaped, with the line ends of its context. */
#pragma once

#include "templates/buf.h"
#include "templates/prog.h"
#include "templates/value.h"

/* Writes a value. Returns NULL, or why it may not stand there. */
const char *emit_value(struct buf *out, struct arena *arena, enum tpl_context context,
                       struct tpl_value value);

/* Writes markup of our own, whose line ends are LF, with those of the context. */
void emit_markup(struct buf *out, enum tpl_context context, const char *text);

/* What HTML needs in place of this byte; NULL: nothing. */
const char *emit_entity(uint8_t b);
