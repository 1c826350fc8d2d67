/* open.c - reads a template folder and compiles it. */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
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
		r = compile_text(prog, unit, file, text, 0, context, err);
	return r != 0 ? r : link_partials(unit, err);
}

static int compile_folder(struct tpl *tpl, const struct tpl_sources *s, struct tpl_err *err)
{
	struct src src;
	int r;

	tpl->message_file = s->merge_message ? message_merge : message_file;
	r = src_init(&src, tpl->message_file, s->message, err);
	if (r != 0 || (r = fields_parse(&tpl->fields, &src, &tpl->field_unit, err)) != 0)
		return r;
	tpl->has_html = s->has_html;
	tpl->has_text = s->has_text;
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

/* ---- one file ---- */

/* Bytes up to the empty line that ends the header, and up to the body behind it; false when there
 * is none.
 */
static bool split(struct span text, size_t *header, size_t *body)
{
	for (size_t at = 0; at < text.bytes;) {
		const uint8_t *end = memchr(text.at + at, '\n', text.bytes - at);
		size_t next = end == NULL ? text.bytes : (size_t)(end - text.at) + 1;
		size_t line = next - at - (end != NULL);

		if (line == 0 || (line == 1 && text.at[at] == '\r')) {
			*header = at;
			*body = next;
			return true;
		}
		at = next;
	}
	return false;
}

static bool begins_with(struct span text, const char *what)
{
	size_t n = strlen(what);

	return text.bytes >= n && strncasecmp((const char *)text.at, what, n) == 0;
}

/* What its body is, it says with its first word. */
static bool is_html(struct span body)
{
	while (body.bytes != 0 && strchr(" \t\r\n", body.at[0]) != NULL)
		body = span_of(body.at + 1, body.bytes - 1);
	return begins_with(body, "<!doctype html") || begins_with(body, "<html");
}

static int compile_single(struct tpl *tpl, const struct tpl_sources *s, struct tpl_err *err)
{
	size_t header = 0, body = 0;
	struct span text;
	struct src src;
	int r;

	tpl->message_file = tpl->single_file = strdup(s->single);
	if (tpl->single_file == NULL)
		return err_set(err, s->single, 0, 0, -ENOMEM, "out of memory");
	r = src_init(&src, tpl->single_file, s->message, err);
	if (r != 0)
		return r;
	if (!split(src.text, &header, &body))
		return err_set(err, s->single, 0, 0, -EINVAL,
		               "no empty line; header fields come first, then an empty line, then "
		               "the body");
	tpl->has_html = is_html(span_of(src.text.at + body, src.text.bytes - body));
	tpl->has_text = !tpl->has_html;
	text = src.text;
	src.text.bytes = header;
	r = fields_parse(&tpl->fields, &src, &tpl->field_unit, err);
	if (r == 0 && tpl->has_html)
		r = compile_text(&tpl->html, &tpl->html_unit, tpl->single_file, text, body,
		                 TPL_IN_HTML, err);
	else if (r == 0)
		r = compile_text(&tpl->text, &tpl->text_unit, tpl->single_file, text, body,
		                 TPL_IN_TEXT, err);
	return r;
}

/* ---- */

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

/* Bodies without variables; a program of no operations is an empty body, or none. */
static int make_fixed(struct tpl *tpl)
{
	int r = tpl->has_html ? fixed_of_program(&tpl->fixed_html, &tpl->html) : 0;

	if (r != 0)
		return r;
	return tpl->has_text ? fixed_of_program(&tpl->fixed_text, &tpl->text)
	                     : fixed_of_html(&tpl->fixed_text, &tpl->fixed_html);
}

int tpl_open_sources(const struct tpl_sources *s, const struct tpl_columns *columns,
                     struct tpl **out, struct tpl_err *err)
{
	struct tpl *tpl;
	int r;

	assert(s->has_html || s->has_text || s->single != NULL);
	if (columns->n > TPL_COLUMNS_MAX)
		return err_set(err, message_file, 0, 0, -EINVAL, "%u columns; at most %d",
		               columns->n, TPL_COLUMNS_MAX);
	tpl = calloc(1, sizeof(*tpl));
	if (tpl == NULL)
		return err_set(err, message_file, 0, 0, -ENOMEM, "out of memory");
	tpl->n_columns = columns->n;
	r = assets_make(&tpl->assets, s->inlines, s->n_inlines, s->attached, s->n_attached, err);
	if (r == 0 && s->n_inlines != 0 && !s->has_html)
		r = err_set(
		    err, html_file, 0, 0, -EINVAL,
		    "not there, and inline/ holds files for it; attachments/ is for others");
	if (r == 0)
		r = init_units(tpl, columns, err);
	if (r == 0)
		r = s->single != NULL ? compile_single(tpl, s, err) : compile_folder(tpl, s, err);
	if (r == 0 && make_fixed(tpl) != 0)
		r = err_set(err, tpl->message_file, 0, 0, -ENOMEM, "out of memory");
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
	fixed_fini(&tpl->fixed_html);
	fixed_fini(&tpl->fixed_text);
	fields_fini(&tpl->fields);
	prog_fini(&tpl->html);
	prog_fini(&tpl->text);
	unit_fini(&tpl->field_unit);
	unit_fini(&tpl->html_unit);
	unit_fini(&tpl->text_unit);
	free(tpl->single_file);
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

/* A folder that holds one file and nothing else: its name in `name`. A body alone is half a folder.
 */
static bool lone_file(int dir, char name[NAME_MAX + 1])
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *files = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *file;
	unsigned n = 0;

	while (files != NULL && (file = readdir(files)) != NULL) {
		if (file->d_name[0] == '.')
			continue;
		n++;
		snprintf(name, NAME_MAX + 1, "%s", file->d_name);
	}
	if (files != NULL)
		closedir(files);
	else if (fd >= 0)
		close(fd);
	return n == 1 && strncmp(name, "body.", 5) != 0 && faccessat(dir, name, R_OK, 0) == 0;
}

/* `path` is a file in `dir`, or in the working directory. */
static int open_single(int dir, const char *path, const struct tpl_columns *columns,
                       struct tpl **out, struct tpl_err *err)
{
	const char *slash = strrchr(path, '/');
	struct tpl_sources s = { .single = slash != NULL ? slash + 1 : path };
	int r = folder_read(dir, path, s.single, SRC_BYTES_MAX, &s.message, err);

	if (r == 0)
		r = tpl_open_sources(&s, columns, out, err);
	free((void *)s.message.at);
	return r;
}

static int open_folder(int dir, struct tpl_sources *s, const struct tpl_columns *columns,
                       struct tpl **out, struct tpl_err *err)
{
	struct tpl_text_source partials[UNIT_PARTIALS_MAX], inlines[TPL_ASSETS_MAX],
	    attached[TPL_ASSETS_MAX];
	int r = read_bodies(dir, s, err);

	s->partials = partials;
	s->inlines = inlines;
	s->attached = attached;
	if (r == 0)
		r = folder_read_all(dir, ".", is_partial, SRC_BYTES_MAX, partials,
		                    UNIT_PARTIALS_MAX, &s->n_partials, err);
	if (r == 0)
		r = folder_read_all(dir, "inline", NULL, TPL_ASSET_BYTES_MAX, inlines,
		                    TPL_ASSETS_MAX, &s->n_inlines, err);
	if (r == 0)
		r = folder_read_all(dir, "attachments", NULL, TPL_ASSET_BYTES_MAX, attached,
		                    TPL_ASSETS_MAX, &s->n_attached, err);
	if (r == 0)
		r = tpl_open_sources(s, columns, out, err);
	folder_free(partials, s->n_partials);
	folder_free(inlines, s->n_inlines);
	folder_free(attached, s->n_attached);
	return r;
}

int tpl_open(const char *path, const struct tpl_columns *columns, struct tpl **out,
             struct tpl_err *err)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
	struct tpl_sources s = { 0 };
	char name[NAME_MAX + 1];

	if (dir < 0 && errno == ENOTDIR)
		return open_single(AT_FDCWD, path, columns, out, err);
	if (dir < 0)
		return err_set(err, message_file, 0, 0, -errno, "the template folder: %s",
		               strerror(errno));
	r = read_either(dir, message_file, message_merge, &s.message, &s.merge_message, err);
	if (r == 0)
		r = open_folder(dir, &s, columns, out, err);
	else if (r == -ENOENT && lone_file(dir, name))
		r = open_single(dir, name, columns, out, err);
	else if (r == -ENOENT)
		err_set(err, message_file, 0, 0, r,
		        "not in the template folder; it holds the header fields, one a line");
	free((void *)s.message.at);
	free((void *)s.html.at);
	free((void *)s.text.at);
	close(dir);
	return r;
}
