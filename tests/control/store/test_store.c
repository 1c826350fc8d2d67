/* test_store.c - what was reported durable is there after any end, in order, once. */
#include "control/store/store.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "control/store/db.h"
#include "tests/support/suite.h"
#include "tests/support/tmpdir.h"

/* ThreadSanitizer, where it is: the child of a fork may start threads here. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "die_after_fork=0";
}

static struct store *open_store(const char *dir, uint32_t stall_ms)
{
	struct store_conf conf = {
		.dir = dir, .batch_max = 64, .queue_max = 256, .stall_ms = stall_ms
	};
	char why[STORE_WHY_BYTES] = "";
	struct store *s = NULL;

	if (store_open(&conf, &s, why) != 0)
		printf("\n    %s", why);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	return s;
}

static struct store_rec rec_of(uint32_t campaign, uint32_t row)
{
	return (struct store_rec){ .campaign = campaign, .row = row, .rows = 1, .kind = 2 };
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits for news as the control loop does; false after five seconds without. */
static bool wait_durable(struct store *s)
{
	struct pollfd p = { .fd = store_wake_fd(s), .events = POLLIN };
	bool news = true;

	if (store_about_to_sleep(s))
		news = poll(&p, 1, 5000) > 0;
	store_awake(s);
	return news;
}

/* Appends rows [from, to) with the row as cookie and waits until all are durable, in order. */
static void append_all(struct store *s, uint32_t campaign, uint32_t from, uint32_t to)
{
	uint32_t next = from, durable = from;

	while (durable < to) {
		uint64_t cookies[16];
		uint32_t n;

		while (next < to) {
			struct store_rec rec = rec_of(campaign, next);

			if (store_append(s, &rec, next) != 0)
				break;
			next++;
		}
		CU_ASSERT_TRUE_FATAL(wait_durable(s));
		while ((n = store_durable(s, cookies, 16)) > 0)
			for (uint32_t i = 0; i < n; i++)
				CU_ASSERT_EQUAL(cookies[i], durable++);
	}
	CU_ASSERT_EQUAL(store_pending(s), 0);
}

struct seen {
	uint32_t n, next_row;
	bool in_order;
};

static bool see(void *ctx, const struct store_rec *rec)
{
	struct seen *seen = ctx;

	seen->in_order = seen->in_order && rec->row == seen->next_row;
	seen->next_row++;
	seen->n++;
	return true;
}

static uint32_t count_in_order(struct store *s, uint32_t campaign)
{
	struct seen seen = { .in_order = true };

	CU_ASSERT_EQUAL(store_scan(s, campaign, see, &seen), 0);
	CU_ASSERT_TRUE(seen.in_order);
	return seen.n;
}

static void records_come_back_in_order_after_reopening(void)
{
	char dir[TMPDIR_BYTES];
	struct store *s = open_store(tmpdir_make(dir), 0);

	for (uint32_t round = 0; round < 3; round++) {
		append_all(s, 7, round * 1000, (round + 1) * 1000);
		store_close(s);
		s = open_store(dir, 0);
		CU_ASSERT_EQUAL(count_in_order(s, 7), (round + 1) * 1000);
	}
	CU_ASSERT_EQUAL(count_in_order(s, 6), 0);
	CU_ASSERT_EQUAL(count_in_order(s, 8), 0);
	store_close(s);
	tmpdir_del(dir);
}

static void campaigns_do_not_see_each_other(void)
{
	char dir[TMPDIR_BYTES];
	struct store *s = open_store(tmpdir_make(dir), 0);

	append_all(s, 255, 0, 10);
	append_all(s, 256, 0, 20);
	append_all(s, 255, 10, 15);
	append_all(s, UINT32_MAX, 0, 3);
	CU_ASSERT_EQUAL(count_in_order(s, 255), 15);
	CU_ASSERT_EQUAL(count_in_order(s, 256), 20);
	CU_ASSERT_EQUAL(count_in_order(s, UINT32_MAX), 3);
	store_close(s);
	tmpdir_del(dir);
}

static void closing_makes_everything_appended_durable(void)
{
	char dir[TMPDIR_BYTES];
	struct store *s = open_store(tmpdir_make(dir), 0);

	for (uint32_t row = 0; row < 200; row++) {
		struct store_rec rec = rec_of(1, row);

		CU_ASSERT_EQUAL(store_append(s, &rec, row), 0);
	}
	store_close(s);
	s = open_store(dir, 0);
	CU_ASSERT_EQUAL(count_in_order(s, 1), 200);
	store_close(s);
	tmpdir_del(dir);
}

static void a_full_queue_refuses_and_a_fetched_cookie_makes_room(void)
{
	char dir[TMPDIR_BYTES];
	struct store *s = open_store(tmpdir_make(dir), 0);
	struct store_rec rec = rec_of(1, 0);
	uint64_t cookie;
	uint32_t n = 0;

	while (n < 1000 && store_append(s, &rec, n) == 0)
		n++;
	CU_ASSERT_EQUAL(n, 256);
	CU_ASSERT_EQUAL(store_append(s, &rec, n), -EAGAIN);
	CU_ASSERT_TRUE_FATAL(wait_durable(s));
	CU_ASSERT_EQUAL(store_durable(s, &cookie, 1), 1);
	CU_ASSERT_EQUAL(cookie, 0);
	CU_ASSERT_EQUAL(store_append(s, &rec, n), 0);
	CU_ASSERT_EQUAL(store_append(s, &rec, n + 1), -EAGAIN);
	store_close(s);
	tmpdir_del(dir);
}

static void nothing_is_reported_while_the_disk_stalls(void)
{
	char dir[TMPDIR_BYTES];
	struct store *s = open_store(tmpdir_make(dir), 300);
	struct store_rec rec = rec_of(1, 0);
	int64_t start_ms = now_ms();
	uint64_t cookie;

	CU_ASSERT_EQUAL(store_append(s, &rec, 42), 0);
	CU_ASSERT_EQUAL(store_durable(s, &cookie, 1), 0);
	CU_ASSERT_EQUAL(store_pending(s), 1);
	CU_ASSERT_TRUE(wait_durable(s));
	CU_ASSERT(now_ms() - start_ms >= 300);
	CU_ASSERT_EQUAL(store_durable(s, &cookie, 1), 1);
	CU_ASSERT_EQUAL(cookie, 42);
	store_close(s);
	tmpdir_del(dir);
}

/* The child tells every durable row through the pipe, after its store said so; it is killed in the
 * middle, and all that it told must be there.
 */
static void append_until_killed(const char *dir, int pipe_fd)
{
	struct store *s = open_store(dir, 0);
	uint32_t row = count_in_order(s, 3);
	uint64_t cookies[64];

	for (;;) {
		struct store_rec rec = rec_of(3, row);
		uint32_t n;

		if (store_append(s, &rec, row) == 0)
			row++;
		else
			wait_durable(s);
		while ((n = store_durable(s, cookies, 64)) > 0)
			if (write(pipe_fd, cookies, n * sizeof(cookies[0])) < 0)
				_exit(1);
	}
}

static uint32_t kill_while_it_appends(const char *dir, uint32_t told_min, uint64_t *last)
{
	uint64_t cookies[512];
	uint32_t told = 0;
	int fds[2];
	ssize_t n;
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		append_until_killed(dir, fds[1]);
	}
	CU_ASSERT_FATAL(pid > 0);
	close(fds[1]);
	while ((n = read(fds[0], cookies, sizeof(cookies))) > 0) {
		CU_ASSERT_EQUAL((size_t)n % sizeof(cookies[0]), 0);
		*last = cookies[(size_t)n / sizeof(cookies[0]) - 1];
		told += (uint32_t)((size_t)n / sizeof(cookies[0]));
		if (told >= told_min)
			kill(pid, SIGKILL);
	}
	CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
	close(fds[0]);
	return told;
}

/* RocksDB's threads outlive its handles, and ThreadSanitizer lets no forked child use their ids
 * again: under it the first round, whose parent has no threads yet, is the only one.
 */
#ifdef __SANITIZE_THREAD__
enum { KILL_ROUNDS = 1 };
#else
enum { KILL_ROUNDS = 5 };
#endif

static void all_that_was_reported_survives_kill_9(void)
{
	char dir[TMPDIR_BYTES];

	tmpdir_make(dir);
	for (uint32_t round = 0; round < KILL_ROUNDS; round++) {
		uint64_t last = 0;
		struct store *s;
		uint32_t n;

		CU_ASSERT(kill_while_it_appends(dir, 100 + 150 * round, &last) > 0);
		s = open_store(dir, 0);
		n = count_in_order(s, 3);
		if (n <= last)
			printf("\n    row %llu was reported, %u rows are there",
			       (unsigned long long)last, n);
		CU_ASSERT(n > last);
		store_close(s);
	}
	tmpdir_del(dir);
}

static void a_store_in_use_is_refused_with_its_holder(void)
{
	char dir[TMPDIR_BYTES], pid[32], why[STORE_WHY_BYTES] = "";
	struct store *s = open_store(tmpdir_make(dir), 0), *second = NULL;
	struct store_conf conf = { .dir = dir, .batch_max = 1, .queue_max = 1 };

	CU_ASSERT_EQUAL(store_open(&conf, &second, why), -EBUSY);
	snprintf(pid, sizeof(pid), "process %d;", (int)getpid());
	CU_ASSERT_PTR_NOT_NULL(strstr(why, pid));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, dir));
	store_close(s);
	CU_ASSERT_EQUAL(store_open(&conf, &second, why), 0);
	store_close(second);
	tmpdir_del(dir);
}

static void a_store_of_another_format_is_refused(void)
{
	char dir[TMPDIR_BYTES], why[STORE_WHY_BYTES] = "";
	struct store *s = open_store(tmpdir_make(dir), 0);
	struct store_conf conf = { .dir = dir, .batch_max = 1, .queue_max = 1 };
	struct db_batch *batch;
	struct db *db;

	store_close(s);
	CU_ASSERT_EQUAL_FATAL(db_open(dir, &db, why), 0);
	batch = db_batch_new();
	db_batch_put(batch, span_str("v"), span_str("posthaste 99"));
	CU_ASSERT_EQUAL(db_write(db, batch, why), 0);
	db_batch_free(batch);
	db_close(db);
	CU_ASSERT_EQUAL(store_open(&conf, &s, why), -EPROTO);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "posthaste 99"));
	tmpdir_del(dir);
}

static void named_values_are_kept_replaced_and_deleted(void)
{
	char dir[TMPDIR_BYTES], got[16];
	struct store *s = open_store(tmpdir_make(dir), 0);

	CU_ASSERT_EQUAL(store_get(s, "campaign/1", got, sizeof(got)), -ENOENT);
	CU_ASSERT_EQUAL(store_put(s, "campaign/1", span_str("welcome")), 0);
	CU_ASSERT_EQUAL(store_put(s, "campaign/1", span_str("hello")), 0);
	CU_ASSERT_EQUAL(store_put(s, "campaign/2", span_str("")), 0);
	store_close(s);
	s = open_store(dir, 0);
	CU_ASSERT_EQUAL(store_get(s, "campaign/1", got, sizeof(got)), 5);
	CU_ASSERT_EQUAL(memcmp(got, "hello", 5), 0);
	CU_ASSERT_EQUAL(store_get(s, "campaign/1", got, 4), -ENOSPC);
	CU_ASSERT_EQUAL(store_get(s, "campaign/2", got, sizeof(got)), 0);
	CU_ASSERT_EQUAL(store_del(s, "campaign/1"), 0);
	CU_ASSERT_EQUAL(store_get(s, "campaign/1", got, sizeof(got)), -ENOENT);
	CU_ASSERT_EQUAL(store_put(s, "", span_str("x")), -EINVAL);
	store_close(s);
	tmpdir_del(dir);
}

/* A limit on file size stands in for a full disk: writes fail until it is lifted. */
static void a_disk_that_refuses_loses_nothing_and_says_so(void)
{
	struct rlimit old, small;
	char dir[TMPDIR_BYTES];
	struct store *s = open_store(tmpdir_make(dir), 0);
	struct store_rec rec = rec_of(1, 0);
	const char *said = NULL;
	uint64_t cookie;

	append_all(s, 1, 0, 100);
	CU_ASSERT_PTR_NULL(store_trouble(s));
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = old;
	small.rlim_cur = 100;
	setrlimit(RLIMIT_FSIZE, &small);
	rec.row = 100;
	CU_ASSERT_EQUAL(store_append(s, &rec, 100), 0);
	for (int64_t until_ms = now_ms() + 5000; said == NULL && now_ms() < until_ms;)
		said = store_trouble(s);
	CU_ASSERT_PTR_NOT_NULL(said);
	/* Long enough for tries that fail again, the opening anew included. */
	poll(NULL, 0, 2500);
	CU_ASSERT_PTR_NOT_NULL(store_trouble(s));
	CU_ASSERT_EQUAL(store_durable(s, &cookie, 1), 0);
	setrlimit(RLIMIT_FSIZE, &old);
	CU_ASSERT_TRUE_FATAL(wait_durable(s));
	CU_ASSERT_EQUAL(store_durable(s, &cookie, 1), 1);
	CU_ASSERT_PTR_NULL(store_trouble(s));
	append_all(s, 1, 101, 200);
	store_close(s);
	s = open_store(dir, 0);
	CU_ASSERT_EQUAL(count_in_order(s, 1), 200);
	store_close(s);
	tmpdir_del(dir);
}

struct named {
	uint32_t n;
	char names[8][32];
	char values[8][32];
};

static bool see_named(void *ctx, struct span name, struct span value)
{
	struct named *seen = ctx;

	snprintf(seen->names[seen->n], 32, "%.*s", (int)name.bytes, (const char *)name.at);
	snprintf(seen->values[seen->n], 32, "%.*s", (int)value.bytes, (const char *)value.at);
	return ++seen->n < 8;
}

/* They are named values; the newest holds, and nobody is told of them. */
static void notes_become_durable_with_the_records_around_them(void)
{
	char dir[TMPDIR_BYTES], value[32] = "";
	struct store *s = open_store(tmpdir_make(dir), 0);
	struct store_rec rec = rec_of(1, 0);
	struct named seen = { 0 };
	uint64_t cookies[8];
	uint32_t n = 0;

	CU_ASSERT_EQUAL(store_note(s, "tls/b", span_str("old")), 0);
	CU_ASSERT_EQUAL(store_note(s, "tls/a", span_str("1")), 0);
	CU_ASSERT_EQUAL(store_note(s, "tls/c", span_str("3")), 0);
	CU_ASSERT_EQUAL(store_append(s, &rec, 42), 0);
	CU_ASSERT_EQUAL(store_note(s, "tls/b", span_str("2")), 0);
	CU_ASSERT_EQUAL(store_note(s, "tls/c", span_of(NULL, 0)), 0);
	CU_ASSERT_EQUAL(store_note(s, "tlz", span_str("not of them")), 0);
	while (store_pending(s) > 0 && wait_durable(s))
		n += store_durable(s, cookies + n, 8 - n);
	n += store_durable(s, cookies + n, 8 - n);
	CU_ASSERT_EQUAL(n, 1);
	CU_ASSERT_EQUAL(cookies[0], 42);
	store_close(s);
	s = open_store(dir, 0);
	CU_ASSERT_EQUAL(store_get(s, "tls/b", value, sizeof(value)), 1);
	CU_ASSERT_EQUAL(value[0], '2');
	CU_ASSERT_EQUAL(store_get(s, "tls/c", value, sizeof(value)), -ENOENT);
	CU_ASSERT_EQUAL(store_each(s, "tls/", see_named, &seen), 0);
	CU_ASSERT_EQUAL(seen.n, 2);
	CU_ASSERT_STRING_EQUAL(seen.names[0], "tls/a");
	CU_ASSERT_STRING_EQUAL(seen.values[0], "1");
	CU_ASSERT_STRING_EQUAL(seen.names[1], "tls/b");
	CU_ASSERT_EQUAL(count_in_order(s, 1), 1);
	store_close(s);
	tmpdir_del(dir);
}

/* They take room in the queue as records do, and give it back. */
static void notes_are_bounded_by_the_queue(void)
{
	char dir[TMPDIR_BYTES];
	struct store *s = open_store(tmpdir_make(dir), 0);
	uint64_t cookie;
	uint32_t n = 0;

	while (n < 1000 && store_note(s, "tls/a", span_str("1")) == 0)
		n++;
	CU_ASSERT_EQUAL(n, 256);
	while (store_pending(s) > 0)
		(void)wait_durable(s);
	CU_ASSERT_EQUAL(store_durable(s, &cookie, 1), 0);
	CU_ASSERT_EQUAL(store_note(s, "tls/a", span_str("1")), 0);
	store_close(s);
	tmpdir_del(dir);
}

SUITE("control/store/store", TEST(all_that_was_reported_survives_kill_9),
      TEST(records_come_back_in_order_after_reopening), TEST(campaigns_do_not_see_each_other),
      TEST(closing_makes_everything_appended_durable),
      TEST(a_full_queue_refuses_and_a_fetched_cookie_makes_room),
      TEST(nothing_is_reported_while_the_disk_stalls),
      TEST(a_store_in_use_is_refused_with_its_holder), TEST(a_store_of_another_format_is_refused),
      TEST(notes_become_durable_with_the_records_around_them), TEST(notes_are_bounded_by_the_queue),
      TEST(named_values_are_kept_replaced_and_deleted),
      TEST(a_disk_that_refuses_loses_nothing_and_says_so))
