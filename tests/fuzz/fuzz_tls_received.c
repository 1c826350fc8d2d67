/* fuzz_tls_received.c - whatever a server sends instead of a handshake, the connection ends or
 * waits; it is never secured by noise, and never told anything after it failed.
 *
 * Input: how much is demanded, the size of the pieces, the bytes.
 */
#include <stdlib.h>

#include "dataplane/tls/tls.h"
#include "tests/dataplane/smtp/fake_tcp.h"

enum { NOW_US = 1000000 };

const struct tcp_ops smtp_tcp_ops; /* nobody here opens or closes */
static uint32_t n_failed;

static void never(void *user, uint64_t now_us)
{
	(void)user, (void)now_us;
	abort();
}

static void never_bytes(void *user, uint64_t now_us, struct span bytes)
{
	(void)user, (void)now_us, (void)bytes;
	abort();
}

static void on_failed(void *user, uint64_t now_us, const char *why)
{
	(void)user, (void)now_us;
	if (++n_failed > 1 || why[0] == '\0')
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct tls_ops ops = { .secured = never,
		                            .writable = never,
		                            .received = never_bytes,
		                            .peer_closed = never,
		                            .failed = on_failed };
	static struct dp_counters counters;
	static struct tcp tcp;
	static struct tls *tls;
	struct tls_conf conf = {
		.conns_max = 1, .sessions_max = 4, .counters = &counters, .ops = &ops
	};
	struct tls_peer peer = { .host = "mx.y.test" };
	char why[TLS_WHY_BYTES];
	struct tls_conn *c;
	size_t piece;
	tcp_id id;

	if (size < 2)
		return 0;
	if (tls == NULL && tls_open(&conf, &tcp, &tls, why) != 0)
		abort();
	fake_reset(&tcp);
	n_failed = 0;
	peer.demand = (enum tls_demand)(data[0] % 3);
	piece = (size_t)data[1] + 1;
	if (tcp_connect(&tcp, NOW_US, NULL, NULL, 25, NULL, &id) != 0)
		abort();
	c = tls_start(tls, &peer, id, NULL);
	(void)tls_turn(tls, NOW_US);
	for (size_t at = 2; at < size; at += piece) {
		tls_received(c, NOW_US, span_of(data + at, size - at < piece ? size - at : piece));
		(void)tls_turn(tls, NOW_US);
	}
	tls_finish(c, NOW_US);
	tls_goodbye(c, NOW_US);
	tls_stop(c);
	return 0;
}
