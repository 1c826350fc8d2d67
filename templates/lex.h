/* lex.h - Liquid's two layers of tokens: pieces of a template, and words inside a piece's braces.
 *
 * Offsets are into the source, so that every error can say line and column.
 */
#pragma once

#include "templates/prog.h"

/* The outer layer: text, {{ output }}, {% tag %}. */
enum piece_kind { PIECE_END, PIECE_TEXT, PIECE_OUTPUT, PIECE_TAG };

struct piece {
	enum piece_kind kind;
	size_t start;   /* of the piece, its braces included */
	size_t at, end; /* what is inside; of text: after whitespace control */
};

struct lex {
	struct src *src;
	size_t at, end;
	bool trim;  /* the last markup ended in a dash */
	bool lines; /* inside {% liquid %}: each line is a tag */
};

/* Reads the slice [at, end) of a source. */
void lex_init(struct lex *lex, struct src *src, size_t at, size_t end);

/* The next piece. Returns 0, or -EINVAL with `err` when braces are not closed. */
int lex_next(struct lex *lex, struct piece *piece, struct tpl_err *err);

/* After the tag `open`: the text up to "{% end<name> %}", which is passed over, whatever it holds.
 * Returns 0, or -EINVAL when it is never closed.
 */
int lex_raw(struct lex *lex, const struct piece *open, const char *name, struct piece *inside,
            struct tpl_err *err);

/* After the tag `comment`: passes over what it holds, tag by tag; comments nest, and what is in
 * `raw` does not count. As lex_raw().
 */
int lex_comment(struct lex *lex, const struct piece *open, struct tpl_err *err);

/* The inner layer. */
enum tok_kind { TOK_END, TOK_NAME, TOK_STRING, TOK_NUMBER, TOK_MARK, TOK_DOTS, TOK_COMPARE };

struct tok {
	enum tok_kind kind;
	size_t at;
	struct span text; /* of a string: without its quotes */
	char mark;        /* of a mark: | : , . [ ] ( ) = */
	uint8_t compare;  /* of a comparison: enum prog_compare */
};

struct toks {
	struct src *src;
	size_t at, end;
	struct tok now; /* the word not yet taken */
};

/* Starts on the inside of a piece and reads its first word. 0 or -EINVAL, as toks_next(). */
int toks_init(struct toks *toks, struct src *src, const struct piece *piece, struct tpl_err *err);

/* Moves `now` to the next word; stays at TOK_END. */
int toks_next(struct toks *toks, struct tpl_err *err);
