/* fuzz_sink.c - the sink with any client and, in front of it, any script.
 *
 * Holds: nothing is said behind the end of a session, and it ends once; what is said are lines that
 * begin with three digits unless a script said otherwise; every letter that a keeper was given
 * ends; no octet of the input is read beyond it (each piece is a copy of its own).
 *
 * Input: a script, a NUL, then pairs (operation, argument), a client's octets behind theirs.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/smtp/sink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { CONNS = 3 };

struct conn {
	struct sink_session *session;
	bool is_over, is_secure;
};

static struct {
	struct conn conns[CONNS];
	uint32_t n_letters;
	bool has_no_room, has_no_place;
	bool is_scripted;
} w;

static bool on_say(void *user, struct span bytes)
{
	struct conn *c = user;

	assert(!c->is_over && bytes.bytes > 0);
	if (w.has_no_room)
		return false;
	if (!w.is_scripted) {
		assert(bytes.bytes >= 6 && bytes.at[bytes.bytes - 2] == '\r' &&
		       bytes.at[bytes.bytes - 1] == '\n');
		assert(bytes.at[0] >= '2' && bytes.at[0] <= '5');
	}
	return true;
}

static void on_flush(void *user)
{
	(void)user;
}

static void on_secure(void *user)
{
	struct conn *c = user;

	assert(!c->is_over);
	c->is_secure = true;
}

static void on_slow(void *user, uint32_t bytes_per_s)
{
	(void)user, (void)bytes_per_s;
}

static void on_end(void *user, enum sink_end how)
{
	struct conn *c = user;

	(void)how;
	assert(!c->is_over);
	c->is_over = true;
}

static void *on_mail(void *ctx, const struct sink_facts *facts, struct span args)
{
	void *letter = malloc(1);

	(void)ctx, (void)args;
	assert(facts->helo != NULL);
	w.n_letters++;
	return letter;
}

static bool on_rcpt(void *letter, struct span args)
{
	(void)letter;
	return args.bytes > 0;
}

static bool on_bytes(void *letter, struct span bytes)
{
	(void)letter;
	assert(bytes.bytes > 0);
	return !w.has_no_place;
}

static void on_letter_end(void *letter, bool is_accepted)
{
	(void)is_accepted;
	free(letter);
	assert(w.n_letters-- > 0);
}

static void connect_one(struct sink *k, struct conn *c, uint64_t now_us, uint8_t arg)
{
	const uint8_t v4[4] = { 192, 0, 2, (uint8_t)(arg >> 6) };
	struct ip_addr peer = ip_from_v4(v4);

	if (c->session != NULL)
		return;
	*c = (struct conn){ .session = sink_begin(k, now_us, &peer, &peer, c) };
	if (c->session != NULL)
		sink_greet(c->session, now_us, (arg & 32) != 0);
}

static void say(struct conn *c, uint64_t now_us, struct span *rest, uint8_t arg)
{
	struct span said;
	uint8_t *copy;

	if (c->session == NULL || !span_take(rest, arg >> 2, &said))
		return;
	copy = malloc(said.bytes + 1);
	memcpy(copy, said.at, said.bytes);
	sink_received(c->session, now_us, span_of(copy, said.bytes));
	free(copy);
}

static void finish(struct conn *c, uint64_t now_us)
{
	if (c->session != NULL)
		sink_finish(c->session, now_us);
	c->session = NULL;
}

/* What an ordinary client says, so that the input need not spell it. */
static void say_usual(struct conn *c, uint64_t now_us, uint8_t arg)
{
	static const char *const usual[] = {
		"EHLO c.test\r\n",
		"MAIL FROM:<a@b>\r\n",
		"RCPT TO:<c@d>\r\n",
		"DATA\r\n",
		"x\r\n.\r\n",
		"BDAT 3\r\nabcBDAT 2 LAST\r\nde",
		"RCPT TO:<451-1+delay.message-9ms+close.body-2+x@d>\r\n",
		"STARTTLS\r\n",
	};

	if (c->session != NULL)
		sink_received(c->session, now_us, span_str(usual[arg / 4 % 8]));
}

static void play(struct sink *k, struct span rest)
{
	uint64_t now_us = 1000000;
	uint8_t op, arg;

	while (span_take_u8(&rest, &op) && span_take_u8(&rest, &arg)) {
		struct conn *c = &w.conns[arg % CONNS];

		switch (op % 9) {
		case 0:
			connect_one(k, c, now_us, arg);
			break;
		case 1:
		case 2:
			say(c, now_us, &rest, arg);
			break;
		case 3:
			say_usual(c, now_us, arg);
			break;
		case 4:
			if (c->session != NULL && c->is_secure)
				sink_secured(c->session, now_us);
			break;
		case 5:
			if (c->session != NULL)
				sink_peer_closed(c->session, now_us);
			break;
		case 6:
			finish(c, now_us);
			break;
		case 7:
			w.has_no_room = (arg & 1) != 0;
			w.has_no_place = (arg & 2) != 0;
			break;
		case 8:
			now_us += (uint64_t)arg * arg * 1000;
			(void)sink_tick(k, now_us, 100);
			break;
		}
	}
	for (int i = 0; i < CONNS; i++)
		finish(&w.conns[i], now_us);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static const struct sink_below below = { .say = on_say,
		                                 .flush = on_flush,
		                                 .secure = on_secure,
		                                 .slow = on_slow,
		                                 .end = on_end };
	static const struct sink_keeper keeper = {
		.mail = on_mail, .rcpt = on_rcpt, .bytes = on_bytes, .end = on_letter_end
	};
	struct sink_conf conf = { .host = "s.test",
		                  .conns_max = 2,
		                  .seen_max = 8,
		                  .rcpts_max = 3,
		                  .message_bytes_max = 1000,
		                  .idle_ms = 5000,
		                  .offers = (1u << SINK_N_EXTS) - 1,
		                  .obeys_rcpts = true,
		                  .below = &below,
		                  .keeper = &keeper };
	const uint8_t *nul = memchr(data, '\0', bytes);
	size_t n = nul != NULL ? (size_t)(nul - data) : 0;
	struct sink_script *script = NULL;
	char why[SINK_WHY_BYTES];
	struct sink *k;

	memset(&w, 0, sizeof(w));
	if (n > 0 && sink_script_parse(span_of(data, n), &script, why) != 0)
		assert(strncmp(why, "line ", 5) == 0 || strstr(why, "bytes") != NULL);
	w.is_scripted = script != NULL;
	conf.script = script;
	conf.is_lmtp = bytes % 2 != 0;
	if (sink_open(&conf, 0, &k) != 0)
		abort();
	play(k, span_of(data + n + (nul != NULL), bytes - n - (nul != NULL)));
	assert(w.n_letters == 0);
	sink_close(k);
	sink_script_free(script);
	return 0;
}
