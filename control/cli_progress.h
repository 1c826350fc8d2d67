/* cli_progress.h - what a person watches while a campaign goes out, and the report at its end.
 *
 * Pure: counts in, text out.
 * Thread  any.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "control/campaign/campaign.h"

enum { CLI_LINE_BYTES = 512 };

struct cli_progress {
	const char *verb; /* "sending" */
	uint64_t done, total;
	uint64_t rate_per_s; /* lately */
	const char *unit;    /* of the rate: "msg/s" */
};

/* One line of at most `width` columns (40 to 400; other widths are brought within), without line
 * end: the bar takes what the numbers leave, and goes when they leave nothing. Returns `out`.
 */
const char *cli_progress_line(const struct cli_progress *p, uint32_t width,
                              char out[CLI_LINE_BYTES]);

/* One domain in the report. */
struct cli_domain {
	const char *name;
	uint64_t recipients;
	uint64_t count[RCPT_N_STATES];
	const char *first_reason; /* NULL: no trouble. Foreign text, cleaned when written. */
	uint16_t first_code;      /* not said again when the reason begins with it; 0: none */
	int64_t next_in_s;        /* until the next attempt of what is deferred; < 0: none */
};

/* Writes the table, header first, one line a domain. */
void cli_domains_write(const struct cli_domain *domains, uint32_t n, FILE *out);

/* Writes "recipients=10000 delivered=8250 ..." with its line end. States that are rare are written
 * only where they are not 0; the numbers always sum to recipients.
 */
void cli_sum_write(uint64_t recipients, const uint64_t count[RCPT_N_STATES], FILE *out);
