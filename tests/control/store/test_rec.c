/* test_rec.c - records keep their order as keys and come back whole from any value that is one. */
#include "control/store/rec.h"
#include <errno.h>

#include "tests/support/suite.h"

static const struct store_rec sample = {
	.row = 70000,
	.rows = 1,
	.kind = 2,
	.state = 3,
	.attempts = 4,
	.reach = 3,
	.step = 8,
	.enhanced = { 4, 3, 255 },
	.code = 450,
	.text_bytes = 5,
	.at_s = 1789000000,
	.due_s = -1,
	.text = "later",
};

static void a_record_comes_back_as_it_was(void)
{
	static const uint16_t lengths[] = {
		0, 1, STORE_TEXT_MAX - 1, STORE_TEXT_MAX, STORE_TEXT_MAX + 1, UINT16_MAX
	};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		uint8_t value[REC_BYTES_MAX];
		struct store_rec rec = sample, got;
		size_t bytes;

		memset(rec.text, 'x', sizeof(rec.text));
		rec.text_bytes = lengths[i];
		if (lengths[i] < STORE_TEXT_MAX)
			memset(rec.text + lengths[i], 0, STORE_TEXT_MAX - lengths[i]);
		bytes = rec_encode(&rec, value);
		CU_ASSERT(bytes <= sizeof(value));
		CU_ASSERT_EQUAL(rec_decode(span_of(value, bytes), &got), 0);
		CU_ASSERT_EQUAL(memcmp(&got, &rec, sizeof(rec)), 0);
	}
}

static void every_cut_value_is_refused(void)
{
	uint8_t value[REC_BYTES_MAX + 1] = { 0 };
	struct store_rec got;
	size_t bytes = rec_encode(&sample, value);

	for (size_t n = 0; n < bytes; n++)
		CU_ASSERT_EQUAL(rec_decode(span_of(value, n), &got), -EBADMSG);
	CU_ASSERT_EQUAL(rec_decode(span_of(value, bytes + 1), &got), -EBADMSG);
}

static void another_version_is_refused(void)
{
	uint8_t value[REC_BYTES_MAX];
	struct store_rec got;
	size_t bytes = rec_encode(&sample, value);

	value[0]++;
	CU_ASSERT_EQUAL(rec_decode(span_of(value, bytes), &got), -EBADMSG);
}

static void keys_sort_by_campaign_then_by_order_of_appending(void)
{
	static const struct {
		uint32_t campaign;
		uint64_t seq;
	} rising[] = { { 0, 0 },   { 0, UINT64_MAX }, { 1, 1 },         { 1, 255 },
		       { 1, 256 }, { 256, 0 },        { UINT32_MAX, 7 } };
	uint8_t before[REC_KEY_BYTES], key[REC_KEY_BYTES];

	for (size_t i = 0; i < sizeof(rising) / sizeof(rising[0]); i++) {
		uint32_t campaign;
		uint64_t seq;

		rec_key(rising[i].campaign, rising[i].seq, key);
		if (i > 0)
			CU_ASSERT(memcmp(before, key, sizeof(key)) < 0);
		memcpy(before, key, sizeof(key));
		CU_ASSERT_EQUAL(rec_key_decode(span_of(key, sizeof(key)), &campaign, &seq), 0);
		CU_ASSERT(campaign == rising[i].campaign && seq == rising[i].seq);
	}
	CU_ASSERT_EQUAL(
	    rec_key_decode(span_of(key, sizeof(key) - 1), &(uint32_t){ 0 }, &(uint64_t){ 0 }),
	    -EBADMSG);
}

SUITE("control/store/rec", TEST(a_record_comes_back_as_it_was), TEST(every_cut_value_is_refused),
      TEST(another_version_is_refused), TEST(keys_sort_by_campaign_then_by_order_of_appending))
