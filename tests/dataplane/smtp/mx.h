/* mx.h - a mail server for tests that reads what the client really wrote and keeps a ledger of what
 * it did: who may be called delivered follows from it alone.
 *
 * It knows transactions as RFC 5321 does: MAIL inside of one is refused, RCPT outside of one too;
 * as an LMTP server it says a word for each recipient behind the end (RFC 2033). A message is known
 * by its number, which its addresses carry: m<n>@x.test to r<n>[.<i>]@y.test.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MX_MESSAGES_MAX = 64,
	MX_RCPTS_MAX = 4,
	MX_REPLIES_BYTES = 1 << 16,
};

enum mx_step { MX_RSET, MX_MAIL, MX_RCPT, MX_DATA, MX_BDAT, MX_DOT, MX_QUIT, MX_N_STEPS };

struct mx;

/* How its replies read: with enhanced codes and the message's number, RSET's always the same or
 * not; with the number alone; or all the same whatever they are about.
 */
enum mx_style { MX_ENHANCED, MX_OPAQUE, MX_PLAIN, MX_SAME, MX_N_STYLES };

/* The code that it answers with at `step` about recipient `i` of message `n`; 0: as it should. */
typedef unsigned mx_pick_fn(struct mx *mx, enum mx_step step, unsigned n, unsigned i);

struct mx {
	mx_pick_fn *pick;
	void *ctx;
	enum mx_style style;
	bool is_lmtp;
	bool leaves_octets;         /* reads what follows a BDAT that it refuses as commands */
	int surplus_at, missing_at; /* reply that is said twice, or not at all; -1: none */

	/* what it knows */
	const uint8_t *in;
	size_t at, n_in;
	bool has_mail, has_rcpt, in_data;
	size_t octets; /* of a BDAT that are still to come */
	bool is_octets_ok;
	unsigned current;
	bool is_accepted[MX_RCPTS_MAX];
	int n_replies;
	unsigned n_mail;

	/* the ledger */
	struct {
		bool was_ended; /* its end was answered */
		unsigned n_stored;
		struct {
			bool is_stored, was_refused;
		} rcpts[MX_RCPTS_MAX];
	} messages[MX_MESSAGES_MAX];

	/* what it says next */
	char out[MX_REPLIES_BYTES];
	size_t n_out, n_said;
};

void mx_begin(struct mx *mx, mx_pick_fn *pick, void *ctx);

/* Reads what the client wrote: in[0..n) from the connection's first byte behind EHLO on. */
void mx_read(struct mx *mx, const uint8_t *in, size_t n);
