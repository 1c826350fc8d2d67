/* campaign.h - campaigns: what was accepted, and the state of every recipient.
 *
 * A campaign is a folder in the state directory (template, recipient table, spec), frozen at
 * start, and the records of its recipients in the store. The states below are the fold of those
 * records; in flight is a mark in memory only.
 *
 * Thread  control thread, unless said.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "control/campaign/keyring.h"
#include "control/campaign/table.h"
#include "control/store/store.h"
#include "dataplane/dp_msg.h"
#include "templates/tpl.h"

enum {
	CAMPAIGN_NAME_MAX = 64, /* letters, digits, '.', '_', '-' */
	CAMPAIGN_WHY_BYTES = 512,
	CAMPAIGN_REASON_MAX = 160,
	CAMPAIGN_STORY_BYTES = 96,
};

/* Where a recipient stands; the sum over a campaign is its recipients, always. */
enum rcpt_state {
#define RCPT_STATE(sym, name, final) RCPT_##sym,
#include "control/campaign/rcpt_state.def"
#undef RCPT_STATE
	RCPT_N_STATES
};

const char *rcpt_state_name(enum rcpt_state state);
bool rcpt_state_is_final(enum rcpt_state state);

/* Kinds of store records. */
enum rec_kind {
	REC_FIRST_ATTEMPT = 1, /* rows [row, row+rows) are about to be tried first, at at_s */
	REC_OUTCOME = 2,       /* one recipient's new state */
	REC_PAUSE = 3,         /* state 1: the campaign is paused, 0: it goes on; text: why */
	REC_RELEASE = 4,       /* of rows [row, row+rows) those that are held get `state` */
	REC_UNCONFIRMED = 5,   /* as REC_OUTCOME, of an attempt whose answer was lost */
	REC_STOPPED = 6,       /* as REC_OUTCOME, by a stop rule of the content gate */
};

/* One recipient, in memory while its campaign is not over. */
struct rcpt {
	uint8_t state; /* enum rcpt_state */
	uint8_t attempts;
	uint8_t in_flight;        /* 0 or 1; never stored */
	uint8_t released : 1;     /* was held, and then let go */
	uint8_t unconfirmed : 4;  /* attempts whose answer was lost; stops at 15 */
	uint8_t again : 3;        /* went again at once since it last waited; never stored */
	uint32_t first_attempt_s; /* Unix time; 0: never tried */
	uint32_t due_s;           /* Unix time of the next attempt, when deferred */
};

/* Sums over one domain of one campaign. */
struct campaign_domain {
	uint32_t count[RCPT_N_STATES];
	uint16_t first_code; /* of the first trouble; 0: no reply was involved */
	uint32_t next_due_s; /* of what was deferred last */
	char
	    *first_reason; /* what the first trouble said, cut to CAMPAIGN_REASON_MAX; NULL: none */
};

enum campaign_status {
	CAMPAIGN_IMPORTING,
	CAMPAIGN_RUNNING,
	CAMPAIGN_DONE, /* every recipient final */
};

/* What `campaign start` asks for. Paths are absolute. */
struct campaign_spec {
	char name[CAMPAIGN_NAME_MAX + 1];
	char *template_dir, *recipients_path, *address_column;
	char *types;     /* of columns, as in table_import_conf; NULL: all text */
	char *delimiter; /* of CSV: "comma", "tab", ... or itself; NULL: found out */
	char *from;      /* header From where the template has none */
	char
	    *return_path; /* envelope sender for all; NULL: one per recipient under bounce_domain */
	char *shared_copy; /* what To says in the one message for all; NULL: each gets its own */
	char *pool;        /* of sources; NULL: any */
	/* What kind of mail it is, for fields of the header; NULL: not said. */
	char *class;   /* "bulk" or "transactional" */
	char *tls_min; /* the least it asks of TLS, as dp_tls.def names it; NULL: nothing */
	char *tenant, *stream;
	char *list_id;     /* as List-Id has it */
	char *feedback_id; /* who sends */
	char *unsubscribe_url, *unsubscribe_mailto;
	char *postal_address; /* of who sends, which bulk mail shows */
	/* Reports on delivery (RFC 3461), as dsn_words.h reads them; NULL: by class and tenant. */
	char *dsn_notify, *dsn_ret;
	char *encoding;      /* "8bit": bodies go as they are where hosts take it; "7bit" or NULL */
	char *files;         /* "first": attachments before the bodies; "last" or NULL: behind */
	char *dkim;          /* names of signers, separated by commas; NULL: by From */
	char *to_test;       /* NULL, or the address that gets every message */
	char *rejected_path; /* NULL: <recipients_path without .csv>.rejected.csv */
	uint64_t limit;      /* 0: all */
	bool requiretls;     /* RFC 8689: only over hosts of the configuration, names verified */
	bool dry_run;        /* import and compose all, send and keep nothing */
	bool no_resume;      /* an import of that name that was interrupted is begun anew */
};

/* What every message of a campaign asks of reports on delivery (RFC 3461). */
struct campaign_dsn {
	uint8_t notify; /* enum dp_notify */
	uint8_t ret;    /* enum dp_ret */
	bool is_asked;  /* of anything: then message and recipient are named, too */
};

struct campaign {
	uint32_t id; /* never used twice in a state directory */
	enum campaign_status status;
	struct campaign_spec spec;
	struct table *table;
	struct tpl *tpl;
	struct tpl_campaign tpl_data;
	struct campaign_dsn dsn;
	uint32_t address_column; /* whose values are addresses as the list has them */
	char *bounce_domain;
	struct rcpt *rcpts;              /* one a row; NULL while importing */
	struct campaign_domain *domains; /* as in the table */
	uint64_t count[RCPT_N_STATES];   /* sums to n_rows of the table */
	uint64_t in_flight;
	uint64_t attempts; /* transactions begun, all recipients */
	struct table_import_result import;
	char *mixes_with; /* when it started: a campaign of another class with the same pool and
	                     From domain; NULL: none */
	const struct table_progress *importing; /* while IMPORTING; else NULL */
	int64_t started_s, ended_s;             /* Unix; 0: not yet */
	bool paused;                            /* none of its messages is begun */
	char paused_why[CAMPAIGN_REASON_MAX + 1];
	/* By stop rules of the content gate, since it was started or resumed: durable, and on the
	 * way to it.
	 */
	uint32_t n_stopped, n_stopping;
	uint32_t
	    n_uncomposed; /* messages in a row that could not be composed; begins anew likewise */
};

/* A campaign's own frozen source of composing, made and removed with it. */
struct campaigns;

/* Looks at a campaign before it is kept, or at one of a dry run. Returns 0 when it may start, with
 * what is to be said of it in `line` ("": nothing), or -errno with one line. On a helper thread; it
 * ends soon when `*cancel` becomes true.
 */
typedef int campaign_judge_fn(void *ctx, const struct campaign *c, const struct keyring *keys,
                              const _Atomic bool *cancel, char line[CAMPAIGN_WHY_BYTES]);

struct campaigns_conf {
	const char *state_dir;
	const char *bounce_domain;
	/* What a campaign has that does not say it itself; "" or NULL: nothing. */
	const char *feedback_id, *unsubscribe_url, *unsubscribe_mailto, *postal_address;
	/* Judges a campaign that is imported and not yet kept; NULL: nobody does. */
	campaign_judge_fn *judge;
	void *judge_ctx;
	struct store *store;
	uint32_t campaigns_max;
};

/* Loads every campaign of the state directory and folds its records; removes what a crash left
 * half-imported, but for imports of the last days that can go on. Before the loop runs: blocks.
 * Returns 0 or -errno with one line in `why`.
 */
int campaigns_open(const struct campaigns_conf *conf, struct campaigns **out,
                   char why[CAMPAIGN_WHY_BYTES]);
void campaigns_close(struct campaigns *cs);

/* Starts to import on a helper thread; `done` is called on the control thread from
 * campaigns_poll(), with result 0 and a RUNNING campaign, or -errno and one line. A dry run ends
 * with result 0 and c == NULL, the line telling the counts. Refused at once with -errno and a line:
 * a name that exists (with its state), a bad name, campaigns_max reached, a spec that names no
 * template.
 */
typedef void campaign_done_fn(void *ctx, int result, struct campaign *c, const char *line);
int campaign_start(struct campaigns *cs, const struct campaign_spec *spec, campaign_done_fn *done,
                   void *ctx, char why[CAMPAIGN_WHY_BYTES]);

/* "", or as the end of a sentence that its import went on from an earlier one, or why it did not.
 */
const char *campaign_import_story(const struct campaign *c, char out[CAMPAIGN_STORY_BYTES]);

/* Imports a campaign into `folder`, which is made, as a dry run does, for who wants to look at it
 * without a registry. Blocks. Returns 0 or -errno with one line; campaign_look_end() is due either
 * way: it frees the campaign and removes the folder.
 */
int campaign_look(const struct campaigns_conf *conf, const struct campaign_spec *spec,
                  const char *folder, struct campaign **out, char why[CAMPAIGN_WHY_BYTES]);
void campaign_look_end(struct campaign *c, const char *folder); /* NULL is allowed */

/* A dry run from now on is made with these keys, which are held. NULL: none. */
void campaigns_set_keys(struct campaigns *cs, struct keyring *keys);

/* The helper threads' news; call when campaigns_fd() is readable. */
int campaigns_fd(const struct campaigns *cs);
void campaigns_poll(struct campaigns *cs);

/* Ends imports and exports under way: each calls its `done` with -ECANCELED, unless it is over by
 * then. Returns at once; how many are not over yet.
 */
void campaigns_cancel(struct campaigns *cs);
uint32_t campaigns_n_jobs(const struct campaigns *cs);

struct campaign *campaign_find(struct campaigns *cs, const char *name);
struct campaign *campaign_by_id(struct campaigns *cs, uint32_t id);

/* The n-th campaign by age, or NULL. */
struct campaign *campaign_at(struct campaigns *cs, uint32_t n);

/* Folds one record into the states and sums. The same function serves the start (store_scan) and
 * the moment when a record became durable. Illegal moves (out of a final state) are refused with
 * false and change nothing.
 */
bool campaign_apply(struct campaign *c, const struct store_rec *rec);

/* Pauses a campaign in memory or lets it go on; a REC_PAUSE record makes it durable. */
void campaign_pause(struct campaign *c, bool paused, const char *why);

/* Marks a recipient in flight or back; the sum over states does not change. */
void campaign_set_in_flight(struct campaign *c, uint32_t row, bool in_flight);

/* The least it asks of TLS (enum dp_tls_policy), or -EINVAL when its word for that is none. */
int campaign_tls_min(const struct campaign_spec *spec);

/* Fills in what makes a row's message the same at every attempt: its number, and the times it is
 * made by; of a shared copy they are the campaign's, so that all rows come to the same, and its
 * signatures have no x=, which the last of them might outlive.
 */
void campaign_name_message(const struct campaign *c, uint32_t row, int64_t first_attempt_s,
                           int64_t now_s, struct tpl_job *job);

/* Composes rows one at a time into memory that grows as they need: for rehearsals and samples. */
struct campaign_trial {
	const struct campaign *c;
	const struct tpl_signers *signers;   /* NULL: none */
	const struct tpl_token_keys *tokens; /* NULL: none */
	int64_t now_s;                       /* of the first attempt, and of this one */
	uint8_t *slab;                       /* NULL at first; free() it at the end */
	size_t slab_bytes;
};

/* Composes a row as it would be sent now. Returns 0, or -errno with `err` filled. What `out` points
 * at is valid until the next. Any thread.
 */
int campaign_try(struct campaign_trial *t, uint32_t row, struct tpl_out *out, struct tpl_err *err);

/* The envelope sender of a row: the spec's return path, or one under bounce_domain that names
 * campaign and row (control/bounce/verp.h). Writes at most DP_ADDRESS_MAX bytes; returns the
 * length.
 */
size_t campaign_mail_from(const struct campaign *c, uint32_t row, char out[DP_ADDRESS_MAX]);

/* What names a row's message to receivers (RFC 3461 4.4), xtext as it is: the part of its own
 * envelope sender (control/bounce/verp.h) between "b+" and "@". Nothing of the address is in it.
 * Writes at most DSN_ENVID_MAX bytes (dsn.h); returns the length.
 */
size_t campaign_envid(const struct campaign *c, uint32_t row, char *out);

/* Writes the state of every recipient to `path` as CSV: address,state,attempts,code,enhanced,reply.
 * On a helper thread; `done` as above.
 */
int campaign_export(struct campaigns *cs, struct campaign *c, const char *path,
                    campaign_done_fn *done, void *ctx, char why[CAMPAIGN_WHY_BYTES]);
