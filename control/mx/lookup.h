/* lookup.h - one domain being looked up: MX, then the addresses of every host, then an answer.
 *
 *	MX? --- hosts ---> A? AAAA? of each, at once ---> answer
 *	  \--- none -----> the domain itself is the host (RFC 5321 5.1)
 *	  \--- "." ------> takes no mail (RFC 7505)
 *
 * Life    lookup_new() .. lookup_free(); `done` is called once between, unless it is freed first
 *         together with its resolver.
 * Thread  control thread.
 */
#pragma once

#include "control/mx/resolver.h"

struct lookup;

/* What `done` gets; the answer is the callee's, with one reference. The callee may free the
 * look-up.
 */
struct lookup_result {
	struct mx_answer *answer; /* expires_ms not set */
	bool has_ttl;
	uint32_t ttl_s;
};
typedef void lookup_done_fn(void *ctx, const struct lookup_result *result);

/* `is_host`: the name is a host's, only its addresses are asked for. */
struct lookup *lookup_new(struct resolver *resolver, const char *domain, bool is_host,
                          lookup_done_fn *done, void *ctx);

/* May call `done` before it returns. Questions asked are counted in `*queries`, which must live as
 * long as the look-up.
 */
void lookup_start(struct lookup *l, uint64_t *queries);
void lookup_free(struct lookup *l);
