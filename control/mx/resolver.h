/* resolver.h - asks DNS servers on the control loop; answers come back as raw packets.
 *
 * The only includer of ares.h is resolver.c. UDP with EDNS, TCP when an answer is truncated.
 *
 * Thread  control thread.
 */
#pragma once

#include "control/mx/dns_answer.h"
#include "control/mx/mx.h"

struct resolver;

int resolver_open(struct uv_loop_s *loop, const struct mx_conf *conf, struct resolver **out,
                  char why[256]);

/* Open questions are dropped without a call. The loop must run once more to let handles close. */
void resolver_close(struct resolver *r);

/* Asks. `done` is called exactly once, possibly before this returns: with the packet, which is
 * valid during the call, or with an empty span and what went wrong (time-out, refused, SERVFAIL).
 */
typedef void resolver_done_fn(void *ctx, struct span packet, const char *trouble);
void resolver_ask(struct resolver *r, const char *name, enum dns_type type, resolver_done_fn *done,
                  void *ctx);
