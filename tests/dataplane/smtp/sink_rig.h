/* sink_rig.h - a sink, and a client that says what a test tells it to.
 *
 * Time is the rig's: nothing passes but by rig_pass(). What was said stands in `said`, what was
 * kept in `kept`.
 */
#pragma once

#include "dataplane/smtp/sink.h"

enum { RIG_BYTES = 1 << 20, RIG_CONNS = 8 };

struct rig_conn {
	struct rig *rig;
	struct sink_session *session;
	size_t n_said, n_flushed; /* octets, and those that have left */
	uint32_t n_flushes;
	char said[RIG_BYTES];
	bool is_over, is_reset, is_secure;
	uint32_t slow; /* UINT32_MAX: not said */
};

struct rig {
	struct sink *sink;
	struct sink_script *script;
	struct sink_conf conf;
	struct ip_addr local; /* where all connections come to */
	uint64_t now_us;
	bool has_no_room;                   /* say() takes nothing */
	bool keeps_nothing;                 /* the keeper has no room */
	uint32_t n_kept, n_thrown, n_rcpts; /* letters accepted, not accepted; recipients */
	size_t n_body;
	char body[RIG_BYTES]; /* of the last letter */
	struct rig_conn conns[RIG_CONNS];
};

/* Fills in a configuration, which the test may change before rig_open(). */
void rig_init(struct rig *r);
/* `script`: its text or NULL. Ends the test program when the script is wrong. */
void rig_open(struct rig *r, const char *script);
void rig_close(struct rig *r);

/* A new connection from 192.0.2.`last`; it is greeted. NULL: refused. */
struct rig_conn *rig_connect(struct rig *r, uint8_t last);
void rig_disconnect(struct rig_conn *c);

/* The client says it, all at once or octet by octet. */
void rig_say(struct rig_conn *c, const char *text);
void rig_say_bytes(struct rig_conn *c, const void *at, size_t bytes);
void rig_say_slowly(struct rig_conn *c, const char *text);

/* Time passes, in steps of a millisecond. */
void rig_pass(struct rig *r, uint64_t us);

/* What was said since the last call; valid until the next. */
const char *rig_heard(struct rig_conn *c);

/* The reply codes of what was said since the last call, apart by blanks: "250 354". */
const char *rig_codes(struct rig_conn *c);

uint64_t rig_count(const struct rig *r, const char *name);

/* Both texts are the same; tells what was got where they are not. */
void rig_equal(const char *why, const char *got, const char *want);
