/* fixed.c - see fixed.h. */
#include "templates/fixed.h"

#include <errno.h>
#include <stdlib.h>

#include "templates/html_text.h"

enum { ROOM_BYTES_MAX = 64 << 20 }; /* of one body, decoded or encoded */

/* Writes with room that grows. */
typedef void write_fn(struct buf *out, const void *from);

static int write_all(struct span *to, write_fn *write, const void *from, size_t first_bytes)
{
	for (size_t max = first_bytes; max <= ROOM_BYTES_MAX; max *= 2) {
		struct buf out = { .at = malloc(max), .max = max };

		if (out.at == NULL)
			return -ENOMEM;
		write(&out, from);
		if (!out.full) {
			*to = buf_since(&out, 0);
			return 0;
		}
		free(out.at);
	}
	return -ENOMEM;
}

static void write_program(struct buf *out, const void *from)
{
	const struct prog *prog = from;

	for (uint32_t i = 0; i < prog->n_ops; i++)
		buf_put(out, prog->pool + prog->ops[i].a, prog->ops[i].b);
}

static void write_html_text(struct buf *out, const void *from)
{
	html_text(*(const struct span *)from, out);
}

struct encoding {
	enum mime_encoding how;
	struct span text;
};

static void write_encoded(struct buf *out, const void *from)
{
	const struct encoding *e = from;

	mime_put(out, e->how, e->text);
}

static int encode(struct fixed *f)
{
	int r = 0;

	for (int may_8bit = 0; r == 0 && may_8bit < 2; may_8bit++) {
		struct encoding e = { mime_choose(f->text, may_8bit != 0), f->text };

		f->encoding[may_8bit] = e.how;
		r = write_all(&f->wire[may_8bit], write_encoded, &e, f->text.bytes + 1);
	}
	return r;
}

int fixed_of_program(struct fixed *f, const struct prog *prog)
{
	int r;

	*f = (struct fixed){ 0 };
	for (uint32_t i = 0; i < prog->n_ops; i++)
		if (prog->ops[i].code != OP_TEXT)
			return 0;
	r = write_all(&f->text, write_program, prog, prog->pool_bytes + 1);
	return r != 0 ? r : encode(f);
}

int fixed_of_html(struct fixed *f, const struct fixed *html)
{
	int r;

	*f = (struct fixed){ 0 };
	if (html->text.at == NULL)
		return 0;
	r = write_all(&f->text, write_html_text, &html->text, html->text.bytes + 1);
	return r != 0 ? r : encode(f);
}

void fixed_fini(struct fixed *f)
{
	free((void *)f->text.at);
	free((void *)f->wire[0].at);
	free((void *)f->wire[1].at);
	*f = (struct fixed){ 0 };
}
