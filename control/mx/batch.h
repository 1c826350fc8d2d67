/* batch.h - many questions to the DNS at once, for threads that may wait for the answers.
 *
 * Life    batch_open() .. batch_close(); has a loop of its own.
 * Thread  one at a time, never the control thread: it blocks.
 */
#pragma once

#include "control/mx/query.h"

struct batch;

struct batch_question {
	char name[DNS_NAME_BYTES]; /* lower case */
	enum dns_type type;
};

struct batch_limits {
	uint32_t at_once_max;       /* questions open at the same time */
	uint64_t wait_ms;           /* for all of them */
	const _Atomic bool *cancel; /* NULL or: becomes true to stop */
};

/* Of the conf only servers, ports, timeout and tries are used. Returns 0 or -errno with a line. */
int batch_open(const struct mx_conf *conf, struct batch **out, char why[256]);
void batch_close(struct batch *b); /* NULL is allowed */

/* Asks them all. `answer` is called once for each that ended, with its index. Returns 0 when all
 * did; -ETIMEDOUT, -ECANCELED: no more can be asked then.
 */
typedef void batch_answer_fn(void *ctx, uint32_t i, const struct query *q,
                             const struct dns_answer *answer);
int batch_ask(struct batch *b, const struct batch_question *questions, uint32_t n,
              const struct batch_limits *limits, batch_answer_fn *answer, void *ctx);
