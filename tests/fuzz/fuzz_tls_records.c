/* fuzz_tls_records.c - whatever a server says under the right key or in spite of it, text is only
 * what was sealed as text, and nothing is told behind a failure.
 *
 * Input: version, size of the pieces, then steps: what is done, how much, the bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "dataplane/tls/tls.h"
#include "tests/dataplane/smtp/fake_tcp.h"
#include "tests/dataplane/tls/craft.h"
#include "tests/dataplane/tls/server.h"

enum { NOW_US = 1000000, STEP_BYTES_MAX = 255, ROOM = 1 << 16, TEXT = 23 };

enum step {
	STEP_RAW,     /* the bytes as they are */
	STEP_SEALED,  /* a record of theirs: the first is its type */
	STEP_SAYS,    /* the server says them */
	STEP_REKEYS,  /* the server asks for new keys, or another handshake */
	STEP_CHANGED, /* the server says them, and one bit changes on the way */
	STEP_GOODBYE,
	N_STEPS,
};

const struct tcp_ops smtp_tcp_ops; /* nobody here opens or closes */
static uint32_t n_failed, n_secured;
static uint64_t n_text, n_text_max;

static void on_secured(void *user, uint64_t now_us)
{
	(void)user, (void)now_us;
	n_secured++;
}

static void on_event(void *user, uint64_t now_us)
{
	(void)user, (void)now_us;
	if (n_failed > 0)
		abort();
}

static void on_received(void *user, uint64_t now_us, struct span bytes)
{
	(void)user, (void)now_us;
	n_text += bytes.bytes;
	if (n_failed > 0 || bytes.bytes == 0 || n_text > n_text_max)
		abort();
}

static void on_failed(void *user, uint64_t now_us, const char *why)
{
	(void)user, (void)now_us;
	if (++n_failed > 1 || why[0] == '\0')
		abort();
}

static struct tls *engine(struct tcp *tcp)
{
	static const struct tls_ops ops = { .secured = on_secured,
		                            .writable = on_event,
		                            .received = on_received,
		                            .peer_closed = on_event,
		                            .failed = on_failed };
	static struct dp_counters counters;
	static struct tls *tls;
	struct tls_conf conf = {
		.conns_max = 1, .sessions_max = 4, .counters = &counters, .ops = &ops
	};
	char why[TLS_WHY_BYTES];

	if (tls == NULL && tls_open(&conf, tcp, &tls, why) != 0)
		abort();
	return tls;
}

static void hand(struct tls_conn *c, const uint8_t *at, size_t bytes, size_t piece)
{
	for (size_t i = 0; i < bytes && n_failed == 0; i += piece)
		tls_received(c, NOW_US, span_of(at + i, bytes - i < piece ? bytes - i : piece));
}

/* Whatever the server has for the client; with `change` one bit of it is another. */
static bool carry(struct server *s, struct tls_conn *c, size_t piece, uint32_t change)
{
	static uint8_t bytes[ROOM];
	size_t n = server_gives(s, bytes, sizeof(bytes));

	if (n > 0 && change != 0)
		bytes[change / 8 % n] ^= (uint8_t)(1 << change % 8);
	hand(c, bytes, n, piece);
	return n > 0;
}

static void shake_hands(struct tls *tls, struct tcp *tcp, struct server *s, struct tls_conn *c,
                        tcp_id id)
{
	struct fake_conn *out = &tcp->conns[id];

	do {
		(void)tls_turn(tls, NOW_US);
		(void)server_takes(s, out->out + out->n_seen, out->n_flushed - out->n_seen);
		out->n_seen = out->n_flushed;
	} while (carry(s, c, ROOM, 0));
	if (n_secured != 1 || n_failed != 0)
		abort();
}

/* How much of a sealed record is text. RFC 8446 5.4: its type is the last byte that is not zero, so
 * with a type of zero the one before it.
 */
static size_t text_in(const uint8_t *at, size_t bytes)
{
	size_t n = bytes - 1;

	if (at[0] != 0)
		return at[0] == TEXT ? n : 0;
	while (n > 0 && at[n] == 0)
		n--;
	return n > 0 && at[n] == TEXT ? n - 1 : 0;
}

static void take_step(struct server *s, struct tls_conn *c, enum step step, const uint8_t *at,
                      size_t bytes, size_t piece, bool *is_crafted)
{
	uint8_t record[STEP_BYTES_MAX + CRAFT_OVER_BYTES];

	switch (step) {
	case STEP_RAW:
		hand(c, at, bytes, piece);
		break;
	case STEP_SEALED:
		if (bytes == 0 || !craft_can(c))
			break;
		n_text_max += text_in(at, bytes);
		hand(c, record, craft_record(c, at[0], at + 1, bytes - 1, bytes % 5, record),
		     piece);
		*is_crafted = true;
		break;
	case STEP_SAYS:
	case STEP_CHANGED:
		if (bytes > 0 && server_is_secure(s)) {
			n_text_max += *is_crafted ? 0 : bytes;
			server_says(s, at, bytes);
		}
		(void)carry(s, c, piece, step == STEP_CHANGED && bytes > 1 ? at[0] * 8u + 1 : 0);
		break;
	case STEP_REKEYS:
		server_asks_again(s);
		(void)carry(s, c, piece, 0);
		break;
	case STEP_GOODBYE:
		server_says_goodbye(s);
		(void)carry(s, c, piece, 0);
		break;
	case N_STEPS:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct server_conf confs[] = { { .version = 0x0304, .name = "mx.y.test" },
		                                    { .version = 0x0303, .name = "mx.y.test" } };
	static struct server *servers[2];
	static struct tcp tcp;
	struct tls_peer peer = { .host = "mx.y.test" };
	struct tls *tls = engine(&tcp);
	bool is_crafted = false, is_over = false;
	struct tls_conn *c;
	struct server *s;
	tcp_id id;

	if (size < 2)
		return 0;
	if (servers[data[0] % 2] == NULL)
		servers[data[0] % 2] = server_new(&confs[data[0] % 2]);
	s = servers[data[0] % 2];
	server_again(s);
	fake_reset(&tcp);
	n_failed = n_secured = 0;
	n_text = n_text_max = 0;
	if (tcp_connect(&tcp, NOW_US, NULL, NULL, 25, NULL, &id) != 0)
		abort();
	c = tls_start(tls, &peer, id, NULL);
	shake_hands(tls, &tcp, s, c, id);
	for (size_t at = 2; at + 2 <= size && n_failed == 0 && !is_over;) {
		enum step step = (enum step)(data[at] % N_STEPS);
		size_t bytes = data[at + 1] < size - at - 2 ? data[at + 1] : size - at - 2;

		take_step(s, c, step, data + at + 2, bytes, (size_t)data[1] + 1, &is_crafted);
		is_over = step == STEP_GOODBYE;
		at += 2 + bytes;
	}
	tls_goodbye(c, NOW_US);
	tls_stop(c);
	return 0;
}
