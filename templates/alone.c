/* alone.c - one template text by itself, with its partials, over data of any shape. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "templates/compiled.h"
#include "templates/render.h"

struct tpl_text_prog {
	struct unit unit;
	struct prog main;
	char name[64]; /* of the main text, for errors */
};

int tpl_text_open(const struct tpl_text_source *main, const struct tpl_text_source *partials,
                  uint32_t n_partials, bool html, struct tpl_text_prog **out, struct tpl_err *err)
{
	enum tpl_context context = html ? TPL_IN_PLAIN_HTML : TPL_IN_PLAIN;
	struct tpl_text_prog *p = calloc(1, sizeof(*p));
	int r;

	*err = (struct tpl_err){ 0 };
	if (p == NULL)
		return err_set(err, "", 0, 0, -ENOMEM, "out of memory");
	snprintf(p->name, sizeof(p->name), "%.*s", (int)main->name.bytes,
	         (const char *)main->name.at);
	r = unit_init(&p->unit, NULL);
	if (r != 0)
		err_set(err, p->name, 0, 0, r, "out of memory");
	if (r == 0)
		r = compile_partials(&p->unit, partials, n_partials, context, err);
	if (r == 0)
		r = compile_text(&p->main, &p->unit, p->name, main->text, 0, context, err);
	if (r != 0) {
		tpl_text_close(p);
		return r;
	}
	*out = p;
	return 0;
}

void tpl_text_close(struct tpl_text_prog *p)
{
	if (p == NULL)
		return;
	prog_fini(&p->main);
	unit_fini(&p->unit);
	free(p);
}

int tpl_text_render(const struct tpl_text_prog *p, const struct tpl_value *data, int64_t now_s,
                    uint8_t *to, size_t room, size_t *bytes, struct tpl_err *err)
{
	struct buf out = { .at = to, .max = room };
	int r;

	*err = (struct tpl_err){ 0 };
	r = render_data(&p->main, data, now_s, &out, err);
	*bytes = r == 0 ? out.bytes : 0;
	return r;
}
