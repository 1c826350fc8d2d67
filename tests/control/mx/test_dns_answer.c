/* test_dns_answer.c - an answer is read as far as it is sound, and no further. */
#include "control/mx/dns_answer.h"

#include <errno.h>

#include "tests/support/suite.h"

/* A packet being made by hand. */
struct packet {
	uint8_t b[4096];
	size_t n;
};

static void u16(struct packet *p, unsigned v)
{
	p->b[p->n++] = (uint8_t)(v >> 8);
	p->b[p->n++] = (uint8_t)v;
}

static void u32(struct packet *p, uint32_t v)
{
	u16(p, v >> 16);
	u16(p, v & 0xffff);
}

static void name(struct packet *p, const char *text)
{
	while (*text != '\0') {
		size_t n = strcspn(text, ".");

		p->b[p->n++] = (uint8_t)n;
		memcpy(p->b + p->n, text, n);
		p->n += n;
		text += n + (text[n] == '.');
	}
	p->b[p->n++] = 0;
}

static void begin(struct packet *p, unsigned flags, unsigned answers, unsigned authority,
                  const char *asked, unsigned type)
{
	p->n = 0;
	u16(p, 0x1234);
	u16(p, flags);
	u16(p, 1);
	u16(p, answers);
	u16(p, authority);
	u16(p, 0);
	name(p, asked);
	u16(p, type);
	u16(p, 1);
}

/* Begins a record; end_rr() writes its length. */
static size_t begin_rr(struct packet *p, const char *owner, unsigned type, uint32_t ttl)
{
	name(p, owner);
	u16(p, type);
	u16(p, 1);
	u32(p, ttl);
	u16(p, 0);
	return p->n;
}

static void end_rr(struct packet *p, size_t data)
{
	p->b[data - 2] = (uint8_t)((p->n - data) >> 8);
	p->b[data - 1] = (uint8_t)(p->n - data);
}

static void rr_name(struct packet *p, const char *owner, unsigned type, uint32_t ttl,
                    const char *target)
{
	size_t data = begin_rr(p, owner, type, ttl);

	name(p, target);
	end_rr(p, data);
}

static void rr_mx(struct packet *p, const char *owner, uint32_t ttl, unsigned pref,
                  const char *host)
{
	size_t data = begin_rr(p, owner, DNS_TYPE_MX, ttl);

	u16(p, pref);
	name(p, host);
	end_rr(p, data);
}

static void rr_bytes(struct packet *p, const char *owner, unsigned type, uint32_t ttl,
                     const void *bytes, size_t n)
{
	size_t data = begin_rr(p, owner, type, ttl);

	memcpy(p->b + p->n, bytes, n);
	p->n += n;
	end_rr(p, data);
}

static void rr_soa(struct packet *p, uint32_t ttl, uint32_t minimum)
{
	size_t data = begin_rr(p, "test", DNS_TYPE_SOA, ttl);

	name(p, "ns.test");
	name(p, "root.test");
	for (uint32_t i = 1; i <= 4; i++)
		u32(p, i);
	u32(p, minimum);
	end_rr(p, data);
}

static int read_it(const struct packet *p, const char *asked, enum dns_type type,
                   struct dns_answer *a)
{
	return dns_answer_read(span_of(p->b, p->n), asked, type, a);
}

static void mx_records_are_read_with_their_least_ttl(void)
{
	struct packet p;
	struct dns_answer a;

	begin(&p, 0x81a0, 3, 0, "Alpha.TEST", DNS_TYPE_MX);
	rr_mx(&p, "alpha.test", 300, 10, "MX2.alpha.test");
	rr_mx(&p, "ALPHA.test", 200, 5, "mx1.alpha.test");
	rr_mx(&p, "other.test", 1, 0, "evil.test"); /* nobody asked */
	CU_ASSERT_EQUAL_FATAL(read_it(&p, "alpha.test", DNS_TYPE_MX, &a), 0);
	CU_ASSERT_EQUAL_FATAL(a.n_mx, 2);
	CU_ASSERT_STRING_EQUAL(a.mx[0].host, "mx2.alpha.test");
	CU_ASSERT_EQUAL(a.mx[1].preference, 5);
	CU_ASSERT_EQUAL(a.ttl_s, 200);
	CU_ASSERT(a.authentic);
	CU_ASSERT(!a.truncated);
}

static void the_root_as_target_is_a_dot(void)
{
	struct packet p;
	struct dns_answer a;

	begin(&p, 0x8180, 1, 0, "null.test", DNS_TYPE_MX);
	rr_mx(&p, "null.test", 300, 0, "");
	CU_ASSERT_EQUAL_FATAL(read_it(&p, "null.test", DNS_TYPE_MX, &a), 0);
	CU_ASSERT_EQUAL_FATAL(a.n_mx, 1);
	CU_ASSERT_STRING_EQUAL(a.mx[0].host, ".");
}

static void addresses_of_the_asked_family_are_read(void)
{
	static const uint8_t v4[4] = { 192, 0, 2, 1 };
	static const uint8_t v6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 9 };
	struct ip_addr want4 = ip_from_v4(v4);
	struct packet p;
	struct dns_answer a;

	begin(&p, 0x8180, 3, 0, "h.test", DNS_TYPE_A);
	rr_bytes(&p, "h.test", DNS_TYPE_AAAA, 300, v6, 16);
	rr_bytes(&p, "h.test", DNS_TYPE_A, 300, v4, 4);
	rr_bytes(&p, "h.test", DNS_TYPE_A, 300, v4, 3); /* no address */
	CU_ASSERT_EQUAL_FATAL(read_it(&p, "h.test", DNS_TYPE_A, &a), 0);
	CU_ASSERT_EQUAL_FATAL(a.n_addrs, 1);
	CU_ASSERT(ip_eq(&a.addrs[0], &want4));
	CU_ASSERT_EQUAL(a.n_left_out, 1);
	begin(&p, 0x8180, 1, 0, "h.test", DNS_TYPE_AAAA);
	rr_bytes(&p, "h.test", DNS_TYPE_AAAA, 300, v6, 16);
	CU_ASSERT_EQUAL_FATAL(read_it(&p, "h.test", DNS_TYPE_AAAA, &a), 0);
	CU_ASSERT_EQUAL_FATAL(a.n_addrs, 1);
	CU_ASSERT_EQUAL(memcmp(a.addrs[0].b, v6, 16), 0);
}

static void a_chain_of_cnames_is_followed_in_any_order(void)
{
	struct packet p;
	struct dns_answer a;

	begin(&p, 0x8180, 3, 0, "a.test", DNS_TYPE_MX);
	rr_mx(&p, "c.test", 300, 1, "mx.test");
	rr_name(&p, "b.test", DNS_TYPE_CNAME, 50, "c.test");
	rr_name(&p, "a.test", DNS_TYPE_CNAME, 300, "b.test");
	CU_ASSERT_EQUAL_FATAL(read_it(&p, "a.test", DNS_TYPE_MX, &a), 0);
	CU_ASSERT_STRING_EQUAL(a.name, "c.test");
	CU_ASSERT_EQUAL(a.n_cnames, 2);
	CU_ASSERT_EQUAL(a.n_mx, 1);
	CU_ASSERT_EQUAL(a.ttl_s, 50);
}

static void a_chain_that_turns_back_ends(void)
{
	struct packet p;
	struct dns_answer a;

	begin(&p, 0x8180, 2, 0, "a.test", DNS_TYPE_A);
	rr_name(&p, "a.test", DNS_TYPE_CNAME, 300, "b.test");
	rr_name(&p, "b.test", DNS_TYPE_CNAME, 300, "a.test");
	CU_ASSERT_EQUAL(read_it(&p, "a.test", DNS_TYPE_A, &a), -ELOOP);
}

static void a_negative_holds_for_the_lesser_of_soa_ttl_and_minimum(void)
{
	static const struct {
		const char *why;
		uint32_t ttl, minimum, want;
	} cases[] = {
		{ "the minimum is less", 900, 60, 60 },
		{ "the TTL is less", 30, 60, 30 },
		{ "a TTL beyond 31 bits is zero (RFC 2181 8)", 0x80000000, 60, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct packet p;
		struct dns_answer a;

		begin(&p, 0x8183, 0, 1, "no.test", DNS_TYPE_MX);
		rr_soa(&p, cases[i].ttl, cases[i].minimum);
		CU_ASSERT_EQUAL_FATAL(read_it(&p, "no.test", DNS_TYPE_MX, &a), 0);
		CU_ASSERT_EQUAL(a.rcode, DNS_RCODE_NXDOMAIN);
		CU_ASSERT(a.has_soa && a.has_ttl);
		if (a.ttl_s != cases[i].want)
			printf("\n    %s: got %u, want %u", cases[i].why, a.ttl_s, cases[i].want);
		CU_ASSERT_EQUAL(a.ttl_s, cases[i].want);
	}
}

static void answers_that_are_none_are_refused(void)
{
	struct packet p;
	struct dns_answer a;

	begin(&p, 0x0100, 0, 0, "a.test", DNS_TYPE_MX);
	CU_ASSERT_EQUAL(read_it(&p, "a.test", DNS_TYPE_MX, &a), -EBADMSG); /* a question */
	begin(&p, 0x8180, 0, 0, "b.test", DNS_TYPE_MX);
	CU_ASSERT_EQUAL(read_it(&p, "a.test", DNS_TYPE_MX, &a), -EBADMSG); /* another name */
	begin(&p, 0x8180, 0, 0, "a.test", DNS_TYPE_A);
	CU_ASSERT_EQUAL(read_it(&p, "a.test", DNS_TYPE_MX, &a), -EBADMSG); /* another type */
	begin(&p, 0x8180, 1, 0, "a.test", DNS_TYPE_MX);
	CU_ASSERT_EQUAL(read_it(&p, "a.test", DNS_TYPE_MX, &a), -EBADMSG); /* a record short */
	CU_ASSERT_EQUAL(dns_answer_read(span_of(NULL, 0), "a.test", DNS_TYPE_MX, &a), -EBADMSG);
}

static void every_cut_of_a_packet_is_refused_or_read(void)
{
	struct packet p;
	struct dns_answer a;

	begin(&p, 0x8180, 2, 0, "a.test", DNS_TYPE_MX);
	rr_mx(&p, "a.test", 300, 1, "mx1.test");
	rr_mx(&p, "a.test", 300, 2, "mx2.test");
	for (size_t n = 0; n < p.n; n++)
		CU_ASSERT_EQUAL(dns_answer_read(span_of(p.b, n), "a.test", DNS_TYPE_MX, &a),
		                -EBADMSG);
	CU_ASSERT_EQUAL(dns_answer_read(span_of(p.b, p.n), "a.test", DNS_TYPE_MX, &a), 0);
	CU_ASSERT_EQUAL(a.n_mx, 2);
}

static void names_are_decompressed_within_bounds(void)
{
	/* clang-format off */
	static const struct {
		const char *why;
		const char *bytes;
		size_t n, at;
		int want;
		const char *name;
		size_t after;
	} cases[] = {
		{ "the root", "\0", 1, 0, 0, ".", 1 },
		{ "two labels, lower-cased", "\1A\4tEst\0", 8, 0, 0, "a.test", 8 },
		{ "a pointer back", "\4test\0\1a\300\0", 10, 6, 0, "a.test", 10 },
		{ "a pointer to a pointer", "\1x\0\300\0\300\3", 7, 5, 0, "x", 7 },
		{ "a pointer to itself", "\300\0", 2, 0, -EBADMSG, NULL, 0 },
		{ "two pointers in a ring", "\300\2\300\0", 4, 2, -EBADMSG, NULL, 0 },
		{ "a pointer into its own labels", "\1a\300\0", 4, 0, -EBADMSG, NULL, 0 },
		{ "a pointer forward", "\300\2\1a\0", 5, 0, -EBADMSG, NULL, 0 },
		{ "half a pointer", "\300", 1, 0, -EBADMSG, NULL, 0 },
		{ "a label past the end", "\5ab", 3, 0, -EBADMSG, NULL, 0 },
		{ "no end", "\1a", 2, 0, -EBADMSG, NULL, 0 },
		{ "a reserved label type", "\100a\0", 3, 0, -EBADMSG, NULL, 0 },
		{ "a dot inside a label", "\3a.b\0", 5, 0, 1, "", 5 },
		{ "a NUL inside a label", "\3a\0b\0", 5, 0, 1, "", 5 },
		{ "a blank inside a label", "\3a b\0", 5, 0, 1, "", 5 },
	};
	/* clang-format on */

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char out[DNS_NAME_BYTES] = "?";
		size_t at = cases[i].at;
		int r = dns_name_read(span_of(cases[i].bytes, cases[i].n), &at, out);
		bool ok = r == cases[i].want &&
		          (r < 0 || (strcmp(out, cases[i].name) == 0 && at == cases[i].after));

		if (!ok)
			printf("\n    %s: got %d \"%s\" up to %zu", cases[i].why, r, out, at);
		CU_ASSERT(ok);
	}
}

static void a_name_over_255_bytes_is_broken(void)
{
	uint8_t bytes[400];
	char out[DNS_NAME_BYTES];
	size_t at = 0;

	for (size_t i = 0; i < 6; i++) {
		bytes[i * 64] = 63;
		memset(bytes + i * 64 + 1, 'a', 63);
	}
	bytes[384] = 0;
	CU_ASSERT_EQUAL(dns_name_read(span_of(bytes, 385), &at, out), -EBADMSG);
	bytes[192] = 0;
	at = 0;
	CU_ASSERT_EQUAL(dns_name_read(span_of(bytes, 193), &at, out), 0);
	CU_ASSERT_EQUAL(strlen(out), 191);
}

static void records_beyond_the_bound_are_counted(void)
{
	struct packet p;
	struct dns_answer a;

	begin(&p, 0x8180, 40, 0, "a.test", DNS_TYPE_MX);
	for (unsigned i = 0; i < 40; i++)
		rr_mx(&p, "a.test", 300, i, "mx.test");
	CU_ASSERT_EQUAL_FATAL(read_it(&p, "a.test", DNS_TYPE_MX, &a), 0);
	CU_ASSERT_EQUAL(a.n_mx, DNS_RECORDS_MAX);
	CU_ASSERT_EQUAL(a.n_left_out, 40 - DNS_RECORDS_MAX);
}

static void ptr_names_are_read_and_odd_ones_left_out(void)
{
	struct packet p;
	struct dns_answer a;

	begin(&p, 0x8180, 2, 0, "1.2.0.192.in-addr.arpa", DNS_TYPE_PTR);
	rr_name(&p, "1.2.0.192.in-addr.arpa", DNS_TYPE_PTR, 60, "MTA1.Shop.Test");
	rr_name(&p, "1.2.0.192.in-addr.arpa", DNS_TYPE_PTR, 60, "with blank.test");
	CU_ASSERT_EQUAL_FATAL(read_it(&p, "1.2.0.192.in-addr.arpa", DNS_TYPE_PTR, &a), 0);
	CU_ASSERT_EQUAL(a.n_names, 1);
	CU_ASSERT_EQUAL(a.n_left_out, 1);
	CU_ASSERT_STRING_EQUAL(a.names[0], "mta1.shop.test");
	CU_ASSERT_EQUAL(dns_answer_records(&a), 2);
}

static void strings_of_a_txt_record_are_joined_without_blanks(void)
{
	struct packet p;
	struct dns_answer a;
	uint8_t out[16];

	begin(&p, 0x8180, 3, 0, "a.test", DNS_TYPE_TXT);
	rr_bytes(&p, "a.test", DNS_TYPE_TXT, 60, "\6v=spf1\5 -all", 13);
	rr_bytes(&p, "a.test", DNS_TYPE_TXT, 60, "\0", 1);
	rr_bytes(&p, "a.test", DNS_TYPE_TXT, 60, "\7short", 6); /* says more than there is */
	CU_ASSERT_EQUAL_FATAL(read_it(&p, "a.test", DNS_TYPE_TXT, &a), 0);
	CU_ASSERT_EQUAL_FATAL(a.n_txt, 2);
	CU_ASSERT_EQUAL(a.n_left_out, 1);
	CU_ASSERT_EQUAL(dns_txt_join(a.txt[0], out, sizeof(out)), 11);
	CU_ASSERT(memcmp(out, "v=spf1 -all", 11) == 0);
	CU_ASSERT_EQUAL(dns_txt_join(a.txt[1], out, sizeof(out)), 0);
	out[8] = 'X';
	CU_ASSERT_EQUAL(dns_txt_join(a.txt[0], out, 8), 11); /* told, though not written */
	CU_ASSERT_EQUAL(out[8], 'X');
}

static void a_soa_record_is_seen_when_asked_for(void)
{
	struct packet p;
	struct dns_answer a;

	begin(&p, 0x8180, 1, 0, "test", DNS_TYPE_SOA);
	rr_soa(&p, 900, 60);
	CU_ASSERT_EQUAL_FATAL(read_it(&p, "test", DNS_TYPE_SOA, &a), 0);
	CU_ASSERT_EQUAL(a.n_soa, 1);
	begin(&p, 0x8180, 1, 0, "test", DNS_TYPE_SOA);
	rr_bytes(&p, "test", DNS_TYPE_SOA, 60, "\0\0abc", 5);
	CU_ASSERT_EQUAL_FATAL(read_it(&p, "test", DNS_TYPE_SOA, &a), 0);
	CU_ASSERT_EQUAL(a.n_soa, 0);
	CU_ASSERT_EQUAL(a.n_left_out, 1);
}

SUITE("control/mx/dns_answer", TEST(ptr_names_are_read_and_odd_ones_left_out),
      TEST(strings_of_a_txt_record_are_joined_without_blanks),
      TEST(a_soa_record_is_seen_when_asked_for), TEST(mx_records_are_read_with_their_least_ttl),
      TEST(the_root_as_target_is_a_dot), TEST(addresses_of_the_asked_family_are_read),
      TEST(a_chain_of_cnames_is_followed_in_any_order), TEST(a_chain_that_turns_back_ends),
      TEST(a_negative_holds_for_the_lesser_of_soa_ttl_and_minimum),
      TEST(answers_that_are_none_are_refused), TEST(every_cut_of_a_packet_is_refused_or_read),
      TEST(names_are_decompressed_within_bounds), TEST(a_name_over_255_bytes_is_broken),
      TEST(records_beyond_the_bound_are_counted))
