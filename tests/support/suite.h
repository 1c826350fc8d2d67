/* suite.h - a test file is a list of sentences; SUITE() makes its main().
 *
 *	SUITE("dataplane/base/addr", TEST(an_ipv4_prefix_counts_bits_of_its_own_family))
 *
 * Exit status 0 when every assertion held. Failures are printed by CUnit with file and line.
 */
#pragma once

#include <CUnit/Basic.h>
#include <stdio.h>

#define TEST(fn)                                                                                   \
	{                                                                                          \
#fn, fn                                                                            \
	}

#define SUITE(name, ...)                                                                           \
	int main(void)                                                                             \
	{                                                                                          \
		CU_TestInfo tests[] = { __VA_ARGS__, CU_TEST_INFO_NULL };                          \
		CU_SuiteInfo suites[] = { { name, NULL, NULL, NULL, NULL, tests },                 \
			                  CU_SUITE_INFO_NULL };                                    \
		unsigned failed;                                                                   \
                                                                                                   \
		if (CU_initialize_registry() != CUE_SUCCESS ||                                     \
		    CU_register_suites(suites) != CUE_SUCCESS)                                     \
			return 2;                                                                  \
		CU_basic_set_mode(CU_BRM_NORMAL);                                                  \
		CU_basic_run_tests();                                                              \
		failed = CU_get_number_of_failures() + (CU_get_number_of_tests_run() == 0);        \
		CU_cleanup_registry();                                                             \
		return failed != 0;                                                                \
	}
