/* dp_sink.c - the sink with its TLS and its carrier. */
#include "dataplane/dp_sink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/sink_carrier.h"
#include "dataplane/tls/tls_server.h"

static int open_tls(struct dp_sink *d, char why[DP_WHY_BYTES])
{
	const struct dp_sink_conf *c = d->conf;
	struct tls_server_conf tls = { .cert_file = c->cert_file,
		                       .key_file = c->key_file,
		                       .host = c->sink.host,
		                       .version_min = c->tls_min,
		                       .version_max = c->tls_max,
		                       .no_tickets = c->no_tickets };
	int rc = tls_server_open(&tls, &d->host.tls, why);

	static_assert((int)TLS_WHY_BYTES <= (int)DP_WHY_BYTES, "a reason fits");
	if (rc != 0 || c->authority_file == NULL)
		return rc;
	rc = tls_server_write_authority(d->host.tls, c->authority_file);
	if (rc == -ENOENT && c->cert_file != NULL)
		snprintf(why, DP_WHY_BYTES,
		         "the certificate is given: who vouches for it is not "
		         "known here");
	else if (rc != 0)
		snprintf(why, DP_WHY_BYTES, "%.150s: %s", c->authority_file, strerror(-rc));
	return rc;
}

static int open_sink(struct dp_sink *d, char why[DP_WHY_BYTES])
{
	struct sink_conf conf = d->conf->sink;
	struct timespec t;
	int rc;

	conf.below = &sink_conn_below;
	clock_gettime(CLOCK_MONOTONIC, &t);
	rc = sink_open(&conf, (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000,
	               &d->host.sink);
	if (rc != 0)
		snprintf(why, DP_WHY_BYTES, "no memory for %u connections", conf.conns_max);
	return rc;
}

int dp_sink_open(const struct dp_sink_conf *conf, struct dp_sink **out, char why[DP_WHY_BYTES])
{
	struct dp_sink *d = calloc(1, sizeof(*d));
	int rc;

	snprintf(why, DP_WHY_BYTES, "no memory for the sink");
	if (d == NULL)
		return -ENOMEM;
	d->conf = conf;
	d->carrier = conf->n_listens != 0 ? &sink_kernel : &sink_port;
	d->host.wire = d->carrier->wire;
	d->host.is_implicit = conf->is_implicit;
	d->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = d->stop_fd >= 0 ? 0 : -errno;
	if (rc == 0)
		rc = open_sink(d, why);
	if (rc == 0)
		rc = open_tls(d, why);
	if (rc == 0)
		rc = d->carrier->open(d, why);
	if (rc != 0) {
		d->carrier = NULL;
		dp_sink_close(d);
		return rc;
	}
	*out = d;
	return 0;
}

uint16_t dp_sink_port(const struct dp_sink *d, uint32_t listen)
{
	return d->carrier->port(d, listen);
}

int dp_sink_run(struct dp_sink *d)
{
	return d->carrier->run(d);
}

void dp_sink_stop(struct dp_sink *d)
{
	uint64_t one = 1;
	ssize_t n = write(d->stop_fd, &one, sizeof(one));

	(void)n; /* it cannot be full */
}

void dp_sink_close(struct dp_sink *d)
{
	if (d->carrier != NULL)
		d->carrier->close(d);
	if (d->host.sink != NULL)
		sink_close(d->host.sink);
	if (d->host.tls != NULL)
		tls_server_close(d->host.tls);
	if (d->stop_fd >= 0)
		close(d->stop_fd);
	free(d);
}

const struct sink_counts *dp_sink_counts(const struct dp_sink *d)
{
	return sink_counts(d->host.sink);
}

uint64_t dp_sink_stack_count(const struct dp_sink *d, uint32_t counter)
{
	return d->carrier->stack_count != NULL ? d->carrier->stack_count(d, counter) : 0;
}
