/* db.h - the database under the store: the only place that knows RocksDB.
 *
 * Life    db_open() .. db_close().
 * Thread  any, all functions; db_reopen() waits for the others to leave.
 */
#pragma once

#include "control/store/store.h"

struct db;

/* Opens or creates the database in the folder `dir`, which exists. Returns 0; -EPROTO when its
 * format version is another, -EBUSY when another process has it, -errno; one line in `why`.
 */
int db_open(const char *dir, struct db **out, char why[STORE_WHY_BYTES]);
void db_close(struct db *db);

/* After a failed write RocksDB takes no more until it is opened anew. Returns 0, or -errno and the
 * database stays closed: every call then fails with -EIO until a later db_reopen() succeeds.
 */
int db_reopen(struct db *db, char why[STORE_WHY_BYTES]);

/* What one durable write puts, in order. Owned by one thread. */
struct db_batch;

struct db_batch *db_batch_new(void);
void db_batch_free(struct db_batch *batch);
void db_batch_clear(struct db_batch *batch);
void db_batch_put(struct db_batch *batch, struct span key, struct span value);
void db_batch_del(struct db_batch *batch, struct span key);

/* Durable when it returns 0; else -errno with one line. A batch that failed may be written again:
 * the same keys get the same values.
 */
int db_write(struct db *db, struct db_batch *batch, char why[STORE_WHY_BYTES]);

/* Reads one value: its size, -ENOENT, -ENOSPC when it is longer than `out`, -EIO. */
int db_get(struct db *db, struct span key, void *out, size_t out_bytes);

/* The greatest key that is not greater than `key`: its length, -ENOENT, -ENOSPC, -EIO. */
int db_last_before(struct db *db, struct span key, uint8_t *out, size_t out_bytes);

/* Calls fn for each key that begins with `prefix`, in order, until it returns other than 0, which
 * is then returned. Returns 0 or -EIO.
 */
typedef int db_each_fn(void *ctx, struct span key, struct span value);
int db_each(struct db *db, struct span prefix, db_each_fn *fn, void *ctx);
