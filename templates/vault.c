/* vault.c - memory for private keys: locked, left out of core dumps, cleared when freed.
 *
 * One mapping, handed out from its front in powers of two; what is freed waits in a list of its
 * size. Nothing is ever given back: keys come and go in the same few sizes.
 */
#include "templates/vault.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "dataplane/base/locked.h"

enum {
	VAULT_BYTES = 16 << 20, /* of all keys, and of two sets while a configuration is replaced */
	PIECE_SHIFT_MIN = 6,
	PIECE_SHIFT_MAX = 18,
	HEAD_BYTES = 16, /* before each piece; keeps it aligned for anything */
};

struct head {
	uint32_t shift; /* the piece with its head has 1 << shift bytes */
	struct head *next;
};
_Static_assert(sizeof(struct head) <= HEAD_BYTES, "a head fits before its piece");

static struct {
	pthread_mutex_t lock;
	uint8_t *from; /* NULL: not made; set once, before any thread enters */
	size_t used;
	bool locked, was_full;
	struct head *free[PIECE_SHIFT_MAX + 1];
} vault = { .lock = PTHREAD_MUTEX_INITIALIZER };

static _Thread_local unsigned depth;

static bool is_ours(const void *at)
{
	return vault.from != NULL && (const uint8_t *)at >= vault.from &&
	       (const uint8_t *)at < vault.from + VAULT_BYTES;
}

static struct head *head_of(void *at)
{
	return (struct head *)(void *)((uint8_t *)at - HEAD_BYTES);
}

static void *take(size_t bytes)
{
	uint32_t shift = PIECE_SHIFT_MIN;
	struct head *h = NULL;

	if (bytes > (1u << PIECE_SHIFT_MAX) - HEAD_BYTES)
		return NULL;
	while ((1u << shift) - HEAD_BYTES < bytes)
		shift++;
	pthread_mutex_lock(&vault.lock);
	if (vault.free[shift] != NULL) {
		h = vault.free[shift];
		vault.free[shift] = h->next;
	} else if (VAULT_BYTES - vault.used >= 1u << shift) {
		h = (struct head *)(void *)(vault.from + vault.used);
		vault.used += 1u << shift;
	} else {
		vault.was_full = true;
	}
	pthread_mutex_unlock(&vault.lock);
	if (h == NULL)
		return NULL;
	*h = (struct head){ .shift = shift };
	return (uint8_t *)h + HEAD_BYTES;
}

static void give(void *at)
{
	struct head *h = head_of(at);

	OPENSSL_cleanse(at, (1u << h->shift) - HEAD_BYTES);
	pthread_mutex_lock(&vault.lock);
	h->next = vault.free[h->shift];
	vault.free[h->shift] = h;
	pthread_mutex_unlock(&vault.lock);
}

/* ---- what OpenSSL calls ---- */

static void *on_malloc(size_t bytes, const char *file, int line)
{
	(void)file, (void)line;
	if (depth != 0 && vault.from != NULL)
		return take(bytes);
	return malloc(bytes);
}

static void on_free(void *at, const char *file, int line)
{
	(void)file, (void)line;
	if (is_ours(at))
		give(at);
	else
		free(at);
}

static void *on_realloc(void *old, size_t bytes, const char *file, int line)
{
	size_t had;
	void *at;

	if (old == NULL)
		return on_malloc(bytes, file, line);
	if (!is_ours(old))
		return realloc(old, bytes);
	had = (1u << head_of(old)->shift) - HEAD_BYTES;
	if (bytes <= had)
		return old;
	at = take(bytes);
	if (at != NULL) {
		memcpy(at, old, had);
		give(old);
	}
	return at;
}

bool vault_install(void)
{
	static enum { UNKNOWN, DONE, TOO_LATE } state;

	pthread_mutex_lock(&vault.lock);
	if (state == UNKNOWN)
		state =
		    CRYPTO_set_mem_functions(on_malloc, on_realloc, on_free) == 1 ? DONE : TOO_LATE;
	pthread_mutex_unlock(&vault.lock);
	return state == DONE;
}

bool vault_open(void)
{
	pthread_mutex_lock(&vault.lock);
	if (vault.from == NULL)
		vault.from = locked_new(VAULT_BYTES, &vault.locked);
	pthread_mutex_unlock(&vault.lock);
	return vault.from != NULL;
}

bool vault_is_locked(void)
{
	return vault.locked;
}

bool vault_was_full(void)
{
	bool full;

	pthread_mutex_lock(&vault.lock);
	full = vault.was_full;
	pthread_mutex_unlock(&vault.lock);
	return full;
}

void vault_enter(void)
{
	depth++;
}

void vault_leave(void)
{
	depth--;
}
