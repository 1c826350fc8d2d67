/* open.c - reads a template folder and compiles it. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "templates/compiled.h"
#include "templates/folder.h"

static const char message_file[] = "message.liquid", message_merge[] = "message.merge";
static const char html_file[] = "body.html.liquid", html_merge[] = "body.html.merge";
static const char text_file[] = "body.text.liquid", text_merge[] = "body.text.merge";

/* ---- compiling ---- */

/* A body with the partials it may call. */
static int compile_body(struct prog *prog, struct unit *unit, const char *file,
                        enum tpl_context context, struct span text, const struct tpl_sources *s,
                        struct tpl_err *err)
{
	int r = compile_partials(unit, s->partials, s->n_partials, context, err);

	if (r == 0)
		r = compile_text(prog, unit, file, text, context, err);
	return r != 0 ? r : link_partials(unit, err);
}

static int compile(struct tpl *tpl, const struct tpl_sources *s, struct tpl_err *err)
{
	struct src src;
	int r = src_init(&src, s->merge_message ? message_merge : message_file, s->message, err);

	if (r != 0 || (r = fields_parse(&tpl->fields, &src, &tpl->field_unit, err)) != 0)
		return r;
	if (s->has_html &&
	    (r = compile_body(&tpl->html, &tpl->html_unit, s->merge_html ? html_merge : html_file,
	                      TPL_IN_HTML, s->html, s, err)) != 0)
		return r;
	if (s->has_text &&
	    (r = compile_body(&tpl->text, &tpl->text_unit, s->merge_text ? text_merge : text_file,
	                      TPL_IN_TEXT, s->text, s, err)) != 0)
		return r;
	return 0;
}

static int init_units(struct tpl *tpl, const struct tpl_columns *columns, struct tpl_err *err)
{
	int r = unit_init(&tpl->field_unit, columns);

	if (r == 0)
		r = unit_init(&tpl->html_unit, columns);
	if (r == 0)
		r = unit_init(&tpl->text_unit, columns);
	return r == 0 ? 0 : err_set(err, message_file, 0, 0, r, "out of memory");
}

/* The columns are the caller's; what is needed of them was copied. */
static void forget_columns(struct tpl *tpl)
{
	tpl->field_unit.columns = tpl->html_unit.columns = tpl->text_unit.columns = NULL;
}

int tpl_open_sources(const struct tpl_sources *s, const struct tpl_columns *columns,
                     struct tpl **out, struct tpl_err *err)
{
	struct tpl *tpl;
	int r;

	assert(s->has_html || s->has_text);
	if (columns->n > TPL_COLUMNS_MAX)
		return err_set(err, message_file, 0, 0, -EINVAL, "%u columns; at most %d",
		               columns->n, TPL_COLUMNS_MAX);
	tpl = calloc(1, sizeof(*tpl));
	if (tpl == NULL)
		return err_set(err, message_file, 0, 0, -ENOMEM, "out of memory");
	tpl->has_html = s->has_html;
	tpl->has_text = s->has_text;
	tpl->n_columns = columns->n;
	r = assets_make(&tpl->assets, s->inlines, s->n_inlines, s->attached, s->n_attached, err);
	if (r == 0 && s->n_inlines != 0 && !s->has_html)
		r = err_set(
		    err, html_file, 0, 0, -EINVAL,
		    "not there, and inline/ holds files for it; attachments/ is for others");
	if (r == 0)
		r = init_units(tpl, columns, err);
	if (r == 0)
		r = compile(tpl, s, err);
	forget_columns(tpl);
	if (r != 0) {
		tpl_close(tpl);
		return r;
	}
	*out = tpl;
	return 0;
}

void tpl_close(struct tpl *tpl)
{
	if (tpl == NULL)
		return;
	assets_fini(&tpl->assets);
	fields_fini(&tpl->fields);
	prog_fini(&tpl->html);
	prog_fini(&tpl->text);
	unit_fini(&tpl->field_unit);
	unit_fini(&tpl->html_unit);
	unit_fini(&tpl->text_unit);
	free(tpl);
}

/* ---- reading ---- */

static int read_file(int dir, const char *file, struct span *out, struct tpl_err *err)
{
	return folder_read(dir, file, file, SRC_BYTES_MAX, out, err);
}

/* The file in Liquid, or the one with merge tags; not both. As read_file(). */
static int read_either(int dir, const char *liquid, const char *merge, struct span *out,
                       bool *is_merge, struct tpl_err *err)
{
	int r = read_file(dir, merge, out, err);

	*is_merge = r == 0;
	if (r == -ENOENT)
		return read_file(dir, liquid, out, err);
	if (r == 0 && faccessat(dir, liquid, F_OK, 0) == 0)
		return err_set(err, merge, 0, 0, -EINVAL, "%s is there too; remove one of them",
		               liquid);
	return r;
}

static int read_bodies(int dir, struct tpl_sources *s, struct tpl_err *err)
{
	int r = read_either(dir, html_file, html_merge, &s->html, &s->merge_html, err);

	if (r != 0 && r != -ENOENT)
		return r;
	s->has_html = r == 0;
	r = read_either(dir, text_file, text_merge, &s->text, &s->merge_text, err);
	if (r != 0 && r != -ENOENT)
		return r;
	s->has_text = r == 0;
	if (!s->has_html && !s->has_text)
		return err_set(err, html_file, 0, 0, -ENOENT,
		               "no body; the template folder needs %s, %s or both", html_file,
		               text_file);
	return 0;
}

/* A partial is every other NAME.liquid. */
static bool is_partial(const char *file, size_t *name_bytes)
{
	size_t n = strlen(file), tail = strlen(".liquid");

	*name_bytes = n < tail ? 0 : n - tail;
	return n > tail && file[0] != '.' && strcmp(file + n - tail, ".liquid") == 0 &&
	       strcmp(file, message_file) != 0 && strcmp(file, html_file) != 0 &&
	       strcmp(file, text_file) != 0;
}

int tpl_open(const char *path, const struct tpl_columns *columns, struct tpl **out,
             struct tpl_err *err)
{
	struct tpl_text_source partials[UNIT_PARTIALS_MAX], inlines[TPL_ASSETS_MAX],
	    attached[TPL_ASSETS_MAX];
	struct tpl_sources s = { .partials = partials, .inlines = inlines, .attached = attached };
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	if (dir < 0)
		return err_set(err, message_file, 0, 0, -errno, "the template folder: %s",
		               strerror(errno));
	r = read_either(dir, message_file, message_merge, &s.message, &s.merge_message, err);
	if (r == -ENOENT)
		err_set(err, message_file, 0, 0, r,
		        "not in the template folder; it holds the header fields, one a line");
	if (r == 0)
		r = read_bodies(dir, &s, err);
	if (r == 0)
		r = folder_read_all(dir, ".", is_partial, SRC_BYTES_MAX, partials,
		                    UNIT_PARTIALS_MAX, &s.n_partials, err);
	if (r == 0)
		r = folder_read_all(dir, "inline", NULL, TPL_ASSET_BYTES_MAX, inlines,
		                    TPL_ASSETS_MAX, &s.n_inlines, err);
	if (r == 0)
		r = folder_read_all(dir, "attachments", NULL, TPL_ASSET_BYTES_MAX, attached,
		                    TPL_ASSETS_MAX, &s.n_attached, err);
	if (r == 0)
		r = tpl_open_sources(&s, columns, out, err);
	free((void *)s.message.at);
	free((void *)s.html.at);
	free((void *)s.text.at);
	folder_free(partials, s.n_partials);
	folder_free(inlines, s.n_inlines);
	folder_free(attached, s.n_attached);
	close(dir);
	return r;
}
