/* conf_read.c - a scanner and a recursive descent without recursion: two levels of blocks.
 *
 * Every byte is taken as hostile: no control character passes, words, lists and nesting are
 * bounded, and errors name the line where the trouble began.
 */
#include "control/conf/conf_read.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "control/xalloc.h"

enum token {
	TOKEN_END,
	TOKEN_LINE_END,
	TOKEN_SEPARATOR, /* ; or , */
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_LIST,
	TOKEN_LIST_END,
	TOKEN_WORD,
	TOKEN_BAD, /* `why` is written */
};

struct reader {
	const char *file;
	char *why;
	const uint8_t *at, *end;
	uint32_t line;
	char word[CONF_WORD_MAX + 1];
	char *path[CONF_PATH_MAX];
	uint32_t n_path;
	struct {
		uint32_t n_path; /* of the path before this block */
		uint32_t line;
	} blocks[CONF_PATH_MAX];
	uint32_t n_blocks;
	bool braced; /* the whole file stands in { }, as JSON does */
	uint32_t braced_line;
	struct conf_doc *doc;
	uint32_t room;
};

__attribute__((format(printf, 3, 4))) static int wrong(struct reader *r, uint32_t line,
                                                       const char *fmt, ...)
{
	int n = snprintf(r->why, CONF_WHY_BYTES, "%s:%u: ", r->file, line);
	va_list ap;

	va_start(ap, fmt);
	if (n >= 0 && n < CONF_WHY_BYTES)
		vsnprintf(r->why + n, (size_t)(CONF_WHY_BYTES - n), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static enum token bad(struct reader *r, const char *what)
{
	wrong(r, r->line, "%s", what);
	return TOKEN_BAD;
}

/* Skips blanks and comments. Returns false at a comment that never ends. */
static bool skip_blanks(struct reader *r)
{
	while (r->at < r->end) {
		if (*r->at == ' ' || *r->at == '\t' || *r->at == '\r') {
			r->at++;
		} else if (*r->at == '#') {
			while (r->at < r->end && *r->at != '\n')
				r->at++;
		} else if (r->end - r->at >= 2 && r->at[0] == '/' && r->at[1] == '*') {
			uint32_t line = r->line;

			for (r->at += 2; r->end - r->at >= 2; r->at++) {
				if (r->at[0] == '*' && r->at[1] == '/')
					break;
				r->line += *r->at == '\n';
			}
			if (r->end - r->at < 2) {
				wrong(r, line, "this comment never ends; close it with */");
				return false;
			}
			r->at += 2;
		} else {
			break;
		}
	}
	return true;
}

static enum token read_quoted(struct reader *r)
{
	uint8_t quote = *r->at++;
	uint32_t n = 0;

	while (r->at < r->end && *r->at != quote) {
		uint8_t c = *r->at++;

		if (c == '\\') {
			if (r->at == r->end || (*r->at != '"' && *r->at != '\\' && *r->at != '/'))
				return bad(
				    r, "only \\\" \\\\ and \\/ may follow a backslash; double it");
			c = *r->at++;
		}
		if (c == '\n')
			return bad(r, "this string does not end on its line; close the quotes");
		if (c < ' ' || c == 0x7f)
			return bad(r, "control character in a string; remove it");
		if (n == CONF_WORD_MAX)
			return bad(r, "string longer than 1,023 bytes; shorten it");
		r->word[n++] = (char)c;
	}
	if (r->at == r->end)
		return bad(r, "this string does not end; close the quotes");
	r->at++;
	r->word[n] = '\0';
	return TOKEN_WORD;
}

/* A bare word. A colon belongs to it, or addresses would need quotes; only straight after a key
 * does it part (take_equals()).
 */
static enum token read_bare(struct reader *r, bool is_key)
{
	uint32_t n = 0;

	while (r->at<r->end && * r->at> ' ' && *r->at != 0x7f &&
	       strchr(is_key ? "{}[];,=\"'#:" : "{}[];,=\"'#", *r->at) == NULL) {
		if (n == CONF_WORD_MAX)
			return bad(r, "word longer than 1,023 bytes; shorten it");
		r->word[n++] = (char)*r->at++;
	}
	r->word[n] = '\0';
	if (n > 0)
		return TOKEN_WORD;
	if (*r->at < ' ' || *r->at == 0x7f)
		return bad(r, "control character; is this a text file?");
	wrong(r, r->line, "\"%c\" makes no sense here; write key = value", *r->at);
	return TOKEN_BAD;
}

static enum token next(struct reader *r, bool is_key)
{
	static const char marks[] = ";,{}[]\n";
	static const enum token tokens[] = { TOKEN_SEPARATOR, TOKEN_SEPARATOR, TOKEN_OPEN,
		                             TOKEN_CLOSE,     TOKEN_LIST,      TOKEN_LIST_END,
		                             TOKEN_LINE_END };
	const char *mark;

	if (!skip_blanks(r))
		return TOKEN_BAD;
	if (r->at == r->end)
		return TOKEN_END;
	if (*r->at == '"' || *r->at == '\'')
		return read_quoted(r);
	mark = *r->at == '\0' ? NULL : strchr(marks, *r->at);
	if (mark == NULL)
		return read_bare(r, is_key);
	r->line += *r->at++ == '\n';
	return tokens[mark - marks];
}

/* Takes "=" or ":" after a key; "::" begins an address. */
static bool take_equals(struct reader *r)
{
	if (!skip_blanks(r) || r->at == r->end)
		return false;
	if (*r->at == '=' || (*r->at == ':' && !(r->end - r->at >= 2 && r->at[1] == ':'))) {
		r->at++;
		return true;
	}
	return false;
}

static struct conf_item *add_item(struct reader *r, uint32_t line, const char *key)
{
	struct conf_doc *doc = r->doc;
	struct conf_item *item;

	if (doc->n_items == r->room) {
		r->room = r->room == 0 ? 64 : r->room * 2;
		doc->items = xrealloc(doc->items, r->room, sizeof(*doc->items));
	}
	item = &doc->items[doc->n_items++];
	*item = (struct conf_item){ .line = line, .n_path = r->n_path };
	for (uint32_t i = 0; i < r->n_path; i++)
		item->path[i] = xstrdup(r->path[i]);
	if (key != NULL)
		item->key = xstrdup(key);
	return item;
}

static void add_value(struct conf_item *item, const char *value)
{
	item->values = xrealloc(item->values, item->n_values + 1, sizeof(*item->values));
	item->values[item->n_values++] = xstrdup(value);
}

static int open_block(struct reader *r, uint32_t line, const char *section, const char *name)
{
	uint32_t before = r->n_path;

	if (r->n_path + (name == NULL ? 1 : 2) > CONF_PATH_MAX)
		return wrong(r, line, "block \"%s\" stands too deep; close the block before it",
		             section);
	r->path[r->n_path++] = xstrdup(section);
	if (name != NULL)
		r->path[r->n_path++] = xstrdup(name);
	r->blocks[r->n_blocks].n_path = before;
	r->blocks[r->n_blocks++].line = line;
	add_item(r, line, NULL);
	return 0;
}

static int close_block(struct reader *r)
{
	if (r->n_blocks == 0 && r->braced) {
		r->braced = false;
		return 0;
	}
	if (r->n_blocks == 0)
		return wrong(r, r->line, "\"}\" closes nothing; remove it");
	r->n_blocks--;
	while (r->n_path > r->blocks[r->n_blocks].n_path) {
		free(r->path[--r->n_path]);
		r->path[r->n_path] = NULL;
	}
	return 0;
}

static int read_list(struct reader *r, uint32_t line, const char *key)
{
	struct conf_item *item = add_item(r, line, key);

	item->is_list = true;
	for (;;) {
		enum token t = next(r, false);

		if (t == TOKEN_BAD)
			return -EINVAL;
		if (t == TOKEN_LIST_END)
			return 0;
		if (t == TOKEN_SEPARATOR || t == TOKEN_LINE_END)
			continue;
		if (t != TOKEN_WORD)
			return wrong(r, line, "%s: this list does not end; close it with ]", key);
		if (item->n_values == CONF_VALUES_MAX)
			return wrong(r, line, "%s: more than %d values; shorten the list", key,
			             CONF_VALUES_MAX);
		add_value(item, r->word);
	}
}

/* A block's brace may stand on the next line. */
static bool opens_on_a_later_line(struct reader *r)
{
	const uint8_t *at = r->at;
	uint32_t line = r->line;

	while (skip_blanks(r) && r->at < r->end && *r->at == '\n') {
		r->at++;
		r->line++;
	}
	if (r->at < r->end && *r->at == '{') {
		r->at++;
		return true;
	}
	r->at = at;
	r->line = line;
	return false;
}

/* After the one value of a statement, or the name of a block. */
static int end_value(struct reader *r, uint32_t line, const char *key, const char *value,
                     bool had_equals)
{
	const uint8_t *at;
	enum token t;

	if (!had_equals && opens_on_a_later_line(r))
		return open_block(r, line, key, value);
	if (!skip_blanks(r))
		return -EINVAL;
	at = r->at;
	t = next(r, false);
	switch (t) {
	case TOKEN_CLOSE:
		r->at = at; /* the block's, not ours */
		break;
	case TOKEN_END:
	case TOKEN_LINE_END:
	case TOKEN_SEPARATOR:
		break;
	case TOKEN_BAD:
		return -EINVAL;
	case TOKEN_WORD:
		return wrong(r, line,
		             "%s: \"%s\" is followed by \"%s\"; end the statement with ; "
		             "or put a value that holds blanks in quotes",
		             key, value, r->word);
	default:
		return wrong(r, line, "%s: what follows \"%s\" makes no sense; end it with ;", key,
		             value);
	}
	add_value(add_item(r, line, key), value);
	return 0;
}

static int read_statement(struct reader *r)
{
	char key[CONF_WORD_MAX + 1], value[CONF_WORD_MAX + 1];
	uint32_t line = r->line;
	bool had_equals;

	memcpy(key, r->word, sizeof(key));
	had_equals = take_equals(r);
	if (opens_on_a_later_line(r))
		return open_block(r, line, key, NULL);
	switch (next(r, false)) {
	case TOKEN_BAD:
		return -EINVAL;
	case TOKEN_LIST:
		return read_list(r, line, key);
	case TOKEN_WORD:
		memcpy(value, r->word, sizeof(value));
		return end_value(r, line, key, value, had_equals);
	default:
		return wrong(r, line, "%s: has no value; write %s = value", key, key);
	}
}

static int read_all(struct reader *r)
{
	for (;;) {
		enum token t = next(r, true);
		int err = 0;

		if (t == TOKEN_BAD)
			return -EINVAL;
		if (t == TOKEN_END)
			break;
		if (t == TOKEN_WORD) {
			err = read_statement(r);
		} else if (t == TOKEN_CLOSE) {
			err = close_block(r);
		} else if (t == TOKEN_OPEN && r->doc->n_items == 0 && r->n_blocks == 0 &&
		           !r->braced) {
			r->braced = true;
			r->braced_line = r->line;
		} else if (t != TOKEN_LINE_END && t != TOKEN_SEPARATOR) {
			err = wrong(r, r->line, "a bracket without a key; write key = value");
		}
		if (err != 0)
			return err;
	}
	if (r->n_blocks > 0)
		return wrong(r, r->blocks[r->n_blocks - 1].line,
		             "block \"%s\" is never closed; add a }",
		             r->path[r->blocks[r->n_blocks - 1].n_path]);
	if (r->braced)
		return wrong(r, r->braced_line, "the brace is never closed; add a }");
	return 0;
}

int conf_read(const char *file, struct span text, struct conf_doc *doc, char why[CONF_WHY_BYTES])
{
	struct reader r = { .file = file,
		            .why = why,
		            .at = text.at,
		            .end = text.at + text.bytes,
		            .line = 1,
		            .doc = doc };
	int err;

	*doc = (struct conf_doc){ 0 };
	err = read_all(&r);
	while (r.n_path > 0)
		free(r.path[--r.n_path]);
	if (err != 0)
		conf_doc_fini(doc);
	return err;
}

void conf_doc_fini(struct conf_doc *doc)
{
	for (uint32_t i = 0; i < doc->n_items; i++) {
		struct conf_item *item = &doc->items[i];

		for (uint32_t n = 0; n < item->n_path; n++)
			free(item->path[n]);
		for (uint32_t n = 0; n < item->n_values; n++)
			free(item->values[n]);
		free(item->values);
		free(item->key);
	}
	free(doc->items);
	*doc = (struct conf_doc){ 0 };
}
