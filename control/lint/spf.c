/* spf.c - whether a domain's SPF record lets an address send for it (RFC 7208). */
#include "control/lint/spf.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "control/lint/spf_record.h"
#include "control/xalloc.h"

struct check {
	struct facts *facts;
	const struct spf_query *q;
	struct spf_verdict *v;
};

/* How a mechanism ended: it matched, it did not, or evaluation ends with a result. */
enum match { MATCH_NO, MATCH_YES, MATCH_END };

const char *spf_result_name(enum spf_result result)
{
	static const char *const names[SPF_N_RESULTS] = {
		[SPF_PENDING] = "pending",     [SPF_NONE] = "none",
		[SPF_NEUTRAL] = "neutral",     [SPF_PASS] = "pass",
		[SPF_FAIL] = "fail",           [SPF_SOFTFAIL] = "softfail",
		[SPF_TEMPERROR] = "temperror", [SPF_PERMERROR] = "permerror"
	};

	return names[result];
}

static enum spf_result end(struct check *k, enum spf_result result, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static enum spf_result end(struct check *k, enum spf_result result, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(k->v->why, sizeof(k->v->why), fmt, ap);
	va_end(ap);
	return result;
}

static enum match stop(enum spf_result *result, enum spf_result with)
{
	*result = with;
	return MATCH_END;
}

/* Asks; false when evaluation must end with `*result`. A question without an answer counts. */
static bool ask(struct check *k, const char *name, enum dns_type type, const struct fact **fact,
                enum spf_result *result)
{
	*fact = fact_get(k->facts, name, type);
	if (*fact == NULL) {
		*result = SPF_PENDING;
		return false;
	}
	if ((*fact)->end == FACT_TROUBLE) {
		*result = end(k, SPF_TEMPERROR, "%.100s: %s", name, (*fact)->trouble);
		return false;
	}
	if ((*fact)->end != FACT_RECORDS && ++k->v->voids > SPF_VOIDS_MAX) {
		*result =
		    end(k, SPF_PERMERROR, "over %d questions without an answer, the last %.80s",
		        SPF_VOIDS_MAX, name);
		return false;
	}
	return true;
}

static enum dns_type family(const struct check *k)
{
	return ip_is_v4(&k->q->ip) ? DNS_TYPE_A : DNS_TYPE_AAAA;
}

/* Whether the sender is in the network of `addr` that the term's prefix lengths say. */
static bool covers(const struct check *k, const struct ip_addr *addr, const struct spf_term *t)
{
	bool v4 = ip_is_v4(addr);
	struct ip_prefix p = { *addr, (uint8_t)(v4 ? 96 + t->bits4 : t->bits6) };

	return v4 == ip_is_v4(&k->q->ip) && ip_in_prefix(&k->q->ip, &p);
}

static bool any_covers(const struct check *k, const struct fact *f, const struct spf_term *t)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (covers(k, &f->addrs[i], t))
			return true;
	return false;
}

/* ---- names of the address itself ---- */

static bool is_beneath(const char *name, const char *domain)
{
	size_t n = strlen(name), m = strlen(domain);

	if (m > n || strcasecmp(name + n - m, domain) != 0)
		return false;
	return n == m || name[n - m - 1] == '.';
}

/* RFC 7208 5.5: of the names that the address has, those that resolve back to it. A name in trouble
 * is passed over, as if it were not there.
 */
static bool is_validated(struct check *k, const char *name, bool *pending)
{
	const struct fact *f = fact_get(k->facts, name, family(k));

	if (f == NULL)
		*pending = true;
	for (uint32_t i = 0; f != NULL && i < f->n && f->end == FACT_RECORDS; i++)
		if (ip_eq(&f->addrs[i], &k->q->ip))
			return true;
	return false;
}

static const struct fact *own_names(struct check *k)
{
	char name[DNS_NAME_BYTES + 80];

	fact_reverse(&k->q->ip, NULL, name);
	return fact_get(k->facts, name, DNS_TYPE_PTR);
}

static enum match match_ptr(struct check *k, const char *domain, enum spf_result *result)
{
	const struct fact *names = own_names(k);
	bool pending = names == NULL, found = false;

	if (names != NULL && names->end != FACT_RECORDS && names->end != FACT_TROUBLE &&
	    ++k->v->voids > SPF_VOIDS_MAX)
		return stop(result, end(k, SPF_PERMERROR, "over %d questions without an answer",
		                        SPF_VOIDS_MAX));
	for (uint32_t i = 0;
	     names != NULL && names->end == FACT_RECORDS && i < names->n && i < SPF_HOSTS_MAX; i++)
		found |= is_validated(k, names->names[i], &pending) &&
		         is_beneath(names->names[i], domain);
	if (pending)
		return stop(result, SPF_PENDING);
	return found ? MATCH_YES : MATCH_NO;
}

/* %{p}: the domain itself if it is validated, else one beneath it, else any (RFC 7208 7.3). */
static bool validated_name(struct check *k, const char *domain, char out[DNS_NAME_BYTES])
{
	const struct fact *names = own_names(k);
	bool pending = names == NULL;
	int best = 0;

	strcpy(out, "unknown");
	for (uint32_t i = 0;
	     names != NULL && names->end == FACT_RECORDS && i < names->n && i < SPF_HOSTS_MAX;
	     i++) {
		const char *name = names->names[i];
		int rank = strcasecmp(name, domain) == 0 ? 3 : is_beneath(name, domain) ? 2 : 1;

		if (is_validated(k, name, &pending) && rank > best) {
			best = rank;
			snprintf(out, DNS_NAME_BYTES, "%s", name);
		}
	}
	return !pending;
}

/* ---- mechanisms ---- */

/* The domain a term is about; false: something is not known yet. */
static bool target(struct check *k, const struct spf_term *t, const char *domain,
                   char out[DNS_NAME_BYTES])
{
	char validated[DNS_NAME_BYTES] = "unknown";
	struct spf_macros m = { k->q, domain, validated };

	if (t->domain.bytes == 0) {
		snprintf(out, DNS_NAME_BYTES, "%s", domain);
		return true;
	}
	if (spf_has_macro_p(t->domain) && !validated_name(k, domain, validated))
		return false;
	spf_expand(&m, t->domain, out);
	return true;
}

static enum match match_a(struct check *k, const struct spf_term *t, const char *name,
                          enum spf_result *result)
{
	const struct fact *f;

	if (!ask(k, name, family(k), &f, result))
		return MATCH_END;
	return any_covers(k, f, t) ? MATCH_YES : MATCH_NO;
}

static enum match match_mx(struct check *k, const struct spf_term *t, const char *name,
                           enum spf_result *result)
{
	const struct fact *mx, *f;

	if (!ask(k, name, DNS_TYPE_MX, &mx, result))
		return MATCH_END;
	if (mx->n > SPF_HOSTS_MAX) /* RFC 7208 4.6.4 */
		return stop(result, end(k, SPF_PERMERROR, "%.100s has over %d MX hosts", name,
		                        SPF_HOSTS_MAX));
	for (uint32_t i = 0; i < mx->n; i++) /* all are wanted at once */
		(void)fact_get(k->facts, mx->names[i], family(k));
	for (uint32_t i = 0; i < mx->n; i++) {
		if (!ask(k, mx->names[i], family(k), &f, result))
			return MATCH_END;
		if (any_covers(k, f, t))
			return MATCH_YES;
	}
	return MATCH_NO;
}

static enum match match_exists(struct check *k, const char *name, enum spf_result *result)
{
	const struct fact *f;

	if (!ask(k, name, DNS_TYPE_A, &f, result)) /* A whatever the sender is (RFC 7208 5.7) */
		return MATCH_END;
	return f->end == FACT_RECORDS ? MATCH_YES : MATCH_NO;
}

static enum spf_result check_host(struct check *k, const char *domain, uint32_t depth);

static enum match match_include(struct check *k, const char *name, uint32_t depth,
                                enum spf_result *result)
{
	enum spf_result inner = check_host(k, name, depth + 1);

	switch (inner) { /* RFC 7208 5.2 */
	case SPF_PASS:
		return MATCH_YES;
	case SPF_FAIL:
	case SPF_SOFTFAIL:
	case SPF_NEUTRAL:
		return MATCH_NO;
	case SPF_NONE:
		return stop(result,
		            end(k, SPF_PERMERROR, "include:%.100s has no SPF record", name));
	default:
		return stop(result, inner);
	}
}

static bool asks(enum spf_kind kind)
{
	return kind != SPF_ALL && kind != SPF_IP4 && kind != SPF_IP6 && kind < SPF_EXP;
}

/* Counts a term that asks (RFC 7208 4.6.4). */
static bool may_ask(struct check *k, enum spf_result *result)
{
	if (++k->v->lookups <= SPF_LOOKUPS_MAX)
		return true;
	*result = end(k, SPF_PERMERROR, "over %d terms that ask the DNS", SPF_LOOKUPS_MAX);
	return false;
}

static enum match match(struct check *k, const struct spf_term *t, const char *domain,
                        uint32_t depth, enum spf_result *result)
{
	char name[DNS_NAME_BYTES];

	if (asks(t->kind) && !may_ask(k, result))
		return MATCH_END;
	if (!target(k, t, domain, name))
		return stop(result, SPF_PENDING);
	switch (t->kind) {
	case SPF_ALL:
		return MATCH_YES;
	case SPF_INCLUDE:
		return match_include(k, name, depth, result);
	case SPF_A:
		return match_a(k, t, name, result);
	case SPF_MX:
		return match_mx(k, t, name, result);
	case SPF_PTR:
		return match_ptr(k, name, result);
	case SPF_IP4:
	case SPF_IP6:
		return covers(k, &t->net, t) ? MATCH_YES : MATCH_NO;
	case SPF_EXISTS:
		return match_exists(k, name, result);
	default:
		return MATCH_NO; /* modifiers match nothing */
	}
}

/* ---- a record ---- */

/* RFC 7208 4.4, 4.5. Returns SPF_PASS with the record's text. */
static enum spf_result find_record(struct check *k, const char *domain, struct span *text)
{
	const struct fact *f;
	char name[DNS_NAME_BYTES];
	uint32_t n = 0;

	if (!fact_name(domain, name) || strchr(name, '.') == NULL) /* RFC 7208 4.3 */
		return end(k, SPF_NONE, "\"%.100s\" is no domain", domain);
	f = fact_get(k->facts, name, DNS_TYPE_TXT);
	if (f == NULL)
		return SPF_PENDING;
	if (f->end == FACT_TROUBLE)
		return end(k, SPF_TEMPERROR, "TXT of %.90s: %s", name, f->trouble);
	for (uint32_t i = 0; i < f->n; i++)
		if (spf_is_record(f->texts[i])) {
			*text = f->texts[i];
			n++;
		}
	if (n == 0)
		return end(k, SPF_NONE, "%.100s has no SPF record", name);
	return n == 1 ? SPF_PASS : end(k, SPF_PERMERROR, "%.100s has %u SPF records", name, n);
}

static enum spf_result redirect(struct check *k, const struct spf_term *t, const char *domain,
                                uint32_t depth)
{
	enum spf_result result;
	char name[DNS_NAME_BYTES];

	if (!may_ask(k, &result))
		return result;
	if (!target(k, t, domain, name))
		return SPF_PENDING;
	result = check_host(k, name, depth + 1);
	if (result == SPF_NONE) /* RFC 7208 6.1 */
		return end(k, SPF_PERMERROR, "redirect=%.100s has no SPF record", name);
	return result;
}

static enum spf_result evaluate(struct check *k, const struct spf_record *r, const char *domain,
                                uint32_t depth)
{
	for (uint32_t i = 0; i < r->n; i++) {
		const struct spf_term *t = &r->terms[i];
		enum spf_result result = SPF_NEUTRAL;

		switch (match(k, t, domain, depth, &result)) {
		case MATCH_NO:
			continue;
		case MATCH_END:
			return result;
		case MATCH_YES:
			return end(k, t->qualifier, "%.*s of %.80s",
			           (int)(t->whole.bytes < 60 ? t->whole.bytes : 60),
			           (const char *)t->whole.at, domain);
		}
	}
	if (r->redirect != NULL)
		return redirect(k, r->redirect, domain, depth);
	return end(k, SPF_NEUTRAL, "no term of %.80s matches", domain);
}

/* check_host() of RFC 7208 4. Each level asks once at least, so the bound on that bounds the depth;
 * the record is on the heap because a level is large.
 */
static enum spf_result check_host(struct check *k, const char *domain, uint32_t depth)
{
	struct spf_record *record;
	struct span text;
	enum spf_result result = find_record(k, domain, &text);
	const char *wrong;

	if (result != SPF_PASS)
		return result;
	if (depth > SPF_LOOKUPS_MAX)
		return end(k, SPF_PERMERROR, "records inside one another");
	record = xcalloc(1, sizeof(*record));
	wrong = spf_record_read(text, record);
	result = wrong != NULL ? end(k, SPF_PERMERROR, "record of %.80s: %s", domain, wrong)
	                       : evaluate(k, record, domain, depth);
	free(record);
	return result;
}

enum spf_result spf_check(struct facts *facts, const struct spf_query *q, struct spf_verdict *out)
{
	struct check k = { facts, q, out };

	*out = (struct spf_verdict){ 0 };
	out->result = check_host(&k, q->domain, 0);
	return out->result;
}
