/* cmd_render.c - `posthaste render`: a Liquid template over JSON data, alone or a line at a time.
 *
 * Knows JSON so that templates/ need not: data become the door's plain values here.
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "control/cmd.h"
#include "control/json_value.h"
#include "control/xalloc.h"
#include "templates/tpl.h"

enum {
	ROOM_BYTES_MIN = 1 << 16,
	ROOM_BYTES_MAX = 256 << 20, /* of one result */
	PARTIALS_MAX = 256,
	WHY_BYTES = sizeof(((struct tpl_err *)0)->text) + 128,
};

/* One template with what it needs; the texts belong to somebody else. */
struct job {
	struct tpl_text_source main, partials[PARTIALS_MAX];
	uint32_t n_partials;
	bool html;
	json_t *data; /* NULL: none */
};

/* ---- rendering ---- */

static struct span span_of_json(json_t *string)
{
	return span_of(json_string_value(string), json_string_length(string));
}

static void say_error(const struct tpl_err *err, char why[WHY_BYTES])
{
	if (err->line != 0)
		snprintf(why, WHY_BYTES, "%s:%u:%u: %s", err->file, err->line, err->column,
		         err->text);
	else
		snprintf(why, WHY_BYTES, "%s: %s", err->file, err->text);
}

/* Room grows until the result fits. */
static int render_into(const struct tpl_text_prog *prog, const struct tpl_value *data,
                       struct span *out, struct tpl_err *err)
{
	size_t bytes = 0, room = ROOM_BYTES_MIN;
	uint8_t *to = NULL;
	int r = -ENOSPC;

	for (; r == -ENOSPC && room <= ROOM_BYTES_MAX; room *= 4) {
		free(to);
		to = xcalloc(1, room);
		r = tpl_text_render(prog, data, time(NULL), to, room, &bytes, err);
	}
	if (r == -ENOSPC)
		snprintf(err->text, sizeof(err->text), "a result over %d bytes", ROOM_BYTES_MAX);
	*out = span_of(to, bytes);
	return r;
}

/* Returns 0 with the result, which the caller frees; or -errno with `why`. */
static int render_job(const struct job *job, struct span *out, char why[WHY_BYTES])
{
	struct tpl_value data = { .kind = TPL_OBJECT };
	char path[JSON_VALUE_PATH_BYTES];
	struct tpl_text_prog *prog = NULL;
	struct tpl_err err;
	int r;

	*out = span_of(NULL, 0);
	if (job->data != NULL && !json_is_object(job->data)) {
		snprintf(why, WHY_BYTES, "the data are no object like {\"name\": \"Anna\"}");
		return -EINVAL;
	}
	if (job->data != NULL && !json_value_read(job->data, &data, path)) {
		snprintf(why, WHY_BYTES, "the data are over %d levels deep at %s",
		         TPL_DATA_DEPTH_MAX, path);
		r = -EINVAL;
		goto out;
	}
	r = tpl_text_open(&job->main, job->partials, job->n_partials, job->html, &prog, &err);
	if (r == 0)
		r = render_into(prog, &data, out, &err);
	if (r != 0)
		say_error(&err, why);
out:
	tpl_text_close(prog);
	json_value_free(&data);
	if (r != 0) {
		free((void *)out->at);
		*out = span_of(NULL, 0);
	}
	return r;
}

/* ---- --batch ---- */

/* Reads a line's fields; returns NULL or what is wrong. */
static const char *read_fields(json_t *line, struct job *job)
{
	json_t *text = json_object_get(line, "template");
	json_t *partials = json_object_get(line, "templates");

	if (!json_is_object(line) || !json_is_string(text))
		return "expected {\"template\": \"...\", \"data\": {...}, \"templates\": {...}}";
	if (partials != NULL && !json_is_null(partials) && !json_is_object(partials))
		return "\"templates\" is no object of names and texts";
	job->main = (struct tpl_text_source){ span_str("template"), span_of_json(text) };
	job->data = json_object_get(line, "data");
	if (json_is_null(job->data))
		job->data = NULL;
	for (void *at = json_is_object(partials) ? json_object_iter(partials) : NULL; at != NULL;
	     at = json_object_iter_next(partials, at)) {
		json_t *value = json_object_iter_value(at);

		if (!json_is_string(value))
			return "\"templates\" has a value that is no text";
		if (job->n_partials == PARTIALS_MAX)
			return "over 256 \"templates\"";
		job->partials[job->n_partials++] =
		    (struct tpl_text_source){ span_str(json_object_iter_key(at)),
			                      span_of_json(value) };
	}
	return NULL;
}

static json_t *answer(const char *line, size_t bytes, bool html)
{
	struct job job = { .html = html };
	json_t *out = json_object(), *fields;
	char why[WHY_BYTES];
	const char *wrong;
	json_error_t error;
	struct span result;

	fields = json_loadb(line, bytes, 0, &error);
	wrong = fields == NULL ? error.text : read_fields(fields, &job);
	if (wrong == NULL && render_job(&job, &result, why) == 0) {
		json_object_set_new(out, "result",
		                    json_stringn((const char *)result.at, result.bytes));
		free((void *)result.at);
	} else {
		json_object_set_new(out, "error", json_string(wrong != NULL ? wrong : why));
	}
	json_decref(fields);
	return out;
}

static int batch(const char *path, bool html)
{
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t bytes;
	int r = 0;

	if (in == NULL)
		return cmd_fail("%s: %s", path, strerror(errno));
	setvbuf(stdout, NULL, _IOLBF, 1 << 16); /* whoever asks line by line gets its answer */
	while ((bytes = getline(&line, &room, in)) >= 0) {
		json_t *out = answer(line, (size_t)bytes, html);

		json_dumpf(out, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(out);
	}
	if (ferror(in))
		r = cmd_fail("%s: %s", path, strerror(errno));
	if (fflush(stdout) != 0)
		r = cmd_fail("standard output: %s", strerror(errno));
	free(line);
	if (in != stdin)
		fclose(in);
	return r;
}

/* ---- one template ---- */

/* Reads a whole file; NULL when it has said why not. */
static char *read_file(const char *path, size_t *bytes)
{
	FILE *in = fopen(path, "re");
	char *text = NULL;
	size_t room = 0;
	ssize_t n = in == NULL ? -1 : getdelim(&text, &room, EOF, in);

	if (in == NULL || ferror(in)) {
		cmd_fail("%s: %s", path, strerror(errno));
		free(text);
		text = NULL;
	} else if (n < 0) { /* an empty file */
		n = 0;
		text = text == NULL ? xcalloc(1, 1) : text;
	}
	*bytes = n < 0 ? 0 : (size_t)n;
	if (in != NULL)
		fclose(in);
	return text;
}

/* Every NAME.liquid of a folder. Returns 0, or 1 when it has said why not. */
static int read_partials(const char *folder, struct job *job)
{
	DIR *files = opendir(folder);
	struct dirent *file;
	int r = 0;

	if (files == NULL)
		return cmd_fail("%s: %s", folder, strerror(errno));
	while (r == 0 && (file = readdir(files)) != NULL) {
		char *dot = strrchr(file->d_name, '.'), path[4096];
		size_t bytes = 0;
		char *text;

		if (dot == NULL || dot == file->d_name || strcmp(dot, ".liquid") != 0)
			continue;
		if (job->n_partials == PARTIALS_MAX) {
			r = cmd_fail("%s: over %d partials", folder, PARTIALS_MAX);
			break;
		}
		snprintf(path, sizeof(path), "%s/%s", folder, file->d_name);
		text = read_file(path, &bytes);
		if (text == NULL) {
			r = 1;
			break;
		}
		job->partials[job->n_partials++] = (struct tpl_text_source){
			span_str(xstrndup(file->d_name, (size_t)(dot - file->d_name))),
			span_of(text, bytes)
		};
	}
	closedir(files);
	return r;
}

static int one(const char *path, const char *data_path, const char *folder, bool html)
{
	struct job job = { .html = html };
	char why[WHY_BYTES], *text;
	json_error_t error;
	struct span out;
	size_t bytes;
	int r = 1;

	text = read_file(path, &bytes);
	if (text == NULL)
		return 1;
	job.main = (struct tpl_text_source){ span_str(path), span_of(text, bytes) };
	if (folder != NULL && read_partials(folder, &job) != 0)
		goto out;
	if (data_path != NULL) {
		job.data = json_load_file(data_path, 0, &error);
		if (job.data == NULL) {
			cmd_fail("%s:%d:%d: %s", data_path, error.line, error.column, error.text);
			goto out;
		}
	}
	if (render_job(&job, &out, why) != 0) {
		cmd_fail("%s", why);
		goto out;
	}
	r = fwrite(out.at, 1, out.bytes, stdout) == out.bytes && fflush(stdout) == 0
	        ? 0
	        : cmd_fail("standard output: %s", strerror(errno));
	free((void *)out.at);
out:
	for (uint32_t i = 0; i < job.n_partials; i++) {
		free((void *)job.partials[i].name.at);
		free((void *)job.partials[i].text.at);
	}
	json_decref(job.data);
	free(text);
	return r;
}

static const char help[] =
    "posthaste render TEMPLATE [--data FILE.json] [--partials DIR] [--html]\n"
    "posthaste render --batch FILE.jsonl [--html]\n\n"
    "  --data FILE      an object; its members are the template's variables\n"
    "  --partials DIR   each NAME.liquid in it is there for render and include\n"
    "  --batch FILE     one {\"template\", \"data\", \"templates\"} a line, the last two may be\n"
    "                   absent; answers one {\"result\"} or {\"error\"} a line (-: standard "
    "input)\n"
    "  --html           values are HTML-escaped, as in HTML bodies\n\n"
    "A variable that the data do not have is empty; in a campaign it is an error.\n";

int cmd_render(int argc, char **argv)
{
	static const struct option options[] = {
		{ "data", required_argument, NULL, 'd' },
		{ "partials", required_argument, NULL, 'p' },
		{ "batch", required_argument, NULL, 'b' },
		{ "html", no_argument, NULL, 'h' },
		{ "help", no_argument, NULL, 'H' },
		{ NULL, 0, NULL, 0 },
	};
	const char *data = NULL, *partials = NULL, *lines = NULL;
	bool html = false;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			data = optarg;
			break;
		case 'p':
			partials = optarg;
			break;
		case 'b':
			lines = optarg;
			break;
		case 'h':
			html = true;
			break;
		case 'H':
			fputs(help, stdout);
			return 0;
		case ':':
			return cmd_usage("render", "%s needs a value", argv[optind - 1]);
		default:
			return cmd_usage("render", "no option \"%s\"", argv[optind - 1]);
		}
	}
	if (lines != NULL && (data != NULL || partials != NULL || optind != argc))
		return cmd_usage("render", "--batch takes all it needs from its lines");
	if (lines != NULL)
		return batch(lines, html);
	if (argc - optind != 1)
		return cmd_usage("render", "one TEMPLATE, or --batch FILE.jsonl");
	return one(argv[optind], data, partials, html);
}
