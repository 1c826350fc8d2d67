/* netdev.h - what the kernel's own network says against a configuration, before anything starts.
 *
 * Taking the device that carries the host's default route or the operator's SSH session away from
 * the kernel locks everybody out; an address that the kernel has as well is answered twice, and
 * its RSTs end our connections.
 *
 * Thread  any; netdev_look() reads /proc, /sys and the environment, the rest is pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <net/if.h>

#include "dataplane/dp.h"

enum {
	NETDEV_ADDRS_MAX = 4096,
	NETDEV_DEFAULTS_MAX = 16,
	NETDEV_PER_PORT_MAX = 8,
};

/* The host, as far as it matters here. */
struct netdev_host {
	struct {
		char ifname[IF_NAMESIZE];
		struct ip_addr addr;
	} addrs[NETDEV_ADDRS_MAX];
	uint32_t n_addrs;
	char defaults[NETDEV_DEFAULTS_MAX][IF_NAMESIZE]; /* carry a default route */
	uint32_t n_defaults;
	struct ip_addr ssh_local; /* the end of the caller's SSH session here; unset: none */
	/* Kernel interfaces that a port of the configuration takes over. */
	char taken[DP_PORTS_MAX][NETDEV_PER_PORT_MAX][IF_NAMESIZE];
	uint32_t n_taken[DP_PORTS_MAX];
};

/* Adds the interfaces with a default route from a text of /proc/net/route's form (v6 false) or
 * /proc/net/ipv6_route's (v6 true). Lines that cannot be read are skipped.
 */
void netdev_read_routes(struct netdev_host *host, const char *text, bool v6);

/* Takes the local address from SSH_CONNECTION: "client port server port". NULL is none. */
void netdev_read_ssh(struct netdev_host *host, const char *ssh_connection);

/* Adds the interface that a virtual device takes over: iface= of af_packet and af_xdp, remote= of
 * net_tap, those of net_pcap. None for others.
 */
void netdev_read_device(struct netdev_host *host, uint32_t port, const char *device);

/* The judgement: 0, or -EADDRINUSE or -EBUSY with one line in `why` that names port or source
 * and says what to do.
 */
int netdev_refuses(const struct netdev_host *host, const struct dp_conf *conf,
                   char why[DP_WHY_BYTES]);

/* Fills `host` from the machine. Returns 0 or -errno. */
int netdev_look(const struct dp_conf *conf, struct netdev_host *host);
