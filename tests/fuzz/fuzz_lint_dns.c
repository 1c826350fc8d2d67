/* fuzz_lint_dns.c - any TXT record, as an SPF, DMARC or DKIM record: evaluation ends within its
 * bounds.
 *
 * Input: a byte that chooses the sender's family and the answers to other questions, then the
 * record. The DNS gives the same record for every name, so that records include and redirect.
 */
#include <assert.h>
#include <stdlib.h>

#include "control/lint/dkim_record.h"
#include "control/lint/dmarc.h"
#include "control/lint/spf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { ROUNDS_MAX = 64, ASKED_MAX = 400 };

static void answer(struct facts *facts, struct span record, uint8_t choice)
{
	struct ip_addr addr = { { [10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = choice } };
	struct fact *f;

	while ((f = facts_wanted(facts, 0)) != NULL) {
		enum fact_end end = FACT_RECORDS;

		if (f->type == DNS_TYPE_TXT)
			fact_add_text(f, record);
		else if (choice & 4)
			end = choice & 8 ? FACT_NO_NAME : FACT_TROUBLE;
		else if (f->type == DNS_TYPE_A || f->type == DNS_TYPE_AAAA)
			fact_add_addr(f, &addr);
		else
			fact_add_name(f, "mta.a.test");
		fact_set_end(facts, f, end, "fuzz");
	}
}

static void check_spf(struct span record, uint8_t choice)
{
	struct spf_query q = { .domain = "a.test", .sender = "x-y+z@a.test", .helo = "mta.a.test" };
	struct facts *facts = facts_new();
	enum spf_result result = SPF_PENDING;
	struct spf_verdict v;

	ip_parse(choice & 1 ? "2001:db8::1" : "192.0.2.1", &q.ip);
	for (int i = 0; result == SPF_PENDING; i++) {
		assert(i < ROUNDS_MAX);
		result = spf_check(facts, &q, &v);
		assert((result == SPF_PENDING) == (facts_n_wanted(facts) > 0) ||
		       result != SPF_PENDING);
		answer(facts, record, choice);
	}
	assert(v.lookups <= SPF_LOOKUPS_MAX + 1 && v.voids <= SPF_VOIDS_MAX + 1);
	assert(facts_n(facts) <= ASKED_MAX);
	assert(v.why[0] != '\0');
	facts_free(facts);
}

static void check_dmarc(struct span record, uint8_t choice)
{
	struct facts *facts = facts_new();
	struct dmarc_record policy;
	char at[DNS_NAME_BYTES], org[DNS_NAME_BYTES];

	while (dmarc_policy(facts, "a.b.c.d.e.f.g.h.i.j.test", &policy, at) == DMARC_PENDING)
		answer(facts, record, choice);
	while (dmarc_org(facts, "a.b.c.d.e.f.g.h.i.j.test", org) == DMARC_PENDING)
		answer(facts, record, choice);
	assert(facts_n(facts) <= DMARC_WALK_MAX);
	facts_free(facts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct span record, texts[2];
	uint8_t choice;
	bool testing;

	if (bytes == 0)
		return 0;
	choice = data[0];
	record = span_of(data + 1, bytes - 1);
	check_spf(record, choice);
	check_dmarc(record, choice);
	texts[0] = record;
	texts[1] = span_str("v=DKIM1; p=AAAA");
	(void)dkim_record_compare(texts, 1 + (choice >> 4 & 1), span_str("v=DKIM1; k=rsa; p=AAAA"),
	                          &testing);
	return 0;
}
