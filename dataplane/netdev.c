/* netdev.c - what the kernel's own network says against a configuration, before anything starts. */
#include "dataplane/netdev.h"

#include <dirent.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/port.h"

static void add_default(struct netdev_host *host, const char *ifname)
{
	for (uint32_t i = 0; i < host->n_defaults; i++)
		if (strcmp(host->defaults[i], ifname) == 0)
			return;
	if (host->n_defaults < NETDEV_DEFAULTS_MAX)
		snprintf(host->defaults[host->n_defaults++], IF_NAMESIZE, "%s", ifname);
}

static void add_taken(struct netdev_host *host, uint32_t port, const char *ifname, size_t bytes)
{
	if (bytes == 0 || bytes >= IF_NAMESIZE || host->n_taken[port] == NETDEV_PER_PORT_MAX)
		return;
	memcpy(host->taken[port][host->n_taken[port]], ifname, bytes);
	host->taken[port][host->n_taken[port]++][bytes] = '\0';
}

/* IPv4: "eth0 00000000 010200C0 0003 0 0 0 00000000 ...", name, destination, ..., mask in the 8th;
 * IPv6: destination, bits, source, bits, next hop, metric, refs, use, flags, name. A reject route
 * (RTF_REJECT) carries nothing.
 */
void netdev_read_routes(struct netdev_host *host, const char *text, bool v6)
{
	for (const char *line = text; line != NULL && *line != '\0';) {
		const char *end = strchr(line, '\n');
		char name[IF_NAMESIZE], one[256], zero[33];
		size_t n = end != NULL ? (size_t)(end - line) : strlen(line);
		unsigned dest, mask, bits, flags;

		snprintf(one, sizeof(one), "%.*s", (int)(n < 255 ? n : 255), line);
		line = end != NULL ? end + 1 : NULL;
		if (!v6 && sscanf(one, "%15s %8x %*s %x %*s %*s %*s %8x", name, &dest, &flags,
		                  &mask) == 4) {
			if (dest == 0 && mask == 0 && (flags & 0x200) == 0)
				add_default(host, name);
		} else if (v6 && sscanf(one, "%32s %2x %*s %*s %*s %*s %*s %*s %x %15s", zero,
		                        &bits, &flags, name) == 4) {
			if (bits == 0 && strspn(zero, "0") == 32 && (flags & 0x200) == 0 &&
			    strcmp(name, "lo") != 0)
				add_default(host, name);
		}
	}
}

void netdev_read_ssh(struct netdev_host *host, const char *ssh_connection)
{
	char addr[64];

	/* An IPv6 address may bear a zone: "fe80::1%eth0". */
	if (ssh_connection != NULL && sscanf(ssh_connection, "%*s %*s %63[^ %]", addr) == 1)
		(void)ip_parse(addr, &host->ssh_local);
}

void netdev_read_device(struct netdev_host *host, uint32_t port, const char *device)
{
	static const struct {
		const char *driver, *key;
	} takes[] = {
		{ "net_af_packet", ",iface=" },  { "eth_af_packet", ",iface=" },
		{ "net_af_xdp", ",iface=" },     { "net_tap", ",remote=" },
		{ "net_pcap", ",iface=" },       { "net_pcap", ",rx_iface=" },
		{ "net_pcap", ",rx_iface_in=" }, { "net_pcap", ",tx_iface=" },
	};

	for (size_t i = 0; i < sizeof(takes) / sizeof(takes[0]); i++) {
		const char *at;

		if (strncmp(device, takes[i].driver, strlen(takes[i].driver)) != 0)
			continue;
		at = strstr(device, takes[i].key);
		if (at != NULL) {
			at += strlen(takes[i].key);
			add_taken(host, port, at, strcspn(at, ","));
		}
	}
}

static const char *interface_of(const struct netdev_host *host, const struct ip_addr *a)
{
	for (uint32_t i = 0; i < host->n_addrs; i++)
		if (ip_eq(&host->addrs[i].addr, a))
			return host->addrs[i].ifname;
	return NULL;
}

static int refuse_device(const struct netdev_host *host, const struct dp_port_conf *p,
                         const char *ifname, char why[DP_WHY_BYTES])
{
	const char *carries = NULL, *ssh_if = interface_of(host, &host->ssh_local);

	for (uint32_t i = 0; i < host->n_defaults; i++)
		if (strcmp(host->defaults[i], ifname) == 0)
			carries = "the host's default route";
	if (!ip_is_unset(&host->ssh_local) && ssh_if != NULL && strcmp(ssh_if, ifname) == 0)
		carries = "your SSH session";
	if (carries == NULL)
		return 0;
	snprintf(why, DP_WHY_BYTES,
	         "port \"%.40s\": %.60s would take %s, which carries %s; use a second interface "
	         "or net_tap",
	         p->name, p->device, ifname, carries);
	return -EBUSY;
}

static int refuse_addr(const struct netdev_host *host, const char *what, const char *name,
                       const struct ip_addr *a, char why[DP_WHY_BYTES])
{
	const char *ifname = ip_is_unset(a) ? NULL : interface_of(host, a);
	char text[IP_TEXT_MAX];

	if (ifname == NULL)
		return 0;
	snprintf(why, DP_WHY_BYTES,
	         "%s \"%.40s\": the kernel has %s too (on %s) and would reset our connections; "
	         "take another address or remove it there",
	         what, name, ip_format(a, text), ifname);
	return -EADDRINUSE;
}

int netdev_refuses(const struct netdev_host *host, const struct dp_conf *conf,
                   char why[DP_WHY_BYTES])
{
	int rc = 0;

	for (uint32_t p = 0; p < conf->n_ports && rc == 0; p++) {
		const struct dp_port_conf *port = &conf->ports[p];

		for (uint32_t i = 0; i < host->n_taken[p] && rc == 0; i++)
			rc = refuse_device(host, port, host->taken[p][i], why);
		for (uint32_t i = 0; i < port->n_addrs && rc == 0; i++)
			rc = refuse_addr(host, "port", port->name, &port->addrs[i].addr, why);
	}
	for (uint32_t i = 0; i < conf->n_sources && rc == 0; i++) {
		const struct dp_source_conf *s = &conf->sources[i];

		rc = refuse_addr(host, "source", s->name, &s->addr4, why);
		if (rc == 0)
			rc = refuse_addr(host, "source", s->name, &s->addr6, why);
	}
	return rc;
}

static void look_routes(struct netdev_host *host, const char *path, bool v6)
{
	enum { TEXT_MAX = 1 << 20 }; /* a router's full table is cut; its default comes first */
	char *text = malloc(TEXT_MAX);
	FILE *f = fopen(path, "re");

	if (text != NULL && f != NULL) {
		text[fread(text, 1, TEXT_MAX - 1, f)] = '\0';
		netdev_read_routes(host, text, v6);
	}
	if (f != NULL)
		fclose(f);
	free(text);
}

static void look_pci(struct netdev_host *host, uint32_t port, const char *device)
{
	char name[64], path[128];
	struct dirent *e;
	DIR *d;

	if (!port_device_name(device, name))
		return;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s%s/net",
	         strlen(name) < strlen("0000:00:00.0") ? "0000:" : "", name);
	d = opendir(path);
	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			add_taken(host, port, e->d_name, strlen(e->d_name));
	if (d != NULL)
		closedir(d);
}

static int look_addrs(struct netdev_host *host)
{
	struct ifaddrs *all, *i;

	if (getifaddrs(&all) != 0)
		return -errno;
	for (i = all; i != NULL && host->n_addrs < NETDEV_ADDRS_MAX; i = i->ifa_next) {
		struct ip_addr a;

		if (i->ifa_addr == NULL)
			continue;
		if (i->ifa_addr->sa_family == AF_INET)
			a = ip_from_v4(
			    (uint8_t *)&((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr);
		else if (i->ifa_addr->sa_family == AF_INET6)
			memcpy(a.b, &((struct sockaddr_in6 *)(void *)i->ifa_addr)->sin6_addr, 16);
		else
			continue;
		snprintf(host->addrs[host->n_addrs].ifname, IF_NAMESIZE, "%s", i->ifa_name);
		host->addrs[host->n_addrs++].addr = a;
	}
	freeifaddrs(all);
	return 0;
}

int netdev_look(const struct dp_conf *conf, struct netdev_host *host)
{
	memset(host, 0, sizeof(*host));
	look_routes(host, "/proc/net/route", false);
	look_routes(host, "/proc/net/ipv6_route", true);
	netdev_read_ssh(host, getenv("SSH_CONNECTION"));
	for (uint32_t i = 0; i < conf->n_ports; i++) {
		if (port_is_pci(conf->ports[i].device))
			look_pci(host, i, conf->ports[i].device);
		else
			netdev_read_device(host, i, conf->ports[i].device);
	}
	return look_addrs(host);
}
