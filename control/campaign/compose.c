/* compose.c - the composing threads: rows in, messages in slabs out.
 *
 *	compose_try_order() -> [orders] -> thread: tpl_compose() -> [done] -> compose_try_take()
 *
 * A message that turns out larger than its slab takes a larger one. When there is none, its order
 * gives up what it has and waits in `waiting` on the control side until slabs come back; while
 * one waits, no new order is taken, so that small messages cannot starve it.
 */
#include "control/campaign/compose.h"

#include <assert.h>
#include <errno.h>

#include "control/campaign/dsn.h"
#include "control/campaign/slab.h"
#include "control/lint/wire.h"
#include "control/thread.h"
#include "control/xalloc.h"
#include "dataplane/base/spsc.h"
#include "dataplane/base/wake.h"

enum {
	COMPOSE_RING = 256,  /* orders on their way through one thread */
	COMPOSE_HINTS = 256, /* campaigns whose usual slab class is remembered */
	COMPOSE_THREADS_MAX = 256,
	/* With what aligns the message behind it. */
	SLAB_ENVELOPE_BYTES = 2 * DP_ADDRESS_MAX + (int)DSN_ENVID_MAX + (int)DSN_ORCPT_MAX + 64,
};

struct order {
	uint64_t cookie;
	const struct campaign *c;
	struct keyring *keys; /* held; NULL: none */
	uint8_t *slab;        /* NULL: the thread stops */
	int64_t first_attempt_s, now_s;
	uint32_t row, class;
	bool as_7bit;
};

struct outcome {
	struct order order;
	bool no_slab; /* nothing was composed: order.class is not to be had now */
	struct compose_done done;
};

struct thread {
	struct spsc orders, done;
	struct wake work;
	struct composer *co;
	pthread_t thread;
	_Atomic bool stop;
	bool started;
	uint32_t on_the_way; /* control's: ordered and not taken */
};

struct composer {
	struct wake news;
	struct slabs *slabs;
	uint32_t n_threads;
	struct thread *threads;

	/* Control's own. */
	struct keyring *keys;  /* held; NULL: none */
	struct order *waiting; /* n_threads * COMPOSE_RING: as many as can be on their way */
	uint32_t n_waiting;
	uint32_t next_take;
	uint8_t hints[COMPOSE_HINTS]; /* slab class that a campaign's last message needed */
};

/* ---- the threads ---- */

static struct span copy_into(uint8_t **at, struct span s)
{
	struct span copy = span_of(*at, s.bytes);

	memcpy(*at, s.at, s.bytes);
	*at += s.bytes;
	return copy;
}

/* The address as the list has it; that of a test is its own. */
static struct span original_of(const struct campaign *c, const struct table_row *row)
{
	const struct tpl_value *listed = &row->values[c->address_column];

	if (c->spec.to_test != NULL || listed->kind != TPL_STRING)
		return row->address;
	return span_of(listed->text, listed->n);
}

/* How reports are to name message and recipient (RFC 3461). */
static void name_for_reports(const struct order *o, const struct table_row *row, uint8_t **at,
                             struct compose_done *done)
{
	char envid[DSN_ENVID_MAX], orcpt[DSN_ORCPT_MAX];

	done->envid = copy_into(at, span_of(envid, campaign_envid(o->c, o->row, envid)));
	done->orcpt = copy_into(at, span_of(orcpt, dsn_orcpt(original_of(o->c, row), orcpt)));
}

/* Composes into one slab: items and members of the row's values, the envelope, the message. */
static int compose_into(const struct order *o, size_t slab_bytes, struct compose_done *done)
{
	char mail_from[DP_ADDRESS_MAX];
	struct table_row row;
	struct tpl_job job = { .values = row.values,
		               .signers = o->keys == NULL ? NULL : keyring_signers(o->keys),
		               .tokens = o->keys == NULL ? NULL : keyring_tokens(o->keys),
		               .as_7bit = o->as_7bit };
	struct cell_room room = { .at = o->slab, .max = slab_bytes - SLAB_ENVELOPE_BYTES };
	uint8_t *at;

	campaign_name_message(o->c, o->row, o->first_attempt_s, o->now_s, &job);
	if (!table_row(o->c->table, o->row, &room, &row))
		return -ENOSPC;
	at = o->slab + room.bytes;
	done->mail_from =
	    copy_into(&at, span_of(mail_from, campaign_mail_from(o->c, o->row, mail_from)));
	done->rcpt_to = copy_into(&at, row.address);
	done->envid = done->orcpt = span_of(NULL, 0);
	if (o->c->dsn.is_asked && o->c->spec.shared_copy == NULL) /* else it is not of one row */
		name_for_reports(o, &row, &at, done);
	job.envelope.mail_from = done->mail_from;
	job.envelope.rcpt_to = done->rcpt_to;
	/* Whatever the template code lays there stays aligned. */
	at = o->slab + ((size_t)(at - o->slab) + 63) / 64 * 64;
	return tpl_compose(&job, at, slab_bytes - (size_t)(at - o->slab), &done->out, &done->err);
}

/* A message that breaks a rule for every one of them is not sent, and says which. What lies outside
 * of the slab is the campaign's, and was judged when it started.
 */
static int check_message(const struct order *o, size_t slab_bytes, struct compose_done *done)
{
	const struct lint_wire wire = { .spans = done->out.wire,
		                        .n_spans = done->out.n_wire,
		                        .fresh = span_of(o->slab, slab_bytes),
		                        .may_8bit = done->out.needs_8bit,
		                        .may_utf8 = done->out.needs_smtputf8 };
	struct lint_fault fault;

	if (lint_wire_check(&wire, &fault))
		return 0;
	done->err = (struct tpl_err){ .file = "message", .line = fault.line };
	snprintf(done->err.text, sizeof(done->err.text), "%s: %s", lint_rows[fault.id].id,
	         fault.what);
	return -EINVAL;
}

static void fill_too_large(struct slabs *slabs, struct tpl_err *err)
{
	memset(err, 0, sizeof(*err));
	snprintf(err->text, sizeof(err->text),
	         "the message needs more than compose.message_bytes_max (%zu bytes)",
	         slab_class_bytes(slabs, slabs_n_classes(slabs) - 1));
}

static void compose(struct slabs *slabs, struct outcome *out)
{
	struct order *o = &out->order;
	struct compose_done *done = &out->done;

	done->cookie = o->cookie;
	for (;;) {
		done->result = compose_into(o, slab_class_bytes(slabs, o->class), done);
		if (done->result != -ENOSPC || o->class + 1 == slabs_n_classes(slabs))
			break;
		slab_put(slabs, o->slab);
		o->slab = slab_try_get(slabs, ++o->class);
		if (o->slab == NULL) {
			out->no_slab = true;
			return;
		}
	}
	/* Attachments lie outside of the slab. */
	if (done->result == 0 &&
	    done->out.size_bytes > slab_class_bytes(slabs, slabs_n_classes(slabs) - 1))
		done->result = -ENOSPC;
	if (done->result == -ENOSPC)
		fill_too_large(slabs, &done->err);
	if (done->result == 0)
		done->result = check_message(o, slab_class_bytes(slabs, o->class), done);
	if (done->result == 0) {
		done->slab = o->slab;
		return;
	}
	done->result = -EINVAL;
	memset(&done->out, 0, sizeof(done->out));
	done->mail_from = done->rcpt_to = done->envid = done->orcpt = span_of(NULL, 0);
	slab_put(slabs, o->slab);
}

static void *compose_main(void *arg)
{
	struct thread *t = arg;

	while (!atomic_load(&t->stop)) {
		struct outcome out = { .no_slab = false };
		bool put;

		if (!spsc_try_take(&t->orders, &out.order)) {
			wake_about_to_sleep(&t->work);
			if (spsc_count(&t->orders) == 0 && !atomic_load(&t->stop))
				wake_wait(&t->work, UINT64_MAX);
			wake_awake(&t->work);
			continue;
		}
		compose(t->co->slabs, &out);
		put = spsc_try_put(&t->done, &out);
		assert(put); /* no more are on their way than the ring holds */
		(void)put;
		wake_signal(&t->co->news);
	}
	return NULL;
}

/* ---- the control side ---- */

static int start(struct composer *co, struct thread *t, uint32_t i)
{
	char name[16];
	int result;

	t->co = co;
	t->work.fd = -1;
	if ((result = spsc_init(&t->orders, COMPOSE_RING, sizeof(struct order))) != 0 ||
	    (result = spsc_init(&t->done, COMPOSE_RING, sizeof(struct outcome))) != 0 ||
	    (result = wake_init(&t->work)) != 0)
		return result;
	snprintf(name, sizeof(name), "ph-compose-%u", i % COMPOSE_THREADS_MAX);
	result = thread_start_nice(&t->thread, name, compose_main, t);
	t->started = result == 0;
	return result;
}

int composer_open(const struct composer_conf *conf, struct composer **out, char why[256])
{
	struct composer *co;
	int result;

	if (conf->threads == 0 || conf->threads > COMPOSE_THREADS_MAX ||
	    conf->message_bytes_max < SLAB_BYTES_MIN ||
	    conf->slab_bytes < conf->message_bytes_max) {
		snprintf(why, 256,
		         "compose.threads must be 1..%d, compose.message_bytes_max at least %d and "
		         "compose.slab_bytes no less",
		         COMPOSE_THREADS_MAX, SLAB_BYTES_MIN);
		return -EINVAL;
	}
	co = xcheck(aligned_alloc(64, (sizeof(*co) + 63) / 64 * 64));
	memset(co, 0, sizeof(*co));
	co->threads = xcheck(aligned_alloc(64, conf->threads * sizeof(*co->threads)));
	memset(co->threads, 0, conf->threads * sizeof(*co->threads));
	co->waiting = xcalloc((size_t)conf->threads * COMPOSE_RING, sizeof(*co->waiting));
	co->slabs = slabs_new(conf->slab_bytes, conf->message_bytes_max);
	result = wake_init(&co->news);
	while (result == 0 && co->n_threads < conf->threads) {
		result = start(co, &co->threads[co->n_threads], co->n_threads);
		co->n_threads++;
	}
	if (result != 0) {
		snprintf(why, 256, "cannot start the composing threads: %s", strerror(-result));
		composer_close(co);
		return result;
	}
	*out = co;
	return 0;
}

static void stop(struct composer *co, struct thread *t)
{
	struct outcome out;
	struct order order;

	if (t->started) {
		atomic_store(&t->stop, true);
		wake_signal(&t->work);
		pthread_join(t->thread, NULL);
	}
	while (t->orders.slots != NULL && spsc_try_take(&t->orders, &order)) {
		keyring_put(order.keys);
		slab_put(co->slabs, order.slab);
	}
	while (t->done.slots != NULL && spsc_try_take(&t->done, &out)) {
		keyring_put(out.order.keys);
		if (out.done.slab != NULL)
			slab_put(co->slabs, out.done.slab);
	}
	spsc_fini(&t->orders);
	spsc_fini(&t->done);
	if (t->work.fd >= 0)
		wake_fini(&t->work);
}

void composer_close(struct composer *co)
{
	for (uint32_t i = 0; i < co->n_threads; i++)
		stop(co, &co->threads[i]);
	if (co->news.fd >= 0)
		wake_fini(&co->news);
	while (co->n_waiting > 0)
		keyring_put(co->waiting[--co->n_waiting].keys);
	keyring_put(co->keys);
	slabs_free(co->slabs);
	free(co->waiting);
	free(co->threads);
	free(co);
}

/* The thread with the shortest queue, or NULL when all are full. */
static struct thread *pick(struct composer *co)
{
	struct thread *best = NULL;

	for (uint32_t i = 0; i < co->n_threads; i++) {
		struct thread *t = &co->threads[i];

		if (t->on_the_way < COMPOSE_RING &&
		    (best == NULL || t->on_the_way < best->on_the_way))
			best = t;
	}
	return best;
}

static bool try_order(struct composer *co, struct order *o)
{
	struct thread *t = pick(co);
	bool put;

	if (t == NULL || (o->slab = slab_try_get(co->slabs, o->class)) == NULL)
		return false;
	put = spsc_try_put(&t->orders, o);
	assert(put);
	(void)put;
	t->on_the_way++;
	wake_signal(&t->work);
	return true;
}

static void retry_waiting(struct composer *co)
{
	while (co->n_waiting > 0 && try_order(co, &co->waiting[co->n_waiting - 1]))
		co->n_waiting--;
}

static bool order(struct composer *co, uint64_t cookie, const struct campaign *c, uint32_t row,
                  int64_t first_attempt_s, int64_t now_s, bool as_7bit)
{
	struct order o = { .cookie = cookie,
		           .c = c,
		           .row = row,
		           .first_attempt_s = first_attempt_s,
		           .now_s = now_s,
		           .class = co->hints[c->id % COMPOSE_HINTS],
		           .as_7bit = as_7bit };

	assert(c->tpl != NULL && row < table_n_rows(c->table));
	retry_waiting(co);
	if (co->n_waiting > 0)
		return false;
	o.keys = keyring_get(co->keys);
	if (try_order(co, &o))
		return true;
	keyring_put(o.keys);
	return false;
}

bool compose_try_order(struct composer *co, uint64_t cookie, const struct campaign *c, uint32_t row,
                       int64_t first_attempt_s, int64_t now_s)
{
	return order(co, cookie, c, row, first_attempt_s, now_s, false);
}

bool compose_try_order_as_7bit(struct composer *co, uint64_t cookie, const struct campaign *c,
                               uint32_t row, int64_t first_attempt_s, int64_t now_s)
{
	return order(co, cookie, c, row, first_attempt_s, now_s, true);
}

void composer_set_keys(struct composer *co, struct keyring *keys)
{
	struct keyring *old = co->keys;

	co->keys = keyring_get(keys);
	keyring_put(old);
}

/* What a campaign's next message will likely need: what this one took, or less if it was small.
 * Texts that are the same in all messages are not in the slab.
 */
static void learn_class(struct composer *co, const struct outcome *out)
{
	uint32_t class = out->order.class;
	size_t used = out->done.out.size_bytes;

	for (uint32_t i = 0; i < out->done.out.n_text; i++)
		if (out->done.out.text[i].segment == 0)
			used += out->done.out.text[i].bytes.bytes;
	if (!out->no_slab && class > 0 && used < slab_class_bytes(co->slabs, class - 1) / 2)
		class --;
	co->hints[out->order.c->id % COMPOSE_HINTS] = (uint8_t) class;
}

bool compose_try_take(struct composer *co, struct compose_done *done)
{
	struct outcome out;

	/* A thread may have given a slab back by itself, for a row that failed. */
	retry_waiting(co);
	for (uint32_t i = 0; i < co->n_threads; i++) {
		struct thread *t = &co->threads[(co->next_take + i) % co->n_threads];

		while (spsc_try_take(&t->done, &out)) {
			assert(t->on_the_way > 0);
			t->on_the_way--;
			learn_class(co, &out);
			if (out.no_slab) {
				co->waiting[co->n_waiting++] = out.order;
				retry_waiting(co);
				continue;
			}
			keyring_put(out.order.keys);
			co->next_take = (co->next_take + i + 1) % co->n_threads;
			*done = out.done;
			return true;
		}
	}
	return false;
}

void compose_free(struct composer *co, void *slab)
{
	slab_put(co->slabs, slab);
	retry_waiting(co);
}

int composer_wake_fd(const struct composer *co)
{
	return co->news.fd;
}

bool composer_about_to_sleep(struct composer *co)
{
	wake_about_to_sleep(&co->news);
	for (uint32_t i = 0; i < co->n_threads; i++)
		if (spsc_count(&co->threads[i].done) > 0)
			return false;
	return true;
}

void composer_awake(struct composer *co)
{
	wake_awake(&co->news);
}
