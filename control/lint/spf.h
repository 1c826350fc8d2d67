/* spf.h - whether a domain's SPF record lets an address send for it (RFC 7208).
 *
 * A function of what is known of the DNS (facts.h): all mechanisms, modifiers and macros, within
 * the RFC's bounds of 10 terms that ask and 2 questions without an answer.
 *
 * Thread  that of the facts.
 */
#pragma once

#include "control/lint/facts.h"

enum {
	SPF_LOOKUPS_MAX = 10, /* RFC 7208 4.6.4 */
	SPF_VOIDS_MAX = 2,
	SPF_HOSTS_MAX = 10,      /* of one mx or ptr */
	SPF_RECORD_BYTES = 2048, /* a longer one is broken */
	SPF_TERMS_MAX = 128,
};

enum spf_result {
	SPF_PENDING, /* something that is wanted is not known yet */
	SPF_NONE,
	SPF_NEUTRAL,
	SPF_PASS,
	SPF_FAIL,
	SPF_SOFTFAIL,
	SPF_TEMPERROR,
	SPF_PERMERROR,
	SPF_N_RESULTS
};

const char *spf_result_name(enum spf_result result);

struct spf_query {
	struct ip_addr ip;
	const char *domain; /* the envelope sender's */
	const char *sender; /* the envelope sender; without a local part it is postmaster */
	const char *helo;
};

struct spf_verdict {
	enum spf_result result;
	uint32_t lookups, voids;
	char why[160]; /* which term decided, or what is wrong with the record */
};

enum spf_result spf_check(struct facts *facts, const struct spf_query *q, struct spf_verdict *out);
