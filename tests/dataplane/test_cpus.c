/* test_cpus.c - workers get the last CPUs, and somebody else always has one. */
#include "dataplane/cpus.h"
#include "tests/support/suite.h"

static cpu_set_t set_of(uint64_t mask)
{
	cpu_set_t s;

	CPU_ZERO(&s);
	for (int i = 0; i < 64; i++)
		if (mask >> i & 1)
			CPU_SET(i, &s);
	return s;
}

static void cpus_are_divided_as_the_design_says(void)
{
	static const struct {
		const char *why;
		uint64_t may;
		uint32_t n_workers;
		uint64_t first, last, others;
		uint8_t spins;
	} cases[] = {
		/* clang-format off */
		{ "one CPU is shared, nobody spins",       0x01, 1, 0x01, 0x01, 0x01, 0 },
		{ "one CPU, two workers",                  0x01, 2, 0x01, 0x01, 0x01, 0 },
		{ "two CPUs: the worker has the second",   0x03, 1, 0x02, 0x02, 0x01, 1 },
		{ "two CPUs, two workers share it",        0x03, 2, 0x02, 0x02, 0x01, 0 },
		{ "eight CPUs, two workers: the last two", 0xff, 2, 0x40, 0x80, 0x3f, 1 },
		{ "only allowed CPUs are used",            0x2a, 1, 0x20, 0x20, 0x0a, 1 },
		{ "as many workers as CPUs",               0x0f, 4, 0x02, 0x02, 0x01, 0 },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cpu_set_t may = set_of(cases[i].may), first = set_of(cases[i].first),
			  last = set_of(cases[i].last), others = set_of(cases[i].others);
		struct cpus_plan plan;

		cpus_plan_make(&may, cases[i].n_workers, &plan);
		if (!CPU_EQUAL(&plan.workers[0], &first) ||
		    !CPU_EQUAL(&plan.workers[cases[i].n_workers - 1], &last) ||
		    !CPU_EQUAL(&plan.others, &others) || plan.spins[0] != cases[i].spins)
			printf("\n    %s", cases[i].why);
		CU_ASSERT_TRUE(CPU_EQUAL(&plan.workers[0], &first));
		CU_ASSERT_TRUE(CPU_EQUAL(&plan.workers[cases[i].n_workers - 1], &last));
		CU_ASSERT_TRUE(CPU_EQUAL(&plan.others, &others));
		CU_ASSERT_EQUAL(plan.spins[0], cases[i].spins);
	}
}

static void only_who_has_a_cpu_alone_may_spin(void)
{
	static const bool want[6] = { false, false, true, false, false };
	cpu_set_t may = set_of(0x0f);
	struct cpus_plan plan;

	cpus_plan_make(&may, 5, &plan); /* three CPUs for five: only the third has one worker */
	for (unsigned i = 0; i < 5; i++)
		CU_ASSERT_EQUAL(plan.spins[i], want[i]);
}

SUITE("dataplane/cpus", TEST(cpus_are_divided_as_the_design_says),
      TEST(only_who_has_a_cpu_alone_may_spin))
