/* parse_merge.c - PowerMTA's merge tags: a text in which `[name]` is a column.
 *
 *	Dear [name], your flight to [Airport] ...   [[ is one bracket; [*to] is the recipient
 *
 * What does not look like a tag is text: `[see below]`, `[if mso]`, `<![endif]-->`. What looks like
 * one and is no column is an error, as a message with a tag in it must not leave.
 */
#include <errno.h>
#include <strings.h>

#include "templates/parse_int.h"

static bool is_name_byte(uint8_t b, bool first)
{
	return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || b == '_' || b >= 0x80 ||
	       (!first && ((b >= '0' && b <= '9') || b == '-' || b == '.'));
}

/* The name inside the tag that begins at `at`; empty when none does. */
static struct span tag_name(const struct src *src, size_t at, size_t end)
{
	const uint8_t *text = src->text.at;
	size_t from = at + 1, n = from;

	if (at >= 2 && memcmp(text + at - 2, "<!", 2) == 0)
		return span_of("", 0); /* a conditional comment of HTML: <![endif]--> */
	n += n < end && text[n] == '*';
	for (bool first = true; n < end && is_name_byte(text[n], first); n++)
		first = false;
	return n < end && text[n] == ']' && n > from ? span_of(text + from, n - from)
	                                             : span_of("", 0);
}

static bool same_letters(struct span a, struct span b)
{
	return a.bytes == b.bytes &&
	       strncasecmp((const char *)a.at, (const char *)b.at, a.bytes) == 0;
}

static const struct {
	const char *name;
	struct prog_op op;
} reserved[] = {
	{ "*to", { .code = OP_ENVELOPE, .a = ENVELOPE_TO } },
	{ "*from", { .code = OP_ENVELOPE, .a = ENVELOPE_FROM } },
	{ "*date", { .code = OP_ENVELOPE, .a = ENVELOPE_DATE } },
	{ "*jobid", { .code = OP_CAMPAIGN } },
};

static int add_reserved(struct parse *p, struct span name, size_t place)
{
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]) && !p->unit->is_open; i++)
		if (same_letters(name, span_str(reserved[i].name)))
			return add(p, reserved[i].op, place);
	return src_fail(p->src, place, p->err, "unknown tag \"[%.*s]\"; %s", err_quote(name),
	                (const char *)name.at,
	                p->unit->is_open ? "outside a campaign there is none with a \"*\""
	                                 : "[*to], [*from], [*date] and [*jobid] are known");
}

/* Names are the same in small and capital letters; one that is spelt alike wins. */
static int add_column(struct parse *p, struct span name, size_t place)
{
	const struct tpl_columns *columns = p->unit->columns;
	uint32_t line, column, hits = 0;
	struct prog_op op = { .code = OP_COLUMN };

	for (uint32_t i = 0; i < columns->n; i++) {
		if (span_eq(name, columns->names[i])) {
			op.a = i;
			return add(p, op, place);
		}
		if (same_letters(name, columns->names[i])) {
			op.a = i;
			hits++;
		}
	}
	if (hits == 1)
		return add(p, op, place);
	if (hits > 1)
		return src_fail(p->src, place, p->err,
		                "\"[%.*s]\" fits %u columns; spell it like one of them",
		                err_quote(name), (const char *)name.at, hits);
	src_place(p->src, place, &line, &column);
	return name_unknown(columns, p->src->file, line, column, name, p->err);
}

/* Over data of any shape: the name is what it is. */
static int add_var(struct parse *p, struct span name, size_t place)
{
	struct prog_op op = { .code = OP_VAR };
	int r = out_of_room(p, unit_sym(p->unit, name, &op.a));

	if (r == 0)
		r = out_of_room(p, prog_const(p->prog, value_text(name), &op.b));
	return r != 0 ? r : add(p, op, place);
}

static int add_tag(struct parse *p, struct span name, size_t place)
{
	int r = name.at[0] == '*'  ? add_reserved(p, name, place)
	        : p->unit->is_open ? add_var(p, name, place)
	                           : add_column(p, name, place);

	return r != 0 ? r : add(p, (struct prog_op){ .code = OP_EMIT }, place);
}

static int add_text(struct parse *p, size_t from, size_t to)
{
	if (from == to)
		return 0;
	return out_of_room(p,
	                   prog_add_text(p->prog, span_of(p->src->text.at + from, to - from), 0));
}

int parse_merge(struct parse *p)
{
	const uint8_t *text = p->src->text.at;
	size_t end = p->lex.end, from = p->lex.at, at;
	int r = 0;

	for (at = from; r == 0 && at < end; at++) {
		struct span name;

		if (text[at] != '[')
			continue;
		p->lex.at = at; /* where an error for want of room is told */
		if (at + 1 < end && text[at + 1] == '[') {
			r = add_text(p, from, at + 1);
			from = at + 2;
			at++;
			continue;
		}
		name = tag_name(p->src, at, end);
		if (name.bytes == 0)
			continue;
		r = add_text(p, from, at);
		if (r == 0)
			r = add_tag(p, name, at);
		at += name.bytes + 1;
		from = at + 1;
	}
	return r != 0 ? r : add_text(p, from, end);
}
