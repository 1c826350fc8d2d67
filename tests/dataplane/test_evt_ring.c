/* test_evt_ring.c - events come out as they went in, whatever their text, and no ring that is as
 * large as its makers say is ever too small.
 */
#include "dataplane/evt_ring.h"
#include "tests/support/suite.h"

#include <stddef.h>

static struct dp_evt evt_of(enum dp_evt_kind kind, uint64_t number, uint16_t text_bytes)
{
	struct dp_evt evt = { .kind = (uint8_t)kind, .conn = number, .text_bytes = text_bytes };

	for (size_t i = 0; i < DP_TEXT_MAX; i++)
		evt.text[i] = (char)('a' + (number + i) % 26);
	return evt;
}

static void each_length_of_text_comes_through(void)
{
	struct spsc r;
	struct dp_evt got;
	bool cut;

	CU_ASSERT_EQUAL_FATAL(evt_ring_init(&r, 8), 0);
	for (uint16_t n = 0; n < 3 * DP_TEXT_MAX; n++) {
		struct dp_evt want = evt_of(DP_EVT_RCPT, n, n);
		size_t kept = n < DP_TEXT_MAX ? n : DP_TEXT_MAX;

		CU_ASSERT_TRUE(evt_ring_try_put(&r, &want, &cut));
		CU_ASSERT_FALSE(cut);
		CU_ASSERT_TRUE(evt_ring_try_take(&r, &got));
		CU_ASSERT_EQUAL(memcmp(&got, &want, EVT_UNIT_BYTES + kept), 0);
	}
	CU_ASSERT_FALSE(evt_ring_try_take(&r, &got));
	spsc_fini(&r);
}

static void an_event_goes_in_whole_or_not_at_all(void)
{
	struct spsc r;
	struct dp_evt evt = evt_of(DP_EVT_RCPT, 1, DP_TEXT_MAX), got;
	bool cut;

	CU_ASSERT_EQUAL_FATAL(evt_ring_init(&r, 8), 0);
	CU_ASSERT_TRUE(evt_ring_try_put(&r, &evt, &cut));
	evt.text_bytes = 65;
	CU_ASSERT_TRUE(evt_ring_try_put(&r, &evt, &cut));
	CU_ASSERT_FALSE(evt_ring_try_put(&r, &evt, &cut));
	CU_ASSERT_EQUAL(spsc_count(&r), 7);
	CU_ASSERT_TRUE(evt_ring_try_take(&r, &got) && got.text_bytes == DP_TEXT_MAX);
	CU_ASSERT_TRUE(evt_ring_try_take(&r, &got) && got.text_bytes == 65);
	spsc_fini(&r);
}

/* The worst that a worker may have unread: every dial's two events and every recipient's two, all
 * with long texts, the connections' first or last.
 */
static void a_ring_of_the_size_it_asks_for_holds_the_worst(void)
{
	enum { DIALS = 6000, RCPTS = 500 };

	for (int rcpts_first = 0; rcpts_first < 2; rcpts_first++) {
		struct spsc r;
		struct dp_evt got;
		uint32_t n_cut = 0, refused = 0, n = 0;

		CU_ASSERT_EQUAL_FATAL(evt_ring_init(&r, evt_ring_units(DIALS, RCPTS)), 0);
		for (int part = 0; part < 2; part++) {
			bool is_rcpts = part != rcpts_first;

			for (uint32_t i = 0; i < 2 * (is_rcpts ? RCPTS : DIALS); i++) {
				enum dp_evt_kind kind = !is_rcpts    ? DP_EVT_CLOSED
				                        : i % 2 == 0 ? DP_EVT_BODY_TAKEN
				                                     : DP_EVT_RCPT;
				struct dp_evt evt =
				    evt_of(kind, i, kind == DP_EVT_BODY_TAKEN ? 0 : DP_TEXT_MAX);
				bool cut;

				refused += !evt_ring_try_put(&r, &evt, &cut);
				n_cut += cut;
				CU_ASSERT_FALSE(is_rcpts && cut);
			}
		}
		CU_ASSERT_EQUAL(refused, 0);
		CU_ASSERT_TRUE(n_cut > 0);
		CU_ASSERT_TRUE(spsc_count(&r) <= evt_ring_units(DIALS, RCPTS));
		while (evt_ring_try_take(&r, &got))
			n++;
		CU_ASSERT_EQUAL(n, 2 * (DIALS + RCPTS));
		spsc_fini(&r);
	}
}

SUITE("dataplane/evt_ring", TEST(each_length_of_text_comes_through),
      TEST(an_event_goes_in_whole_or_not_at_all),
      TEST(a_ring_of_the_size_it_asks_for_holds_the_worst))
