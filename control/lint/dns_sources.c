/* dns_sources.c - what the DNS says of the addresses that mail leaves from: items 1 to 4. */
#include <stdio.h>
#include <string.h>

#include "control/lint/dns.h"
#include "control/lint/spf.h"
#include "control/lint/suffix.h"

enum { ZONE_BYTES = 256 };

static enum dns_type family(const struct ip_addr *a)
{
	return ip_is_v4(a) ? DNS_TYPE_A : DNS_TYPE_AAAA;
}

static bool has_addr(const struct fact *f, const struct ip_addr *addr)
{
	for (uint32_t i = 0; f->end == FACT_RECORDS && i < f->n; i++)
		if (ip_eq(&f->addrs[i], addr))
			return true;
	return false;
}

static void skip_trouble(struct lint_report *r, enum lint_id id, const struct fact *f)
{
	char why[DNS_NAME_BYTES + 80];

	snprintf(why, sizeof(why), "DNS: %.100s: %s", f->name, f->trouble);
	lint_skip(r, id, why);
}

/* ---- PTR ---- */

/* All four numbers of an IPv4 address in a name, in whatever order and with whatever between, mean
 * that a program made it up.
 */
static bool has_numbers(const char *name, const struct ip_addr *addr)
{
	uint32_t found = 0;

	for (const char *c = name; *c != '\0';) {
		unsigned v = 0, digits = 0;

		while (c[digits] >= '0' && c[digits] <= '9' && digits < 4)
			v = v * 10 + (unsigned)(c[digits++] - '0');
		for (int i = 0; digits > 0 && i < 4; i++)
			if (v == addr->b[12 + i] && (found & 1u << i) == 0) {
				found |= 1u << i; /* each number of the name stands for one */
				break;
			}
		c += digits > 0 ? digits : 1;
	}
	return found == 15;
}

bool lint_is_generic(const char *name, const struct ip_addr *addr)
{
	static const char *const words[] = { "dynamic",    "dyn",    "dhcp", "dialup",   "dial",
		                             "dsl",        "adsl",   "vdsl", "ppp",      "pool",
		                             "pppoe",      "cable",  "cust", "customer", "client",
		                             "unassigned", "static", "rev",  "user",     "home",
		                             "broadband" };

	if (ip_is_v4(addr) && has_numbers(name, addr))
		return true;
	while (*name != '\0') { /* words between dots, hyphens and digits */
		size_t n = strcspn(name, ".-_0123456789");

		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (strlen(words[i]) == n && strncmp(name, words[i], n) == 0)
				return true;
		name += n + (name[n] != '\0');
	}
	return false;
}

/* RFC 1912 2.1: the names of the address, and their addresses, must agree. */
static const char *check_ptr(const struct lint_source *s, const char *where, struct facts *facts,
                             struct lint_report *r)
{
	char name[DNS_NAME_BYTES + 80];
	const struct fact *ptr, *forward;
	const char *good = NULL;
	bool unknown = false;

	fact_reverse(&s->addr, NULL, name);
	ptr = fact_get(facts, name, DNS_TYPE_PTR);
	if (ptr == NULL)
		return NULL;
	if (ptr->end == FACT_TROUBLE) {
		skip_trouble(r, LINT_PTR, ptr);
		skip_trouble(r, LINT_PTR_FORWARD, ptr);
		return NULL;
	}
	if (ptr->end != FACT_RECORDS || ptr->n == 0) {
		lint_found(r, LINT_PTR, where, "%s has no PTR record", name);
		return NULL;
	}
	for (uint32_t i = 0; i < ptr->n && good == NULL; i++) {
		forward = fact_get(facts, ptr->names[i], family(&s->addr));
		if (forward == NULL || forward->end == FACT_TROUBLE)
			unknown = true;
		else if (has_addr(forward, &s->addr))
			good = ptr->names[i];
	}
	if (good == NULL && unknown)
		lint_skip(r, LINT_PTR_FORWARD, "DNS: the address of the PTR's name is not known");
	else if (good == NULL)
		lint_found(r, LINT_PTR_FORWARD, where, "%s does not resolve to it", ptr->names[0]);
	if (lint_is_generic(good == NULL ? ptr->names[0] : good, &s->addr))
		lint_found(r, LINT_PTR_GENERIC, where, "%s", good == NULL ? ptr->names[0] : good);
	return good == NULL ? ptr->names[0] : good;
}

/* ---- HELO ---- */

static bool related(const char *a, const char *b)
{
	char x[DNS_NAME_BYTES], y[DNS_NAME_BYTES];

	return suffix_registered(a, x) && suffix_registered(b, y) && strcmp(x, y) == 0;
}

static void check_helo(const struct lint_source *s, const char *where, const char *ptr,
                       struct facts *facts, struct lint_report *r)
{
	const struct fact *f = fact_get(facts, s->helo, family(&s->addr));
	char helo[DNS_NAME_BYTES];

	if (f == NULL)
		return;
	if (f->end == FACT_TROUBLE)
		skip_trouble(r, LINT_HELO, f);
	else if (!has_addr(f, &s->addr))
		lint_found(r, LINT_HELO, where, "%s does not resolve to it", s->helo);
	if (ptr != NULL && fact_name(s->helo, helo) && strcmp(helo, ptr) != 0 &&
	    !related(helo, ptr))
		lint_found(r, LINT_HELO_PTR, where, "HELO says %s, PTR %s", helo, ptr);
}

/* ---- block lists ---- */

/* RFC 5782 2.1: an address in 127.0.0.0/8 says "listed"; 127.255.255.0/24 is how large lists say
 * that they do not answer this resolver.
 */
static void tell_listed(const struct lint_listed *l, const char *zone, const struct fact *f,
                        struct lint_report *r)
{
	const uint8_t *v4 = f->addrs[0].b + 12;

	if (v4[0] == 127 && v4[1] == 255 && v4[2] == 255)
		lint_skip(r, l->id, "a list refuses this resolver: use one of your own");
	else if (v4[0] == 127)
		lint_found(r, l->id, l->where, "%s lists it (127.%u.%u.%u)", zone, v4[1], v4[2],
		           v4[3]);
	else
		lint_skip(r, l->id, "a list answers with an address outside of 127.0.0.0/8");
}

void lint_dns_lists(const struct lint_listed *l, struct facts *facts, struct lint_report *r)
{
	char zone[ZONE_BYTES], name[DNS_NAME_BYTES + 80];

	for (const char *at = l->zones + strspn(l->zones, " "); *at != '\0';
	     at += strspn(at, " ")) {
		size_t n = strcspn(at, " ");
		const struct fact *f;

		snprintf(zone, sizeof(zone), "%.*s", (int)n, at);
		at += n;
		if (l->addr != NULL)
			fact_reverse(l->addr, zone, name);
		else if (snprintf(name, sizeof(name), "%s.%s", l->domain, zone) >= DNS_NAME_BYTES)
			continue;
		f = fact_get(facts, name, DNS_TYPE_A);
		if (f == NULL)
			continue;
		if (f->end == FACT_TROUBLE)
			skip_trouble(r, l->id, f);
		else if (f->end == FACT_RECORDS && f->n > 0)
			tell_listed(l, zone, f, r);
	}
}

/* ---- SPF ---- */

static void check_spf(const struct lint_dns *in, const struct lint_source *s, const char *where,
                      struct facts *facts, struct lint_report *r)
{
	struct spf_query q = {
		.ip = s->addr, .domain = in->mail_domain, .sender = in->mail_from, .helo = s->helo
	};
	struct spf_verdict v;

	if (in->mail_domain == NULL) {
		lint_skip(r, LINT_SPF, "no envelope sender is known: name the configuration");
		return;
	}
	switch (spf_check(facts, &q, &v)) {
	case SPF_PENDING:
		return;
	case SPF_TEMPERROR:
		lint_skip(r, LINT_SPF, v.why);
		return;
	case SPF_PASS:
		if (v.lookups > SPF_LOOKUPS_MAX - 2 || v.voids == SPF_VOIDS_MAX)
			lint_found(r, LINT_SPF_LIMITS, where, "%u look-ups, %u void", v.lookups,
			           v.voids);
		return;
	default:
		lint_found(r, LINT_SPF, where, "%s for %s: %s", spf_result_name(v.result),
		           in->mail_domain, v.why);
	}
}

void lint_dns_sources(const struct lint_dns *in, struct facts *facts, struct lint_report *r)
{
	for (uint32_t i = 0; i < in->n_sources; i++) {
		const struct lint_source *s = &in->sources[i];
		char addr[IP_TEXT_MAX], where[LINT_WHERE_BYTES];
		struct lint_listed listed = { LINT_BLOCK_LIST, in->block_lists, where, &s->addr,
			                      NULL };
		const char *ptr;

		snprintf(where, sizeof(where), "source %s (%s)", s->name,
		         ip_format(&s->addr, addr));
		ptr = check_ptr(s, where, facts, r);
		check_helo(s, where, ptr, facts, r);
		lint_dns_lists(&listed, facts, r);
		check_spf(in, s, where, facts, r);
	}
}
