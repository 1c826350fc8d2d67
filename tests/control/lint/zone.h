/* zone.h - for tests: what the DNS holds, as lines; facts are answered from it. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "control/lint/facts.h"

struct zone_line {
	const char *name;
	enum dns_type type;
	const char *value; /* an address, a name, a text; NULL: the question fails for now */
};

enum { ZONE_ROUNDS_MAX = 64 };

/* A name exists when a line has it or something beneath it. */
static inline bool zone_has(const struct zone_line *zone, size_t n, const char *name)
{
	size_t bytes = strlen(name);

	for (size_t i = 0; i < n; i++) {
		size_t m = strlen(zone[i].name);

		if (m >= bytes && strcmp(zone[i].name + m - bytes, name) == 0 &&
		    (m == bytes || zone[i].name[m - bytes - 1] == '.'))
			return true;
	}
	return false;
}

static inline void zone_answer(const struct zone_line *zone, size_t n, struct facts *facts,
                               struct fact *f)
{
	enum fact_end end = zone_has(zone, n, f->name) ? FACT_NO_RECORDS : FACT_NO_NAME;
	struct ip_addr addr;

	f->has_soa = true;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(zone[i].name, f->name) != 0 || zone[i].type != f->type)
			continue;
		end = zone[i].value == NULL ? FACT_TROUBLE : FACT_RECORDS;
		if (zone[i].value == NULL)
			continue;
		if (f->type == DNS_TYPE_A || f->type == DNS_TYPE_AAAA) {
			if (ip_parse(zone[i].value, &addr) != 0)
				abort();
			fact_add_addr(f, &addr);
		} else if (f->type == DNS_TYPE_TXT) {
			fact_add_text(f, span_str(zone[i].value));
		} else {
			fact_add_name(f, zone[i].value);
		}
	}
	fact_set_end(facts, f, end, end == FACT_TROUBLE ? "SERVFAIL" : NULL);
}

/* Answers all that is wanted now. */
static inline void zone_answer_all(const struct zone_line *zone, size_t n, struct facts *facts)
{
	struct fact *f;

	while ((f = facts_wanted(facts, 0)) != NULL)
		zone_answer(zone, n, facts, f);
}
