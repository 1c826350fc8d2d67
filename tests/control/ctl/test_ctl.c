/* test_ctl.c - the socket serves many, one of whom may be slow, silent, rude or gone. */
#include <errno.h>
#include <sys/stat.h>

#include "tests/control/ctl/serve.h"
#include "tests/support/suite.h"

static void the_socket_is_its_owners_alone(void)
{
	struct served s;
	struct stat st;

	serve_start(&s);
	CU_ASSERT_EQUAL(stat(s.path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0600);
	CU_ASSERT(S_ISSOCK(st.st_mode));
	CU_ASSERT(serve_stop(&s));
}

static void a_dead_engines_socket_is_replaced_and_a_live_ones_is_not(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct ctl *ctl;
	struct served s;
	char why[256], stale[80], want[256];
	int fd;

	serve_start(&s);
	CU_ASSERT_EQUAL(ctl_open(&s.loop, s.path, fake_engine(), &ctl, why), -EADDRINUSE);
	snprintf(want, sizeof(want),
	         "%s: an engine answers there already; stop it or set socket_path", s.path);
	CU_ASSERT_STRING_EQUAL(why, want);

	snprintf(stale, sizeof(stale), "%s/stale", s.dir);
	strcpy(addr.sun_path, stale);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(fd);
	CU_ASSERT_EQUAL_FATAL(ctl_open(&s.loop, stale, fake_engine(), &ctl, why), 0);
	ctl_close(ctl);
	CU_ASSERT_EQUAL(access(stale, F_OK), -1);

	fclose(fopen(stale, "w"));
	CU_ASSERT_EQUAL(ctl_open(&s.loop, stale, fake_engine(), &ctl, why), -EADDRINUSE);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, ": is there and no socket; remove it or set "));
	unlink(stale);
	CU_ASSERT_EQUAL(ctl_open(&s.loop, "/nonexistent/sock", fake_engine(), &ctl, why), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "/nonexistent/sock: cannot listen: No such file"));
	CU_ASSERT(serve_stop(&s));
}

static void one_client_waits_while_another_is_served(void)
{
	struct call slow, quick;
	struct served s;

	serve_start(&s);
	call_start(&slow, &s, "campaign export welcome /tmp/x.csv");
	while (fake.done == NULL)
		uv_run(&s.loop, UV_RUN_ONCE);
	call_start(&quick, &s, "show version");
	call_wait(&quick);
	CU_ASSERT_EQUAL(quick.result, 0);
	CU_ASSERT_EQUAL(strncmp(quick.text, "posthaste ", 10), 0);
	CU_ASSERT_EQUAL(ctl_n_clients(s.ctl), 1);
	fake.done(fake.done_ctx, 0, &fake.campaign, "wrote 5,350 lines");
	call_wait(&slow);
	CU_ASSERT_EQUAL(slow.result, 0);
	CU_ASSERT_STRING_EQUAL(slow.text, "wrote 5,350 lines\n");
	call_free(&slow);
	call_free(&quick);
	CU_ASSERT(serve_stop(&s));
}

static void an_answer_whose_client_or_server_is_gone_is_dropped(void)
{
	campaign_done_fn *done;
	struct served s;
	void *ctx;
	int fd;

	serve_start(&s);
	ctl_set_patience(s.ctl, 20);
	fd = raw_connect(&s);
	CU_ASSERT_EQUAL(send(fd, "campaign export welcome /x\n", 27, 0), 27);
	while (fake.done == NULL)
		uv_run(&s.loop, UV_RUN_ONCE);
	close(fd);
	fake.done(fake.done_ctx, 0, &fake.campaign, "late");
	while (ctl_n_clients(s.ctl) > 0)
		uv_run(&s.loop, UV_RUN_ONCE);

	fake.done = NULL;
	fd = raw_connect(&s);
	CU_ASSERT_EQUAL(send(fd, "campaign export welcome /x\n", 27, 0), 27);
	while (fake.done == NULL)
		uv_run(&s.loop, UV_RUN_ONCE);
	done = fake.done;
	ctx = fake.done_ctx;
	CU_ASSERT(serve_stop(&s));
	done(ctx, 0, &fake.campaign, "later still");
	close(fd);
}

static void a_long_list_comes_whole(void)
{
	struct served s;
	struct call c;
	size_t lines = 0;

	serve_start(&s);
	fake.n_sites = 20000;
	call_start(&c, &s, "show sites");
	call_wait(&c);
	CU_ASSERT_EQUAL(c.result, 0);
	for (size_t i = 0; i < c.bytes; i++)
		lines += c.text[i] == '\n';
	CU_ASSERT_EQUAL(lines, 20001);
	call_free(&c);
	CU_ASSERT(serve_stop(&s));
}

static void a_client_that_never_reads_hinders_nobody_and_is_closed(void)
{
	struct served s;
	struct call c;
	int fd;

	serve_start(&s);
	fake.n_sites = UINT32_MAX;
	ctl_set_patience(s.ctl, 50);
	fd = raw_connect(&s);
	CU_ASSERT_EQUAL(send(fd, "show sites\n", 11, 0), 11);
	while (ctl_n_clients(s.ctl) == 0)
		uv_run(&s.loop, UV_RUN_ONCE);
	call_start(&c, &s, "show version");
	call_wait(&c);
	CU_ASSERT_EQUAL(c.result, 0);
	while (ctl_n_clients(s.ctl) > 0)
		uv_run(&s.loop, UV_RUN_ONCE);
	call_free(&c);
	close(fd);
	CU_ASSERT(serve_stop(&s));
}

static void a_client_that_says_nothing_is_closed(void)
{
	struct served s;
	char text[64];

	serve_start(&s);
	ctl_set_patience(s.ctl, 20);
	raw_read(&s, raw_connect(&s), text, sizeof(text));
	CU_ASSERT_STRING_EQUAL(text, "");
	CU_ASSERT_EQUAL(ctl_n_clients(s.ctl), 0);
	CU_ASSERT(serve_stop(&s));
}

static void rude_requests_are_answered_with_an_error(void)
{
	static char oversized[3 * CTL_REQUEST_BYTES_MAX];
	const struct {
		const char *why, *text;
		size_t bytes;
		const char *want;
	} cases[] = {
		/* clang-format off */
		{ "a line without end", oversized, sizeof(oversized),
		  "error: request longer than 8,191 bytes; shorten it\nend\n" },
		{ "a NUL byte", "show\0stats\n", 11, "error: NUL byte in the request; remove it\nend\n" },
		{ "nothing", "\n", 1, "error: empty request; \"help\" lists all commands\nend\n" },
		{ "carriage return and more", "reload\r\nshow stats\n", 19, "ok\nreloaded\nend\n" },
		/* clang-format on */
	};
	struct served s;

	serve_start(&s);
	memset(oversized, 'x', sizeof(oversized));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = raw_connect(&s);
		char text[200];

		CU_ASSERT_EQUAL(send(fd, cases[i].text, cases[i].bytes, 0),
		                (ssize_t)cases[i].bytes);
		raw_read(&s, fd, text, sizeof(text));
		if (strcmp(text, cases[i].want) != 0)
			printf("\n    %s: got %s", cases[i].why, text);
		CU_ASSERT_STRING_EQUAL(text, cases[i].want);
	}
	CU_ASSERT(serve_stop(&s));
}

static void a_request_may_come_in_pieces_and_end_with_the_connection(void)
{
	static const char *const rests[] = { "oad", "oad\n" };
	struct served s;

	serve_start(&s);
	ctl_set_patience(s.ctl, 2000);
	for (uint32_t i = 0; i < 2; i++) {
		int fd = raw_connect(&s);
		char text[100];

		CU_ASSERT_EQUAL(send(fd, "rel", 3, 0), 3);
		while (ctl_n_clients(s.ctl) == 0)
			uv_run(&s.loop, UV_RUN_ONCE);
		uv_run(&s.loop, UV_RUN_NOWAIT);
		CU_ASSERT_EQUAL(send(fd, rests[i], strlen(rests[i]), 0), (ssize_t)strlen(rests[i]));
		if (i == 0)
			shutdown(fd, SHUT_WR);
		raw_read(&s, fd, text, sizeof(text));
		CU_ASSERT_STRING_EQUAL(text, "ok\nreloaded\nend\n");
		CU_ASSERT_EQUAL(fake.reloads, i + 1);
	}
	CU_ASSERT(serve_stop(&s));
}

static void more_clients_than_there_is_room_for_are_refused(void)
{
	int fds[CTL_CLIENTS_MAX];
	struct served s;
	struct call c;

	serve_start(&s);
	for (int i = 0; i < CTL_CLIENTS_MAX; i++)
		fds[i] = raw_connect(&s);
	while (ctl_n_clients(s.ctl) < CTL_CLIENTS_MAX)
		uv_run(&s.loop, UV_RUN_ONCE);
	call_start(&c, &s, "show version");
	call_wait(&c);
	CU_ASSERT_EQUAL(c.result, 1);
	CU_ASSERT_STRING_EQUAL(c.error, "too many clients at once; try again");
	CU_ASSERT_EQUAL(ctl_n_clients(s.ctl), CTL_CLIENTS_MAX);
	call_free(&c);
	for (int i = 0; i < CTL_CLIENTS_MAX; i++)
		close(fds[i]);
	while (ctl_n_clients(s.ctl) > 0)
		uv_run(&s.loop, UV_RUN_ONCE);
	CU_ASSERT(serve_stop(&s));
}

SUITE("control/ctl/ctl", TEST(the_socket_is_its_owners_alone),
      TEST(a_dead_engines_socket_is_replaced_and_a_live_ones_is_not),
      TEST(one_client_waits_while_another_is_served),
      TEST(an_answer_whose_client_or_server_is_gone_is_dropped), TEST(a_long_list_comes_whole),
      TEST(a_client_that_never_reads_hinders_nobody_and_is_closed),
      TEST(a_client_that_says_nothing_is_closed), TEST(rude_requests_are_answered_with_an_error),
      TEST(a_request_may_come_in_pieces_and_end_with_the_connection),
      TEST(more_clients_than_there_is_room_for_are_refused))
