/* bench_load.c - a load over the door. */
#include "dataplane/bench_load.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	EVENTS = 256,
	NAP_MS = 1,
	RCPT_BYTES = 32,
	DIALS_ONCE = 256,
};

/* What a message's place holds behind its bytes. */
struct place {
	struct dp_rcpt rcpt;
	struct dp_text text[3];
	char address[RCPT_BYTES];
};

struct bench_load_conn {
	struct dp_handle handle;
	uint32_t n_out; /* messages unsettled */
	uint32_t next;  /* place of the next */
	bool is_dialled, is_open, is_quitting, waits;
};

uint64_t bench_load_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint32_t jobs_each(const struct bench_load_conf *conf)
{
	return conf->kind == BENCH_LOAD_STREAM ? dp_jobs_per_conn(conf->window) : 1;
}

static size_t place_bytes(const struct bench_load_conf *conf)
{
	return conf->message_bytes + sizeof(struct place);
}

uint64_t bench_load_bytes(const struct bench_load_conf *conf)
{
	uint64_t places = conf->kind == BENCH_LOAD_OPEN ? 0 : conf->conns;

	return conf->conns * (sizeof(struct bench_load_conn) + 2 * sizeof(uint32_t)) +
	       places * jobs_each(conf) * place_bytes(conf);
}

static const char head[] = "From: <news@bench.invalid>\r\nTo: <r@sink.invalid>\r\n"
			   "Message-ID: <00000000000000000000@bench.invalid>\r\n"
			   "Subject: a message of the bench\r\nMIME-Version: 1.0\r\n"
			   "Content-Type: text/plain\r\n\r\n";
static const char subject[] = "a message of the bench";

enum { HEAD_BYTES = sizeof(head) - 1, LINE_BYTES = 78 };

/* A header, then lines of words. */
static void fill(uint8_t *at, uint32_t bytes)
{
	uint32_t n = HEAD_BYTES;

	assert(bytes > n + LINE_BYTES);
	memcpy(at, head, n);
	for (uint32_t line = 0; n < bytes; line++)
		for (uint32_t k = 0; k < LINE_BYTES && n < bytes; k++, n++)
			at[n] =
			    (uint8_t)(k == 76   ? '\r'
			              : k == 77 ? '\n'
			                        : "ordinary words of a text, as "[(line + k) % 29]);
	at[bytes - 2] = '\r';
	at[bytes - 1] = '\n';
}

int bench_load_open(struct bench_load *l, struct dp *dp, const struct bench_load_conf *conf)
{
	size_t each = place_bytes(conf), n = 0;

	assert(conf->message_bytes % 8 == 0);
	*l = (struct bench_load){ .dp = dp,
		                  .conf = *conf,
		                  .jobs_each = jobs_each(conf),
		                  .is_held = conf->kind != BENCH_LOAD_SESSIONS };
	if (conf->kind != BENCH_LOAD_OPEN)
		n = (size_t)conf->conns * l->jobs_each;
	l->conns = calloc(conf->conns, sizeof(*l->conns));
	l->bytes = malloc(n * each + 1);
	l->retry = calloc(conf->conns, sizeof(*l->retry));
	l->again = calloc(conf->conns, sizeof(*l->again));
	if (l->conns == NULL || l->bytes == NULL || l->retry == NULL || l->again == NULL) {
		bench_load_close(l);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++)
		fill(l->bytes + i * each, conf->message_bytes);
	return 0;
}

void bench_load_close(struct bench_load *l)
{
	free(l->conns);
	free(l->bytes);
	free(l->retry);
	free(l->again);
	l->retry = l->again = NULL;
	l->conns = NULL;
	l->bytes = NULL;
}

static void fail(struct bench_load *l, const struct dp_evt *e, const char *what)
{
	if (l->n_failed++ == 0)
		snprintf(l->failure, sizeof(l->failure), "%s: step %s, why %s, code %u, \"%.80s\"",
		         what, dp_step_name(e->step), dp_why_text(e->why), e->code,
		         e->text_bytes != 0 ? e->text : "");
}

/* What the gate sees of it. */
static void label(struct place *p, const uint8_t *at, uint32_t bytes)
{
	p->text[0] = (struct dp_text){ .bytes = span_str(subject), .part = DP_PART_SUBJECT };
	p->text[1] = (struct dp_text){ .bytes = span_of(at, HEAD_BYTES), .part = DP_PART_HEADER };
	p->text[2] = (struct dp_text){ .bytes = span_of(at + HEAD_BYTES, bytes - HEAD_BYTES),
		                       .part = DP_PART_TEXT };
}

/* Each message has bytes, an id and a recipient of its own. */
static bool submit(struct bench_load *l, uint32_t i)
{
	struct bench_load_conn *c = &l->conns[i];
	uint8_t *at = l->bytes + ((size_t)i * l->jobs_each + c->next) * place_bytes(&l->conf);
	struct place *p = (struct place *)(at + l->conf.message_bytes);
	char *id = strchr((char *)at + 60, '<');
	struct dp_job job = { .conn = c->handle,
		              .message = l->n_submitted,
		              .mail_from = span_str("news@bench.invalid"),
		              .rcpts = &p->rcpt,
		              .n_rcpts = 1,
		              .text = p->text,
		              .n_text = 3,
		              .n_wire = 1,
		              .size_bytes = l->conf.message_bytes };
	int n =
	    snprintf(p->address, sizeof(p->address), "r%u@sink.invalid", (uint32_t)l->n_submitted);

	assert(id != NULL);
	for (uint64_t k = 20, v = l->n_submitted; k > 0; k--, v /= 10)
		id[k] = (char)('0' + v % 10);
	p->rcpt = (struct dp_rcpt){ .address = span_of(p->address, (size_t)n) };
	label(p, at, l->conf.message_bytes);
	job.wire[0] = span_of(at, l->conf.message_bytes);
	if (dp_submit(l->dp, 0, &job) != 0)
		return false;
	l->n_submitted++;
	c->next = c->next + 1 == l->jobs_each ? 0 : c->next + 1;
	c->n_out++;
	return true;
}

/* As many as the session takes; a full ring is tried again. */
static void feed(struct bench_load *l, uint32_t i)
{
	struct bench_load_conn *c = &l->conns[i];

	if (!c->is_open || c->is_quitting || c->waits || l->is_held)
		return;
	while (c->n_out < l->jobs_each) {
		if (submit(l, i))
			continue;
		c->waits = true;
		l->retry[l->n_retry++] = i;
		return;
	}
}

static void feed_again(struct bench_load *l)
{
	uint32_t n = l->n_retry, *again = l->retry;

	l->retry = l->again;
	l->again = again;
	l->n_retry = 0;
	for (uint32_t k = 0; k < n; k++) {
		l->conns[again[k]].waits = false;
		feed(l, again[k]);
	}
}

void bench_load_let_go(struct bench_load *l)
{
	l->is_held = false;
	for (uint32_t i = 0; i < l->conf.conns; i++)
		feed(l, i);
}

static struct ip_addr host_of(const struct bench_load *l, uint32_t i)
{
	struct ip_addr a = l->conf.to;
	uint32_t low = (uint32_t)a.b[14] << 8 | a.b[15];

	low += i % l->conf.hosts;
	a.b[14] = (uint8_t)(low >> 8);
	a.b[15] = (uint8_t)low;
	return a;
}

/* Dials those that are not, in turn. */
static void dial_some(struct bench_load *l)
{
	const struct bench_load_conf *conf = &l->conf;

	for (uint32_t k = 0; k < DIALS_ONCE && l->n_dialled < conf->conns; k++) {
		uint32_t i = l->next_dial;
		struct dp_dial dial = { .conn = i,
			                .remote_port = 25,
			                .tls = conf->tls,
			                .window = (uint8_t)conf->window,
			                .remote = host_of(l, i),
			                /* its first message would only teach this */
			                .known = DP_KNOWN_BDAT_WORKS | DP_KNOWN_TOLD_APART };

		if (conf->dials_max != 0 && l->n_dialled - l->n_open >= conf->dials_max)
			return;
		/* A message that met a session gone is told of behind its end. */
		if (!l->conns[i].is_dialled && l->conns[i].n_out == 0) {
			snprintf(dial.host, sizeof(dial.host), "%s", conf->host);
			if (dp_connect(l->dp, 0, &dial) != 0)
				return;
			l->conns[i] = (struct bench_load_conn){ .is_dialled = true };
			l->n_dialled++;
		}
		l->next_dial = i + 1 == conf->conns ? 0 : i + 1;
	}
}

static void on_rcpt(struct bench_load *l, const struct dp_evt *e)
{
	struct bench_load_conn *c = &l->conns[e->conn];

	if (e->outcome == DP_OUT_DELIVERED)
		l->n_done++;
	else
		fail(l, e, "a message was not delivered");
	c->n_out--;
	if (l->conf.kind == BENCH_LOAD_SESSIONS && !c->is_quitting && c->is_open) {
		c->is_quitting = true;
		l->n_sessions += e->outcome == DP_OUT_DELIVERED;
		/* A full ring: the sink's patience ends it, and the bench fails by its rate. */
		while (dp_quit(l->dp, 0, c->handle) == -EAGAIN)
			continue;
	}
	feed(l, (uint32_t)e->conn);
}

static void on_event(struct bench_load *l, const struct dp_evt *e)
{
	struct bench_load_conn *c = &l->conns[e->conn];

	switch ((enum dp_evt_kind)e->kind) {
	case DP_EVT_OPEN:
		c->handle = e->handle;
		c->is_open = true;
		l->n_open++;
		if (l->conf.tls != DP_TLS_NONE && e->tls == 0)
			fail(l, e, "a session in the clear");
		feed(l, (uint32_t)e->conn);
		break;
	case DP_EVT_BODY_TAKEN:
		break;
	case DP_EVT_RCPT:
		on_rcpt(l, e);
		break;
	case DP_EVT_CLOSED:
		if (!c->is_quitting)
			fail(l, e, "a session ended");
		l->n_open -= c->is_open;
		l->n_dialled--;
		c->is_dialled = c->is_open = false;
		break;
	}
}

void bench_load_run(struct bench_load *l, uint64_t until_us, uint32_t until_open)
{
	struct pollfd wake = { .fd = dp_wake_fd(l->dp), .events = POLLIN };
	struct dp_evt evts[EVENTS];

	while (bench_load_now_us() < until_us && l->n_failed == 0 &&
	       (until_open == 0 || l->n_open < until_open)) {
		uint32_t n;

		dial_some(l);
		if (l->n_retry != 0)
			feed_again(l);
		n = dp_poll(l->dp, 0, evts, EVENTS);
		for (uint32_t i = 0; i < n; i++)
			on_event(l, &evts[i]);
		if (n != 0)
			continue;
		if (dp_about_to_sleep(l->dp))
			(void)poll(&wake, 1, NAP_MS);
		dp_awake(l->dp);
	}
}
