/* port_io.h - all that a worker asks of a network device, as a table of functions.
 *
 * The product has one such table, DPDK's; tests put a device of their own in its place. `dev` is
 * the device's business: port_io_dpdk takes a struct port_io_dev.
 *
 * Thread  rx_burst, tx_prepare, tx_burst, rx_intr: the worker of that queue, no two of one queue at
 *         a time. The rest: the thread that opens and closes the port; link_get: any worker.
 * Return  0 or -errno where it is an int; -ENOTSUP: the device cannot say or do that.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>

struct rte_mempool;

struct port_io {
	/* Up to `n` frames; the mbufs are the caller's from then on. */
	uint16_t (*rx_burst)(void *dev, uint16_t queue, struct rte_mbuf **m, uint16_t n);
	/* What the device needs done to a packet before tx_burst: checks, pseudo-header sums.
	 * Returns how many of the first are fit to be sent.
	 */
	uint16_t (*tx_prepare)(void *dev, uint16_t queue, struct rte_mbuf **m, uint16_t n);
	/* Takes over the first so many; the rest stays the caller's. */
	uint16_t (*tx_burst)(void *dev, uint16_t queue, struct rte_mbuf **m, uint16_t n);

	int (*info_get)(void *dev, struct rte_eth_dev_info *info);
	int (*mac_get)(void *dev, struct rte_ether_addr *mac);
	int (*mtu_get)(void *dev, uint16_t *mtu_bytes);
	int (*mtu_set)(void *dev, uint16_t mtu_bytes);
	int (*configure)(void *dev, uint16_t n_queues, const struct rte_eth_conf *conf);
	int (*rx_queue_setup)(void *dev, uint16_t queue, uint16_t descs, struct rte_mempool *pool);
	int (*tx_queue_setup)(void *dev, uint16_t queue, uint16_t descs);
	int (*start)(void *dev);
	int (*stop)(void *dev);
	int (*close)(void *dev);

	int (*link_get)(void *dev, struct rte_eth_link *link);
	int (*promiscuous_enable)(void *dev);
	int (*allmulticast_enable)(void *dev);

	/* How received segments are spread, after start: the key (conf->rss_key has room for
	 * rss_key_len bytes) and hash types in force; the table, `size` entries as info_get() says.
	 */
	int (*rss_conf_get)(void *dev, struct rte_eth_rss_conf *conf);
	int (*reta_query)(void *dev, struct rte_eth_rss_reta_entry64 *reta, uint16_t size);

	/* A descriptor that is readable when frames wait in the queue; -errno: none. Its interrupt,
	 * on before a sleep and off after it.
	 */
	int (*rx_fd)(void *dev, uint16_t queue);
	int (*rx_intr)(void *dev, uint16_t queue, bool on);
	/* What a CPU may wait on for the queue's next frame (rte_power_monitor()). */
	int (*monitor_addr)(void *dev, uint16_t queue, struct rte_power_monitor_cond *line);
};

/* A device of DPDK's. */
struct port_io_dev {
	uint16_t id;
};

extern const struct port_io port_io_dpdk;
