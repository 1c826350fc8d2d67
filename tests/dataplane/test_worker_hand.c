/* test_worker_hand.c - what reaches a worker that it does not belong to goes to its owner, once.
 *
 * Four workers of one port in one thread, with engines that only note what they are given. A frame
 * is a few bytes: what kind it is, and its ports. Frames have many references, so freeing one shows
 * in its count and needs no pool.
 */
#include "dataplane/worker_int.h"
#include "tests/dataplane/fake_engines.h"
#include "tests/support/suite.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_mbuf.h>

enum { WORKERS = 4, FRAMES = 2000, REFS = 10, REMOTE_PORT = 25 };
enum kind { KIND_TCP, KIND_ICMP, KIND_WRITER, KIND_WORD };

static struct worker *workers[WORKERS];
static struct landing landing;
static struct handoff *handoff;
static struct port port;
static struct rte_mbuf frames[FRAMES];
static uint8_t bytes[FRAMES][32];
static uint32_t n_frames;
static uint32_t taken[WORKERS]; /* frames that each queue has looked at */
static uint32_t queue_of[FRAMES];
static uint32_t connection_of; /* the one worker that has every connection; WORKERS: nobody */
static uint32_t n_took[WORKERS], n_reset[WORKERS], n_frames_at_writer, n_words;
static char logged[DP_WHY_BYTES];

static uint16_t rx_burst(void *dev, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	uint16_t got = 0;

	(void)dev;
	for (; taken[queue] < n_frames && got < n; taken[queue]++)
		if (queue_of[taken[queue]] == queue)
			m[got++] = &frames[taken[queue]];
	return got;
}

static enum net_in input(struct net *net, struct rte_mbuf *m, struct net_seg *seg,
                         struct net_icmp *icmp)
{
	const uint8_t *b = rte_pktmbuf_mtod(m, const uint8_t *);

	(void)net;
	ip_parse("10.0.0.2", &seg->local);
	ip_parse("10.0.0.9", &seg->remote);
	switch ((enum kind)b[0]) {
	case KIND_TCP:
		seg->tcp = span_of(b + 4, 20);
		return NET_IN_TCP;
	case KIND_ICMP:
		*icmp = (struct net_icmp){ .local = seg->local,
			                   .remote = seg->remote,
			                   .local_port = (uint16_t)(b[6] << 8 | b[7]),
			                   .remote_port = REMOTE_PORT };
		rte_pktmbuf_free(m);
		return NET_IN_ICMP;
	default:
		if (net != workers[0]->net)
			return NET_IN_WRITER;
		n_frames_at_writer++;
		rte_pktmbuf_free(m);
		return NET_IN_DONE;
	}
}

static bool has(uint32_t me, uint16_t local_port)
{
	(void)local_port;
	return me == connection_of;
}

static void took(uint32_t me, uint16_t local_port)
{
	(void)local_port;
	n_took[me]++;
}

static void reset(uint32_t me, uint16_t local_port)
{
	(void)local_port;
	n_reset[me]++;
}

static void told(const struct net_word *word)
{
	CU_ASSERT_EQUAL(word->kind, NET_WORD_RESOLVE);
	n_words++;
}

static void note_log(enum dp_log_level level, const char *line)
{
	(void)level;
	snprintf(logged, sizeof(logged), "%s", line);
}

static struct worker *worker_new(uint16_t queue)
{
	static const struct dp_port_conf port_conf = { .name = "p0" };
	static const struct dp_conf dp = { .ports = &port_conf, .log = note_log };
	static const struct ip_prefix own;
	struct worker *w = aligned_alloc(64, (sizeof(*w) + 63) / 64 * 64);
	struct net_conf net = { .addrs = &own };
	struct tcp_conf tcp = { .landing_me = queue, .stray = worker_on_stray, .stray_ctx = w };

	memset(w, 0, sizeof(*w));
	w->conf = &dp;
	w->port = &port;
	w->queue = queue;
	w->landing = &landing;
	w->handoff = handoff;
	w->net_due_us = w->stale.due_us = UINT64_MAX;
	net_open(&net, &w->net);
	tcp_open(&tcp, 0, &w->tcp);
	CU_ASSERT_EQUAL_FATAL(wake_init(&w->wake), 0);
	handoff_set_wake(handoff, queue, &w->wake);
	return w;
}

/* `split`: ports from there on are the device's to bring, by a table that gives all to queue 3. */
static void make(uint32_t split)
{
	static const struct port_io io = { .rx_burst = rx_burst };
	struct landing_rss rss = { .key_bytes = 40, .table_size = 64, .v4 = true, .v6 = true };

	fake_hooks = (struct fake_hooks){
		.input = input, .told = told, .has = has, .took = took, .reset = reset
	};
	for (unsigned i = 0; i < 64; i++)
		rss.table[i] = 3;
	landing_init(&landing, WORKERS, 1024, 65535, &rss);
	landing.port_split = split;
	landing_hash_init(&landing.hash, &rss, 0);
	atomic_store(&landing.has_hash, true);
	atomic_store(&landing.mode, LANDING_PREDICT);
	port_use(&port, &io, NULL);
	CU_ASSERT_EQUAL_FATAL(handoff_open(WORKERS, &handoff), 0);
	for (uint16_t q = 0; q < WORKERS; q++)
		workers[q] = worker_new(q);
	n_frames = n_frames_at_writer = n_words = 0;
	connection_of = WORKERS;
	memset(taken, 0, sizeof(taken));
	memset(n_took, 0, sizeof(n_took));
	memset(n_reset, 0, sizeof(n_reset));
	logged[0] = '\0';
}

static uint64_t sum_of(size_t counter_at)
{
	uint64_t sum = 0;

	for (unsigned q = 0; q < WORKERS; q++)
		sum += counter_read(
		    (const _Atomic uint64_t *)(const void *)((const char *)&workers[q]->counters +
		                                             counter_at));
	return sum;
}
#define SUM(counter) sum_of(offsetof(struct dp_counters, counter))

static void give(uint32_t queue, enum kind kind, uint16_t local_port)
{
	struct rte_mbuf *m = &frames[n_frames];
	uint8_t *b = bytes[n_frames];

	*m = (struct rte_mbuf){ .buf_addr = b, .pkt_len = 24, .data_len = 24, .nb_segs = 1 };
	rte_mbuf_refcnt_set(m, REFS);
	memset(b, 0, sizeof(bytes[0]));
	b[0] = (uint8_t)kind;
	b[5] = REMOTE_PORT;
	b[6] = (uint8_t)(local_port >> 8);
	b[7] = (uint8_t)local_port;
	queue_of[n_frames++] = queue;
}

/* Every worker has a turn, until nothing moves. */
static void turn_all(void)
{
	bool found = true;

	for (unsigned i = 0; found && i < 200; i++) {
		found = false;
		for (unsigned q = 0; q < WORKERS; q++)
			found |= worker_turn(workers[q], 1000000);
	}
	CU_ASSERT_FALSE(found);
}

/* Ends it: each frame was freed exactly once. */
static void end(void)
{
	handoff_close(handoff);
	for (uint32_t i = 0; i < n_frames; i++)
		if (rte_mbuf_refcnt_read(&frames[i]) != REFS - 1)
			CU_FAIL("a frame was lost or freed twice");
	for (unsigned q = 0; q < WORKERS; q++) {
		net_close(workers[q]->net);
		tcp_close_engine(workers[q]->tcp);
		wake_fini(&workers[q]->wake);
		free(workers[q]);
	}
	fake_hooks = (struct fake_hooks){ .input = NULL };
}

static void a_partitioned_port_number_leads_to_its_owner_from_every_queue(void)
{
	make(65536);
	connection_of = 2;
	for (uint32_t q = 0; q < WORKERS; q++)
		give(q, KIND_TCP, 4002); /* 4002 % 4 == 2 */
	turn_all();
	CU_ASSERT_EQUAL(n_took[2], WORKERS);
	CU_ASSERT_EQUAL(SUM(handed_out), WORKERS - 1);
	CU_ASSERT_EQUAL(SUM(handed_in), WORKERS - 1);
	CU_ASSERT_EQUAL(SUM(rx_wrong_core), 0); /* nobody foretold anything */
	end();
}

static void what_the_device_brought_wrong_is_handed_to_its_owner_and_counted(void)
{
	make(1024);
	connection_of = 3;
	give(3, KIND_TCP, 4000);
	give(1, KIND_TCP, 4000);
	turn_all();
	CU_ASSERT_EQUAL(n_took[3], 2);
	CU_ASSERT_EQUAL(SUM(handed_out), 1);
	CU_ASSERT_EQUAL(SUM(rx_wrong_core), 1);
	end();
}

static void what_nobody_has_is_reset_by_its_owner_once(void)
{
	make(10000);
	for (uint32_t q = 0; q < WORKERS; q++) {
		give(q, KIND_TCP, 4001);  /* worker 1's by number */
		give(q, KIND_TCP, 20000); /* worker 3's by hash */
	}
	turn_all();
	CU_ASSERT_EQUAL(n_reset[1], WORKERS);
	CU_ASSERT_EQUAL(n_reset[3], WORKERS);
	CU_ASSERT_EQUAL(n_reset[0] + n_reset[2], 0);
	CU_ASSERT_EQUAL(SUM(handed_out), 2 * (WORKERS - 1));
	end();
}

static void an_icmp_error_goes_to_the_owner_of_what_it_quotes(void)
{
	make(10000);
	connection_of = 3;
	give(0, KIND_ICMP, 20000);
	give(3, KIND_ICMP, 20000);
	turn_all();
	CU_ASSERT_EQUAL(n_took[3], 2);
	CU_ASSERT_EQUAL(SUM(handed_out), 1);
	connection_of = WORKERS; /* one that nobody has travels once and is forgotten */
	give(0, KIND_ICMP, 20000);
	turn_all();
	CU_ASSERT_EQUAL(SUM(handed_out), 2);
	end();
}

static void frames_and_words_for_the_writer_reach_it(void)
{
	struct net_word word = { .kind = NET_WORD_RESOLVE };

	make(65536);
	for (uint32_t q = 0; q < WORKERS; q++)
		give(q, KIND_WRITER, 0);
	CU_ASSERT_TRUE(worker_on_word(workers[2], &word));
	turn_all();
	CU_ASSERT_EQUAL(n_frames_at_writer, WORKERS);
	CU_ASSERT_EQUAL(n_words, 1);
	CU_ASSERT_EQUAL(workers[0]->askers, 1u << 2);
	end();
}

static void what_finds_a_full_ring_is_dropped_and_counted(void)
{
	struct net_word word = { .kind = NET_WORD_RESOLVE };

	make(65536);
	connection_of = 0;
	for (unsigned i = 0; i < HANDOFF_CELLS + 100; i++)
		give(1, KIND_TCP, 4000);
	while (taken[1] < n_frames) /* its owner does not get a turn */
		(void)worker_turn(workers[1], 1000000);
	CU_ASSERT_EQUAL(SUM(handoff_full), 100);
	CU_ASSERT_FALSE(worker_on_word(workers[1], &word)); /* said again later */
	turn_all();
	CU_ASSERT_EQUAL(n_took[0], HANDOFF_CELLS);
	end();
}

static void what_is_left_in_a_ring_at_the_end_is_freed(void)
{
	make(65536);
	give(1, KIND_TCP, 4000);
	give(1, KIND_WRITER, 0);
	(void)worker_turn(workers[1], 1000000);
	CU_ASSERT_EQUAL(SUM(handed_out), 2);
	end();
}

static void who_sleeps_is_woken_once_for_all_of_a_turn(void)
{
	struct pollfd p;
	uint64_t signals = 0;

	make(65536);
	connection_of = 2;
	wake_about_to_sleep(&workers[2]->wake);
	CU_ASSERT_FALSE(worker_has_handed(workers[2]));
	for (unsigned i = 0; i < 10; i++)
		give(1, KIND_TCP, 4002);
	(void)worker_turn(workers[1], 1000000);
	p = (struct pollfd){ .fd = workers[2]->wake.fd, .events = POLLIN };
	CU_ASSERT_EQUAL(poll(&p, 1, 0), 1);
	CU_ASSERT_TRUE(worker_has_handed(workers[2]));
	CU_ASSERT_EQUAL(read(workers[2]->wake.fd, &signals, sizeof(signals)), 8);
	CU_ASSERT_EQUAL(signals, 1);
	turn_all();
	CU_ASSERT_FALSE(worker_has_handed(workers[2]));
	CU_ASSERT_EQUAL(n_took[2], 10);
	end();
}

static void timers_wait_while_much_is_being_handed_over(void)
{
	uint32_t ticks;

	make(65536);
	connection_of = 0;
	for (unsigned i = 0; i < 100; i++)
		give(1, KIND_TCP, 4000);
	while (taken[1] < n_frames)
		(void)worker_turn(workers[1], 1000000);
	ticks = fake_ticks();
	(void)worker_turn(workers[0], 1000000);
	CU_ASSERT_EQUAL(n_took[0], WORKER_HANDED_BURST);
	CU_ASSERT_EQUAL(fake_ticks(), ticks);
	(void)worker_turn(workers[0], 1000000);
	CU_ASSERT_EQUAL(n_took[0], 100);
	CU_ASSERT_EQUAL(fake_ticks(), ticks + 1);
	end();
}

static void a_device_that_breaks_its_word_is_believed_no_longer(void)
{
	make(1024);
	connection_of = 3;
	for (unsigned i = 0; i < 300; i++)
		give(i % 10 == 0 ? 0 : 3, KIND_TCP, 4000); /* a tenth: within what is borne */
	turn_all();
	worker_look_at_landing(workers[3]);
	CU_ASSERT_EQUAL(landing_mode(&landing), LANDING_PREDICT);
	for (unsigned i = 0; i < 300; i++)
		give(i % 4 == 0 ? 0 : 3, KIND_TCP, 4000);
	turn_all();
	worker_look_at_landing(workers[3]);
	CU_ASSERT_EQUAL(landing_mode(&landing), LANDING_PARTITION);
	CU_ASSERT_PTR_NOT_NULL(strstr(logged, "port \"p0\": replies no longer land"));
	logged[0] = '\0';
	/* What it brings is found as before. */
	give(0, KIND_TCP, 4000);
	turn_all();
	CU_ASSERT_EQUAL(n_took[3], 601);
	CU_ASSERT_EQUAL(n_reset[0] + n_reset[3], 0);
	worker_look_at_landing(workers[3]);
	CU_ASSERT_STRING_EQUAL(logged, ""); /* said once */
	end();
}

SUITE("dataplane/worker_hand", TEST(a_partitioned_port_number_leads_to_its_owner_from_every_queue),
      TEST(what_the_device_brought_wrong_is_handed_to_its_owner_and_counted),
      TEST(what_nobody_has_is_reset_by_its_owner_once),
      TEST(an_icmp_error_goes_to_the_owner_of_what_it_quotes),
      TEST(frames_and_words_for_the_writer_reach_it),
      TEST(what_finds_a_full_ring_is_dropped_and_counted),
      TEST(what_is_left_in_a_ring_at_the_end_is_freed),
      TEST(who_sleeps_is_woken_once_for_all_of_a_turn),
      TEST(timers_wait_while_much_is_being_handed_over),
      TEST(a_device_that_breaks_its_word_is_believed_no_longer))
