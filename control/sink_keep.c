/* sink_keep.c - keeps what the sink takes; see sink_keep.h. */
#include "control/sink_keep.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	SHA256_BYTES = 32,
	ENVELOPE_BYTES = 512, /* of the lines that every letter begins with */
	NAME_BYTES = 32,
};

struct sink_keep {
	struct sink_keep_conf conf;
	struct sink_keeper keeper;
	int dir; /* -1: nothing is stored */
	FILE *hashes;
	uint64_t held_bytes, stored_bytes, n_stored;
	int trouble; /* the first that something could not be written for */
};

struct bytes {
	char *at;
	size_t n, room;
};

/* The envelope as lines of text, and the message as it came. */
struct letter {
	struct sink_keep *keep;
	struct bytes envelope, message;
};

static bool add(struct letter *l, struct bytes *b, const void *at, size_t n)
{
	struct sink_keep *keep = l->keep;
	size_t room = b->room;
	char *more;

	if (b->room - b->n < n) {
		for (room = room == 0 ? 1024 : room; room - b->n < n;)
			room *= 2;
		if (keep->held_bytes + room - b->room > keep->conf.held_bytes_max)
			return false;
		more = realloc(b->at, room);
		if (more == NULL)
			return false;
		keep->held_bytes += room - b->room;
		b->at = more;
		b->room = room;
	}
	memcpy(b->at + b->n, at, n);
	b->n += n;
	return true;
}

static bool add_line(struct letter *l, const char *word, struct span text)
{
	return add(l, &l->envelope, word, strlen(word)) &&
	       add(l, &l->envelope, text.at, text.bytes) && add(l, &l->envelope, "\n", 1);
}

static void letter_free(struct letter *l)
{
	l->keep->held_bytes -= l->envelope.room + l->message.room;
	free(l->envelope.at);
	free(l->message.at);
	free(l);
}

static void *on_mail(void *ctx, const struct sink_facts *facts, struct span args)
{
	struct sink_keep *keep = ctx;
	struct letter *l = calloc(1, sizeof(*l));
	char peer[IP_TEXT_MAX];

	if (l == NULL)
		return NULL;
	l->keep = keep;
	(void)ip_format(&facts->peer, peer);
	if (keep->stored_bytes <= keep->conf.store_bytes_max &&
	    add_line(l, "PEER ", span_str(peer)) &&
	    add_line(l, "TLS ", span_str(facts->is_tls ? "yes" : "no")) &&
	    add_line(l, "HELO ", span_str(facts->helo)) && add_line(l, "MAIL ", args))
		return l;
	letter_free(l);
	return NULL;
}

static bool on_rcpt(void *letter, struct span args)
{
	return add_line(letter, "RCPT ", args);
}

static bool on_bytes(void *letter, struct span bytes)
{
	struct letter *l = letter;

	return add(l, &l->message, bytes.at, bytes.bytes);
}

static void note_trouble(struct sink_keep *keep, int err)
{
	if (keep->trouble == 0)
		keep->trouble = -err;
}

static bool write_all(int fd, const char *at, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, at, n);

		if (done < 0 && errno != EINTR)
			return false;
		if (done > 0) {
			at += done;
			n -= (size_t)done;
		}
	}
	return true;
}

/* Under another name until it is whole. */
static void store(struct sink_keep *keep, const struct letter *l)
{
	char name[NAME_BYTES], part[NAME_BYTES];
	int fd;
	bool ok;

	snprintf(name, sizeof(name), "%010llu.eml", (unsigned long long)++keep->n_stored);
	snprintf(part, sizeof(part), ".%010llu.part", (unsigned long long)keep->n_stored);
	fd = openat(keep->dir, part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0) {
		note_trouble(keep, errno);
		return;
	}
	ok = write_all(fd, l->envelope.at, l->envelope.n) && write_all(fd, "\n", 1) &&
	     write_all(fd, l->message.at, l->message.n);
	if (!ok)
		note_trouble(keep, errno);
	if (close(fd) != 0 || !ok || renameat(keep->dir, part, keep->dir, name) != 0) {
		note_trouble(keep, errno);
		(void)unlinkat(keep->dir, part, 0);
	}
	keep->stored_bytes += l->envelope.n + 1 + l->message.n;
}

/* The value of Message-ID in the header, blanks around it apart; "-": there is none. */
static struct span message_id(const struct bytes *m)
{
	static const char name[] = "message-id:";
	const char *at = m->at, *end = m->at + m->n;

	while (at != NULL && at < end && *at != '\r' && *at != '\n') {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		const char *stop = nl != NULL ? nl : end;

		if ((size_t)(stop - at) > sizeof(name) - 1 &&
		    strncasecmp(at, name, sizeof(name) - 1) == 0) {
			at += sizeof(name) - 1;
			while (at < stop && (*at == ' ' || *at == '\t'))
				at++;
			while (stop > at && (stop[-1] == '\r' || stop[-1] == ' '))
				stop--;
			return span_of(at, (size_t)(stop - at));
		}
		at = nl != NULL ? nl + 1 : NULL;
	}
	return span_str("-");
}

static void put_clean(FILE *f, struct span s)
{
	for (size_t i = 0; i < s.bytes; i++)
		putc(s.at[i] < 0x20 || s.at[i] == 0x7f ? '?' : s.at[i], f);
}

/* A line of the envelope that begins with `word`, from *at on; what stands between < and >. */
static bool next_rcpt(const struct bytes *e, size_t *at, struct span *out)
{
	static const char word[] = "RCPT ";

	while (*at < e->n) {
		const char *line = e->at + *at, *nl = memchr(line, '\n', e->n - *at);
		size_t n = nl != NULL ? (size_t)(nl - line) : e->n - *at;
		const char *open, *shut;

		*at += n + (nl != NULL);
		if (n < sizeof(word) - 1 || memcmp(line, word, sizeof(word) - 1) != 0)
			continue;
		open = memchr(line, '<', n);
		shut = open != NULL ? memrchr(open, '>', n - (size_t)(open - line)) : NULL;
		if (shut == NULL)
			continue;
		*out = span_of(open + 1, (size_t)(shut - open) - 1);
		return true;
	}
	return false;
}

static void hash(struct sink_keep *keep, const struct letter *l)
{
	uint8_t sum[SHA256_BYTES];
	char text[2 * SHA256_BYTES + 1];
	struct span rcpt, id = message_id(&l->message);
	size_t at = 0;

	if (EVP_Digest(l->message.at != NULL ? l->message.at : "", l->message.n, sum, NULL,
	               EVP_sha256(), NULL) != 1) {
		note_trouble(keep, EIO);
		return;
	}
	for (size_t i = 0; i < SHA256_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", sum[i]);
	while (next_rcpt(&l->envelope, &at, &rcpt)) {
		fprintf(keep->hashes, "%s\t%zu\t", text, l->message.n);
		put_clean(keep->hashes, id);
		putc('\t', keep->hashes);
		put_clean(keep->hashes, rcpt);
		putc('\n', keep->hashes);
	}
	/* Whoever waits for the answer may look at once. */
	if (fflush(keep->hashes) != 0)
		note_trouble(keep, errno);
}

static void on_end(void *letter, bool is_accepted)
{
	struct letter *l = letter;

	if (is_accepted && l->keep->dir >= 0)
		store(l->keep, l);
	if (is_accepted && l->keep->hashes != NULL)
		hash(l->keep, l);
	letter_free(l);
}

static int open_places(struct sink_keep *keep, const char **name)
{
	const struct sink_keep_conf *c = &keep->conf;

	if (c->store_dir != NULL) {
		*name = c->store_dir;
		if (mkdir(c->store_dir, 0755) != 0 && errno != EEXIST)
			return -errno;
		keep->dir = open(c->store_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (keep->dir < 0)
			return -errno;
	}
	if (c->hash_file != NULL) {
		*name = c->hash_file;
		keep->hashes = fopen(c->hash_file, "we");
		if (keep->hashes == NULL)
			return -errno;
	}
	return 0;
}

int sink_keep_open(const struct sink_keep_conf *conf, struct sink_keep **out,
                   char why[SINK_WHY_BYTES])
{
	struct sink_keep *keep = calloc(1, sizeof(*keep));
	const char *name = "the sink";
	int rc = -ENOMEM;

	if (keep != NULL) {
		keep->conf = *conf;
		keep->dir = -1;
		keep->keeper = (struct sink_keeper){ .mail = on_mail,
			                             .rcpt = on_rcpt,
			                             .bytes = on_bytes,
			                             .end = on_end,
			                             .ctx = keep };
		rc = open_places(keep, &name);
	}
	if (rc == 0) {
		*out = keep;
		return 0;
	}
	snprintf(why, SINK_WHY_BYTES, "%.150s: %s", name, strerror(-rc));
	if (keep != NULL)
		(void)sink_keep_close(keep);
	return rc;
}

int sink_keep_close(struct sink_keep *keep)
{
	int rc = keep->trouble;

	if (keep->dir >= 0)
		close(keep->dir);
	if (keep->hashes != NULL && fclose(keep->hashes) != 0 && rc == 0)
		rc = -errno;
	free(keep);
	return rc;
}

const struct sink_keeper *sink_keep_keeper(const struct sink_keep *keep)
{
	return &keep->keeper;
}
