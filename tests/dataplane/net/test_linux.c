/* test_linux.c - Linux understands our ARP, ND, IP and checksums, and we understand its.
 *
 * In a network namespace of its own: the kernel is the gateway on a tap device, the rig is the
 * station beyond. Skipped (77) where no namespace or tap is to be had.
 */
#include "tests/dataplane/net/rig.h"
#include "tests/support/suite.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <rte_mbuf.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PORT = 2525, PATIENCE_MS = 3000 };

static struct rig rig;
static int tap = -1;

/* Before main(), for EAL has threads and a thread cannot leave its user namespace. */
__attribute__((constructor)) static void enter_namespace(void)
{
	struct ifreq ifr = { .ifr_name = "t0", .ifr_flags = IFF_TAP | IFF_NO_PI };

	if (unshare(CLONE_NEWNET | (geteuid() != 0 ? CLONE_NEWUSER : 0)) != 0 ||
	    (tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK)) < 0 ||
	    ioctl(tap, TUNSETIFF, &ifr) != 0 ||
	    system("ip link set lo up && ip link set t0 up && ip addr add 192.0.2.1/24 dev t0 &&"
	           "ip route add 198.51.100.0/24 dev t0 &&"
	           "ip -6 addr add 2001:db8::1/64 dev t0 nodad &&"
	           "ip -6 route add 2001:db8:5::/64 dev t0") != 0) {
		perror("no namespace with a tap");
		_exit(77);
	}
}

static uint64_t clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * RIG_US + (uint64_t)t.tv_nsec / 1000;
}

/* Writes what waits to go out. */
static void flush(void)
{
	for (uint32_t i = 0; i < rig.n_out; i++)
		CU_ASSERT_EQUAL(
		    write(tap, rte_pktmbuf_mtod(rig.out[i], void *), rig.out[i]->data_len),
		    rig.out[i]->data_len);
	rig_forget_out(&rig);
}

/* Moves frames both ways until a segment comes for `local`; false when none does in time. */
static bool pump(const struct ip_addr *local)
{
	uint64_t end_us = clock_us() + PATIENCE_MS * 1000;
	uint8_t bytes[RIG_FRAME_MAX];

	while ((rig.now_us = clock_us()) < end_us) {
		struct pollfd p = { .fd = tap, .events = POLLIN };
		ssize_t n;

		net_tick(rig.net, rig.now_us);
		flush();
		poll(&p, 1, 20);
		while ((n = read(tap, bytes, sizeof(bytes))) > 0) {
			enum net_in in = rig_feed(&rig, bytes, (size_t)n, 0);

			flush();
			if (in == NET_IN_TCP && ip_eq(&rig.seg.local, local))
				return true;
		}
	}
	return false;
}

static void open_rig(void)
{
	rig_open(&rig, NULL);
	rig.now_us = clock_us();
	net_announce(rig.net, rig.now_us);
	flush();
}

static struct sockaddr_in6 socket_address(const struct ip_addr *a)
{
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };

	memcpy(&sa.sin6_addr, a->b, 16); /* IPv4 as ::ffff:a.b.c.d, which Linux takes too */
	return sa;
}

static void linux_answers_our_syn(void)
{
	static const char *const ways[][2] = { { "192.0.2.2", "192.0.2.1" },
		                               { "198.51.100.7", "192.0.2.1" },
		                               { "2001:db8::2", "2001:db8::1" },
		                               { "2001:db8:5::7", "2001:db8::1" } };
	struct ip_addr any = { 0 };
	struct sockaddr_in6 sa = socket_address(&any);
	int listener = socket(AF_INET6, SOCK_STREAM, 0);

	CU_ASSERT_EQUAL_FATAL(bind(listener, (struct sockaddr *)&sa, sizeof(sa)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(listener, 8), 0);
	open_rig();
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct ip_addr local = addr(ways[i][0]), remote = addr(ways[i][1]);
		struct rte_mbuf *m = rig_segment(&rig);
		struct net_path path;

		put16(rte_pktmbuf_mtod_offset(m, uint8_t *, 2), PORT);
		CU_ASSERT_EQUAL_FATAL(net_route(rig.net, &local, &remote, &path), 0);
		net_output(rig.net, rig.now_us, &path, m);
		if (!pump(&local)) {
			printf("\n    no answer to %s", ways[i][0]);
			CU_FAIL("Linux did not answer");
			continue;
		}
		CU_ASSERT_EQUAL(rig.seg.tcp.at[13], 0x12); /* SYN, ACK */
		CU_ASSERT_EQUAL(get32(rig.seg.tcp.at + 8), 0xffffff01);
		CU_ASSERT(ip_eq(&rig.seg.remote, &remote));
	}
	close(listener);
	rig_close(&rig);
}

static void linux_finds_each_of_our_addresses(void)
{
	static const char *const ours[] = { "192.0.2.2", "198.51.100.7", "2001:db8::2",
		                            "2001:db8:5::7" };

	(void)!system("ip neigh flush dev t0");
	open_rig();
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		struct ip_addr local = addr(ours[i]);
		struct sockaddr_in6 sa = socket_address(&local);
		int caller = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);

		CU_ASSERT_EQUAL(connect(caller, (struct sockaddr *)&sa, sizeof(sa)), -1);
		CU_ASSERT(pump(&local));
		CU_ASSERT_EQUAL(rig.seg.tcp.at[13] & 0x12, 2); /* its SYN */
		close(caller);
	}
	CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_bad_checksum), 0);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_malformed), 0);
	rig_close(&rig);
}

SUITE("dataplane/net/linux", TEST(linux_answers_our_syn), TEST(linux_finds_each_of_our_addresses))
