/* test_body.c - dot-stuffing that no cut, of spans or of room, can change. */
#include <stdlib.h>

#include "dataplane/smtp/body.h"
#include "tests/support/suite.h"

static const struct {
	const char *why, *body, *want;
	bool line_open; /* after it */
} cases[] = {
	{ "nothing", "", "", false },
	{ "no dot", "a\r\nb\r\n", "a\r\nb\r\n", false },
	{ "a dot first", ".a\r\n", "..a\r\n", false },
	{ "a dot alone", "a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n", false },
	{ "two dots", "..\r\n..\r\n", "...\r\n...\r\n", false },
	{ "dots inside", "a.b.\r\nc..\r\n", "a.b.\r\nc..\r\n", false },
	{ "no line end", "a\r\n.b", "a\r\n..b", true },
	{ "only a dot", ".", "..", true },
	{ "a dot after a bare LF", "a\n.\nb\r\n", "a\n..\nb\r\n", false },
	{ "a dot after a bare CR", "a\r.\r\n", "a\r.\r\n", false },
	{ "a dot ends it", "a\r\n.", "a\r\n..", true },
};

static void check(size_t i, struct dp_job *job, size_t room, const char *how, size_t cut)
{
	struct smtp_body b;
	char out[64];
	size_t n = 0, steps = 0;
	bool same;

	smtp_body_begin(&b, false);
	while (!smtp_body_is_done(&b, job) && steps++ < 100)
		n += smtp_body_copy(&b, job, (uint8_t *)out + n, room);
	same = n == strlen(cases[i].want) && memcmp(out, cases[i].want, n) == 0 &&
	       b.line_open == cases[i].line_open;
	if (!same)
		printf("\n    %s, %s %zu: got \"%.*s\"", cases[i].why, how, cut, (int)n, out);
	CU_ASSERT_TRUE(same);
}

static void dots_are_doubled_whatever_the_room(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dp_job job = { .wire = { span_str(cases[i].body) }, .n_wire = 1 };

		for (size_t room = 1; room < 20; room++)
			check(i, &job, room, "room", room);
	}
}

static void dots_are_doubled_wherever_the_spans_are_cut(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *body = cases[i].body;
		size_t bytes = strlen(body);

		for (size_t cut = 0; cut <= bytes; cut++) {
			struct dp_job job = { .wire = { span_of(body, cut), span_of(body, 0),
				                        span_of(body + cut, bytes - cut) },
				              .n_wire = 3 };

			check(i, &job, 40, "cut", cut);
			check(i, &job, 1, "cut, byte by byte,", cut);
		}
	}
}

SUITE("dataplane/smtp/body", TEST(dots_are_doubled_whatever_the_room),
      TEST(dots_are_doubled_wherever_the_spans_are_cut))
