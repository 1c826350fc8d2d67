/* softnic.c - a network card in software: what is set up and asked. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/softnic_int.h"

/* splitmix64: every seed is as good as another. */
uint64_t softnic_random(struct softnic *nic)
{
	uint64_t z = nic->random += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* Any queue in any place, each at least once. */
void softnic_table_draw(struct softnic *nic)
{
	uint16_t size = nic->conf.reta_size;

	for (uint16_t i = 0; i < size; i++)
		nic->reta[i] = (uint16_t)(softnic_random(nic) % nic->n_queues);
	for (uint16_t q = 0; q < nic->n_queues; q++)
		nic->reta[(q * 7 + 3) % size] = q;
}

struct softnic *softnic_new(const struct softnic_conf *conf)
{
	static const uint16_t sizes[] = { 64, 128, 512 };
	struct softnic *nic = calloc(1, sizeof(*nic));

	assert(nic != NULL);
	nic->conf = *conf;
	nic->random = conf->seed;
	if (conf->driver == NULL)
		nic->conf.driver = "net_softnic";
	if (conf->queues_max == 0)
		nic->conf.queues_max = SOFTNIC_QUEUES_MAX;
	if (conf->key_bytes == 0)
		nic->conf.key_bytes = softnic_random(nic) & 1 ? 40 : 52;
	if (conf->reta_size == 0)
		nic->conf.reta_size = sizes[softnic_random(nic) % 3];
	if (conf->segs_max == 0)
		nic->conf.segs_max = 64;
	if (conf->mtu_segs_max == 0)
		nic->conf.mtu_segs_max = 8;
	if (conf->descs_max == 0)
		nic->conf.descs_max = SOFTNIC_DESCS_MAX;
	assert(nic->conf.key_bytes <= TOEPLITZ_KEY_MAX && nic->conf.reta_size <= SOFTNIC_RETA_MAX);
	assert(nic->conf.queues_max <= SOFTNIC_QUEUES_MAX);
	for (unsigned i = 0; i < nic->conf.key_bytes; i++)
		nic->key[i] = nic->key_said[i] = (uint8_t)softnic_random(nic);
	for (unsigned i = 0; i < nic->conf.key_bytes && conf->lies & SOFTNIC_KEY_WRONG; i++)
		nic->key_said[i] = (uint8_t)softnic_random(nic);
	nic->mtu_bytes = 1500;
	nic->link_up = (conf->lies & SOFTNIC_LINK_DOWN) == 0;
	nic->flows = calloc(SOFTNIC_FLOWS_MAX, sizeof(*nic->flows));
	assert(nic->flows != NULL);
	return nic;
}

void softnic_free(struct softnic *nic)
{
	for (uint16_t q = 0; q < SOFTNIC_QUEUES_MAX; q++) {
		softnic_rx_empty(nic, q);
		softnic_tx_empty(nic, q);
		free(nic->rx[q].ring);
		free(nic->tx[q].ring);
	}
	while (nic->cut_at < nic->n_cut)
		rte_pktmbuf_free(nic->cut[nic->cut_at++]);
	free(nic->flows);
	free(nic);
}

static int info_get(void *dev, struct rte_eth_dev_info *info)
{
	const struct softnic *nic = dev;
	struct rte_eth_desc_lim lim = { .nb_max = nic->conf.descs_max, .nb_min = 8, .nb_align = 8 };

	memset(info, 0, sizeof(*info));
	info->driver_name = nic->conf.driver;
	info->min_mtu = 68;
	info->max_mtu = 9000;
	info->max_rx_queues = info->max_tx_queues = nic->conf.queues_max;
	info->rx_offload_capa = nic->conf.rx_offloads;
	info->tx_offload_capa = nic->conf.tx_offloads;
	info->rx_desc_lim = info->tx_desc_lim = lim;
	info->tx_desc_lim.nb_seg_max = nic->conf.segs_max;
	info->tx_desc_lim.nb_mtu_seg_max = nic->conf.mtu_segs_max;
	if (nic->conf.steer == SOFTNIC_STEER_RSS) {
		info->hash_key_size = (uint8_t)nic->conf.key_bytes;
		info->reta_size = nic->conf.reta_size;
		info->flow_type_rss_offloads = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_TCP |
		                               RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_TCP;
	}
	return 0;
}

static int mac_get(void *dev, struct rte_ether_addr *mac)
{
	memcpy(mac->addr_bytes, ((const struct softnic *)dev)->conf.mac, 6);
	return 0;
}

static int mtu_get(void *dev, uint16_t *mtu_bytes)
{
	*mtu_bytes = ((const struct softnic *)dev)->mtu_bytes;
	return 0;
}

static int mtu_set(void *dev, uint16_t mtu_bytes)
{
	((struct softnic *)dev)->mtu_bytes = mtu_bytes;
	return 0;
}

/* What ethdev and drivers check of a hash configuration. */
static int rss_set(struct softnic *nic, const struct rte_eth_conf *conf)
{
	const struct rte_eth_rss_conf *rss = &conf->rx_adv_conf.rss_conf;
	struct rte_eth_dev_info info;

	nic->hash_types = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP;
	if (nic->conf.steer != SOFTNIC_STEER_RSS)
		return conf->rxmode.mq_mode & RTE_ETH_MQ_RX_RSS_FLAG ? -EINVAL : 0;
	(void)info_get(nic, &info);
	nic->hash_types = 0;
	if (!(conf->rxmode.mq_mode & RTE_ETH_MQ_RX_RSS_FLAG))
		return 0; /* all on one queue */
	if (rss->rss_hf & ~info.flow_type_rss_offloads)
		return -EINVAL;
	nic->hash_types = rss->rss_hf;
	if (rss->rss_key == NULL)
		return 0;
	if (rss->rss_key_len != nic->conf.key_bytes)
		return -EINVAL;
	memcpy(nic->key_said, rss->rss_key, nic->conf.key_bytes);
	if (!(nic->conf.lies & SOFTNIC_KEY_WRONG))
		memcpy(nic->key, rss->rss_key, nic->conf.key_bytes);
	return 0;
}

static int configure(void *dev, uint16_t n_queues, const struct rte_eth_conf *conf)
{
	struct softnic *nic = dev;
	int rc;

	if (conf->intr_conf.rxq)
		return -ENOTSUP;
	if (n_queues == 0 || n_queues > nic->conf.queues_max ||
	    (conf->txmode.offloads & ~nic->conf.tx_offloads) != 0 ||
	    (conf->rxmode.offloads & ~nic->conf.rx_offloads) != 0)
		return -EINVAL;
	nic->n_queues = n_queues;
	nic->eth = *conf;
	rc = rss_set(nic, conf);
	softnic_table_draw(nic);
	memcpy(nic->reta_said, nic->reta, sizeof(nic->reta));
	nic->astray = nic->hash_types != 0 && softnic_random(nic) & 1 ? nic->reta[0] : 0;
	return rc;
}

static int rx_queue_setup(void *dev, uint16_t queue, uint16_t descs, struct rte_mempool *pool)
{
	struct softnic *nic = dev;
	struct softnic_rxq *q = &nic->rx[queue];

	if (queue >= nic->n_queues || descs < 8 || descs > nic->conf.descs_max || descs % 8 != 0)
		return -EINVAL;
	*q = (struct softnic_rxq){ .size = descs, .pool = pool };
	q->ring = calloc(descs, sizeof(*q->ring));
	return q->ring != NULL ? 0 : -ENOMEM;
}

static int tx_queue_setup(void *dev, uint16_t queue, uint16_t descs)
{
	struct softnic *nic = dev;
	struct softnic_txq *q = &nic->tx[queue];

	if (queue >= nic->n_queues || descs < 8 || descs > nic->conf.descs_max || descs % 8 != 0)
		return -EINVAL;
	*q = (struct softnic_txq){ .size = descs };
	q->ring = calloc(descs, sizeof(*q->ring));
	return q->ring != NULL ? 0 : -ENOMEM;
}

static int start(void *dev)
{
	struct softnic *nic = dev;

	for (uint16_t q = 0; q < nic->n_queues; q++) {
		if (nic->rx[q].ring == NULL || nic->tx[q].ring == NULL)
			return -EINVAL;
		softnic_rx_fill(nic, q);
	}
	nic->started = true;
	return 0;
}

static int stop(void *dev)
{
	struct softnic *nic = dev;

	nic->started = false;
	for (uint16_t q = 0; q < nic->n_queues; q++) {
		softnic_rx_empty(nic, q);
		softnic_tx_empty(nic, q);
	}
	return 0;
}

static int close_(void *dev)
{
	return stop(dev);
}

static int link_get(void *dev, struct rte_eth_link *link)
{
	*link = (struct rte_eth_link){ .link_status = ((const struct softnic *)dev)->link_up,
		                       .link_speed = RTE_ETH_SPEED_NUM_10G };
	return 0;
}

static int promiscuous_enable(void *dev)
{
	((struct softnic *)dev)->promiscuous = true;
	return 0;
}

static int allmulticast_enable(void *dev)
{
	((struct softnic *)dev)->all_groups = true;
	return 0;
}

static int rss_conf_get(void *dev, struct rte_eth_rss_conf *conf)
{
	const struct softnic *nic = dev;

	if (nic->conf.steer != SOFTNIC_STEER_RSS)
		return -ENOTSUP;
	if (conf->rss_key != NULL && conf->rss_key_len >= nic->conf.key_bytes)
		memcpy(conf->rss_key, nic->key_said, nic->conf.key_bytes);
	conf->rss_key_len = (uint8_t)nic->conf.key_bytes;
	conf->rss_hf = nic->hash_types;
	return 0;
}

static int reta_query(void *dev, struct rte_eth_rss_reta_entry64 *reta, uint16_t size)
{
	const struct softnic *nic = dev;

	if (nic->conf.steer != SOFTNIC_STEER_RSS)
		return -ENOTSUP;
	if (size != nic->conf.reta_size)
		return -EINVAL;
	for (uint16_t i = 0; i < size; i++)
		if (reta[i / 64].mask >> i % 64 & 1)
			reta[i / 64].reta[i % 64] = nic->reta_said[i];
	return 0;
}

static int rx_fd(void *dev, uint16_t queue)
{
	(void)dev, (void)queue;
	return -ENOTSUP;
}

static int monitor_addr(void *dev, uint16_t queue, struct rte_power_monitor_cond *line)
{
	(void)dev, (void)queue, (void)line;
	return -ENOTSUP;
}

static int rx_intr(void *dev, uint16_t queue, bool on)
{
	(void)dev, (void)queue, (void)on;
	return -ENOTSUP;
}

void softnic_link_set(struct softnic *nic, bool up)
{
	nic->link_up = up;
}

void softnic_table_redraw(struct softnic *nic)
{
	softnic_table_draw(nic);
}

const struct softnic_stats *softnic_stats(const struct softnic *nic)
{
	return &nic->stats;
}

const struct port_io softnic_io = {
	.rx_burst = softnic_rx_burst,
	.tx_prepare = softnic_tx_prepare,
	.tx_burst = softnic_tx_burst,
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
