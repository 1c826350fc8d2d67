/* test_landing.c - everybody agrees who owns a tuple, and a hash is believed when it explains.
 *
 * Random keys and tables come from a fixed seed. The device is a function of (tuple) -> queue,
 * written bit by bit beside the product's.
 */
#include "dataplane/base/landing.h"
#include "tests/support/suite.h"

enum { FIRST = 1024, LAST = 65535 };

static uint64_t seed = 0x2545f4914f6cdd1dull;

static uint32_t draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32);
}

static struct landing_rss random_rss(uint32_t key_bytes, uint32_t table_size, uint32_t n_queues)
{
	struct landing_rss rss = {
		.key_bytes = key_bytes, .table_size = table_size, .v4 = true, .v6 = true
	};

	for (uint32_t i = 0; i < key_bytes; i++)
		rss.key[i] = (uint8_t)draw();
	for (uint32_t i = 0; i < table_size; i++)
		rss.table[i] = (uint16_t)(draw() % n_queues);
	return rss;
}

static struct ip_addr random_addr(bool v4)
{
	struct ip_addr a;
	uint8_t b[4];

	for (unsigned i = 0; i < 16; i++)
		a.b[i] = (uint8_t)draw();
	a.b[0] = 0x20;
	memcpy(b, a.b, 4);
	return v4 ? ip_from_v4(b) : a;
}

/* A device's hash, written down as the specification says it: for each bit of the input, most
 * significant first, add the leftmost 32 bits of the key, then turn the key left by one.
 */
static uint32_t device_hash(const struct landing_rss *rss, unsigned variant,
                            const struct landing_tuple *t)
{
	uint8_t in[36], key[LANDING_KEY_MAX];
	unsigned n = 0, from = ip_is_v4(t->local) ? 12 : 0;
	uint32_t hash = variant & LANDING_FROM_ONES ? 0xffffffff : 0;

	for (unsigned i = from; i < 16; i++)
		in[n++] = t->remote->b[i];
	for (unsigned i = from; i < 16; i++)
		in[n++] = t->local->b[i];
	in[n++] = (uint8_t)(t->rport >> 8);
	in[n++] = (uint8_t)t->rport;
	in[n++] = (uint8_t)(t->lport >> 8);
	in[n++] = (uint8_t)t->lport;
	for (unsigned i = 0; i < rss->key_bytes; i++)
		key[i] = rss->key[variant & LANDING_KEY_REVERSED ? rss->key_bytes - 1 - i : i];
	for (unsigned bit = 0; bit < 8 * n; bit++) {
		if (in[bit / 8] & 0x80 >> bit % 8)
			for (unsigned k = 0; k < 32; k++)
				if (key[(bit + k) / 8] & 0x80 >> (bit + k) % 8)
					hash ^= 0x80000000u >> k;
	}
	return hash;
}

static const uint8_t microsofts_key[40] = { 0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2,
	                                    0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
	                                    0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4,
	                                    0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
	                                    0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa };

static void the_published_vectors_come_out(void)
{
	static const struct {
		const char *local, *remote;
		uint16_t lport, rport;
		uint32_t want;
	} cases[] = {
		/* clang-format off */
		{ "161.142.100.80", "66.9.149.187",   1766,  2794,  0x51ccc178 },
		{ "65.69.140.83",   "199.92.111.2",   4739,  14230, 0xc626b0ea },
		{ "12.22.207.184",  "24.19.198.95",   38024, 12898, 0x5c2b394a },
		{ "209.142.163.6",  "38.27.205.30",   2217,  48228, 0xafc7327f },
		{ "202.188.127.2",  "153.39.163.191", 1303,  44251, 0x10e828a2 },
		{ "3ffe:2501:200:3::1", "3ffe:2501:200:1fff::7", 1766, 2794, 0x40207d3d },
		{ "ff02::1", "3ffe:501:8::260:97ff:fe40:efab", 4739, 14230, 0xdde51bbf },
		{ "fe80::200:f8ff:fe21:67cf", "3ffe:1900:4545:3:200:f8ff:fe21:67cf", 38024, 44251, 0x02d1feef },
		/* clang-format on */
	};
	struct landing_rss rss = { .key_bytes = 40 };
	static struct landing_hash h;

	memcpy(rss.key, microsofts_key, 40);
	landing_hash_init(&h, &rss, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ip_addr local, remote;
		struct landing_tuple t = { &local, &remote, cases[i].lport, cases[i].rport };

		ip_parse(cases[i].local, &local);
		ip_parse(cases[i].remote, &remote);
		CU_ASSERT_EQUAL(landing_hash_of(&h, &t), cases[i].want);
	}
}

static void the_sums_equal_the_hash_bit_by_bit_for_every_key_and_variant(void)
{
	static struct landing_hash h;

	for (unsigned round = 0; round < 64; round++) {
		struct landing_rss rss = random_rss(round % 2 ? 40 : 52, 128, 4);
		struct ip_addr local = random_addr(round % 3 == 0),
			       remote = random_addr(round % 3 == 0);
		struct landing_tuple t = { &local, &remote, (uint16_t)draw(), (uint16_t)draw() };
		unsigned variant = round % LANDING_N_VARIANTS;

		landing_hash_init(&h, &rss, variant);
		CU_ASSERT_EQUAL(landing_hash_of(&h, &t), device_hash(&rss, variant, &t));
	}
}

/* Lets the trial hear replies to ports that its workers would choose. */
static bool try_out(struct landing *l, const struct landing_rss *device, unsigned variant,
                    unsigned wrong_of_100, bool tells_hash)
{
	for (unsigned i = 0; i < 4 * LANDING_TRIAL_TUPLES; i++) {
		struct ip_addr local = random_addr(i % 2), remote = random_addr(i % 2);
		struct landing_tuple t = { &local, &remote, (uint16_t)(FIRST + draw() % 10000),
			                   25 };
		uint32_t hash = device_hash(device, variant, &t);
		uint32_t queue = device->table[hash % device->table_size];

		if (draw() % 100 < wrong_of_100)
			queue = (queue + 1) % l->n_queues;
		if (landing_hear(l, &t, queue, tells_hash, hash))
			return true;
	}
	return false;
}

static void each_known_variant_is_found_by_what_arrives(void)
{
	static struct landing l;

	for (unsigned i = 0; i < 8 * LANDING_N_VARIANTS; i++) {
		static const uint32_t queues[] = { 2, 3, 8, 16 };
		uint32_t n = queues[i / 8];
		struct landing_rss rss = random_rss(40, 64u << i % 4, n);
		unsigned variant = i % LANDING_N_VARIANTS;

		landing_init(&l, n, FIRST, LAST, &rss);
		CU_ASSERT_EQUAL(landing_mode(&l), LANDING_TRIAL);
		CU_ASSERT_TRUE(try_out(&l, &rss, variant, 0, i % 2));
		CU_ASSERT_EQUAL(landing_mode(&l), LANDING_PREDICT);
		CU_ASSERT_EQUAL(l.variant, variant);
	}
}

static void a_device_that_hashes_otherwise_leaves_the_ports_partitioned(void)
{
	static struct landing l;
	struct landing_rss says = random_rss(40, 128, 4), does = random_rss(40, 128, 4);

	landing_init(&l, 4, FIRST, LAST, &says);
	CU_ASSERT_TRUE(try_out(&l, &does, 0, 0, false));
	CU_ASSERT_EQUAL(landing_mode(&l), LANDING_PARTITION);
	CU_ASSERT_FALSE(landing_give_up(&l)); /* there is nothing to give up */

	/* The right queue by a hash that is not the one it shows. */
	landing_init(&l, 4, FIRST, LAST, &says);
	for (unsigned i = 0; landing_mode(&l) == LANDING_TRIAL; i++) {
		struct ip_addr local = random_addr(true), remote = random_addr(true);
		struct landing_tuple t = { &local, &remote, (uint16_t)(FIRST + i), 25 };
		uint32_t hash = device_hash(&says, 0, &t);

		landing_hear(&l, &t, says.table[hash % 128], true, hash ^ 0x100000);
	}
	CU_ASSERT_EQUAL(landing_mode(&l), LANDING_PARTITION);
}

static void a_few_that_came_another_way_do_not_decide(void)
{
	static struct landing l;
	struct landing_rss rss = random_rss(40, 128, 2);

	landing_init(&l, 2, FIRST, LAST, &rss);
	CU_ASSERT_TRUE(try_out(&l, &rss, 2, 1, false));
	CU_ASSERT_EQUAL(landing_mode(&l), LANDING_PREDICT);
	landing_init(&l, 2, FIRST, LAST, &rss);
	CU_ASSERT_TRUE(try_out(&l, &rss, 2, 50, false));
	CU_ASSERT_EQUAL(landing_mode(&l), LANDING_PARTITION);
}

static void one_busy_connection_does_not_decide(void)
{
	static struct landing l;
	struct landing_rss rss = random_rss(40, 128, 2);
	struct ip_addr local = random_addr(true), remote = random_addr(true);
	struct landing_tuple t = { &local, &remote, 2000, 25 };

	landing_init(&l, 2, FIRST, LAST, &rss);
	for (unsigned i = 0; i < 10 * LANDING_TRIAL_TUPLES; i++)
		CU_ASSERT_FALSE(landing_hear(&l, &t, 0, false, 0));
	CU_ASSERT_EQUAL(landing_mode(&l), LANDING_TRIAL);
}

/* Every port that the search of one worker finds has that worker as its owner, and every port of
 * the ranges belongs to exactly one search.
 */
static void check_searches(const struct landing *l, bool v4)
{
	struct ip_addr local = random_addr(v4), remote = random_addr(v4);
	uint32_t found = 0, ports = 0;

	for (uint32_t me = 0; me < l->n_queues; me++) {
		struct landing_search s;

		landing_search_init(&s, l, me, &local, &remote, 25);
		ports = 0;
		for (uint32_t r = 0; r < s.n_ranges; r++)
			for (uint32_t i = 0; i < s.ranges[r].n; i++, ports++) {
				struct landing_tuple t = { &local, &remote,
					                   (uint16_t)(s.ranges[r].first + i), 25 };
				bool mine = landing_search_has(&s, t.lport);

				found += mine;
				if (mine != (landing_owner(l, &t) == me)) {
					CU_FAIL("search and owner differ");
					return;
				}
			}
	}
	CU_ASSERT_EQUAL(found, ports);
}

static void every_port_has_one_owner_in_every_mode(void)
{
	static struct landing l;

	for (uint32_t n = 1; n <= 9; n++) {
		struct landing_rss rss = random_rss(40, 256, n);

		landing_init(&l, n, FIRST, LAST, NULL);
		CU_ASSERT_EQUAL(landing_mode(&l), n == 1 ? LANDING_SINGLE : LANDING_PARTITION);
		check_searches(&l, n % 2);
		if (n == 1)
			continue;
		landing_init(&l, n, FIRST, LAST, &rss);
		check_searches(&l, n % 2);
		CU_ASSERT_TRUE(try_out(&l, &rss, n % LANDING_N_VARIANTS, 0, true));
		check_searches(&l, n % 2);
		CU_ASSERT_TRUE(landing_give_up(&l));
		CU_ASSERT_FALSE(landing_give_up(&l)); /* said once */
		check_searches(&l, n % 2);
	}
}

static void owners_stay_when_the_device_breaks_its_word(void)
{
	static struct landing l;
	struct landing_rss rss = random_rss(52, 512, 8);
	struct ip_addr local = random_addr(false), remote = random_addr(false);
	static uint32_t owners[65536];
	struct landing_search s;

	landing_init(&l, 8, FIRST, LAST, &rss);
	for (uint32_t p = FIRST; p < l.port_split; p++)
		owners[p] =
		    landing_owner(&l, &(struct landing_tuple){ &local, &remote, (uint16_t)p, 25 });
	CU_ASSERT_TRUE(try_out(&l, &rss, 3, 0, false));
	for (uint32_t p = l.port_split; p <= LAST; p++)
		owners[p] =
		    landing_owner(&l, &(struct landing_tuple){ &local, &remote, (uint16_t)p, 25 });
	landing_search_init(&s, &l, 0, &local, &remote, 25);
	CU_ASSERT_EQUAL(s.ranges[0].first, l.port_split); /* what the device brings, first */
	landing_give_up(&l);
	landing_search_init(&s, &l, 0, &local, &remote, 25);
	CU_ASSERT_EQUAL(s.ranges[0].first, FIRST);
	for (uint32_t p = FIRST; p <= LAST; p++)
		if (landing_owner(&l, &(struct landing_tuple){ &local, &remote, (uint16_t)p,
		                                               25 }) != owners[p])
			CU_FAIL("an owner changed");
}

static void what_cannot_be_foretold_is_not_tried(void)
{
	struct landing_rss good = random_rss(40, 128, 4), bad;

	CU_ASSERT_TRUE(landing_rss_is_usable(&good, 4, true, true));
	CU_ASSERT_FALSE(landing_rss_is_usable(&good, 3, true, true)); /* a queue nobody polls */
	bad = good;
	bad.key_bytes = 36;
	CU_ASSERT_TRUE(landing_rss_is_usable(&bad, 4, true, false));
	CU_ASSERT_FALSE(landing_rss_is_usable(&bad, 4, false, true));
	bad = good;
	bad.table_size = 100;
	CU_ASSERT_FALSE(landing_rss_is_usable(&bad, 4, true, true));
	bad.table_size = 0;
	CU_ASSERT_FALSE(landing_rss_is_usable(&bad, 4, true, true));
	bad = good;
	bad.v6 = false;
	CU_ASSERT_TRUE(landing_rss_is_usable(&bad, 4, true, false));
	CU_ASSERT_FALSE(landing_rss_is_usable(&bad, 4, true, true));
}

SUITE("dataplane/base/landing", TEST(the_published_vectors_come_out),
      TEST(the_sums_equal_the_hash_bit_by_bit_for_every_key_and_variant),
      TEST(each_known_variant_is_found_by_what_arrives),
      TEST(a_device_that_hashes_otherwise_leaves_the_ports_partitioned),
      TEST(a_few_that_came_another_way_do_not_decide), TEST(one_busy_connection_does_not_decide),
      TEST(every_port_has_one_owner_in_every_mode),
      TEST(owners_stay_when_the_device_breaks_its_word), TEST(what_cannot_be_foretold_is_not_tried))
