/* test_ctl_client.c - the command line's side, with engines that answer, refuse, die or are not. */
#include <errno.h>

#include "tests/control/ctl/serve.h"
#include "tests/support/suite.h"

static void an_answer_is_copied_without_the_protocols_own_lines(void)
{
	struct served s;
	struct call c;

	serve_start(&s);
	call_start(&c, &s, "reload");
	call_wait(&c);
	CU_ASSERT_EQUAL(c.result, 0);
	CU_ASSERT_STRING_EQUAL(c.text, "reloaded\n");
	CU_ASSERT_STRING_EQUAL(c.error, "");
	call_free(&c);
	call_start(&c, &s, "show nothing");
	call_wait(&c);
	CU_ASSERT_EQUAL(c.result, 1);
	CU_ASSERT_STRING_EQUAL(c.text, "");
	CU_ASSERT_EQUAL(strncmp(c.error, "unknown command \"show nothing\"", 30), 0);
	call_free(&c);
	CU_ASSERT(serve_stop(&s));
}

static void without_an_engine_one_line_says_so(void)
{
	char error[512], long_path[300];

	CU_ASSERT_EQUAL(ctl_call("/nonexistent/sock", "help", stdout, error), -ENOENT);
	CU_ASSERT_STRING_EQUAL(error, "no engine answers at /nonexistent/sock; start one with: "
	                              "posthaste run -c FILE");
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	CU_ASSERT_EQUAL(ctl_call(long_path, "help", stdout, error), -ENAMETOOLONG);
}

/* An engine that says `text` and goes away. */
struct dying {
	int fd;
	const char *text;
};

static void *die(void *arg)
{
	struct dying *d = arg;
	int fd = accept(d->fd, NULL, NULL);
	char line[100];

	if (recv(fd, line, sizeof(line), 0) > 0 && send(fd, d->text, strlen(d->text), 0) < 0)
		abort();
	close(fd);
	return NULL;
}

static void an_answer_that_was_cut_is_not_taken_for_whole(void)
{
	static const struct {
		const char *text;
		int want;
	} cases[] = {
		{ "", -EPIPE },
		{ "ok\n", -EPIPE },
		{ "ok\nhalf a li", -EPIPE },
		{ "ok\nrow\nen", -EPIPE },
		{ "nonsense\nend\n", -EPIPE },
		{ "ok\nend\n", 0 },
		{ "ok\nend\nend\n", 0 },
		{ "error: x\n", 1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sockaddr_un addr = { .sun_family = AF_UNIX };
		struct dying d = { socket(AF_UNIX, SOCK_STREAM, 0), cases[i].text };
		char error[512], *text;
		pthread_t thread;
		size_t bytes;
		FILE *out = open_memstream(&text, &bytes);

		snprintf(addr.sun_path, sizeof(addr.sun_path), "/tmp/posthaste-test-dying-%d",
		         getpid());
		CU_ASSERT_EQUAL_FATAL(bind(d.fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
		CU_ASSERT_EQUAL_FATAL(listen(d.fd, 1), 0);
		CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, die, &d), 0);
		CU_ASSERT_EQUAL(ctl_call(addr.sun_path, "help", out, error), cases[i].want);
		CU_ASSERT_EQUAL(error[0] == '\0', cases[i].want == 0);
		pthread_join(thread, NULL);
		fclose(out);
		if (strcmp(cases[i].text, "ok\nend\nend\n") == 0)
			CU_ASSERT_STRING_EQUAL(text, "end\n");
		free(text);
		close(d.fd);
		unlink(addr.sun_path);
	}
}

SUITE("control/ctl/ctl_client", TEST(an_answer_is_copied_without_the_protocols_own_lines),
      TEST(without_an_engine_one_line_says_so), TEST(an_answer_that_was_cut_is_not_taken_for_whole))
