/* dmarc.c - a domain's DMARC policy, and the organisational domain that alignment goes by. */
#include "control/lint/dmarc.h"

#include <stdio.h>
#include <string.h>

#include "control/lint/message.h"

/* One name of a walk, and the record found there. */
struct step {
	char domain[DNS_NAME_BYTES];
	bool has_record;
	struct dmarc_record record;
};

static bool read_policy(const struct span *v, enum dmarc_policy *out)
{
	static const char *const names[] = { "none", "quarantine", "reject" };

	for (int i = 0; v != NULL && i < 3; i++)
		if (lint_same(*v, span_str(names[i]))) {
			*out = (enum dmarc_policy)i;
			return true;
		}
	return false;
}

static bool says(const struct lint_tags *t, const char *name, const char *value)
{
	const struct span *v = lint_tag_find(t, name);

	return v != NULL && lint_same(*v, span_str(value));
}

/* RFC 9989 4.7: v=DMARC1 comes first, exactly so; tags nobody knows are passed over; without a
 * policy that is one, asking for reports counts as p=none.
 */
bool dmarc_read(struct span text, struct dmarc_record *out)
{
	struct lint_tags tags;

	*out = (struct dmarc_record){ .policy = DMARC_POLICY_NONE };
	if (!lint_tags_read(text, &tags) || tags.n == 0 ||
	    !span_eq(tags.at[0].name, span_str("v")) ||
	    !span_eq(tags.at[0].value, span_str("DMARC1")))
		return false;
	out->has_policy = read_policy(lint_tag_find(&tags, "p"), &out->policy) ||
	                  lint_tag_find(&tags, "rua") != NULL;
	out->strict_dkim = says(&tags, "adkim", "s");
	out->strict_spf = says(&tags, "aspf", "s");
	out->psd = says(&tags, "psd", "y")   ? DMARC_PSD_YES
	           : says(&tags, "psd", "n") ? DMARC_PSD_NO
	                                     : DMARC_PSD_UNSAID;
	return true;
}

/* The record at a name: several are as none (RFC 9989 4.10). */
static enum dmarc_end look(struct facts *facts, const char *domain, struct step *step)
{
	char name[DNS_NAME_BYTES + 8];
	struct dmarc_record record;
	const struct fact *f;
	uint32_t n = 0;

	snprintf(name, sizeof(name), "_dmarc.%s", domain);
	snprintf(step->domain, sizeof(step->domain), "%s", domain);
	step->has_record = false;
	f = fact_get(facts, name, DNS_TYPE_TXT);
	if (f == NULL)
		return DMARC_PENDING;
	if (f->end == FACT_TROUBLE)
		return DMARC_TROUBLE;
	for (uint32_t i = 0; i < f->n; i++)
		if (dmarc_read(f->texts[i], &record)) {
			step->record = record;
			n++;
		}
	step->has_record = n == 1;
	return n == 1 ? DMARC_FOUND : DMARC_MISSING;
}

static uint32_t n_labels(const char *domain)
{
	uint32_t n = 1;

	for (; *domain != '\0'; domain++)
		n += *domain == '.';
	return n;
}

/* The next name of the walk: one label less, and seven at most; NULL: there is none. */
static const char *parent(const char *domain)
{
	uint32_t n = n_labels(domain);

	do {
		domain = strchr(domain, '.');
		if (domain == NULL)
			return NULL;
		domain++;
		n--;
	} while (n > DMARC_WALK_LABELS);
	return domain;
}

/* Walks up from `domain`. Returns how it ended; the steps, longest name first, in `steps`. */
static enum dmarc_end walk(struct facts *facts, const char *domain, struct step *steps, uint32_t *n)
{
	char start[DNS_NAME_BYTES];

	*n = 0;
	if (!fact_name(domain, start))
		return DMARC_MISSING;
	for (const char *at = start; at != NULL && *n < DMARC_WALK_MAX; at = parent(at)) {
		struct step *s = &steps[*n];
		enum dmarc_end end = look(facts, at, s);

		if (end == DMARC_PENDING || end == DMARC_TROUBLE)
			return end;
		(*n)++;
		if (s->has_record && s->record.psd != DMARC_PSD_UNSAID)
			break;
	}
	return DMARC_FOUND;
}

/* RFC 9989 4.10.2, over the steps of a walk. Returns the step of the organisational domain; -1:
 * none found; `*psd`, when not -1, is the step of a public suffix that the domain is right beneath.
 */
static int choose(const struct step *steps, uint32_t n, int *psd)
{
	int org = -1;

	*psd = -1;
	for (uint32_t i = 0; i < n; i++) {
		if (!steps[i].has_record)
			continue;
		if (steps[i].record.psd == DMARC_PSD_NO)
			return (int)i;
		if (steps[i].record.psd == DMARC_PSD_YES && i > 0) {
			*psd = (int)i;
			return (int)i - 1;
		}
		org = (int)i; /* the last found has the fewest labels */
	}
	return org;
}

enum dmarc_end dmarc_org(struct facts *facts, const char *domain, char out[DNS_NAME_BYTES])
{
	struct step steps[DMARC_WALK_MAX];
	uint32_t n;
	enum dmarc_end end = walk(facts, domain, steps, &n);
	int org, psd;

	if (end == DMARC_PENDING || end == DMARC_TROUBLE)
		return end;
	org = choose(steps, n, &psd);
	if (!fact_name(domain, out))
		out[0] = '\0';
	if (org >= 0)
		strcpy(out, steps[org].domain);
	return DMARC_FOUND;
}

enum dmarc_end dmarc_policy(struct facts *facts, const char *domain, struct dmarc_record *out,
                            char at[DNS_NAME_BYTES])
{
	struct step steps[DMARC_WALK_MAX];
	uint32_t n;
	enum dmarc_end end = walk(facts, domain, steps, &n);
	int org, psd, use;

	if (end == DMARC_PENDING || end == DMARC_TROUBLE)
		return end;
	org = choose(steps, n, &psd);
	use = n > 0 && steps[0].has_record ? 0 : org >= 0 && steps[org].has_record ? org : psd;
	if (use < 0 || !steps[use].record.has_policy)
		return DMARC_MISSING;
	*out = steps[use].record;
	strcpy(at, steps[use].domain);
	return DMARC_FOUND;
}
