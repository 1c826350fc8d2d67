/* stream.c - what the two ends of a test connection say. */
#include "tests/linux/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint64_t key_of(uint64_t seed, uint64_t index, enum stream_side side)
{
	return mix(seed * 0x9e3779b97f4a7c15 + 2 * index + side + 1);
}

void stream_init(struct stream *s, uint64_t seed, uint64_t index, enum stream_side side,
                 const struct stream_hello *hello)
{
	memset(s, 0, sizeof(*s));
	s->key = key_of(seed, index, side);
	if (hello != NULL) {
		s->hello = *hello;
		s->head_bytes = sizeof(*hello);
	}
	s->md = EVP_MD_CTX_new();
	if (s->md == NULL || EVP_DigestInit_ex(s->md, EVP_sha256(), NULL) != 1) {
		fprintf(stderr, "no SHA-256\n");
		exit(2);
	}
}

/* The bytes of a body from `offset` on, eight by eight. */
static void body(uint64_t key, uint64_t offset, uint8_t *at, size_t bytes)
{
	while (bytes != 0) {
		uint64_t word = mix(key + (offset / 8) * 0x9e3779b97f4a7c15);
		size_t skip = offset % 8, n = 8 - skip < bytes ? 8 - skip : bytes;

		memcpy(at, (const uint8_t *)&word + skip, n);
		at += n;
		bytes -= n;
		offset += n;
	}
}

void stream_make(struct stream *s, uint8_t *at, size_t bytes)
{
	size_t head = 0;

	if (s->bytes < s->head_bytes) {
		head = s->head_bytes - s->bytes < bytes ? s->head_bytes - s->bytes : bytes;
		memcpy(at, (const uint8_t *)&s->hello + s->bytes, head);
	}
	body(s->key, s->bytes + head - s->head_bytes, at + head, bytes - head);
	EVP_DigestUpdate(s->md, at, bytes);
	s->bytes += bytes;
}

void stream_check(struct stream *s, uint64_t seed, bool has_hello, const uint8_t *at, size_t bytes)
{
	uint8_t want[4096];
	size_t head = 0;

	EVP_DigestUpdate(s->md, at, bytes);
	if (has_hello && s->bytes < sizeof(s->hello)) {
		head = sizeof(s->hello) - s->bytes < bytes ? sizeof(s->hello) - s->bytes : bytes;
		memcpy((uint8_t *)&s->hello + s->bytes, at, head);
		s->bytes += head;
		if (s->bytes == sizeof(s->hello)) {
			s->head_bytes = sizeof(s->hello);
			s->key = key_of(seed, s->hello.index, STREAM_OPENER);
		}
	}
	for (at += head, bytes -= head; bytes != 0;) {
		size_t n = bytes < sizeof(want) ? bytes : sizeof(want);

		body(s->key, s->bytes - s->head_bytes, want, n);
		s->wrong |= memcmp(want, at, n) != 0;
		s->bytes += n;
		at += n;
		bytes -= n;
	}
}

void stream_end(struct stream *s, struct stream_total *total)
{
	uint8_t hash[STREAM_HASH_BYTES];

	EVP_DigestFinal_ex(s->md, hash, NULL);
	EVP_MD_CTX_free(s->md);
	s->md = NULL;
	total->streams++;
	total->bytes += s->bytes;
	total->wrong += s->wrong;
	for (size_t i = 0; i < sizeof(hash); i++)
		total->hash[i] ^= hash[i];
}

void stream_total_add(struct stream_total *to, const struct stream_total *more)
{
	to->streams += more->streams;
	to->bytes += more->bytes;
	to->wrong += more->wrong;
	for (size_t i = 0; i < sizeof(to->hash); i++)
		to->hash[i] ^= more->hash[i];
}

const char *stream_hash_text(const struct stream_total *t, char text[STREAM_HASH_TEXT])
{
	for (size_t i = 0; i < sizeof(t->hash); i++)
		snprintf(text + 2 * i, 3, "%02x", t->hash[i]);
	return text;
}
