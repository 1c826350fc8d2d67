/* test_dkim.c - who signs what, which fields are covered, and what a signature says. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "templates/dkim.h"
#include "templates/signers.h"
#include "tests/support/suite.h"

enum { ROOM = 8192 };

static const char header[] = "From: a@news.shop.example\r\n"
			     "Subject: one\r\n"
			     "Received-Like: x\r\n"
			     "X-Tag: y\r\n"
			     "Subject: two\r\n";

static struct tpl_key *key;
static EVP_MD_CTX *sha;

/* RFC 8463 A.2 */
static void load_key(void)
{
	static const char pem[] =
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	    "-----END PRIVATE KEY-----\n";
	char path[] = "/tmp/posthaste-test-dkim-XXXXXX", why[TPL_WHY_BYTES];
	int fd = mkstemp(path);

	CU_ASSERT_FATAL(write(fd, pem, sizeof(pem) - 1) == sizeof(pem) - 1);
	close(fd);
	CU_ASSERT_EQUAL_FATAL(tpl_key_open(path, &key, why), 0);
	unlink(path);
}

static struct tpl_signer signer(const char *name, const char *domain, enum tpl_sign_when when)
{
	return (struct tpl_signer){ .key = key,
		                    .name = name,
		                    .domain = domain,
		                    .selector = name,
		                    .when = (uint8_t)when,
		                    .header = TPL_RELAXED,
		                    .body = TPL_RELAXED };
}

static bool no_expiry; /* of what sign() signs */

/* Signs and writes the result as text without its folds. */
static const char *sign(const struct tpl_signer *at, uint32_t n, const char *from_domain,
                        const char *sign_with, char text[ROOM])
{
	static uint8_t out[ROOM];
	struct tpl_signers all = { .at = at, .n = n };
	struct dkim_piece body = { .bytes = span_str("x\r\n") };
	struct dkim_message m = { .header = span_str(header),
		                  .body = &body,
		                  .n_body = 1,
		                  .from_domain = span_str(from_domain),
		                  .sign_with = span_str(sign_with),
		                  .signed_s = 1000,
		                  .no_expiry = no_expiry };
	struct buf to = { .at = out, .max = sizeof(out) };
	const char *why = dkim_sign(&all, &m, sha, &to);
	size_t used = 0;

	CU_ASSERT(!to.full);
	for (size_t i = 0; i < to.bytes; i++)
		if (i + 2 < to.bytes && memcmp(out + i, "\r\n\t", 3) == 0)
			i += 2;
		else
			text[used++] = (char)out[i];
	text[used] = '\0';
	return why;
}

/* The selectors that signed, in order. */
static void selectors(const char *text, char out[256])
{
	out[0] = '\0';
	for (const char *at = text; (at = strstr(at, "s=")) != NULL; at++)
		if (at[-1] == ' ' || at[-1] == ';')
			strncat(out, at + 2, strcspn(at + 2, ";") + 1);
}

static void the_nearest_domain_signs(void)
{
	static const struct {
		const char *why, *from, *named, *want;
	} cases[] = {
		/* clang-format off */
		{ "its own domain",                    "shop.example",         "",    "a;b;all;" },
		{ "a domain beneath",                  "x.shop.example",       "",    "a;b;all;" },
		{ "the nearest, in any case",          "NEWS.shop.example",    "",    "n;all;" },
		{ "beneath the nearest",               "x.news.shop.example",  "",    "n;all;" },
		{ "a name that only ends like it",     "ashop.example",        "",    "all;" },
		{ "somebody else's",                   "example",              "",    "all;" },
		{ "the campaign names others",         "shop.example",         "c,n", "n;c;all;" },
		/* clang-format on */
	};
	struct tpl_signer at[] = { signer("a", "shop.example", TPL_SIGN_FROM),
		                   signer("n", "news.shop.example", TPL_SIGN_FROM),
		                   signer("b", "shop.example", TPL_SIGN_FROM),
		                   signer("c", "shop.example", TPL_SIGN_NAMED),
		                   signer("all", "esp.example", TPL_SIGN_ALL) };
	char text[ROOM], got[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_PTR_NULL(sign(at, 5, cases[i].from, cases[i].named, text));
		selectors(text, got);
		if (strcmp(got, cases[i].want) != 0)
			printf("\n    %s: got %s, want %s", cases[i].why, got, cases[i].want);
		CU_ASSERT_STRING_EQUAL(got, cases[i].want);
	}
	CU_ASSERT_PTR_NULL(sign(at, 4, "other.example", "", text));
	CU_ASSERT_STRING_EQUAL(text, "");
}

static void a_signer_that_is_missing_or_one_too_many_fails_the_message(void)
{
	struct tpl_signer at[5];
	char text[ROOM];

	for (int i = 0; i < 5; i++)
		at[i] = signer("a", "shop.example", TPL_SIGN_ALL);
	CU_ASSERT_PTR_NULL(sign(at, 4, "shop.example", "", text));
	CU_ASSERT_PTR_NOT_NULL(strstr(sign(at, 5, "shop.example", "", text), "more than 4"));
	CU_ASSERT_PTR_NOT_NULL(strstr(sign(at, 1, "shop.example", "b", text), "there is not"));
	CU_ASSERT_PTR_NOT_NULL(strstr(sign(at, 1, "shop.example", "a,b", text), "there is not"));
}

static void a_signature_covers_all_but_x_fields_and_once_more_what_is_listed(void)
{
	char *names[] = { (char *)"From", (char *)"Reply-To", (char *)"subject" };
	struct tpl_signer s = signer("s", "shop.example", TPL_SIGN_ALL);
	char text[ROOM];

	CU_ASSERT_PTR_NULL(sign(&s, 1, "", "", text));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "h=From:From:To:Subject:Subject:Subject:Date:"
	                                    "Message-ID:Reply-To:List-Unsubscribe:"
	                                    "List-Unsubscribe-Post:Content-Type:Received-Like;"));
	s.oversign = names;
	s.n_oversign = 3;
	CU_ASSERT_PTR_NULL(tpl_signer_check(&s));
	CU_ASSERT_PTR_NULL(sign(&s, 1, "", "", text));
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(text, "h=From:From:Reply-To:Subject:Subject:subject:Received-Like;"));
}

static void a_signature_says_when_it_was_made_and_when_it_ends(void)
{
	struct tpl_signer s = signer("s", "shop.example", TPL_SIGN_ALL);
	char text[ROOM], again[ROOM];

	CU_ASSERT_PTR_NULL(sign(&s, 1, "", "", text));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "t=1000;"));
	CU_ASSERT_PTR_NULL(strstr(text, "x="));
	CU_ASSERT_PTR_NULL(strstr(text, "l="));
	s.expires_s = 500;
	CU_ASSERT_PTR_NULL(sign(&s, 1, "", "", text));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "t=1000; x=1500;"));
	CU_ASSERT_PTR_NULL(sign(&s, 1, "", "", again));
	CU_ASSERT_STRING_EQUAL(text, again);
	no_expiry = true;
	CU_ASSERT_PTR_NULL(sign(&s, 1, "", "", text));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "t=1000; h="));
	no_expiry = false;
}

static void a_signer_that_cannot_be_right_is_refused(void)
{
	static const struct {
		const char *domain, *selector, *names[3], *says;
	} cases[] = {
		{ "shop example", "s", { "From" }, "domain" },
		{ "", "s", { "From" }, "domain" },
		{ "m\xc3\xbcnchen.test", "s", { "From" }, "domain" },
		{ "a..b", "s", { "From" }, "domain" },
		{ "shop.example", "s;x=1", { "From" }, "selector" },
		{ "shop.example", "", { "From" }, "selector" },
		{ "shop.example", "s", { "To" }, "From is missing" },
		{ "shop.example", "s", { "From", "from" }, "twice" },
		{ "shop.example", "s", { "From", "A:B" }, "no field name" },
		{ "shop.example", "s", { "From", "A;b=c" }, "no field name" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tpl_signer s = signer("s", cases[i].domain, TPL_SIGN_ALL);
		const char *why;

		s.selector = cases[i].selector;
		s.oversign = (char **)(uintptr_t)cases[i].names;
		s.n_oversign = cases[i].names[1] == NULL ? 1 : 2;
		why = tpl_signer_check(&s);
		CU_ASSERT_PTR_NOT_NULL_FATAL(why);
		CU_ASSERT_PTR_NOT_NULL(strstr(why, cases[i].says));
	}
}

/* Hundreds of signers: whoever signs when each is looked at signs when they are sorted, too, and
 * few are looked at then.
 */
static void many_signers_are_found_by_domain_and_name(void)
{
	enum { MANY = 400, TURNS = 300 };
	static char domains[MANY][64], names[MANY][16];
	static struct tpl_signer many[MANY];
	static uint32_t order[2 * MANY];
	struct tpl_signers plain = { .at = many, .n = MANY };
	struct tpl_signers sorted = { .at = many, .n = MANY, .order = order };
	struct dkim_piece body = { .bytes = span_str("x\r\n") };
	unsigned seed = 7, n_signed = 0;

	for (unsigned i = 0; i < MANY; i++) {
		snprintf(domains[i], sizeof(domains[i]), "%s%sd%u.example",
		         i % 5 == 0 ? "News." : "", i % 35 == 0 ? "a." : "", i / 2);
		snprintf(names[i], sizeof(names[i]), "s%u", i % 390);
		many[i] = signer(names[i], domains[i],
		                 i == 17      ? TPL_SIGN_ALL
		                 : i % 3 == 0 ? TPL_SIGN_NAMED
		                              : TPL_SIGN_FROM);
	}
	tpl_signers_sort(many, MANY, order);
	for (unsigned turn = 0; turn < TURNS; turn++) {
		uint8_t room[2][ROOM];
		struct buf to[2] = { { .at = room[0], .max = ROOM },
			             { .at = room[1], .max = ROOM } };
		unsigned who = (unsigned)rand_r(&seed) % (MANY / 2 + 5);
		char from[64], with[64] = "";
		struct dkim_message m = { .header = span_str(header), .body = &body, .n_body = 1 };
		uint32_t near[SIGNERS_NEAR_MAX], n;
		const char *why[2];

		snprintf(from, sizeof(from), "%sd%u.example",
		         turn % 3 == 0   ? "x.news."
		         : turn % 3 == 1 ? "NEWS."
		                         : "",
		         who);
		if (turn % 4 == 3)
			snprintf(with, sizeof(with), "s%u,s%u", who, 3 * who);
		m.from_domain = span_str(from);
		m.sign_with = span_str(with);
		n = signers_near(&sorted, m.from_domain, m.sign_with, near);
		CU_ASSERT(n < 10);
		why[0] = dkim_sign(&plain, &m, sha, &to[0]);
		why[1] = dkim_sign(&sorted, &m, sha, &to[1]);
		CU_ASSERT_PTR_EQUAL(why[0], why[1]);
		CU_ASSERT(span_eq(buf_since(&to[0], 0), buf_since(&to[1], 0)));
		n_signed += to[0].bytes > 0 && n > 1;
	}
	CU_ASSERT(n_signed > TURNS / 2);
}

/* What is said to be fixed, and what was hashed before, changes how the hash is made and not what
 * it is.
 */
static void a_body_has_one_hash_however_it_is_given(void)
{
	static const char first[] = "--=m_1\r\nName: a b\r\n x\r\n\r\nAAAA\r\n\r\n\r\n";
	static const char last[] = "two  blanks \r\n\t\r\n";
	struct tpl_signer s = signer("s", "shop.example", TPL_SIGN_ALL);
	struct tpl_signers all = { .at = &s, .n = 1 };
	char whole_text[sizeof(first) + 2 * sizeof(last)];
	struct dkim_prefix *prefix[2];
	struct dkim_piece whole = { .bytes = span_of(whole_text, 0) };

	CU_ASSERT_FATAL(canon_is_fixed(span_str(first)));
	for (int how = 0; how < 2; how++) {
		prefix[how] = dkim_prefix_new((enum canon)how, span_str(first));
		CU_ASSERT_PTR_NOT_NULL_FATAL(prefix[how]);
	}
	for (unsigned turn = 0; turn < 8; turn++) {
		bool fixed = turn & 1, before = turn & 2;
		struct dkim_piece pieces[] = { { .bytes = span_str(first), .is_fixed = fixed },
			                       { .bytes = span_str(last) } };
		struct dkim_message m = { .header = span_str(header),
			                  .body = pieces + before,
			                  .n_body = 2u - before };
		uint8_t room[2][ROOM];
		struct buf to[2] = { { .at = room[0], .max = ROOM },
			             { .at = room[1], .max = ROOM } };

		s.body = turn >> 2;
		if (before)
			memcpy(m.prefix, prefix, sizeof(m.prefix));
		CU_ASSERT_PTR_NULL(dkim_sign(&all, &m, sha, &to[0]));
		whole.bytes.bytes =
		    (size_t)snprintf(whole_text, sizeof(whole_text), "%s%s", first, last);
		m = (struct dkim_message){ .header = span_str(header),
			                   .body = &whole,
			                   .n_body = 1 };
		CU_ASSERT_PTR_NULL(dkim_sign(&all, &m, sha, &to[1]));
		CU_ASSERT(to[0].bytes > 0 && span_eq(buf_since(&to[0], 0), buf_since(&to[1], 0)));
	}
	for (int how = 0; how < 2; how++)
		dkim_prefix_free(prefix[how]);
}

/* Every line of a signature stays short, whatever its parts. */
static void a_signature_is_folded(void)
{
	static uint8_t out[ROOM];
	struct tpl_signer s = signer("s", "shop.example", TPL_SIGN_ALL);
	struct tpl_signers all = { .at = &s, .n = 1 };
	struct dkim_piece body = { .bytes = span_str("") };
	struct dkim_message m = { .header = span_str(header), .body = &body, .n_body = 1 };
	struct buf to = { .at = out, .max = sizeof(out) };
	size_t line = 0;

	CU_ASSERT_PTR_NULL(dkim_sign(&all, &m, sha, &to));
	for (size_t i = 0; i < to.bytes; i++) {
		line = out[i] == '\n' ? 0 : line + 1;
		CU_ASSERT(line <= 78);
	}
	for (size_t room = 0; room < to.bytes; room += 7) {
		struct buf small = { .at = out, .max = room };

		(void)dkim_sign(&all, &m, sha, &small);
		CU_ASSERT(small.full);
	}
}

static void the_key_is_there(void)
{
	load_key();
	sha = sha_new();
	CU_ASSERT_PTR_NOT_NULL_FATAL(sha);
}

static void the_key_goes(void)
{
	tpl_key_close(key);
	EVP_MD_CTX_free(sha);
}

SUITE("templates/dkim", TEST(the_key_is_there), TEST(the_nearest_domain_signs),
      TEST(a_signer_that_is_missing_or_one_too_many_fails_the_message),
      TEST(a_signature_covers_all_but_x_fields_and_once_more_what_is_listed),
      TEST(a_signature_says_when_it_was_made_and_when_it_ends),
      TEST(a_signer_that_cannot_be_right_is_refused), TEST(a_signature_is_folded),
      TEST(many_signers_are_found_by_domain_and_name),
      TEST(a_body_has_one_hash_however_it_is_given), TEST(the_key_goes))
