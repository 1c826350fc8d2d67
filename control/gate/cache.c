/* cache.c - MAGIC, bytes of the key, bytes of the set, the key, the set. */
#include "control/gate/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/xalloc.h"

enum { CACHE_BYTES_MAX = 512 << 20 };

static const char magic[16] = "posthaste gate1";

struct head {
	char magic[16];
	uint64_t key_bytes, set_bytes;
};

/* Everything that a compiled set depends on: more than a digest of it, and simpler. */
static char *key_of(const struct rules *rules, size_t *bytes)
{
	char platform[MATCH_WHY_BYTES], *key;
	FILE *f = xcheck(open_memstream(&key, bytes));

	match_platform(platform);
	fprintf(f, "%s\n", platform);
	for (uint32_t i = 0; i < rules->n_patterns; i++)
		fprintf(f, "%u %s\n", rules->patterns[i].flags, rules->patterns[i].regex);
	if (fclose(f) != 0)
		key = xcheck(NULL);
	return key;
}

static struct match_set *read_set(const char *at, size_t bytes, const char *key, size_t key_bytes)
{
	struct match_set *set = NULL;
	struct head h;

	if (bytes < sizeof(h))
		return NULL;
	memcpy(&h, at, sizeof(h));
	if (memcmp(h.magic, magic, sizeof(magic)) != 0 || h.key_bytes != key_bytes ||
	    key_bytes > bytes - sizeof(h) || h.set_bytes != bytes - sizeof(h) - key_bytes ||
	    memcmp(at + sizeof(h), key, key_bytes) != 0)
		return NULL;
	/* Hyperscan checks the sum of its bytes. */
	return match_load(at + sizeof(h) + key_bytes, h.set_bytes, &set) == 0 ? set : NULL;
}

struct match_set *cache_load(const char *path, const struct rules *rules)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct match_set *set = NULL;
	char *key, *text;
	size_t key_bytes, n = 0;
	struct stat st;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= CACHE_BYTES_MAX) {
		text = xcalloc(1, (size_t)st.st_size + 1);
		for (ssize_t got = 1; got > 0 && n < (size_t)st.st_size; n += (size_t)got) {
			got = read(fd, text + n, (size_t)st.st_size - n);
			if (got <= 0)
				break;
		}
		key = key_of(rules, &key_bytes);
		set = read_set(text, n, key, key_bytes);
		free(key);
		free(text);
	}
	close(fd);
	return set;
}

static bool write_all(int fd, const void *at, size_t bytes)
{
	for (size_t n = 0; n < bytes;) {
		ssize_t did = write(fd, (const char *)at + n, bytes - n);

		if (did <= 0)
			return false;
		n += (size_t)did;
	}
	return true;
}

int cache_save(const char *path, const struct rules *rules, const struct match_set *set)
{
	struct head h;
	char fresh[4096], *key;
	size_t key_bytes, set_bytes;
	void *bytes;
	int fd, rc = match_store(set, &bytes, &set_bytes);

	if (rc != 0)
		return rc;
	key = key_of(rules, &key_bytes);
	memcpy(h.magic, magic, sizeof(magic));
	h.key_bytes = key_bytes;
	h.set_bytes = set_bytes;
	snprintf(fresh, sizeof(fresh), "%s.tmp", path);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	errno = fd < 0 ? errno : 0;
	if (fd < 0 || !write_all(fd, &h, sizeof(h)) || !write_all(fd, key, key_bytes) ||
	    !write_all(fd, bytes, set_bytes) || rename(fresh, path) != 0) {
		rc = errno != 0 ? -errno : -EIO;
		(void)unlink(fresh);
	}
	if (fd >= 0)
		close(fd);
	free(key);
	free(bytes);
	return rc;
}
