/* test_log.c - lines on standard error, as an operator sees them.
 *
 * Includes the .c: the rate limit is asked with a clock of the test's own.
 */
#include <stdlib.h>
#include <string.h>

#include "control/log.c"
#include "tests/support/suite.h"

static char text[16384];

/* Runs `fn` with standard error going to a file, whose text is then in `text`. */
static void capture(void (*fn)(void))
{
	FILE *f = tmpfile();
	int old = dup(STDERR_FILENO);

	dup2(fileno(f), STDERR_FILENO);
	fn();
	dup2(old, STDERR_FILENO);
	close(old);
	memset(text, 0, sizeof(text));
	rewind(f);
	CU_ASSERT(fread(text, 1, sizeof(text) - 1, f) < sizeof(text) - 1);
	fclose(f);
}

static uint32_t n_lines(void)
{
	uint32_t n = 0;

	for (const char *c = text; *c != '\0'; c++)
		n += *c == '\n';
	return n;
}

static void say_both(void)
{
	log_init(DP_LOG_INFO, 0);
	log_info("hello %d", 5);
	log_debug("not this");
}

static void a_line_has_time_level_and_text_and_lesser_levels_are_dropped(void)
{
	capture(say_both);
	CU_ASSERT_EQUAL(n_lines(), 1);
	CU_ASSERT_EQUAL(text[10], 'T');
	CU_ASSERT_STRING_EQUAL(text + 19, "Z info hello 5\n");
}

static void say_hostile(void)
{
	log_line(DP_LOG_WARN, "550 \x1b[2J\r\nforged \x7f \xc3\xa9");
}

static void what_a_peer_said_cannot_forge_lines_or_steer_a_terminal(void)
{
	capture(say_hostile);
	CU_ASSERT_EQUAL(n_lines(), 1);
	CU_ASSERT_STRING_EQUAL(text + 19, "Z warn 550 \\x1b[2J\\x0d\\x0aforged \\x7f \xc3\xa9\n");
}

static void say_long(void)
{
	char line[8000];

	memset(line, '\x01', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	log_line(DP_LOG_ERROR, line);
}

static void a_long_line_is_cut(void)
{
	capture(say_long);
	CU_ASSERT_EQUAL(n_lines(), 1);
	CU_ASSERT(strlen(text) <= LINE_BYTES_MAX);
	CU_ASSERT(strlen(text) > LINE_BYTES_MAX - 10);
}

static void say_many(void)
{
	log_init(DP_LOG_INFO, 3);
	for (int i = 0; i < 10; i++)
		if (has_room(1000, DP_LOG_INFO))
			write_line(1000, DP_LOG_INFO, "x");
	CU_ASSERT(has_room(1000, DP_LOG_ERROR));
	CU_ASSERT(has_room(1001, DP_LOG_INFO));
}

static void lines_over_the_limit_are_counted_and_told_when_there_is_room(void)
{
	capture(say_many);
	CU_ASSERT_EQUAL(n_lines(), 4);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "1970-01-01T00:16:41Z warn 7 lines were not logged: "
	                                    "log.lines_per_second\n"));
}

SUITE("control/log", TEST(a_line_has_time_level_and_text_and_lesser_levels_are_dropped),
      TEST(what_a_peer_said_cannot_forge_lines_or_steer_a_terminal), TEST(a_long_line_is_cut),
      TEST(lines_over_the_limit_are_counted_and_told_when_there_is_room))
