/* engine_conf.c - what the data plane is told, made from the configuration. */
#include "control/engine_conf.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "control/log.h"
#include "control/xalloc.h"

static_assert((int)CONF_PORTS_MAX <= (int)DP_PORTS_MAX, "every port of a configuration fits");
static_assert((int)CONF_PORT_ADDRS_MAX <= (int)DP_PORT_ADDRS_MAX, "every address of a port fits");
static_assert((int)CONF_PORT_NEIGHBOURS_MAX <= (int)DP_PORT_NEIGHBOURS_MAX, "and neighbour");
struct engine_dp_conf {
	struct dp_conf dp;
	struct dp_port_conf ports[DP_PORTS_MAX];
	struct dp_source_conf *sources;
};

static void copy_port(struct dp_port_conf *to, const struct conf_port *from)
{
	*to = (struct dp_port_conf){ .name = from->name,
		                     .device = from->device,
		                     .n_addrs = from->n_addrs,
		                     .gateway4 = from->gateway4,
		                     .gateway6 = from->gateway6,
		                     .vlan = (uint16_t)from->vlan,
		                     .mtu_bytes = (uint16_t)from->mtu_bytes,
		                     .fragment_bytes_max = from->fragment_bytes_max,
		                     .queues = from->queues,
		                     .landing = (enum dp_landing)from->landing };
	memcpy(to->addrs, from->addrs, from->n_addrs * sizeof(to->addrs[0]));
	to->n_neighbours = from->n_neighbours;
	memcpy(to->neighbours, from->neighbours, from->n_neighbours * sizeof(to->neighbours[0]));
	for (uint32_t o = 0; o < DP_N_OFFLOADS; o++)
		to->offloads_off |= (uint32_t)!from->offloads[o] << o;
}

/* Certificates that nobody configured may be missing. */
static const char *ca_file_of(const struct conf *conf)
{
	if (strcmp(conf->tls.ca_file, CONF_CA_FILE) == 0 && access(CONF_CA_FILE, R_OK) != 0)
		return NULL;
	return conf->tls.ca_file;
}

struct engine_dp_conf *engine_dp_conf_new(const struct conf *conf, const uint8_t secret[32])
{
	struct engine_dp_conf *d = xcalloc(1, sizeof(*d));

	d->sources = xcalloc(conf->n_sources, sizeof(*d->sources));
	for (uint32_t i = 0; i < conf->n_ports; i++)
		copy_port(&d->ports[i], &conf->ports[i]);
	for (uint32_t i = 0; i < conf->n_sources; i++)
		d->sources[i] = (struct dp_source_conf){ .name = conf->sources[i].name,
			                                 .port = conf->sources[i].port,
			                                 .addr4 = conf->sources[i].addr4,
			                                 .addr6 = conf->sources[i].addr6,
			                                 .helo = conf->sources[i].helo };
	d->dp = (struct dp_conf){
		.ports = d->ports,
		.n_ports = conf->n_ports,
		.sources = d->sources,
		.n_sources = conf->n_sources,
		.live = conf->egress.mode == CONF_EGRESS_LIVE,
		.egress_allow = conf->egress.allow,
		.n_egress_allow = conf->egress.n_allow,
		.conns_max = conf->worker.conns_max,
		.window = conf->worker.window,
		.buffers = conf->worker.buffers,
		.idle = (enum dp_idle)conf->worker.idle,
		.drain_max_ms = conf->shutdown.drain_max_ms,
		.smtp = { .times = conf->limits.times,
		          .reply_lines_max = conf->smtp.reply_lines_max,
		          .reply_bytes_max = conf->smtp.reply_bytes_max,
		          .pipelining = conf->smtp.pipelining,
		          .chunking = conf->smtp.chunking },
		.times = conf->times,
		.n_times = conf->n_times,
		.tcp = { .congestion = (uint8_t)conf->tcp.congestion,
		         .ecn = conf->tcp.ecn,
		         .pacing = conf->tcp.pacing,
		         .iw_segs = conf->tcp.iw_segs,
		         .user_timeout_ms = conf->tcp.user_timeout_ms,
		         .keepalive_ms = conf->tcp.keepalive_ms,
		         .rx_window_bytes = conf->tcp.rx_window_bytes,
		         .tx_bytes_max = conf->tcp.tx_bytes_max,
		         .time_wait_max = conf->tcp.time_wait_max,
		         .rst_per_second_max = conf->tcp.rst_per_s },
		.tls = { .ca_file = ca_file_of(conf), .sessions_max = conf->tls.sessions_max },
		.state_dir = conf->state_dir,
		.secret = secret,
		.log = log_line,
	};
	return d;
}

const struct dp_conf *engine_dp_conf_of(const struct engine_dp_conf *d)
{
	return &d->dp;
}

void engine_dp_conf_free(struct engine_dp_conf *d)
{
	free(d->sources);
	free(d);
}
