/* wire.c - the checks that are cheap enough for every message: RFC 5322 and SMTP's lines. */
#include "control/lint/wire.h"

#include <stdio.h>
#include <strings.h>

/* clang-format off */
const struct lint_field_rule lint_field_rules[] = {
	{ "From",                      true,  LINT_FIELD_BYTES_MAX },
	{ "Date",                      true,  0 },
	{ "Subject",                   true,  LINT_FIELD_BYTES_MAX },
	{ "Message-ID",                true,  0 },
	{ "MIME-Version",              true,  0 },
	{ "Content-Type",              true,  0 },
	{ "Content-Transfer-Encoding", false, 0 },
	{ "To",                        false, LINT_FIELD_BYTES_MAX },
	{ "Reply-To",                  false, 0 },
	{ "Sender",                    false, 0 },
	{ "Cc",                        false, 0 },
	{ "In-Reply-To",               false, 0 },
	{ "References",                false, 0 },
	{ "List-Unsubscribe",          false, 0 },
	{ "List-Unsubscribe-Post",     false, 0 },
	{ "List-Id",                   false, 0 },
};
/* clang-format on */
const uint32_t lint_n_field_rules = sizeof(lint_field_rules) / sizeof(lint_field_rules[0]);

enum { N_RULES = sizeof(lint_field_rules) / sizeof(lint_field_rules[0]), NO_RULE = N_RULES };

/* Where the walk over the lines is; a line may go on from one span to the next. */
struct walk {
	const struct lint_wire *w;
	struct lint_fault *fault;
	bool in_body;
	uint32_t line;     /* number of the line being read */
	size_t line_bytes; /* of it so far, its line end not counted */
	bool ends_in_cr;   /* what was read of it so far */
	size_t header_bytes;
	uint8_t seen[N_RULES];
	uint32_t field; /* rule of the field being read */
	size_t field_bytes;
};

static bool fail(struct walk *k, enum lint_id id, const char *what)
{
	k->fault->id = id;
	k->fault->line = k->line;
	snprintf(k->fault->what, sizeof(k->fault->what), "%s", what);
	return false;
}

static bool fail_field(struct walk *k, enum lint_id id, uint32_t rule, const char *what)
{
	char text[sizeof(k->fault->what)];

	snprintf(text, sizeof(text), "%s %s", lint_field_rules[rule].name, what);
	return fail(k, id, text);
}

static uint32_t rule_of(const uint8_t *name, size_t bytes)
{
	for (uint32_t i = 0; i < N_RULES; i++)
		if (strlen(lint_field_rules[i].name) == bytes &&
		    strncasecmp(lint_field_rules[i].name, (const char *)name, bytes) == 0)
			return i;
	return NO_RULE;
}

/* A field ends where the next begins, or at the empty line. */
static bool end_field(struct walk *k)
{
	uint32_t most = k->field == NO_RULE ? 0 : lint_field_rules[k->field].bytes_max;

	if (most != 0 && k->field_bytes > most)
		return fail_field(k, LINT_HEADER_SIZE, k->field, "is over 1 KB");
	k->field_bytes = 0;
	return true;
}

/* `line` is the line, or what of it lies in one span, without its end. */
static bool begin_header_line(struct walk *k, struct span line)
{
	const uint8_t *colon;

	if (line.bytes == 0)
		return true; /* the empty line, or a span that ends here */
	if (line.at[0] == ' ' || line.at[0] == '\t')
		return k->header_bytes != 0 ||
		       fail(k, LINT_FIELDS_ONCE, "the message begins with a folded line");
	if (!end_field(k))
		return false;
	colon = memchr(line.at, ':', line.bytes);
	if (colon == NULL || colon == line.at)
		return fail(k, LINT_INJECTION, "a header line is no field");
	for (const uint8_t *c = line.at; c < colon; c++)
		if (*c <= ' ' || *c >= 0x7f) /* RFC 5322 2.2 */
			return fail(k, LINT_INJECTION, "a field's name has odd characters");
	k->field = rule_of(line.at, (size_t)(colon - line.at));
	if (k->field != NO_RULE && ++k->seen[k->field] > 1)
		return fail_field(k, LINT_FIELDS_ONCE, k->field, "is there twice");
	return true;
}

static bool end_header(struct walk *k)
{
	if (!end_field(k))
		return false;
	k->in_body = true;
	if (k->header_bytes > LINT_HEADER_BYTES_MAX)
		return fail(k, LINT_HEADER_SIZE, "the header is over 16 KB");
	for (uint32_t i = 0; i < N_RULES; i++)
		if (lint_field_rules[i].required && k->seen[i] == 0)
			return fail_field(k, LINT_FIELDS_ONCE, i, "is missing");
	return true;
}

/* What a span says of its bytes without looking at lines. */
struct bytes_seen {
	uint8_t all_or; /* 0x80: some are beyond ASCII */
	bool nul;
	size_t n_cr;
};

static struct bytes_seen look(struct span s)
{
	struct bytes_seen b = { 0 };
	uint8_t all_or = 0, has_nul = 0;

	for (size_t i = 0; i < s.bytes; i++) { /* without branches: the compiler takes 16 at once */
		all_or |= s.at[i];
		has_nul |= s.at[i] == 0;
		b.n_cr += s.at[i] == '\r';
	}
	b.all_or = all_or;
	b.nul = has_nul != 0;
	return b;
}

/* Takes the line end behind `part`, which is the line or its last piece. */
static bool end_line(struct walk *k, struct span part)
{
	bool has_cr = part.bytes > 0 ? part.at[part.bytes - 1] == '\r' : k->ends_in_cr;
	size_t bytes = k->line_bytes + part.bytes - 1;

	if (!has_cr)
		return fail(k, LINT_LINES, "a line ends in LF alone");
	if (bytes > LINT_LINE_MAX)
		return fail(k, LINT_LINES, "a line is over 998 octets");
	if (!k->in_body) {
		k->header_bytes += bytes + 2;
		k->field_bytes += bytes + 2;
		if (bytes == 0 && !end_header(k))
			return false;
	}
	k->line++;
	k->line_bytes = 0;
	k->ends_in_cr = false;
	return true;
}

static bool is_text_allowed(struct walk *k, struct span s)
{
	struct bytes_seen b = look(s);

	if (b.nul)
		return fail(k, LINT_LINES, "there is a NUL");
	if ((b.all_or & 0x80) == 0)
		return true;
	/* A span may hold the end of the header: both permissions are asked for then. */
	if (!k->in_body && !k->w->may_utf8)
		return fail(k, LINT_EIGHT_BIT, "8-bit bytes in the header");
	if (k->in_body && !k->w->may_8bit)
		return fail(k, LINT_EIGHT_BIT, "8-bit bytes in the body");
	return true;
}

/* Between two line ends no CR may stand but before the LF. */
static bool check_cr(struct walk *k, struct span line)
{
	size_t inner = line.bytes > 0 ? line.bytes - 1 : 0;

	if ((k->ends_in_cr && line.bytes > 0) ||
	    (inner > 0 && memchr(line.at, '\r', inner) != NULL))
		return fail(k, LINT_LINES, "a CR without LF");
	return true;
}

/* Walks the lines of one span; `crs` are in it at all. */
static bool walk_lines(struct walk *k, struct span s)
{
	while (s.bytes > 0) {
		const uint8_t *lf = memchr(s.at, '\n', s.bytes);
		struct span part = span_of(s.at, lf == NULL ? s.bytes : (size_t)(lf - s.at));
		struct span name = part;

		if (name.bytes > 0 && name.at[name.bytes - 1] == '\r')
			name.bytes--;
		if (!check_cr(k, part) ||
		    (!k->in_body && k->line_bytes == 0 && !begin_header_line(k, name)))
			return false;
		if (lf == NULL) {
			k->line_bytes += part.bytes;
			k->ends_in_cr = part.at[part.bytes - 1] == '\r';
			return k->line_bytes <= LINT_LINE_MAX + 1 ||
			       fail(k, LINT_LINES, "a line is over 998 octets");
		}
		if (!end_line(k, part))
			return false;
		s = span_of(lf + 1, s.bytes - part.bytes - 1);
	}
	return true;
}

/* Header and body are looked at apart: they have bytes of their own. */
static bool walk_span(struct walk *k, struct span s)
{
	if (!k->in_body) {
		const uint8_t *empty = memmem(s.at, s.bytes, "\r\n\r\n", 4);
		size_t head = empty == NULL ? s.bytes : (size_t)(empty - s.at) + 4;
		struct span first = span_of(s.at, head);

		if (!is_text_allowed(k, first) || !walk_lines(k, first))
			return false;
		s = span_of(s.at + head, s.bytes - head);
	}
	return s.bytes == 0 || (is_text_allowed(k, s) && walk_lines(k, s));
}

static bool is_fresh(const struct lint_wire *w, struct span s)
{
	return w->fresh.bytes == 0 || (s.at >= w->fresh.at && s.at < w->fresh.at + w->fresh.bytes);
}

bool lint_wire_check(const struct lint_wire *w, struct lint_fault *out)
{
	struct walk k = { .w = w, .fault = out, .line = 1, .field = NO_RULE };

	for (uint32_t i = 0; i < w->n_spans; i++) {
		if (w->spans[i].bytes == 0)
			continue;
		if (is_fresh(w, w->spans[i])) {
			if (!walk_span(&k, w->spans[i]))
				return false;
		} else {
			k.line_bytes = 0;
		}
	}
	if (!k.in_body)
		return fail(&k, LINT_FIELDS_ONCE, "there is no empty line after the header");
	if (k.line_bytes != 0)
		return fail(&k, LINT_LINES, "the last line does not end in CRLF");
	return true;
}
