/* test_gate_card.c - numbers of cards by prefix, grouping and check digit, and nothing else. */
#include "dataplane/gate_card.h"

#include "tests/support/suite.h"

static void cards_are_found_and_other_numbers_are_not(void)
{
	static const struct {
		const char *why, *text;
		bool is_card;
	} cases[] = {
		/* clang-format off */
		{ "Visa, in one",                    "4111111111111111", true },
		{ "Visa, in fours",                  "pay 4111 1111 1111 1111 now", true },
		{ "Visa of 13 digits",               "4222222222222", true },
		{ "with hyphens",                    "5555-5555-5555-4444.", true },
		{ "Mastercard of the new range",     "2223003122003222", true },
		{ "American Express, as printed",    "3782 822463 10005", true },
		{ "Diners Club",                     "30569309025904", true },
		{ "JCB",                             "3530111333300000", true },
		{ "Discover",                        "6011111111111117", true },
		{ "UnionPay",                        "6200000000000005", true },
		{ "an expiry date behind it",        "4111 1111 1111 1111 12/27", true },
		{ "a digit is wrong",                "4111111111111112", false },
		{ "no scheme begins with 9",         "9111111111111111", false },
		{ "passes Luhn, too short",          "411111111116", false },
		{ "part of a longer number",         "94111111111111111", false },
		{ "part of a path",                  "/4111111111111111", false },
		{ "part of a word",                  "x4111111111111111", false },
		{ "followed by a letter",            "4111111111111111a", false },
		{ "grouped as no card is",           "41 11 11 11 11 11 11 11", false },
		{ "two kinds of gaps",               "4111 1111-1111 1111", false },
		{ "two blanks",                      "4111  1111  1111  1111", false },
		{ "an IBAN",                         "DE89 3704 0044 0532 0130 00", false },
		{ "20 digits",                       "41111111111111111111", false },
		{ "nothing",                         "", false },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t start, end = gate_card_find(span_str(cases[i].text), 0, &start);

		if ((end != 0) != cases[i].is_card)
			printf("\n    %s: %s", cases[i].why, cases[i].text);
		CU_ASSERT_EQUAL(end != 0, cases[i].is_card);
	}
}

/* The fast look goes 64 bytes at a time. */
static void a_card_is_found_wherever_it_stands(void)
{
	static const char card[] = "4111 1111 1111 1111";

	for (size_t before = 0; before < 200; before++) {
		char text[256];
		size_t start = 0, end;

		memset(text, ' ', sizeof(text));
		memcpy(text + before, card, sizeof(card) - 1);
		end = gate_card_find(span_of(text, before + sizeof(card) - 1), 0, &start);
		CU_ASSERT_EQUAL(start, before);
		CU_ASSERT_EQUAL(end, before + sizeof(card) - 1);
		/* and from anywhere before it, but not from behind its first digit */
		for (size_t from = 0; from <= before; from++)
			CU_ASSERT_EQUAL(
			    gate_card_find(span_of(text, before + sizeof(card) - 1), from, &start),
			    before + sizeof(card) - 1);
		CU_ASSERT_EQUAL(
		    gate_card_find(span_of(text, before + sizeof(card) - 1), before + 1, &start),
		    0);
	}
}

static void the_next_one_is_found_behind_the_first(void)
{
	struct span text = span_str("4111111111111111 and 5555555555554444");
	size_t start, end = gate_card_find(text, 0, &start);

	CU_ASSERT_EQUAL(end, 16);
	CU_ASSERT_EQUAL(gate_card_find(text, end, &start), 37);
	CU_ASSERT_EQUAL(start, 21);
	CU_ASSERT_EQUAL(gate_card_find(text, 37, &start), 0);
}

SUITE("dataplane/gate_card", TEST(cards_are_found_and_other_numbers_are_not),
      TEST(a_card_is_found_wherever_it_stands), TEST(the_next_one_is_found_behind_the_first))
