/* cli_campaign.h - a campaign as a person watches it: progress line, domain table, sum.
 *
 * Thread  control thread.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "control/campaign/campaign.h"
#include "control/cli_progress.h"

/* How fast it went lately: a window of samples, oldest overwritten. */
struct cli_rate {
	struct {
		uint64_t at_us, done;
	} samples[16];
	uint32_t next, n;
};

/* Adds "so many done at this time"; returns done per second over the window. */
uint64_t cli_rate_add(struct cli_rate *r, uint64_t now_us, uint64_t done);

/* Recipients that have been tried or are final. */
uint64_t cli_campaign_done(const struct campaign *c);

/* Writes the largest domains, by size, and the line of sums. */
void cli_campaign_report(const struct campaign *c, int64_t now_s, FILE *out);
