/* credential.h - identities at smarthosts on their way to the workers, and back when replaced.
 *
 * The secret lies in memory that dumps leave out; a worker borrows it until it is given another.
 *
 * Owner   the door; freed when no worker has it any more.
 * Thread  control thread; credential_let_go(): the worker's.
 */
#pragma once

#include "dataplane/smtp/smtp.h"

struct credential;

/* Every credential of one data plane. */
struct credentials {
	struct credential *now[DP_CREDENTIALS_MAX]; /* by id - 1; NULL: none */
	struct credential *before;                  /* replaced, and a worker may still have it */
};

/* Copies it, for so many workers. NULL: no memory that dumps leave out. */
struct credential *credential_new(const struct dp_credential *c, uint32_t n_workers);

/* What a session reads of it. */
const struct smtp_credential *credential_read(const struct credential *c);

/* A worker has it no more. */
void credential_let_go(struct credential *c);

/* Takes the place of the one with that id; frees those that nobody has. */
void credentials_put(struct credentials *all, uint32_t id, struct credential *c);

/* The workers are gone. */
void credentials_fini(struct credentials *all);
