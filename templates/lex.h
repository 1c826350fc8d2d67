/* lex.h - Liquid's two layers of tokens: pieces of a template, and words inside a piece's braces.
 *
 * Offsets are into the source, so that every error can say line and column.
 */
#pragma once

#include "templates/src.h"

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
	bool trim; /* the last markup ended in a dash */
};

/* Reads the slice [at, end) of a source. */
void lex_init(struct lex *lex, struct src *src, size_t at, size_t end);

/* The next piece. Returns 0, or -EINVAL with `err` when braces are not closed. */
int lex_next(struct lex *lex, struct piece *piece, struct tpl_err *err);

/* After the tag `open` ("raw", "comment"): the text up to the matching "end" tag, which is passed
 * over. With `nests`, the same tag inside counts. Returns 0, or -EINVAL when it is never closed.
 */
int lex_block(struct lex *lex, const struct piece *open, const char *name, bool nests,
              struct piece *inside, struct tpl_err *err);

/* The inner layer. */
enum tok_kind { TOK_END, TOK_NAME, TOK_STRING, TOK_NUMBER, TOK_MARK };

struct tok {
	enum tok_kind kind;
	size_t at;
	struct span text; /* of a string: without its quotes */
	char mark;        /* of a mark: | : , . [ ] */
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
