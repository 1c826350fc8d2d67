/* test_ctl_conns.c - every connection is shown once, a part at a time, to several clients at once.
 */
#include <errno.h>

#include "tests/control/ctl/ask.h"
#include "tests/control/ctl/serve.h"
#include "tests/support/suite.h"

enum { MANY = 3 * DP_ASK_ROWS + 5 };

static json_t *rows_of(const char *line, uint32_t *parts)
{
	char *text = ask(line, parts);
	json_t *rows = json_loads(text, 0, NULL);

	if (rows == NULL)
		printf("\n    %s", text);
	free(text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(rows);
	return rows;
}

static json_int_t number(const json_t *rows, size_t row, const char *key)
{
	return json_integer_value(json_object_get(json_array_get(rows, row), key));
}

static void every_connection_of_every_worker_is_a_row(void)
{
	uint32_t parts;
	json_t *rows;

	fake_reset();
	fake.n_conns = MANY;
	rows = rows_of("json show connections", &parts);
	CU_ASSERT_EQUAL_FATAL(json_array_size(rows), 2 * MANY);
	for (size_t i = 0; i < 2 * MANY; i++) {
		CU_ASSERT_EQUAL(number(rows, i, "worker"), i / MANY);
		CU_ASSERT_EQUAL(number(rows, i, "messages"), i % MANY);
	}
	CU_ASSERT_EQUAL(fake.n_asked, 8);
	CU_ASSERT_TRUE(parts >= 8); /* never more than one answer in memory */
	json_decref(rows);
}

static void a_row_tells_path_states_and_windows(void)
{
	json_t *rows, *row;
	char *text;

	fake_reset();
	fake.n_conns = 1;
	rows = rows_of("json show connections", NULL);
	row = json_array_get(rows, 0);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(row, "local")), "10.9.0.2");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(row, "remote")), "10.25.0.1");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(row, "site")), "mx.alpha.test");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(row, "tcp")), "established");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(row, "smtp")), "idle");
	CU_ASSERT_EQUAL(number(rows, 0, "remote_port"), 25);
	CU_ASSERT_EQUAL(number(rows, 0, "srtt_us"), 1500);
	CU_ASSERT_EQUAL(number(rows, 0, "cwnd"), 14600);
	CU_ASSERT_EQUAL(number(rows, 0, "age_ms"), 125000);
	CU_ASSERT_TRUE(json_is_null(json_object_get(row, "ssthresh"))); /* no loss yet */
	json_decref(rows);
	text = ask("show connections", NULL);
	CU_ASSERT_EQUAL(strncmp(text, "worker source", 13), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, " 10.9.0.2:1024         10.25.0.1:25          "
	                                    "mx.alpha.test        established idle "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, " 2 m 5 s "));
	free(text);
}

static void one_site_may_be_asked_for_by_its_name_or_a_domain(void)
{
	static const char *const lines[] = { "json show connections alpha.test",
		                             "json show connections mx.alpha.test" };
	json_t *rows;
	char *text;

	fake_reset();
	fake.n_conns = MANY;
	for (size_t i = 0; i < 2; i++) {
		rows = rows_of(lines[i], NULL);
		/* The even ones but number 4, of both workers. */
		CU_ASSERT_EQUAL(json_array_size(rows), 2 * ((MANY + 1) / 2 - 1));
		for (size_t n = 0; n < json_array_size(rows); n++)
			CU_ASSERT_EQUAL(number(rows, n, "messages") % 2, 0);
		json_decref(rows);
	}
	text = ask("show connections nosuch.test", NULL);
	CU_ASSERT_STRING_EQUAL(text, "error: no mail goes to \"nosuch.test\" now; \"show sites\" "
	                             "lists all receivers in use");
	free(text);
}

static void a_connection_that_has_just_ended_has_no_site(void)
{
	json_t *rows, *site;

	fake_reset();
	fake.n_conns = 5;
	rows = rows_of("json show connections", NULL);
	site = json_object_get(json_array_get(rows, 4), "site");
	CU_ASSERT_TRUE(json_is_null(site));
	json_decref(rows);
}

static void a_limit_ends_the_asking(void)
{
	json_t *rows;
	char *text;

	fake_reset();
	fake.n_conns = MANY;
	rows = rows_of("json show connections limit 7", NULL);
	CU_ASSERT_EQUAL(json_array_size(rows), 7);
	CU_ASSERT_EQUAL(fake.n_asked, 1);
	json_decref(rows);
	rows = rows_of("json show connections alpha.test limit 3", NULL);
	CU_ASSERT_EQUAL(json_array_size(rows), 3);
	json_decref(rows);
	rows = rows_of("json show connections limit 0", NULL);
	CU_ASSERT_EQUAL(json_array_size(rows), 0);
	json_decref(rows);
	text = ask("show connections limit many", NULL);
	CU_ASSERT_STRING_EQUAL(text, "error: \"many\" is not a number; write limit 100");
	free(text);
}

static void nothing_open_is_an_empty_list(void)
{
	char *text;

	fake_reset();
	text = ask("json show connections", NULL);
	CU_ASSERT_STRING_EQUAL(text, "[]\n");
	free(text);
	text = ask("show connections", NULL);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "ssthresh"));
	free(text);
}

/* The engine's loop takes answers once a turn. */
static void on_idle(uv_idle_t *idle)
{
	(void)idle;
	asks_poll(engine_asks(NULL));
}

struct polled {
	struct served s;
	uv_idle_t idle;
};

static void start(struct polled *p)
{
	serve_start(&p->s);
	uv_idle_init(&p->s.loop, &p->idle);
	uv_idle_start(&p->idle, on_idle);
	fake.n_conns = MANY;
}

static bool stop(struct polled *p)
{
	uv_close((uv_handle_t *)&p->idle, NULL);
	return serve_stop(&p->s);
}

static void clients_at_once_each_get_all(void)
{
	struct call calls[5];
	struct polled p;

	start(&p);
	for (int i = 0; i < 5; i++)
		call_start(&calls[i], &p.s, "json show connections");
	for (int i = 0; i < 5; i++) {
		json_t *rows;

		call_wait(&calls[i]);
		CU_ASSERT_EQUAL(calls[i].result, 0);
		rows = json_loads(calls[i].text, 0, NULL);
		CU_ASSERT_EQUAL(json_array_size(rows), 2 * MANY);
		json_decref(rows);
		call_free(&calls[i]);
	}
	CU_ASSERT_TRUE(stop(&p));
}

static void a_client_that_goes_away_holds_nobody_up(void)
{
	struct linger at_once = { .l_onoff = 1 };
	struct polled p;
	struct call call;
	int fd;

	start(&p);
	fake.is_mute = true;
	fd = raw_connect(&p.s);
	CU_ASSERT_EQUAL(write(fd, "show connections\n", 17), 17);
	while (fake.n_asked == 0)
		uv_run(&p.s.loop, UV_RUN_NOWAIT);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
	call_start(&call, &p.s, "json show connections");
	for (int i = 0; i < 1000; i++)
		uv_run(&p.s.loop, UV_RUN_NOWAIT);
	fake.is_mute = false; /* the answer to the first comes to nobody, or cannot be written */
	call_wait(&call);
	CU_ASSERT_EQUAL(call.result, 0);
	call_free(&call);
	for (int i = 0; i < 1000 && ctl_n_clients(p.s.ctl) > 0; i++)
		uv_run(&p.s.loop, UV_RUN_NOWAIT);
	CU_ASSERT_EQUAL(ctl_n_clients(p.s.ctl), 0);
	CU_ASSERT_TRUE(stop(&p));
}

static void a_server_may_end_in_the_middle_of_an_answer(void)
{
	struct polled p;
	struct call call;

	start(&p);
	fake.is_mute = true;
	call_start(&call, &p.s, "show connections");
	while (fake.n_asked == 0)
		uv_run(&p.s.loop, UV_RUN_NOWAIT);
	ctl_close(p.s.ctl);
	call_wait(&call);
	CU_ASSERT_EQUAL(call.result, -EPIPE);
	call_free(&call);
	uv_close((uv_handle_t *)&p.idle, NULL);
	uv_close((uv_handle_t *)&p.s.wake, NULL);
	uv_run(&p.s.loop, UV_RUN_DEFAULT);
	CU_ASSERT_EQUAL(uv_loop_close(&p.s.loop), 0);
	CU_ASSERT_EQUAL(rmdir(p.s.dir), 0);
	/* The worker's answer finds nobody and no harm is done. */
	fake.is_mute = false;
	asks_poll(engine_asks(NULL));
}

static void counters_of_the_stack_stand_by_room_with_their_sum(void)
{
	char *text, *json;
	json_t *all;

	fake_reset();
	text = ask("show tcp", NULL);
	json = ask("json show tcp", NULL);
	all = json_loads(json, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(all);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(all, "workers")), 2);
	for (uint32_t i = 0; i < dp_n_counters(); i++) {
		static const char *const rooms[] = { "port", "net", "tcp" };
		const char *name = dp_counter_name(i);
		bool is_tcp = strncmp(name, "tcp_", 4) == 0;
		const json_t *sum = json_object_get(all, "sum"), *found = NULL;

		for (size_t r = 0; r < 3 && found == NULL; r++)
			found = json_object_get(json_object_get(sum, rooms[r]), name);
		if (is_tcp)
			CU_ASSERT_PTR_NOT_NULL(found);
		if (found != NULL) {
			CU_ASSERT_EQUAL(json_integer_value(found), 3000 + 2 * i);
			CU_ASSERT_PTR_NOT_NULL(strstr(text, name));
		}
		CU_ASSERT_FALSE(strncmp(name, "smtp_", 5) == 0 && found != NULL);
	}
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\ntcp  "));
	json_decref(all);
	free(json);
	free(text);
}

SUITE("control/ctl/ctl_conns", TEST(every_connection_of_every_worker_is_a_row),
      TEST(a_row_tells_path_states_and_windows),
      TEST(one_site_may_be_asked_for_by_its_name_or_a_domain),
      TEST(a_connection_that_has_just_ended_has_no_site), TEST(a_limit_ends_the_asking),
      TEST(nothing_open_is_an_empty_list), TEST(clients_at_once_each_get_all),
      TEST(a_client_that_goes_away_holds_nobody_up),
      TEST(a_server_may_end_in_the_middle_of_an_answer),
      TEST(counters_of_the_stack_stand_by_room_with_their_sum))
