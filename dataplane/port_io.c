/* port_io.c - a device of DPDK's, as port_io.h asks. */
#define ALLOW_EXPERIMENTAL_API /* rte_eth_get_monitor_addr(), of DPDK since 21.02 */

#include "dataplane/port_io.h"

#include <rte_ethdev.h>

static uint16_t id_of(void *dev)
{
	return ((const struct port_io_dev *)dev)->id;
}

static uint16_t rx_burst(void *dev, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	return rte_eth_rx_burst(id_of(dev), queue, m, n);
}

static uint16_t tx_prepare(void *dev, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	return rte_eth_tx_prepare(id_of(dev), queue, m, n);
}

static uint16_t tx_burst(void *dev, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	return rte_eth_tx_burst(id_of(dev), queue, m, n);
}

static int info_get(void *dev, struct rte_eth_dev_info *info)
{
	return rte_eth_dev_info_get(id_of(dev), info);
}

static int mac_get(void *dev, struct rte_ether_addr *mac)
{
	return rte_eth_macaddr_get(id_of(dev), mac);
}

static int mtu_get(void *dev, uint16_t *mtu_bytes)
{
	return rte_eth_dev_get_mtu(id_of(dev), mtu_bytes);
}

static int mtu_set(void *dev, uint16_t mtu_bytes)
{
	return rte_eth_dev_set_mtu(id_of(dev), mtu_bytes);
}

static int configure(void *dev, uint16_t n_queues, const struct rte_eth_conf *conf)
{
	return rte_eth_dev_configure(id_of(dev), n_queues, n_queues, conf);
}

static int rx_queue_setup(void *dev, uint16_t queue, uint16_t descs, struct rte_mempool *pool)
{
	return rte_eth_rx_queue_setup(id_of(dev), queue, descs, SOCKET_ID_ANY, NULL, pool);
}

static int tx_queue_setup(void *dev, uint16_t queue, uint16_t descs)
{
	return rte_eth_tx_queue_setup(id_of(dev), queue, descs, SOCKET_ID_ANY, NULL);
}

static int start(void *dev)
{
	return rte_eth_dev_start(id_of(dev));
}

static int stop(void *dev)
{
	return rte_eth_dev_stop(id_of(dev));
}

static int close_(void *dev)
{
	return rte_eth_dev_close(id_of(dev));
}

static int link_get(void *dev, struct rte_eth_link *link)
{
	return rte_eth_link_get_nowait(id_of(dev), link);
}

static int promiscuous_enable(void *dev)
{
	return rte_eth_promiscuous_enable(id_of(dev));
}

static int allmulticast_enable(void *dev)
{
	return rte_eth_allmulticast_enable(id_of(dev));
}

static int rss_conf_get(void *dev, struct rte_eth_rss_conf *conf)
{
	return rte_eth_dev_rss_hash_conf_get(id_of(dev), conf);
}

static int reta_query(void *dev, struct rte_eth_rss_reta_entry64 *reta, uint16_t size)
{
	return rte_eth_dev_rss_reta_query(id_of(dev), reta, size);
}

static int rx_fd(void *dev, uint16_t queue)
{
	return rte_eth_dev_rx_intr_ctl_q_get_fd(id_of(dev), queue);
}

static int rx_intr(void *dev, uint16_t queue, bool on)
{
	return on ? rte_eth_dev_rx_intr_enable(id_of(dev), queue)
	          : rte_eth_dev_rx_intr_disable(id_of(dev), queue);
}

static int monitor_addr(void *dev, uint16_t queue, struct rte_power_monitor_cond *line)
{
	return rte_eth_get_monitor_addr(id_of(dev), queue, line);
}

const struct port_io port_io_dpdk = {
	.rx_burst = rx_burst,
	.tx_prepare = tx_prepare,
	.tx_burst = tx_burst,
	.info_get = info_get,
	.mac_get = mac_get,
	.mtu_get = mtu_get,
	.mtu_set = mtu_set,
	.configure = configure,
	.rx_queue_setup = rx_queue_setup,
	.tx_queue_setup = tx_queue_setup,
	.start = start,
	.stop = stop,
	.close = close_,
	.link_get = link_get,
	.promiscuous_enable = promiscuous_enable,
	.allmulticast_enable = allmulticast_enable,
	.rss_conf_get = rss_conf_get,
	.reta_query = reta_query,
	.rx_fd = rx_fd,
	.rx_intr = rx_intr,
	.monitor_addr = monitor_addr,
};
