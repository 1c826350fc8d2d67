/* port.c - one port with as many receive and transmit queues as workers. */
#include "dataplane/port.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "dataplane/eal_log.h"
#include "dataplane/handoff.h"
#include "dataplane/net/net.h"
#include "dataplane/tcp/tcp.h"

enum {
	RX_BUFFERS = 2047, /* 512 in the ring, a burst, lcore cache, and ARP, ND, ICMP of our own */
	RX_BUFFERS_AF_XDP =
	    8191, /* 22.11 fills a ring of 2,048 and copies what it sends into more */
	TX_BUFFERS_MIN = 4095,
	TX_BUFFERS_MAX = (1 << 22) - 1, /* in the computed case */
	TCP_HEADER_MAX = 60,
	CACHED_BUFFERS_MAX = 384, /* one and a half times PORT_POOL_CACHE, which DPDK flushes at */
	OBJ_HEADER_BYTES = 64,    /* mempool's own header, a cache line */
};

bool port_device_name(const char *device, char name[64])
{
	size_t n = strcspn(device, ",");

	if (n == 0 || n >= 64)
		return false;
	memcpy(name, device, n);
	name[n] = '\0';
	return true;
}

bool port_is_pci(const char *device)
{
	static const char *const shapes[] = { "xxxx:xx:xx.x", "xx:xx.x" };
	char name[64];

	if (!port_device_name(device, name))
		return false;
	for (size_t i = 0; i < 2; i++) {
		const char *shape = shapes[i], *c = name;

		for (; *shape != '\0' && *c != '\0'; shape++, c++)
			if (*shape == 'x' ? !isxdigit((unsigned char)*c) : *c != *shape)
				break;
		if (*shape == '\0' && *c == '\0')
			return true;
	}
	return false;
}

uint32_t port_n_queues(const struct dp_port_conf *conf)
{
	return conf->queues != 0 ? conf->queues : 1;
}

/* A session in a transaction has its commands or a body of two segments on the way, an idle one
 * nothing; a fixed part covers the device's ring and what is pending for it. So 2 a session and
 * 2,048 in the computed case.
 */
static uint32_t tx_buffers(const struct dp_conf *conf)
{
	uint64_t n = 2048 + 2 * (uint64_t)conf->conns_max;

	if (n > TX_BUFFERS_MAX)
		n = TX_BUFFERS_MAX;
	if (conf->buffers != 0)
		n = conf->buffers; /* as told; what is too much is refused, never less taken */
	return n < TX_BUFFERS_MIN ? TX_BUFFERS_MIN : (uint32_t)n;
}

void port_size_of(const struct dp_conf *conf, uint32_t port, struct port_size *size)
{
	const struct dp_port_conf *p = &conf->ports[port];
	uint32_t room = port_data_room_bytes(p->device, p->mtu_bytes);
	uint32_t tcp_room = NET_HEADROOM_BYTES + TCP_HEADER_MAX + p->mtu_bytes;
	uint64_t obj;

	size->room_bytes = (uint16_t)(room > tcp_room ? room : tcp_room);
	size->rx_buffers =
	    strncmp(p->device, "net_af_xdp", 10) == 0 ? RX_BUFFERS_AF_XDP : RX_BUFFERS;
	size->tx_buffers = tx_buffers(conf);
	/* Of each other worker: a full ring towards it, and what its thread keeps of this pool. */
	size->rx_buffers += (port_n_queues(p) - 1) * (HANDOFF_CELLS + CACHED_BUFFERS_MAX);
	obj = OBJ_HEADER_BYTES + sizeof(struct rte_mbuf) + PORT_MBUF_PRIV_BYTES + size->room_bytes;
	obj = (obj + 63) / 64 * 64;
	size->bytes = obj * ((uint64_t)size->rx_buffers + size->tx_buffers);
}

/* Ours when a device has no address, or when its address belongs to the kernel's side: made from
 * the interface's name, so that it is the same after a restart and stays in the neighbours' tables;
 * locally administered, unicast (IEEE 802 8.2), and never the kernel's.
 */
static void make_mac(const char *device, uint8_t mac[6])
{
	const char *iface = strstr(device, "iface=");
	uint8_t theirs[6];
	uint64_t h = 0xcbf29ce484222325; /* FNV-1a, 64 bits */

	memcpy(theirs, mac, 6);
	for (const char *c = iface != NULL ? iface : device; *c != '\0' && *c != ','; c++)
		h = (h ^ (uint8_t)*c) * 0x100000001b3;
	for (unsigned i = 0; i < 6; i++)
		mac[i] = (uint8_t)(h >> 8 * i);
	mac[0] = (uint8_t)((mac[0] & ~1) | 2);
	if (memcmp(mac, theirs, 6) == 0)
		mac[5] ^= 1;
}

static int ask(struct port *p, const struct dp_port_conf *conf, char reason[DP_WHY_BYTES],
               struct rte_eth_dev_info *info, uint16_t *mtu_now)
{
	int rc = p->io->info_get(p->dev, info);

	if (rc == 0)
		rc = p->io->mtu_get(p->dev, mtu_now);
	if (rc != 0) {
		snprintf(reason, DP_WHY_BYTES, "device does not answer: %s", strerror(-rc));
		return rc;
	}
	return port_plan_make(info, *mtu_now, conf, &p->plan, reason) != 0 ? -EINVAL : 0;
}

static int set_up_queues(struct port *p, struct rte_mempool *const *pools)
{
	const struct port_plan *plan = &p->plan;
	int rc = 0;

	for (uint16_t q = 0; q < p->n_queues && rc == 0; q++) {
		rc = p->io->rx_queue_setup(p->dev, q, plan->rx_descs, pools[q]);
		if (rc == 0)
			rc = p->io->tx_queue_setup(p->dev, q, plan->tx_descs);
	}
	return rc;
}

static int configure(struct port *p, const struct dp_port_conf *conf,
                     struct rte_mempool *const *pools, char reason[DP_WHY_BYTES])
{
	struct rte_eth_dev_info info;
	struct rte_ether_addr mac;
	struct port_plan *plan = &p->plan;
	uint16_t mtu_now = 0;
	int rc = ask(p, conf, reason, &info, &mtu_now);

	if (rc != 0)
		return rc;
	rc = p->io->configure(p->dev, p->n_queues, &plan->eth);
	if (rc != 0 && plan->eth.intr_conf.rxq) {
		/* No interrupts here (no vfio, say): polling with naps serves as well. */
		plan->eth.intr_conf.rxq = 0;
		plan->rx_interrupt = false;
		rc = p->io->configure(p->dev, p->n_queues, &plan->eth);
	}
	if (rc == 0 && plan->set_mtu)
		rc = p->io->mtu_set(p->dev, plan->mtu_bytes);
	if (rc == -ENOTSUP && plan->mtu_bytes < mtu_now)
		rc = 0; /* less than the device could: nobody else needs to know */
	if (rc == 0)
		rc = set_up_queues(p, pools);
	if (rc == 0)
		rc = p->io->mac_get(p->dev, &mac);
	if (rc != 0) {
		snprintf(reason, DP_WHY_BYTES, "set-up failed: %s", strerror(-rc));
		return rc;
	}
	memcpy(p->mac, mac.addr_bytes, 6);
	if (plan->own_mac || !rte_is_valid_assigned_ether_addr(&mac))
		make_mac(conf->device, p->mac);
	return 0;
}

void port_use(struct port *p, const struct port_io *io, void *dev)
{
	memset(p, 0, sizeof(*p));
	p->io = io;
	p->dev = dev;
	for (uint32_t q = 0; q < PORT_QUEUES_MAX; q++)
		p->rx_fds[q] = -1;
}

int port_find(struct port *p, const struct dp_port_conf *conf, char why[DP_WHY_BYTES])
{
	const char *said = eal_log_first_error();
	char name[64];

	port_use(p, &port_io_dpdk, &p->dpdk);
	if (port_device_name(conf->device, name) &&
	    rte_eth_dev_get_port_by_name(name, &p->dpdk.id) == 0)
		return 0;
	/* DPDK goes on without a device that it could not make. */
	snprintf(why, DP_WHY_BYTES, "port \"%.32s\": cannot open %.56s: %.80s%s%.42s", conf->name,
	         conf->device, said, said[0] != '\0' ? "; " : "",
	         strncmp(conf->device, "net_tap", 7) == 0
	             ? "is /dev/net/tun there and are you allowed?"
	         : port_is_pci(conf->device) ? "is it there, and bound to vfio-pci?"
	                                     : "does what it names exist?");
	return -ENODEV;
}

int port_open(struct port *p, const struct dp_port_conf *conf, struct rte_mempool *const *pools,
              char why[DP_WHY_BYTES])
{
	char reason[DP_WHY_BYTES] = "";
	int rc;

	p->n_queues = (uint16_t)port_n_queues(conf);
	for (uint32_t i = 0; i < conf->n_addrs; i++)
		p->has_ip6 |= !ip_is_v4(&conf->addrs[i].addr);
	assert(p->n_queues <= PORT_QUEUES_MAX);
	rc = configure(p, conf, pools, reason);
	if (rc != 0)
		snprintf(why, DP_WHY_BYTES, "port \"%s\": %.60s: %.150s", conf->name, conf->device,
		         reason);
	return rc;
}

/* Neighbours ask for us at multicast addresses (RFC 4861 7.2.2), which many devices drop unless
 * told otherwise. One that can do neither hears none, and says so by what does not arrive.
 */
static void hear_multicast(struct port *p)
{
	if (p->has_ip6 && p->io->allmulticast_enable(p->dev) != 0)
		(void)p->io->promiscuous_enable(p->dev);
}

int port_start(struct port *p)
{
	int rc = p->io->start(p->dev);

	if (rc != 0)
		return rc;
	p->started = true;
	hear_multicast(p);
	for (uint16_t q = 0; q < p->n_queues && p->plan.rx_interrupt; q++) {
		p->rx_fds[q] = p->io->rx_fd(p->dev, q);
		if (p->rx_fds[q] < 0)
			p->rx_fds[q] = -1;
	}
	return 0;
}

/* net_tap raises a signal for each packet, at the process, and reads nothing until the handler
 * ran. At a busy control thread it costs milliseconds: the queue's signal goes to this thread.
 */
void port_direct_signals_here(const struct port *p, uint16_t queue)
{
	struct f_owner_ex me = { .type = F_OWNER_TID, .pid = gettid() };

	if (p->plan.rx_fd_is_data && p->rx_fds[queue] >= 0)
		(void)fcntl(p->rx_fds[queue], F_SETOWN_EX, &me);
}

void port_stop(struct port *p)
{
	if (p->started)
		(void)p->io->stop(p->dev);
	p->started = false;
	(void)p->io->close(p->dev);
}
