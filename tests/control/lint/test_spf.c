/* test_spf.c - SPF as RFC 7208 says: its examples, its bounds, its corners. */
#include "control/lint/spf.h"

#include "tests/control/lint/zone.h"
#include "tests/support/suite.h"

#define A    DNS_TYPE_A
#define AAAA DNS_TYPE_AAAA
#define MX   DNS_TYPE_MX
#define TXT  DNS_TYPE_TXT
#define PTR  DNS_TYPE_PTR

/* clang-format off */
static const struct zone_line zone[] = {
	/* RFC 7208 appendix A */
	{ "example.com", A, "192.0.2.10" }, { "example.com", A, "192.0.2.11" },
	{ "example.com", MX, "mail-a.example.com" }, { "example.com", MX, "mail-b.example.com" },
	{ "amy.example.com", A, "192.0.2.65" }, { "bob.example.com", A, "192.0.2.66" },
	{ "mail-a.example.com", A, "192.0.2.129" }, { "mail-b.example.com", A, "192.0.2.130" },
	{ "example.org", MX, "mail-c.example.org" }, { "mail-c.example.org", A, "192.0.2.140" },
	{ "10.2.0.192.in-addr.arpa", PTR, "example.com" },
	{ "65.2.0.192.in-addr.arpa", PTR, "amy.example.com" },
	{ "66.2.0.192.in-addr.arpa", PTR, "bob.example.com" },
	{ "140.2.0.192.in-addr.arpa", PTR, "mail-c.example.org" },
	{ "4.0.0.10.in-addr.arpa", PTR, "bob.example.com" }, /* it does not resolve back */
	{ "mary.mobile-users._spf.example.com", A, "127.0.0.2" },
	{ "fred.mobile-users._spf.example.com", A, "127.0.0.2" },
	{ "15.15.168.192.joel.remote-users._spf.example.com", A, "127.0.0.2" },
	/* records, named by what they test */
	{ "all.t.test", TXT, "v=spf1 +all" }, { "a.t.test", TXT, "v=spf1 a:example.com -all" },
	{ "mx.t.test", TXT, "v=spf1 mx:example.com -all" },
	{ "mx2.t.test", TXT, "v=spf1 mx:example.com mx:example.org -all" },
	{ "mxcidr.t.test", TXT, "v=spf1 mx:example.com/30 mx:example.org/30 -all" },
	{ "ptr.t.test", TXT, "v=spf1 ptr:example.com -all" },
	{ "ip4.t.test", TXT, "v=spf1 ip4:192.0.2.128/28 -all" },
	{ "ip6.t.test", TXT, "v=spf1 ip6:2001:db8::/32 -all" },
	{ "mapped.t.test", TXT, "v=spf1 ip6:::ffff:192.0.2.0/96 -all" },
	{ "exists.t.test", TXT, "v=spf1 exists:%{l1r-}.mobile-users._spf.example.com -all" },
	{ "exists2.t.test", TXT, "v=spf1 exists:%{ir}.%{l1r+-}.remote-users._spf.example.com -all" },
	{ "redirect.t.test", TXT, "v=spf1 redirect=a.t.test" },
	{ "redirect2.t.test", TXT, "v=spf1 redirect=nothing.t.test" },
	{ "redirect3.t.test", TXT, "v=spf1 redirect=a.t.test ?all" },
	{ "redirect4.t.test", TXT, "v=spf1 redirect=a.t.test redirect=a.t.test" },
	{ "include.t.test", TXT, "v=spf1 include:a.t.test ~all" },
	{ "include2.t.test", TXT, "v=spf1 include:nothing.t.test ~all" },
	{ "include3.t.test", TXT, "v=spf1 include:fails.t.test ~all" },
	{ "include4.t.test", TXT, "v=spf1 include:broken.t.test ~all" },
	{ "fails.t.test", TXT, NULL }, { "broken.t.test", TXT, "v=spf1 foo" },
	{ "neutral.t.test", TXT, "v=spf1" }, { "neutral2.t.test", TXT, "v=spf1 ?all" },
	{ "soft.t.test", TXT, "V=SPF1 ~ALL" },
	{ "no.t.test", TXT, "v=spf10 -all" }, { "no.t.test", TXT, "other" },
	{ "two.t.test", TXT, "v=spf1 -all" }, { "two.t.test", TXT, "v=spf1 +all" },
	{ "late.t.test", TXT, "v=spf1 +all foo:bar.test" },
	{ "unknown.t.test", TXT, "v=spf1 moo=cow +all" },
	{ "exp.t.test", TXT, "v=spf1 exp=why.t.test +all" },
	{ "exp2.t.test", TXT, "v=spf1 exp=why.t.test exp=why.t.test +all" },
	{ "allarg.t.test", TXT, "v=spf1 all:x.test" }, { "noarg.t.test", TXT, "v=spf1 include" },
	{ "cidr0.t.test", TXT, "v=spf1 ip4:192.0.2.1/0 -all" },
	{ "cidr00.t.test", TXT, "v=spf1 ip4:192.0.2.1/00 -all" },
	{ "cidr33.t.test", TXT, "v=spf1 ip4:192.0.2.1/33 -all" },
	{ "dual.t.test", TXT, "v=spf1 a:example.com/24//64 -all" },
	{ "dual2.t.test", TXT, "v=spf1 a:example.com//64 -all" },
	{ "dual3.t.test", TXT, "v=spf1 a:example.com/24/64 -all" },
	{ "net.t.test", TXT, "v=spf1 ip4:192.0.2 -all" }, { "net6.t.test", TXT, "v=spf1 ip4:2001:db8::1 -all" },
	{ "top.t.test", TXT, "v=spf1 a:localhost -all" }, { "top2.t.test", TXT, "v=spf1 a:x.123 -all" },
	{ "top3.t.test", TXT, "v=spf1 a:example.com. -all" },
	{ "macro.t.test", TXT, "v=spf1 a:%{x}.test -all" }, { "macro2.t.test", TXT, "v=spf1 a:%{d0}.test -all" },
	{ "macro3.t.test", TXT, "v=spf1 a:% -all" }, { "macro4.t.test", TXT, "v=spf1 exists:%{c}.test -all" },
	{ "macro5.t.test", TXT, "v=spf1 a:%{o} -all" }, { "macro5.t.test", A, "192.0.2.9" },
	{ "macro6.t.test", TXT, "v=spf1 a:%{p}.named.test -all" }, { "bob.example.com.named.test", A, "192.0.2.66" },
	{ "macro7.t.test", TXT, "v=spf1 exists:%{h}.%{v}.%{d2}.x.test -all" }, { "mta.t.test.in-addr.t.test.x.test", A, "127.0.0.2" },
	{ "macro8.t.test", TXT, "v=spf1 exists:%{i}.six.test -all" },
	{ "2.0.0.1.0.d.b.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.c.b.0.1.six.test", A, "127.0.0.2" },
	{ "macro9.t.test", TXT, "v=spf1 exists:%{S}.esc.test -all" }, { "strong-bad%40macro9.t.test.esc.test", A, "127.0.0.2" },
	{ "byte.t.test", TXT, "v=spf1 a:caf\xc3\xa9.test -all" },
	{ "tab.t.test", TXT, "v=spf1\t+all" }, { "blanks.t.test", TXT, "v=spf1   ip4:192.0.2.65    -all  " },
	{ "exists6.t.test", TXT, "v=spf1 exists:a.t.test.x -all" }, { "a.t.test.x", A, "127.0.0.2" },
	/* bounds */
	{ "ten.t.test", TXT, "v=spf1 a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test ip4:192.0.2.65 -all" },
	{ "eleven.t.test", TXT, "v=spf1 a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test +all" },
	{ "h.test", A, "203.0.113.1" },
	{ "loop.t.test", TXT, "v=spf1 include:loop.t.test -all" },
	{ "loop2.t.test", TXT, "v=spf1 redirect=loop2.t.test" },
	{ "voids2.t.test", TXT, "v=spf1 a:gone1.test a:gone2.test +all" },
	{ "voids3.t.test", TXT, "v=spf1 a:gone1.test a:gone2.test exists:gone3.test +all" },
	{ "manymx.t.test", TXT, "v=spf1 mx -all" },
	{ "manymx.t.test", MX, "h.test" }, { "manymx.t.test", MX, "h.test" }, { "manymx.t.test", MX, "h.test" },
	{ "manymx.t.test", MX, "h.test" }, { "manymx.t.test", MX, "h.test" }, { "manymx.t.test", MX, "h.test" },
	{ "manymx.t.test", MX, "h.test" }, { "manymx.t.test", MX, "h.test" }, { "manymx.t.test", MX, "h.test" },
	{ "manymx.t.test", MX, "h.test" }, { "manymx.t.test", MX, "h.test" },
	{ "tempa.t.test", TXT, "v=spf1 a:servfail.test -all" }, { "servfail.test", A, NULL },
	{ "nomx.t.test", TXT, "v=spf1 mx -all" }, { "nomx.t.test", A, "192.0.2.65" },
};

static const struct {
	const char *domain, *ip, *why;
	enum spf_result want;
} cases[] = {
	{ "all.t.test",       "10.0.0.4",     "everybody may", SPF_PASS },
	{ "a.t.test",         "192.0.2.10",   "one of the addresses", SPF_PASS },
	{ "a.t.test",         "192.0.2.12",   "none of them", SPF_FAIL },
	{ "a.t.test",         "2001:db8::1",  "no AAAA at all", SPF_FAIL },
	{ "mx.t.test",        "192.0.2.129",  "an MX host", SPF_PASS },
	{ "mx.t.test",        "192.0.2.140",  "of another domain", SPF_FAIL },
	{ "mx2.t.test",       "192.0.2.140",  "both domains", SPF_PASS },
	{ "mxcidr.t.test",    "192.0.2.131",  "in the same /30 as a host", SPF_PASS },
	{ "mxcidr.t.test",    "192.0.2.132",  "in the next /30", SPF_FAIL },
	{ "ptr.t.test",       "192.0.2.65",   "its name is beneath the domain", SPF_PASS },
	{ "ptr.t.test",       "192.0.2.140",  "its name is elsewhere", SPF_FAIL },
	{ "ptr.t.test",       "10.0.0.4",     "its name does not resolve to it", SPF_FAIL },
	{ "ptr.t.test",       "10.0.0.5",     "it has no name", SPF_FAIL },
	{ "ip4.t.test",       "192.0.2.65",   "outside of the /28", SPF_FAIL },
	{ "ip4.t.test",       "192.0.2.129",  "inside", SPF_PASS },
	{ "ip6.t.test",       "2001:db8:1::1", "an IPv6 network", SPF_PASS },
	{ "ip6.t.test",       "192.0.2.1",    "no IPv4 address is in it", SPF_FAIL },
	{ "mapped.t.test",    "192.0.2.1",    "a mapped network is an IPv6 one", SPF_FAIL },
	{ "exists.t.test",    "10.0.0.4",     "strong-bad: no such user", SPF_FAIL },
	{ "redirect.t.test",  "192.0.2.10",   "the other record decides", SPF_PASS },
	{ "redirect.t.test",  "192.0.2.12",   "the other record decides", SPF_FAIL },
	{ "redirect2.t.test", "192.0.2.10",   "redirect without record", SPF_PERMERROR },
	{ "redirect3.t.test", "192.0.2.12",   "all comes before redirect wherever it stands", SPF_NEUTRAL },
	{ "redirect4.t.test", "192.0.2.10",   "redirect twice", SPF_PERMERROR },
	{ "include.t.test",   "192.0.2.10",   "a pass inside matches", SPF_PASS },
	{ "include.t.test",   "192.0.2.12",   "a fail inside does not", SPF_SOFTFAIL },
	{ "include2.t.test",  "192.0.2.10",   "no record inside", SPF_PERMERROR },
	{ "include3.t.test",  "192.0.2.10",   "trouble inside", SPF_TEMPERROR },
	{ "include4.t.test",  "192.0.2.10",   "a broken record inside", SPF_PERMERROR },
	{ "fails.t.test",     "192.0.2.10",   "trouble", SPF_TEMPERROR },
	{ "neutral.t.test",   "192.0.2.10",   "nothing matches", SPF_NEUTRAL },
	{ "neutral2.t.test",  "192.0.2.10",   "?all", SPF_NEUTRAL },
	{ "soft.t.test",      "192.0.2.10",   "in capitals", SPF_SOFTFAIL },
	{ "no.t.test",        "192.0.2.10",   "v=spf10 is no record", SPF_NONE },
	{ "nothing.t.test",   "192.0.2.10",   "no such domain", SPF_NONE },
	{ "localhost",        "192.0.2.10",   "one label", SPF_NONE },
	{ "a..test",          "192.0.2.10",   "no domain", SPF_NONE },
	{ "two.t.test",       "192.0.2.10",   "two records", SPF_PERMERROR },
	{ "late.t.test",      "192.0.2.10",   "an error behind a match counts", SPF_PERMERROR },
	{ "unknown.t.test",   "192.0.2.10",   "unknown modifiers are passed over", SPF_PASS },
	{ "exp.t.test",       "192.0.2.10",   "exp changes nothing", SPF_PASS },
	{ "exp2.t.test",      "192.0.2.10",   "exp twice", SPF_PERMERROR },
	{ "allarg.t.test",    "192.0.2.10",   "all takes no argument", SPF_PERMERROR },
	{ "noarg.t.test",     "192.0.2.10",   "include needs one", SPF_PERMERROR },
	{ "cidr0.t.test",     "10.0.0.4",     "/0 is everybody", SPF_PASS },
	{ "cidr00.t.test",    "10.0.0.4",     "/00 is none", SPF_PERMERROR },
	{ "cidr33.t.test",    "10.0.0.4",     "/33 is none", SPF_PERMERROR },
	{ "dual.t.test",      "192.0.2.200",  "/24//64 for IPv4", SPF_PASS },
	{ "dual2.t.test",     "192.0.2.200",  "//64 says nothing of IPv4", SPF_FAIL },
	{ "dual3.t.test",     "192.0.2.10",   "/24/64 is none", SPF_PERMERROR },
	{ "net.t.test",       "192.0.2.10",   "half an address", SPF_PERMERROR },
	{ "net6.t.test",      "192.0.2.10",   "an IPv6 address for ip4", SPF_PERMERROR },
	{ "top.t.test",       "192.0.2.10",   "one label as domain", SPF_PERMERROR },
	{ "top2.t.test",      "192.0.2.10",   "a top label of digits", SPF_PERMERROR },
	{ "top3.t.test",      "192.0.2.10",   "a dot at the end", SPF_PASS },
	{ "macro.t.test",     "192.0.2.10",   "a macro that there is not", SPF_PERMERROR },
	{ "macro2.t.test",    "192.0.2.10",   "no label at all", SPF_PERMERROR },
	{ "macro3.t.test",    "192.0.2.10",   "a lone percent sign", SPF_PERMERROR },
	{ "macro4.t.test",    "192.0.2.10",   "a macro of explanations", SPF_PERMERROR },
	{ "macro5.t.test",    "192.0.2.9",    "the sender's domain", SPF_PASS },
	{ "macro6.t.test",    "192.0.2.66",   "the validated name", SPF_PASS },
	{ "macro7.t.test",    "192.0.2.66",   "HELO, family, two labels", SPF_PASS },
	{ "macro8.t.test",    "2001:db8::cb01", "nibbles", SPF_PASS },
	{ "macro9.t.test",    "192.0.2.66",   "an escaped sender", SPF_PASS },
	{ "byte.t.test",      "192.0.2.10",   "bytes beyond ASCII", SPF_PERMERROR },
	{ "tab.t.test",       "192.0.2.10",   "a tab is no blank: no record", SPF_NONE },
	{ "blanks.t.test",    "192.0.2.65",   "several blanks", SPF_PASS },
	{ "exists6.t.test",   "2001:db8::1",  "exists asks for A whatever the sender is", SPF_PASS },
	{ "ten.t.test",       "192.0.2.65",   "ten terms that ask", SPF_PASS },
	{ "eleven.t.test",    "192.0.2.65",   "eleven", SPF_PERMERROR },
	{ "loop.t.test",      "192.0.2.65",   "a record that includes itself", SPF_PERMERROR },
	{ "loop2.t.test",     "192.0.2.65",   "one that redirects to itself", SPF_PERMERROR },
	{ "voids2.t.test",    "192.0.2.65",   "two void questions", SPF_PASS },
	{ "voids3.t.test",    "192.0.2.65",   "three", SPF_PERMERROR },
	{ "manymx.t.test",    "192.0.2.65",   "eleven MX hosts", SPF_PERMERROR },
	{ "tempa.t.test",     "192.0.2.65",   "an address that fails for now", SPF_TEMPERROR },
	{ "nomx.t.test",      "192.0.2.65",   "without MX the address is none (RFC 7208 5.4)", SPF_FAIL },
};
/* clang-format on */

enum { N_LINES = sizeof(zone) / sizeof(zone[0]), N_CASES = sizeof(cases) / sizeof(cases[0]) };

static enum spf_result check(const char *domain, const char *sender, const char *ip,
                             struct spf_verdict *v)
{
	struct spf_query q = { .domain = domain, .sender = sender, .helo = "mta.t.test" };
	struct facts *facts = facts_new();
	enum spf_result result = SPF_PENDING;

	if (ip_parse(ip, &q.ip) != 0)
		abort();
	for (int i = 0; i < ZONE_ROUNDS_MAX && result == SPF_PENDING; i++) {
		result = spf_check(facts, &q, v);
		zone_answer_all(zone, N_LINES, facts);
	}
	facts_free(facts);
	return result;
}

static void results_are_those_of_the_rfc(void)
{
	for (size_t i = 0; i < N_CASES; i++) {
		struct spf_verdict v;
		char sender[128];
		enum spf_result got;

		snprintf(sender, sizeof(sender), "strong-bad@%s", cases[i].domain);
		got = check(cases[i].domain, sender, cases[i].ip, &v);
		if (got != cases[i].want)
			printf("\n    %s from %s: %s: got %s (%s), want %s", cases[i].domain,
			       cases[i].ip, cases[i].why, spf_result_name(got), v.why,
			       spf_result_name(cases[i].want));
		CU_ASSERT_EQUAL(got, cases[i].want);
		CU_ASSERT(v.why[0] != '\0');
	}
}

/* RFC 7208 7.4: %{l1r-} of strong-bad is strong. */
static void macros_take_the_sender_apart(void)
{
	static const struct {
		const char *domain, *sender, *ip;
		enum spf_result want;
	} senders[] = {
		/* clang-format off */
		{ "exists.t.test",  "mary@exists.t.test",    "10.0.0.4",       SPF_PASS },
		{ "exists.t.test",  "fred-x@exists.t.test",  "10.0.0.4",       SPF_PASS },
		{ "exists.t.test",  "x-fred@exists.t.test",  "10.0.0.4",       SPF_FAIL },
		{ "exists2.t.test", "joel+x@exists2.t.test", "192.168.15.15",  SPF_PASS },
		{ "exists2.t.test", "joel+x@exists2.t.test", "192.168.15.16",  SPF_FAIL },
		{ "exists.t.test",  "exists.t.test",         "10.0.0.4",       SPF_FAIL }, /* postmaster */
		/* clang-format on */
	};
	struct spf_verdict v;

	for (size_t i = 0; i < sizeof(senders) / sizeof(senders[0]); i++)
		CU_ASSERT_EQUAL(check(senders[i].domain, senders[i].sender, senders[i].ip, &v),
		                senders[i].want);
}

static void look_ups_are_counted_by_terms(void)
{
	struct spf_verdict v;

	(void)check("ten.t.test", "x@ten.t.test", "192.0.2.65", &v);
	CU_ASSERT_EQUAL(v.lookups, 10);
	CU_ASSERT_EQUAL(v.voids, 0);
	(void)check("voids2.t.test", "x@voids2.t.test", "192.0.2.65", &v);
	CU_ASSERT_EQUAL(v.lookups, 2);
	CU_ASSERT_EQUAL(v.voids, 2);
}

SUITE("control/lint/spf", TEST(results_are_those_of_the_rfc), TEST(macros_take_the_sender_apart),
      TEST(look_ups_are_counted_by_terms))
