/* ctl_tcp.c - `show tcp`: what the port and the network stack count, by room, with the sum first.
 */
#include <string.h>

#include "control/ctl/ctl_cmd.h"
#include "control/text.h"
#include "control/xalloc.h"

/* counters.def line by line: a room's heading, or a counter. */
static const struct {
	const char *room; /* NULL: a counter, the next in their order */
} lines[] = {
#define COUNTER_ROOM(name)        { #name },
#define COUNTER(name, unit, help) { NULL },
#include "dataplane/counters.def"
#undef COUNTER
#undef COUNTER_ROOM
};

enum { N_LINES = sizeof(lines) / sizeof(lines[0]) };

static bool is_shown(const char *room)
{
	static const char *const shown[] = { "port", "landing", "net", "tcp" };

	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		if (strcmp(room, shown[i]) == 0)
			return true;
	return false;
}

static uint64_t sum_of(const struct dp *dp, uint32_t counter)
{
	uint64_t sum = 0;

	for (uint32_t w = 0; w < dp_n_workers(dp); w++)
		sum += dp_counter(dp, w, counter);
	return sum;
}

static void write_room(struct ctl_req *req, const struct dp *dp, const char *room)
{
	char title[24];

	fprintf(req->out, "%-22s %16s", room, "sum");
	for (uint32_t w = 0; w < dp_n_workers(dp) && dp_n_workers(dp) > 1; w++) {
		snprintf(title, sizeof(title), "worker %u", w);
		fprintf(req->out, " %16s", title);
	}
	fputc('\n', req->out);
}

static void write_counter(struct ctl_req *req, const struct dp *dp, uint32_t counter)
{
	char text[TEXT_NUMBER_BYTES];

	fprintf(req->out, "  %-20s %16s", dp_counter_name(counter),
	        text_thousands(sum_of(dp, counter), text));
	for (uint32_t w = 0; w < dp_n_workers(dp) && dp_n_workers(dp) > 1; w++)
		fprintf(req->out, " %16s", text_thousands(dp_counter(dp, w, counter), text));
	fprintf(req->out, "  %-12s %s\n", dp_counter_unit(counter), dp_counter_help(counter));
}

/* {"port":{...},"net":{...},...} of one worker, or of all for UINT32_MAX. */
static json_t *rooms_json(const struct dp *dp, uint32_t worker)
{
	json_t *all = xcheck(json_object()), *room = NULL;
	uint32_t counter = 0;

	for (uint32_t i = 0; i < N_LINES; i++) {
		if (lines[i].room != NULL) {
			room = is_shown(lines[i].room) ? xcheck(json_object()) : NULL;
			if (room != NULL)
				json_object_set_new(all, lines[i].room, room);
			continue;
		}
		if (room != NULL)
			json_object_set_new(
			    room, dp_counter_name(counter),
			    json_integer((json_int_t)(worker == UINT32_MAX
			                                  ? sum_of(dp, counter)
			                                  : dp_counter(dp, worker, counter))));
		counter++;
	}
	return all;
}

static void write_json(struct ctl_req *req, const struct dp *dp)
{
	json_t *all = xcheck(json_object()), *workers = xcheck(json_array());

	for (uint32_t w = 0; w < dp_n_workers(dp); w++)
		json_array_append_new(workers, rooms_json(dp, w));
	json_object_set_new(all, "sum", rooms_json(dp, UINT32_MAX));
	json_object_set_new(all, "workers", workers);
	ctl_json_write(req, all);
	fputc('\n', req->out);
}

enum ctl_said ctl_show_tcp(struct ctl_req *req)
{
	const struct dp *dp = engine_dp(req->engine);
	uint32_t counter = 0;
	bool shown = false;

	if (req->json) {
		write_json(req, dp);
		return CTL_SAID_ALL;
	}
	for (uint32_t i = 0; i < N_LINES; i++) {
		if (lines[i].room != NULL) {
			shown = is_shown(lines[i].room);
			if (shown)
				write_room(req, dp, lines[i].room);
			continue;
		}
		if (shown)
			write_counter(req, dp, counter);
		counter++;
	}
	return CTL_SAID_ALL;
}
