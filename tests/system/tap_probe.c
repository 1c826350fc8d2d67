/* tap_probe.c - attaches net_tap to a tap that exists already and asks the kernel behind it by ARP.
 *
 * tap_probe IFACE OUR_IPV4 KERNEL_IPV4: prints "answer from MAC" and stays attached until killed
 * (TERM: closes the port in order). Shows that a pre-made tap may be attached to again and again,
 * after kill -9 too; see tap_attach.py.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_arp.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

static const struct rte_ether_addr our_mac = { { 0x02, 0x25, 0, 0, 0, 1 } };
static volatile sig_atomic_t stop;

static void on_term(int signum)
{
	(void)signum;
	stop = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "tap_probe: %s\n", what);
	exit(1);
}

static struct rte_mempool *open_port(const char *iface)
{
	char vdev[64], prefix[64];
	char *argv[] = { "tap_probe",
		         "--no-huge",
		         "-m",
		         "64",
		         "--no-pci",
		         "-l",
		         "0",
		         "--vdev",
		         vdev,
		         "--no-telemetry",
		         "--file-prefix",
		         prefix,
		         "--log-level",
		         "error" };
	struct rte_eth_conf conf = { 0 };
	struct rte_mempool *pool;

	snprintf(vdev, sizeof(vdev), "net_tap0,iface=%s", iface);
	snprintf(prefix, sizeof(prefix), "probe%d", getpid());
	if (rte_eal_init(sizeof(argv) / sizeof(argv[0]), argv) < 0 ||
	    rte_eth_dev_count_avail() != 1)
		die("the port could not be opened");
	pool = rte_pktmbuf_pool_create("probe", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	if (pool == NULL || rte_eth_dev_configure(0, 1, 1, &conf) != 0 ||
	    rte_eth_rx_queue_setup(0, 0, 256, 0, NULL, pool) != 0 ||
	    rte_eth_tx_queue_setup(0, 0, 256, 0, NULL) != 0 || rte_eth_dev_start(0) != 0)
		die("the port could not be started");
	return pool;
}

/* RFC 826: who has `want`, tell `ours`. */
static void ask(struct rte_mempool *pool, uint32_t ours, uint32_t want)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct rte_ether_hdr *eth;
	struct rte_arp_hdr *arp;

	if (m == NULL)
		die("no buffer");
	eth = (void *)rte_pktmbuf_append(m, sizeof(*eth) + sizeof(*arp));
	if (eth == NULL)
		die("no room in a buffer");
	arp = (void *)(eth + 1);
	memset(eth, 0, sizeof(*eth) + sizeof(*arp));
	memset(&eth->dst_addr, 0xff, sizeof(eth->dst_addr));
	eth->src_addr = our_mac;
	eth->ether_type = htons(RTE_ETHER_TYPE_ARP);
	arp->arp_hardware = htons(RTE_ARP_HRD_ETHER);
	arp->arp_protocol = htons(RTE_ETHER_TYPE_IPV4);
	arp->arp_hlen = RTE_ETHER_ADDR_LEN;
	arp->arp_plen = 4;
	arp->arp_opcode = htons(RTE_ARP_OP_REQUEST);
	arp->arp_data.arp_sha = our_mac;
	arp->arp_data.arp_sip = ours;
	arp->arp_data.arp_tip = want;
	if (rte_eth_tx_burst(0, 0, &m, 1) != 1)
		rte_pktmbuf_free(m);
}

/* The answer's MAC address, or false when what came is something else. */
static bool is_answer(struct rte_mbuf *m, uint32_t from, struct rte_ether_addr *mac)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const struct rte_arp_hdr *arp = (const void *)(eth + 1);

	if (rte_pktmbuf_data_len(m) < sizeof(*eth) + sizeof(*arp) ||
	    eth->ether_type != htons(RTE_ETHER_TYPE_ARP) ||
	    arp->arp_opcode != htons(RTE_ARP_OP_REPLY) || arp->arp_data.arp_sip != from)
		return false;
	*mac = arp->arp_data.arp_sha;
	return true;
}

static bool await_answer(uint32_t from, struct rte_ether_addr *mac)
{
	struct rte_mbuf *pkts[32];
	bool got = false;

	for (int ms = 0; ms < 200 && !got; ms++) {
		uint16_t n = rte_eth_rx_burst(0, 0, pkts, 32);

		for (uint16_t i = 0; i < n; i++) {
			got = got || is_answer(pkts[i], from, mac);
			rte_pktmbuf_free(pkts[i]);
		}
		usleep(1000);
	}
	return got;
}

int main(int argc, char **argv)
{
	struct rte_ether_addr mac;
	struct rte_mempool *pool;
	bool got = false;

	if (argc != 4)
		die("usage: tap_probe IFACE OUR_IPV4 KERNEL_IPV4");
	signal(SIGTERM, on_term);
	pool = open_port(argv[1]);
	for (int turn = 0; turn < 20 && !got; turn++) {
		ask(pool, inet_addr(argv[2]), inet_addr(argv[3]));
		got = await_answer(inet_addr(argv[3]), &mac);
	}
	if (!got)
		die("no answer");
	printf("answer from " RTE_ETHER_ADDR_PRT_FMT "\n", RTE_ETHER_ADDR_BYTES(&mac));
	fflush(stdout);
	while (!stop)
		usleep(10000);
	rte_eth_dev_stop(0);
	rte_eth_dev_close(0);
	rte_eal_cleanup();
	return 0;
}
