/* tpl.h - the door of the templates: a compiled template and a recipient in, a message out.
 *
 * Pure: a message is a function of its arguments alone; nothing here reads a clock, a file (after
 * tpl_open()) or a random number, so every attempt gives the same bytes.
 *
 * Thread  a `struct tpl` is immutable after tpl_open(): any number of threads may compose from it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/span.h"

enum {
	TPL_SPANS_MAX = 16,    /* wire spans of one message */
	TPL_TEXTS_MAX = 16,    /* text spans of one message */
	TPL_COLUMNS_MAX = 256, /* columns a recipient table may have */
	TPL_KEY_BYTES = 32,
	TPL_ASSETS_MAX = 64,            /* files in attachments/, and in inline/ */
	TPL_ASSET_BYTES_MAX = 24 << 20, /* of all of them */
	TPL_ASSET_NAME_MAX = 200,       /* bytes of a file's name */
};

struct tpl; /* one compiled version of a message template */

/* Where and why something could not be compiled or composed. */
struct tpl_err {
	char file[64];         /* inside the template folder: "message.liquid" */
	uint32_t line, column; /* from 1; 0: the file as a whole */
	char text[192];        /* what was expected; ends in what to do where that is known */
};

/* The names of the columns of a recipient table, in table order; unique, UTF-8. */
struct tpl_columns {
	const struct span *names;
	/* By column: its values may be arrays or objects, whose parts a template may ask for.
	 * NULL: in no column.
	 */
	const bool *has_parts;
	uint32_t n;
};

/* What kind of mail a campaign is; decides fields that say so. */
enum tpl_class {
	TPL_CLASS_NONE, /* none of these fields */
	TPL_CLASS_BULK, /* Precedence, List-Id, List-Unsubscribe and List-Unsubscribe-Post */
	TPL_CLASS_TRANSACTIONAL, /* Auto-Submitted (RFC 3834 5) */
};

/* What is the same for all messages of a campaign. The spans must outlive its use. */
struct tpl_campaign {
	struct span name;
	struct span from;           /* address for From: where message.liquid has no From line */
	struct span id_domain;      /* right side of Message-ID */
	uint8_t key[TPL_KEY_BYTES]; /* keys Message-ID and boundaries */
	struct span sign_with;      /* names of signers, separated by commas; empty: by From */
	uint32_t id;                /* in tokens */
	uint8_t class;              /* enum tpl_class */
	bool
	    files_first; /* attachments stand before the bodies: hashed once, not in each message */
	bool may_8bit;   /* bodies beyond ASCII go as they are (RFC 6152), not encoded */
	/* Where these are empty, what they are for is left out; where the template writes such a
	 * field itself, ours is.
	 */
	struct span tenant, stream;     /* at most TPL_TOKEN_NAME_MAX bytes each */
	struct span feedback_id;        /* who sends, for Feedback-ID */
	struct span list_id;            /* of List-Id, with its angle brackets (RFC 2919) */
	struct span unsubscribe_url;    /* https; the token is put at its end (RFC 8058) */
	struct span unsubscribe_mailto; /* an address; the token is the subject */
	struct span postal_address;     /* who sends, for bodies */
	/* What To says in every message: one address, with a display name or without, or
	 * TPL_TO_NOBODY. Empty: the recipient.
	 */
	struct span to;
};

/* The group without members that stands in To for those who are not told of (RFC 5322 3.4). */
#define TPL_TO_NOBODY "undisclosed-recipients:;"

/* ---- unsubscribe tokens ---- */

enum {
	TPL_TOKEN_MAX = 200,     /* bytes of a token, all of them letters, digits, '-' or '_' */
	TPL_TOKEN_NAME_MAX = 32, /* bytes of a tenant's or stream's name */
};

/* A token of message (campaign, row); it holds no address. */
struct tpl_token {
	uint32_t key_id, campaign, row;
	char tenant[TPL_TOKEN_NAME_MAX + 1], stream[TPL_TOKEN_NAME_MAX + 1];
};

struct tpl_token_key {
	uint32_t id;     /* never used twice; at most 65535 */
	int64_t since_s; /* messages first tried from here to the next key's use it; of the first,
	                    those before it too */
	uint8_t bytes[TPL_KEY_BYTES];
};

/* In order of since_s; immutable. */
struct tpl_token_keys {
	const struct tpl_token_key *at;
	uint32_t n;
};

/* Writes the token of a message first tried at `when_s`; key_id is chosen here. Returns its bytes,
 * or 0 when there is no key or a name is too long.
 */
size_t tpl_token_make(const struct tpl_token_keys *keys, const struct tpl_token *token,
                      int64_t when_s, char out[TPL_TOKEN_MAX + 1]);

/* Reads one. Returns 0; -EINVAL for what is no token of ours; -ENOKEY for one whose key is gone,
 * with its number in `out`.
 */
int tpl_token_read(const struct tpl_token_keys *keys, struct span text, struct tpl_token *out);

/* ---- keys for signatures (RFC 6376, RFC 8301, RFC 8463) ---- */

enum {
	TPL_WHY_BYTES = 256,     /* one line: what is wrong; what to do */
	TPL_SIGNATURES_MAX = 4,  /* of one message */
	TPL_OVERSIGN_MAX = 32,   /* names of fields in a signer's list */
	TPL_SELECTOR_MAX = 63,   /* bytes of a selector */
	TPL_KEY_BITS_MIN = 1024, /* RFC 8301 3.2 */
	TPL_KEY_BITS_MAX = 8192, /* a signature must fit a header */
	TPL_RECORD_BYTES = 2048, /* a key's DNS record */
};

/* Makes ready to keep keys out of core dumps: in main(), before anything uses OpenSSL. Returns
 * false when something did; no key can be loaded then.
 */
bool tpl_init(void);

struct tpl_key; /* a private key; immutable, any thread may sign with it */

/* Loads an unencrypted RSA or Ed25519 key from a PEM file (PKCS#8 or PKCS#1) that others may
 * neither read nor write, and checks that it verifies what it signs. Returns 0, or -errno with one
 * line. Keys live in memory of their own, which core dumps leave out, and are cleared when closed.
 */
int tpl_key_open(const char *path, struct tpl_key **out, char why[TPL_WHY_BYTES]);
void tpl_key_close(struct tpl_key *key); /* NULL is allowed */

/* As in a= of a signature: "rsa-sha256" or "ed25519-sha256"; and its size in bits. */
const char *tpl_key_algorithm(const struct tpl_key *key);
uint32_t tpl_key_bits(const struct tpl_key *key);

/* Writes the TXT record that belongs at SELECTOR._domainkey.DOMAIN. */
void tpl_key_record(const struct tpl_key *key, char out[TPL_RECORD_BYTES]);

/* Whether the keys' memory is locked: the system may refuse (RLIMIT_MEMLOCK), and then they may be
 * swapped out. False before the first key.
 */
bool tpl_keys_are_locked(void);

enum tpl_canon { TPL_SIMPLE, TPL_RELAXED };

/* Which messages a signer signs. */
enum tpl_sign_when {
	TPL_SIGN_FROM,  /* whose From domain is its domain or beneath it, if no other is nearer */
	TPL_SIGN_ALL,   /* every one */
	TPL_SIGN_NAMED, /* those whose campaign names it */
};

/* How one signature is made. Texts are borrowed. */
struct tpl_signer {
	const struct tpl_key *key;
	const char *name;              /* by which campaigns call it */
	const char *domain, *selector; /* d= and s=: ASCII, checked with tpl_signer_check() */
	uint8_t when;                  /* enum tpl_sign_when */
	uint8_t header, body;          /* enum tpl_canon */
	uint32_t expires_s;            /* x= so long after the first attempt; 0: no x= */
	/* Fields that may not be added later: signed once more often than they occur. Empty: From,
	 * To, Subject, Date, Message-ID, Reply-To, List-Unsubscribe, List-Unsubscribe-Post and
	 * Content-Type.
	 */
	char *const *oversign;
	uint32_t n_oversign;
};

/* Immutable. When more than TPL_SIGNATURES_MAX want to sign, the message fails. */
struct tpl_signers {
	const struct tpl_signer *at;
	uint32_t n;
	/* Where there are many: what tpl_signers_sort() made, so that a message finds its own
	 * without looking at each. NULL: it looks at each.
	 */
	const uint32_t *order;
};

/* Fills `order`, 2 * n numbers, for these signers. */
void tpl_signers_sort(const struct tpl_signer *at, uint32_t n, uint32_t *order);

/* NULL, or what is wrong with domain, selector or a name of a field. */
const char *tpl_signer_check(const struct tpl_signer *signer);

/* ---- values ---- */

enum tpl_kind {
	TPL_NIL,
	TPL_BOOL,
	TPL_INT,
	TPL_FLOAT,
	TPL_STRING,
	TPL_ARRAY,
	TPL_OBJECT,
	TPL_N_KINDS
};

/* Plain data, built by the caller; what it points at must outlive its use. */
struct tpl_value {
	uint8_t kind;  /* enum tpl_kind */
	uint8_t state; /* 0; the room's own */
	uint32_t n;    /* bytes of a string, items of an array, members of an object */
	union {
		bool yes;
		int64_t number;
		double real;
		const char *text; /* UTF-8 */
		const struct tpl_value *items;
		const struct tpl_member *members; /* in order, names unique */
		const void *other;                /* the room's own */
	};
};

struct tpl_member {
	struct span name;
	struct tpl_value value;
};

enum { TPL_DATA_DEPTH_MAX = 64 }; /* arrays and objects inside one another */

static inline struct tpl_value tpl_text_value(struct span s)
{
	return (struct tpl_value){ .kind = TPL_STRING,
		                   .n = (uint32_t)s.bytes,
		                   .text = s.at == NULL ? "" : (const char *)s.at };
}

/* ---- messages ---- */

struct tpl_envelope {
	struct span mail_from; /* per recipient, under bounce_domain */
	struct span rcpt_to;
};

/* One message to compose. `values[i]` belongs to column i of the tpl_columns given at open. */
struct tpl_job {
	const struct tpl *tpl;
	const struct tpl_campaign *campaign;
	const struct tpl_value *values;
	const struct tpl_signers *signers; /* NULL: none */
	const struct tpl_token_keys
	    *tokens; /* NULL: none; needed where there is an unsubscribe_url */
	struct tpl_envelope envelope;
	uint32_t variant;            /* 0: the only one */
	uint64_t number;             /* of the row in its campaign; unique, keys Message-ID */
	int64_t first_attempt_s;     /* Unix time; becomes Date */
	int64_t now_s;               /* Unix time of this attempt */
	bool as_7bit;                /* for a host that takes no 8-bit text: as without may_8bit */
	bool no_expiry;              /* no x=: it may be tried first at any time */
	struct span unsubscribe_url; /* the room's own; leave it empty */
};

/* What a part of the text is, for scanners. Those of files hold several, a zero byte behind each;
 * but TPL_LABEL_FILES, which is the bytes of all files in no order.
 */
enum tpl_label {
	TPL_LABEL_SUBJECT,
	TPL_LABEL_HEADER,       /* fields of the template but the subject, decoded */
	TPL_LABEL_FINAL_HEADER, /* all fields as they leave, but signatures */
	TPL_LABEL_TEXT,
	TPL_LABEL_HTML,
	TPL_LABEL_FILE_NAMES, /* of attachments and inline files */
	TPL_LABEL_FILE_TEXT,  /* files of a type text/..., in UTF-8 */
	TPL_LABEL_FILE_HTML,  /* likewise, HTML */
	TPL_LABEL_FILES,      /* as they are, whatever they are */
	TPL_N_LABELS
};

struct tpl_text {
	struct span bytes; /* decoded, UTF-8 but for TPL_LABEL_FILES */
	enum tpl_label label;
	uint32_t segment; /* the same in all messages of this tpl that say so; 0: its own */
};

struct tpl_out {
	struct span wire[TPL_SPANS_MAX]; /* the message with CRLF line ends, not dot-stuffed */
	uint32_t n_wire;
	struct tpl_text text[TPL_TEXTS_MAX];
	uint32_t n_text;
	uint32_t size_bytes; /* sum of wire */
	bool needs_8bit;     /* RFC 6152 */
	bool needs_smtputf8; /* RFC 6531 */
};

/* Compiles the template folder `path` (message.liquid, body.html.liquid and/or body.text.liquid;
 * every other NAME.liquid is a partial for `render` and `include`; attachments/ and inline/ hold
 * files that go with every message), or the one file `path`, or the one in the folder `path` where
 * it holds nothing else (header fields, an empty line, the body, which is HTML when it begins with
 * <!doctype html or <html, else text; named NAME.merge: with merge tags), for rows with these
 * columns. Returns 0, or -errno with `err` filled: -EINVAL for a template that is wrong, -ENOENT
 * for one that is not there. Reads the folder; keeps copies only.
 */
int tpl_open(const char *path, const struct tpl_columns *columns, struct tpl **out,
             struct tpl_err *err);

/* Whether a campaign's message is the same for all rows, byte for byte, where it has the same
 * number, times and sender for them; `columns` are those of tpl_open(). Returns 0, or -EINVAL with
 * `err` that says what differs.
 */
int tpl_check_same(const struct tpl *tpl, const struct tpl_columns *columns,
                   const struct tpl_campaign *campaign, struct tpl_err *err);

/* Frees it; no thread may be composing from it. NULL is allowed. */
void tpl_close(struct tpl *tpl);

/* Writes the message into `slab`. The spans of `out` point into `slab` and into `job->tpl`, and
 * are valid as long as both are. Returns 0; -ENOSPC when `slab_bytes` are too few (nothing in
 * `out`); -EINVAL with `err` filled when this row cannot be composed: it alone fails.
 */
int tpl_compose(const struct tpl_job *job, uint8_t *slab, size_t slab_bytes, struct tpl_out *out,
                struct tpl_err *err);

/* ---- a template alone, over data of any shape ---- */

/* One template text, and the partials that `render` and `include` find by name. */
struct tpl_text_source {
	struct span name, text;
};

struct tpl_text_prog;

/* Compiles `main` with its partials; any name may stand in the data. `html`: values are
 * HTML-escaped. Returns 0, or -errno with `err` filled, whose file is the name of the source.
 */
int tpl_text_open(const struct tpl_text_source *main, const struct tpl_text_source *partials,
                  uint32_t n_partials, bool html, struct tpl_text_prog **out, struct tpl_err *err);
void tpl_text_close(struct tpl_text_prog *prog);

/* Renders over `data`, an object, at the time `now_s`. A name that is not in it is empty. Returns 0
 * with the bytes written; -ENOSPC when `room` is too small; -EINVAL with `err` filled.
 */
int tpl_text_render(const struct tpl_text_prog *prog, const struct tpl_value *data, int64_t now_s,
                    uint8_t *to, size_t room, size_t *bytes, struct tpl_err *err);
