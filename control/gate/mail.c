/* mail.c - messages taken apart by GMime. */
#include "control/gate/mail.h"

#include <ctype.h>
#include <pthread.h>
#include <strings.h>

#include <gmime/gmime.h>

#include "control/xalloc.h"

static void init(void)
{
	g_mime_init();
}

static void add(struct mail *m, enum dp_part part, struct span bytes, struct mail_origin origin)
{
	if (bytes.bytes == 0)
		return;
	if (m->n == DP_TEXTS_MAX) {
		m->n_dropped++;
		return;
	}
	if (bytes.bytes == origin.bytes &&
	    memcmp(bytes.at, m->file.at + origin.at, origin.bytes) == 0)
		origin.how = MAIL_AS_IS;
	m->owned[m->n] = xcalloc(1, bytes.bytes);
	memcpy(m->owned[m->n], bytes.at, bytes.bytes);
	m->texts[m->n] = (struct dp_text){ .bytes = span_of(m->owned[m->n], bytes.bytes),
		                           .part = (uint8_t)part };
	m->origins[m->n] = origin;
	m->n++;
}

/* Of a span of the file itself. */
static void add_as_is(struct mail *m, enum dp_part part, size_t at, size_t bytes)
{
	struct mail_origin origin = { .at = at, .bytes = bytes };

	add(m, part, span_of(m->file.at + at, bytes), origin);
}

/* What a field says, decoded. What stands in it as it is, is found there. */
static void add_value(struct mail *m, enum dp_part part, const char *text, gint64 field_at)
{
	struct mail_origin origin = { .how = MAIL_FIELD };
	const uint8_t *end, *hit;

	if (text == NULL)
		return;
	if (field_at > 0 && (size_t)field_at < m->file.bytes)
		origin.at = (size_t)field_at;
	end = memchr(m->file.at + origin.at, '\n', m->file.bytes - origin.at);
	if (text[0] != '\0' && end != NULL) {
		hit = memmem(m->file.at + origin.at, (size_t)(end - m->file.at) - origin.at, text,
		             strlen(text));
		if (hit != NULL)
			origin = (struct mail_origin){ .at = (size_t)(hit - m->file.at),
				                       .bytes = strlen(text) };
	}
	add(m, part, span_str(text), origin);
}

static gint64 field_of(GMimeObject *object, const char *name)
{
	GMimeHeaderList *fields = g_mime_object_get_header_list(object);
	GMimeHeader *field = g_mime_header_list_get_header(fields, name);

	return field == NULL ? 0 : g_mime_header_get_offset(field);
}

/* Where the content of a part stands in the file. */
static struct mail_origin content_of(const struct mail *m, GMimePart *part, const char *charset)
{
	GMimeDataWrapper *content = g_mime_part_get_content(part);
	GMimeStream *stream = content == NULL ? NULL : g_mime_data_wrapper_get_stream(content);
	struct mail_origin o = { .how = MAIL_DECODED };
	gint64 end;

	if (stream == NULL)
		return o;
	end = stream->bound_end < 0 ? (gint64)m->file.bytes : stream->bound_end;
	if (stream->bound_start < 0 || stream->bound_start > end || end > (gint64)m->file.bytes)
		return o;
	o.at = (size_t)stream->bound_start;
	o.bytes = (size_t)(end - stream->bound_start);
	o.encoding = (uint8_t)g_mime_data_wrapper_get_encoding(content);
	g_strlcpy(o.charset, charset == NULL ? "" : charset, sizeof(o.charset));
	return o;
}

/* The bytes of a file, transfer encoding undone. */
static void add_file(struct mail *m, GMimePart *part)
{
	GMimeDataWrapper *content = g_mime_part_get_content(part);
	GMimeStream *all = g_mime_stream_mem_new();
	GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(all));

	if (content != NULL && g_mime_data_wrapper_write_to_stream(content, all) >= 0)
		add(m, DP_PART_FILE, span_of(bytes->data, bytes->len), content_of(m, part, NULL));
	g_object_unref(all);
}

static void add_text_part(struct mail *m, GMimeTextPart *part)
{
	GMimeContentType *type = g_mime_object_get_content_type(GMIME_OBJECT(part));
	bool is_html = g_mime_content_type_is_type(type, "text", "html");
	char *text = g_mime_text_part_get_text(part);

	if (text != NULL)
		add(m, is_html ? DP_PART_HTML : DP_PART_TEXT, span_str(text),
		    content_of(m, GMIME_PART(part), g_mime_text_part_get_charset(part)));
	g_free(text);
}

/* What has a name, or says that it is attached, is a file; a file of text is read as text, too. */
static void add_part(GMimeObject *parent, GMimeObject *object, gpointer ctx)
{
	struct mail *m = ctx;
	gint64 named_at;
	const char *name;

	(void)parent;
	if (!GMIME_IS_PART(object))
		return;
	name = g_mime_part_get_filename(GMIME_PART(object));
	named_at = field_of(object, "Content-Disposition");
	add_value(m, DP_PART_NAME, name,
	          named_at > 0 ? named_at : field_of(object, "Content-Type"));
	if (GMIME_IS_TEXT_PART(object))
		add_text_part(m, GMIME_TEXT_PART(object));
	if (name != NULL || g_mime_part_is_attachment(GMIME_PART(object)))
		add_file(m, GMIME_PART(object));
}

static bool is_subject(struct span file, size_t at)
{
	static const char name[] = "Subject:";

	return file.bytes - at >= strlen(name) &&
	       strncasecmp((const char *)file.at + at, name, strlen(name)) == 0;
}

/* The fields but the subject, which stands alone: one text before it, one behind it. */
static void add_fields(struct mail *m)
{
	size_t from = 0, at = 0;
	bool skips = false;

	while (at < m->file.bytes) {
		const uint8_t *line = m->file.at + at;
		const uint8_t *end = memchr(line, '\n', m->file.bytes - at);
		size_t next = end == NULL ? m->file.bytes : (size_t)(end - m->file.at) + 1;
		bool is_new = line[0] != ' ' && line[0] != '\t';

		if (line[0] == '\n' || (line[0] == '\r' && next == at + 2))
			break;
		if (is_new && is_subject(m->file, at) != skips) {
			if (!skips)
				add_as_is(m, DP_PART_HEADER, from, at - from);
			skips = !skips;
			from = at;
		}
		at = next;
	}
	if (!skips)
		add_as_is(m, DP_PART_HEADER, from, at - from);
}

static bool begins_with_field(struct span bytes)
{
	size_t i = 0;

	if (bytes.at == NULL)
		return false;
	while (i < bytes.bytes && (isalnum(bytes.at[i]) || bytes.at[i] == '-'))
		i++;
	return i > 1 && i < bytes.bytes && bytes.at[i] == ':' &&
	       (i + 1 == bytes.bytes || bytes.at[i + 1] == ' ' || bytes.at[i + 1] == '\t') &&
	       (memmem(bytes.at, bytes.bytes, "\n\n", 2) != NULL ||
	        memmem(bytes.at, bytes.bytes, "\n\r\n", 3) != NULL);
}

static bool begins_like_html(struct span bytes)
{
	static const char *const begins[] = { "<!doctype html", "<html", "<head", "<body",
		                              "<table",         "<div",  "<p",    "<style" };
	size_t i = 0;

	while (i < bytes.bytes && isspace(bytes.at[i]))
		i++;
	for (size_t k = 0; k < sizeof(begins) / sizeof(begins[0]); k++)
		if (bytes.bytes - i >= strlen(begins[k]) &&
		    strncasecmp((const char *)bytes.at + i, begins[k], strlen(begins[k])) == 0)
			return true;
	return false;
}

void mail_read(struct span bytes, struct mail *out)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	GMimeMessage *message = NULL;
	GMimeStream *stream;
	GMimeParser *parser;

	*out = (struct mail){ .file = bytes };
	if (!begins_with_field(bytes)) {
		add_as_is(out, begins_like_html(bytes) ? DP_PART_HTML : DP_PART_TEXT, 0,
		          bytes.bytes);
		return;
	}
	pthread_once(&once, init);
	stream = g_mime_stream_mem_new_with_buffer((const char *)bytes.at, bytes.bytes);
	parser = g_mime_parser_new_with_stream(stream);
	message = g_mime_parser_construct_message(parser, NULL);
	if (message == NULL) {
		add_as_is(out, DP_PART_TEXT, 0, bytes.bytes);
	} else {
		add_value(out, DP_PART_SUBJECT, g_mime_message_get_subject(message),
		          field_of(GMIME_OBJECT(message), "Subject"));
		add_fields(out);
		g_mime_message_foreach(message, add_part, out);
		g_object_unref(message);
	}
	g_object_unref(parser);
	g_object_unref(stream);
}

void mail_fini(struct mail *mail)
{
	for (uint32_t i = 0; i < mail->n; i++) {
		free(mail->owned[i]);
		free(mail->origins[i].lines);
	}
	mail->n = 0;
}
