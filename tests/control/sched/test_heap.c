/* test_heap.c - the smallest key comes out first, whatever the order it went in. */
#include "control/sched/heap.h"
#include "tests/support/suite.h"

static void keys_come_out_in_order(void)
{
	struct heap h = { 0 };
	struct heap_item item;
	uint64_t last = 0;

	CU_ASSERT_FALSE(heap_peek(&h, &item));
	for (uint64_t i = 0; i < 5000; i++)
		heap_push(&h, (struct heap_item){ .key = i * 7919 % 5003, .a = i });
	for (uint64_t i = 0; i < 5000; i++) {
		CU_ASSERT_TRUE(heap_peek(&h, &item));
		CU_ASSERT_EQUAL(heap_pop(&h).key, item.key);
		CU_ASSERT_TRUE(item.key >= last);
		CU_ASSERT_EQUAL(item.a * 7919 % 5003, item.key);
		last = item.key;
	}
	CU_ASSERT_EQUAL(h.n, 0);
	heap_fini(&h);
}

SUITE("control/sched/heap", TEST(keys_come_out_in_order))
