/* ctl_cmd.h - the command table, for the files of this room.
 *
 * Thread  control thread.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "control/ctl/ctl_words.h"
#include "control/engine.h"

enum {
	CTL_ERROR_BYTES = 512,
	CTL_CHUNK_ROWS = 200, /* rows that a resumable command writes at once */
};

/* What a command says after it ran. */
enum ctl_said {
	CTL_SAID_ALL,
	CTL_SAID_PART,  /* call again once this has been written */
	CTL_SAID_WAIT,  /* nothing was written; ctl_go_on() will have it called again */
	CTL_SAID_LATER, /* ctl_later_done() will follow */
	CTL_SAID_ERROR, /* in req->error; before anything was written to req->out */
};

struct ctl_client;
struct ctl_cmd;

/* One request. Its words live as long as it does. */
struct ctl_req {
	struct engine *engine;
	struct ctl_client *client;
	const struct ctl_cmd *cmd;
	bool json;
	char *words[CTL_WORDS_MAX];
	int n_words;
	struct campaign *campaign; /* <campaign> */
	const char *path;          /* <path> */
	const char *site;          /* <site> */
	struct ip_addr address;    /* <address> */
	uint64_t limit;            /* <n> */
	bool has_limit;
	char **rest; /* <key=value>... */
	int n_rest;
	uint32_t cursor;             /* for a command that is called again; 0 at first */
	void *job;                   /* the same, for one that needs more; NULL at first */
	void (*free_job)(void *job); /* called once the request is over, however it ended */
	FILE *out;
	char error[CTL_ERROR_BYTES];
};

typedef enum ctl_said ctl_run_fn(struct ctl_req *req);

struct ctl_cmd {
	const char
	    *pattern; /* words and holes: <campaign> <path> <site> <address> <n> <key=value>... */
	ctl_run_fn *run;
	const char *help; /* one line, no full stop */
};

/* Finds the command of a line, which is changed, and fills the holes. Returns 0, or -EINVAL with
 * req->error.
 */
int ctl_match(struct ctl_req *req, char *line);

/* A command that said CTL_SAID_WAIT is run again. Not from within the command. */
void ctl_go_on(struct ctl_client *client);

/* An answer that comes later, whether or not its client still waits. */
/* What the content gate found in messages of a campaign: an array; and a line for each rule. */
json_t *ctl_gate_json(struct ctl_req *req, uint32_t campaign);
void ctl_gate_text(struct ctl_req *req, uint32_t campaign);

struct ctl_later;
struct ctl_later *ctl_later_new(struct ctl_req *req);

/* Answers with `body`, or with `error` when it is not NULL, and frees `later`. */
void ctl_later_done(struct ctl_later *later, const char *error, const char *body);
bool ctl_later_is_json(const struct ctl_later *later);

/* Ends without an answer: the command failed at once. */
void ctl_later_drop(struct ctl_later *later);

/* Sets req->error; returns CTL_SAID_ERROR. */
enum ctl_said ctl_fail(struct ctl_req *req, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A JSON string of foreign text, cleaned; NULL gives null. */
json_t *ctl_json_text(const char *text);

/* Writes one JSON value and frees it. */
void ctl_json_write(struct ctl_req *req, json_t *value);

/* The commands, by file. */
ctl_run_fn ctl_show_stats, ctl_show_workers, ctl_show_ports, ctl_show_credentials, ctl_show_sites,
    ctl_show_domain, ctl_show_config, ctl_show_version;
ctl_run_fn ctl_show_tcp, ctl_show_connections;
ctl_run_fn ctl_show_campaign, ctl_show_campaigns;
ctl_run_fn ctl_campaign_start, ctl_campaign_export;
ctl_run_fn ctl_show_gate, ctl_campaign_pause, ctl_campaign_resume;
ctl_run_fn ctl_campaign_release, ctl_campaign_cancel_held;
