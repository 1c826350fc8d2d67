/* own.c - the addresses of this port, found by hash. */
#include "dataplane/net/own.h"

#include <assert.h>

uint32_t own_n_slots(uint32_t n)
{
	uint32_t slots = 16;

	while (slots / 2 < n && slots < 1u << 31)
		slots *= 2;
	return slots;
}

struct own *own_find(const struct own_set *s, const struct ip_addr *a)
{
	for (uint32_t i = ip_hash(a) & s->mask; s->slots[i] != 0; i = (i + 1) & s->mask) {
		struct own *o = &s->list[s->slots[i] - 1];

		if (ip_eq(&o->addr, a))
			return o;
	}
	return NULL;
}

void own_add(struct own_set *s, const struct ip_addr *a)
{
	uint32_t i = ip_hash(a) & s->mask;

	if (own_find(s, a) != NULL)
		return;
	assert(2 * s->n <= s->mask); /* an empty slot ends every search */
	while (s->slots[i] != 0)
		i = (i + 1) & s->mask;
	s->list[s->n] = (struct own){ .addr = *a };
	s->slots[i] = ++s->n;
}
