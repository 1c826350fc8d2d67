/* path.c - what a bad path does to a frame. */
#include "tests/relay/path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The draws of one frame, each independent of the others. */
enum draw { DRAW_LOSS, DRAW_BURST, DRAW_COPY, DRAW_CORRUPT, DRAW_WHERE, DRAW_ORDER, DRAW_LATE };

static const struct {
	const char *name;
	size_t at;
	bool is_share; /* a probability, a double */
} options[] = {
	{ "delay_us", offsetof(struct path_conf, delay_us), false },
	{ "reorder_us", offsetof(struct path_conf, reorder_us), false },
	{ "rate_bps", offsetof(struct path_conf, rate_bps), false },
	{ "queue_bytes", offsetof(struct path_conf, queue_bytes), false },
	{ "loss", offsetof(struct path_conf, loss), true },
	{ "duplicate", offsetof(struct path_conf, duplicate), true },
	{ "corrupt", offsetof(struct path_conf, corrupt), true },
	{ "reorder", offsetof(struct path_conf, reorder), true },
	{ "burst_in", offsetof(struct path_conf, burst_in), true },
	{ "burst_out", offsetof(struct path_conf, burst_out), true },
};

static int parse_one(const char *word, size_t bytes, struct path_conf *conf)
{
	const char *equals = memchr(word, '=', bytes);

	if (equals == NULL)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		const char *name = options[i].name, *value = equals + 1;
		char *end;

		if (strlen(name) != (size_t)(equals - word) ||
		    memcmp(name, word, strlen(name)) != 0)
			continue;
		if (options[i].is_share) {
			double v = strtod(value, &end);

			if (end != word + bytes || end == value || !(v >= 0 && v <= 1))
				return -EINVAL;
			memcpy((char *)conf + options[i].at, &v, sizeof(v));
		} else {
			uint64_t v = strtoull(value, &end, 10);

			if (end != word + bytes || end == value || *value == '-')
				return -EINVAL;
			memcpy((char *)conf + options[i].at, &v, sizeof(v));
		}
		return 0;
	}
	return -EINVAL;
}

int path_parse(const char *text, struct path_conf *conf)
{
	while (*text != '\0') {
		size_t n = strcspn(text, ",");
		int rc = parse_one(text, n, conf);

		if (rc != 0)
			return rc;
		text += n + (text[n] == ',');
	}
	return 0;
}

void path_init(struct path *p, const struct path_conf *conf, uint64_t seed)
{
	memset(p, 0, sizeof(*p));
	p->conf = *conf;
	p->seed = seed;
}

/* splitmix64's mixing of seed, ordinal and draw: no state, so a frame's fate does not depend on
 * how many draws those before it took.
 */
static uint64_t draw(const struct path *p, enum draw which)
{
	uint64_t z = p->seed * 0x9e3779b97f4a7c15 + p->counts.tcp * 16 + which + 1;

	z *= 0x9e3779b97f4a7c15;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static bool happens(const struct path *p, enum draw which, double share)
{
	return (double)(draw(p, which) >> 11) * 0x1p-53 < share;
}

static bool is_lost(struct path *p)
{
	const struct path_conf *c = &p->conf;

	if (happens(p, DRAW_BURST, p->in_burst ? c->burst_out : c->burst_in))
		p->in_burst = !p->in_burst;
	if (p->in_burst) {
		p->counts.lost_in_bursts++;
		return true;
	}
	if (!happens(p, DRAW_LOSS, c->loss))
		return false;
	p->counts.lost++;
	return true;
}

/* Through the bottleneck: when the frame has wholly left it. False: the queue was full. */
static bool pass_bottleneck(struct path *p, uint64_t *at_ns, size_t bytes, bool is_tcp)
{
	uint64_t rate = p->conf.rate_bps, begins = *at_ns, waiting = 0;

	if (rate == 0)
		return true;
	if (p->free_at_ns > begins) {
		waiting = (p->free_at_ns - begins) * rate / 8000000000;
		begins = p->free_at_ns;
	}
	if (is_tcp && waiting + bytes > p->conf.queue_bytes) {
		p->counts.queue_full++;
		return false;
	}
	if (waiting + bytes > p->counts.queue_bytes_max)
		p->counts.queue_bytes_max = waiting + bytes;
	p->free_at_ns = begins + bytes * 8000000000 / rate;
	*at_ns = p->free_at_ns;
	return true;
}

void path_take(struct path *p, uint64_t now_ns, size_t bytes, size_t tcp_bytes,
               struct path_fate *fate)
{
	const struct path_conf *c = &p->conf;
	bool is_tcp = tcp_bytes != 0, lost;

	memset(fate, 0, sizeof(*fate));
	p->counts.frames++;
	p->counts.bytes += bytes;
	p->counts.tcp += is_tcp;
	lost = is_tcp && is_lost(p);
	/* What is lost behind the bottleneck has taken its room in it. */
	if (!pass_bottleneck(p, &now_ns, bytes, is_tcp) || lost)
		return;
	fate->n_copies = 1;
	fate->due_ns[0] = now_ns + c->delay_us * 1000;
	if (!is_tcp)
		return;
	if (happens(p, DRAW_ORDER, c->reorder)) {
		p->counts.reordered++;
		fate->due_ns[0] += draw(p, DRAW_LATE) % (c->reorder_us * 1000 + 1);
	}
	if (happens(p, DRAW_COPY, c->duplicate)) {
		p->counts.duplicated++;
		fate->due_ns[fate->n_copies++] = now_ns + c->delay_us * 1000;
	}
	if (happens(p, DRAW_CORRUPT, c->corrupt)) {
		uint64_t r = draw(p, DRAW_WHERE);

		p->counts.corrupted++;
		fate->corrupt_at = (size_t)(r >> 8) % tcp_bytes;
		fate->corrupt_by = (uint8_t)(r & 0xff) != 0 ? (uint8_t)(r & 0xff) : 1;
	}
}
