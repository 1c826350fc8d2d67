/* state_dir.h - a state directory with a store and campaigns, a template and a list, for tests. */
#pragma once

#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#include "control/campaign/campaign.h"
#include "control/campaign/files.h"
#include "tests/support/suite.h"
#include "tests/support/tmpdir.h"

enum { STATE_PATH_BYTES = 160 };

struct state_dir {
	char dir[TMPDIR_BYTES];
	char tpl[STATE_PATH_BYTES], csv[STATE_PATH_BYTES];
	struct store *store;
	struct campaigns *cs;
	char why[CAMPAIGN_WHY_BYTES];

	/* What the last campaign_done_fn said. */
	uint32_t n_done;
	int result;
	struct campaign *c;
	char line[CAMPAIGN_WHY_BYTES];
};

static inline const char *state_path(const struct state_dir *s, const char *name,
                                     char out[STATE_PATH_BYTES])
{
	snprintf(out, STATE_PATH_BYTES, "%s/%s", s->dir, name);
	return out;
}

static inline void state_write(const struct state_dir *s, const char *name, const char *text)
{
	char path[STATE_PATH_BYTES];

	unlink(state_path(s, name, path));
	CU_ASSERT_EQUAL_FATAL(file_make(path, text, strlen(text)), 0);
}

static inline void state_open(struct state_dir *s)
{
	char path[STATE_PATH_BYTES];
	struct store_conf store = { .dir = state_path(s, "store", path),
		                    .batch_max = 256,
		                    .queue_max = 1024 };
	struct campaigns_conf conf = { .state_dir = s->dir,
		                       .bounce_domain = "bounce.test",
		                       .campaigns_max = 3 };
	int result = store_open(&store, &s->store, s->why);

	conf.store = s->store;
	if (result == 0)
		result = campaigns_open(&conf, &s->cs, s->why);
	if (result != 0)
		printf("\n    %s", s->why);
	CU_ASSERT_EQUAL_FATAL(result, 0);
}

static inline void state_close(struct state_dir *s)
{
	campaigns_close(s->cs);
	store_close(s->store);
}

static inline void state_reopen(struct state_dir *s)
{
	state_close(s);
	state_open(s);
}

static inline void state_make(struct state_dir *s)
{
	memset(s, 0, sizeof(*s));
	tmpdir_make(s->dir);
	state_path(s, "tpl", s->tpl);
	state_path(s, "list.csv", s->csv);
	CU_ASSERT_EQUAL_FATAL(mkdir(s->tpl, 0700), 0);
	state_write(s, "tpl/message.liquid", "Subject: Hi {{ name }}\nFrom: us@sender.test\n");
	state_write(s, "tpl/body.text.liquid", "Hello {{ name }}\n");
	state_write(s, "list.csv", "email,name\nb@beta.test,Bo\na@alpha.test,Al\nc@beta.test,Cy\n");
	state_open(s);
}

static inline void state_del(struct state_dir *s)
{
	state_close(s);
	tmpdir_del(s->dir);
}

static inline void state_done(void *ctx, int result, struct campaign *c, const char *line)
{
	struct state_dir *s = ctx;

	s->n_done++;
	s->result = result;
	s->c = c;
	snprintf(s->line, sizeof(s->line), "%s", line);
}

/* Waits for one more word of a helper thread. */
static inline void state_wait(struct state_dir *s)
{
	uint32_t before = s->n_done;
	struct pollfd p = { .fd = campaigns_fd(s->cs), .events = POLLIN };

	while (s->n_done == before) {
		CU_ASSERT_FATAL(poll(&p, 1, 10000) > 0);
		campaigns_poll(s->cs);
	}
}

static inline struct campaign_spec state_spec(struct state_dir *s, const char *name)
{
	struct campaign_spec spec = { .template_dir = s->tpl, .recipients_path = s->csv };

	snprintf(spec.name, sizeof(spec.name), "%s", name);
	return spec;
}

/* Imports the list as it stands; the campaign, or NULL with the line in `line`. */
static inline struct campaign *state_import(struct state_dir *s, const char *name)
{
	struct campaign_spec spec = state_spec(s, name);

	s->c = NULL;
	if (campaign_start(s->cs, &spec, state_done, s, s->why) != 0) {
		snprintf(s->line, sizeof(s->line), "%s", s->why);
		return NULL;
	}
	state_wait(s);
	return s->c;
}
