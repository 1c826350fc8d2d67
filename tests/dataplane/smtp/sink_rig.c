#include "tests/dataplane/smtp/sink_rig.h"

#include <CUnit/Basic.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool on_say(void *user, struct span bytes)
{
	struct rig_conn *c = user;

	assert(!c->is_over);
	if (c->rig->has_no_room || bytes.bytes > RIG_BYTES - 1 - c->n_said)
		return false;
	memcpy(c->said + c->n_said, bytes.at, bytes.bytes);
	c->n_said += bytes.bytes;
	return true;
}

static void on_flush(void *user)
{
	struct rig_conn *c = user;

	c->n_flushes++;
}

static void on_secure(void *user)
{
	struct rig_conn *c = user;

	c->is_secure = true;
}

static void on_slow(void *user, uint32_t bytes_per_s)
{
	struct rig_conn *c = user;

	c->slow = bytes_per_s;
}

static void on_end(void *user, enum sink_end how)
{
	struct rig_conn *c = user;

	assert(!c->is_over);
	c->is_over = true;
	c->is_reset = how == SINK_END_RESET;
}

static const struct sink_below below = {
	.say = on_say, .flush = on_flush, .secure = on_secure, .slow = on_slow, .end = on_end
};

/* ---- the keeper ---- */

static void *on_mail(void *ctx, const struct sink_facts *facts, struct span args)
{
	struct rig *r = ctx;

	(void)facts, (void)args;
	r->n_body = 0;
	return r->keeps_nothing ? NULL : malloc(1) /* so that a leak is seen */;
}

/* There is one rig at a time. */
static struct rig *the;

static bool on_rcpt(void *letter, struct span args)
{
	(void)letter, (void)args;
	the->n_rcpts++;
	return true;
}

static bool on_bytes(void *letter, struct span bytes)
{
	(void)letter;
	if (the->keeps_nothing || bytes.bytes > RIG_BYTES - the->n_body)
		return false;
	memcpy(the->body + the->n_body, bytes.at, bytes.bytes);
	the->n_body += bytes.bytes;
	return true;
}

static void on_letter_end(void *letter, bool is_accepted)
{
	free(letter);
	the->n_kept += is_accepted;
	the->n_thrown += !is_accepted;
}

static struct sink_keeper keeper = {
	.mail = on_mail, .rcpt = on_rcpt, .bytes = on_bytes, .end = on_letter_end
};

/* ---- a life ---- */

void rig_init(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	r->now_us = 5000000;
	r->local = ip_from_v4((const uint8_t[]){ 192, 0, 2, 9 });
	r->conf = (struct sink_conf){ .host = "sink.test",
		                      .conns_max = RIG_CONNS,
		                      .seen_max = 1024,
		                      .rcpts_max = 5,
		                      .message_bytes_max = 100000,
		                      .idle_ms = 10000,
		                      .offers = (1u << SINK_N_EXTS) - 1,
		                      .obeys_rcpts = true,
		                      .below = &below,
		                      .keeper = &keeper };
}

void rig_open(struct rig *r, const char *script)
{
	char why[SINK_WHY_BYTES];
	int rc = 0;

	the = r;
	keeper.ctx = r;
	if (script != NULL)
		rc = sink_script_parse(span_str(script), &r->script, why);
	if (rc != 0) {
		fprintf(stderr, "script: %s\n", why);
		abort();
	}
	r->conf.script = r->script;
	rc = sink_open(&r->conf, r->now_us, &r->sink);
	assert(rc == 0);
	(void)rc;
}

void rig_close(struct rig *r)
{
	for (int i = 0; i < RIG_CONNS; i++)
		if (r->conns[i].session != NULL)
			rig_disconnect(&r->conns[i]);
	sink_close(r->sink);
	sink_script_free(r->script);
}

struct rig_conn *rig_connect(struct rig *r, uint8_t last)
{
	const uint8_t v4[4] = { 192, 0, 2, last };
	struct ip_addr peer = ip_from_v4(v4);
	int i = 0;

	while (i < RIG_CONNS && r->conns[i].session != NULL)
		i++;
	if (i == RIG_CONNS)
		return NULL;
	r->conns[i].rig = r;
	r->conns[i].n_said = r->conns[i].n_flushed = r->conns[i].n_flushes = 0;
	r->conns[i].is_over = r->conns[i].is_reset = r->conns[i].is_secure = false;
	r->conns[i].slow = UINT32_MAX;
	r->conns[i].session = sink_begin(r->sink, r->now_us, &peer, &r->local, &r->conns[i]);
	if (r->conns[i].session == NULL)
		return NULL;
	sink_greet(r->conns[i].session, r->now_us, false);
	return &r->conns[i];
}

void rig_disconnect(struct rig_conn *c)
{
	sink_finish(c->session, c->rig->now_us);
	c->session = NULL;
}

void rig_say_bytes(struct rig_conn *c, const void *at, size_t bytes)
{
	/* a copy of its own, for the sanitizer to see who reads beyond it */
	void *copy = malloc(bytes + (bytes == 0));

	memcpy(copy, at, bytes);
	sink_received(c->session, c->rig->now_us, span_of(copy, bytes));
	free(copy);
}

void rig_say(struct rig_conn *c, const char *text)
{
	rig_say_bytes(c, text, strlen(text));
}

void rig_say_slowly(struct rig_conn *c, const char *text)
{
	for (; *text != '\0'; text++)
		rig_say_bytes(c, text, 1);
}

void rig_pass(struct rig *r, uint64_t us)
{
	for (uint64_t end = r->now_us + us; r->now_us < end;) {
		r->now_us += end - r->now_us < 1000 ? end - r->now_us : 1000;
		(void)sink_tick(r->sink, r->now_us, 1000);
	}
}

const char *rig_heard(struct rig_conn *c)
{
	static char text[RIG_BYTES];

	memcpy(text, c->said, c->n_said);
	text[c->n_said] = '\0';
	c->n_said = 0;
	return text;
}

const char *rig_codes(struct rig_conn *c)
{
	static char codes[256];
	const char *text = rig_heard(c);
	size_t n = 0;

	codes[0] = '\0';
	for (const char *nl; (nl = strstr(text, "\r\n")) != NULL && n + 5 < sizeof(codes);
	     text = nl + 2)
		if (nl - text >= 4 && text[3] == ' ')
			n += (size_t)snprintf(codes + n, sizeof(codes) - n, "%s%.3s",
			                      n > 0 ? " " : "", text);
	return codes;
}

uint64_t rig_count(const struct rig *r, const char *name)
{
	for (uint32_t i = 0; sink_count_name(i) != NULL; i++)
		if (strcmp(sink_count_name(i), name) == 0)
			return sink_count_value(sink_counts(r->sink), i);
	assert(false);
	return 0;
}

void rig_equal(const char *why, const char *got, const char *want)
{
	bool same = strcmp(got, want) == 0;

	if (!same)
		printf("\n    %s: got \"%s\", want \"%s\"", why, got, want);
	CU_ASSERT_TRUE(same);
}
