/* mx.h - a mail server for tests that reads what the client really wrote and keeps a ledger of what
 * it did: who may be called delivered follows from it alone.
 *
 * It knows transactions as RFC 5321 does: MAIL inside of one is refused, RCPT outside of one too. A
 * message is known by its number, which its addresses carry: m<n>@x.test to r<n>[.<i>]@y.test.
 * Every reply tells the number it is about.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MX_MESSAGES_MAX = 64,
	MX_REPLIES_BYTES = 1 << 16,
};

enum mx_step { MX_RSET, MX_MAIL, MX_RCPT, MX_DATA, MX_BDAT, MX_DOT, MX_QUIT, MX_N_STEPS };

struct mx;

/* The code that it answers with at `step` about message `n`; 0: as it should. */
typedef unsigned mx_pick_fn(struct mx *mx, enum mx_step step, unsigned n);

struct mx {
	mx_pick_fn *pick;
	void *ctx;
	bool leaves_octets;         /* reads what follows a BDAT that it refuses as commands */
	int surplus_at, missing_at; /* reply that is said twice, or not at all; -1: none */

	/* what it knows */
	const uint8_t *in;
	size_t at, n_in;
	bool has_mail, has_rcpt, in_data;
	size_t octets; /* of a BDAT that are still to come */
	bool is_octets_ok;
	unsigned current;
	int n_replies;
	unsigned n_mail;

	/* the ledger */
	struct {
		bool was_ended; /* its end was answered */
		unsigned end_code;
		unsigned n_stored;
	} messages[MX_MESSAGES_MAX];

	/* what it says next */
	char out[MX_REPLIES_BYTES];
	size_t n_out, n_said;
};

void mx_begin(struct mx *mx, mx_pick_fn *pick, void *ctx);

/* Reads what the client wrote: in[0..n) from the connection's first byte behind EHLO on. */
void mx_read(struct mx *mx, const uint8_t *in, size_t n);
