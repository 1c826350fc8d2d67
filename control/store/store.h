/* store.h - what must survive: records of what happened to recipients, and small named values.
 *
 * Records are appended in order and become durable in batches: one fsync for many (group commit).
 *
 * Owner   the engine; one process per directory.
 * Thread  control thread for all but store_scan() and store_get(), which any thread may call. A
 *         thread of its own does the writing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/span.h"

enum {
	STORE_TEXT_MAX = 206, /* reply text in a record */
	STORE_WHY_BYTES = 256,
	STORE_NOTE_MAX = 200, /* name and value of a note together */
};

struct store;

/* One thing that happened. `kind` and the meaning of `state` are control/campaign's. */
struct store_rec {
	uint32_t campaign;
	uint32_t row;  /* first row it is about */
	uint32_t rows; /* how many; 1 for an outcome */
	uint8_t kind;
	uint8_t state;
	uint8_t attempts;
	uint8_t reach; /* enum dp_reach of a refusal */
	uint8_t step;  /* enum dp_step */
	uint8_t enhanced[3];
	uint16_t code; /* SMTP reply code, 0 none */
	uint16_t text_bytes;
	int64_t at_s;  /* Unix time it happened */
	int64_t due_s; /* Unix time of the next attempt, of a deferral */
	char text[STORE_TEXT_MAX];
};

struct store_conf {
	const char *dir;    /* made if absent */
	uint32_t batch_max; /* records in one batch */
	uint32_t queue_max; /* records accepted and not yet durable */
	uint32_t
	    stall_ms; /* tests: every batch waits this long before it is durable; 0 in service */
};

/* Opens or creates. Returns 0; -EBUSY when another process has it, -EPROTO when its format version
 * is another, -errno; `why` then holds one line with the path.
 */
int store_open(const struct store_conf *conf, struct store **out, char why[STORE_WHY_BYTES]);

/* Makes everything appended durable, then closes; waits for as long as the disk refuses. */
void store_close(struct store *store);

/* Queues one record, copied. `cookie` comes back when it is durable. Returns 0 or -EAGAIN when
 * queue_max are waiting; 0 is a promise: the record will be durable or the process ends.
 */
int store_append(struct store *store, const struct store_rec *rec, uint64_t cookie);

/* Takes the cookies of records that became durable, in append order. Returns how many. */
uint32_t store_durable(struct store *store, uint64_t *cookies, uint32_t n);

/* Readable when cookies wait; wrap the sleep as with dp_wake_fd(). */
int store_wake_fd(const struct store *store);
bool store_about_to_sleep(struct store *store);
void store_awake(struct store *store);

/* Records accepted and not yet durable. */
uint32_t store_pending(const struct store *store);

/* What keeps batches from becoming durable now ("... No space left on device ..."), or NULL. Such
 * a batch is kept and tried again every second. The text is valid until the next call.
 */
const char *store_trouble(struct store *store);

/* Calls fn for each durable record of a campaign, in append order, until it returns false.
 * Returns 0 or -errno.
 */
typedef bool store_rec_fn(void *ctx, const struct store_rec *rec);
int store_scan(struct store *store, uint32_t campaign, store_rec_fn *fn, void *ctx);

/* Small named values: durable when it returns (one fsync: not for the hot path; before the loop
 * runs or from a helper thread). Returns 0 or -errno.
 */
int store_put(struct store *store, const char *name, struct span value);

/* Reads one into `out`; returns its size, -ENOENT, -ENOSPC, -errno. */
int store_get(struct store *store, const char *name, void *out, size_t out_bytes);
int store_del(struct store *store, const char *name);

/* The same for what is only good to know: it becomes durable with the records around it, and
 * nothing is told when. An empty value deletes. Returns 0, or -EAGAIN as store_append(). Control
 * thread.
 */
int store_note(struct store *store, const char *name, struct span value);

/* Calls fn for each named value whose name begins with `prefix`, until it returns false. Returns 0
 * or -errno.
 */
typedef bool store_named_fn(void *ctx, struct span name, struct span value);
int store_each(struct store *store, const char *prefix, store_named_fn *fn, void *ctx);
