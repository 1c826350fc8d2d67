/* token_keys.c - the file <state_dir>/token_keys: one key a line, oldest first. */
#include "control/campaign/token_keys.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "control/campaign/files.h"
#include "control/xalloc.h"

enum {
	PATH_BYTES = 4096,
	LINE_BYTES = 128,
	FILE_BYTES_MAX = TOKEN_KEYS_MAX * LINE_BYTES,
};

static bool read_hex(const char *hex, uint8_t out[TPL_KEY_BYTES])
{
	if (strlen(hex) != 2 * TPL_KEY_BYTES ||
	    strspn(hex, "0123456789abcdef") != 2 * TPL_KEY_BYTES)
		return false;
	for (unsigned i = 0; i < TPL_KEY_BYTES; i++) {
		char two[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

		out[i] = (uint8_t)strtoul(two, NULL, 16);
	}
	return true;
}

static bool read_line(const char *line, struct tpl_token_key *key)
{
	char hex[2 * TPL_KEY_BYTES + 2];
	int used = 0;
	bool ok = sscanf(line, "%" SCNu32 " %" SCNd64 " %65[0-9a-f]%n", &key->id, &key->since_s,
	                 hex, &used) == 3 &&
	          line[used] == '\0' && key->id <= UINT16_MAX && read_hex(hex, key->bytes);

	explicit_bzero(hex, sizeof(hex));
	return ok;
}

static int read_keys(const char *path, struct tpl_token_key *keys, uint32_t *n,
                     char why[KEYRING_WHY_BYTES])
{
	char *text = NULL, *rest, *line;
	size_t bytes = 0;
	int result = file_read(path, FILE_BYTES_MAX, &text, &bytes);
	unsigned number = 0;

	*n = 0;
	if (result == -ENOENT)
		return 0;
	if (result != 0) {
		snprintf(why, KEYRING_WHY_BYTES, "%.300s: %s", path, strerror(-result));
		return result;
	}
	for (rest = text; result == 0 && (line = strsep(&rest, "\n")) != NULL;) {
		number++;
		if (*line == '\0')
			continue;
		if (*n == TOKEN_KEYS_MAX || !read_line(line, &keys[*n]) ||
		    (*n > 0 &&
		     (keys[*n].id <= keys[*n - 1].id || keys[*n].since_s < keys[*n - 1].since_s))) {
			snprintf(why, KEYRING_WHY_BYTES,
			         "%.300s:%u: damaged; put the file back as it was", path, number);
			result = -EBADMSG;
		} else {
			(*n)++;
		}
	}
	explicit_bzero(text, bytes);
	free(text);
	return result;
}

static int write_keys(const char *path, const char *dir, const struct tpl_token_key *keys,
                      uint32_t n, char why[KEYRING_WHY_BYTES])
{
	char made[PATH_BYTES + 8], *text = xcalloc(n, LINE_BYTES);
	size_t bytes = 0;
	int result;

	for (uint32_t i = 0; i < n; i++) {
		bytes += (size_t)sprintf(text + bytes, "%" PRIu32 " %" PRId64 " ", keys[i].id,
		                         keys[i].since_s);
		for (unsigned b = 0; b < TPL_KEY_BYTES; b++)
			bytes += (size_t)sprintf(text + bytes, "%02x", keys[i].bytes[b]);
		text[bytes++] = '\n';
	}
	snprintf(made, sizeof(made), "%s.new", path);
	unlink(made); /* of a start that was broken off */
	result = file_make(made, text, bytes);
	if (result == 0 && rename(made, path) != 0)
		result = -errno;
	if (result == 0)
		result = dir_sync(dir);
	if (result != 0)
		snprintf(why, KEYRING_WHY_BYTES, "%.300s: %s", path, strerror(-result));
	explicit_bzero(text, bytes);
	free(text);
	return result;
}

bool token_keys_are_due(const struct tpl_token_keys *keys, uint32_t rotate_s, int64_t now_s)
{
	return keys->n == 0 || now_s - keys->at[keys->n - 1].since_s >= rotate_s;
}

/* Adds and removes what is due. */
static int change_keys(const struct keyring_conf *conf, struct tpl_token_key *keys, uint32_t *n,
                       bool *changed)
{
	struct tpl_token_keys now = { keys, *n };
	uint32_t old = 0;

	/* The last token of a key was made when the next one began, or with an attempt later. */
	while (old + 1 < *n && conf->now_s - keys[old + 1].since_s > conf->keep_s)
		old++;
	if (old > 0) {
		memmove(keys, keys + old, (*n - old) * sizeof(*keys));
		*n -= old;
		now.n = *n;
		*changed = true;
	}
	if (!token_keys_are_due(&now, conf->rotate_s, conf->now_s) ||
	    (*n > 0 && keys[*n - 1].since_s >= conf->now_s)) /* the clock went back */
		return 0;
	if (*n == TOKEN_KEYS_MAX || (*n > 0 && keys[*n - 1].id == UINT16_MAX))
		return -ENOSPC;
	keys[*n].id = *n == 0 ? 1 : keys[*n - 1].id + 1;
	keys[*n].since_s = conf->now_s;
	if (getrandom(keys[*n].bytes, TPL_KEY_BYTES, 0) != TPL_KEY_BYTES)
		return -EIO;
	(*n)++;
	*changed = true;
	return 0;
}

int token_keys_load(const struct keyring_conf *conf, bool change, struct tpl_token_key **out,
                    uint32_t *n, char why[KEYRING_WHY_BYTES])
{
	struct tpl_token_key *keys = xcalloc(TOKEN_KEYS_MAX, sizeof(*keys));
	char path[PATH_BYTES];
	bool changed = false;
	int result;

	snprintf(path, sizeof(path), "%s/token_keys", conf->state_dir);
	result = read_keys(path, keys, n, why);
	if (result == 0 && change) {
		result = change_keys(conf, keys, n, &changed);
		if (result != 0)
			snprintf(why, KEYRING_WHY_BYTES, "%.300s: no new key: %s", path,
			         strerror(-result));
	}
	if (result == 0 && changed)
		result = write_keys(path, conf->state_dir, keys, *n, why);
	if (result != 0) {
		explicit_bzero(keys, TOKEN_KEYS_MAX * sizeof(*keys));
		free(keys);
		*n = 0;
		return result;
	}
	*out = keys;
	return 0;
}
