/* db.c - the database under the store: the only place that knows RocksDB. */
#include "control/store/db.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <rocksdb/c.h>
#include <signal.h>
#include <stdio.h>
#include <sys/statvfs.h>

#include "control/xalloc.h"

enum {
	DB_WRITE_BUFFER_BYTES = 16 << 20, /* two of them at most */
	DB_CACHE_BYTES = 8 << 20,
	DB_WAL_BYTES_MAX = 64 << 20,
	DB_FILES_OPEN_MAX = 128,
	DB_ROOM_BYTES_MIN = 32 << 20, /* free on disk, so that memory can always be written out */
	DB_INFO_LOG_BYTES = 1 << 20,  /* two of them at most */
	DB_INFO_LOG_FATAL = 4,
};

static const char version_key[] = "v";
static const char version_value[] = "posthaste 1";

struct db {
	pthread_rwlock_t lock; /* held for writing only while `rocks` changes */
	rocksdb_t *rocks;      /* NULL: closed after trouble */
	char *dir;
	rocksdb_env_t *env;
	rocksdb_cache_t *cache;
	rocksdb_options_t *options;
	rocksdb_writeoptions_t *sync;
	rocksdb_readoptions_t *reads, *scans;
};

struct db_batch {
	rocksdb_writebatch_t *rocks;
};

/* Turns RocksDB's text into -errno and one line, and frees it. */
static int trouble(const char *dir, char *err, char why[STORE_WHY_BYTES])
{
	int result = -EIO;

	if (strstr(err, "lock ") != NULL && strstr(err, "LOCK") != NULL)
		result = -EBUSY;
	else if (strstr(err, "Permission denied") != NULL)
		result = -EACCES;
	for (char *c = err; *c != '\0'; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	snprintf(why, STORE_WHY_BYTES, "store %s: %s", dir, err);
	rocksdb_free(err);
	return result;
}

static void make_options(struct db *db)
{
	rocksdb_block_based_table_options_t *blocks = rocksdb_block_based_options_create();

	/* Keys come in rising order per campaign, so compaction mostly moves whole files: two
	 * background threads are plenty, and they give way to mail.
	 */
	db->env = rocksdb_create_default_env();
	rocksdb_env_set_background_threads(db->env, 1);
	rocksdb_env_set_high_priority_background_threads(db->env, 1);
	rocksdb_env_lower_thread_pool_cpu_priority(db->env);
	rocksdb_env_lower_high_priority_thread_pool_cpu_priority(db->env);

	db->cache = rocksdb_cache_create_lru(DB_CACHE_BYTES);
	rocksdb_block_based_options_set_block_cache(blocks, db->cache);

	db->options = rocksdb_options_create();
	rocksdb_options_set_env(db->options, db->env);
	rocksdb_options_set_block_based_table_factory(db->options, blocks);
	rocksdb_block_based_options_destroy(blocks);
	rocksdb_options_set_create_if_missing(db->options, 1);
	rocksdb_options_set_paranoid_checks(db->options, 1);
	rocksdb_options_set_write_buffer_size(db->options, DB_WRITE_BUFFER_BYTES);
	rocksdb_options_set_max_write_buffer_number(db->options, 2);
	rocksdb_options_set_max_total_wal_size(db->options, DB_WAL_BYTES_MAX);
	rocksdb_options_set_max_open_files(db->options, DB_FILES_OPEN_MAX);
	rocksdb_options_set_compression(db->options, rocksdb_lz4_compression);
	/* Debian's library has its asserts on, and its own log writer asserts when it is used again
	 * after a failed write, as on a full disk: let it say as little as it can. Errors come back
	 * as status texts anyway.
	 */
	rocksdb_options_set_info_log_level(db->options, DB_INFO_LOG_FATAL);
	rocksdb_options_set_max_log_file_size(db->options, DB_INFO_LOG_BYTES);
	rocksdb_options_set_keep_log_file_num(db->options, 2);
	rocksdb_options_set_stats_dump_period_sec(db->options, 0);
	/* A torn last record is a crash in the middle of a write, of which nobody was told; damage
	 * before it is damage to what we promised, and must be seen.
	 */
	rocksdb_options_set_wal_recovery_mode(db->options,
	                                      rocksdb_tolerate_corrupted_tail_records_recovery);

	db->sync = rocksdb_writeoptions_create();
	rocksdb_writeoptions_set_sync(db->sync, 1);
	db->reads = rocksdb_readoptions_create();
	db->scans = rocksdb_readoptions_create();
	rocksdb_readoptions_set_fill_cache(db->scans, 0);
}

/* RocksDB's threads are born here and inherit the mask: the data plane's real-time signals are not
 * for them.
 */
static rocksdb_t *open_rocks(struct db *db, char **err)
{
	rocksdb_t *rocks;
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	rocks = rocksdb_open(db->options, db->dir, err);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rocks;
}

static int check_version(struct db *db, char why[STORE_WHY_BYTES])
{
	char *err = NULL, found[64];
	struct db_batch *batch;
	int n, result;

	n = db_get(db, span_str(version_key), found, sizeof(found));
	if (n == (int)strlen(version_value) && memcmp(found, version_value, (size_t)n) == 0)
		return 0;
	if (n == -ENOENT) {
		rocksdb_iterator_t *it = rocksdb_create_iterator(db->rocks, db->scans);
		bool empty;

		rocksdb_iter_seek_to_first(it);
		empty = !rocksdb_iter_valid(it);
		rocksdb_iter_get_error(it, &err);
		rocksdb_iter_destroy(it);
		if (err != NULL)
			return trouble(db->dir, err, why);
		if (!empty) {
			snprintf(
			    why, STORE_WHY_BYTES,
			    "store %s: holds a database that is not ours; choose another folder",
			    db->dir);
			return -EPROTO;
		}
		batch = db_batch_new();
		db_batch_put(batch, span_str(version_key), span_str(version_value));
		result = db_write(db, batch, why);
		db_batch_free(batch);
		return result;
	}
	if (n < 0 && n != -ENOSPC) {
		snprintf(why, STORE_WHY_BYTES, "store %s: cannot read the format version", db->dir);
		return n;
	}
	snprintf(why, STORE_WHY_BYTES, "store %s: format is \"%.*s\", this program needs \"%s\"",
	         db->dir, n > 0 ? n : 0, found, version_value);
	return -EPROTO;
}

int db_open(const char *dir, struct db **out, char why[STORE_WHY_BYTES])
{
	struct db *db = xcalloc(1, sizeof(*db));
	char *err = NULL;
	int result;

	pthread_rwlock_init(&db->lock, NULL);
	db->dir = xstrdup(dir);
	make_options(db);
	db->rocks = open_rocks(db, &err);
	result = err != NULL ? trouble(dir, err, why) : check_version(db, why);
	if (result != 0) {
		db_close(db);
		return result;
	}
	*out = db;
	return 0;
}

void db_close(struct db *db)
{
	if (db->rocks != NULL)
		rocksdb_close(db->rocks);
	rocksdb_readoptions_destroy(db->scans);
	rocksdb_readoptions_destroy(db->reads);
	rocksdb_writeoptions_destroy(db->sync);
	rocksdb_options_destroy(db->options);
	rocksdb_cache_destroy(db->cache);
	rocksdb_env_destroy(db->env);
	pthread_rwlock_destroy(&db->lock);
	free(db->dir);
	free(db);
}

int db_reopen(struct db *db, char why[STORE_WHY_BYTES])
{
	char *err = NULL;
	int result = 0;

	pthread_rwlock_wrlock(&db->lock);
	if (db->rocks != NULL)
		rocksdb_close(db->rocks);
	db->rocks = open_rocks(db, &err);
	if (err != NULL) {
		db->rocks = NULL;
		result = trouble(db->dir, err, why);
	}
	pthread_rwlock_unlock(&db->lock);
	return result;
}

struct db_batch *db_batch_new(void)
{
	struct db_batch *batch = xcalloc(1, sizeof(*batch));

	batch->rocks = xcheck(rocksdb_writebatch_create());
	return batch;
}

void db_batch_free(struct db_batch *batch)
{
	rocksdb_writebatch_destroy(batch->rocks);
	free(batch);
}

void db_batch_clear(struct db_batch *batch)
{
	rocksdb_writebatch_clear(batch->rocks);
}

void db_batch_put(struct db_batch *batch, struct span key, struct span value)
{
	rocksdb_writebatch_put(batch->rocks, (const char *)key.at, key.bytes,
	                       (const char *)value.at, value.bytes);
}

void db_batch_del(struct db_batch *batch, struct span key)
{
	rocksdb_writebatch_delete(batch->rocks, (const char *)key.at, key.bytes);
}

static int closed(const struct db *db, char why[STORE_WHY_BYTES])
{
	snprintf(why, STORE_WHY_BYTES, "store %s: closed after disk trouble", db->dir);
	return -EIO;
}

/* RocksDB does not come back from a full disk by itself; it is never driven that far. */
static int check_room(const struct db *db, char why[STORE_WHY_BYTES])
{
	struct statvfs fs;
	uint64_t free_bytes;

	if (statvfs(db->dir, &fs) != 0)
		return 0; /* the write itself will tell */
	free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (free_bytes >= DB_ROOM_BYTES_MIN)
		return 0;
	snprintf(why, STORE_WHY_BYTES,
	         "store %s: No space left on device (%llu MiB free, %d needed); make room", db->dir,
	         (unsigned long long)(free_bytes >> 20), DB_ROOM_BYTES_MIN >> 20);
	return -ENOSPC;
}

int db_write(struct db *db, struct db_batch *batch, char why[STORE_WHY_BYTES])
{
	char *err = NULL;
	int result = check_room(db, why);

	if (result != 0)
		return result;
	pthread_rwlock_rdlock(&db->lock);
	if (db->rocks == NULL) {
		result = closed(db, why);
	} else {
		rocksdb_write(db->rocks, db->sync, batch->rocks, &err);
		if (err != NULL)
			result = trouble(db->dir, err, why);
	}
	pthread_rwlock_unlock(&db->lock);
	return result;
}

int db_get(struct db *db, struct span key, void *out, size_t out_bytes)
{
	rocksdb_pinnableslice_t *slice = NULL;
	int result = -EIO;
	char *err = NULL;

	pthread_rwlock_rdlock(&db->lock);
	if (db->rocks != NULL) {
		slice =
		    rocksdb_get_pinned(db->rocks, db->reads, (const char *)key.at, key.bytes, &err);
		if (err == NULL)
			result = -ENOENT;
	}
	if (slice != NULL) {
		size_t bytes = 0;
		const char *value = rocksdb_pinnableslice_value(slice, &bytes);

		result = bytes > out_bytes ? -ENOSPC : (int)bytes;
		if (result > 0)
			memcpy(out, value, bytes);
		rocksdb_pinnableslice_destroy(slice);
	}
	pthread_rwlock_unlock(&db->lock);
	rocksdb_free(err);
	return result;
}

/* The end of every reading: an iterator that stopped may have stopped for trouble. */
static int finish(rocksdb_iterator_t *it, int result)
{
	char *err = NULL;

	rocksdb_iter_get_error(it, &err);
	rocksdb_iter_destroy(it);
	if (err == NULL)
		return result;
	rocksdb_free(err);
	return -EIO;
}

int db_last_before(struct db *db, struct span key, uint8_t *out, size_t out_bytes)
{
	int result = -EIO;

	pthread_rwlock_rdlock(&db->lock);
	if (db->rocks != NULL) {
		rocksdb_iterator_t *it = rocksdb_create_iterator(db->rocks, db->reads);

		rocksdb_iter_seek_for_prev(it, (const char *)key.at, key.bytes);
		result = -ENOENT;
		if (rocksdb_iter_valid(it)) {
			size_t bytes = 0;
			const char *found = rocksdb_iter_key(it, &bytes);

			result = bytes > out_bytes ? -ENOSPC : (int)bytes;
			if (result > 0)
				memcpy(out, found, bytes);
		}
		result = finish(it, result);
	}
	pthread_rwlock_unlock(&db->lock);
	return result;
}

int db_each(struct db *db, struct span prefix, db_each_fn *fn, void *ctx)
{
	rocksdb_iterator_t *it;
	int result = 0;

	pthread_rwlock_rdlock(&db->lock);
	if (db->rocks == NULL) {
		pthread_rwlock_unlock(&db->lock);
		return -EIO;
	}
	it = rocksdb_create_iterator(db->rocks, db->scans);
	for (rocksdb_iter_seek(it, (const char *)prefix.at, prefix.bytes);
	     result == 0 && rocksdb_iter_valid(it); rocksdb_iter_next(it)) {
		size_t key_bytes = 0, value_bytes = 0;
		const char *key = rocksdb_iter_key(it, &key_bytes);
		const char *value = rocksdb_iter_value(it, &value_bytes);

		if (key_bytes < prefix.bytes || memcmp(key, prefix.at, prefix.bytes) != 0)
			break;
		result = fn(ctx, span_of(key, key_bytes), span_of(value, value_bytes));
	}
	result = finish(it, result);
	pthread_rwlock_unlock(&db->lock);
	return result;
}
