/* slab.c - memory for composed messages: blocks of a few sizes, together within one bound. */
#include "control/campaign/slab.h"

#include <assert.h>
#include <pthread.h>

#include "control/xalloc.h"

enum { SLAB_CLASSES_MAX = 20, SLAB_MAGIC = 0x51ab51ab };

/* Stands before the bytes that are handed out. */
struct slab {
	_Alignas(64) struct slab *next; /* when free */
	uint32_t magic;
	uint32_t class;
};

struct slabs {
	pthread_mutex_t lock;
	uint64_t left_bytes; /* may still be allocated */
	uint32_t n_classes, slab_bytes_max;
	uint32_t n_out;
	struct slab *free[SLAB_CLASSES_MAX];
};

struct slabs *slabs_new(uint64_t total_bytes, uint32_t slab_bytes_max)
{
	struct slabs *s = xcalloc(1, sizeof(*s));

	assert(slab_bytes_max >= SLAB_BYTES_MIN);
	pthread_mutex_init(&s->lock, NULL);
	s->left_bytes = total_bytes;
	s->slab_bytes_max = slab_bytes_max;
	for (s->n_classes = 1; (uint64_t)SLAB_BYTES_MIN << (s->n_classes - 1) < slab_bytes_max;)
		s->n_classes++;
	assert(s->n_classes <= SLAB_CLASSES_MAX);
	return s;
}

uint32_t slabs_n_classes(const struct slabs *s)
{
	return s->n_classes;
}

size_t slab_class_bytes(const struct slabs *s, uint32_t class)
{
	uint64_t bytes = (uint64_t)SLAB_BYTES_MIN << class;

	return bytes < s->slab_bytes_max ? bytes : s->slab_bytes_max;
}

static void release(struct slabs *s, struct slab *slab)
{
	s->left_bytes += slab_class_bytes(s, slab->class);
	free(slab);
}

/* Gives up free slabs, largest first, until a new one fits. */
static void make_room(struct slabs *s, size_t bytes)
{
	for (uint32_t class = s->n_classes; class-- > 0;)
		while (s->left_bytes < bytes && s->free[class] != NULL) {
			struct slab *slab = s->free[class];

			s->free[class] = slab->next;
			release(s, slab);
		}
}

void slabs_free(struct slabs *s)
{
	assert(s->n_out == 0);
	make_room(s, SIZE_MAX);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void *slab_try_get(struct slabs *s, uint32_t class)
{
	size_t bytes = slab_class_bytes(s, class);
	struct slab *slab;

	assert(class < s->n_classes);
	pthread_mutex_lock(&s->lock);
	slab = s->free[class];
	if (slab != NULL) {
		s->free[class] = slab->next;
	} else {
		make_room(s, bytes);
		if (s->left_bytes >= bytes) {
			slab = xcheck(aligned_alloc(64, (sizeof(*slab) + bytes + 63) / 64 * 64));
			slab->class = class;
			s->left_bytes -= bytes;
		}
	}
	if (slab != NULL) {
		slab->magic = SLAB_MAGIC;
		s->n_out++;
	}
	pthread_mutex_unlock(&s->lock);
	return slab != NULL ? slab + 1 : NULL;
}

void slab_put(struct slabs *s, void *at)
{
	struct slab *slab = (struct slab *)at - 1;

	pthread_mutex_lock(&s->lock);
	assert(slab->magic == SLAB_MAGIC); /* given back once, and ours */
	assert(s->n_out > 0);
	slab->magic = 0;
	slab->next = s->free[slab->class];
	s->free[slab->class] = slab;
	s->n_out--;
	pthread_mutex_unlock(&s->lock);
}
