/* port.h - one port with as many receive and transmit queues as workers.
 *
 * Owner   whoever opens it; each queue is its worker's from port_start() on.
 * Life    port_find() or port_use(), port_open(), port_start(), port_stop(), in this order.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/dp.h"
#include "dataplane/port_io.h"
#include "dataplane/port_plan.h"

struct rte_mempool;

enum {
	PORT_MBUF_PRIV_BYTES = 64, /* private area of every mbuf; the TCP engine's notes */
	PORT_QUEUES_MAX = 16,
	PORT_POOL_CACHE = 256, /* buffers of a pool that each thread keeps at hand */
};

struct port {
	const struct port_io *io;
	void *dev;               /* for `io` */
	struct port_io_dev dpdk; /* what `dev` points to when the device is DPDK's */
	bool started;
	bool has_ip6;
	uint8_t mac[6];
	uint16_t n_queues;
	int rx_fds[PORT_QUEUES_MAX]; /* readable when frames wait; -1: none, poll */
	struct port_plan plan;
};

/* Mempools and the port's part of EAL's arguments, sized before EAL starts. */
struct port_size {
	uint32_t rx_buffers, tx_buffers;
	uint16_t room_bytes; /* data room of each */
	uint64_t bytes;      /* all of it */
};

/* The name under which DPDK knows `device`: its text up to the first comma. Returns false when it
 * is too long or empty.
 */
bool port_device_name(const char *device, char name[64]);

/* True for a PCI address ("0000:3b:00.0", "3b:00.0"), false for a virtual device. */
bool port_is_pci(const char *device);

/* Queues, and with them workers, that `conf` asks for. */
uint32_t port_n_queues(const struct dp_port_conf *conf);

/* How many buffers `conf` asks for on the port of one worker, and what they take. Pure. */
void port_size_of(const struct dp_conf *conf, uint32_t port, struct port_size *size);

/* Finds the device that EAL was told of. Returns 0, or -ENODEV with a reason in `why` that names
 * port and device.
 */
int port_find(struct port *p, const struct dp_port_conf *conf, char why[DP_WHY_BYTES]);

/* A device of the caller's in place of one that is found. */
void port_use(struct port *p, const struct port_io *io, void *dev);

/* Sets up the device with port_n_queues(conf) queues of each kind; frames of queue i are received
 * into pools[i]. Returns 0, or -errno with a reason in `why` that names the port.
 */
int port_open(struct port *p, const struct dp_port_conf *conf, struct rte_mempool *const *pools,
              char why[DP_WHY_BYTES]);

/* Lets frames pass. Returns 0 or -errno. */
int port_start(struct port *p);

/* What the device tells of this queue by signal is directed to the calling thread. */
void port_direct_signals_here(const struct port *p, uint16_t queue);

void port_stop(struct port *p);
