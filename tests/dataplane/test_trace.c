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

static void what_was_open_is_found_again_once(void)
{
	struct trace t;

	fresh();
	CU_ASSERT_EQUAL_FATAL(trace_open(&t, dir, 0, 16), 0);
	CU_ASSERT_EQUAL(t.n_stale, 0);
	use(&t, 3, 1003);
	use(&t, 15, 1015);
	trace_close(&t); /* as a crash would leave it */

	CU_ASSERT_EQUAL_FATAL(trace_open(&t, dir, 0, 16), 0);
	CU_ASSERT_EQUAL_FATAL(t.n_stale, 2);
	CU_ASSERT_EQUAL(t.stale[0].local_port, 1003);
	CU_ASSERT_EQUAL(t.stale[1].local_port, 1015);
	for (uint32_t i = 0; i < 16; i++)
		CU_ASSERT_EQUAL(t.live[i].in_use, 0);
	trace_forget_stale(&t);
	trace_close(&t);

	CU_ASSERT_EQUAL_FATAL(trace_open(&t, dir, 0, 16), 0);
	CU_ASSERT_EQUAL(t.n_stale, 0);
	trace_close(&t);
}

static void a_second_crash_before_they_were_asked_forgets_nobody(void)
{
	struct trace t;

	fresh();
	CU_ASSERT_EQUAL_FATAL(trace_open(&t, dir, 0, 16), 0);
	use(&t, 0, 1000);
	trace_close(&t);
	CU_ASSERT_EQUAL_FATAL(trace_open(&t, dir, 0, 16), 0);
	use(&t, 0, 2000);
	trace_close(&t);
	CU_ASSERT_EQUAL_FATAL(trace_open(&t, dir, 0, 16), 0);
	CU_ASSERT_EQUAL(t.n_stale, 2);
	trace_close(&t);
}

static void a_changed_conns_max_keeps_what_fits(void)
{
	struct trace t;
	struct stat st;

	fresh();
	CU_ASSERT_EQUAL_FATAL(trace_open(&t, dir, 0, 100), 0);
	for (uint32_t i = 0; i < 100; i++)
		use(&t, i, (uint16_t)(2000 + i));
	trace_close(&t);
	CU_ASSERT_EQUAL_FATAL(trace_open(&t, dir, 0, 10), 0);
	CU_ASSERT_EQUAL(t.n_stale, 10);
	CU_ASSERT_EQUAL(stat(path, &st), 0);
	CU_ASSERT_EQUAL(st.st_size, (off_t)(20 * sizeof(struct tcp_trace_entry)));
	trace_close(&t);
	CU_ASSERT_EQUAL_FATAL(trace_open(&t, dir, 0, 1000), 0);
	CU_ASSERT_EQUAL(t.n_stale, 10);
	trace_close(&t);
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
	CU_ASSERT_EQUAL_FATAL(trace_open(&t, dir, 0, 16), 0);
	CU_ASSERT_EQUAL(t.n_stale, 0);
	trace_close(&t);
}

static void a_folder_that_is_not_there_is_an_error(void)
{
	struct trace t;

	CU_ASSERT_EQUAL(trace_open(&t, "/nonexistent", 0, 16), -ENOENT);
	unlink(path);
	rmdir(dir);
}

SUITE("dataplane/trace", TEST(what_was_open_is_found_again_once),
      TEST(a_second_crash_before_they_were_asked_forgets_nobody),
      TEST(a_changed_conns_max_keeps_what_fits),
      TEST(a_file_of_garbage_yields_nothing_and_is_replaced),
      TEST(a_folder_that_is_not_there_is_an_error))
