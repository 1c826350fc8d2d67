/* store.c - what must survive: the thread that makes records durable, and its two rings.
 *
 *	store_append() -> [orders] -> thread: batch, one fsync -> [durable] -> store_durable()
 *
 * Both rings hold queue_max: a record is refused while queue_max are on their way, those whose
 * cookie nobody has fetched yet included, so neither ring is ever found full.
 */
#include "control/store/store.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "control/store/db.h"
#include "control/store/lock.h"
#include "control/store/rec.h"
#include "control/xalloc.h"
#include "dataplane/base/spsc.h"
#include "dataplane/base/wake.h"

enum {
	STORE_NAME_MAX = 255,
	STORE_BATCH_MAX = 1 << 16,
	STORE_QUEUE_MAX = 1 << 20,
	STORE_RETRY_MS = 1000,
};

static const uint64_t cookie_of_notes = UINT64_MAX; /* nobody waits for them */

/* A record, or a note: its name and value stand in the record's text. */
struct order {
	uint64_t cookie;
	uint8_t name_bytes, value_bytes; /* 0: a record */
	struct store_rec rec;
};
static_assert(STORE_NOTE_MAX <= STORE_TEXT_MAX, "a note fits");

/* The next sequence number of one campaign; of those appended to in this run. */
struct counter {
	uint32_t campaign;
	uint64_t next;
};

struct store {
	struct store_conf conf;
	char *dir;
	int lock_fd;
	struct db *db;

	struct spsc orders, durable;
	struct wake work, news;
	uint32_t on_the_way; /* control's: accepted, cookie not fetched */
	uint64_t appended;   /* control's */
	_Atomic uint64_t settled;
	_Atomic bool stop;
	pthread_t thread;

	pthread_mutex_t trouble_lock;
	bool in_trouble;                     /* under trouble_lock */
	char trouble[STORE_WHY_BYTES];       /* under trouble_lock */
	char trouble_shown[STORE_WHY_BYTES]; /* control's copy */

	/* The thread's own. */
	struct counter *counters;
	uint32_t n_counters;
	struct db_batch *batch;
	uint64_t *cookies;
	uint32_t n_batch;
};

static void sleep_ms(uint32_t ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		;
}

static void set_trouble(struct store *s, const char *text)
{
	pthread_mutex_lock(&s->trouble_lock);
	s->in_trouble = text != NULL;
	if (text != NULL)
		snprintf(s->trouble, sizeof(s->trouble), "%s", text);
	pthread_mutex_unlock(&s->trouble_lock);
}

const char *store_trouble(struct store *s)
{
	bool in_trouble;

	pthread_mutex_lock(&s->trouble_lock);
	in_trouble = s->in_trouble;
	memcpy(s->trouble_shown, s->trouble, sizeof(s->trouble));
	pthread_mutex_unlock(&s->trouble_lock);
	return in_trouble ? s->trouble_shown : NULL;
}

/* Says what the disk said and waits; what cannot be done now is tried until it can. A full disk is
 * seen before RocksDB is touched; after any other trouble it must be opened anew.
 */
static void pause_in_trouble(struct store *s, int result, const char *text)
{
	char why[STORE_WHY_BYTES];

	set_trouble(s, text);
	sleep_ms(STORE_RETRY_MS);
	if (result != -ENOSPC && db_reopen(s->db, why) != 0)
		set_trouble(s, why);
}

/* One more than the campaign's last durable sequence number. */
static uint64_t read_next_seq(struct store *s, uint32_t campaign)
{
	uint8_t last[REC_KEY_BYTES], found[REC_KEY_BYTES];
	uint32_t found_campaign;
	uint64_t seq;
	int n;

	rec_key(campaign, UINT64_MAX, last);
	for (;;) {
		n = db_last_before(s->db, span_of(last, sizeof(last)), found, sizeof(found));
		if (n != -EIO)
			break;
		pause_in_trouble(s, n, "store: cannot read the last record of a campaign");
	}
	if (n < 0 || rec_key_decode(span_of(found, (size_t)n), &found_campaign, &seq) != 0 ||
	    found_campaign != campaign)
		return 1;
	return seq + 1;
}

static uint64_t take_seq(struct store *s, uint32_t campaign)
{
	/* Records come in runs, so the last one used is first; there are few campaigns. */
	for (uint32_t i = s->n_counters; i-- > 0;)
		if (s->counters[i].campaign == campaign)
			return s->counters[i].next++;
	s->counters = xrealloc(s->counters, s->n_counters + 1, sizeof(*s->counters));
	s->counters[s->n_counters].campaign = campaign;
	s->counters[s->n_counters].next = read_next_seq(s, campaign);
	return s->counters[s->n_counters++].next++;
}

/* The key of a named value, or an empty span for a name that is none. */
static struct span name_key(const char *name, size_t bytes, uint8_t out[1 + STORE_NAME_MAX])
{
	if (bytes == 0 || bytes > STORE_NAME_MAX)
		return span_of(NULL, 0);
	out[0] = 'm';
	memcpy(out + 1, name, bytes);
	return span_of(out, 1 + bytes);
}

static void batch_note(struct store *s, const struct order *order)
{
	uint8_t room[1 + STORE_NAME_MAX];
	struct span key = name_key(order->rec.text, order->name_bytes, room);

	if (order->value_bytes == 0)
		db_batch_del(s->batch, key);
	else
		db_batch_put(s->batch, key,
		             span_of(order->rec.text + order->name_bytes, order->value_bytes));
}

static void batch_record(struct store *s, const struct order *order)
{
	uint8_t key[REC_KEY_BYTES], value[REC_BYTES_MAX];
	size_t bytes;

	rec_key(order->rec.campaign, take_seq(s, order->rec.campaign), key);
	bytes = rec_encode(&order->rec, value);
	db_batch_put(s->batch, span_of(key, sizeof(key)), span_of(value, bytes));
}

/* Makes a batch of what waits. Returns false when nothing does. */
static bool form_batch(struct store *s)
{
	struct order order;

	db_batch_clear(s->batch);
	for (s->n_batch = 0; s->n_batch < s->conf.batch_max; s->n_batch++) {
		if (!spsc_try_take(&s->orders, &order))
			break;
		if (order.name_bytes > 0)
			batch_note(s, &order);
		else
			batch_record(s, &order);
		s->cookies[s->n_batch] = order.cookie;
	}
	return s->n_batch > 0;
}

/* The batch is kept until the disk has it: an outcome that was accepted is never dropped. Writing
 * it twice is harmless, its keys are fixed.
 */
static void write_batch(struct store *s)
{
	char why[STORE_WHY_BYTES];
	int result;

	while ((result = db_write(s->db, s->batch, why)) != 0)
		pause_in_trouble(s, result, why);
	set_trouble(s, NULL);
	if (s->conf.stall_ms > 0)
		sleep_ms(s->conf.stall_ms);
	for (uint32_t i = 0; i < s->n_batch; i++) {
		bool put = spsc_try_put(&s->durable, &s->cookies[i]);

		assert(put);
		(void)put;
	}
	atomic_fetch_add(&s->settled, s->n_batch);
	wake_signal(&s->news);
}

static void *store_main(void *arg)
{
	struct store *s = arg;

	pthread_setname_np(pthread_self(), "ph-store");
	for (;;) {
		/* Looked at before the ring: what was appended before the stop is still seen. */
		bool stop = atomic_load(&s->stop);

		if (form_batch(s)) {
			write_batch(s);
			continue;
		}
		if (stop)
			return NULL;
		wake_about_to_sleep(&s->work);
		if (spsc_count(&s->orders) == 0 && !atomic_load(&s->stop))
			wake_wait(&s->work, UINT64_MAX);
		wake_awake(&s->work);
	}
}

static int start_thread(struct store *s)
{
	sigset_t all, old;
	int result;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	result = -pthread_create(&s->thread, NULL, store_main, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return result;
}

static void store_free(struct store *s)
{
	if (s->db != NULL)
		db_close(s->db);
	if (s->batch != NULL)
		db_batch_free(s->batch);
	if (s->work.fd >= 0)
		wake_fini(&s->work);
	if (s->news.fd >= 0)
		wake_fini(&s->news);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	spsc_fini(&s->orders);
	spsc_fini(&s->durable);
	pthread_mutex_destroy(&s->trouble_lock);
	free(s->counters);
	free(s->cookies);
	free(s->dir);
	free(s);
}

int store_open(const struct store_conf *conf, struct store **out, char why[STORE_WHY_BYTES])
{
	struct store *s;
	int result;

	if (conf->batch_max == 0 || conf->batch_max > STORE_BATCH_MAX || conf->queue_max == 0 ||
	    conf->queue_max > STORE_QUEUE_MAX) {
		snprintf(why, STORE_WHY_BYTES,
		         "store.batch_max must be 1..%d and store.queue_max 1..%d", STORE_BATCH_MAX,
		         STORE_QUEUE_MAX);
		return -EINVAL;
	}
	s = xcheck(aligned_alloc(64, (sizeof(*s) + 63) / 64 * 64));
	memset(s, 0, sizeof(*s));
	s->conf = *conf;
	s->dir = xstrdup(conf->dir);
	s->lock_fd = s->work.fd = s->news.fd = -1;
	pthread_mutex_init(&s->trouble_lock, NULL);
	s->cookies = xcalloc(conf->batch_max, sizeof(*s->cookies));
	s->batch = db_batch_new();

	result = lock_take(s->dir, &s->lock_fd, why);
	if (result == 0)
		result = db_open(s->dir, &s->db, why);
	if (result != 0)
		goto out;
	if ((result = spsc_init(&s->orders, conf->queue_max, sizeof(struct order))) != 0 ||
	    (result = spsc_init(&s->durable, conf->queue_max, sizeof(uint64_t))) != 0 ||
	    (result = wake_init(&s->work)) != 0 || (result = wake_init(&s->news)) != 0 ||
	    (result = start_thread(s)) != 0)
		snprintf(why, STORE_WHY_BYTES, "store %s: cannot start its thread: %s", s->dir,
		         strerror(-result));
out:
	if (result != 0)
		store_free(s);
	else
		*out = s;
	return result;
}

void store_close(struct store *s)
{
	atomic_store(&s->stop, true);
	wake_signal(&s->work);
	pthread_join(s->thread, NULL);
	assert(atomic_load(&s->settled) == s->appended);
	store_free(s);
}

static int try_order(struct store *s, const struct order *order)
{
	bool put;

	if (s->on_the_way >= s->conf.queue_max)
		return -EAGAIN;
	put = spsc_try_put(&s->orders, order);
	assert(put);
	(void)put;
	s->on_the_way++;
	s->appended++;
	wake_signal(&s->work);
	return 0;
}

int store_append(struct store *s, const struct store_rec *rec, uint64_t cookie)
{
	const struct order order = { .cookie = cookie, .rec = *rec };

	assert(cookie != cookie_of_notes);
	return try_order(s, &order);
}

int store_note(struct store *s, const char *name, struct span value)
{
	size_t bytes = strlen(name);
	struct order order = { .cookie = cookie_of_notes,
		               .name_bytes = (uint8_t)bytes,
		               .value_bytes = (uint8_t)value.bytes };

	assert(bytes > 0 && bytes + value.bytes <= STORE_NOTE_MAX);
	memcpy(order.rec.text, name, bytes);
	if (value.bytes > 0)
		memcpy(order.rec.text + bytes, value.at, value.bytes);
	return try_order(s, &order);
}

uint32_t store_durable(struct store *s, uint64_t *cookies, uint32_t n)
{
	uint32_t taken = 0;

	while (taken < n && spsc_try_take(&s->durable, &cookies[taken])) {
		assert(s->on_the_way > 0);
		s->on_the_way--;
		taken += cookies[taken] != cookie_of_notes;
	}
	return taken;
}

int store_wake_fd(const struct store *s)
{
	return s->news.fd;
}

bool store_about_to_sleep(struct store *s)
{
	wake_about_to_sleep(&s->news);
	return spsc_count(&s->durable) == 0;
}

void store_awake(struct store *s)
{
	wake_awake(&s->news);
}

uint32_t store_pending(const struct store *s)
{
	return (uint32_t)(s->appended - atomic_load(&s->settled));
}

struct scan {
	store_rec_fn *fn;
	void *ctx;
};

static int scan_one(void *arg, struct span key, struct span value)
{
	const struct scan *scan = arg;
	struct store_rec rec;
	uint32_t campaign;
	uint64_t seq;

	if (rec_key_decode(key, &campaign, &seq) != 0 || rec_decode(value, &rec) != 0)
		return -EBADMSG;
	rec.campaign = campaign;
	return scan->fn(scan->ctx, &rec) ? 0 : 1;
}

int store_scan(struct store *s, uint32_t campaign, store_rec_fn *fn, void *ctx)
{
	struct scan scan = { .fn = fn, .ctx = ctx };
	uint8_t key[REC_KEY_BYTES];
	int result;

	rec_key(campaign, 0, key);
	result = db_each(s->db, span_of(key, 1 + 4), scan_one, &scan);
	return result > 0 ? 0 : result;
}

struct each {
	store_named_fn *fn;
	void *ctx;
};

static int each_one(void *arg, struct span key, struct span value)
{
	const struct each *each = arg;

	return each->fn(each->ctx, span_of(key.at + 1, key.bytes - 1), value) ? 0 : 1;
}

int store_each(struct store *s, const char *prefix, store_named_fn *fn, void *ctx)
{
	struct each each = { .fn = fn, .ctx = ctx };
	uint8_t room[1 + STORE_NAME_MAX];
	struct span key = name_key(prefix, strlen(prefix), room);
	int result;

	if (key.bytes == 0)
		return -EINVAL;
	result = db_each(s->db, key, each_one, &each);
	return result > 0 ? 0 : result;
}

static int write_named(struct store *s, const char *name, const struct span *value)
{
	char why[STORE_WHY_BYTES];
	uint8_t room[1 + STORE_NAME_MAX];
	struct span key = name_key(name, strlen(name), room);
	struct db_batch *batch;
	int result;

	if (key.bytes == 0)
		return -EINVAL;
	batch = db_batch_new();
	if (value != NULL)
		db_batch_put(batch, key, *value);
	else
		db_batch_del(batch, key);
	result = db_write(s->db, batch, why);
	db_batch_free(batch);
	return result;
}

int store_put(struct store *s, const char *name, struct span value)
{
	return write_named(s, name, &value);
}

int store_get(struct store *s, const char *name, void *out, size_t out_bytes)
{
	uint8_t room[1 + STORE_NAME_MAX];
	struct span key = name_key(name, strlen(name), room);

	return key.bytes == 0 ? -EINVAL : db_get(s->db, key, out, out_bytes);
}

int store_del(struct store *s, const char *name)
{
	return write_named(s, name, NULL);
}
