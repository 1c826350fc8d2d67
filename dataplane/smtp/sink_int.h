/* sink_int.h - the sink's engine, sessions and rules, as its files share them.
 *
 *	sink.c          engine, sessions, timers
 *	sink_line.c     bytes -> lines -> commands; what may come when
 *	sink_path.c     what stands behind MAIL and RCPT
 *	sink_data.c     DATA and BDAT
 *	sink_say.c      replies, at once or later
 *	sink_rule.c     what a script wants to happen
 *	sink_verb.c     what a recipient's local part wants to happen
 *	sink_script.c   the script's lines
 *	sink_words.c    their conditions and deeds
 *	sink_seen.c     what is remembered between connections
 */
#pragma once

#include "dataplane/base/pool.h"
#include "dataplane/base/wheel.h"
#include "dataplane/counters.h"
#include "dataplane/smtp/sink.h"

enum {
	SINK_RULES_MAX = 64, /* of a script: a bit each in a session's masks */
	SINK_VERBS_MAX = 4,  /* in the local parts of a transaction, for stages behind RCPT */
	SINK_TEXT_NONE = 255,
	SINK_REPLY_BYTES_MAX = 2048, /* one reply, all its lines */
};

/* How a stage ends when it is not answered as usual. */
enum sink_final {
	SINK_FINAL_NONE,
	SINK_FINAL_SAY,    /* a reply of its own */
	SINK_FINAL_RAW,    /* any bytes */
	SINK_FINAL_CLOSE,  /* FIN without a reply */
	SINK_FINAL_RESET,  /* RST */
	SINK_FINAL_SILENT, /* never a word again */
	SINK_N_FINALS
};

/* Whether a rule asks for TLS, or for none. */
enum sink_under { SINK_UNDER_ANY, SINK_UNDER_TLS, SINK_UNDER_NONE };

/* Fixed, evenly between two bounds, or exponential with a mean. */
struct sink_delay {
	uint64_t low_us, high_us;
	bool is_exp;
};

struct sink_rule {
	uint32_t line;
	uint8_t stage; /* enum sink_stage */

	/* all must hold */
	struct ip_prefix from, at;
	bool has_from, has_at;
	uint8_t under;                  /* enum sink_under */
	const char *to, *sender, *helo; /* patterns; NULL: any */
	uint32_t after;                 /* messages accepted on this connection, at least */
	uint32_t over;                  /* connections of this source, more than; 0: any */
	uint32_t first;                 /* only the first so many times for this recipient */
	uint32_t every;                 /* only each so manieth time */
	uint32_t percent;               /* of chance; 0: always */
	uint64_t grey_us;               /* source, sender and recipient not known for so long */
	uint32_t rate_n;                /* more than so many of this source ... */
	uint64_t rate_us;               /* ... within this time */

	/* what happens */
	struct sink_delay delay;  /* before the reply, and everything after it */
	uint64_t lag_us, drip_us; /* from now on: each reply so late; each octet alone */
	uint32_t flood;           /* lines before the reply's last */
	uint32_t slow;            /* octets a second we read; UINT32_MAX: all */
	uint8_t final;            /* enum sink_final */
	uint8_t then;             /* behind the reply: CLOSE, RESET, SILENT, or NONE */
	uint16_t code;
	struct span text; /* of SAY, lines apart by '\n'; of RAW, as it is */
};

struct sink_script {
	struct sink_rule rules[SINK_RULES_MAX];
	uint32_t n;
	uint64_t at[SINK_N_STAGES];         /* which of them */
	uint64_t by_to, by_sender, by_helo; /* which ask for these */
	char *memory;                       /* patterns and texts */
};

/* What the local part of a recipient asked for. */
struct sink_verb {
	uint8_t stage, final;
	uint8_t text;  /* of sink_text(); SINK_TEXT_NONE: by code */
	uint16_t rcpt; /* whose; the transaction's first is 0 */
	uint16_t code;
	uint32_t times; /* only the first so many; 0: always */
	uint64_t us;    /* delay or grey */
	bool is_grey;
};

/* What is to happen at a stage, all said and done. */
struct sink_deed {
	uint8_t final;
	uint16_t code;
	struct span text;
	uint32_t flood;
};

enum sink_late_kind { SINK_LATE_BYTES, SINK_LATE_FLOOD, SINK_LATE_SECURE, SINK_LATE_END };

/* What leaves later, in order. */
struct sink_late {
	struct sink_late *next;
	uint64_t due_us;
	uint32_t kind;
	uint32_t gap_us;  /* between octets; 0: all at once */
	uint32_t done, n; /* octets, or lines of a flood */
	uint16_t code;    /* of a flood */
	uint8_t bytes[];  /* or one enum sink_end */
};

enum sink_mode {
	SINK_MODE_LINES,
	SINK_MODE_DATA,
	SINK_MODE_CHUNK,
	SINK_MODE_WAIT, /* of TLS: what comes in between is dropped */
	SINK_MODE_DEAF, /* read and never answered */
	SINK_MODE_OVER,
};

struct sink_session {
	struct sink *k;
	void *user;
	uint32_t slot;
	uint32_t source; /* its place in sink.sources; POOL_NONE: none */
	uint8_t mode;    /* enum sink_mode */
	uint8_t dot;     /* within DATA, see sink_data.c */
	uint8_t ending;  /* enum sink_end + 1, once the call is over */
	uint8_t n_verbs;
	uint8_t then; /* enum sink_final: what a rule wants behind the reply at hand */
	bool is_tls, said, is_hello, is_esmtp, was_quit;
	bool is_ended; /* the carrier was told so */
	bool has_mail, is_utf8, is_bdat, is_spoilt, is_last, has_body, skips_line, skips_chunk,
	    is_too_large;
	uint32_t n_rcpts, n_messages, n_mails;
	uint64_t left;    /* octets of the chunk still to come */
	uint64_t size;    /* octets of the message so far */
	uint64_t busy_us; /* no reply leaves before */
	uint64_t lag_us, drip_us;
	uint64_t heard_us, stuck_us;
	uint64_t met; /* rules whose to, sender and helo fit so far: see sink_rule.c */
	uint64_t met_to, met_sender, met_helo;
	uint64_t sender_hash, rcpt_hash;
	struct sink_late *late, *late_last;
	uint32_t late_bytes;
	uint32_t n_part, part_room;
	uint8_t *part; /* of a line */
	void *letter;  /* the keeper's */
	char *helo;
	struct ip_addr peer, local;
	struct sink_verb verbs[SINK_VERBS_MAX];
};

struct sink_seen;

struct sink {
	struct sink_conf conf;
	struct pool sessions;
	struct wheel wheel;
	struct sink_seen *seen;
	uint64_t random;
	uint32_t every[SINK_RULES_MAX]; /* times each rule's other conditions held */
	struct sink_counts counts;
	char scratch[SINK_REPLY_BYTES_MAX + 64];
};

static inline bool sink_offers(const struct sink *k, enum sink_ext ext)
{
	return (k->conf.offers >> ext & 1) != 0;
}

/* sink_say.c. A reply: `text`'s lines apart by '\n', an enhanced code in front of each if it has
 * one. What has no room or is not due waits its turn.
 */
void sink_say(struct sink_session *s, uint64_t now_us, uint16_t code, struct span text);
void sink_reply(struct sink_session *s, uint64_t now_us, uint16_t code, const char *text);
void sink_say_raw(struct sink_session *s, uint64_t now_us, struct span bytes);
void sink_say_flood(struct sink_session *s, uint64_t now_us, uint16_t code, uint32_t lines);
void sink_say_secure(struct sink_session *s, uint64_t now_us);
/* Ends behind what is to be said. */
void sink_say_end(struct sink_session *s, uint64_t now_us, enum sink_end how);
/* Says what is due. */
void sink_say_late(struct sink_session *s, uint64_t now_us);
void sink_say_forget(struct sink_session *s);
/* The end of every call from below: flushes, ends, arms the timer. `s` may be gone after it. */
void sink_settle(struct sink_session *s);

/* sink_rule.c. Asks rules and verbs what is to happen at a stage; what is no reply (delays and the
 * like) is done at once.
 */
struct sink_deed sink_ask(struct sink_session *s, uint64_t now_us, enum sink_stage stage,
                          uint32_t rcpt);
/* True when the deed is no yes: it was done, and the command is over. */
bool sink_refuses(struct sink_session *s, uint64_t now_us, const struct sink_deed *deed);
/* A yes in the deed's own words; false: it has none, the usual ones are due. */
bool sink_says_own(struct sink_session *s, uint64_t now_us, const struct sink_deed *deed);
void sink_accepts(struct sink_session *s, uint64_t now_us, const struct sink_deed *deed,
                  uint16_t code, const char *text);
/* What is to follow the reply that was said last: its end, or silence. */
void sink_do_then(struct sink_session *s, uint64_t now_us);
void sink_note_helo(struct sink_session *s, struct span helo);
void sink_note_sender(struct sink_session *s, struct span address);
void sink_note_rcpt(struct sink_session *s, struct span address);
/* `*` is any run, `?` any octet; letters of either case. */
bool sink_fits(const char *pattern, struct span text);
/* One more try of the recipient at hand, as `kind` counts them: is it among the first? */
bool sink_is_among_first(struct sink_session *s, uint64_t now_us, uint64_t kind, uint32_t first);
/* RFC 6647 2.1: source, sender and recipient were not seen before, or not so long ago. */
bool sink_is_grey(struct sink_session *s, uint64_t now_us, uint64_t kind, uint64_t wait_us);
/* The next reply, and all behind it, leave so much later. */
void sink_be_busy(struct sink_session *s, uint64_t now_us, uint64_t us);
uint64_t sink_draw(struct sink *k);

/* sink_verb.c. Reads the verbs of a local part: those of RCPT into `here`, the others into the
 * session. Returns how many are in `here`, or -EINVAL for something that looks like a verb and is
 * none.
 */
int sink_read_verbs(struct sink_session *s, struct span address,
                    struct sink_verb here[SINK_VERBS_MAX]);
/* The same as sink_ask() for verbs of this recipient. */
void sink_ask_verbs(struct sink_session *s, uint64_t now_us, const struct sink_verb *verbs,
                    uint32_t n, enum sink_stage stage, uint32_t rcpt, struct sink_deed *deed);

/* sink_words.c and sink_script.c, for local parts. A number with its unit: us, ms, s, m, h. */
bool sink_read_time(struct span *text, uint64_t *us);
bool sink_read_number(struct span *text, uint32_t *n);
int sink_find_stage(struct span name);
int sink_find_text(struct span name);

/* sink_line.c */
void sink_take(struct sink_session *s, uint64_t now_us, struct span in);
void sink_client_error(struct sink_session *s, uint64_t now_us, uint16_t code, const char *text);
/* Forgets the transaction, and has its letter thrown away if there is one. */
void sink_drop_transaction(struct sink_session *s);

/* sink_path.c */
void sink_mail(struct sink_session *s, uint64_t now_us, struct span args);
void sink_rcpt(struct sink_session *s, uint64_t now_us, struct span args);
/* True for a span that equals `word`, whatever the case of its letters. */
bool sink_is_word(struct span s, const char *word);

/* sink_data.c */
void sink_data(struct sink_session *s, uint64_t now_us, struct span args);
void sink_bdat(struct sink_session *s, uint64_t now_us, struct span args);
void sink_take_data(struct sink_session *s, uint64_t now_us, struct span *in);
void sink_take_chunk(struct sink_session *s, uint64_t now_us, struct span *in);

/* sink_seen.c: a bounded memory of hashed keys; the oldest of a row goes when it is full. */
struct sink_seen_entry {
	uint64_t key; /* 0: free */
	uint64_t at_us;
	uint64_t n;
};
uint64_t sink_seen_bytes(uint32_t n);
struct sink_seen *sink_seen_new(uint32_t n);
void sink_seen_free(struct sink_seen *seen);
/* The entry of `key`, made now if there is none (`n` is 0 then); *was_full if another went. */
struct sink_seen_entry *sink_seen_get(struct sink_seen *seen, uint64_t key, uint64_t now_us,
                                      bool *was_full);
uint64_t sink_hash(uint64_t seed, const void *at, size_t bytes);
