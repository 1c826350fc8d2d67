/* tcp_port.c - a local port for (local, remote, remote port), in an order nobody foresees.
 *
 * RFC 6056 3.3.4: a keyed offset for each destination and a counter from a small table, so one
 * source address can hold a full range of ports to each of many destinations.
 */
#include <errno.h>

#include "dataplane/tcp/tcp_engine.h"

/* May a new connection have this tuple? An entry in TIME-WAIT makes room if it may. */
static bool try_claim(struct tcp *t, const struct tcp_tuple *tuple)
{
	uint32_t value = tcp_look_up(t, tuple);

	if (value == TCP_FLOW_NONE)
		return true;
	if (!(value & TCP_TW_BIT) || !tcp_tw_may_reuse(t, value & ~TCP_TW_BIT))
		return false;
	tcp_tw_del(t, value & ~TCP_TW_BIT);
	return true;
}

int tcp_port_choose(struct tcp *t, struct tcp_tuple *tuple)
{
	uint64_t key = tcp_key_ports(&t->key, tuple);
	uint32_t *counter = &t->ports[(key >> 32) % TCP_PORT_COUNTERS];
	uint32_t range = (uint32_t)t->conf.port_last - t->conf.port_first + 1;
	uint32_t probes = range < TCP_PORT_PROBES_MAX ? range : TCP_PORT_PROBES_MAX;

	for (uint32_t i = 0; i < probes; i++) {
		uint32_t at = ((uint32_t)key % range + (*counter)++ % range) % range;

		tuple->lport = (uint16_t)(t->conf.port_first + at);
		if (try_claim(t, tuple))
			return 0;
	}
	count(&t->conf.counters->tcp_ports_exhausted);
	return -EADDRNOTAVAIL;
}
