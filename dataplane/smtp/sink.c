/* sink.c - the sink's engine: sessions, their timers, and what it counts. */
#include "dataplane/smtp/sink.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/smtp/sink_int.h"

uint64_t sink_memory_bytes(const struct sink_conf *conf)
{
	return sizeof(struct sink) +
	       pool_memory_bytes(conf->conns_max, sizeof(struct sink_session)) +
	       wheel_memory_bytes(conf->conns_max) + sink_seen_bytes(conf->seen_max);
}

int sink_open(const struct sink_conf *conf, uint64_t now_us, struct sink **out)
{
	struct sink *k;
	int rc;

	if (conf->host == NULL || conf->below == NULL || conf->conns_max == 0 ||
	    conf->rcpts_max == 0 || conf->idle_ms == 0)
		return -EINVAL;
	k = calloc(1, sizeof(*k));
	if (k == NULL)
		return -ENOMEM;
	k->conf = *conf;
	k->random = conf->seed != 0 ? conf->seed : 0x9e3779b97f4a7c15ull;
	k->seen = sink_seen_new(conf->seen_max);
	rc = k->seen == NULL
	         ? -ENOMEM
	         : pool_init(&k->sessions, conf->conns_max, sizeof(struct sink_session), NULL);
	if (rc == 0) {
		rc = wheel_init(&k->wheel, conf->conns_max, now_us);
		if (rc != 0)
			pool_fini(&k->sessions);
	}
	if (rc != 0) {
		sink_seen_free(k->seen);
		free(k);
		return rc;
	}
	*out = k;
	return 0;
}

void sink_close(struct sink *k)
{
	assert(k->sessions.n_used == 0);
	wheel_fini(&k->wheel);
	pool_fini(&k->sessions);
	sink_seen_free(k->seen);
	free(k);
}

/* The count of connections that are open from where this one came. */
static struct sink_seen_entry *source_of(struct sink_session *s, uint64_t now_us)
{
	bool was_full = false;
	struct sink_seen_entry *e = sink_seen_get(
	    s->k->seen, sink_hash(1, s->peer.b, sizeof(s->peer.b)), now_us, &was_full);

	if (was_full)
		count(&s->k->counts.forgotten);
	return e;
}

struct sink_session *sink_begin(struct sink *k, uint64_t now_us, const struct ip_addr *peer,
                                const struct ip_addr *local, void *user)
{
	uint32_t slot = pool_try_get(&k->sessions);
	struct sink_session *s;

	if (slot == POOL_NONE) {
		count(&k->counts.connections_full);
		return NULL;
	}
	s = pool_at(&k->sessions, slot);
	*s = (struct sink_session){ .k = k,
		                    .user = user,
		                    .slot = slot,
		                    .heard_us = now_us,
		                    .peer = *peer,
		                    .local = *local };
	source_of(s, now_us)->n++;
	count(&k->counts.connections);
	gauge(&k->counts.connections_now, k->sessions.n_used);
	wheel_arm(&k->wheel, slot, now_us + (uint64_t)k->conf.idle_ms * 1000);
	return s;
}

void sink_greet(struct sink_session *s, uint64_t now_us, bool is_tls)
{
	char text[SINK_HOST_BYTES + 64];
	struct sink_deed deed;

	s->is_tls = is_tls;
	s->heard_us = now_us;
	snprintf(text, sizeof(text), "%.255s %s sink: a test tool", s->k->conf.host,
	         s->k->conf.is_lmtp ? "LMTP" : "ESMTP");
	deed = sink_ask(s, now_us, SINK_STAGE_CONNECT, 0);
	if (!sink_refuses(s, now_us, &deed))
		sink_accepts(s, now_us, &deed, 220, text);
	else if (deed.final == SINK_FINAL_SAY && deed.code == 421)
		sink_say_end(s, now_us, SINK_END_CLOSE);
	sink_do_then(s, now_us);
	sink_settle(s);
}

void sink_secured(struct sink_session *s, uint64_t now_us)
{
	if (s->mode != SINK_MODE_WAIT)
		return;
	s->is_tls = true;
	s->is_hello = s->is_esmtp = false;
	s->mode = SINK_MODE_LINES;
	s->heard_us = now_us;
	sink_drop_transaction(s);
}

void sink_received(struct sink_session *s, uint64_t now_us, struct span bytes)
{
	if (s->mode == SINK_MODE_OVER)
		return;
	s->heard_us = now_us;
	sink_take(s, now_us, bytes);
	sink_settle(s);
}

void sink_peer_closed(struct sink_session *s, uint64_t now_us)
{
	if (s->is_ended)
		return;
	if (s->mode != SINK_MODE_OVER) {
		count(&s->k->counts.closed_by_client);
		sink_say_end(s, now_us, SINK_END_CLOSE);
	}
	sink_settle(s);
}

void sink_finish(struct sink_session *s, uint64_t now_us)
{
	struct sink *k = s->k;
	struct sink_seen_entry *source = source_of(s, now_us);

	if (source->n > 0)
		source->n--;
	sink_drop_transaction(s);
	sink_say_forget(s);
	free(s->part);
	free(s->helo);
	wheel_cancel(&k->wheel, s->slot);
	pool_put(&k->sessions, s->slot);
	gauge(&k->counts.connections_now, k->sessions.n_used);
}

static void on_timer(void *ctx, uint64_t now_us, uint32_t node)
{
	struct sink *k = ctx;
	struct sink_session *s = pool_at(&k->sessions, node);

	if (s->late != NULL) {
		sink_say_late(s, now_us);
	} else if (now_us - s->heard_us >= (uint64_t)k->conf.idle_ms * 1000 &&
	           s->mode != SINK_MODE_OVER) {
		count(&k->counts.timed_out);
		sink_reply(s, now_us, 421, "4.4.2 nothing came for too long"); /* RFC 5321 3.8 */
		sink_say_end(s, now_us, SINK_END_CLOSE);
	}
	sink_settle(s);
}

uint64_t sink_tick(struct sink *k, uint64_t now_us, uint32_t budget)
{
	wheel_advance(&k->wheel, now_us, budget, on_timer, k);
	return wheel_next_due_us(&k->wheel);
}

const struct sink_counts *sink_counts(const struct sink *k)
{
	return &k->counts;
}

struct sink_counts *sink_counts_mine(struct sink *k)
{
	return &k->counts;
}

static const struct {
	const char *name, *help;
} count_names[] = {
#define SINK_COUNT(name, help) { #name, help },
#include "dataplane/smtp/sink_count.def"
#undef SINK_COUNT
};

enum { N_COUNTS = sizeof(count_names) / sizeof(count_names[0]) };
static_assert(sizeof(struct sink_counts) == N_COUNTS * sizeof(_Atomic uint64_t), "an array");

const char *sink_count_name(uint32_t i)
{
	return i < N_COUNTS ? count_names[i].name : NULL;
}

const char *sink_count_help(uint32_t i)
{
	return i < N_COUNTS ? count_names[i].help : NULL;
}

uint64_t sink_count_value(const struct sink_counts *c, uint32_t i)
{
	assert(i < N_COUNTS);
	return counter_read((const _Atomic uint64_t *)c + i);
}
