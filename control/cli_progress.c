/* cli_progress.c - see cli_progress.h. */
#include "control/cli_progress.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "control/text.h"

enum {
	WIDTH_MIN = 40,
	WIDTH_MAX = 400,
	BAR_MIN = 8,
	BAR_MAX = 32,
	NAME_MIN = 18,
	NAME_MAX = 60, /* a longer domain is cut in the table, not in JSON */
	REASON_BYTES = 200,
};

/* Wide numbers do not overflow: 64-bit counts, times 100, in 128 bits. */
static unsigned percent(uint64_t done, uint64_t total)
{
	if (total == 0 || done >= total)
		return 100;
	return (unsigned)((__uint128_t)done * 100 / total);
}

const char *cli_progress_line(const struct cli_progress *p, uint32_t width,
                              char out[CLI_LINE_BYTES])
{
	char done[TEXT_NUMBER_BYTES], total[TEXT_NUMBER_BYTES], rate[TEXT_NUMBER_BYTES];
	char eta[TEXT_NUMBER_BYTES], right[160], bar[BAR_MAX + 3] = "";
	unsigned pct = percent(p->done, p->total);
	uint64_t left = p->done < p->total ? p->total - p->done : 0;
	size_t fixed, room, filled;

	width = width < WIDTH_MIN ? WIDTH_MIN : width > WIDTH_MAX ? WIDTH_MAX : width;
	snprintf(right, sizeof(right), "%3u %%  %s/%s   %s %s", pct, text_thousands(p->done, done),
	         text_thousands(p->total, total), text_thousands(p->rate_per_s, rate), p->unit);
	if (left > 0 && p->rate_per_s > 0) {
		size_t used = strlen(right);

		snprintf(right + used, sizeof(right) - used, "   eta %s",
		         text_duration((left + p->rate_per_s - 1) / p->rate_per_s, eta));
	}
	fixed = strlen(p->verb) + 2 + strlen(right) + 2;
	room = width > fixed ? width - fixed : 0;
	if (room >= BAR_MIN) {
		room = room > BAR_MAX ? BAR_MAX : room;
		filled = room * pct / 100;
		memset(bar, '#', filled);
		memset(bar + filled, '-', room - filled);
		memcpy(bar + room, "  ", 3);
	}
	snprintf(out, CLI_LINE_BYTES, "%.40s  %s%s", p->verb, bar, right);
	if (strlen(out) > width)
		out[width] = '\0';
	return out;
}

static void write_reason(const struct cli_domain *d, FILE *out)
{
	char reason[REASON_BYTES], wait[TEXT_NUMBER_BYTES], code[8];

	if (d->first_reason == NULL)
		return;
	text_clean(d->first_reason, reason, sizeof(reason));
	snprintf(code, sizeof(code), "%u ", d->first_code);
	fprintf(out, "  %s%s", d->first_code == 0 || strncmp(reason, code, 4) == 0 ? "" : code,
	        reason);
	if (d->count[RCPT_DEFERRED] > 0 && d->next_in_s >= 0)
		fprintf(out, " (next try in %s)", text_duration((uint64_t)d->next_in_s, wait));
}

/* What has no column of its own. */
static uint64_t others(const struct cli_domain *d)
{
	uint64_t sum = 0;

	for (uint32_t s = 0; s < RCPT_N_STATES; s++)
		if (s != RCPT_DELIVERED && s != RCPT_DEFERRED && s != RCPT_BOUNCED &&
		    s != RCPT_PENDING)
			sum += d->count[s];
	return sum;
}

void cli_domains_write(const struct cli_domain *domains, uint32_t n, FILE *out)
{
	char number[5][TEXT_NUMBER_BYTES];
	bool has_pending = false, has_others = false;
	int width = NAME_MIN;

	for (uint32_t i = 0; i < n; i++) {
		int bytes = (int)strnlen(domains[i].name, NAME_MAX);

		width = bytes > width ? bytes : width;
		has_pending |= domains[i].count[RCPT_PENDING] > 0;
		has_others |= others(&domains[i]) > 0;
	}
	fprintf(out, "%-*s %10s %9s %8s %7s%s%s  first reason\n", width, "domain", "recipients",
	        "delivered", "deferred", "bounced", has_pending ? "   pending" : "",
	        has_others ? "   other" : "");
	for (uint32_t i = 0; i < n; i++) {
		const struct cli_domain *d = &domains[i];

		fprintf(out, "%-*.*s %10s %9s %8s %7s", width, width, d->name,
		        text_thousands(d->recipients, number[0]),
		        text_thousands(d->count[RCPT_DELIVERED], number[1]),
		        text_thousands(d->count[RCPT_DEFERRED], number[2]),
		        text_thousands(d->count[RCPT_BOUNCED], number[3]));
		if (has_pending)
			fprintf(out, " %9s", text_thousands(d->count[RCPT_PENDING], number[4]));
		if (has_others)
			fprintf(out, " %7s", text_thousands(others(d), number[4]));
		write_reason(d, out);
		fputc('\n', out);
	}
}

void cli_sum_write(uint64_t recipients, const uint64_t count[RCPT_N_STATES], FILE *out)
{
	static const char *const names[] = {
#define RCPT_STATE(sym, name, final) [RCPT_##sym] = name,
#include "control/campaign/rcpt_state.def"
#undef RCPT_STATE
	};
	/* The order people ask in; true: written even where it is 0. */
	static const struct {
		enum rcpt_state state;
		bool always;
	} order[] = {
		{ RCPT_DELIVERED, true },   { RCPT_BOUNCED, true }, { RCPT_DEFERRED, true },
		{ RCPT_UNCONFIRMED, true }, { RCPT_FAILED, true },  { RCPT_SUPPRESSED, true },
		{ RCPT_PENDING, false },    { RCPT_HELD, false },   { RCPT_EXPIRED, false },
		{ RCPT_CANCELLED, false },
	};
	static_assert(sizeof(order) / sizeof(order[0]) == RCPT_N_STATES, "every state is written");

	fprintf(out, "recipients=%" PRIu64, recipients);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (order[i].always || count[order[i].state] > 0)
			fprintf(out, " %s=%" PRIu64, names[order[i].state], count[order[i].state]);
	fputc('\n', out);
}
