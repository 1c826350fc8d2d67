/* dsn_words.h - what may be asked of reports on delivery (RFC 3461), as people write it.
 *
 * Pure.
 * Thread  any.
 */
#pragma once

/* What both take, for whoever tells that something is wrong. */
#define DSN_NOTIFY_RULE "none, never, or some of success,failure,delay"
#define DSN_RET_RULE    "none, full or hdrs"

/* When a recipient is to be reported on: bits of enum dp_notify, 0 for "none", or -EINVAL. */
int dsn_notify_read(const char *text);

/* How much of the message a report returns: enum dp_ret, or -EINVAL. */
int dsn_ret_read(const char *text);
