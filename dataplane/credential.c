#include "dataplane/credential.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "dataplane/base/locked.h"

struct credential {
	struct smtp_credential told;
	_Atomic uint32_t users; /* workers that have it, or will */
	struct credential *next;
	uint8_t bytes[DP_USER_MAX + DP_SECRET_MAX];
};

struct credential *credential_new(const struct dp_credential *from, uint32_t n_workers)
{
	struct credential *c = locked_new(sizeof(*c), NULL);

	assert(from->user.bytes <= DP_USER_MAX && from->secret.bytes <= DP_SECRET_MAX);
	if (c == NULL)
		return NULL;
	memcpy(c->bytes, from->user.at, from->user.bytes);
	memcpy(c->bytes + from->user.bytes, from->secret.at, from->secret.bytes);
	c->told = (struct smtp_credential){
		.mechanism = from->mechanism,
		.is_token = from->is_token,
		.user = span_of(c->bytes, from->user.bytes),
		.secret = span_of(c->bytes + from->user.bytes, from->secret.bytes),
	};
	atomic_init(&c->users, n_workers);
	return c;
}

const struct smtp_credential *credential_read(const struct credential *c)
{
	return &c->told;
}

void credential_let_go(struct credential *c)
{
	atomic_fetch_sub_explicit(&c->users, 1, memory_order_release);
}

static void free_unused(struct credentials *all)
{
	struct credential **at = &all->before, *c;

	while ((c = *at) != NULL) {
		if (atomic_load_explicit(&c->users, memory_order_acquire) > 0) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		locked_free(c, sizeof(*c));
	}
}

void credentials_put(struct credentials *all, uint32_t id, struct credential *c)
{
	struct credential *old = all->now[id - 1];

	all->now[id - 1] = c;
	if (old != NULL) {
		old->next = all->before;
		all->before = old;
	}
	free_unused(all);
}

void credentials_fini(struct credentials *all)
{
	for (uint32_t i = 0; i < DP_CREDENTIALS_MAX; i++) {
		locked_free(all->now[i], sizeof(struct credential));
		all->now[i] = NULL;
	}
	while (all->before != NULL) {
		struct credential *c = all->before;

		all->before = c->next;
		locked_free(c, sizeof(*c));
	}
}
