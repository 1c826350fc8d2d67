/* evt_ring.c - events in units of 64 bytes. */
#include <assert.h>
#include <string.h>

#include "dataplane/evt_ring.h"

int evt_ring_init(struct spsc *r, uint32_t units)
{
	return spsc_init(r, units, EVT_UNIT_BYTES);
}

static uint32_t units_of(uint16_t text_bytes)
{
	uint32_t kept = text_bytes < DP_TEXT_MAX ? text_bytes : DP_TEXT_MAX;

	return 1 + (kept + EVT_UNIT_BYTES - 1) / EVT_UNIT_BYTES;
}

static bool is_of_connection(const struct dp_evt *evt)
{
	return evt->kind == DP_EVT_OPEN || evt->kind == DP_EVT_CLOSED;
}

/* Texts of connections are never more than the ring holds at all, so while it holds no more than
 * their share, one more cannot take what the others need.
 */
bool evt_ring_try_put(struct spsc *r, const struct dp_evt *evt, bool *cut)
{
	uint32_t n = units_of(evt->text_bytes);
	struct dp_evt head;

	*cut = is_of_connection(evt) && n > 1 && spsc_count(r) + n - 1 > EVT_TEXT_UNITS_MAX;
	if (!*cut)
		return spsc_try_put_all(r, evt, n);
	memcpy(&head, evt, EVT_UNIT_BYTES);
	head.text_bytes = 0;
	return spsc_try_put_all(r, &head, 1);
}

bool evt_ring_try_take(struct spsc *r, struct dp_evt *evt)
{
	uint8_t *at = (uint8_t *)evt;
	uint32_t n;

	if (!spsc_try_take(r, at))
		return false;
	n = units_of(evt->text_bytes);
	for (uint32_t i = 1; i < n; i++) {
		bool is_there = spsc_try_take(r, at + (size_t)i * EVT_UNIT_BYTES);

		assert(is_there); /* all units of an event are put at once */
		(void)is_there;
	}
	return true;
}
