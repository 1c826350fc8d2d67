/* registry.h - what the files of this room share about campaigns and their helper threads.
 *
 *	<state_dir>/campaigns/<id>/  template/  rows  table  spec.json
 *
 * A folder is made as <name>.import, renamed when durable, and counts from the moment when the
 *store holds "campaign/<id>". A dry run's is <id>.tmp and never renamed.
 *
 * Not     for other rooms: campaign.h is.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "control/campaign/campaign.h"

#define REGISTRY_IMPORT ".import"

enum {
	REGISTRY_PATH_BYTES = 4096,
	REGISTRY_JOBS_MAX = 4,
	SPEC_JSON_BYTES_MAX = 1 << 20,
	IMPORTS_LEFT_MAX = 8,              /* interrupted, kept over a start of the engine ... */
	IMPORTS_LEFT_S = 7 * 24 * 60 * 60, /* ... this long */
};

/* One task of a helper thread. The thread owns all but `finished` and `cancel` until `finished`. */
struct job {
	struct campaigns *cs;
	void (*run)(struct job *job);   /* on the helper thread */
	void (*adopt)(struct job *job); /* on the control thread, when finished */
	void (*drop)(struct job *job);  /* instead of adopt(), when closing */
	pthread_t thread;
	_Atomic bool finished, cancel;
	campaign_done_fn *done;
	void *ctx;
	int result;
	char line[CAMPAIGN_WHY_BYTES];
	struct table_progress progress; /* of an import */

	struct campaign *c; /* import: listed, still without its parts; export: what is exported */
	struct campaign *draft; /* import: being made */
	bool keep;              /* import: the draft is durable */
	bool is_alone;          /* import: no other campaign ran when it was begun */
	struct keyring *keys;   /* import: held; NULL: none */
	char *path;             /* export */
};

struct campaigns {
	struct campaigns_conf conf;
	char *dir; /* <state_dir>/campaigns */
	char *bounce_domain;
	char *feedback_id, *unsubscribe_url, *unsubscribe_mailto, *postal_address; /* NULL: none */
	struct keyring *keys;   /* held; NULL: none */
	struct campaign **list; /* by age */
	uint32_t n;
	uint32_t next_id;
	int news_fd;
	struct job *jobs[REGISTRY_JOBS_MAX];
};

/* May a recipient go from one state to another? Any numbers may come. */
bool rcpt_may_move(uint8_t from, uint8_t to);

/* Allocates the recipients and sums of a campaign whose table is open: all pending. */
void campaign_make_rows(struct campaign *c);

/* Points tpl_data's spans into the campaign; again whenever it was moved. */
void campaign_bind(struct campaign *c);

/* Frees what it has; parts may be missing. */
void campaign_free(struct campaign *c);

/* Copies a spec with all its strings; spec_fini() frees them. */
void spec_copy(struct campaign_spec *to, const struct campaign_spec *from);
void spec_fini(struct campaign_spec *spec);

/* Checks what can be told before any file is read. Returns 0 or -errno with one line. */
int spec_check(const struct campaign_spec *spec, char why[CAMPAIGN_WHY_BYTES]);

/* The part of spec_check() that is about what kind of mail it is (spec_kind.c). */
int spec_check_kind(const struct campaign_spec *spec, char why[CAMPAIGN_WHY_BYTES]);

/* The part about its list (spec_list.c), and the delimiter it names; 0: none. */
int spec_check_list(const struct campaign_spec *spec, char why[CAMPAIGN_WHY_BYTES]);
char spec_delimiter(const struct campaign_spec *spec);

/* The part about one message for all (shared.c), and whether the campaign's messages are one: what
 * is not the same for all recipients is told by its place. Returns 0 or -EINVAL with one line.
 */
int spec_check_shared(const struct campaign_spec *spec, char why[CAMPAIGN_WHY_BYTES]);
int shared_check(const struct campaign *c, char why[CAMPAIGN_WHY_BYTES]);

/* Gives a spec what the configuration has for all campaigns, where it does not say it itself. */
void spec_fill(struct campaign_spec *spec, const struct campaigns_conf *conf);

/* Writes <folder>/spec.json (mode 0600: it holds the key), durably; reads it back into an empty
 * campaign. Returns 0 or -errno with one line.
 */
int spec_save(const struct campaign *c, const char *folder, char why[CAMPAIGN_WHY_BYTES]);
int spec_load(struct campaign *c, const char *folder, char why[CAMPAIGN_WHY_BYTES]);

/* Opens table and template of a folder; the campaign's spec is there. Returns 0 or -errno with one
 * line.
 */
int campaign_open_parts(struct campaign *c, const char *folder, char why[CAMPAIGN_WHY_BYTES]);

/* Puts a campaign in the list; no later one gets its id. */
void registry_add(struct campaigns *cs, struct campaign *c);

/* Loads all campaigns of the folder and removes what a crash left half-made. Returns 0 or -errno
 * with one line.
 */
int registry_load(struct campaigns *cs, char why[CAMPAIGN_WHY_BYTES]);

/* Starts a helper thread for a job, which the registry then owns. Returns 0, or -EAGAIN when
 * REGISTRY_JOBS_MAX are at work, -errno; one line in `why`, and the job is the caller's still.
 */
int job_start(struct campaigns *cs, struct job *job, char why[CAMPAIGN_WHY_BYTES]);

/* The work of `campaign start`. */
void import_run(struct job *job);
void import_adopt(struct job *job);
void import_drop(struct job *job);
