/* dns_domains.c - what the DNS says of the domains that mail is from and to: items 5 to 9 and 13.
 */
#include <stdio.h>
#include <string.h>

#include "control/lint/dkim_record.h"
#include "control/lint/dmarc.h"
#include "control/lint/dns.h"
#include "control/lint/suffix.h"

static void skip_trouble(struct lint_report *r, enum lint_id id, const struct fact *f)
{
	char why[DNS_NAME_BYTES + 80];

	snprintf(why, sizeof(why), "DNS: %.100s: %s", f->name, f->trouble);
	lint_skip(r, id, why);
}

/* ---- DKIM ---- */

static void check_key(const struct lint_key *k, struct facts *facts, struct lint_report *r)
{
	char name[2 * DNS_NAME_BYTES];
	const struct fact *f;
	const char *wrong;
	bool testing;

	snprintf(name, sizeof(name), "%s._domainkey.%s", k->selector, k->domain);
	f = fact_get(facts, name, DNS_TYPE_TXT);
	if (f == NULL)
		return;
	if (f->end == FACT_TROUBLE) {
		skip_trouble(r, LINT_DKIM_RECORD, f);
		return;
	}
	if (k->record == NULL) {
		lint_skip(r, LINT_DKIM_RECORD, "a signature's key is not in the configuration");
		return;
	}
	wrong = dkim_record_compare(f->texts, f->texts == NULL ? 0 : f->n, span_str(k->record),
	                            &testing);
	if (wrong != NULL)
		lint_found(r, LINT_DKIM_RECORD, name, "%s", wrong);
	if (testing)
		lint_found(r, LINT_DKIM_TESTING, name, "t=y: receivers may ignore the signature");
}

/* ---- DMARC ---- */

/* Whether a domain is aligned with From: equal, or of the same organisation (RFC 9989 4.4). */
static enum dmarc_end aligned(struct facts *facts, const char *domain, const char *from,
                              bool strict, bool *yes)
{
	char a[DNS_NAME_BYTES], b[DNS_NAME_BYTES];
	enum dmarc_end x, y;

	*yes = strcmp(domain, from) == 0;
	if (*yes || strict)
		return DMARC_FOUND;
	x = dmarc_org(facts, domain, a);
	y = dmarc_org(facts, from, b);
	if (x != DMARC_FOUND || y != DMARC_FOUND)
		return x != DMARC_FOUND ? x : y;
	*yes = strcmp(a, b) == 0;
	return DMARC_FOUND;
}

static void check_alignment(const struct lint_dns *in, const struct dmarc_record *policy,
                            struct facts *facts, struct lint_report *r)
{
	bool any = false, trouble = false, yes = false;

	for (uint32_t i = 0; i < in->n_keys + (in->mail_domain != NULL); i++) {
		bool spf = i == in->n_keys;
		enum dmarc_end end =
		    aligned(facts, spf ? in->mail_domain : in->keys[i].domain, in->from_domain,
		            spf ? policy->strict_spf : policy->strict_dkim, &yes);

		any |= end == DMARC_FOUND && yes;
		trouble |= end == DMARC_TROUBLE;
	}
	if (!any && trouble)
		lint_skip(r, LINT_DMARC_ALIGN, "DNS: an organisational domain is not known");
	else if (!any)
		lint_found(r, LINT_DMARC_ALIGN, in->from_domain,
		           "neither a signature nor the envelope sender (%s) is of its "
		           "organisation",
		           in->mail_domain == NULL ? "not known" : in->mail_domain);
}

static void check_org(const struct lint_dns *in, struct facts *facts, struct lint_report *r)
{
	char walked[DNS_NAME_BYTES], listed[DNS_NAME_BYTES];
	enum dmarc_end end = dmarc_org(facts, in->from_domain, walked);

	if (end == DMARC_TROUBLE)
		lint_skip(r, LINT_DMARC_ORG, "DNS: the organisational domain is not known");
	if (end != DMARC_FOUND)
		return;
	if (!suffix_registered(in->from_domain, listed))
		lint_skip(r, LINT_DMARC_ORG,
		          "there is no public suffix list (package publicsuffix)");
	else if (strcmp(walked, listed) != 0)
		lint_found(r, LINT_DMARC_ORG, in->from_domain, "%s by DNS, %s by the list", walked,
		           listed);
}

static void check_dmarc(const struct lint_dns *in, struct facts *facts, struct lint_report *r)
{
	struct dmarc_record policy;
	char at[DNS_NAME_BYTES];

	switch (dmarc_policy(facts, in->from_domain, &policy, at)) {
	case DMARC_PENDING:
		return;
	case DMARC_TROUBLE:
		lint_skip(r, LINT_DMARC, "DNS: the record is not known");
		lint_skip(r, LINT_DMARC_ALIGN, "DNS: the DMARC record is not known");
		return;
	case DMARC_MISSING:
		lint_found(r, LINT_DMARC, in->from_domain, "there is no DMARC record");
		policy = (struct dmarc_record){ 0 };
		break;
	case DMARC_FOUND:
		break;
	}
	check_alignment(in, &policy, facts, r);
	check_org(in, facts, r);
}

/* ---- MX, address, SOA ---- */

enum takes { TAKES_PENDING, TAKES_YES, TAKES_NO, TAKES_TROUBLE };

/* Whether a domain takes mail, as far as its own records say (RFC 5321 5.1, RFC 7505). */
static enum takes takes_mail(const char *domain, struct facts *facts, const char **why,
                             const struct fact **trouble)
{
	const struct fact *f[3] = { fact_get(facts, domain, DNS_TYPE_MX) };

	if (f[0] == NULL)
		return TAKES_PENDING;
	if (f[0]->end == FACT_RECORDS) {
		*why = "a null MX: it takes no mail (RFC 7505)";
		return f[0]->n == 1 && strcmp(f[0]->names[0], ".") == 0 ? TAKES_NO : TAKES_YES;
	}
	*why = "it does not exist";
	if (f[0]->end == FACT_NO_NAME)
		return TAKES_NO;
	f[1] = fact_get(facts, domain, DNS_TYPE_A);
	f[2] = fact_get(facts, domain, DNS_TYPE_AAAA);
	if (f[1] == NULL || f[2] == NULL)
		return TAKES_PENDING;
	for (int i = 0; i < 3; i++)
		if (f[i]->end == FACT_TROUBLE) {
			*trouble = f[i];
			return TAKES_TROUBLE;
		}
	*why = "it has neither MX nor address";
	return f[1]->end == FACT_RECORDS || f[2]->end == FACT_RECORDS ? TAKES_YES : TAKES_NO;
}

static void check_mail_domain(const struct lint_dns *in, struct facts *facts, struct lint_report *r)
{
	const struct fact *trouble;
	const char *why;

	switch (takes_mail(in->mail_domain, facts, &why, &trouble)) {
	case TAKES_NO:
		lint_found(r, LINT_MAIL_FROM_HOST, in->mail_domain, "%s", why);
		break;
	case TAKES_TROUBLE:
		skip_trouble(r, LINT_MAIL_FROM_HOST, trouble);
		break;
	default:
		break;
	}
}

/* A name has a SOA of its own, or the negative answer names its zone's. */
static void check_soa(const char *domain, struct facts *facts, struct lint_report *r)
{
	const struct fact *f = fact_get(facts, domain, DNS_TYPE_SOA);

	if (f == NULL)
		return;
	if (f->end == FACT_TROUBLE)
		skip_trouble(r, LINT_SOA, f);
	else if (f->end == FACT_NO_NAME)
		lint_found(r, LINT_SOA, domain, "it does not exist");
	else if (f->end == FACT_NO_RECORDS && !f->has_soa)
		lint_found(r, LINT_SOA, domain, "no SOA record is found for it");
}

static void check_rcpts(const struct lint_dns *in, struct facts *facts, struct lint_report *r)
{
	const struct fact *trouble;
	const char *why;
	char text[80];

	for (uint32_t i = 0; i < in->n_rcpts; i++) {
		const struct lint_rcpts *d = &in->rcpts[i];

		/* One that fails for now is tried when its time comes. */
		if (takes_mail(d->domain, facts, &why, &trouble) == TAKES_NO)
			lint_found(r, LINT_NULL_MX, d->domain, "%s; %u recipients", why, d->n);
	}
	if (in->n_rcpts_left_out > 0) {
		snprintf(text, sizeof(text), "the %u largest domains were asked for, not %u more",
		         in->n_rcpts, in->n_rcpts_left_out);
		lint_skip(r, LINT_NULL_MX, text);
	}
}

void lint_dns_domains(const struct lint_dns *in, struct facts *facts, struct lint_report *r)
{
	for (uint32_t i = 0; i < in->n_keys; i++)
		check_key(&in->keys[i], facts, r);
	if (in->from_domain != NULL) {
		check_dmarc(in, facts, r);
		check_soa(in->from_domain, facts, r);
	}
	if (in->mail_domain != NULL) {
		check_mail_domain(in, facts, r);
		check_soa(in->mail_domain, facts, r);
	} else {
		lint_skip(r, LINT_MAIL_FROM_HOST, "no envelope sender is known");
	}
	check_rcpts(in, facts, r);
	for (uint32_t i = 0; i < in->n_link_domains; i++) {
		struct lint_listed listed = { LINT_LINK_LIST, in->domain_lists, in->link_domains[i],
			                      NULL, in->link_domains[i] };

		lint_dns_lists(&listed, facts, r);
	}
}

/* ---- a round ---- */

/* What was asked and not found wanting has passed; what could not be asked is told. */
static void conclude(const struct lint_dns *in, struct lint_report *r)
{
	static const uint8_t of_sources[] = { LINT_PTR,       LINT_PTR_FORWARD, LINT_PTR_GENERIC,
		                              LINT_HELO,      LINT_HELO_PTR,    LINT_SPF,
		                              LINT_SPF_LIMITS };
	static const uint8_t of_from[] = { LINT_DMARC, LINT_DMARC_ALIGN, LINT_DMARC_ORG };

	for (size_t i = 0; i < sizeof(of_sources); i++) {
		if (in->n_sources == 0)
			lint_skip(r, of_sources[i], "no source is known: name the configuration");
		lint_pass(r, of_sources[i]);
	}
	for (size_t i = 0; i < sizeof(of_from); i++) {
		if (in->from_domain == NULL)
			lint_skip(r, of_from[i], "no From domain is known");
		lint_pass(r, of_from[i]);
	}
	if (in->block_lists[0] == '\0' || in->n_sources == 0)
		lint_skip(r, LINT_BLOCK_LIST, "no list is configured: lint.block_lists");
	if (in->domain_lists[0] == '\0')
		lint_skip(r, LINT_LINK_LIST, "no list is configured: lint.domain_lists");
	if (in->n_keys == 0) {
		lint_skip(r, LINT_DKIM_RECORD, "no message was signed");
		lint_skip(r, LINT_DKIM_TESTING, "no message was signed");
	}
	lint_skip(r, LINT_BOUNCES, "no probe is sent: send a message to the envelope sender");
	for (enum lint_id id = LINT_PTR; id <= LINT_NULL_MX; id++)
		if (id != LINT_DKIM_KEY && id != LINT_FROM_PROVIDER)
			lint_pass(r, id);
	lint_pass(r, LINT_LINK_LIST);
}

static void run(const struct lint_dns *in, struct facts *facts, struct lint_report *r)
{
	lint_dns_sources(in, facts, r);
	lint_dns_domains(in, facts, r);
}

bool lint_dns_round(const struct lint_dns *in, struct facts *facts, struct lint_report *report)
{
	lint_mute(report, true);
	run(in, facts, report);
	lint_mute(report, false);
	if (facts_n_wanted(facts) > 0)
		return false;
	run(in, facts, report);
	conclude(in, report);
	return true;
}
