/* facts.h - what is known of the DNS while checks run: they ask, and are run again when all that
 * they asked for is known.
 *
 *	check: fact_get() -> not known yet: it is noted, the check gives up for now
 *	owner: facts_wanted() -> asks the network -> fact_end(), fact_add_*() -> runs the check
 *again
 *
 * So a check is a function of what is known, and its tests need no network. Bounded: beyond
 * FACTS_MAX questions every further one is in trouble.
 *
 * Thread  one at a time.
 */
#pragma once

#include "control/lint/lint.h"
#include "control/mx/dns_answer.h"

enum {
	FACTS_MAX = 8192,
	FACT_TEXT_BYTES_MAX = 4096, /* of one TXT record; a longer one is left out */
};

enum fact_end {
	FACT_WANTED,
	FACT_RECORDS,
	FACT_NO_RECORDS,
	FACT_NO_NAME,
	FACT_TROUBLE, /* cannot be told for now */
};

struct fact {
	char name[DNS_NAME_BYTES];
	enum dns_type type;
	enum fact_end end;
	bool has_soa; /* a negative that names its zone */
	char trouble[64];
	uint32_t n; /* records: addresses, names (of MX by preference, of PTR) or texts */
	struct ip_addr *addrs;
	char (*names)[DNS_NAME_BYTES]; /* "." as only MX: it takes no mail (RFC 7505) */
	struct span *texts;            /* any bytes */
};

struct facts;

struct facts *facts_new(void);
void facts_free(struct facts *f); /* NULL is allowed */

/* What is known of a name (in any case, a dot at its end allowed). NULL: nothing yet, it is noted
 * as wanted. A text that is no name has no records.
 */
const struct fact *fact_get(struct facts *f, const char *name, enum dns_type type);

/* The i-th question that waits for its answer, or NULL. */
struct fact *facts_wanted(struct facts *f, uint32_t i);
uint32_t facts_n_wanted(const struct facts *f);
uint32_t facts_n(const struct facts *f);

/* Answer a question: first its records, in order, then its end. */
void fact_add_addr(struct fact *fact, const struct ip_addr *addr);
void fact_add_name(struct fact *fact, const char *name);
void fact_add_text(struct fact *fact, struct span text);
void fact_set_end(struct facts *f, struct fact *fact, enum fact_end end, const char *trouble);

/* Lower case, no dot at the end. False for what is no name to ask for. */
bool fact_name(const char *text, char out[DNS_NAME_BYTES]);

/* "1.2.0.192.in-addr.arpa", or the nibbles under ip6.arpa; with `zone` instead where it is given.
 */
void fact_reverse(const struct ip_addr *addr, const char *zone, char out[DNS_NAME_BYTES + 80]);
