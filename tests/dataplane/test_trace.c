/* test_trace.c - a crash forgets no open connection, and a strange file harms nobody. */
#include "dataplane/trace.h"
#include "tests/support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/test_trace.XXXXXX";
static char path[64];

static void fresh(void)
{
	if (path[0] == '\0') {
		CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
		snprintf(path, sizeof(path), "%s/open.0", dir);
	}
	unlink(path);
}

static void use(struct trace *t, uint32_t slot, uint16_t port)
{
	t->live[slot].local_port = port;
	t->live[slot].remote_port = 25;
	t->live[slot].in_use = 1;
}

static struct tcp_trace_entry *stale;
static uint32_t n_stale;

/* As an engine of `workers` starts: gathers, opens each file with its share, settles. */
static void begin(struct trace *t, uint32_t workers, uint32_t entries_max)
{
	free(stale);
	stale = NULL;
	CU_ASSERT_EQUAL_FATAL(trace_gather(dir, &stale, &n_stale), 0);
	for (uint32_t w = 0; w < workers; w++) {
		struct tcp_trace_entry mine[64];
		uint32_t n = 0;

		for (uint32_t i = 0; i < n_stale; i++)
			if (stale[i].local_port % workers == w)
				mine[n++] = stale[i];
		CU_ASSERT_EQUAL_FATAL(trace_open(&t[w], dir, w, entries_max, mine, n), 0);
		CU_ASSERT_EQUAL(t[w].n_stale, n);
	}
	trace_settle(dir, workers);
}

/* As a crash would leave it. */
static void crash(struct trace *t, uint32_t workers)
{
	for (uint32_t w = 0; w < workers; w++)
		trace_close(&t[w]);
}

static void what_was_open_is_found_again_once(void)
{
	struct trace t;

	fresh();
	begin(&t, 1, 16);
	CU_ASSERT_EQUAL(n_stale, 0);
	use(&t, 3, 1003);
	use(&t, 15, 1015);
	crash(&t, 1);

	begin(&t, 1, 16);
	CU_ASSERT_EQUAL_FATAL(n_stale, 2);
	CU_ASSERT_EQUAL(t.stale[0].local_port + t.stale[1].local_port, 2018);
	for (uint32_t i = 0; i < 16; i++)
		CU_ASSERT_EQUAL(t.live[i].in_use, 0);
	trace_forget_stale(&t);
	crash(&t, 1);

	begin(&t, 1, 16);
	CU_ASSERT_EQUAL(n_stale, 0);
	crash(&t, 1);
}

static void a_second_crash_before_they_were_asked_forgets_nobody(void)
{
	struct trace t;

	fresh();
	begin(&t, 1, 16);
	use(&t, 0, 1000);
	crash(&t, 1);
	begin(&t, 1, 16);
	use(&t, 0, 2000);
	crash(&t, 1);
	begin(&t, 1, 16);
	CU_ASSERT_EQUAL(n_stale, 2);
	crash(&t, 1);
}

static void another_number_of_workers_forgets_nobody(void)
{
	static const uint32_t workers[] = { 1, 4, 2, 8, 1, 3 };
	struct trace t[8];
	char last[64];

	fresh();
	for (unsigned i = 0; i < sizeof(workers) / sizeof(workers[0]); i++) {
		begin(t, workers[i], 16);
		CU_ASSERT_EQUAL(n_stale, 2 * i);
		use(&t[0], 0, (uint16_t)(1000 + i));
		use(&t[workers[i] - 1], 1, (uint16_t)(2000 + i));
		crash(t, workers[i]);
	}
	snprintf(last, sizeof(last), "%s/open.3", dir);
	CU_ASSERT_EQUAL(access(last, F_OK), -1); /* no worker's any more */
	for (unsigned w = 0; w < 3; w++) {
		snprintf(last, sizeof(last), "%s/open.%u", dir, w);
		unlink(last);
	}
}

static void a_crash_while_it_starts_forgets_nobody_and_doubles_nobody(void)
{
	struct trace t[3];

	fresh();
	begin(t, 3, 16);
	for (unsigned w = 0; w < 3; w++)
		use(&t[w], w, (uint16_t)(1000 + w));
	crash(t, 3);
	/* The first file is made anew, the others are still the old engine's. */
	free(stale);
	CU_ASSERT_EQUAL_FATAL(trace_gather(dir, &stale, &n_stale), 0);
	CU_ASSERT_EQUAL(n_stale, 3);
	CU_ASSERT_EQUAL_FATAL(trace_open(&t[0], dir, 0, 16, stale, 1), 0);
	trace_close(&t[0]);
	begin(t, 1, 16);
	CU_ASSERT_EQUAL(n_stale, 3);
	crash(t, 1);
	begin(t, 1, 16);
	CU_ASSERT_EQUAL(n_stale, 3);
	crash(t, 1);
}

static void a_changed_conns_max_keeps_all(void)
{
	struct trace t;
	struct stat st;

	fresh();
	begin(&t, 1, 50);
	for (uint32_t i = 0; i < 50; i++)
		use(&t, i, (uint16_t)(2000 + i));
	crash(&t, 1);
	begin(&t, 1, 10);
	CU_ASSERT_EQUAL(n_stale, 50);
	CU_ASSERT_EQUAL(stat(path, &st), 0);
	CU_ASSERT_EQUAL(st.st_size, (off_t)(60 * sizeof(struct tcp_trace_entry)));
	crash(&t, 1);
}

static void a_file_of_garbage_yields_nothing_and_is_replaced(void)
{
	uint8_t junk[1000];
	struct trace t;
	int fd;

	fresh();
	memset(junk, 0xa5, sizeof(junk));
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	CU_ASSERT_EQUAL(write(fd, junk, sizeof(junk)), (ssize_t)sizeof(junk));
	close(fd);
	begin(&t, 1, 16);
	CU_ASSERT_EQUAL(n_stale, 0);
	crash(&t, 1);
}

static void a_folder_that_is_not_there_is_an_error(void)
{
	struct trace t;

	CU_ASSERT_EQUAL(trace_gather("/nonexistent", &stale, &n_stale), -ENOENT);
	CU_ASSERT_EQUAL(trace_open(&t, "/nonexistent", 0, 16, NULL, 0), -ENOENT);
	free(stale);
	stale = NULL;
	unlink(path);
	CU_ASSERT_EQUAL(rmdir(dir), 0); /* nothing else was left there */
}

SUITE("dataplane/trace", TEST(what_was_open_is_found_again_once),
      TEST(a_second_crash_before_they_were_asked_forgets_nobody),
      TEST(another_number_of_workers_forgets_nobody),
      TEST(a_crash_while_it_starts_forgets_nobody_and_doubles_nobody),
      TEST(a_changed_conns_max_keeps_all), TEST(a_file_of_garbage_yields_nothing_and_is_replaced),
      TEST(a_folder_that_is_not_there_is_an_error))
