/* sim_draw.c - paths by seed. */
#include "tests/dataplane/tcp/sim_int.h"

/* Up to `most`, in a third of all paths. */
static uint32_t at_times(uint64_t *r, uint32_t most)
{
	uint64_t v = sim_random(r);

	return v % 3 == 0 ? (uint32_t)(sim_random(r) % (most + 1)) : 0;
}

/* Below `few` as often as below `many`. */
static uint32_t few_or_many(uint64_t *r, uint32_t few, uint32_t many)
{
	uint64_t v = sim_random(r);

	return (uint32_t)(v % (sim_random(r) % 2 == 0 ? few : many));
}

struct sim_path sim_draw(uint64_t seed)
{
	static const uint32_t starts[] = { 0x7FFFFF00u, 0xFFFFFF00u, 1000, 0x7FFF0000u,
		                           0xFFFF0000u };
	static const uint16_t mtus[] = { 1500, 1500, 1500, 1280, 600 };
	uint64_t state = seed * 0x2545f4914f6cdd1dull + 0x9e3779b9, *r = &state;
	struct sim_path p = { .why = "drawn", .seed = seed };

	for (int i = 0; i < 8; i++)
		sim_random(r);
	p.iss = starts[sim_random(r) % 5];
	p.loss = at_times(r, 80);
	p.dup = at_times(r, 80);
	p.late = at_times(r, 250);
	p.corrupt = at_times(r, 40);
	p.burst = at_times(r, 15);
	p.burst_us = 1000 + (uint32_t)(sim_random(r) % 1000000);
	p.forged = at_times(r, 100);
	p.delay_us = 100 + (uint32_t)(sim_random(r) % 3 == 0 ? sim_random(r) % 150000
	                                                     : sim_random(r) % 20000);
	p.late_us = 100 + (uint32_t)(sim_random(r) % (3 * p.delay_us));
	if (sim_random(r) % 3 == 0) {
		p.kbit_s = 500 + (uint32_t)(sim_random(r) % 20000);
		p.queue_bytes = 3000 + (uint32_t)(sim_random(r) % 60000);
	}
	p.mtu_bytes = mtus[sim_random(r) % 5];
	for (int i = 0; i < 2; i++)
		p.bytes[i] = few_or_many(r, 3000, 400000);
	p.pause_ms = at_times(r, 500);
	p.rx_window_bytes = 3000 + few_or_many(r, 29768, 200000);
	p.window_games = at_times(r, 20);
	p.starve = at_times(r, 20);
	p.stall = at_times(r, 10);
	p.no_sack = sim_random(r) % 4 == 0;
	p.no_ts = sim_random(r) % 4 == 0;
	p.no_wscale = sim_random(r) % 6 == 0;
	p.few_buffers = sim_random(r) % 10 == 0;
	p.reno = sim_random(r) % 4 == 0;
	if (sim_random(r) % 8 == 0)
		p.abort_ms = 1 + (uint32_t)(sim_random(r) % 3000);
	if (sim_random(r) % 6 == 0) {
		p.hole_bytes = (uint16_t)(576 + sim_random(r) % 900);
		p.hole_tells = sim_random(r) % 2 == 0;
	}
	/* What came later stands last, so that the seeds stay what they were. */
	p.ecn[0] = sim_random(r) % 3 == 0;
	p.ecn[1] = sim_random(r) % 3 != 0;
	p.mark = at_times(r, 100);
	p.box = (enum sim_box)(sim_random(r) % 8 < SIM_N_BOXES ? sim_random(r) % SIM_N_BOXES
	                                                       : SIM_BOX_NONE);
	p.pacing = sim_random(r) % 4 == 0;
	if (sim_random(r) % 3 == 0) {
		p.tso_segs = (uint16_t)(3 + sim_random(r) % 40);
		p.tso_bytes = 4096 + (uint32_t)(sim_random(r) % 61440);
	}
	p.lazy = at_times(r, p.few_buffers ? 4 : HELD_MAX - 1);
	return p;
}
