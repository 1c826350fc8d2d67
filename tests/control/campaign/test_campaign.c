/* test_campaign.c - a campaign is whole or not there, and its sums are exact after any reopening.
 */
#include "control/campaign/campaign.h"

#include <errno.h>

#include "tests/control/campaign/state_dir.h"

static struct store_rec outcome(const struct campaign *c, uint32_t row, enum rcpt_state state,
                                uint8_t attempts)
{
	return (struct store_rec){ .campaign = c->id,
		                   .row = row,
		                   .rows = 1,
		                   .kind = REC_OUTCOME,
		                   .state = (uint8_t)state,
		                   .attempts = attempts,
		                   .at_s = 1789000000 + row };
}

static void set_reply(struct store_rec *rec, uint16_t code, const char *text)
{
	rec->code = code;
	rec->text_bytes = (uint16_t)strlen(text);
	memcpy(rec->text, text, rec->text_bytes);
}

/* Stores a record and, once durable, applies it: as the engine does. */
static bool happen(struct state_dir *s, struct campaign *c, const struct store_rec *rec)
{
	struct pollfd p = { .fd = store_wake_fd(s->store), .events = POLLIN };
	uint64_t cookie;

	CU_ASSERT_EQUAL(store_append(s->store, rec, 1), 0);
	for (;;) {
		if (store_durable(s->store, &cookie, 1) == 1)
			return campaign_apply(c, rec);
		if (store_about_to_sleep(s->store))
			CU_ASSERT_FATAL(poll(&p, 1, 5000) > 0);
		store_awake(s->store);
	}
}

static void check_sums(const struct campaign *c)
{
	uint64_t sum = 0, of_domains[RCPT_N_STATES] = { 0 }, of_rows[RCPT_N_STATES] = { 0 };

	for (uint32_t d = 0; d < table_n_domains(c->table); d++)
		for (unsigned s = 0; s < RCPT_N_STATES; s++)
			of_domains[s] += c->domains[d].count[s];
	for (uint32_t row = 0; row < table_n_rows(c->table); row++)
		of_rows[c->rcpts[row].state]++;
	for (unsigned s = 0; s < RCPT_N_STATES; s++) {
		CU_ASSERT_EQUAL(of_domains[s], c->count[s]);
		CU_ASSERT_EQUAL(of_rows[s], c->count[s]);
		sum += c->count[s];
	}
	CU_ASSERT_EQUAL(sum, table_n_rows(c->table));
}

static bool exists(const struct state_dir *s, const char *name)
{
	char path[STATE_PATH_BYTES];

	return access(state_path(s, name, path), F_OK) == 0;
}

static void a_started_campaign_runs_with_all_pending(void)
{
	struct campaign *c;
	struct state_dir s;

	state_make(&s);
	c = state_import(&s, "welcome");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_STRING_EQUAL(s.line, "rows=3 recipients=3 rejected=0 duplicates=0");
	CU_ASSERT_EQUAL(c->status, CAMPAIGN_RUNNING);
	CU_ASSERT_EQUAL(c->count[RCPT_PENDING], 3);
	CU_ASSERT_PTR_EQUAL(campaign_find(s.cs, "welcome"), c);
	CU_ASSERT_PTR_EQUAL(campaign_by_id(s.cs, c->id), c);
	CU_ASSERT_PTR_EQUAL(campaign_at(s.cs, 0), c);
	CU_ASSERT_PTR_NULL(campaign_at(s.cs, 1));
	CU_ASSERT_PTR_NULL(campaign_find(s.cs, "welcom"));
	CU_ASSERT_TRUE(exists(&s, "list.rejected.csv"));
	check_sums(c);
	state_del(&s);
}

/* What a row's first line of text becomes. */
static const char *first_line(const struct campaign *c, uint32_t row, char out[256])
{
	static _Alignas(16) uint8_t nodes[1 << 12], slab[1 << 16];
	struct cell_room room = { .at = nodes, .max = sizeof(nodes) };
	struct table_row r;
	struct tpl_job job = { .tpl = c->tpl, .campaign = &c->tpl_data, .values = r.values };
	struct tpl_out got = { .n_wire = 0 };
	struct tpl_err err;

	CU_ASSERT_FATAL(table_row(c->table, row, &room, &r));
	job.envelope = (struct tpl_envelope){ span_str("x@b.test"), r.address };
	if (tpl_compose(&job, slab, sizeof(slab), &got, &err) != 0)
		return strcpy(out, err.text);
	for (uint32_t i = 0; i < got.n_text; i++)
		if (got.text[i].label == TPL_LABEL_TEXT)
			snprintf(out, 256, "%.*s", (int)got.text[i].bytes.bytes,
			         (const char *)got.text[i].bytes.at);
	out[strcspn(out, "\r\n")] = '\0';
	return out;
}

static void one_file_and_a_list_of_json_make_a_campaign(void)
{
	struct campaign *c;
	struct state_dir s;
	char line[256] = "";

	state_make(&s);
	state_write(&s, "receipt.liquid",
	            "Subject: Hi {{ name }}\nFrom: us@sender.test\n\n"
	            "{% for i in cart.items %}{{ i.n | times: i.price }} {% endfor %}{{ vip }}\n");
	state_write(&s, "list.csv",
	            "{\"email\":\"a@a.test\",\"name\":\"Al\",\"vip\":true,"
	            "\"cart\":{\"items\":[{\"n\":2,\"price\":1.5},{\"n\":3,\"price\":4}]}}\n"
	            "{\"email\":\"b@b.test\",\"name\":\"Bo\"}\n");
	state_path(&s, "receipt.liquid", s.tpl);
	c = state_import(&s, "receipts");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_STRING_EQUAL(first_line(c, 0, line), "3.0 12 true");
	CU_ASSERT_STRING_EQUAL(first_line(c, 1, line), "");
	unlink(s.tpl);
	state_reopen(&s);
	c = campaign_find(s.cs, "receipts");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_STRING_EQUAL(first_line(c, 0, line), "3.0 12 true");
	state_write(&s, "receipt.liquid", "Subject: x\n\n\n{{ nobody }}\n");
	CU_ASSERT_PTR_NULL(state_import(&s, "wrong"));
	CU_ASSERT_PTR_NOT_NULL(strstr(s.line, "/receipt.liquid:4:4: unknown variable"));
	state_del(&s);
}

static void the_frozen_copy_outlives_template_and_list(void)
{
	struct campaign *c;
	uint8_t key[TPL_KEY_BYTES];
	struct state_dir s;
	int64_t started_s;

	state_make(&s);
	c = state_import(&s, "welcome");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	memcpy(key, c->tpl_data.key, sizeof(key));
	started_s = c->started_s;
	tmpdir_del(s.tpl);
	unlink(s.csv);
	state_reopen(&s);
	c = campaign_find(s.cs, "welcome");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(memcmp(key, c->tpl_data.key, sizeof(key)), 0);
	CU_ASSERT_EQUAL(c->started_s, started_s);
	CU_ASSERT_EQUAL(c->import.recipients, 3);
	CU_ASSERT_EQUAL(c->status, CAMPAIGN_RUNNING);
	CU_ASSERT_STRING_EQUAL(c->bounce_domain, "bounce.test");
	check_sums(c);
	state_del(&s);
}

static void outcomes_are_folded_the_same_live_and_after_reopening(void)
{
	struct state_dir s;
	struct store_rec rec;
	struct campaign *c;

	state_make(&s);
	c = state_import(&s, "welcome");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	rec = (struct store_rec){ .campaign = c->id,
		                  .row = 0,
		                  .rows = 2,
		                  .kind = REC_FIRST_ATTEMPT,
		                  .at_s = 1788999999 };
	CU_ASSERT_TRUE(happen(&s, c, &rec));
	rec = outcome(c, 0, RCPT_DELIVERED, 1);
	CU_ASSERT_TRUE(happen(&s, c, &rec));
	rec = outcome(c, 1, RCPT_DEFERRED, 1);
	rec.due_s = 1789000300;
	set_reply(&rec, 450, "4.3.2 try\r\nagain \x1b[31mlater\xff");
	CU_ASSERT_TRUE(happen(&s, c, &rec));

	for (int round = 0; round < 2; round++) {
		CU_ASSERT_EQUAL(c->count[RCPT_DELIVERED], 1);
		CU_ASSERT_EQUAL(c->count[RCPT_DEFERRED], 1);
		CU_ASSERT_EQUAL(c->count[RCPT_PENDING], 1);
		CU_ASSERT_EQUAL(c->attempts, 2);
		CU_ASSERT_EQUAL(c->rcpts[0].first_attempt_s, 1788999999);
		CU_ASSERT_EQUAL(c->rcpts[1].first_attempt_s, 1788999999);
		CU_ASSERT_EQUAL(c->rcpts[2].first_attempt_s, 0);
		CU_ASSERT_EQUAL(c->rcpts[1].due_s, 1789000300);
		CU_ASSERT_EQUAL(c->rcpts[1].attempts, 1);
		CU_ASSERT_EQUAL(c->domains[1].first_code, 450);
		CU_ASSERT_EQUAL(c->domains[1].next_due_s, 1789000300);
		CU_ASSERT_PTR_NOT_NULL_FATAL(c->domains[1].first_reason);
		CU_ASSERT_STRING_EQUAL(c->domains[1].first_reason, "4.3.2 try  again  [31mlater?");
		CU_ASSERT_PTR_NULL(c->domains[0].first_reason);
		CU_ASSERT_EQUAL(c->status, CAMPAIGN_RUNNING);
		check_sums(c);
		state_reopen(&s);
		c = campaign_find(s.cs, "welcome");
		CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	}
	state_del(&s);
}

static void a_campaign_is_done_when_every_recipient_is_final(void)
{
	static const enum rcpt_state last[] = { RCPT_DELIVERED, RCPT_BOUNCED, RCPT_UNCONFIRMED };
	struct campaign *c;
	struct state_dir s;

	state_make(&s);
	c = state_import(&s, "welcome");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	for (uint32_t row = 0; row < 3; row++) {
		struct store_rec rec = outcome(c, row, last[row], 1);

		CU_ASSERT_EQUAL(c->status, CAMPAIGN_RUNNING);
		CU_ASSERT_TRUE(happen(&s, c, &rec));
	}
	for (int round = 0; round < 2; round++) {
		CU_ASSERT_EQUAL(c->status, CAMPAIGN_DONE);
		CU_ASSERT_EQUAL(c->ended_s, 1789000002);
		check_sums(c);
		state_reopen(&s);
		c = campaign_find(s.cs, "welcome");
		CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	}
	CU_ASSERT_PTR_NULL(state_import(&s, "welcome"));
	CU_ASSERT_STRING_EQUAL(
	    s.line, "campaign \"welcome\" exists (done, 3 recipients); choose another name");
	state_del(&s);
}

static void a_pause_and_what_was_held_are_folded_the_same_after_reopening(void)
{
	struct state_dir s;
	struct store_rec rec;
	struct campaign *c;

	state_make(&s);
	c = state_import(&s, "welcome");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	for (uint32_t row = 0; row < 2; row++) {
		rec = outcome(c, row, RCPT_HELD, 0);
		set_reply(&rec, 0, "content gate: a.rule: why");
		CU_ASSERT_TRUE(happen(&s, c, &rec));
	}
	rec = (struct store_rec){
		.campaign = c->id, .kind = REC_PAUSE, .state = 1, .at_s = 1789000009
	};
	set_reply(&rec, 0, "3 messages were stopped");
	CU_ASSERT_TRUE(happen(&s, c, &rec));
	for (int round = 0; round < 2; round++) {
		CU_ASSERT_TRUE(c->paused);
		CU_ASSERT_STRING_EQUAL(c->paused_why, "3 messages were stopped");
		CU_ASSERT_EQUAL(c->count[RCPT_HELD], 2);
		check_sums(c);
		state_reopen(&s);
		c = campaign_find(s.cs, "welcome");
		CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	}
	rec = (struct store_rec){ .campaign = c->id, .kind = REC_PAUSE, .at_s = 1789000010 };
	CU_ASSERT_TRUE(happen(&s, c, &rec));
	rec = (struct store_rec){ .campaign = c->id,
		                  .rows = 3,
		                  .kind = REC_RELEASE,
		                  .state = RCPT_PENDING,
		                  .at_s = 1789000011 };
	CU_ASSERT_TRUE(happen(&s, c, &rec));
	for (int round = 0; round < 2; round++) {
		CU_ASSERT_FALSE(c->paused);
		CU_ASSERT_EQUAL(c->count[RCPT_PENDING], 3);
		CU_ASSERT_TRUE(c->rcpts[0].released && c->rcpts[1].released &&
		               !c->rcpts[2].released);
		check_sums(c);
		state_reopen(&s);
		c = campaign_find(s.cs, "welcome");
		CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	}
	for (uint32_t row = 0; row < 3; row++) {
		rec = outcome(c, row, RCPT_HELD, 0);
		CU_ASSERT_TRUE(happen(&s, c, &rec));
	}
	rec = (struct store_rec){ .campaign = c->id,
		                  .rows = 3,
		                  .kind = REC_RELEASE,
		                  .state = RCPT_CANCELLED,
		                  .at_s = 1789000012 };
	CU_ASSERT_TRUE(happen(&s, c, &rec));
	CU_ASSERT_EQUAL(c->count[RCPT_CANCELLED], 3);
	CU_ASSERT_EQUAL(c->status, CAMPAIGN_DONE);
	CU_ASSERT_EQUAL(c->ended_s, 1789000012);
	rec.state = RCPT_DELIVERED; /* nothing is held into that */
	CU_ASSERT_FALSE(campaign_apply(c, &rec));
	rec.rows = 4;
	rec.state = RCPT_PENDING;
	CU_ASSERT_FALSE(campaign_apply(c, &rec));
	check_sums(c);
	state_del(&s);
}

/* Two of three stops, a restart, and the third is the third. */
static void stops_are_counted_over_a_restart_until_the_campaign_goes_on(void)
{
	struct state_dir s;
	struct store_rec rec;
	struct campaign *c;

	state_make(&s);
	c = state_import(&s, "welcome");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	for (uint32_t row = 0; row < 2; row++) {
		rec = outcome(c, row, RCPT_FAILED, 0);
		rec.kind = REC_STOPPED;
		c->n_stopping++; /* as the scheduler does when it hears of it */
		CU_ASSERT_TRUE(happen(&s, c, &rec));
		CU_ASSERT_EQUAL(c->n_stopping, 0);
		CU_ASSERT_EQUAL(c->n_stopped, row + 1);
	}
	CU_ASSERT_EQUAL(c->count[RCPT_FAILED], 2);
	state_reopen(&s);
	c = campaign_find(s.cs, "welcome");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(c->n_stopped, 2);
	CU_ASSERT_EQUAL(c->count[RCPT_FAILED], 2);
	rec = (struct store_rec){ .campaign = c->id, .kind = REC_PAUSE, .at_s = 1789000009 };
	CU_ASSERT_TRUE(happen(&s, c, &rec)); /* it goes on */
	CU_ASSERT_EQUAL(c->n_stopped, 0);
	state_reopen(&s);
	CU_ASSERT_EQUAL(campaign_find(s.cs, "welcome")->n_stopped, 0);
	state_del(&s);
}

static void an_illegal_move_changes_nothing(void)
{
	static const struct {
		const char *why;
		enum rcpt_state from, to;
		bool legal;
	} cases[] = {
		/* clang-format off */
		{ "a first deferral",             RCPT_PENDING,   RCPT_DEFERRED,  true },
		{ "deferred again",               RCPT_DEFERRED,  RCPT_DEFERRED,  true },
		{ "held",                         RCPT_DEFERRED,  RCPT_HELD,      true },
		{ "released",                     RCPT_HELD,      RCPT_PENDING,   true },
		{ "expired",                      RCPT_DEFERRED,  RCPT_EXPIRED,   true },
		{ "pending out of nothing",       RCPT_PENDING,   RCPT_PENDING,   false },
		{ "a deferral forgotten",         RCPT_DEFERRED,  RCPT_PENDING,   false },
		{ "bounced after delivered",      RCPT_DELIVERED, RCPT_BOUNCED,   false },
		{ "delivered twice",              RCPT_DELIVERED, RCPT_DELIVERED, false },
		{ "delivered after bounced",      RCPT_BOUNCED,   RCPT_DELIVERED, false },
		{ "deferred after delivered",     RCPT_DELIVERED, RCPT_DEFERRED,  false },
		{ "no state at all",              RCPT_PENDING,   RCPT_N_STATES,  false },
		/* clang-format on */
	};
	struct campaign *c;
	struct state_dir s;

	state_make(&s);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store_rec rec;
		char name[16];

		snprintf(name, sizeof(name), "c%zu", i);
		/* Three campaigns at most: begin anew when that is reached. */
		if (i % 3 == 0 && i > 0) {
			state_del(&s);
			state_make(&s);
		}
		c = state_import(&s, name);
		CU_ASSERT_PTR_NOT_NULL_FATAL(c);
		rec = outcome(c, 0, cases[i].from, 1);
		if (cases[i].from != RCPT_PENDING)
			CU_ASSERT_TRUE(campaign_apply(c, &rec));
		rec = outcome(c, 0, cases[i].to, 2);
		if (campaign_apply(c, &rec) != cases[i].legal) {
			printf("\n    %s", cases[i].why);
			CU_FAIL("wrong judgement");
		}
		CU_ASSERT_EQUAL(c->rcpts[0].state, cases[i].legal ? cases[i].to : cases[i].from);
		CU_ASSERT_EQUAL(c->attempts,
		                cases[i].legal ? 2 : (cases[i].from != RCPT_PENDING ? 1 : 0));
		check_sums(c);
	}
	state_del(&s);
}

static void records_out_of_bounds_are_refused(void)
{
	struct campaign *c;
	struct state_dir s;
	struct store_rec good, bad;

	state_make(&s);
	c = state_import(&s, "welcome");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	good = outcome(c, 2, RCPT_DELIVERED, 1);
#define REFUSED(change)                                                                            \
	bad = good;                                                                                \
	bad.change;                                                                                \
	CU_ASSERT_FALSE(campaign_apply(c, &bad))
	REFUSED(row = 3);
	REFUSED(row = UINT32_MAX);
	REFUSED(rows = 0);
	REFUSED(rows = 2);
	REFUSED(kind = 0);
	REFUSED(kind = 99);
	REFUSED(campaign++);
	good.kind = REC_FIRST_ATTEMPT;
	REFUSED(rows = 2);
	REFUSED(rows = UINT32_MAX);
	REFUSED(rows = 0);
	REFUSED(at_s = 0);
	CU_ASSERT_EQUAL(c->count[RCPT_PENDING], 3);
	check_sums(c);
	state_del(&s);
}

static void in_flight_is_counted_beside_the_states(void)
{
	struct campaign *c;
	struct state_dir s;

	state_make(&s);
	c = state_import(&s, "welcome");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	campaign_set_in_flight(c, 0, true);
	campaign_set_in_flight(c, 0, true);
	campaign_set_in_flight(c, 1, true);
	CU_ASSERT_EQUAL(c->in_flight, 2);
	campaign_set_in_flight(c, 0, false);
	CU_ASSERT_EQUAL(c->in_flight, 1);
	check_sums(c);
	state_reopen(&s);
	CU_ASSERT_EQUAL(campaign_find(s.cs, "welcome")->in_flight, 0);
	state_del(&s);
}

static void a_name_is_taken_from_the_start_of_the_import(void)
{
	struct campaign_spec spec;
	struct state_dir s;

	state_make(&s);
	spec = state_spec(&s, "welcome");
	CU_ASSERT_EQUAL(campaign_start(s.cs, &spec, state_done, &s, s.why), 0);
	CU_ASSERT_EQUAL(campaign_start(s.cs, &spec, state_done, &s, s.why), -EEXIST);
	CU_ASSERT_STRING_EQUAL(s.why,
	                       "campaign \"welcome\" exists (importing); choose another name");
	CU_ASSERT_EQUAL(campaign_find(s.cs, "welcome")->status, CAMPAIGN_IMPORTING);
	state_wait(&s);
	CU_ASSERT_EQUAL(campaign_start(s.cs, &spec, state_done, &s, s.why), -EEXIST);
	CU_ASSERT_STRING_EQUAL(
	    s.why, "campaign \"welcome\" exists (running, 3 recipients); choose another name");
	CU_ASSERT_EQUAL(s.n_done, 1);
	state_del(&s);
}

static void what_reports_and_what_tls_were_asked_for_outlive_a_restart(void)
{
	struct campaign_spec spec;
	struct campaign *c;
	struct state_dir s;

	state_make(&s);
	spec = state_spec(&s, "welcome");
	spec.dsn_notify = (char[]){ "success,delay" };
	spec.dsn_ret = (char[]){ "full" };
	spec.requiretls = true;
	CU_ASSERT_EQUAL_FATAL(campaign_start(s.cs, &spec, state_done, &s, s.why), 0);
	state_wait(&s);
	state_reopen(&s);
	c = campaign_find(s.cs, "welcome");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(c->dsn.notify, DP_NOTIFY_SUCCESS | DP_NOTIFY_DELAY);
	CU_ASSERT_EQUAL(c->dsn.ret, DP_RET_FULL);
	CU_ASSERT_TRUE(c->dsn.is_asked);
	CU_ASSERT_TRUE(c->spec.requiretls);
	c = state_import(&s, "other");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_FALSE(c->dsn.is_asked);
	CU_ASSERT_FALSE(c->spec.requiretls);
	state_del(&s);
}

static void a_spec_that_cannot_be_is_refused_at_once(void)
{
	struct campaign_spec spec;
	struct state_dir s;

	state_make(&s);
#define REFUSED_SPEC(name, change, result, said)                                                   \
	spec = state_spec(&s, name);                                                               \
	spec.change;                                                                               \
	CU_ASSERT_EQUAL(campaign_start(s.cs, &spec, state_done, &s, s.why), result);               \
	if (strstr(s.why, said) == NULL)                                                           \
		printf("\n    got %s, want %s", s.why, said);                                      \
	CU_ASSERT_PTR_NOT_NULL(strstr(s.why, said))
	REFUSED_SPEC("", limit = 0, -EINVAL, "--name");
	REFUSED_SPEC("ok", encoding = (char[]){ "9bit" }, -EINVAL,
	             "--encoding \"9bit\": 7bit or 8");
	REFUSED_SPEC("ok", class = (char[]){ "spam" }, -EINVAL, "--class \"spam\": bulk or trans");
	REFUSED_SPEC("ok", dsn_notify = (char[]){ "never,delay" }, -EINVAL,
	             "--dsn-notify \"never,delay\": none, never, or some of success,");
	REFUSED_SPEC("ok", dsn_ret = (char[]){ "all" }, -EINVAL, "--dsn-ret \"all\": none, full");
	REFUSED_SPEC("ok", tenant = (char[]){ "a:b" }, -EINVAL, "--tenant \"a:b\"");
	REFUSED_SPEC("ok", stream = (char[]){ "a b" }, -EINVAL, "--stream \"a b\"");
	REFUSED_SPEC("ok", list_id = (char[]){ "news" }, -EINVAL, "--list-id \"news\"");
	REFUSED_SPEC("ok", list_id = (char[]){ "<a>\r\nBcc: <b>" }, -EINVAL, "--list-id");
	REFUSED_SPEC("ok", unsubscribe_url = (char[]){ "http://u.test" }, -EINVAL,
	             "--unsubscribe-url \"http://u.test\"");
	REFUSED_SPEC("ok", unsubscribe_url = (char[]){ "https://u.test/>, <x" }, -EINVAL,
	             "--unsubscribe-url");
	REFUSED_SPEC("ok", unsubscribe_mailto = (char[]){ "u@a.test?cc=x" }, -EINVAL,
	             "--unsubscribe-mailto");
	REFUSED_SPEC("a b", limit = 0, -EINVAL, "--name \"a b\"");
	REFUSED_SPEC("../x", limit = 0, -EINVAL, "--name");
	REFUSED_SPEC("x", template_dir = NULL, -EINVAL, "--template");
	REFUSED_SPEC("x", template_dir = (char[]){ "/nowhere" }, -ENOENT, "no such folder or file");
	REFUSED_SPEC("x", types = (char[]){ "age:int" }, -EINVAL, "--types age:int: expected");
	REFUSED_SPEC("x", delimiter = (char[]){ "dot" }, -EINVAL, "--delimiter \"dot\"");
	REFUSED_SPEC("x", recipients_path = NULL, -EINVAL, "--recipients");
	REFUSED_SPEC("x", from = (char[]){ "me" }, -EINVAL, "--from me: no @");
	REFUSED_SPEC("x", return_path = (char[]){ "@x.y" }, -EINVAL, "--return-path @x.y");
	REFUSED_SPEC("x", to_test = (char[]){ "x@y" }, -EINVAL, "--to-test x@y: the domain");
	CU_ASSERT_EQUAL(s.n_done, 0);
	CU_ASSERT_PTR_NULL(campaign_at(s.cs, 0));
	state_del(&s);
}

static void more_than_campaigns_max_are_refused(void)
{
	struct state_dir s;

	state_make(&s);
	CU_ASSERT_PTR_NOT_NULL(state_import(&s, "one"));
	CU_ASSERT_PTR_NOT_NULL(state_import(&s, "two"));
	CU_ASSERT_PTR_NOT_NULL(state_import(&s, "three"));
	CU_ASSERT_PTR_NULL(state_import(&s, "four"));
	CU_ASSERT_PTR_NOT_NULL(strstr(s.line, "campaigns_max"));
	state_del(&s);
}

static void an_import_that_fails_leaves_nothing_but_its_line(void)
{
	struct state_dir s;

	state_make(&s);
	state_write(&s, "list.csv", "mail,name,city\na@b.test,x,y\n");
	CU_ASSERT_PTR_NULL(state_import(&s, "welcome"));
	CU_ASSERT_EQUAL(s.result, -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.line,
	                              "list.csv:1: no column named \"email\" (found: mail, "
	                              "name, city); rename it or use --address-column mail"));
	CU_ASSERT_FALSE(exists(&s, "campaigns/1") || exists(&s, "campaigns/welcome.import"));
	CU_ASSERT_PTR_NULL(campaign_find(s.cs, "welcome"));

	state_write(&s, "list.csv", "email,name\na@b.test,x\n");
	state_write(&s, "tpl/message.liquid", "Subject: Hi {{ nam }}\nFrom: us@sender.test\n");
	CU_ASSERT_PTR_NULL(state_import(&s, "welcome"));
	CU_ASSERT_PTR_NOT_NULL(strstr(s.line, "tpl/message.liquid:1:"));
	CU_ASSERT_PTR_NOT_NULL(strstr(s.line, "name"));

	/* The name is free again. */
	state_write(&s, "tpl/message.liquid", "Subject: Hi {{ name }}\nFrom: us@sender.test\n");
	CU_ASSERT_PTR_NOT_NULL(state_import(&s, "welcome"));
	state_del(&s);
}

/* By its path, and when the engine starts again as all that the folder of its copy holds. */
static void a_template_may_be_one_file(void)
{
	static const char *const files[] = { "one.liquid", "one.merge" };
	struct campaign_trial trial = { .now_s = 1700000000 };

	for (size_t i = 0; i < 2; i++) {
		char path[STATE_PATH_BYTES], place[STATE_PATH_BYTES + 8];
		struct campaign_spec spec;
		struct tpl_err err;
		struct tpl_out out;
		struct state_dir s;

		state_make(&s);
		state_write(&s, files[i],
		            i == 0
		                ? "Subject: To {{ name }}\nFrom: us@sender.test\n\nHi {{ name }}\n"
		                : "Subject: To [name]\nFrom: us@sender.test\n\nHi [name]\n");
		spec = state_spec(&s, "welcome");
		state_path(&s, files[i], path);
		spec.template_dir = path;
		CU_ASSERT_EQUAL_FATAL(campaign_start(s.cs, &spec, state_done, &s, s.why), 0);
		state_wait(&s);
		CU_ASSERT_EQUAL(s.result, 0);
		state_reopen(&s);
		trial.c = campaign_find(s.cs, "welcome");
		CU_ASSERT_PTR_NOT_NULL_FATAL(trial.c);
		CU_ASSERT_EQUAL_FATAL(campaign_try(&trial, 1, &out, &err), 0);
		CU_ASSERT(out.n_text > 0 && memmem(out.text[0].bytes.at, out.text[0].bytes.bytes,
		                                   "To Bo", 5) != NULL);

		state_write(&s, files[i],
		            i == 0 ? "Subject: x\n\n{{ nme }}\n" : "Subject: x\n\n[nme]\n");
		snprintf(spec.name, sizeof(spec.name), "wrong");
		CU_ASSERT_EQUAL_FATAL(campaign_start(s.cs, &spec, state_done, &s, s.why), 0);
		state_wait(&s);
		CU_ASSERT_EQUAL(s.result, -EINVAL);
		snprintf(place, sizeof(place), "%s:3:", path);
		CU_ASSERT_EQUAL(strncmp(s.line, place, strlen(place)), 0);
		free(trial.slab);
		trial.slab = NULL;
		state_del(&s);
	}
}

static void a_template_folder_is_copied_within_bounds(void)
{
	char path[STATE_PATH_BYTES];
	struct state_dir s;

	state_make(&s);
	state_path(&s, "tpl/secret", path);
	CU_ASSERT_EQUAL(symlink("/etc/passwd", path), 0);
	CU_ASSERT_PTR_NULL(state_import(&s, "welcome"));
	CU_ASSERT_PTR_NOT_NULL(strstr(s.line, "tpl/secret: only files and folders"));
	unlink(path);
	for (int i = 0; i < 300; i++) {
		char name[32];

		snprintf(name, sizeof(name), "tpl/f%d", i);
		state_write(&s, name, "x");
	}
	CU_ASSERT_PTR_NULL(state_import(&s, "welcome"));
	CU_ASSERT_PTR_NOT_NULL(strstr(s.line, "too many files"));
	state_del(&s);
}

static void what_a_crash_left_half_imported_is_removed(void)
{
	char path[STATE_PATH_BYTES];
	struct state_dir s;

	state_make(&s);
	CU_ASSERT_PTR_NOT_NULL(state_import(&s, "welcome"));
	CU_ASSERT_EQUAL(mkdir(state_path(&s, "campaigns/2.tmp", path), 0700), 0);
	state_write(&s, "campaigns/2.tmp/rows", "half");
	/* Renamed, but the store never heard of it. */
	CU_ASSERT_EQUAL(mkdir(state_path(&s, "campaigns/3", path), 0700), 0);
	state_write(&s, "campaigns/3/rows", "whole");
	state_write(&s, "campaigns/notes", "not ours");
	state_reopen(&s);
	CU_ASSERT_FALSE(exists(&s, "campaigns/2.tmp") || exists(&s, "campaigns/3"));
	CU_ASSERT_TRUE(exists(&s, "campaigns/1") && exists(&s, "campaigns/notes"));
	CU_ASSERT_PTR_NOT_NULL(campaign_find(s.cs, "welcome"));
	CU_ASSERT_PTR_NULL(campaign_at(s.cs, 1));
	state_del(&s);
}

static void a_missing_or_damaged_campaign_stops_the_start_with_one_line(void)
{
	char path[STATE_PATH_BYTES], moved[STATE_PATH_BYTES];
	struct campaigns_conf conf;
	struct campaigns *cs;
	struct state_dir s;

	state_make(&s);
	CU_ASSERT_PTR_NOT_NULL(state_import(&s, "welcome"));
	campaigns_close(s.cs);
	conf = (struct campaigns_conf){
		.state_dir = s.dir, .bounce_domain = "b.test", .store = s.store, .campaigns_max = 3
	};
	state_path(&s, "campaigns/1", path);
	state_path(&s, "elsewhere", moved);
	CU_ASSERT_EQUAL(rename(path, moved), 0);
	CU_ASSERT_EQUAL(campaigns_open(&conf, &cs, s.why), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.why, "campaigns/1: this campaign's folder is missing"));
	CU_ASSERT_EQUAL(rename(moved, path), 0);
	state_write(&s, "campaigns/1/spec.json", "{\"version\": 1");
	CU_ASSERT_EQUAL(campaigns_open(&conf, &cs, s.why), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.why, "campaigns/1/spec.json:"));
	state_write(&s, "campaigns/1/spec.json", "[]");
	CU_ASSERT_EQUAL(campaigns_open(&conf, &cs, s.why), -EBADMSG);
	store_close(s.store);
	tmpdir_del(s.dir);
}

static void the_spec_is_kept_secret(void)
{
	char path[STATE_PATH_BYTES];
	struct state_dir s;
	struct stat st;

	state_make(&s);
	CU_ASSERT_PTR_NOT_NULL(state_import(&s, "welcome"));
	CU_ASSERT_EQUAL(stat(state_path(&s, "campaigns/1/spec.json", path), &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
	state_del(&s);
}

static void a_dry_run_tells_counts_and_errors_and_leaves_nothing(void)
{
	struct campaign_spec spec;
	struct state_dir s;

	state_make(&s);
	state_write(&s, "list.csv",
	            "email,name\nb@beta.test,Bo\nbad,x\na@alpha.test,\"A\nBcc: x@y.z\"\n"
	            "B@beta.test,Bo\n");
	spec = state_spec(&s, "welcome");
	spec.dry_run = true;
	CU_ASSERT_EQUAL_FATAL(campaign_start(s.cs, &spec, state_done, &s, s.why), 0);
	state_wait(&s);
	CU_ASSERT_EQUAL(s.result, 0);
	CU_ASSERT_PTR_NULL(s.c);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.line, "rows=4 recipients=2 rejected=1 duplicates=1"));
	CU_ASSERT_PTR_NOT_NULL(strstr(s.line, "composed="));
	CU_ASSERT_FALSE(exists(&s, "campaigns/1") || exists(&s, "campaigns/1.tmp"));
	CU_ASSERT_FALSE(exists(&s, "list.rejected.csv"));
	CU_ASSERT_PTR_NULL(campaign_at(s.cs, 0));
	CU_ASSERT_PTR_NOT_NULL(state_import(&s, "welcome"));
	state_del(&s);
}

/* A start that fails leaves the rejected rows of the last good one as they were; a list without one
 * good row is the exception, since its reasons are what one needs.
 */
static void only_a_start_that_succeeds_lists_rejected_rows(void)
{
	struct campaign_spec spec;
	char path[STATE_PATH_BYTES], *got = NULL;
	struct state_dir s;
	size_t bytes;

	state_make(&s);
	state_write(&s, "list.csv", "email,name\na@alpha.test,Ann\nbad,x\n");
	state_write(&s, "tpl/message.liquid", "Subject: {{ nmae }}\n");
	spec = state_spec(&s, "welcome");
	for (int earlier = 0; earlier < 2; earlier++) {
		if (earlier)
			state_write(&s, "list.rejected.csv", "earlier\n");
		CU_ASSERT_EQUAL_FATAL(campaign_start(s.cs, &spec, state_done, &s, s.why), 0);
		state_wait(&s);
		CU_ASSERT_TRUE(s.result != 0);
		CU_ASSERT_EQUAL(exists(&s, "list.rejected.csv"), earlier);
		CU_ASSERT_FALSE(exists(&s, "campaigns/welcome.import"));
	}
	CU_ASSERT_EQUAL(file_read(state_path(&s, "list.rejected.csv", path), 100, &got, &bytes), 0);
	CU_ASSERT_STRING_EQUAL(got, "earlier\n");
	free(got);
	state_write(&s, "list.csv", "email,name\nbad,x\n");
	CU_ASSERT_EQUAL_FATAL(campaign_start(s.cs, &spec, state_done, &s, s.why), 0);
	state_wait(&s);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.line, "list.rejected.csv"));
	CU_ASSERT_EQUAL(file_read(path, 1000, &got, &bytes), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(got, "bad"));
	free(got);
	state_del(&s);
}

static void an_import_that_is_cancelled_says_so_and_leaves_nothing(void)
{
	enum { ROWS = 400000 };
	struct campaign_spec spec;
	char *text = NULL;
	struct state_dir s;
	size_t bytes;
	FILE *list = open_memstream(&text, &bytes);

	CU_ASSERT_PTR_NOT_NULL_FATAL(list);
	fputs("email,name\n", list);
	for (int i = 0; i < ROWS; i++)
		fprintf(list, "r%d@alpha.test,Ann\n", i);
	fclose(list);
	state_make(&s);
	state_write(&s, "list.csv", text);
	free(text);
	spec = state_spec(&s, "welcome");
	CU_ASSERT_EQUAL_FATAL(campaign_start(s.cs, &spec, state_done, &s, s.why), 0);
	CU_ASSERT_EQUAL(campaigns_n_jobs(s.cs), 1);
	campaigns_cancel(s.cs);
	state_wait(&s);
	CU_ASSERT_EQUAL(campaigns_n_jobs(s.cs), 0);
	CU_ASSERT_EQUAL(s.result, -ECANCELED);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.line, "cancelled"));
	CU_ASSERT_PTR_NULL(campaign_at(s.cs, 0));
	CU_ASSERT_FALSE(exists(&s, "campaigns/1") || exists(&s, "campaigns/welcome.import"));
	CU_ASSERT_FALSE(exists(&s, "list.rejected.csv"));
	state_del(&s);
}

static void closing_in_the_middle_of_an_import_leaves_nothing(void)
{
	struct campaign_spec spec;
	struct state_dir s;

	state_make(&s);
	spec = state_spec(&s, "welcome");
	CU_ASSERT_EQUAL(campaign_start(s.cs, &spec, state_done, &s, s.why), 0);
	state_reopen(&s);
	CU_ASSERT_EQUAL(s.n_done, 0);
	/* Done or not done by then, but never half. */
	CU_ASSERT_FALSE(exists(&s, "campaigns/welcome.import"));
	CU_ASSERT_EQUAL(exists(&s, "campaigns/1"), campaign_find(s.cs, "welcome") != NULL);
	state_del(&s);
}

static void the_envelope_sender_names_the_row_unless_one_is_given(void)
{
	char a[DP_ADDRESS_MAX], b[DP_ADDRESS_MAX];
	struct campaign_spec spec;
	struct campaign *c;
	struct state_dir s;
	size_t a_bytes, b_bytes;

	state_make(&s);
	c = state_import(&s, "welcome");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	a_bytes = campaign_mail_from(c, 0, a);
	b_bytes = campaign_mail_from(c, 1, b);
	CU_ASSERT(a_bytes > 12 && memcmp(a + a_bytes - 12, "@bounce.test", 12) == 0);
	CU_ASSERT_FALSE(span_eq(span_of(a, a_bytes), span_of(b, b_bytes)));
	spec = state_spec(&s, "other");
	spec.return_path = (char[]){ "returns@sender.test" };
	CU_ASSERT_EQUAL_FATAL(campaign_start(s.cs, &spec, state_done, &s, s.why), 0);
	state_wait(&s);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s.c);
	a_bytes = campaign_mail_from(s.c, 2, a);
	CU_ASSERT(span_eq(span_of(a, a_bytes), span_str("returns@sender.test")));
	state_del(&s);
}

static void an_export_tells_each_recipients_last_word(void)
{
	char path[STATE_PATH_BYTES], *got;
	struct store_rec rec;
	struct campaign *c;
	struct state_dir s;
	size_t bytes;

	state_make(&s);
	c = state_import(&s, "welcome");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	rec = outcome(c, 1, RCPT_DEFERRED, 1);
	set_reply(&rec, 450, "later");
	CU_ASSERT_TRUE(happen(&s, c, &rec));
	rec = outcome(c, 1, RCPT_BOUNCED, 2);
	set_reply(&rec, 550, "5.1.1 \"nobody\",\nhere");
	memcpy(rec.enhanced, (uint8_t[]){ 5, 1, 1 }, 3);
	CU_ASSERT_TRUE(happen(&s, c, &rec));
	rec = outcome(c, 0, RCPT_DELIVERED, 1);
	set_reply(&rec, 250, "ok");
	CU_ASSERT_TRUE(happen(&s, c, &rec));
	state_path(&s, "out.csv", path);
	CU_ASSERT_EQUAL_FATAL(campaign_export(s.cs, c, path, state_done, &s, s.why), 0);
	state_wait(&s);
	CU_ASSERT_EQUAL(s.result, 0);
	CU_ASSERT_EQUAL_FATAL(file_read(path, 4096, &got, &bytes), 0);
	CU_ASSERT_STRING_EQUAL(got,
	                       "address,state,attempts,code,enhanced,reply\n"
	                       "b@beta.test,bounced,2,550,5.1.1,\"5.1.1 \"\"nobody\"\", here\"\n"
	                       "a@alpha.test,delivered,1,250,,\"ok\"\n"
	                       "c@beta.test,pending,0,,,\n");
	free(got);
	CU_ASSERT_EQUAL(campaign_export(s.cs, c, "/nowhere/x.csv", state_done, &s, s.why), 0);
	state_wait(&s);
	CU_ASSERT_EQUAL(s.result, -ENOENT);
	state_del(&s);
}

SUITE("control/campaign/campaign", TEST(a_started_campaign_runs_with_all_pending),
      TEST(stops_are_counted_over_a_restart_until_the_campaign_goes_on),
      TEST(one_file_and_a_list_of_json_make_a_campaign),
      TEST(the_frozen_copy_outlives_template_and_list),
      TEST(outcomes_are_folded_the_same_live_and_after_reopening),
      TEST(a_campaign_is_done_when_every_recipient_is_final),
      TEST(a_pause_and_what_was_held_are_folded_the_same_after_reopening),
      TEST(an_illegal_move_changes_nothing), TEST(records_out_of_bounds_are_refused),
      TEST(in_flight_is_counted_beside_the_states),
      TEST(a_name_is_taken_from_the_start_of_the_import),
      TEST(what_reports_and_what_tls_were_asked_for_outlive_a_restart),
      TEST(a_spec_that_cannot_be_is_refused_at_once), TEST(more_than_campaigns_max_are_refused),
      TEST(an_import_that_fails_leaves_nothing_but_its_line), TEST(a_template_may_be_one_file),
      TEST(a_template_folder_is_copied_within_bounds),
      TEST(what_a_crash_left_half_imported_is_removed),
      TEST(a_missing_or_damaged_campaign_stops_the_start_with_one_line),
      TEST(the_spec_is_kept_secret), TEST(a_dry_run_tells_counts_and_errors_and_leaves_nothing),
      TEST(only_a_start_that_succeeds_lists_rejected_rows),
      TEST(an_import_that_is_cancelled_says_so_and_leaves_nothing),
      TEST(closing_in_the_middle_of_an_import_leaves_nothing),
      TEST(the_envelope_sender_names_the_row_unless_one_is_given),
      TEST(an_export_tells_each_recipients_last_word))
