/* test_mailbox.c - one address is read as one address, whatever surrounds it. */
#include "templates/mailbox.h"

#include "tests/support/suite.h"

static void addresses_are_judged_by_rfc_5321(void)
{
	static const struct {
		const char *address;
		bool want;
	} cases[] = {
		/* clang-format off */
		{ "a@b.test", true }, { "a.b+c@d-e.test", true }, { "\"a b\"@c.test", true },
		{ "\"a\\\"b\"@c.test", true }, { "jörg@münchen.test", true }, { "a@[192.0.2.1]", true },
		{ "a@[IPv6:2001:db8::1]", true }, { "x@localhost", true },
		{ "", false }, { "a", false }, { "@b.test", false }, { "a@", false }, { ".a@b.test", false },
		{ "a.@b.test", false }, { "a..b@c.test", false }, { "a b@c.test", false },
		{ "a@b..test", false }, { "a@.test", false }, { "a@b.test.", false }, { "a@b@c.test", false },
		{ "\"a\\\\\"b\"@c.test", false }, { "\"a\\\"@c.test", false }, { "a\r\n@b.test", false },
		{ "<a@b.test>", false }, { "a@b.test>", false }, { "a@b test", false }, { "a@[1;2]", false },
		{ "a\xff@b.test", false },
		{ "a@lllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll.test", false },
		{ "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggggg@b.test", false },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (address_is_valid(span_str(cases[i].address)) != cases[i].want)
			printf("\n    %s: want %d", cases[i].address, cases[i].want);
		CU_ASSERT_EQUAL(address_is_valid(span_str(cases[i].address)), cases[i].want);
	}
}

static void a_display_name_is_what_people_see(void)
{
	struct mailbox m;

	CU_ASSERT_PTR_NULL(mailbox_read(span_str(" \"A \\\"B\\\\ C\"  <a@b.test> "), &m));
	CU_ASSERT(span_eq(span_of(m.display, m.display_bytes), span_str("A \"B\\ C")));
	CU_ASSERT(span_eq(m.address, span_str("a@b.test")));
	CU_ASSERT_PTR_NULL(mailbox_read(span_str("a@b.test"), &m));
	CU_ASSERT_EQUAL(m.display_bytes, 0);
}

static void a_domain_has_an_ascii_form(void)
{
	char out[MAILBOX_DOMAIN_MAX + 1];

	CU_ASSERT(domain_to_ascii(span_str("M\xc3\xbcnchen.test"), out));
	CU_ASSERT_STRING_EQUAL(out, "xn--mnchen-3ya.test");
	CU_ASSERT(domain_to_ascii(span_str("B.test"), out));
	CU_ASSERT_STRING_EQUAL(out, "B.test");
	CU_ASSERT(!domain_to_ascii(span_str("a\xe2\x80\x8d.test"), out)); /* a joiner alone */
}

static void a_display_name_is_bounded(void)
{
	static char text[MAILBOX_DISPLAY_MAX + 20];
	struct mailbox m;

	memset(text, 'x', sizeof(text));
	memcpy(text + MAILBOX_DISPLAY_MAX + 1, "<a@b.test>", 11);
	CU_ASSERT_PTR_NOT_NULL(mailbox_read(span_str(text), &m));
	text[MAILBOX_DISPLAY_MAX] = ' ';
	CU_ASSERT_PTR_NULL(mailbox_read(span_str(text), &m));
	CU_ASSERT_EQUAL(m.display_bytes, MAILBOX_DISPLAY_MAX);
}

SUITE("templates/mailbox", TEST(addresses_are_judged_by_rfc_5321), TEST(a_domain_has_an_ascii_form),
      TEST(a_display_name_is_what_people_see), TEST(a_display_name_is_bounded))
