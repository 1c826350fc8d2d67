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

static void add(struct mail *m, enum dp_part part, struct span bytes)
{
	if (bytes.bytes == 0)
		return;
	if (m->n == DP_TEXTS_MAX) {
		m->n_dropped++;
		return;
	}
	m->owned[m->n] = xcalloc(1, bytes.bytes);
	memcpy(m->owned[m->n], bytes.at, bytes.bytes);
	m->texts[m->n] = (struct dp_text){ .bytes = span_of(m->owned[m->n], bytes.bytes),
		                           .part = (uint8_t)part };
	m->n++;
}

static void add_text(struct mail *m, enum dp_part part, const char *text)
{
	if (text != NULL)
		add(m, part, span_str(text));
}

/* The bytes of a file, transfer encoding undone. */
static void add_file(struct mail *m, GMimePart *part)
{
	GMimeDataWrapper *content = g_mime_part_get_content(part);
	GMimeStream *all = g_mime_stream_mem_new();
	GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(all));

	if (content != NULL && g_mime_data_wrapper_write_to_stream(content, all) >= 0)
		add(m, DP_PART_FILE, span_of(bytes->data, bytes->len));
	g_object_unref(all);
}

/* What has a name, or says that it is attached, is a file; a file of text is read as text, too. */
static void add_part(GMimeObject *parent, GMimeObject *object, gpointer ctx)
{
	struct mail *m = ctx;
	const char *name;

	(void)parent;
	if (!GMIME_IS_PART(object))
		return;
	name = g_mime_part_get_filename(GMIME_PART(object));
	add_text(m, DP_PART_NAME, name);
	if (GMIME_IS_TEXT_PART(object)) {
		GMimeContentType *type = g_mime_object_get_content_type(object);
		char *text = g_mime_text_part_get_text(GMIME_TEXT_PART(object));

		add_text(m,
		         g_mime_content_type_is_type(type, "text", "html") ? DP_PART_HTML
		                                                           : DP_PART_TEXT,
		         text);
		g_free(text);
	}
	if (name != NULL || g_mime_part_is_attachment(GMIME_PART(object)))
		add_file(m, GMIME_PART(object));
}

/* The fields but the subject, which stands alone. */
static void add_fields(struct mail *m, GMimeObject *message)
{
	GMimeHeaderList *fields = g_mime_object_get_header_list(message);
	GString *all = g_string_new(NULL);

	for (int i = 0; i < g_mime_header_list_get_count(fields); i++) {
		GMimeHeader *field = g_mime_header_list_get_header_at(fields, i);
		const char *name = g_mime_header_get_name(field);
		const char *raw = g_mime_header_get_raw_value(field);

		if (raw != NULL && strcasecmp(name, "Subject") != 0)
			g_string_append_printf(all, "%s:%s", name, raw);
	}
	add(m, DP_PART_HEADER, span_of(all->str, all->len));
	g_string_free(all, TRUE);
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

	*out = (struct mail){ .n = 0 };
	if (!begins_with_field(bytes)) {
		add(out, begins_like_html(bytes) ? DP_PART_HTML : DP_PART_TEXT, bytes);
		return;
	}
	pthread_once(&once, init);
	stream = g_mime_stream_mem_new_with_buffer((const char *)bytes.at, bytes.bytes);
	parser = g_mime_parser_new_with_stream(stream);
	message = g_mime_parser_construct_message(parser, NULL);
	if (message == NULL) {
		add(out, DP_PART_TEXT, bytes);
	} else {
		add_text(out, DP_PART_SUBJECT, g_mime_message_get_subject(message));
		add_fields(out, GMIME_OBJECT(message));
		g_mime_message_foreach(message, add_part, out);
		g_object_unref(message);
	}
	g_object_unref(parser);
	g_object_unref(stream);
}

void mail_fini(struct mail *mail)
{
	for (uint32_t i = 0; i < mail->n; i++)
		free(mail->owned[i]);
	mail->n = 0;
}
