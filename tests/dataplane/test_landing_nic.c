/* test_landing_nic.c - however a card brings replies, and whatever it lies about, every session
 * ends well: each way of landing, 1 to 8 queues, each lie that cards were seen to tell.
 */
#include "dataplane/base/landing.h"
#include "tests/dataplane/nic_run.h"
#include "tests/support/suite.h"

#include <stdlib.h>
#include <string.h>

enum { SESSIONS = 240, AT_ONCE = 60, MESSAGE_BYTES = 6000 };

#define SUMS_TX (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM)
#define SUMS_RX (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM)
#define CUTS_TX (RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS)

static const char *const landings[] = { "auto", "predict", "partition", "single" };

static void say(const struct nic_run *run, const struct nic_result *r)
{
	const struct {
		const char *name;
		uint64_t n;
	} all[] = {
		{ "delivered", r->delivered },
		{ "ms", r->took_ms },
		{ "mode", r->mode },
		{ "wrong core", r->wrong_core },
		{ "handed", r->handed },
		{ "rst", r->rst_sent },
		{ "rto", r->rto },
		{ "resent", r->resent },
		{ "missed", r->missed },
		{ "bad sums", r->bad_sums },
		{ "icmp", r->icmp_in },
		{ "cut", r->cut },
		{ "unfit", r->unfit },
	};

	printf("\n    %s, %s, %u queues, seed %llu: %s\n     ", run->why, landings[run->landing],
	       run->queues, (unsigned long long)run->nic.seed, r->wrong);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		printf(" %s %llu", all[i].name, (unsigned long long)all[i].n);
}

static struct nic_run run_of(enum dp_landing landing, uint32_t queues, uint32_t lies)
{
	struct nic_run run = { .landing = landing,
		               .queues = landing == DP_LANDING_SINGLE ? 1 : queues,
		               .nic = { .seed = 1000 * queues + lies + (uint32_t)landing,
		                        .lies = lies,

		                        .table_changes_after = 1300,
		                        .tx_offloads = SUMS_TX,
		                        .rx_offloads = SUMS_RX | RTE_ETH_RX_OFFLOAD_RSS_HASH },
		               .sessions = SESSIONS,
		               .at_once = AT_ONCE,
		               .message_bytes = MESSAGE_BYTES };

	if (lies & SOFTNIC_TABLE_CHANGES)
		run.sessions = 3 * SESSIONS; /* each worker hears enough before and after */
	if (lies & SOFTNIC_LINK_DOWN)
		run.link_up_ms = 700;
	return run;
}

static void an_environment(void)
{
	nic_run_init();
}

/* Runs, and says what happened when it is not well. */
static bool goes_well(struct nic_run *run, struct nic_result *r)
{
	bool ok = nic_run(run, r) && (r->rst_sent == 0 || run->loss != 0) && r->unfit == 0;

	if (!ok || getenv("NIC_SAY") != NULL)
		say(run, r);
	return ok;
}

/* How replies came home in the end, and how many were on another queue than foretold. */
struct landed {
	enum landing_mode mode;
	enum { NONE, SOME, ANY } wrong_core;
};

static bool landed_as(const struct landed *want, const struct nic_result *r)
{
	return r->mode == want->mode &&
	       (want->wrong_core == ANY || (r->wrong_core > 0) == (want->wrong_core == SOME));
}

static void every_way_of_landing_holds_whatever_the_card_says(void)
{
	/* clang-format off */
	static const struct {
		const char *why;
		uint32_t lies;
		struct landed if_predicting;
	} lies[] = {
		{ "honest", 0, { LANDING_PREDICT, NONE } },
		{ "key reversed", SOFTNIC_KEY_REVERSED, { LANDING_PREDICT, NONE } },
		{ "another initial value", SOFTNIC_HASH_INITIAL, { LANDING_PREDICT, NONE } },
		{ "both", SOFTNIC_KEY_REVERSED | SOFTNIC_HASH_INITIAL, { LANDING_PREDICT, NONE } },
		{ "another key", SOFTNIC_KEY_WRONG, { LANDING_PARTITION, NONE } },
		{ "table changes", SOFTNIC_TABLE_CHANGES, { LANDING_PARTITION, SOME } },
		{ "received sums unseen", SOFTNIC_RX_SUM_UNDONE, { LANDING_PREDICT, NONE } },
		{ "first reply astray", SOFTNIC_FIRST_ASTRAY, { LANDING_PREDICT, SOME } },
		{ "link down at start", SOFTNIC_LINK_DOWN, { LANDING_PREDICT, NONE } },
		{ "groups filtered", SOFTNIC_MULTICAST_OFF, { LANDING_PREDICT, NONE } },
	};
	/* clang-format on */
	static const uint32_t queues[] = { 1, 2, 3, 8 };

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		for (enum dp_landing l = 0; l < DP_N_LANDINGS; l++)
			for (size_t q = 0; q < sizeof(queues) / sizeof(queues[0]); q++) {
				struct nic_run run = run_of(l, queues[q], lies[i].lies);
				struct landed want = lies[i].if_predicting;
				struct nic_result r;

				if (l == DP_LANDING_PARTITION)
					want = (struct landed){ LANDING_PARTITION, NONE };
				if (run.queues == 1)
					want = (struct landed){ LANDING_SINGLE, NONE };
				run.why = lies[i].why;
				CU_ASSERT_TRUE(goes_well(&run, &r));
				CU_ASSERT_TRUE(landed_as(&want, &r));
				if (!landed_as(&want, &r))
					say(&run, &r);
				for (uint32_t w = 0; w < run.queues; w++)
					CU_ASSERT_TRUE(r.by_worker[w] >= SESSIONS / run.queues);
				/* Neighbours were asked for at once, and nothing was lost but what
				 * a ring had no room for.
				 */
				CU_ASSERT_TRUE(r.missed > 0 || r.rto == 0);
			}
}

static void a_card_that_shows_nothing_is_partitioned(void)
{
	static const struct {
		const char *why;
		enum softnic_steer steer;
	} cases[] = {
		{ "a hash that nobody can read", SOFTNIC_STEER_HIDDEN },
		{ "a tap: the queue that sent last", SOFTNIC_STEER_LEARNED },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (enum dp_landing l = 0; l < DP_LANDING_SINGLE; l++)
			for (uint32_t queues = 2; queues <= 8; queues *= 2) {
				struct nic_run run = run_of(l, queues, 0);
				struct nic_result r;

				run.why = cases[i].why;
				run.nic.steer = cases[i].steer;
				CU_ASSERT_TRUE(goes_well(&run, &r));
				CU_ASSERT_EQUAL(r.mode, LANDING_PARTITION);
				CU_ASSERT_EQUAL(r.wrong_core, 0);
			}
}

/* A router's error comes on a queue of its own; only the owner can tell what it is about. Were it
 * lost, large segments would vanish until two timeouts in a row taught as much.
 */
static void a_routers_error_reaches_the_owner_on_whatever_queue_it_comes(void)
{
	for (enum dp_landing l = 0; l < DP_N_LANDINGS; l++)
		for (uint32_t queues = 1; queues <= 8; queues *= 2) {
			struct nic_run run = run_of(l, queues, 0);
			struct nic_result r;

			run.why = "a narrow path";
			run.narrow_bytes = 1300;
			CU_ASSERT_TRUE(goes_well(&run, &r));
			/* The first sessions learn it for all workers: four segments of each. */
			CU_ASSERT_TRUE(r.icmp_in > 0 && r.icmp_in < 2 * SESSIONS);
			CU_ASSERT_EQUAL(r.black_holes, 0);
			CU_ASSERT_TRUE(r.missed > 0 || r.rto == 0);
		}
}

/* Retransmissions while the card still holds the first copy of each segment. */
static void what_is_lost_on_the_way_is_sent_again(void)
{
	for (enum dp_landing l = 0; l < DP_N_LANDINGS; l++)
		for (uint32_t queues = 1; queues <= 8; queues *= 2) {
			struct nic_run run = run_of(l, queues, 0);
			struct nic_result r;

			run.why = "a lossy path";
			run.loss = 20;
			CU_ASSERT_TRUE(goes_well(&run, &r));
			CU_ASSERT_TRUE(r.resent > 0);
		}
}

/* Large packets, cut by the card and, where that is refused to it, by us. */
static void what_the_card_cuts_arrives_as_if_we_had(void)
{
	static const struct {
		const char *why;
		uint64_t tx;
		uint32_t off, loss;
		const char *driver;
		bool cuts_with_sum, cuts;
	} cases[] = {
		/* clang-format off */
		{ "all offloads", SUMS_TX | CUTS_TX, 0, 0, NULL, false, true },
		{ "all offloads, a lossy path", SUMS_TX | CUTS_TX, 0, 20, NULL, false, true },
		{ "as virtio", RTE_ETH_TX_OFFLOAD_TCP_CKSUM | CUTS_TX, 0, 0, "net_virtio", true, true },
		{ "switched off", SUMS_TX | CUTS_TX, 1u << DP_OFFLOAD_TSO, 0, NULL, false, false },
		{ "no chains", SUMS_TX | CUTS_TX, 1u << DP_OFFLOAD_MULTI_SEGS, 0, NULL, false, false },
		{ "no sums", SUMS_TX | CUTS_TX, 1u << DP_OFFLOAD_CHECKSUM_TCP, 0, NULL, false, false },
		{ "no offloads", 0, 0, 0, NULL, false, false },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (uint32_t queues = 1; queues <= 2; queues++) {
			struct nic_run run = run_of(DP_LANDING_AUTO, queues, 0);
			struct nic_result r;

			run.why = cases[i].why;
			run.message_bytes = 30000;
			run.offloads_off = cases[i].off;
			run.loss = cases[i].loss;
			run.nic.tx_offloads = cases[i].tx;
			run.nic.driver = cases[i].driver;
			run.nic.cuts_with_sum = cases[i].cuts_with_sum;
			CU_ASSERT_TRUE(goes_well(&run, &r));
			CU_ASSERT_EQUAL(r.cut > 0, cases[i].cuts);
			CU_ASSERT_EQUAL(r.bad_sums, 0);
		}
}

static void a_card_with_few_descriptors_holds_things_up_and_loses_none(void)
{
	for (uint32_t queues = 1; queues <= 8; queues *= 2) {
		struct nic_run run = run_of(DP_LANDING_AUTO, queues, 0);
		struct nic_result r;

		run.why = "rings of 40";
		run.nic.descs_max = 40;
		CU_ASSERT_TRUE(goes_well(&run, &r));
	}
}

static void nothing_stays_behind(void)
{
	nic_run_fini();
}

SUITE("dataplane/landing_nic", TEST(an_environment),
      TEST(every_way_of_landing_holds_whatever_the_card_says),
      TEST(a_card_that_shows_nothing_is_partitioned),
      TEST(a_routers_error_reaches_the_owner_on_whatever_queue_it_comes),
      TEST(what_is_lost_on_the_way_is_sent_again), TEST(what_the_card_cuts_arrives_as_if_we_had),
      TEST(a_card_with_few_descriptors_holds_things_up_and_loses_none), TEST(nothing_stays_behind))
