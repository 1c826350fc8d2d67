/* facts.c - what is known of the DNS while checks run. */
#include "control/lint/facts.h"

#include <string.h>

#include "control/xalloc.h"

enum { BUCKETS = 4096 };

struct cell {
	struct fact fact;
	struct cell *next;
};

struct facts {
	struct cell *buckets[BUCKETS];
	struct fact *wanted[FACTS_MAX];
	uint32_t n_wanted, n;
	struct fact full, no_name; /* answers to what is not asked */
};

struct facts *facts_new(void)
{
	struct facts *f = xcalloc(1, sizeof(*f));

	f->full.end = FACT_TROUBLE;
	snprintf(f->full.trouble, sizeof(f->full.trouble), "over %d questions", FACTS_MAX);
	f->no_name.end = FACT_NO_NAME;
	return f;
}

void facts_free(struct facts *f)
{
	if (f == NULL)
		return;
	for (uint32_t i = 0; i < BUCKETS; i++)
		for (struct cell *c = f->buckets[i], *next; c != NULL; c = next) {
			next = c->next;
			for (uint32_t t = 0; c->fact.texts != NULL && t < c->fact.n; t++)
				free((void *)(uintptr_t)c->fact.texts[t].at);
			free(c->fact.texts);
			free(c->fact.names);
			free(c->fact.addrs);
			free(c);
		}
	free(f);
}

bool fact_name(const char *text, char out[DNS_NAME_BYTES])
{
	size_t n = 0, label = 0;

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '.' && text[1] == '\0')
			break;
		/* What a resolver would escape is not asked for. */
		if (n + 2 > 254 || c <= ' ' || c >= 0x7f || strchr("\\,\"();@$", c) != NULL ||
		    (c == '.' && label == 0) || (c != '.' && ++label > 63))
			return false;
		if (c == '.')
			label = 0;
		out[n++] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	out[n] = '\0';
	return n > 0 && label > 0;
}

static uint32_t bucket_of(const char *name, enum dns_type type)
{
	uint32_t h = 2166136261u + (uint32_t)type; /* FNV-1a */

	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * 16777619u;
	return h % BUCKETS;
}

const struct fact *fact_get(struct facts *f, const char *text, enum dns_type type)
{
	char name[DNS_NAME_BYTES];
	struct cell **at, *c;

	if (!fact_name(text, name))
		return &f->no_name;
	at = &f->buckets[bucket_of(name, type)];
	for (c = *at; c != NULL; c = c->next)
		if (c->fact.type == type && strcmp(c->fact.name, name) == 0)
			return c->fact.end == FACT_WANTED ? NULL : &c->fact;
	if (f->n == FACTS_MAX)
		return &f->full;
	c = xcalloc(1, sizeof(*c));
	strcpy(c->fact.name, name);
	c->fact.type = type;
	c->next = *at;
	*at = c;
	f->n++;
	f->wanted[f->n_wanted++] = &c->fact;
	return NULL;
}

struct fact *facts_wanted(struct facts *f, uint32_t i)
{
	return i < f->n_wanted ? f->wanted[i] : NULL;
}

uint32_t facts_n_wanted(const struct facts *f)
{
	return f->n_wanted;
}

uint32_t facts_n(const struct facts *f)
{
	return f->n;
}

void fact_add_addr(struct fact *fact, const struct ip_addr *addr)
{
	fact->addrs = xrealloc(fact->addrs, fact->n + 1, sizeof(*fact->addrs));
	fact->addrs[fact->n++] = *addr;
}

void fact_add_name(struct fact *fact, const char *name)
{
	fact->names = xrealloc(fact->names, fact->n + 1, sizeof(*fact->names));
	snprintf(fact->names[fact->n++], DNS_NAME_BYTES, "%s", name);
}

void fact_add_text(struct fact *fact, struct span text)
{
	uint8_t *copy;

	if (text.bytes > FACT_TEXT_BYTES_MAX)
		return;
	copy = xcalloc(text.bytes + 1, 1);
	memcpy(copy, text.at, text.bytes);
	fact->texts = xrealloc(fact->texts, fact->n + 1, sizeof(*fact->texts));
	fact->texts[fact->n++] = span_of(copy, text.bytes);
}

void fact_set_end(struct facts *f, struct fact *fact, enum fact_end end, const char *trouble)
{
	for (uint32_t i = 0; i < f->n_wanted; i++)
		if (f->wanted[i] == fact) {
			f->wanted[i] = f->wanted[--f->n_wanted];
			break;
		}
	fact->end = end;
	snprintf(fact->trouble, sizeof(fact->trouble), "%s", trouble == NULL ? "" : trouble);
}

void fact_reverse(const struct ip_addr *addr, const char *zone, char out[DNS_NAME_BYTES + 80])
{
	size_t n = 0;

	if (ip_is_v4(addr)) {
		n = (size_t)snprintf(out, 20, "%u.%u.%u.%u.", addr->b[15], addr->b[14], addr->b[13],
		                     addr->b[12]);
	} else {
		for (int i = 15; i >= 0; i--)
			n += (size_t)snprintf(out + n, 5, "%x.%x.", addr->b[i] & 15,
			                      addr->b[i] >> 4);
	}
	snprintf(out + n, DNS_NAME_BYTES, "%s",
	         zone != NULL     ? zone
	         : ip_is_v4(addr) ? "in-addr.arpa"
	                          : "ip6.arpa");
}
