/* test_tls_wait.c - how long a segment of another connection waits while handshakes run.
 *
 *	test_dataplane_tls_tls_wait [SESSIONS [MICROSECONDS]]
 *
 * SESSIONS handshakes, whole and then resumed, begin together. Segments arrive all the while,
 * and are served at the beginning of the next turn, as the worker's loop does. Time is what
 * the client's side takes of the CPU: neither the servers in this process nor its neighbours
 * count. Prints the waits; exit status 1 when one in a hundred is above MICROSECONDS (3000; 0:
 * whatever it is), or a handshake fails.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "dataplane/tls/tls.h"
#include "tests/dataplane/tls/server.h"

enum {
	OUT_BYTES = 4096,
	BURST = 32,         /* of what one turn receives */
	SEGMENT_NS = 50000, /* one arrives, 20,000 a second */
	SERVE_NS = 1000,    /* and takes */
	NOW_US = 5000000,
};

struct conn {
	struct tls_conn *tls;
	struct server *server;
	struct conn *next; /* in `dirty` */
	bool is_dirty, is_done;
	uint32_t n_out;
	uint8_t out[OUT_BYTES];
};

struct tcp {
	struct conn *conns;
};

static struct {
	struct tcp tcp;
	struct tls *tls;
	struct server *server;
	struct dp_counters counters;
	struct conn *dirty; /* have something for their servers */
	uint32_t n, n_begun, n_done, n_failed;
	uint64_t now_ns, next_ns; /* virtual; when the next segment arrives */
	uint64_t *waits_ns;
	uint32_t n_waits, waits_room;
} w;

size_t tcp_write_room(struct tcp *tcp, tcp_id id)
{
	return OUT_BYTES - tcp->conns[id].n_out;
}

size_t tcp_write_start(struct tcp *tcp, tcp_id id, uint8_t **at)
{
	*at = tcp->conns[id].out + tcp->conns[id].n_out;
	return tcp_write_room(tcp, id);
}

void tcp_write_done(struct tcp *tcp, uint64_t now_us, tcp_id id, size_t bytes)
{
	(void)now_us;
	tcp->conns[id].n_out += (uint32_t)bytes;
}

size_t tcp_write(struct tcp *tcp, uint64_t now_us, tcp_id id, struct span bytes)
{
	uint8_t *at;

	assert(bytes.bytes <= tcp_write_start(tcp, id, &at));
	memcpy(at, bytes.at, bytes.bytes);
	tcp_write_done(tcp, now_us, id, bytes.bytes);
	return bytes.bytes;
}

void tcp_flush(struct tcp *tcp, uint64_t now_us, tcp_id id)
{
	struct conn *c = &tcp->conns[id];

	(void)now_us;
	if (c->is_dirty || c->n_out == 0)
		return;
	c->is_dirty = true;
	c->next = w.dirty;
	w.dirty = c;
}

static void on_secured(void *user, uint64_t now_us)
{
	(void)user, (void)now_us;
}

static void on_writable(void *user, uint64_t now_us)
{
	struct conn *c = user;
	uint8_t *at;

	if (tls_write_start(c->tls, now_us, &at) < 8)
		abort();
	memcpy(at, "EHLO x\r\n", 8);
	tls_write_done(c->tls, now_us, 8);
	tls_flush(c->tls, now_us);
	c->is_done = true;
	w.n_done++;
}

static void on_received(void *user, uint64_t now_us, struct span bytes)
{
	(void)user, (void)now_us, (void)bytes;
}

static void on_peer_closed(void *user, uint64_t now_us)
{
	(void)user, (void)now_us;
}

static void on_failed(void *user, uint64_t now_us, const char *why)
{
	(void)user, (void)now_us;
	fprintf(stderr, "handshake failed: %s\n", why);
	w.n_failed++;
}

static const struct tls_ops ops = { .secured = on_secured,
	                            .writable = on_writable,
	                            .received = on_received,
	                            .peer_closed = on_peer_closed,
	                            .failed = on_failed };

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* The segments that have come by now are served. */
static void serve(void)
{
	for (int i = 0; i < BURST && w.next_ns <= w.now_ns; i++) {
		if (w.n_waits == w.waits_room) {
			w.waits_room = w.waits_room * 2 + 1024;
			w.waits_ns = realloc(w.waits_ns, w.waits_room * sizeof(*w.waits_ns));
		}
		w.waits_ns[w.n_waits++] = w.now_ns - w.next_ns;
		w.now_ns += SERVE_NS;
		w.next_ns += SEGMENT_NS;
	}
}

/* As many connections as a burst has answers to STARTTLS. */
static void begin_some(void)
{
	struct tls_peer peer = { .host = "mx.y.test", .demand = TLS_CHECKED };

	for (int i = 0; i < BURST && w.n_begun < w.n; i++, w.n_begun++) {
		struct conn *c = &w.tcp.conns[w.n_begun];

		c->tls = tls_start(w.tls, &peer, w.n_begun, c);
		if (c->tls == NULL)
			abort();
	}
}

/* The servers answer in no time; what they say is received in the turns to come. */
static void answer(struct conn *c)
{
	static uint8_t bytes[1 << 16];
	uint64_t from_ns;
	size_t n;

	if (c->server == NULL)
		c->server = server_beside(w.server);
	if (!server_takes(c->server, c->out, c->n_out))
		w.n_failed++;
	c->n_out = 0;
	n = server_gives(c->server, bytes, sizeof(bytes));
	from_ns = cpu_ns();
	if (n > 0)
		tls_received(c->tls, NOW_US, span_of(bytes, n));
	w.now_ns += cpu_ns() - from_ns;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void turn(void)
{
	uint64_t from_ns;
	bool more;

	serve();
	from_ns = cpu_ns();
	begin_some();
	more = tls_turn(w.tls, NOW_US);
	w.now_ns += cpu_ns() - from_ns;
	for (int i = 0; i < BURST && w.dirty != NULL; i++) {
		struct conn *c = w.dirty;

		w.dirty = c->next;
		c->is_dirty = false;
		answer(c);
	}
	if (!more && w.now_ns < w.next_ns)
		w.now_ns = w.next_ns;
}

/* True when all went well and nobody waited too long. */
static bool run(const char *name, uint64_t p99_ns_max, uint64_t resumed_min)
{
	uint64_t p99, from_ns = w.now_ns;

	w.n_begun = w.n_done = w.n_waits = 0;
	memset(w.tcp.conns, 0, w.n * sizeof(*w.tcp.conns));
	while ((w.n_done < w.n || w.dirty != NULL) && w.n_failed == 0)
		turn();
	for (uint32_t i = 0; i < w.n_begun; i++) {
		tls_stop(w.tcp.conns[i].tls);
		if (w.tcp.conns[i].server != NULL)
			server_free(w.tcp.conns[i].server);
	}
	qsort(w.waits_ns, w.n_waits, sizeof(*w.waits_ns), by_size);
	p99 = w.waits_ns[w.n_waits / 100 * 99];
	printf("%u handshakes, %s: %.0f us each; %u segments waited: median %.0f us, p99 %.0f us, "
	       "most %.0f us\n",
	       w.n_done, name, (double)(w.now_ns - from_ns) / 1000 / w.n, w.n_waits,
	       (double)w.waits_ns[w.n_waits / 2] / 1000, (double)p99 / 1000,
	       (double)w.waits_ns[w.n_waits - 1] / 1000);
	return w.n_failed == 0 && (p99_ns_max == 0 || p99 <= p99_ns_max) &&
	       counter_read(&w.counters.tls_resumed) >= resumed_min;
}

int main(int argc, char **argv)
{
	static const struct server_conf server = { .version = 0x0304,
		                                   .name = "mx.y.test",
		                                   .has_chain = true };
	struct tls_conf conf = { .sessions_max = 64,
		                 .ca_file = server_ca_file(),
		                 .counters = &w.counters,
		                 .ops = &ops };
	uint64_t p99_ns_max = argc > 2 ? (uint64_t)atoi(argv[2]) * 1000 : 3000000;
	char why[TLS_WHY_BYTES];
	bool ok;

	w.n = argc > 1 ? (uint32_t)atoi(argv[1]) : 10000;
	if (w.n == 0)
		return 2;
	conf.conns_max = w.n;
	w.tcp.conns = calloc(w.n, sizeof(*w.tcp.conns));
	if (tls_open(&conf, &w.tcp, &w.tls, why) != 0)
		abort();
	w.server = server_new(&server);
	ok = run("whole", p99_ns_max, 0);
	ok = run("resumed", p99_ns_max, w.n / 2) && ok;
	server_free(w.server);
	tls_close(w.tls);
	free(w.tcp.conns);
	free(w.waits_ns);
	return ok ? 0 : 1;
}
