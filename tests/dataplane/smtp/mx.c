#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/dataplane/smtp/mx.h"

void mx_begin(struct mx *mx, mx_pick_fn *pick, void *ctx)
{
	memset(mx, 0, offsetof(struct mx, out));
	mx->n_out = mx->n_said = 0;
	mx->pick = pick;
	mx->ctx = ctx;
	mx->surplus_at = mx->missing_at = -1;
}

static void say(struct mx *mx, unsigned code, const char *enhanced, const char *what)
{
	int times = mx->n_replies == mx->missing_at ? 0 : mx->n_replies == mx->surplus_at ? 2 : 1;

	mx->n_replies++;
	for (int i = 0; i < times; i++) {
		char *at = mx->out + mx->n_out;
		size_t room = sizeof(mx->out) - mx->n_out;
		int n =
		    mx->style == MX_SAME ? snprintf(at, room, "%u ok\r\n", code)
		    : mx->style == MX_PLAIN
			? snprintf(at, room, "%u %s %u\r\n", code, what, mx->current)
			: snprintf(at, room, "%u %u.%s %s %u\r\n", code,
		                   code / 100 == 3 ? 2 : code / 100, enhanced, what, mx->current);

		mx->n_out += (size_t)n;
	}
	if (mx->n_out + 200 > sizeof(mx->out))
		abort();
}

static void refuse(struct mx *mx, unsigned n, unsigned i)
{
	mx->messages[n].rcpts[i].was_refused = true;
}

/* The answer to an end: about all that were accepted, or in LMTP about each. */
static void end(struct mx *mx, enum mx_step step, const char *what)
{
	unsigned n = mx->current, code = mx->pick(mx, step, n, 0);
	bool is_first = true;

	for (unsigned i = 0; i < MX_RCPTS_MAX; i++) {
		if (!mx->is_accepted[i])
			continue;
		if (mx->is_lmtp)
			code = mx->pick(mx, step, n, i);
		if (code == 0)
			code = 250;
		mx->messages[n].rcpts[i].is_stored |= code / 100 == 2;
		mx->messages[n].rcpts[i].was_refused |= code / 100 != 2;
		mx->messages[n].n_stored += is_first && code / 100 == 2;
		if (mx->is_lmtp || is_first)
			say(mx, code, "0.0", what);
		is_first = false;
	}
	mx->messages[n].was_ended = true;
	mx->has_mail = mx->has_rcpt = false;
}

static unsigned number_in(const char *line)
{
	const char *at = strchr(line, '<');
	unsigned n = at == NULL ? 0 : (unsigned)strtoul(at + 2, NULL, 10);

	return n < MX_MESSAGES_MAX ? n : 0;
}

static unsigned rcpt_in(const char *line)
{
	const char *at = strchr(line, '.'), *end = strchr(line, '@');
	unsigned i =
	    at == NULL || end == NULL || at > end ? 0 : (unsigned)strtoul(at + 1, NULL, 10);

	return i < MX_RCPTS_MAX ? i : 0;
}

static void on_mail(struct mx *mx, const char *line)
{
	unsigned code;

	mx->n_mail++;
	if (mx->has_mail) {
		say(mx, 503, "5.1", "nested mail");
		return;
	}
	mx->current = number_in(line);
	code = mx->pick(mx, MX_MAIL, mx->current, 0);
	mx->has_mail = code == 0 || code / 100 == 2;
	memset(mx->is_accepted, 0, sizeof(mx->is_accepted));
	for (unsigned i = 0; i < MX_RCPTS_MAX && !mx->has_mail; i++)
		refuse(mx, mx->current, i);
	mx->has_rcpt = false;
	say(mx, code == 0 ? 250 : code, "1.0", "mail");
}

static void on_rcpt(struct mx *mx, const char *line)
{
	unsigned code, i = rcpt_in(line);

	if (!mx->has_mail) {
		say(mx, 503, "5.1", "no mail");
		return;
	}
	code = mx->pick(mx, MX_RCPT, number_in(line), i);
	mx->is_accepted[i] = code == 0 || code / 100 == 2;
	mx->has_rcpt |= mx->is_accepted[i];
	if (!mx->is_accepted[i])
		refuse(mx, mx->current, i);
	say(mx, code == 0 ? 250 : code, "1.5", "rcpt");
}

static void on_data(struct mx *mx)
{
	unsigned code = mx->has_rcpt ? mx->pick(mx, MX_DATA, mx->current, 0) : 503;

	mx->in_data = code == 0 || code == 354;
	for (unsigned i = 0; i < MX_RCPTS_MAX && !mx->in_data; i++)
		refuse(mx, mx->current, i);
	say(mx, code == 0 ? 354 : code, mx->has_rcpt ? "0.0" : "5.1", "data");
}

/* Of one without recipients, or that is refused, the octets are skipped (RFC 3030 2). */
static void on_bdat(struct mx *mx, const char *line)
{
	mx->octets = strtoul(line + 5, NULL, 10);
	mx->is_octets_ok = mx->has_rcpt;
	if (mx->leaves_octets && !mx->has_rcpt) {
		mx->octets = 0;
		say(mx, 503, "5.1", "no rcpt");
	}
}

static void on_line(struct mx *mx, const char *line)
{
	unsigned code;

	if (strncmp(line, "MAIL FROM:", 10) == 0) {
		on_mail(mx, line);
	} else if (strncmp(line, "RCPT TO:", 8) == 0) {
		on_rcpt(mx, line);
	} else if (strcmp(line, "DATA") == 0) {
		on_data(mx);
	} else if (strncmp(line, "BDAT ", 5) == 0) {
		on_bdat(mx, line);
	} else if (strcmp(line, "RSET") == 0) {
		code = mx->pick(mx, MX_RSET, mx->current, 0);
		mx->has_mail = mx->has_rcpt = false;
		if (mx->style == MX_ENHANCED)
			mx->current = 0;
		say(mx, code == 0 ? 250 : code, "0.0", "rset");
	} else if (strcmp(line, "QUIT") == 0) {
		say(mx, 221, "0.0", "bye");
	} else {
		say(mx, 500, "5.2", "what");
	}
}

/* Octets of a chunk; true when there is nothing more to do with what is here. */
static bool take_octets(struct mx *mx)
{
	size_t n = mx->n_in - mx->at < mx->octets ? mx->n_in - mx->at : mx->octets;

	mx->at += n;
	mx->octets -= n;
	if (mx->octets > 0)
		return true;
	if (mx->is_octets_ok)
		end(mx, MX_BDAT, "end");
	else
		say(mx, 503, "5.1", "no rcpt");
	return false;
}

void mx_read(struct mx *mx, const uint8_t *in, size_t n)
{
	mx->in = in;
	mx->n_in = n;
	while (mx->at < n) {
		const uint8_t *from = in + mx->at, *lf;
		char line[1024];
		size_t bytes;

		if (mx->octets > 0) {
			if (take_octets(mx))
				return;
			continue;
		}
		lf = memchr(from, '\n', n - mx->at);
		if (lf == NULL)
			return;
		bytes = (size_t)(lf - from) + 1;
		mx->at += bytes;
		if (bytes < 2 || bytes > sizeof(line))
			abort();
		memcpy(line, from, bytes - 2);
		line[bytes - 2] = '\0';
		if (!mx->in_data) {
			on_line(mx, line);
		} else if (strcmp(line, ".") == 0) {
			mx->in_data = false;
			if (mx->has_rcpt)
				end(mx, MX_DOT, "end");
			else
				say(mx, 554, "5.1", "no rcpt");
		}
	}
}
