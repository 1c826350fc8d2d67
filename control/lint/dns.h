/* dns.h - the checks that ask the DNS: items 1 to 9 and the lists of 13.
 *
 * lint_dns_round() runs them all over what is known; the owner of the facts answers what is wanted
 * and runs them again, until nothing is.
 *
 * Thread  that of the facts.
 */
#pragma once

#include "control/lint/facts.h"

/* One address that mail leaves from. */
struct lint_source {
	const char *name; /* of its block in the configuration */
	const char *helo;
	struct ip_addr addr;
};

/* One key that signs. */
struct lint_key {
	const char *domain, *selector;
	const char *record; /* that DNS must hold; NULL: the key is not at hand */
};

/* A domain of recipients. */
struct lint_rcpts {
	const char *domain;
	uint32_t n;
};

/* Texts are borrowed, names in lower case. */
struct lint_dns {
	const struct lint_source *sources;
	uint32_t n_sources;
	const struct lint_key *keys;
	uint32_t n_keys;
	const char *from_domain;             /* NULL: not known */
	const char *mail_from, *mail_domain; /* of one envelope sender; NULL: not known */
	const struct lint_rcpts *rcpts;      /* the largest first */
	uint32_t n_rcpts, n_rcpts_left_out;
	const char *block_lists, *domain_lists; /* zones with blanks between; "": none */
	const char *const *link_domains;
	uint32_t n_link_domains;
};

/* Runs every check once. Returns true when it is complete; else something is wanted, and nothing
 * was noted in the report.
 */
bool lint_dns_round(const struct lint_dns *in, struct facts *facts, struct lint_report *report);

/* The parts of it. */
void lint_dns_sources(const struct lint_dns *in, struct facts *facts, struct lint_report *r);
void lint_dns_domains(const struct lint_dns *in, struct facts *facts, struct lint_report *r);

/* Looks a name up in each zone of a list, reversed address or domain; tells what is listed. */
struct lint_listed {
	enum lint_id id;
	const char *zones, *where;
	const struct ip_addr *addr; /* or */
	const char *domain;
};
void lint_dns_lists(const struct lint_listed *l, struct facts *facts, struct lint_report *r);

/* True for a PTR name that says no more than its address, or names a pool of users. */
bool lint_is_generic(const char *name, const struct ip_addr *addr);
