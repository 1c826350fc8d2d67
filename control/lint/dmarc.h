/* dmarc.h - a domain's DMARC policy, and the organisational domain that alignment goes by (RFC
 * 9989).
 *
 * A function of what is known of the DNS (facts.h).
 *
 * Thread  that of the facts.
 */
#pragma once

#include "control/lint/facts.h"

enum {
	DMARC_WALK_MAX = 8, /* questions of one walk: RFC 9989 4.10 */
	DMARC_WALK_LABELS = 7,
};

enum dmarc_policy { DMARC_POLICY_NONE, DMARC_POLICY_QUARANTINE, DMARC_POLICY_REJECT };
enum dmarc_psd { DMARC_PSD_UNSAID, DMARC_PSD_YES, DMARC_PSD_NO };

struct dmarc_record {
	enum dmarc_policy policy;
	enum dmarc_psd psd;
	bool strict_dkim, strict_spf; /* adkim=s, aspf=s */
	bool has_policy; /* p= is one, or rua= stands for none; else it says nothing but psd= */
};

enum dmarc_end {
	DMARC_PENDING, /* something that is wanted is not known yet */
	DMARC_FOUND,
	DMARC_MISSING,
	DMARC_TROUBLE, /* cannot be told for now */
};

/* Reads the text of a TXT record; false for one that is no DMARC record. */
bool dmarc_read(struct span text, struct dmarc_record *out);

/* The policy that holds for mail from `domain`: its own record, else that of its organisational
 * domain, else of the public suffix above. `at` is where it stands.
 */
enum dmarc_end dmarc_policy(struct facts *facts, const char *domain, struct dmarc_record *out,
                            char at[DNS_NAME_BYTES]);

/* The organisational domain by walking up the tree; the domain itself where no record says more.
 * DMARC_FOUND, DMARC_PENDING or DMARC_TROUBLE.
 */
enum dmarc_end dmarc_org(struct facts *facts, const char *domain, char out[DNS_NAME_BYTES]);
