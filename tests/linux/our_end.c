/* our_end.c - our engine at a DPDK port. */
#include "tests/linux/our_end.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

enum {
	BURST = 32,
	BURSTS_MAX = 8, /* a turn */
	PENDING_MAX = 4096,
	RX_BUFFERS = 8191,
	PRIV_BYTES = 64,
	NET_TICK_US = 100000,
	TIMERS_PER_TURN = 1024,
};

static struct {
	struct rte_mempool *rx_pool;
	struct rte_mbuf *tx[PENDING_MAX];
	uint32_t n_tx;
	int rx_fd;
	uint64_t net_due_us, timer_due_us;
} port;

static void die(const char *what, int rc)
{
	fprintf(stderr, "tcp_ours: %s: %s\n", what, strerror(rc < 0 ? -rc : rc));
	exit(2);
}

static uint64_t clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void start_eal(const struct our_end_conf *conf)
{
	char prefix[64], mbytes[16];
	char *argv[] = { (char *)"tcp_ours",
		         (char *)"--no-huge",
		         (char *)"--no-pci",
		         (char *)"--no-telemetry",
		         (char *)"--no-shconf",
		         (char *)"--log-level",
		         (char *)"*:error",
		         (char *)"-l",
		         (char *)"0",
		         (char *)"-m",
		         mbytes,
		         prefix,
		         (char *)"--vdev",
		         (char *)(uintptr_t)conf->device,
		         NULL };
	cpu_set_t cpus;

	snprintf(prefix, sizeof(prefix), "--file-prefix=ours-%d", (int)getpid());
	snprintf(mbytes, sizeof(mbytes), "%u",
	         (conf->buffers + RX_BUFFERS) / 240 + 64); /* a page each */
	(void)sched_getaffinity(0, sizeof(cpus), &cpus);
	if (rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])) - 1, argv) < 0 ||
	    rte_eth_dev_count_avail() != 1)
		die(conf->device, ENODEV);
	(void)sched_setaffinity(0, sizeof(cpus), &cpus); /* the kernel chooses, beside the relay */
}

static void start_port(const struct our_end_conf *conf)
{
	struct rte_eth_conf eth = { .intr_conf = { .rxq = 1 } };
	int rc = rte_eth_dev_configure(0, 1, 1, &eth);

	if (rc == 0)
		rc = rte_eth_dev_set_mtu(0, conf->mtu_bytes);
	if (rc == 0)
		rc = rte_eth_rx_queue_setup(0, 0, 256, SOCKET_ID_ANY, NULL, port.rx_pool);
	if (rc == 0)
		rc = rte_eth_tx_queue_setup(0, 0, 256, SOCKET_ID_ANY, NULL);
	if (rc == 0)
		rc = rte_eth_dev_start(0);
	if (rc != 0)
		die("the port does not start", rc);
	port.rx_fd = rte_eth_dev_rx_intr_ctl_q_get_fd(0, 0);
	if (port.rx_fd < 0)
		die("the port has no descriptor", ENOTSUP);
}

static void flush(struct our_end *e)
{
	uint32_t n = 0;

	while (n < port.n_tx) {
		uint16_t sent = rte_eth_tx_burst(0, 0, port.tx + n, (uint16_t)(port.n_tx - n));

		if (sent == 0)
			break;
		n += sent;
	}
	count_n(&e->counters.tx_packets, n);
	count_n(&e->counters.tx_dropped, port.n_tx - n); /* TCP will notice */
	rte_pktmbuf_free_bulk(port.tx + n, port.n_tx - n);
	port.n_tx = 0;
}

static void add_frame(void *ctx, struct rte_mbuf *m)
{
	if (port.n_tx == PENDING_MAX)
		flush(ctx);
	port.tx[port.n_tx++] = m;
}

void our_end_open(const struct our_end_conf *conf, struct our_end *e)
{
	static const uint8_t secret[32] = "a secret that is none, for tests";
	struct net_conf net = { .mac = { 0x02, 0x25, 0, 0, 0, conf->mac_last },
		                .mtu_bytes = conf->mtu_bytes,
		                .addrs = conf->addrs,
		                .n_addrs = conf->n_addrs,
		                .gateway4 = conf->gateway4,
		                .neighbours_max = 64,
		                .neighbour_queue_max = 256,
		                .tx = add_frame,
		                .tx_ctx = e,
		                .counters = &e->counters };
	struct tcp_conf tcp = *conf->tcp;
	uint16_t room = (uint16_t)(RTE_PKTMBUF_HEADROOM + conf->mtu_bytes + 128);
	int rc;

	memset(e, 0, sizeof(*e));
	start_eal(conf);
	room = room < 2048 ? 2048 : room;
	port.rx_pool =
	    rte_pktmbuf_pool_create("rx", RX_BUFFERS, 0, PRIV_BYTES, room, SOCKET_ID_ANY);
	e->tx_pool =
	    rte_pktmbuf_pool_create("tx", conf->buffers, 0, PRIV_BYTES, room, SOCKET_ID_ANY);
	if (port.rx_pool == NULL || e->tx_pool == NULL)
		die("pools", ENOMEM);
	start_port(conf);
	e->now_us = clock_us();
	net.pool = port.rx_pool;
	rc = net_open(&net, &e->net);
	if (rc != 0)
		die("net", rc);
	tcp.pool = e->tx_pool;
	tcp.net = e->net;
	tcp.counters = &e->counters;
	tcp.secret = secret;
	rc = tcp_open(&tcp, e->now_us, &e->tcp);
	if (rc != 0)
		die("tcp", rc);
	net_announce(e->net, e->now_us);
	flush(e);
}

void our_end_close(struct our_end *e)
{
	tcp_close_engine(e->tcp);
	net_close(e->net);
	(void)rte_eth_dev_stop(0);
	(void)rte_eth_dev_close(0);
	rte_eal_cleanup();
}

static uint32_t receive(struct our_end *e)
{
	struct rte_mbuf *m[BURST];
	uint32_t n = rte_eth_rx_burst(0, 0, m, BURST);

	for (uint32_t i = 0; i < n; i++) {
		struct net_seg seg;
		struct net_icmp icmp;

		switch (net_input(e->net, e->now_us, m[i], &seg, &icmp)) {
		case NET_IN_TCP:
			tcp_input(e->tcp, e->now_us, &seg);
			rte_pktmbuf_free(m[i]);
			break;
		case NET_IN_ICMP:
			tcp_icmp(e->tcp, e->now_us, &icmp);
			break;
		case NET_IN_WRITER: /* this net is on its own */
		case NET_IN_DONE:
			break;
		}
	}
	count_n(&e->counters.rx_packets, n);
	return n;
}

void our_end_turn(struct our_end *e)
{
	for (unsigned i = 0; i < BURSTS_MAX; i++) {
		e->now_us = clock_us();
		if (receive(e) < BURST)
			break;
	}
	if (e->now_us >= port.net_due_us) {
		net_tick(e->net, e->now_us);
		port.net_due_us = e->now_us + NET_TICK_US;
	}
	port.timer_due_us = tcp_tick(e->tcp, e->now_us, TIMERS_PER_TURN);
	tcp_turn_end(e->tcp, e->now_us);
	flush(e);
}

void our_end_sleep(struct our_end *e, uint64_t until_us)
{
	struct pollfd fd = { .fd = port.rx_fd, .events = POLLIN };
	uint64_t now = clock_us();
	struct timespec t;

	(void)e;
	until_us = RTE_MIN(until_us, RTE_MIN(port.net_due_us, port.timer_due_us));
	if (until_us <= now)
		return;
	t.tv_sec = (time_t)((until_us - now) / 1000000);
	t.tv_nsec = (long)((until_us - now) % 1000000 * 1000);
	(void)ppoll(&fd, 1, &t, NULL);
}
