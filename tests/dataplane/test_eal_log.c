/* test_eal_log.c - DPDK's log arrives line by line, and one line tells what went wrong first. */
#include "dataplane/eal_log.h"
#include "tests/support/suite.h"

#include <rte_log.h>
#include <string.h>

static struct {
	enum dp_log_level level;
	char text[300];
} lines[16];
static unsigned n_lines;

static void keep(enum dp_log_level level, const char *line)
{
	if (n_lines < 16) {
		lines[n_lines].level = level;
		snprintf(lines[n_lines].text, sizeof(lines[0].text), "%s", line);
	}
	n_lines++;
}

static void start(void)
{
	n_lines = 0;
	CU_ASSERT_EQUAL_FATAL(eal_log_start(keep), 0);
}

static void a_line_is_whole_however_it_was_written(void)
{
	start();
	rte_log(RTE_LOG_NOTICE, RTE_LOGTYPE_USER1, "one\ntwo\n\nthr");
	rte_log(RTE_LOG_NOTICE, RTE_LOGTYPE_USER1, "ee\n");
	CU_ASSERT_EQUAL_FATAL(n_lines, 3);
	CU_ASSERT_STRING_EQUAL(lines[0].text, "one");
	CU_ASSERT_STRING_EQUAL(lines[1].text, "two");
	CU_ASSERT_STRING_EQUAL(lines[2].text, "three");
	eal_log_stop();
}

static void a_long_line_is_cut_and_harms_nobody(void)
{
	char text[2000];

	start();
	memset(text, 'x', sizeof(text) - 2);
	text[sizeof(text) - 2] = '\n';
	text[sizeof(text) - 1] = '\0';
	rte_log(RTE_LOG_ERR, RTE_LOGTYPE_USER1, "%s", text);
	rte_log(RTE_LOG_ERR, RTE_LOGTYPE_USER1, "next\n");
	CU_ASSERT_EQUAL_FATAL(n_lines, 2);
	CU_ASSERT_EQUAL(strlen(lines[0].text), 255);
	CU_ASSERT_STRING_EQUAL(lines[1].text, "next");
	eal_log_stop();
}

static void dpdks_errors_are_for_who_debugs_its_panics_for_everybody(void)
{
	start();
	rte_log(RTE_LOG_ERR, RTE_LOGTYPE_USER1, "harmless\n");
	rte_log(RTE_LOG_CRIT, RTE_LOGTYPE_USER1, "not harmless\n");
	CU_ASSERT_EQUAL_FATAL(n_lines, 2);
	CU_ASSERT_EQUAL(lines[0].level, DP_LOG_DEBUG);
	CU_ASSERT_EQUAL(lines[1].level, DP_LOG_ERROR);
	eal_log_stop();
}

static void the_first_trouble_is_kept(void)
{
	start();
	CU_ASSERT_STRING_EQUAL(eal_log_first_error(), "");
	rte_log(RTE_LOG_NOTICE, RTE_LOGTYPE_USER1, "all is well\n");
	rte_log(RTE_LOG_WARNING, RTE_LOGTYPE_USER1, "EAL: no hugepages\n");
	rte_log(RTE_LOG_WARNING, RTE_LOGTYPE_USER1, "tap: not allowed\n");
	rte_log(RTE_LOG_ERR, RTE_LOGTYPE_USER1, "probe failed\n");
	CU_ASSERT_STRING_EQUAL(eal_log_first_error(), "tap: not allowed");
	eal_log_stop();
}

SUITE("dataplane/eal_log", TEST(a_line_is_whole_however_it_was_written),
      TEST(a_long_line_is_cut_and_harms_nobody),
      TEST(dpdks_errors_are_for_who_debugs_its_panics_for_everybody),
      TEST(the_first_trouble_is_kept))
