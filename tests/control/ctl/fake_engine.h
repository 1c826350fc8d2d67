/* fake_engine.h - stands in for the engine and the rooms that the socket shows.
 *
 * One engine, two workers, `fake.n_campaigns` campaigns of three domains, `fake.n_sites` sites.
 */
#pragma once

#include "control/engine.h"

struct fake {
	uint32_t n_campaigns, n_sites;
	uint32_t stops, reloads;
	int reload_result, start_result;
	struct campaign_spec spec; /* of the last start; its strings are copies */
	campaign_done_fn *done;    /* of the last start or export */
	void *done_ctx;
	struct campaign campaign;
	struct campaign_domain domains[3];
	char exported_to[300];
	uint32_t n_domains;
	struct conf *conf;        /* NULL after fake_reset() */
	uint32_t n_conns;         /* of each worker; names are its number << 16 | their own */
	uint32_t n_asked;         /* questions to the workers */
	struct ip_addr forgotten; /* by "host forget" */
	bool is_mute;             /* the workers do not answer now */
};
extern struct fake fake;

/* Back to the state above: one campaign, "welcome", two sites. */
void fake_reset(void);

/* The engine that stands for all of it. */
struct engine *fake_engine(void);
