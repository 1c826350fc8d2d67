/* gate.c - scans what a message says, part by part, and sums up what the rules say of it. */
#include "dataplane/gate.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/gate_card.h"
#include "dataplane/gate_host.h"
#include "dataplane/gate_int.h"
#include "dataplane/gate_place.h"

enum {
	PREFETCH_BYTES_MAX = 16384, /* of a text; measured: beyond, it costs what it saves */
};

/* One text, in one piece or several, being scanned. */
struct unit {
	struct gate *gate;
	struct gate_lane *lane;
	struct gate_place place;
	uint8_t part;
	gate_find_fn *find; /* who wants to know of each place; NULL: nobody */
	void *find_ctx;
	uint8_t n_found;
	uint16_t found[GATE_HITS_MAX];
};

/* Does the rule count where this match ends? Asked of its last byte, which may be what ends a link.
 */
static bool stands(struct unit *u, const struct gate_rule *r, uint64_t end)
{
	uint64_t at = end > 0 ? end - 1 : 0;

	if ((r->where & 1u << u->part) == 0)
		return gate_place_in_url(&u->place, at);
	return !((r->checks & GATE_NOT_CODE) != 0 && gate_place_in_code(&u->place, at)) &&
	       !((r->checks & GATE_NOT_URL) != 0 && gate_place_in_url(&u->place, at)) &&
	       !((r->checks & GATE_NOT_TAG) != 0 && gate_place_in_tag(&u->place, at));
}

static bool looks_here(const struct unit *u, const struct gate_rule *r)
{
	bool is_body = u->part == DP_PART_TEXT || u->part == DP_PART_HTML;

	return (r->where & 1u << u->part) != 0 || ((r->where & GATE_IN_URL) != 0 && is_body);
}

/* Where there is no room, one that asks for less makes it: the severest is never lost. */
static void found(struct unit *u, uint32_t rule, uint64_t at)
{
	const struct gate_rule *rules = u->gate->rules;
	uint32_t i = 0;

	if (u->find != NULL) {
		u->find(u->find_ctx, rule, at);
		return;
	}
	u->lane->seen[rule] = u->lane->epoch;
	if (u->n_found < GATE_HITS_MAX)
		i = u->n_found++;
	else
		while (i < GATE_HITS_MAX && rules[u->found[i]].action >= rules[rule].action)
			i++;
	if (i < GATE_HITS_MAX)
		u->found[i] = (uint16_t)rule;
}

/* A link's host begins at `at`. */
static void look_at_host(struct unit *u, uint64_t at)
{
	char host[GATE_HOST_BYTES_MAX];
	uint32_t odd;

	if (u->part != DP_PART_TEXT && u->part != DP_PART_HTML)
		return;
	if (u->place.n == 1) /* as nearly all are: nothing is copied */
		odd = gate_host_judge(span_of(u->place.pieces[0] + at, u->place.bytes[0] - at));
	else
		odd = gate_host_judge(
		    span_of(host, gate_place_copy(&u->place, at, host, sizeof(host))));
	for (uint32_t i = 0; odd != 0 && i < u->gate->n_hosts; i++) {
		uint32_t rule = u->gate->hosts[i];

		if ((u->gate->rules[rule].checks & odd << GATE_HOST_SHIFT) != 0 &&
		    u->lane->seen[rule] != u->lane->epoch)
			found(u, rule, at);
	}
}

static bool on_match(void *ctx, uint32_t pattern, uint64_t end)
{
	struct unit *u = ctx;
	const struct gate_rule *r;
	uint32_t rule;

	if (pattern == u->gate->n_patterns) {
		look_at_host(u, end);
		return true;
	}
	rule = u->gate->rule_of[pattern];
	r = &u->gate->rules[rule];
	if (u->lane->seen[rule] == u->lane->epoch)
		return true;
	if (!looks_here(u, r))
		u->lane->seen[rule] = u->lane->epoch; /* nor anywhere else in this text */
	else if (stands(u, r, end))
		found(u, rule, end);
	return true;
}

/* Numbers of cards, for each rule that asks. A number that lies in two pieces is not seen. */
static void look_for_cards(struct unit *u, const char *const *pieces, const uint32_t *bytes,
                           uint32_t n)
{
	uint64_t before = 0;

	for (uint32_t i = 0; i < n; before += bytes[i++]) {
		struct span text = span_of(pieces[i], bytes[i]);
		size_t start, at = 0;

		while ((at = gate_card_find(text, at, &start)) != 0)
			for (uint32_t c = 0; c < u->gate->n_cards; c++) {
				uint32_t rule = u->gate->cards[c];

				if (u->lane->seen[rule] != u->lane->epoch &&
				    stands(u, &u->gate->rules[rule], before + start + 1))
					found(u, rule, before + start);
			}
	}
}

static void unit_begin(struct unit *u, uint8_t part)
{
	u->part = part;
	u->n_found = 0;
	if (++u->lane->epoch == 0) { /* once in 2^32 texts */
		memset(u->lane->seen, 0, u->gate->n_rules * sizeof(*u->lane->seen));
		u->lane->epoch = 1;
	}
}

/* Scans one text that lies in several pieces. Of a unit several may be scanned: a rule that was
 * found in one, or that does not look at this part, is found no more.
 */
static void scan_pieces(struct unit *u, const struct dp_text *texts, uint32_t n)
{
	const char *pieces[MATCH_PIECES_MAX];
	uint32_t bytes[MATCH_PIECES_MAX], n_pieces = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (texts[i].bytes.bytes == 0)
			continue;
		pieces[n_pieces] = (const char *)texts[i].bytes.at;
		bytes[n_pieces++] = (uint32_t)texts[i].bytes.bytes;
	}
	gate_place_begin(&u->place, pieces, bytes, n_pieces, u->part == DP_PART_HTML);
	match_scan(u->gate->set, u->lane->scratch, pieces, bytes, n_pieces, on_match, u);
	if ((u->gate->cards_where & 1u << u->part) != 0)
		look_for_cards(u, pieces, bytes, n_pieces);
}

/* What was found in one text counts once a message, whatever its other texts hold. */
static void add_hits(const struct gate *g, bool released, const uint16_t *rules, uint32_t n,
                     struct gate_verdict *out)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t rule = rules[i], k = 0;
		uint8_t action = g->rules[rule].action;

		if (action == DP_GATE_HOLD && released)
			action = DP_GATE_PASS;
		if (action > out->action || (action == out->action && rule < out->rule)) {
			out->action = action;
			out->rule = rule;
		}
		while (k < out->n_hits && out->hits[k] != rule)
			k++;
		if (k < out->n_hits || k == GATE_HITS_MAX)
			continue;
		out->hits[out->n_hits++] = (uint16_t)rule;
		if (g->rules[rule].action == DP_GATE_TAG && out->n_tags < DP_TAGS_MAX)
			out->tags[out->n_tags++] = g->tags[rule];
	}
}

/* Where the verdict of a shared text is, or where it may be put: its `segment` is another then. */
static struct gate_known *known_of(struct gate_lane *l, uint32_t campaign, const struct dp_text *t)
{
	uint64_t h = ((uint64_t)campaign << 32 | t->segment) * 0x9e3779b97f4a7c15ull;
	struct gate_known *oldest = NULL;

	for (uint32_t i = 0; i < GATE_KNOWN_WAYS; i++) {
		struct gate_known *k = &l->known[((h >> 32) + i) % GATE_KNOWN_MAX];

		if (k->campaign == campaign && k->segment == t->segment && k->part == t->part)
			return k;
		if (oldest == NULL || l->epoch - k->asked > l->epoch - oldest->asked)
			oldest = k;
	}
	oldest->segment = 0;
	return oldest;
}

/* One text after another, a zero byte between them; but the bytes of files are whole. */
static void scan_several(struct unit *u, const struct dp_text *t)
{
	struct span left = t->bytes;

	unit_begin(u, t->part);
	while (left.bytes > 0) {
		const uint8_t *zero =
		    t->part == DP_PART_FILE ? NULL : memchr(left.at, '\0', left.bytes);
		size_t bytes = zero == NULL ? left.bytes : (size_t)(zero - left.at);
		size_t past = bytes + (zero != NULL);
		struct dp_text one = { .bytes = span_of(left.at, bytes), .part = t->part };

		scan_pieces(u, &one, 1);
		left = span_of(left.at + past, left.bytes - past);
	}
}

/* A text that other messages of the campaign have, too: its hits are kept. */
static void scan_shared(struct unit *u, uint32_t campaign, bool released, const struct dp_text *t,
                        struct gate_verdict *out)
{
	struct gate_known *k = known_of(u->lane, campaign, t);

	k->asked = u->lane->epoch;
	if (k->segment != 0) {
		add_hits(u->gate, released, k->rules, k->n, out);
		out->known_bytes += (uint32_t)t->bytes.bytes;
		return;
	}
	scan_several(u, t);
	add_hits(u->gate, released, u->found, u->n_found, out);
	out->scanned_bytes += (uint32_t)t->bytes.bytes;
	k->campaign = campaign;
	k->segment = t->segment;
	k->part = t->part;
	k->n = u->n_found;
	memcpy(k->rules, u->found, u->n_found * sizeof(*u->found));
}

/* The texts were written by another core: all their lines are asked for at once. */
static void prefetch(const struct dp_text *texts, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		size_t bytes = texts[i].bytes.bytes;

		if (texts[i].segment != 0)
			continue;
		bytes = bytes < PREFETCH_BYTES_MAX ? bytes : PREFETCH_BYTES_MAX;
		for (size_t at = 0; at < bytes; at += 64)
			__builtin_prefetch(texts[i].bytes.at + at);
	}
}

void gate_scan(struct gate *gate, uint32_t lane, uint32_t campaign, bool released,
               const struct dp_text *texts, uint32_t n_texts, struct gate_verdict *out)
{
	struct unit u;

	assert(lane < gate->n_lanes && n_texts <= DP_TEXTS_MAX);
	u.gate = gate;
	u.lane = gate->lanes[lane];
	u.find = NULL;
	out->action = DP_GATE_PASS;
	out->n_tags = 0;
	out->n_hits = 0;
	out->rule = UINT32_MAX;
	out->scanned_bytes = out->known_bytes = 0;
	prefetch(texts, n_texts);
	for (uint32_t i = 0, n; i < n_texts; i += n) {
		n = 1;
		if (texts[i].segment != 0) {
			scan_shared(&u, campaign, released, &texts[i], out);
			continue;
		}
		while (i + n < n_texts && texts[i + n].segment == 0 &&
		       texts[i + n].part == texts[i].part && texts[i].part != DP_PART_NAME)
			n++;
		unit_begin(&u, texts[i].part);
		scan_pieces(&u, &texts[i], n);
		add_hits(gate, released, u.found, u.n_found, out);
		for (uint32_t k = 0; k < n; k++)
			out->scanned_bytes += (uint32_t)texts[i + k].bytes.bytes;
	}
	for (uint32_t i = 0; i < out->n_hits; i++)
		gate_tally_add(u.lane, campaign, out->hits[i]);
}

void gate_find(struct gate *gate, uint32_t lane, const struct dp_text *text, gate_find_fn *fn,
               void *ctx)
{
	struct unit u = { .gate = gate, .lane = gate->lanes[lane], .find = fn, .find_ctx = ctx };

	assert(lane < gate->n_lanes);
	unit_begin(&u, text->part);
	scan_pieces(&u, text, 1);
}
