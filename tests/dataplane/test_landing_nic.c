/* test_landing_nic.c - however a card brings replies, and whatever it lies about, every session
 * ends well: each way of landing, 1 to 8 queues, each lie that cards were seen to tell.
 */
#include "tests/dataplane/nic_run.h"
#include "tests/support/suite.h"

#include <stdlib.h>
#include <string.h>

enum { SESSIONS = 200, AT_ONCE = 60, MESSAGE_BYTES = 6000 };

#define SUMS_TX (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM)
#define SUMS_RX (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM)

static const char *const landings[] = { "auto", "predict", "partition", "single" };

static void say(const struct nic_run *run, const struct nic_result *r)
{
	printf("\n    %s, %s, %u queues, seed %llu: %s", run->why, landings[run->landing],
	       run->queues, (unsigned long long)run->nic.seed, r->wrong);
	printf(
	    "\n      %u delivered in %llu ms; rst %llu, wrong core %llu, handed %llu, mode %llu, "
	    "rto %llu, bad sums %llu, unfit %llu",
	    r->delivered, (unsigned long long)r->took_ms, (unsigned long long)r->rst_sent,
	    (unsigned long long)r->wrong_core, (unsigned long long)r->handed,
	    (unsigned long long)r->mode, (unsigned long long)r->rto,
	    (unsigned long long)r->bad_sums, (unsigned long long)r->unfit);
}

static struct nic_run run_of(enum dp_landing landing, uint32_t queues, uint32_t lies)
{
	struct nic_run run = { .landing = landing,
		               .queues = landing == DP_LANDING_SINGLE ? 1 : queues,
		               .nic = { .seed = 1000 * queues + lies + (uint32_t)landing,
		                        .lies = lies,
		                        .table_changes_after = 1500,
		                        .tx_offloads = SUMS_TX,
		                        .rx_offloads = SUMS_RX | RTE_ETH_RX_OFFLOAD_RSS_HASH },
		               .sessions = SESSIONS,
		               .at_once = AT_ONCE,
		               .message_bytes = MESSAGE_BYTES };

	if (lies & SOFTNIC_LINK_DOWN)
		run.link_up_ms = 700;
	return run;
}

static void an_environment(void)
{
	nic_run_init();
}

static void every_way_of_landing_holds_whatever_the_card_says(void)
{
	static const struct {
		const char *why;
		uint32_t lies;
	} lies[] = {
		{ "honest", 0 },
		{ "key reversed", SOFTNIC_KEY_REVERSED },
		{ "another initial value", SOFTNIC_HASH_INITIAL },
		{ "both", SOFTNIC_KEY_REVERSED | SOFTNIC_HASH_INITIAL },
		{ "table changes", SOFTNIC_TABLE_CHANGES },
		{ "received sums unseen", SOFTNIC_RX_SUM_UNDONE },
		{ "first reply astray", SOFTNIC_FIRST_ASTRAY },
		{ "link down at start", SOFTNIC_LINK_DOWN },
		{ "groups filtered", SOFTNIC_MULTICAST_OFF },
	};
	static const uint32_t queues[] = { 1, 2, 3, 8 };

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		for (enum dp_landing l = 0; l < DP_N_LANDINGS; l++)
			for (size_t q = 0; q < sizeof(queues) / sizeof(queues[0]); q++) {
				struct nic_run run = run_of(l, queues[q], lies[i].lies);
				struct nic_result r;
				bool ok;

				run.why = lies[i].why;
				ok = nic_run(&run, &r) && r.rst_sent == 0;
				if (!ok || getenv("NIC_SAY") != NULL)
					say(&run, &r);
				CU_ASSERT_TRUE(ok);
			}
}

static void nothing_stays_behind(void)
{
	nic_run_fini();
}

SUITE("dataplane/landing_nic", TEST(an_environment),
      TEST(every_way_of_landing_holds_whatever_the_card_says), TEST(nothing_stays_behind))
