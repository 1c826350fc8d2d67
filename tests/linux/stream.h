/* stream.h - what the two ends of a test connection say, and proof that it arrived.
 *
 * The one who opens sends a greeting (struct stream_hello) and a body; the other answers with as
 * many bytes as the greeting asks for. Every byte is a function of (seed, connection, side,
 * offset), so each end can tell what it must get. Beside that both ends hash what they wrote and
 * what they read; a total is the XOR of its connections' SHA-256 values, none of which are alike.
 *
 * Not     sockets, engines.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

enum { STREAM_HASH_BYTES = 32, STREAM_HASH_TEXT = 2 * STREAM_HASH_BYTES + 1 };

enum stream_side { STREAM_OPENER, STREAM_ANSWERER };

struct stream_hello {
	uint64_t index;        /* of the connection */
	uint64_t answer_bytes; /* what the opener wants to get */
};

/* One direction of one connection. */
struct stream {
	uint64_t key;
	uint64_t bytes; /* so far, greeting included */
	uint32_t head_bytes;
	struct stream_hello hello; /* of the opener's direction */
	bool wrong;                /* a byte was not what it must be */
	EVP_MD_CTX *md;
};

struct stream_total {
	uint64_t bytes, streams, wrong;
	uint8_t hash[STREAM_HASH_BYTES];
};

/* `hello`: of what the opener writes; NULL for all others. The opener's direction at the reader's
 * end takes its index from the greeting: give `seed` and index 0.
 */
void stream_init(struct stream *s, uint64_t seed, uint64_t index, enum stream_side side,
                 const struct stream_hello *hello);

/* Writes the next `bytes` of the direction to `at` and hashes them. */
void stream_make(struct stream *s, uint8_t *at, size_t bytes);

/* Reads the next bytes: compares and hashes them. `has_hello`: the first bytes are a greeting,
 * kept in s->hello when s->bytes has reached its size.
 */
void stream_check(struct stream *s, uint64_t seed, bool has_hello, const uint8_t *at, size_t bytes);

/* Ends the direction and adds it to a total. */
void stream_end(struct stream *s, struct stream_total *total);

void stream_total_add(struct stream_total *to, const struct stream_total *more);
const char *stream_hash_text(const struct stream_total *t, char text[STREAM_HASH_TEXT]);
