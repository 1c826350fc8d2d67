/* test_share.c - what workers know together: published, moved, removed, and read while written. */
#include "dataplane/net/share.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "dataplane/net/net.h"
#include "tests/support/suite.h"

enum { ADDRS = 24, ROUNDS = 60000 };

static struct net_share *share;

static struct ip_addr nth(uint32_t n)
{
	uint8_t b[4] = { 10, 0, (uint8_t)(n >> 8), (uint8_t)n };

	return ip_from_v4(b);
}

static void mac_of(uint32_t n, uint32_t round, uint8_t mac[6])
{
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)(n * 31 + round * 7); /* the same six times: a mixture is seen */
	mac[0] = (uint8_t)n;
}

static void what_is_put_is_found_until_it_is_deleted(void)
{
	uint8_t mac[6], want[6];
	uint32_t epoch = 0;

	CU_ASSERT_EQUAL_FATAL(net_share_open(ADDRS, 7, &share), 0);
	for (uint32_t n = 0; n < ADDRS; n++) {
		struct ip_addr a = nth(n);

		CU_ASSERT_EQUAL(share_find(share, &a, mac, &epoch), SHARE_NOTHING);
		mac_of(n, 0, want);
		share_put(share, &a, n % 3 == 0 ? SHARE_FAILED : SHARE_KNOWN, want);
	}
	for (uint32_t gone = 0; gone < ADDRS; gone++) { /* each order of homes and gaps */
		struct ip_addr a = nth(gone);

		share_del(share, &a);
		share_del(share, &a);
		for (uint32_t n = 0; n < ADDRS; n++) {
			enum share_said said;

			a = nth(n);
			said = share_find(share, &a, mac, &epoch);
			CU_ASSERT_EQUAL(said, n <= gone    ? SHARE_NOTHING
			                      : n % 3 == 0 ? SHARE_FAILED
			                                   : SHARE_KNOWN);
			mac_of(n, 0, want);
			CU_ASSERT(said != SHARE_KNOWN || memcmp(mac, want, 6) == 0);
		}
	}
	net_share_close(share);
}

static void the_epoch_changes_only_with_what_is_said(void)
{
	struct ip_addr a = nth(1);
	uint8_t mac[6] = { 2, 0, 0, 0, 0, 9 };
	uint32_t before, after;

	CU_ASSERT_EQUAL_FATAL(net_share_open(ADDRS, 7, &share), 0);
	share_put(share, &a, SHARE_KNOWN, mac);
	share_find(share, &a, mac, &before);
	share_put(share, &a, SHARE_KNOWN, mac);
	share_find(share, &a, mac, &after);
	CU_ASSERT_EQUAL(before, after);
	mac[5] = 10;
	share_put(share, &a, SHARE_KNOWN, mac);
	share_find(share, &a, mac, &after);
	CU_ASSERT_NOT_EQUAL(before, after);
	CU_ASSERT_EQUAL(mac[5], 10);
	net_share_close(share);
}

static void what_is_being_written_is_not_read(void)
{
	struct ip_addr a = nth(1);
	uint8_t mac[6] = { 2, 0, 0, 0, 0, 9 };
	uint32_t epoch = 77;

	CU_ASSERT_EQUAL_FATAL(net_share_open(ADDRS, 7, &share), 0);
	share_put(share, &a, SHARE_KNOWN, mac);
	epoch_begin(&share->epoch); /* a writer that lost its CPU */
	CU_ASSERT_EQUAL(share_find(share, &a, mac, &epoch), SHARE_BUSY);
	CU_ASSERT_EQUAL(epoch, 77);
	epoch_end(&share->epoch);
	CU_ASSERT_EQUAL(share_find(share, &a, mac, &epoch), SHARE_KNOWN);
	net_share_close(share);
}

/* Even addresses stay and change their MAC; odd ones come and go, so that the others move. */
static _Atomic bool is_over;

static void *write_all_the_time(void *unused)
{
	uint8_t mac[6];

	(void)unused;
	for (uint32_t round = 1; round <= ROUNDS; round++) {
		uint32_t n = round % ADDRS;
		struct ip_addr a = nth(n);

		mac_of(n, round, mac);
		if (n % 2 != 0 && round / ADDRS % 2 != 0)
			share_del(share, &a);
		else
			share_put(share, &a, SHARE_KNOWN, mac);
		path_mtu_note(&share->mtus, (uint64_t)round * 1000000000, &a, (uint16_t)(600 + n));
	}
	atomic_store(&is_over, true);
	return NULL;
}

static void a_reader_beside_a_writer_sees_no_mixture(void)
{
	uint32_t epoch, n_read = 0, n_known = 0, n_busy = 0, n_missing = 0, n_mixed = 0, n_mtu = 0;
	pthread_t writer;

	CU_ASSERT_EQUAL_FATAL(net_share_open(ADDRS, 7, &share), 0);
	for (uint32_t n = 0; n < ADDRS; n += 2) {
		struct ip_addr a = nth(n);
		uint8_t mac[6];

		mac_of(n, 0, mac);
		share_put(share, &a, SHARE_KNOWN, mac);
	}
	atomic_store(&is_over, false);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&writer, NULL, write_all_the_time, NULL), 0);
	while (!atomic_load(&is_over) || n_read < ADDRS) {
		uint32_t n = n_read++ % ADDRS;
		struct ip_addr a = nth(n);
		uint8_t mac[6] = { 0 };
		enum share_said said = share_find(share, &a, mac, &epoch);
		uint16_t mtu = path_mtu_of(&share->mtus, 0, &a, 1500);

		n_busy += said == SHARE_BUSY;
		n_missing += said == SHARE_NOTHING && n % 2 == 0;
		n_known += said == SHARE_KNOWN;
		n_mixed += said == SHARE_KNOWN && (mac[0] != n || mac[1] != mac[2] ||
		                                   mac[1] != mac[5] || mac[1] != mac[3]);
		n_mtu += mtu != 1500 && mtu != 600 + n;
	}
	pthread_join(writer, NULL);
	if (n_missing + n_mixed + n_mtu != 0)
		printf("\n    of %u: %u known, %u missing, %u mixed, %u of another's MTU, %u busy",
		       n_read, n_known, n_missing, n_mixed, n_mtu, n_busy);
	CU_ASSERT_EQUAL(n_missing, 0);
	CU_ASSERT_EQUAL(n_mixed, 0);
	CU_ASSERT_EQUAL(n_mtu, 0);
	CU_ASSERT(n_known > 0);
	net_share_close(share);
}

static void a_path_mtu_is_believed_for_ten_minutes(void)
{
	struct ip_addr a = nth(5), b = nth(6);
	uint64_t now_us = 3600000000000;

	CU_ASSERT_EQUAL_FATAL(net_share_open(ADDRS, 7, &share), 0);
	CU_ASSERT_EQUAL(path_mtu_of(&share->mtus, now_us, &a, 1500), 1500);
	path_mtu_note(&share->mtus, now_us, &a, 1300);
	CU_ASSERT_EQUAL(path_mtu_of(&share->mtus, now_us, &a, 1500), 1300);
	CU_ASSERT_EQUAL(path_mtu_of(&share->mtus, now_us, &a, 1280), 1280);
	CU_ASSERT_EQUAL(path_mtu_of(&share->mtus, now_us, &b, 1500), 1500);
	path_mtu_note(&share->mtus, now_us + 1, &a, 1400); /* the smaller is kept */
	CU_ASSERT_EQUAL(path_mtu_of(&share->mtus, now_us + 599999999, &a, 1500), 1300);
	CU_ASSERT_EQUAL(path_mtu_of(&share->mtus, now_us + 600000000, &a, 1500), 1500);
	path_mtu_note(&share->mtus, now_us + 600000000, &a, 1400); /* ... and then forgotten */
	CU_ASSERT_EQUAL(path_mtu_of(&share->mtus, now_us + 600000001, &a, 1500), 1400);
	net_share_close(share);
}

static void a_full_set_forgets_what_ends_first(void)
{
	struct ip_addr first = nth(0);
	uint64_t now_us = 1000000;
	uint32_t n_known = 0;

	CU_ASSERT_EQUAL_FATAL(net_share_open(ADDRS, 7, &share), 0);
	for (uint32_t n = 0; n < 4 * PATH_MTU_SETS * PATH_MTU_WAYS; n++) {
		struct ip_addr a = nth(n);

		path_mtu_note(&share->mtus, now_us += 1000, &a, 1300);
		CU_ASSERT_EQUAL(path_mtu_of(&share->mtus, now_us, &a, 1500), 1300);
		n_known += path_mtu_of(&share->mtus, now_us, &first, 1500) == 1300;
	}
	CU_ASSERT(n_known > PATH_MTU_SETS && n_known < 4 * PATH_MTU_SETS * PATH_MTU_WAYS);
	net_share_close(share);
}

static void a_share_is_bounded(void)
{
	CU_ASSERT_EQUAL(net_share_open(0, 0, &share), -EINVAL);
	CU_ASSERT_EQUAL(net_share_open(NET_NEIGHBOURS_MAX + 1, 0, &share), -EINVAL);
	CU_ASSERT(net_share_memory_bytes(1024) < 256 * 1024);
}

SUITE("dataplane/net/share", TEST(what_is_put_is_found_until_it_is_deleted),
      TEST(the_epoch_changes_only_with_what_is_said), TEST(what_is_being_written_is_not_read),
      TEST(a_reader_beside_a_writer_sees_no_mixture), TEST(a_path_mtu_is_believed_for_ten_minutes),
      TEST(a_full_set_forgets_what_ends_first), TEST(a_share_is_bounded))
