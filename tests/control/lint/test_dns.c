/* test_dns.c - each check of the DNS finds what it is for, and nothing where all is well. */
#include "control/lint/dns.h"

#include "control/lint/dmarc.h"
#include "tests/control/lint/zone.h"
#include "tests/support/suite.h"

#define A    DNS_TYPE_A
#define AAAA DNS_TYPE_AAAA
#define MX   DNS_TYPE_MX
#define TXT  DNS_TYPE_TXT
#define PTR  DNS_TYPE_PTR
#define SOA  DNS_TYPE_SOA
#define KEY  "v=DKIM1; k=rsa; p=AAAABBBBCCCC"

/* clang-format off */
static const struct zone_line good[] = {
	{ "1.2.0.192.in-addr.arpa", PTR, "mta1.shop.example" },
	{ "mta1.shop.example", A, "192.0.2.1" },
	{ "shop.example", SOA, "ns" }, { "shop.example", A, "192.0.2.80" },
	{ "_dmarc.shop.example", TXT, "v=DMARC1; p=reject; rua=mailto:d@shop.example" },
	{ "s1._domainkey.shop.example", TXT, KEY },
	{ "bounce.shop.example", MX, "mta1.shop.example" },
	{ "bounce.shop.example", TXT, "v=spf1 ip4:192.0.2.0/28 -all" },
	{ "rcpt.test", MX, "mx.rcpt.test" }, { "mx.rcpt.test", A, "192.0.2.99" },
	{ "bl.test", SOA, "ns" }, { "dbl.test", SOA, "ns" },
};

/* Lines of this name and type are taken away; `value` is put instead, where there is one. */
static const struct {
	const char *why, *name;
	enum dns_type type;
	const char *value;
	enum lint_id want;
	enum lint_end end;
} cases[] = {
	{ "no PTR", "1.2.0.192.in-addr.arpa", PTR, "", LINT_PTR, LINT_END_FOUND },
	{ "PTR fails", "1.2.0.192.in-addr.arpa", PTR, NULL, LINT_PTR, LINT_END_NOT_CHECKED },
	{ "PTR to a name that is elsewhere", "1.2.0.192.in-addr.arpa", PTR, "mx.rcpt.test", LINT_PTR_FORWARD, LINT_END_FOUND },
	{ "PTR to a name that is not there", "1.2.0.192.in-addr.arpa", PTR, "gone.example", LINT_PTR_FORWARD, LINT_END_FOUND },
	{ "a generic PTR", "1.2.0.192.in-addr.arpa", PTR, "192-0-2-1.shop.example", LINT_PTR_GENERIC, LINT_END_FOUND },
	{ "another one", "1.2.0.192.in-addr.arpa", PTR, "dsl17.shop.example", LINT_PTR_GENERIC, LINT_END_FOUND },
	{ "HELO resolves to nothing", "mta1.shop.example", A, "", LINT_HELO, LINT_END_FOUND },
	{ "HELO resolves to another", "mta1.shop.example", A, "192.0.2.2", LINT_HELO, LINT_END_FOUND },
	{ "HELO fails", "mta1.shop.example", A, NULL, LINT_HELO, LINT_END_NOT_CHECKED },
	{ "HELO and PTR of two domains", "1.2.0.192.in-addr.arpa", PTR, "mx.rcpt.test", LINT_HELO_PTR, LINT_END_FOUND },
	{ "on a block list", "1.2.0.192.bl.test", A, "127.0.0.4", LINT_BLOCK_LIST, LINT_END_FOUND },
	{ "a list that refuses us", "1.2.0.192.bl.test", A, "127.255.255.254", LINT_BLOCK_LIST, LINT_END_NOT_CHECKED },
	{ "a list that fails", "1.2.0.192.bl.test", A, NULL, LINT_BLOCK_LIST, LINT_END_NOT_CHECKED },
	{ "no SPF", "bounce.shop.example", TXT, "", LINT_SPF, LINT_END_FOUND },
	{ "SPF names others", "bounce.shop.example", TXT, "v=spf1 ip4:192.0.2.200 -all", LINT_SPF, LINT_END_FOUND },
	{ "SPF is neutral", "bounce.shop.example", TXT, "v=spf1 ?all", LINT_SPF, LINT_END_FOUND },
	{ "SPF is broken", "bounce.shop.example", TXT, "v=spf1 ip4:x -all", LINT_SPF, LINT_END_FOUND },
	{ "SPF fails for now", "bounce.shop.example", TXT, NULL, LINT_SPF, LINT_END_NOT_CHECKED },
	{ "SPF near its limits", "bounce.shop.example", TXT, "v=spf1 a:x1.test a:x2.test ip4:192.0.2.1 -all", LINT_SPF_LIMITS, LINT_END_FOUND },
	{ "no key record", "s1._domainkey.shop.example", TXT, "", LINT_DKIM_RECORD, LINT_END_FOUND },
	{ "another key", "s1._domainkey.shop.example", TXT, "v=DKIM1; k=rsa; p=AAAABBBBDDDD", LINT_DKIM_RECORD, LINT_END_FOUND },
	{ "another kind of key", "s1._domainkey.shop.example", TXT, "v=DKIM1; k=ed25519; p=AAAABBBBCCCC", LINT_DKIM_RECORD, LINT_END_FOUND },
	{ "a revoked key", "s1._domainkey.shop.example", TXT, "v=DKIM1; k=rsa; p=", LINT_DKIM_RECORD, LINT_END_FOUND },
	{ "a key without sha256", "s1._domainkey.shop.example", TXT, "v=DKIM1; h=sha1; p=AAAABBBBCCCC", LINT_DKIM_RECORD, LINT_END_FOUND },
	{ "a key not for mail", "s1._domainkey.shop.example", TXT, "v=DKIM1; s=other; p=AAAABBBBCCCC", LINT_DKIM_RECORD, LINT_END_FOUND },
	{ "v= comes late", "s1._domainkey.shop.example", TXT, "k=rsa; v=DKIM1; p=AAAABBBBCCCC", LINT_DKIM_RECORD, LINT_END_FOUND },
	{ "the key record fails", "s1._domainkey.shop.example", TXT, NULL, LINT_DKIM_RECORD, LINT_END_NOT_CHECKED },
	{ "blanks in base64, k= left out", "s1._domainkey.shop.example", TXT, "p=AAAA BBBB\tCCCC", LINT_DKIM_RECORD, LINT_END_PASSED },
	{ "a key under test", "s1._domainkey.shop.example", TXT, KEY "; t=s:y", LINT_DKIM_TESTING, LINT_END_FOUND },
	{ "no DMARC", "_dmarc.shop.example", TXT, "", LINT_DMARC, LINT_END_FOUND },
	{ "a DMARC record in small letters", "_dmarc.shop.example", TXT, "v=dmarc1; p=none", LINT_DMARC, LINT_END_FOUND },
	{ "DMARC without policy", "_dmarc.shop.example", TXT, "v=DMARC1; adkim=s", LINT_DMARC, LINT_END_FOUND },
	{ "a wrong policy with reports is none", "_dmarc.shop.example", TXT, "v=DMARC1; p=all; rua=mailto:x@y.test", LINT_DMARC, LINT_END_PASSED },
	{ "DMARC fails", "_dmarc.shop.example", TXT, NULL, LINT_DMARC, LINT_END_NOT_CHECKED },
	{ "walk and list differ", "_dmarc.example", TXT, "v=DMARC1; p=none", LINT_DMARC_ORG, LINT_END_FOUND },
	{ "a null MX for bounces", "bounce.shop.example", MX, ".", LINT_MAIL_FROM_HOST, LINT_END_FOUND },
	{ "no MX and no address for bounces", "bounce.shop.example", MX, "", LINT_MAIL_FROM_HOST, LINT_END_FOUND },
	{ "its MX fails", "bounce.shop.example", MX, NULL, LINT_MAIL_FROM_HOST, LINT_END_NOT_CHECKED },
	{ "SOA fails", "shop.example", SOA, NULL, LINT_SOA, LINT_END_NOT_CHECKED },
	{ "recipients take no mail", "rcpt.test", MX, ".", LINT_NULL_MX, LINT_END_FOUND },
	{ "recipients' domain has nothing", "rcpt.test", MX, "", LINT_NULL_MX, LINT_END_FOUND },
	{ "recipients' domain fails for now", "rcpt.test", MX, NULL, LINT_NULL_MX, LINT_END_PASSED },
	{ "a link on a list", "evil.test.dbl.test", A, "127.0.1.2", LINT_LINK_LIST, LINT_END_FOUND },
};
/* clang-format on */

enum { N_GOOD = sizeof(good) / sizeof(good[0]), N_CASES = sizeof(cases) / sizeof(cases[0]) };

static struct lint_source source = { .name = "s1", .helo = "mta1.shop.example" };
static struct lint_key key = { "shop.example", "s1", KEY };
static const struct lint_rcpts rcpts = { "rcpt.test", 7 };
static const char *const links[] = { "evil.test" };

static struct lint_dns input(void)
{
	ip_parse("192.0.2.1", &source.addr);
	return (struct lint_dns){ .sources = &source,
		                  .n_sources = 1,
		                  .keys = &key,
		                  .n_keys = 1,
		                  .from_domain = "shop.example",
		                  .mail_from = "b+1@bounce.shop.example",
		                  .mail_domain = "bounce.shop.example",
		                  .rcpts = &rcpts,
		                  .n_rcpts = 1,
		                  .block_lists = " bl.test",
		                  .domain_lists = "dbl.test",
		                  .link_domains = links,
		                  .n_link_domains = 1 };
}

static struct lint_report *judge(const struct lint_dns *in, const struct zone_line *zone, size_t n)
{
	struct lint_report *r = lint_report_new(true);
	struct facts *facts = facts_new();
	int rounds = 0;

	while (!lint_dns_round(in, facts, r)) {
		CU_ASSERT_PTR_NULL(lint_finding_at(r, 0)); /* nothing is said before all is known */
		zone_answer_all(zone, n, facts);
		CU_ASSERT_FATAL(++rounds < ZONE_ROUNDS_MAX);
	}
	facts_free(facts);
	return r;
}

static struct lint_report *judge_change(const char *name, enum dns_type type, const char *value)
{
	struct zone_line zone[N_GOOD + 1];
	struct lint_dns in = input();
	size_t n = 0;

	for (size_t i = 0; i < N_GOOD; i++)
		if (strcmp(good[i].name, name) != 0 || good[i].type != type)
			zone[n++] = good[i];
	if (value == NULL || value[0] != '\0')
		zone[n++] = (struct zone_line){ name, type, value };
	return judge(&in, zone, n);
}

static void nothing_is_found_where_all_is_well(void)
{
	struct lint_dns in = input();
	struct lint_report *r = judge(&in, good, N_GOOD);
	const struct lint_finding *f = lint_finding_at(r, 0);

	if (f != NULL)
		printf("\n    %s: %s: %s", lint_rows[f->id].id, f->where, f->what);
	CU_ASSERT_PTR_NULL(f);
	for (enum lint_id id = LINT_PTR; id <= LINT_NULL_MX; id++) {
		enum lint_end want = id == LINT_BOUNCES ? LINT_END_NOT_CHECKED
		                     : id == LINT_DKIM_KEY || id == LINT_FROM_PROVIDER
		                         ? LINT_END_NONE /* others answer these */
		                         : LINT_END_PASSED;

		if (lint_end(r, id) != want)
			printf("\n    %s: %d", lint_rows[id].id, lint_end(r, id));
		CU_ASSERT_EQUAL(lint_end(r, id), want);
	}
	CU_ASSERT_EQUAL(lint_end(r, LINT_LINK_LIST), LINT_END_PASSED);
	lint_report_free(r);
}

static void each_fault_is_found_and_trouble_is_no_pass(void)
{
	for (size_t i = 0; i < N_CASES; i++) {
		struct lint_report *r = judge_change(cases[i].name, cases[i].type, cases[i].value);
		enum lint_end got = lint_end(r, cases[i].want);

		if (got != cases[i].end)
			printf("\n    %s: %s: got %d, want %d", cases[i].why,
			       lint_rows[cases[i].want].id, got, cases[i].end);
		CU_ASSERT_EQUAL(got, cases[i].end);
		lint_report_free(r);
	}
}

static void every_check_that_asks_has_a_case(void)
{
	for (enum lint_id id = LINT_PTR; id <= LINT_NULL_MX; id++) {
		bool there = id == LINT_DKIM_KEY || id == LINT_FROM_PROVIDER ||
		             id == LINT_BOUNCES || id == LINT_DMARC_ALIGN ||
		             id == LINT_SOA; /* they have tests of their own */

		for (size_t i = 0; i < N_CASES && !there; i++)
			there = cases[i].want == id && cases[i].end == LINT_END_FOUND;
		CU_ASSERT(there);
	}
}

static enum lint_end alignment(const char *from, const char *mail, const char *d,
                               const char *policy)
{
	const struct zone_line zone[] = { { "_dmarc.shop.example", TXT, policy },
		                          { "_dmarc.other.example", TXT, "v=DMARC1; p=none" } };
	struct lint_key k = { d, "s1", KEY };
	struct lint_dns in = input();
	struct lint_report *r;
	enum lint_end end;

	in.from_domain = from;
	in.mail_domain = mail;
	in.mail_from = mail;
	in.keys = &k;
	r = judge(&in, zone, 2);
	end = lint_end(r, LINT_DMARC_ALIGN);
	lint_report_free(r);
	return end;
}

static void alignment_is_by_organisation_unless_strict(void)
{
	static const char relaxed[] = "v=DMARC1; p=none",
			  strict[] = "v=DMARC1; p=none; adkim=s; aspf=s";
	static const struct {
		const char *why, *from, *mail, *d, *policy;
		enum lint_end want;
	} all[] = {
		/* clang-format off */
		{ "the same", "shop.example", "x.test", "shop.example", relaxed, LINT_END_PASSED },
		{ "beneath", "shop.example", "x.test", "m.shop.example", relaxed, LINT_END_PASSED },
		{ "beneath, strict", "shop.example", "x.test", "m.shop.example", strict, LINT_END_FOUND },
		{ "two beneath", "n.shop.example", "x.test", "m.shop.example", relaxed, LINT_END_PASSED },
		{ "the envelope alone", "shop.example", "b.shop.example", "x.test", relaxed, LINT_END_PASSED },
		{ "neither", "shop.example", "x.test", "other.example", relaxed, LINT_END_FOUND },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		enum lint_end got = alignment(all[i].from, all[i].mail, all[i].d, all[i].policy);

		if (got != all[i].want)
			printf("\n    %s: got %d, want %d", all[i].why, got, all[i].want);
		CU_ASSERT_EQUAL(got, all[i].want);
	}
}

/* RFC 9989 4.10 */
static void the_walk_finds_the_organisation(void)
{
	static const struct zone_line zone[] = {
		{ "_dmarc.a.example", TXT, "v=DMARC1; p=none" },
		{ "_dmarc.example", TXT, "v=DMARC1; psd=y; p=none" },
		{ "_dmarc.own.b.example", TXT, "v=DMARC1; p=none; psd=n" },
		{ "_dmarc.b.example", TXT, "v=DMARC1; p=none" },
		{ "_dmarc.two.test", TXT, "v=DMARC1; p=none" },
		{ "_dmarc.two.test", TXT, "v=DMARC1; p=reject" },
		{ "_dmarc.deep.test", TXT, "v=DMARC1; p=none" },
		{ "_dmarc.fail.test", TXT, NULL },
	};
	static const struct {
		const char *why, *domain, *want; /* NULL: trouble */
	} walks[] = {
		{ "a record beneath a public suffix", "x.a.example", "a.example" },
		{ "none beneath it: the name right below", "x.c.example", "c.example" },
		{ "psd=n ends the walk", "x.own.b.example", "own.b.example" },
		{ "the suffix itself", "example", "example" },
		{ "no record at all", "x.none.test", "x.none.test" },
		{ "two records are none", "x.two.test", "x.two.test" },
		{ "twelve labels: seven are kept", "1.2.3.4.5.6.7.8.9.10.deep.test", "deep.test" },
		{ "trouble on the way", "x.fail.test", NULL },
	};

	for (size_t i = 0; i < sizeof(walks) / sizeof(walks[0]); i++) {
		struct facts *facts = facts_new();
		char got[DNS_NAME_BYTES] = "";
		enum dmarc_end end = DMARC_PENDING;

		while ((end = dmarc_org(facts, walks[i].domain, got)) == DMARC_PENDING)
			zone_answer_all(zone, sizeof(zone) / sizeof(zone[0]), facts);
		if (walks[i].want == NULL) {
			CU_ASSERT_EQUAL(end, DMARC_TROUBLE);
		} else {
			if (strcmp(got, walks[i].want) != 0)
				printf("\n    %s: got %s, want %s", walks[i].why, got,
				       walks[i].want);
			CU_ASSERT_STRING_EQUAL(got, walks[i].want);
		}
		CU_ASSERT(facts_n(facts) <= DMARC_WALK_MAX);
		facts_free(facts);
	}
}

static void a_domain_without_zone_is_told(void)
{
	struct lint_dns in = input();
	struct lint_report *r;

	in.from_domain = "gone.invalid";
	r = judge(&in, good, N_GOOD);
	CU_ASSERT_EQUAL(lint_end(r, LINT_SOA), LINT_END_FOUND);
	CU_ASSERT_EQUAL(lint_end(r, LINT_DMARC), LINT_END_FOUND);
	CU_ASSERT_EQUAL(lint_end(r, LINT_DMARC_ALIGN), LINT_END_FOUND);
	lint_report_free(r);
}

static void what_is_not_known_is_not_passed(void)
{
	struct lint_dns in = input();
	struct lint_report *r;

	in.n_sources = in.n_keys = in.n_rcpts = 0;
	in.from_domain = in.mail_domain = in.mail_from = NULL;
	in.block_lists = in.domain_lists = "";
	r = judge(&in, good, N_GOOD);
	for (enum lint_id id = LINT_PTR; id <= LINT_MAIL_FROM_HOST; id++)
		CU_ASSERT_NOT_EQUAL(lint_end(r, id), LINT_END_PASSED);
	CU_ASSERT_EQUAL(lint_end(r, LINT_LINK_LIST), LINT_END_NOT_CHECKED);
	lint_report_free(r);
}

static void ptr_names_are_told_apart(void)
{
	static const struct {
		const char *name;
		bool generic;
	} names[] = {
		{ "mta1.shop.example", false },         { "ip-192-0-2-1.host.test", true },
		{ "1.2.0.192.dyn.test", true },         { "a192b0c2d1.test", true },
		{ "mta192.shop.example", false },       { "mail.dynamics.test", false },
		{ "customer17.isp.test", true },        { "pool-9.isp.test", true },
		{ "m1.out2.shop0.example192.x", true }, { "mta2.out1.shop.example", false },
	};
	struct ip_addr addr;

	ip_parse("192.0.2.1", &addr);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CU_ASSERT_EQUAL(lint_is_generic(names[i].name, &addr), names[i].generic);
}

static void addresses_are_turned_around(void)
{
	char out[DNS_NAME_BYTES + 80];
	struct ip_addr a;

	ip_parse("192.0.2.1", &a);
	fact_reverse(&a, NULL, out);
	CU_ASSERT_STRING_EQUAL(out, "1.2.0.192.in-addr.arpa");
	fact_reverse(&a, "bl.test", out);
	CU_ASSERT_STRING_EQUAL(out, "1.2.0.192.bl.test");
	ip_parse("2001:db8::567:89ab", &a);
	fact_reverse(&a, NULL, out);
	CU_ASSERT_STRING_EQUAL(out, "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0."
	                            "0.2.ip6.arpa");
}

SUITE("control/lint/dns", TEST(nothing_is_found_where_all_is_well),
      TEST(each_fault_is_found_and_trouble_is_no_pass), TEST(every_check_that_asks_has_a_case),
      TEST(alignment_is_by_organisation_unless_strict), TEST(the_walk_finds_the_organisation),
      TEST(a_domain_without_zone_is_told), TEST(what_is_not_known_is_not_passed),
      TEST(ptr_names_are_told_apart), TEST(addresses_are_turned_around))
