/* gmime_read.c - what GMime makes of a message on standard input, for the tests that read back.
 *
 * One line a part, tabs between: depth, type, charset, file name, content id, and the decoded bytes
 * in base64; "-" where there is none.
 */
#include <stdio.h>

#include <gmime/gmime.h>

static const char *or_dash(const char *text)
{
	return text == NULL ? "-" : text;
}

static void print(GMimeObject *at, int depth)
{
	GMimeContentType *type = g_mime_object_get_content_type(at);
	char *name = g_mime_content_type_get_mime_type(type), *coded = NULL;
	const char *file = NULL;
	GByteArray *bytes = NULL;

	if (GMIME_IS_PART(at)) {
		GMimeStream *to = g_mime_stream_mem_new();
		GMimeDataWrapper *content = g_mime_part_get_content(GMIME_PART(at));

		file = g_mime_part_get_filename(GMIME_PART(at));
		if (content != NULL)
			g_mime_data_wrapper_write_to_stream(content, to);
		bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(to));
		coded = g_base64_encode(bytes->data, bytes->len);
		g_object_unref(to);
	}
	printf("%d\t%s\t%s\t%s\t%s\t%s\n", depth, name,
	       or_dash(g_mime_object_get_content_type_parameter(at, "charset")), or_dash(file),
	       or_dash(g_mime_object_get_content_id(at)), coded == NULL ? "" : coded);
	g_free(coded);
	g_free(name);
	if (!GMIME_IS_MULTIPART(at))
		return;
	for (int i = 0; i < g_mime_multipart_get_count(GMIME_MULTIPART(at)); i++)
		print(g_mime_multipart_get_part(GMIME_MULTIPART(at), i), depth + 1);
}

int main(void)
{
	GMimeStream *in;
	GMimeParser *parser;
	GMimeMessage *message;

	g_mime_init();
	in = g_mime_stream_pipe_new(0);
	parser = g_mime_parser_new_with_stream(in);
	message = g_mime_parser_construct_message(parser, NULL);
	if (message == NULL)
		return 1;
	print(g_mime_message_get_mime_part(message), 0);
	g_object_unref(message);
	g_object_unref(parser);
	g_object_unref(in);
	g_mime_shutdown();
	return 0;
}
