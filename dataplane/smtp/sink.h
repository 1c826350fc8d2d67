/* sink.h - the server side of SMTP, as `posthaste sink` plays it: for tests and measurements.
 *
 * It takes mail and keeps none of it by itself, and misbehaves where a script or the recipient's
 * local part says so. Bytes in, bytes out: whoever carries them (our TCP, kernel sockets, a test)
 * is told what to say and when to end.
 *
 * Owner   one thread. Time is an argument; nothing here reads a clock.
 * Life    a session: sink_begin() .. sink_finish().
 * Not     a mail server: it delivers nothing, and believes everybody.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/addr.h"
#include "dataplane/base/span.h"

struct sink;
struct sink_script;
struct sink_session;

enum {
	SINK_WHY_BYTES = 256,
	SINK_LINE_MAX = 4096, /* a command line; RFC 5321 4.5.3.1.4 and what extensions add */
	SINK_LATE_BYTES_MAX = 65536, /* replies of a session that wait for their time or for room */
	SINK_HOST_BYTES = 256,
};

enum sink_stage {
#define SINK_STAGE(sym, name, help) SINK_STAGE_##sym,
#include "dataplane/smtp/sink_stage.def"
#undef SINK_STAGE
	SINK_N_STAGES
};

enum sink_ext {
#define SINK_EXT(sym, keyword, when) SINK_EXT_##sym,
#include "dataplane/smtp/sink_ext.def"
#undef SINK_EXT
	SINK_N_EXTS
};

/* How a connection is to end: our FIN behind what was said, or an RST at once. */
enum sink_end { SINK_END_CLOSE, SINK_END_RESET };

/* What the carrier does. None of them may call back into the session. */
struct sink_below {
	/* Takes all of `bytes` or, for want of room, nothing: then it is tried again. */
	bool (*say)(void *user, struct span bytes);
	void (*flush)(void *user);
	/* The 220 to STARTTLS was said: what comes from now on is TLS's. */
	void (*secure)(void *user);
	/* Reads no more than so many bytes a second from now on; 0: none. */
	void (*slow)(void *user, uint32_t bytes_per_s);
	/* The last call about the session but for the carrier's own sink_finish(). */
	void (*end)(void *user, enum sink_end how);
};

/* What is known of a message's sender side. */
struct sink_facts {
	struct ip_addr peer;
	bool is_tls;
	const char *helo;
};

/* Who keeps what arrives; all three thereof are called on the sink's thread. `letter` is the
 * keeper's, from mail() to end(). A keeper without room says NULL or false, and the client 452.
 */
struct sink_keeper {
	void *(*mail)(void *ctx, const struct sink_facts *facts, struct span args);
	bool (*rcpt)(void *letter, struct span args);
	bool (*bytes)(void *letter, struct span bytes);
	void (*end)(void *letter, bool is_accepted);
	void *ctx;
};

struct sink_counts {
#define SINK_COUNT(name, help) _Atomic uint64_t name;
#include "dataplane/smtp/sink_count.def"
#undef SINK_COUNT
};

struct sink_conf {
	const char *host;           /* in the banner and behind EHLO */
	uint32_t conns_max;         /* sessions at once */
	uint32_t seen_max;          /* recipients, triples and sources remembered */
	uint32_t rcpts_max;         /* in a transaction; LIMITS says so (RFC 9422) */
	uint32_t mails_max;         /* in a connection; 0: no bound, and LIMITS says nothing */
	uint64_t message_bytes_max; /* SIZE */
	uint32_t idle_ms;           /* patience for the next command */
	uint32_t offers;            /* bits 1 << enum sink_ext */
	bool is_lmtp;               /* RFC 2033 */
	bool obeys_rcpts;           /* verbs in local parts */
	uint64_t seed;              /* of chance and of random delays */
	const struct sink_script *script; /* NULL: none */
	const struct sink_below *below;
	const struct sink_keeper *keeper; /* NULL: only counted */
};

/* Bytes that sink_open() allocates; long lines, late replies and scripts come from the heap. Pure.
 */
uint64_t sink_memory_bytes(const struct sink_conf *conf);

/* Makes the engine. What `conf` points to stays the caller's and must live. 0, -EINVAL, -ENOMEM. */
int sink_open(const struct sink_conf *conf, uint64_t now_us, struct sink **out);

/* Every session must be finished. */
void sink_close(struct sink *k);

/* A connection from `peer` to our `local` came. NULL when there is no room: close it. */
struct sink_session *sink_begin(struct sink *k, uint64_t now_us, const struct ip_addr *peer,
                                const struct ip_addr *local, void *user);

/* It may be greeted: it is open, or its TLS stands where that comes first. */
void sink_greet(struct sink_session *s, uint64_t now_us, bool is_tls);

/* TLS stands behind STARTTLS: all that was known of the client is forgotten (RFC 3207 4.2). */
void sink_secured(struct sink_session *s, uint64_t now_us);

/* Bytes of the client. */
void sink_received(struct sink_session *s, uint64_t now_us, struct span bytes);

/* The client sends nothing more: we end when all is said. */
void sink_peer_closed(struct sink_session *s, uint64_t now_us);

/* Frees the session. */
void sink_finish(struct sink_session *s, uint64_t now_us);

/* Runs what is due, at most `budget` sessions. Returns when the next is, a lower bound; UINT64_MAX:
 * nothing is.
 */
uint64_t sink_tick(struct sink *k, uint64_t now_us, uint32_t budget);

/* Any thread may read them. */
const struct sink_counts *sink_counts(const struct sink *k);
struct sink_counts *sink_counts_mine(struct sink *k); /* the carrier's part: TLS, full tables */

/* By number, for reports; NULL beyond the last. */
const char *sink_count_name(uint32_t i);
const char *sink_count_help(uint32_t i);
uint64_t sink_count_value(const struct sink_counts *c, uint32_t i);

const char *sink_stage_name(enum sink_stage stage);
const char *sink_stage_help(enum sink_stage stage);
const char *sink_ext_name(enum sink_ext ext);

/* A script, see sink_script_help(). Returns 0, or -errno with "line N: what" in `why`. */
int sink_script_parse(struct span text, struct sink_script **out, char why[SINK_WHY_BYTES]);
void sink_script_free(struct sink_script *script);
/* What a script and a local part may say: lines of text. */
const char *sink_script_help(void);
/* The provider texts: name, and the reply with its code. False beyond the last. */
bool sink_text(uint32_t i, const char **name, const char **reply);
