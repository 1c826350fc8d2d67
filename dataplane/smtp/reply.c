#include "dataplane/smtp/reply.h"

void smtp_reply_reset(struct smtp_reply *r)
{
	/* `text` and `line` are only ever read up to their counts. */
	r->code = 0;
	memset(r->enhanced, 0, sizeof(r->enhanced));
	r->is_mixed = r->cr = false;
	r->n_head = 0;
	r->line_bytes = 0;
	r->n_lines = 0;
	r->n_bytes = 0;
	r->text_bytes = 0;
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* Reads up to three digits and a `stop` byte (or the end, when `stop` is 0: a space or nothing).
 * RFC 2034 3: no leading zeros are sent, but who sends them is understood.
 */
static bool take_number(const char **at, const char *end, char stop, uint8_t *out)
{
	unsigned value = 0, digits = 0;

	while (*at < end && is_digit((uint8_t) * *at) && digits < 3) {
		value = value * 10 + (unsigned)(**at - '0');
		digits++;
		(*at)++;
	}
	if (digits == 0)
		return false;
	if (stop != 0 && (*at == end || *(*at)++ != stop))
		return false;
	if (stop == 0 && *at < end && **at != ' ')
		return false;
	*out = value > 255 ? 255 : (uint8_t)value;
	return true;
}

/* RFC 2034 3: class "." subject "." detail, then a space. What does not fit that is plain text. */
static void find_enhanced(struct smtp_reply *r)
{
	const char *at = r->line, *end = r->line + r->line_bytes;
	uint8_t found[3];

	if (r->enhanced[0] != 0)
		return;
	if (!take_number(&at, end, '.', &found[0]) || !take_number(&at, end, '.', &found[1]) ||
	    !take_number(&at, end, 0, &found[2]))
		return;
	if (found[0] != 2 && found[0] != 4 && found[0] != 5)
		return;
	memcpy(r->enhanced, found, sizeof(found));
}

static void keep_text(struct smtp_reply *r, struct span text)
{
	size_t room;

	if (r->text_bytes < DP_TEXT_MAX) {
		room = DP_TEXT_MAX - r->text_bytes;
		memcpy(r->text + r->text_bytes, text.at, text.bytes < room ? text.bytes : room);
	}
	r->text_bytes += (uint32_t)text.bytes;
	room = SMTP_LINE_KEPT_BYTES - r->line_bytes;
	if (room > text.bytes)
		room = text.bytes;
	memcpy(r->line + r->line_bytes, text.at, room);
	r->line_bytes += (uint8_t)room;
}

/* Lines are told apart in the kept text by one space; an empty line adds none. */
static void begin_text(struct smtp_reply *r)
{
	r->line_bytes = 0;
	if (r->text_bytes != 0)
		keep_text(r, span_of(" ", 1));
	r->line_bytes = 0;
}

/* The bytes in front of the text: three digits, the first of them 2 to 5 (RFC 5321 4.2.1), then a
 * hyphen when more lines follow or a space; "220" alone is a last line too (4.2).
 */
static bool take_head(struct smtp_reply *r, struct span *part)
{
	while (r->n_head < sizeof(r->head) && part->bytes > 0) {
		uint8_t c = part->at[0];

		if (r->n_head < 3 && !is_digit(c))
			return false;
		if (r->n_head == 0 && (c < '2' || c > '5'))
			return false;
		if (r->n_head == 3 && c != ' ' && c != '-')
			return false;
		r->head[r->n_head++] = (char)c;
		part->at++;
		part->bytes--;
		if (r->n_head == sizeof(r->head))
			begin_text(r);
	}
	return true;
}

/* `part` is the rest of the line or a piece of it, without its line end. */
static bool take_part(struct smtp_reply *r, struct span part)
{
	/* RFC 5321 2.3.8: CR stands in front of LF and nowhere else. */
	if (part.bytes > 0 && (r->cr || memchr(part.at, '\r', part.bytes) != NULL))
		return false;
	if (!take_head(r, &part))
		return false;
	if (part.bytes > 0)
		keep_text(r, part);
	return true;
}

static enum smtp_reply_got end_line(struct smtp_reply *r)
{
	bool last = r->n_head < sizeof(r->head) || r->head[3] == ' ';
	uint16_t code;

	if (r->n_head < 3)
		return SMTP_REPLY_BAD;
	if (r->n_head == 3)
		r->line_bytes = 0;
	code = (uint16_t)((r->head[0] - '0') * 100 + (r->head[1] - '0') * 10 + (r->head[2] - '0'));
	r->is_mixed |= r->n_lines > 0 && code != r->code;
	r->code = code;
	find_enhanced(r);
	r->n_lines++;
	r->n_head = 0;
	r->cr = false;
	return last ? SMTP_REPLY_END : SMTP_REPLY_LINE;
}

enum smtp_reply_got smtp_reply_take(struct smtp_reply *r, const struct smtp_reply_bounds *bounds,
                                    struct span *in)
{
	const uint8_t *lf = in->bytes > 0 ? memchr(in->at, '\n', in->bytes) : NULL;
	struct span part = span_of(in->at, lf != NULL ? (size_t)(lf - in->at) + 1 : in->bytes);
	bool cr = false;

	if (part.bytes == 0)
		return SMTP_REPLY_MORE;
	in->at += part.bytes;
	in->bytes -= part.bytes;
	if (part.bytes > bounds->bytes_max - r->n_bytes || r->n_lines == bounds->lines_max)
		return SMTP_REPLY_BAD;
	r->n_bytes += (uint32_t)part.bytes;
	if (lf != NULL)
		part.bytes--;
	if (part.bytes > 0 && part.at[part.bytes - 1] == '\r') {
		part.bytes--;
		cr = true;
		if (r->cr) /* CR CR */
			return SMTP_REPLY_BAD;
	}
	if (!take_part(r, part))
		return SMTP_REPLY_BAD;
	if (lf == NULL) {
		r->cr = cr;
		return SMTP_REPLY_MORE;
	}
	return end_line(r);
}
