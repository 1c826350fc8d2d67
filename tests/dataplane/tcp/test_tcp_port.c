/* test_tcp_port.c - of a port with several workers, each takes only local ports whose replies are
 * its own, says in bounded time that there is none, and offers what it does not know to the others.
 */
#include "tests/dataplane/tcp/rig.h"
#include "tests/support/suite.h"

#include <errno.h>
#include <string.h>

enum { FIRST = 30000, LAST = 30255, QUEUES = 4, ME = 2, CONNS_MAX = 512 };

static struct landing landing;
static uint32_t n_strays;
static bool take_strays;

static bool on_stray(void *ctx, const struct net_seg *seg, uint16_t local_port,
                     uint16_t remote_port)
{
	const struct rig *r = ctx;

	CU_ASSERT_TRUE(ip_eq(&seg->local, &r->local) && ip_eq(&seg->remote, &r->remote));
	CU_ASSERT_EQUAL(local_port, r->local_port);
	CU_ASSERT_EQUAL(remote_port, r->peer_port);
	n_strays++;
	return take_strays;
}

static void open_one_of(struct rig *r, uint32_t queues, const struct landing_rss *rss)
{
	rig_conf(r);
	landing_init(&landing, queues, FIRST, LAST, rss);
	n_strays = 0;
	r->conf.port_first = FIRST;
	r->conf.port_last = LAST;
	r->conf.conns_max = CONNS_MAX;
	r->conf.trace = NULL;
	r->conf.landing = &landing;
	r->conf.landing_me = ME;
	r->conf.stray = on_stray;
	r->conf.stray_ctx = r;
	rig_open(r);
}

/* Connects until there is no port left. Returns how many; each port must be this worker's. */
static uint32_t connect_all(struct rig *r, uint32_t *above_split)
{
	bool seen[LAST + 1] = { false };
	uint32_t n = 0;
	int rc;

	*above_split = 0;
	while ((rc = rig_connect(r)) == 0) {
		uint16_t port = rig_next(r)->head.source_port;
		struct landing_tuple t = { &r->local, &r->remote, port, r->peer_port };

		CU_ASSERT_TRUE(port >= FIRST && port <= LAST);
		CU_ASSERT_EQUAL(landing_owner(&landing, &t), ME);
		CU_ASSERT_FALSE(seen[port]);
		seen[port] = true;
		*above_split += !landing_is_by_port(&landing, port);
		n++;
	}
	CU_ASSERT_EQUAL(rc, -EADDRNOTAVAIL);
	return n;
}

static uint32_t owned_by_me(struct rig *r)
{
	uint32_t n = 0;

	for (uint32_t p = FIRST; p <= LAST; p++) {
		struct landing_tuple t = { &r->local, &r->remote, (uint16_t)p, r->peer_port };

		n += landing_owner(&landing, &t) == ME;
	}
	return n;
}

static void a_partition_gives_each_its_part_of_the_ports_to_the_last(void)
{
	struct rig r;
	uint32_t above;

	open_one_of(&r, QUEUES, NULL);
	CU_ASSERT_EQUAL(connect_all(&r, &above), (LAST - FIRST + 1) / QUEUES);
	CU_ASSERT_EQUAL(above, 0);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_ports_exhausted), 1);
	/* To another destination all of them are free again. */
	r.peer_port = 587;
	CU_ASSERT_EQUAL(connect_all(&r, &above), (LAST - FIRST + 1) / QUEUES);
	rig_close(&r);
}

/* A device that keeps its word, until the trial has ended. */
static void pass_the_trial(const struct landing_rss *rss)
{
	static struct landing_hash h;

	landing_hash_init(&h, rss, LANDING_KEY_REVERSED);
	for (uint32_t i = 0; landing_mode(&landing) == LANDING_TRIAL && i < 10000; i++) {
		struct ip_addr a, b;
		struct landing_tuple t = { &a, &b, (uint16_t)(FIRST + i), 25 };
		const uint8_t remote[4] = { 10, 1, (uint8_t)(i >> 8), (uint8_t)i };

		ip_parse("10.0.0.2", &a);
		b = ip_from_v4(remote);
		landing_hear(&landing, &t, rss->table[landing_hash_of(&h, &t) % rss->table_size],
		             false, 0);
	}
	CU_ASSERT_EQUAL_FATAL(landing_mode(&landing), LANDING_PREDICT);
}

static void foretold_ports_are_taken_first_and_the_others_when_they_are_used_up(void)
{
	struct landing_rss rss = { .key_bytes = 40, .table_size = 128, .v4 = true, .v6 = true };
	struct rig r;
	uint32_t above, first;

	for (uint32_t i = 0; i < 40; i++)
		rss.key[i] = (uint8_t)(i * 73 + 19);
	for (uint32_t i = 0; i < 128; i++)
		rss.table[i] = (uint16_t)(i * 5 / 3 % QUEUES);
	open_one_of(&r, QUEUES, &rss);
	pass_the_trial(&rss);
	CU_ASSERT_EQUAL(rig_connect(&r), 0);
	first = rig_next(&r)->head.source_port;
	CU_ASSERT_FALSE(landing_is_by_port(&landing, (uint16_t)first));
	CU_ASSERT_EQUAL(connect_all(&r, &above) + 1, owned_by_me(&r));
	CU_ASSERT_TRUE(above > 0 && above + 1 < owned_by_me(&r));
	rig_close(&r);
}

static void when_the_word_was_broken_partitioned_ports_come_first(void)
{
	struct landing_rss rss = { .key_bytes = 40, .table_size = 64, .v4 = true, .v6 = true };
	struct rig r;

	for (uint32_t i = 0; i < 40; i++)
		rss.key[i] = (uint8_t)(i * 29 + 5);
	for (uint32_t i = 0; i < 64; i++)
		rss.table[i] = (uint16_t)(i % QUEUES);
	open_one_of(&r, QUEUES, &rss);
	pass_the_trial(&rss);
	CU_ASSERT_TRUE(landing_give_up(&landing));
	CU_ASSERT_EQUAL(rig_connect(&r), 0);
	CU_ASSERT_TRUE(landing_is_by_port(&landing, rig_next(&r)->head.source_port));
	rig_close(&r);
}

/* A device whose table never leads to this worker: no port will do, and 64,512 are tried. */
static void no_port_at_all_is_an_error_in_bounded_time(void)
{
	struct landing_rss rss = { .key_bytes = 40, .table_size = 64, .v4 = true, .v6 = true };
	struct rig r;

	open_one_of(&r, QUEUES, &rss); /* all zero: queue 0 */
	landing.port_first = landing.port_split = 1024;
	landing.port_last = 65535;
	atomic_store(&landing.has_hash, true);
	atomic_store(&landing.mode, LANDING_PREDICT);
	landing_hash_init(&landing.hash, &rss, 0);
	CU_ASSERT_EQUAL(rig_connect(&r), -EADDRNOTAVAIL);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_ports_exhausted), 1);
	rig_close(&r);
}

static void a_stranger_is_offered_to_the_others_before_it_is_reset(void)
{
	struct rig r;

	open_one_of(&r, QUEUES, NULL);
	r.local_port = FIRST + 1;
	take_strays = true;
	rig_in(&r, TCP_ACK, NULL, 0, 1000);
	CU_ASSERT_EQUAL(n_strays, 1);
	CU_ASSERT_PTR_NULL(rig_next(&r));
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_no_match), 0);
	take_strays = false;
	rig_in(&r, TCP_ACK, NULL, 0, 1000);
	CU_ASSERT_EQUAL(n_strays, 2);
	CU_ASSERT_EQUAL(rig_next(&r)->head.flags, TCP_RST);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_no_match), 1);
	rig_close(&r);
}

static void what_is_known_is_offered_to_nobody(void)
{
	static const struct rig_options plain = { .mss = 1460, .window = 1000, .wscale = 0 };
	struct rig r;

	open_one_of(&r, QUEUES, NULL);
	rig_establish(&r, &plain);
	rig_in(&r, TCP_ACK, "220 hello\r\n", 11, 1000);
	CU_ASSERT_EQUAL(r.user.rx_bytes, 11);
	CU_ASSERT_EQUAL(n_strays, 0);
	rig_close(&r);
}

SUITE("dataplane/tcp/tcp_port", TEST(a_partition_gives_each_its_part_of_the_ports_to_the_last),
      TEST(foretold_ports_are_taken_first_and_the_others_when_they_are_used_up),
      TEST(when_the_word_was_broken_partitioned_ports_come_first),
      TEST(no_port_at_all_is_an_error_in_bounded_time),
      TEST(a_stranger_is_offered_to_the_others_before_it_is_reset),
      TEST(what_is_known_is_offered_to_nobody))
