/* fields.c - message.liquid: the header fields a template writes itself, one a line. */
#include "templates/fields.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "templates/parse.h"

/* What we know of fields by name; a "*" at the end stands for any rest. A field that is not here is
 * unstructured and may come more than once.
 */
static const struct rule {
	const char *name;
	enum header_kind kind;
	bool once;
	const char *refused; /* why a template may not write it; NULL: it may */
} rules[] = {
	/* clang-format off */
	{ "Subject",               HEADER_TEXT,    true,  NULL },
	{ "From",                  HEADER_MAILBOX, true,  NULL },
	{ "Reply-To",              HEADER_MAILBOX, true,  NULL },
	{ "Sender",                HEADER_MAILBOX, true,  NULL },
	{ "List-Unsubscribe",      HEADER_TOKENS,  true,  NULL },
	{ "List-Unsubscribe-Post", HEADER_TOKENS,  true,  NULL },
	{ "List-*",                HEADER_TOKENS,  true,  NULL },
	{ "In-Reply-To",           HEADER_TOKENS,  true,  NULL },
	{ "References",            HEADER_TOKENS,  true,  NULL },
	{ "Auto-Submitted",        HEADER_TOKENS,  true,  NULL },
	{ "Precedence",            HEADER_TOKENS,  true,  NULL },
	{ "Feedback-ID",           HEADER_TOKENS,  true,  NULL },
	{ "CFBL-*",                HEADER_TOKENS,  true,  NULL },
	{ "To",                    HEADER_MAILBOX, true,  "it is the recipient's address; remove the line" },
	{ "Date",                  HEADER_TOKENS,  true,  "it is the time of the first attempt; remove the line" },
	{ "Message-ID",            HEADER_TOKENS,  true,  "it is made for each message; remove the line" },
	{ "MIME-Version",          HEADER_TOKENS,  true,  "it follows from the bodies; remove the line" },
	{ "Content-*",             HEADER_TOKENS,  true,  "it follows from the bodies; remove the line" },
	{ "Cc",                    HEADER_TOKENS,  true,  "each message has one recipient; remove the line" },
	{ "Bcc",                   HEADER_TOKENS,  true,  "each message has one recipient; remove the line" },
	{ "Return-Path",           HEADER_TOKENS,  true,  "the receiver writes it; use --return-path" },
	{ "Received",              HEADER_TOKENS,  true,  "only servers on the way write it; remove the line" },
	{ "Received-*",            HEADER_TOKENS,  true,  "only servers on the way write it; remove the line" },
	{ "Resent-*",              HEADER_TOKENS,  true,  "this is no resent message; remove the line" },
	{ "DKIM-Signature",        HEADER_TOKENS,  true,  "signatures are made when the message is complete; remove the line" },
	{ "ARC-*",                 HEADER_TOKENS,  true,  "only servers on the way write it; remove the line" },
	{ "Authentication-Results", HEADER_TOKENS, true,  "only receivers write it; remove the line" },
	/* clang-format on */
};

static bool rule_fits(const struct rule *rule, const char *name)
{
	size_t n = strlen(rule->name);

	if (rule->name[n - 1] == '*')
		return strncasecmp(rule->name, name, n - 1) == 0;
	return strcasecmp(rule->name, name) == 0;
}

static const struct rule *rule_find(const char *name)
{
	static const struct rule other = { .kind = HEADER_TEXT };

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rule_fits(&rules[i], name))
			return &rules[i];
	return &other;
}

const struct field_tpl *fields_find(const struct fields *fields, const char *name)
{
	for (uint32_t i = 0; i < fields->n; i++)
		if (strcasecmp(fields->at[i].name, name) == 0)
			return &fields->at[i];
	return NULL;
}

/* One field of the source: from the first byte of its name to the line end after its last line. */
struct line {
	size_t at, end;
};

static bool is_blank(uint8_t b)
{
	return b == ' ' || b == '\t';
}

static size_t line_end(struct span text, size_t at)
{
	while (at < text.bytes && text.at[at] != '\n' && text.at[at] != '\r')
		at++;
	return at;
}

static size_t line_next(struct span text, size_t end)
{
	if (end < text.bytes && text.at[end] == '\r')
		end++;
	if (end < text.bytes && text.at[end] == '\n')
		end++;
	return end;
}

static bool is_empty(struct span text, size_t at, size_t end)
{
	while (at < end && is_blank(text.at[at]))
		at++;
	return at == end;
}

/* Takes one line with its continuations from `*at`. */
static struct line line_take(struct span text, size_t *at)
{
	struct line l = { .at = *at, .end = line_end(text, *at) };

	*at = line_next(text, l.end);
	while (*at < text.bytes && is_blank(text.at[*at])) {
		size_t end = line_end(text, *at);

		if (is_empty(text, *at, end))
			break;
		l.end = end;
		*at = line_next(text, end);
	}
	return l;
}

/* The name up to its colon: RFC 5322 2.2, printable ASCII but the colon. Returns past the colon. */
static int take_name(struct src *src, struct line l, char name[FIELD_NAME_BYTES], size_t *value,
                     struct tpl_err *err)
{
	const uint8_t *text = src->text.at;
	size_t at = l.at;

	while (at < l.end && text[at] > ' ' && text[at] < 0x7f && text[at] != ':')
		at++;
	if (at == l.at || at == l.end || text[at] != ':')
		return src_fail(src, at, err,
		                "expected a header field, like \"Subject: news for you\"");
	if (at - l.at >= FIELD_NAME_BYTES)
		return src_fail(src, l.at, err, "a field name over %d bytes", FIELD_NAME_BYTES - 1);
	memcpy(name, text + l.at, at - l.at);
	name[at - l.at] = '\0';
	*value = at + 1;
	return 0;
}

/* A line that begins with a tag may hold comments only. */
static int comment_line(struct src *src, struct line l, struct unit *unit, struct tpl_err *err)
{
	struct prog nothing;
	int r;

	prog_init(&nothing, src->file, TPL_IN_HEADER);
	r = parse_slice(&nothing, src, l.at, l.end, unit, err);
	for (uint32_t i = 0; r == 0 && i < nothing.n_ops; i++) {
		const struct prog_op *op = &nothing.ops[i];

		if (op->code != OP_TEXT ||
		    !is_empty(span_of(nothing.pool, nothing.pool_bytes), op->a, op->a + op->b))
			r = src_fail(src, l.at, err,
			             "a line begins with its field name, like \"Subject: news\"");
	}
	prog_fini(&nothing);
	return r;
}

static int field_line(struct fields *fields, struct src *src, struct line l, struct unit *unit,
                      struct tpl_err *err)
{
	struct field_tpl *f = &fields->at[fields->n];
	const struct rule *rule;
	uint32_t column;
	size_t value = 0;
	int r;

	if (fields->n == FIELDS_MAX)
		return src_fail(src, l.at, err, "more than %d header fields", FIELDS_MAX);
	if ((r = take_name(src, l, f->name, &value, err)) != 0)
		return r;
	rule = rule_find(f->name);
	if (rule->refused != NULL)
		return src_fail(src, l.at, err, "a template may not write %s: %s", f->name,
		                rule->refused);
	if (rule->once && fields_find(fields, f->name) != NULL)
		return src_fail(src, l.at, err, "a second %s field; a message has at most one",
		                f->name);
	f->kind = rule->kind;
	src_place(src, l.at, &f->line, &column);
	prog_init(&f->value, src->file, TPL_IN_HEADER);
	fields->n++;
	return parse_slice(&f->value, src, value, l.end, unit, err);
}

int fields_parse(struct fields *fields, struct src *src, struct unit *unit, struct tpl_err *err)
{
	struct span text = src->text;
	size_t at = 0;
	int r;

	*fields = (struct fields){ .at = calloc(FIELDS_MAX + 1, sizeof(*fields->at)) };
	if (fields->at == NULL)
		return err_set(err, src->file, 0, 0, -ENOMEM, "out of memory");
	while (at < text.bytes) {
		struct line l = line_take(text, &at);

		if (is_empty(text, l.at, l.end))
			continue;
		if (l.end - l.at >= 2 && memcmp(text.at + l.at, "{%", 2) == 0)
			r = comment_line(src, l, unit, err);
		else
			r = field_line(fields, src, l, unit, err);
		if (r != 0)
			return r;
	}
	if (fields_find(fields, "Subject") == NULL)
		return err_set(err, src->file, 0, 0, -EINVAL,
		               "no Subject field; add a line like \"Subject: news for you\"");
	return 0;
}

void fields_fini(struct fields *fields)
{
	for (uint32_t i = 0; i < fields->n; i++)
		prog_fini(&fields->at[i].value);
	free(fields->at);
	*fields = (struct fields){ 0 };
}
