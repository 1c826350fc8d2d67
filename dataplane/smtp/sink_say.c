/* sink_say.c - replies: at once where nothing stands in the way, else in a queue with due times.
 *
 * A session that is delayed reads on all the same: its replies leave one after the other, each so
 * late as if it had been busy meanwhile, which is all that a client can see of it.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/smtp/sink_int.h"

enum {
	RETRY_US = 10000,    /* the carrier had no room */
	STUCK_US = 60000000, /* nor had it for so long: the client takes nothing */
	FLOOD_LINES_ONCE = 64,
};

static uint64_t due_at(const struct sink_session *s, uint64_t now_us)
{
	uint64_t due = now_us + s->lag_us;

	return due > s->busy_us ? due : s->busy_us;
}

static struct sink_late *add_late(struct sink_session *s, uint64_t due_us, uint32_t kind,
                                  struct span bytes)
{
	struct sink_late *l = NULL;

	if (bytes.bytes <= SINK_LATE_BYTES_MAX - s->late_bytes)
		l = malloc(sizeof(*l) + bytes.bytes);
	if (l == NULL) { /* whoever asks for so much and reads none of it */
		s->ending = SINK_END_RESET + 1;
		s->mode = SINK_MODE_OVER;
		count(&s->k->counts.timed_out);
		return NULL;
	}
	*l = (struct sink_late){ .due_us = due_us, .kind = kind, .n = (uint32_t)bytes.bytes };
	memcpy(l->bytes, bytes.at, bytes.bytes);
	if (s->late == NULL)
		s->late = l;
	else
		s->late_last->next = l;
	s->late_last = l;
	s->late_bytes += (uint32_t)bytes.bytes;
	return l;
}

static bool say_now(struct sink_session *s, struct span bytes)
{
	if (!s->k->conf.below->say(s->user, bytes))
		return false;
	s->said = true;
	return true;
}

void sink_say_raw(struct sink_session *s, uint64_t now_us, struct span bytes)
{
	uint64_t due = due_at(s, now_us);
	struct sink_late *l;

	if (s->mode == SINK_MODE_OVER || bytes.bytes == 0)
		return;
	count(&s->k->counts.replies);
	if (s->late == NULL && due <= now_us && s->drip_us == 0 && say_now(s, bytes))
		return;
	l = add_late(s, due, SINK_LATE_BYTES, bytes);
	if (l != NULL)
		l->gap_us = (uint32_t)s->drip_us;
}

/* An enhanced code that the client was not offered is left out (RFC 2034 3). */
static struct span without_code(const struct sink *k, struct span text)
{
	size_t n = 0;

	if (sink_offers(k, SINK_EXT_ENHANCED))
		return text;
	while (n < text.bytes && (text.at[n] == '.' || (text.at[n] >= '0' && text.at[n] <= '9')))
		n++;
	return n >= 5 && n < text.bytes && text.at[n] == ' '
	           ? span_of(text.at + n + 1, text.bytes - n - 1)
	           : text;
}

void sink_say(struct sink_session *s, uint64_t now_us, uint16_t code, struct span text)
{
	char *at = s->k->scratch;
	size_t n = 0;

	do {
		const uint8_t *nl = memchr(text.at, '\n', text.bytes);
		size_t bytes = nl != NULL ? (size_t)(nl - text.at) : text.bytes;
		struct span line = without_code(s->k, span_of(text.at, bytes));

		if (n + 6 + line.bytes > sizeof(s->k->scratch))
			break;
		at[n++] = (char)('0' + code / 100 % 10);
		at[n++] = (char)('0' + code / 10 % 10);
		at[n++] = (char)('0' + code % 10);
		at[n++] = nl != NULL ? '-' : ' ';
		memcpy(at + n, line.at, line.bytes);
		n += line.bytes;
		at[n++] = '\r';
		at[n++] = '\n';
		bytes += nl != NULL;
		text = span_of(text.at + bytes, text.bytes - bytes);
	} while (text.bytes > 0);
	sink_say_raw(s, now_us, span_of(at, n));
}

void sink_reply(struct sink_session *s, uint64_t now_us, uint16_t code, const char *text)
{
	sink_say(s, now_us, code, span_str(text));
}

void sink_say_flood(struct sink_session *s, uint64_t now_us, uint16_t code, uint32_t lines)
{
	struct sink_late *l = add_late(s, due_at(s, now_us), SINK_LATE_FLOOD, span_of("", 0));

	if (l == NULL)
		return;
	l->n = lines;
	l->code = code;
}

void sink_say_secure(struct sink_session *s, uint64_t now_us)
{
	if (s->late == NULL)
		s->k->conf.below->secure(s->user);
	else
		(void)add_late(s, due_at(s, now_us), SINK_LATE_SECURE, span_of("", 0));
}

void sink_say_end(struct sink_session *s, uint64_t now_us, enum sink_end how)
{
	uint8_t byte = (uint8_t)how;
	uint64_t due = due_at(s, now_us);

	if (s->mode == SINK_MODE_OVER)
		return;
	if (s->late == NULL && due <= now_us)
		s->ending = byte + 1;
	else
		(void)add_late(s, due, SINK_LATE_END, span_of(&byte, 1));
	s->mode = SINK_MODE_OVER;
}

static void drop_head(struct sink_session *s)
{
	struct sink_late *l = s->late;

	s->late = l->next;
	if (l->kind != SINK_LATE_FLOOD)
		s->late_bytes -= l->n;
	free(l);
}

void sink_say_forget(struct sink_session *s)
{
	while (s->late != NULL)
		drop_head(s);
}

/* Some lines of a flood. False for want of room. */
static bool say_flood(struct sink_session *s, struct sink_late *l)
{
	char line[80];

	for (uint32_t i = 0; i < FLOOD_LINES_ONCE && l->done < l->n; i++, l->done++) {
		int n = snprintf(line, sizeof(line), "%03u-line %u of a reply that goes on\r\n",
		                 l->code, l->done + 1);

		if (!say_now(s, span_of(line, (size_t)n)))
			return false;
	}
	return true;
}

/* One piece of the queue's head. False for want of room. */
static bool say_head(struct sink_session *s, struct sink_late *l, uint64_t now_us)
{
	uint32_t n = l->gap_us != 0 ? 1 : l->n - l->done;

	switch ((enum sink_late_kind)l->kind) {
	case SINK_LATE_BYTES:
		if (!say_now(s, span_of(l->bytes + l->done, n)))
			return false;
		l->done += n;
		if (l->gap_us != 0) /* each octet by itself */
			s->k->conf.below->flush(s->user);
		l->due_us = now_us + l->gap_us;
		break;
	case SINK_LATE_FLOOD:
		if (!say_flood(s, l))
			return false;
		l->due_us = now_us;
		break;
	case SINK_LATE_SECURE:
		s->k->conf.below->flush(s->user);
		s->k->conf.below->secure(s->user);
		break;
	case SINK_LATE_END:
		s->ending = l->bytes[0] + 1;
		l->done = l->n;
		break;
	}
	if (l->done == l->n)
		drop_head(s);
	return true;
}

void sink_say_late(struct sink_session *s, uint64_t now_us)
{
	/* A flood goes on in the next round: others wait, too. */
	for (uint32_t i = 0;
	     i < FLOOD_LINES_ONCE && s->late != NULL && s->late->due_us <= now_us && s->ending == 0;
	     i++) {
		if (say_head(s, s->late, now_us)) {
			s->stuck_us = 0;
			continue;
		}
		if (s->stuck_us == 0)
			s->stuck_us = now_us;
		s->late->due_us = now_us + RETRY_US;
		if (now_us - s->stuck_us < STUCK_US)
			return;
		count(&s->k->counts.timed_out);
		s->ending = SINK_END_RESET + 1;
	}
}

void sink_settle(struct sink_session *s)
{
	struct sink *k = s->k;
	uint64_t due = s->heard_us + (uint64_t)k->conf.idle_ms * 1000;

	if (s->said)
		k->conf.below->flush(s->user);
	s->said = false;
	if (s->ending != 0) {
		s->mode = SINK_MODE_OVER;
		s->is_ended = true;
		wheel_cancel(&k->wheel, s->slot);
		sink_say_forget(s);
		k->conf.below->end(s->user, s->ending - 1);
		return;
	}
	/* The patience's timer is looked at when it fires; earlier ones move it. */
	if (s->late != NULL)
		due = s->late->due_us;
	else if (wheel_is_armed(&k->wheel, s->slot))
		return;
	wheel_arm(&k->wheel, s->slot, due);
}
