/* test_auth.c - the SASL exchanges of AUTH, by the examples of their RFCs. */
#include <stdio.h>
#include <string.h>

#include "dataplane/smtp/auth.h"
#include "tests/support/suite.h"

enum {
	PLAIN = 1 << DP_AUTH_PLAIN,
	LOGIN = 1 << DP_AUTH_LOGIN,
	XOAUTH2 = 1 << DP_AUTH_XOAUTH2,
	BEARER = 1 << DP_AUTH_OAUTHBEARER,
};

static struct smtp_credential credential(enum dp_auth mechanism, bool is_token, const char *user,
                                         const char *secret)
{
	return (struct smtp_credential){ .mechanism = mechanism,
		                         .is_token = is_token,
		                         .user = span_str(user),
		                         .secret = span_str(secret) };
}

static void what_a_host_offers_is_read_however_it_writes_it(void)
{
	static const struct {
		const char *words;
		uint8_t want;
	} cases[] = {
		{ "PLAIN LOGIN", PLAIN | LOGIN },
		{ "plain\tlogin", PLAIN | LOGIN },
		{ "=PLAIN", PLAIN },
		{ "CRAM-MD5 XOAUTH2 OAUTHBEARER", XOAUTH2 | BEARER },
		{ "PLAINER XPLAIN", 0 },
		{ "", 0 },
		{ "  ", 0 },
		{ "GSSAPI  PLAIN ", PLAIN },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t got = auth_offered(span_str(cases[i].words));

		if (got != cases[i].want)
			printf("\n    \"%s\": got %x, want %x", cases[i].words, got, cases[i].want);
		CU_ASSERT_EQUAL(got, cases[i].want);
	}
}

static void a_secret_goes_only_where_it_fits(void)
{
	static const struct {
		const char *why;
		enum dp_auth asked;
		bool is_token;
		uint8_t offered;
		enum dp_auth want;
	} cases[] = {
		{ "a password", DP_AUTH_AUTO, false, 0xff, DP_AUTH_PLAIN },
		{ "an old host", DP_AUTH_AUTO, false, LOGIN | XOAUTH2, DP_AUTH_LOGIN },
		{ "as asked for", DP_AUTH_LOGIN, false, PLAIN | LOGIN, DP_AUTH_LOGIN },
		{ "not offered", DP_AUTH_LOGIN, false, PLAIN, DP_AUTH_AUTO },
		{ "a token", DP_AUTH_AUTO, true, 0xff, DP_AUTH_OAUTHBEARER },
		{ "no token for PLAIN", DP_AUTH_AUTO, true, PLAIN | LOGIN, DP_AUTH_AUTO },
		{ "no password for a token's", DP_AUTH_AUTO, false, XOAUTH2 | BEARER,
		  DP_AUTH_AUTO },
		{ "the provider's own", DP_AUTH_XOAUTH2, true, XOAUTH2 | BEARER, DP_AUTH_XOAUTH2 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct smtp_credential c = credential(cases[i].asked, cases[i].is_token, "u", "s");
		enum dp_auth got = auth_choose(&c, cases[i].offered);

		if (got != cases[i].want)
			printf("\n    %s: got %u, want %u", cases[i].why, got, cases[i].want);
		CU_ASSERT_EQUAL(got, cases[i].want);
	}
}

/* RFC 4954 4.1 and RFC 4616 4; RFC 7628 4.1 without host and port; the providers' pages. */
static void each_mechanism_says_what_its_specification_says(void)
{
	static const struct {
		enum dp_auth mechanism;
		const char *user, *secret;
		const char *lines[4]; /* NULL: the exchange has no more */
	} cases[] = {
		{ DP_AUTH_PLAIN, "test", "1234", { "AUTH PLAIN AHRlc3QAMTIzNA==\r\n" } },
		{ DP_AUTH_PLAIN,
		  "tim",
		  "tanstaaftanstaaf",
		  { "AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm\r\n" } },
		{ DP_AUTH_LOGIN,
		  "test",
		  "1234",
		  { "AUTH LOGIN\r\n", "dGVzdA==\r\n", "MTIzNA==\r\n" } },
		{ DP_AUTH_XOAUTH2,
		  "someuser@example.com",
		  "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg",
		  { "AUTH XOAUTH2 dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmd"
		    "DRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==\r\n",
		    "\r\n" } },
		{ DP_AUTH_OAUTHBEARER,
		  "a=b,c",
		  "t",
		  { "AUTH OAUTHBEARER bixhPWE9M0RiPTJDYywBYXV0aD1CZWFyZXIgdAEB\r\n", "AQ==\r\n" } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct smtp_credential c =
		    credential(DP_AUTH_AUTO, false, cases[i].user, cases[i].secret);
		char out[AUTH_BYTES + 1];

		for (uint32_t n = 0; n < 4; n++) {
			size_t bytes = auth_line(&c, cases[i].mechanism, n, out);

			out[bytes] = '\0';
			if (cases[i].lines[n] == NULL) {
				CU_ASSERT_EQUAL(bytes, 0);
				break;
			}
			CU_ASSERT_STRING_EQUAL(out, cases[i].lines[n]);
		}
	}
}

/* RFC 4954 4: what makes the command longer than a line waits for 334. */
static void a_long_token_waits_for_the_host_to_ask(void)
{
	static char token[DP_SECRET_MAX + 1], user[DP_USER_MAX + 1];
	char out[AUTH_BYTES];
	struct smtp_credential c;

	memset(token, 't', DP_SECRET_MAX);
	memset(user, ',', DP_USER_MAX);
	c = credential(DP_AUTH_AUTO, true, user, token);
	CU_ASSERT_EQUAL(auth_line(&c, DP_AUTH_OAUTHBEARER, 0, out), 18);
	CU_ASSERT_EQUAL(memcmp(out, "AUTH OAUTHBEARER\r\n", 18), 0);
	CU_ASSERT_TRUE(auth_line(&c, DP_AUTH_OAUTHBEARER, 1, out) > DP_SECRET_MAX * 4 / 3);
	CU_ASSERT_EQUAL(auth_line(&c, DP_AUTH_OAUTHBEARER, 2, out), 6);
	CU_ASSERT_EQUAL(auth_line(&c, DP_AUTH_OAUTHBEARER, 3, out), 0);
	for (uint32_t bytes = 1; bytes < 600; bytes++) { /* around the bound */
		token[bytes] = '\0';
		c = credential(DP_AUTH_AUTO, true, "u", token);
		CU_ASSERT_TRUE(auth_line(&c, DP_AUTH_XOAUTH2, 0, out) <= AUTH_LINE_MAX);
		token[bytes] = 't';
	}
}

static void a_reply_that_repeats_the_secret_is_known(void)
{
	static const struct {
		enum dp_auth mechanism;
		const char *text;
		bool want;
	} cases[] = {
		{ DP_AUTH_PLAIN, "5.7.8 no", false },
		{ DP_AUTH_PLAIN, "your password hunter2 is wrong", true },
		{ DP_AUTH_PLAIN, "unknown: AUTH PLAIN AGpvZUBleGFtcGxlLmNvbQBodW50ZXIy", true },
		{ DP_AUTH_LOGIN, "what is aHVudGVyMg==?", true },
		{ DP_AUTH_PLAIN, "joe@example.com is not known", false },
	};
	struct smtp_credential c = credential(DP_AUTH_AUTO, false, "joe@example.com", "hunter2");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool got = auth_is_told(&c, cases[i].mechanism, span_str(cases[i].text));

		if (got != cases[i].want)
			printf("\n    %s", cases[i].text);
		CU_ASSERT_EQUAL(got, cases[i].want);
	}
}

SUITE("dataplane/smtp/auth", TEST(what_a_host_offers_is_read_however_it_writes_it),
      TEST(a_secret_goes_only_where_it_fits), TEST(each_mechanism_says_what_its_specification_says),
      TEST(a_long_token_waits_for_the_host_to_ask), TEST(a_reply_that_repeats_the_secret_is_known))
