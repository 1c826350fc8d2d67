/* signers.c - see signers.h.
 *
 *	order: [0, n) those that sign all, then the others by domain; [n, 2n) all by name
 */
#include "templates/signers.h"

#include <stdlib.h>
#include <strings.h>

/* ---- sorting ---- */

static int by_domain(const void *a, const void *b, void *ctx)
{
	const struct tpl_signer *at = ctx;
	const struct tpl_signer *x = &at[*(const uint32_t *)a], *y = &at[*(const uint32_t *)b];
	bool x_all = x->when == TPL_SIGN_ALL, y_all = y->when == TPL_SIGN_ALL;

	return x_all != y_all ? y_all - x_all : strcasecmp(x->domain, y->domain);
}

static int by_name(const void *a, const void *b, void *ctx)
{
	const struct tpl_signer *at = ctx;

	return strcmp(at[*(const uint32_t *)a].name, at[*(const uint32_t *)b].name);
}

void tpl_signers_sort(const struct tpl_signer *at, uint32_t n, uint32_t *order)
{
	for (uint32_t i = 0; i < n; i++)
		order[i] = order[n + i] = i;
	if (n == 0)
		return;
	qsort_r(order, n, sizeof(*order), by_domain, (void *)at);
	qsort_r(order + n, n, sizeof(*order), by_name, (void *)at);
}

/* ---- looking up ---- */

struct near {
	uint32_t *at, n;
	bool full;
};

static void add(struct near *near, uint32_t signer)
{
	uint32_t i = near->n;

	while (i > 0 && near->at[i - 1] > signer)
		i--;
	if (i > 0 && near->at[i - 1] == signer)
		return;
	if (near->n == SIGNERS_NEAR_MAX) {
		near->full = true;
		return;
	}
	memmove(near->at + i + 1, near->at + i, (near->n - i) * sizeof(*near->at));
	near->at[i] = signer;
	near->n++;
}

/* A signer's key compared with a text that is not terminated. */
typedef int compare_fn(const struct tpl_signer *signer, struct span key);

static int compare_domain(const struct tpl_signer *signer, struct span key)
{
	int order;

	if (signer->when == TPL_SIGN_ALL)
		return -1; /* before all domains */
	order = strncasecmp(signer->domain, (const char *)key.at, key.bytes);
	return order != 0 ? order : signer->domain[key.bytes] != '\0';
}

static int compare_name(const struct tpl_signer *signer, struct span key)
{
	int order = strncmp(signer->name, (const char *)key.at, key.bytes);

	return order != 0 ? order : signer->name[key.bytes] != '\0';
}

/* Adds all that are equal to the key. */
static void add_equal(struct near *near, const struct tpl_signers *all, const uint32_t *order,
                      compare_fn *compare, struct span key)
{
	uint32_t low = 0, high = all->n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (compare(&all->at[order[middle]], key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < all->n && compare(&all->at[order[low]], key) == 0; low++)
		add(near, order[low]);
}

uint32_t signers_near(const struct tpl_signers *all, struct span from_domain, struct span names,
                      uint32_t out[SIGNERS_NEAR_MAX])
{
	struct near near = { .at = out };

	if (all->order == NULL)
		return UINT32_MAX;
	for (uint32_t i = 0; i < all->n && all->at[all->order[i]].when == TPL_SIGN_ALL; i++)
		add(&near, all->order[i]);
	while (from_domain.bytes != 0) {
		const uint8_t *dot = memchr(from_domain.at, '.', from_domain.bytes);
		size_t label = dot == NULL ? from_domain.bytes : (size_t)(dot + 1 - from_domain.at);

		add_equal(&near, all, all->order, compare_domain, from_domain);
		from_domain = span_of(from_domain.at + label, from_domain.bytes - label);
	}
	while (names.bytes != 0) {
		const uint8_t *comma = memchr(names.at, ',', names.bytes);
		size_t n = comma == NULL ? names.bytes : (size_t)(comma - names.at);

		add_equal(&near, all, all->order + all->n, compare_name, span_of(names.at, n));
		n += comma != NULL;
		names = span_of(names.at + n, names.bytes - n);
	}
	return near.full ? UINT32_MAX : near.n;
}
