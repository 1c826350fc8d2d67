/* port_rss.c - what a started device says of how it spreads what it receives. */
#include "dataplane/port_rss.h"

#include <string.h>

#include <rte_ethdev.h>

static bool read_key(const struct port *p, uint32_t key_bytes, struct landing_rss *rss)
{
	struct rte_eth_rss_conf conf = { .rss_key = rss->key, .rss_key_len = (uint8_t)key_bytes };

	if (key_bytes == 0 || key_bytes > LANDING_KEY_MAX ||
	    p->io->rss_conf_get(p->dev, &conf) != 0)
		return false;
	rss->key_bytes = key_bytes;
	rss->v4 = (conf.rss_hf & RTE_ETH_RSS_NONFRAG_IPV4_TCP) != 0;
	rss->v6 = (conf.rss_hf & RTE_ETH_RSS_NONFRAG_IPV6_TCP) != 0;
	return true;
}

static bool read_table(const struct port *p, uint32_t size, struct landing_rss *rss)
{
	struct rte_eth_rss_reta_entry64 groups[LANDING_TABLE_MAX / RTE_ETH_RETA_GROUP_SIZE];

	if (size == 0 || size > LANDING_TABLE_MAX)
		return false;
	memset(groups, 0, sizeof(groups));
	for (uint32_t i = 0; i < size; i++)
		groups[i / RTE_ETH_RETA_GROUP_SIZE].mask |= (uint64_t)1
		                                            << i % RTE_ETH_RETA_GROUP_SIZE;
	if (p->io->reta_query(p->dev, groups, (uint16_t)size) != 0)
		return false;
	rss->table_size = size;
	for (uint32_t i = 0; i < size; i++)
		rss->table[i] =
		    groups[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE];
	return true;
}

bool port_rss_read(const struct port *p, bool v4, bool v6, struct landing_rss *rss)
{
	struct rte_eth_dev_info info;

	memset(rss, 0, sizeof(*rss));
	return p->plan.rss && p->io->info_get(p->dev, &info) == 0 &&
	       read_key(p, info.hash_key_size, rss) && read_table(p, info.reta_size, rss) &&
	       landing_rss_is_usable(rss, p->n_queues, v4, v6);
}
