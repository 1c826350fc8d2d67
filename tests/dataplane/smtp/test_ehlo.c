/* test_ehlo.c - the offers of a server, in whatever spelling. */
#include "dataplane/smtp/ehlo.h"
#include "tests/support/suite.h"

static void offers_are_found_in_any_case_and_spacing(void)
{
	static const struct {
		const char *why, *line;
		struct smtp_caps want;
	} cases[] = {
		/* clang-format off */
		{ "as in the RFC",          "PIPELINING",        { .pipelining = true } },
		{ "lower case",             "8bitmime",          { .eightbit = true } },
		{ "spaces around",          "  SmtpUTF8 ",       { .smtputf8 = true } },
		{ "a size",                 "SIZE 10240000",     { .size = true, .size_max_bytes = 10240000 } },
		{ "a size behind =",        "SIZE=77",           { .size = true, .size_max_bytes = 77 } },
		{ "no fixed size",          "SIZE 0",            { .size = true } },
		{ "a size without number",  "SIZE",              { .size = true } },
		{ "a size in words",        "SIZE large",        { .size = true } },
		{ "a size beyond 64 bits",  "SIZE 99999999999999999999", { .size = true } },
		{ "unknown",                "XPIPELINING",       { .size = false } },
		{ "longer than a keyword",  "PIPELININGX",       { .size = false } },
		{ "a parameter only",       "AUTH PIPELINING",   { .size = false } },
		{ "empty",                  "",                  { .size = false } },
		{ "spaces only",            "   ",               { .size = false } },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct smtp_caps caps = { .size = false };
		const struct smtp_caps *want = &cases[i].want;
		bool same;

		smtp_caps_line(&caps, span_str(cases[i].line));
		same = caps.pipelining == want->pipelining && caps.eightbit == want->eightbit &&
		       caps.smtputf8 == want->smtputf8 && caps.size == want->size &&
		       caps.size_max_bytes == want->size_max_bytes;
		if (!same)
			printf("\n    %s", cases[i].why);
		CU_ASSERT_TRUE(same);
	}
}

SUITE("dataplane/smtp/ehlo", TEST(offers_are_found_in_any_case_and_spacing))
