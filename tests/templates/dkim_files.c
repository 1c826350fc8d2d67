/* dkim_files.c - signs any message with the keys given, for the tests that have others verify it.
 *
 *	dkim_files TIME DOMAIN:SELECTOR:KEYFILE...
 *
 * Reads messages from standard input, each as: one byte whose bits 0 and 1 make header and body
 * relaxed, one byte that cuts its body in pieces, its length in four bytes (network order), the
 * message. Writes each with its signatures above it, length first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "templates/dkim.h"

enum { MESSAGE_BYTES_MAX = 1 << 20, PIECES_MAX = 64, OUT_BYTES = 1 << 16 };

static uint8_t message[MESSAGE_BYTES_MAX], out[OUT_BYTES];
static EVP_MD_CTX *sha;

/* Every second way cuts behind a line end; whole lines that are fixed are said to be. */
static uint32_t cut(struct span body, uint8_t how, struct dkim_piece pieces[PIECES_MAX])
{
	bool line_start = true;
	uint32_t n = 0;

	while (how != 0 && n + 1 < PIECES_MAX && body.bytes > how) {
		const uint8_t *end = memchr(body.at + how, '\n', body.bytes - how);
		size_t bytes = how % 2 != 0 && end != NULL ? (size_t)(end + 1 - body.at) : how;

		pieces[n].bytes = span_of(body.at, bytes);
		pieces[n].is_fixed = line_start && canon_is_fixed(pieces[n].bytes);
		line_start = bytes >= 2 && memcmp(body.at + bytes - 2, "\r\n", 2) == 0;
		n++;
		body = span_of(body.at + bytes, body.bytes - bytes);
	}
	pieces[n].bytes = body;
	pieces[n++].is_fixed = line_start && canon_is_fixed(body);
	return n;
}

static int sign_one(struct tpl_signer *signers, uint32_t n, int64_t now_s, size_t bytes,
                    uint8_t canon, uint8_t how)
{
	const uint8_t *end = memmem(message, bytes, "\r\n\r\n", 4);
	struct dkim_piece pieces[PIECES_MAX];
	struct tpl_signers all = { .at = signers, .n = n };
	struct dkim_message m = { .body = pieces, .signed_s = now_s };
	struct buf to = { .at = out, .max = sizeof(out) };
	uint8_t length[4];
	const char *why;
	size_t whole;

	if (end == NULL)
		return 2;
	m.header = span_of(message, (size_t)(end + 2 - message));
	m.n_body = cut(span_of(end + 4, bytes - m.header.bytes - 2), how, pieces);
	for (uint32_t i = 0; i < n; i++) {
		signers[i].header = canon & 1;
		signers[i].body = canon >> 1 & 1;
	}
	why = dkim_sign(&all, &m, sha, &to);
	if (why != NULL || to.full) {
		fprintf(stderr, "not signed: %s\n", why != NULL ? why : "no room");
		return 1;
	}
	whole = to.bytes + bytes;
	for (int i = 0; i < 4; i++)
		length[i] = (uint8_t)(whole >> (24 - 8 * i));
	fwrite(length, 1, 4, stdout);
	fwrite(out, 1, to.bytes, stdout);
	fwrite(message, 1, bytes, stdout);
	return 0;
}

int main(int argc, char **argv)
{
	struct tpl_signer signers[TPL_SIGNATURES_MAX];
	uint8_t head[6];
	uint32_t n = 0;
	int status = 0;

	if (argc < 3 || argc > 2 + TPL_SIGNATURES_MAX)
		return 2;
	for (int i = 2; i < argc; i++) {
		char *selector = strchr(argv[i], ':'), why[TPL_WHY_BYTES];
		char *path = selector == NULL ? NULL : strchr(selector + 1, ':');
		struct tpl_key *key;

		if (path == NULL)
			return 2;
		*selector++ = *path++ = '\0';
		if (tpl_key_open(path, &key, why) != 0) {
			fprintf(stderr, "%s\n", why);
			return 1;
		}
		signers[n++] = (struct tpl_signer){ .key = key,
			                            .name = "",
			                            .domain = argv[i],
			                            .selector = selector,
			                            .when = TPL_SIGN_ALL,
			                            .expires_s = 86400 };
	}
	sha = sha_new();
	while (sha != NULL && status == 0 && fread(head, 1, sizeof(head), stdin) == sizeof(head)) {
		size_t bytes =
		    (size_t)head[2] << 24 | (size_t)head[3] << 16 | (size_t)head[4] << 8 | head[5];

		if (bytes > sizeof(message) || fread(message, 1, bytes, stdin) != bytes)
			status = 2;
		else
			status = sign_one(signers, n, strtoll(argv[1], NULL, 10), bytes, head[0],
			                  head[1]);
	}
	EVP_MD_CTX_free(sha);
	for (uint32_t i = 0; i < n; i++)
		tpl_key_close((struct tpl_key *)signers[i].key);
	return status;
}
