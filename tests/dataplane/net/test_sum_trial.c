/* test_sum_trial.c - a device's sums are believed when they were answered, and not before. */
#include "dataplane/net/sum_trial.h"
#include "tests/support/suite.h"

#include <string.h>

static const struct ip_addr us = { { 1 } }, them = { { 2 } };

static struct sum_tuple syn_of(uint16_t lport)
{
	return (struct sum_tuple){ .local = &us, .remote = &them, .lport = lport, .rport = 25 };
}

static bool asks(struct sum_trial *t, uint16_t lport)
{
	struct sum_tuple syn = syn_of(lport);

	return sum_trial_asks(t, &syn);
}

static bool hears(struct sum_trial *t, uint16_t lport)
{
	struct sum_tuple syn = syn_of(lport);

	return sum_trial_hears(t, &syn);
}

static void every_second_syn_is_left_to_the_device(void)
{
	struct sum_trial t = { 0 };

	for (uint16_t port = 0; port < 20; port++)
		CU_ASSERT_EQUAL(asks(&t, port), port % 2 == 0);
	CU_ASSERT_EQUAL(sum_trial_verdict(&t), SUM_ON_TRIAL);
}

static void one_answer_is_enough_to_believe(void)
{
	struct sum_trial t = { 0 };

	CU_ASSERT_TRUE(asks(&t, 1000));
	CU_ASSERT_FALSE(asks(&t, 1001));
	CU_ASSERT_FALSE(hears(&t, 1001)); /* our sum: proves nothing */
	CU_ASSERT_FALSE(hears(&t, 1002)); /* nobody asked */
	CU_ASSERT_EQUAL(sum_trial_verdict(&t), SUM_ON_TRIAL);
	CU_ASSERT_TRUE(hears(&t, 1000));
	CU_ASSERT_EQUAL(sum_trial_verdict(&t), SUM_BELIEVED);
}

static void what_is_answered_only_with_our_sum_speaks_against_it(void)
{
	struct sum_trial t = { 0 };
	uint16_t port = 0;

	for (unsigned proofs = 1; proofs <= SUM_TRIAL_PROOFS; proofs++, port += 2) {
		CU_ASSERT_EQUAL(sum_trial_verdict(&t), SUM_ON_TRIAL);
		CU_ASSERT_TRUE(asks(&t, port));
		CU_ASSERT_FALSE(asks(&t, port)); /* again, and now by us */
		CU_ASSERT_FALSE(asks(&t, port));
		CU_ASSERT_FALSE(asks(&t, (uint16_t)(port + 1)));
		CU_ASSERT_EQUAL(hears(&t, port), proofs == SUM_TRIAL_PROOFS);
		CU_ASSERT_FALSE(hears(&t, port)); /* once */
	}
	CU_ASSERT_EQUAL(sum_trial_verdict(&t), SUM_DISBELIEVED);
	CU_ASSERT_TRUE(asks(&t, 5000)); /* a late one changes nothing */
	CU_ASSERT_FALSE(hears(&t, 5000));
	CU_ASSERT_EQUAL(sum_trial_verdict(&t), SUM_DISBELIEVED);
}

static void lost_syns_do_not_outweigh_an_answer(void)
{
	struct sum_trial t = { 0 };

	for (uint16_t port = 0; port < 2 * (SUM_TRIAL_PROOFS - 1); port += 2) {
		CU_ASSERT_TRUE(asks(&t, port));
		CU_ASSERT_FALSE(asks(&t, port));
		CU_ASSERT_FALSE(asks(&t, (uint16_t)(port + 1)));
		CU_ASSERT_FALSE(hears(&t, port));
	}
	CU_ASSERT_TRUE(asks(&t, 100));
	CU_ASSERT_TRUE(hears(&t, 100));
	CU_ASSERT_EQUAL(sum_trial_verdict(&t), SUM_BELIEVED);
}

static void hosts_that_never_answer_make_room_once_they_were_asked_again(void)
{
	struct sum_trial t = { 0 };
	uint16_t port = 0;

	for (; port < 2 * SUM_TRIAL_SYNS; port++)
		CU_ASSERT_EQUAL(asks(&t, port), port % 2 == 0);
	CU_ASSERT_FALSE(asks(&t, port++)); /* no place for it */
	CU_ASSERT_FALSE(asks(&t, port++));
	for (uint16_t again = 0; again < 2 * SUM_TRIAL_SYNS; again += 2)
		CU_ASSERT_FALSE(asks(&t, again));
	CU_ASSERT_TRUE(asks(&t, port));
	CU_ASSERT_TRUE(hears(&t, port));
	CU_ASSERT_EQUAL(sum_trial_verdict(&t), SUM_BELIEVED);
}

SUITE("dataplane/net/sum_trial", TEST(every_second_syn_is_left_to_the_device),
      TEST(one_answer_is_enough_to_believe),
      TEST(what_is_answered_only_with_our_sum_speaks_against_it),
      TEST(lost_syns_do_not_outweigh_an_answer),
      TEST(hosts_that_never_answer_make_room_once_they_were_asked_again))
