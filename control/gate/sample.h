/* sample.h - what rules cost on mail as people send it.
 *
 * The sample is a few messages of the corpus that the shipped rules are tested with, held by the
 * program itself: a cost that is to be compared with an option must not depend on what is
 * installed.
 *
 * Thread  any.
 */
#pragma once

#include "dataplane/gate.h"

enum { SAMPLE_SLOWEST = 5 };

/* Cycles of a byte in tenths, hot: of each mail the best round, so that what else the machine does
 * is left out. Tries on, up to a second, while it is more than `enough`. Scans as `lane`, of no
 * campaign.
 */
uint32_t sample_gate_cycles(struct gate *gate, uint32_t lane, uint32_t enough);

/* The patterns that cost most, each scanned for alone, dearest first. Returns how many. */
uint32_t sample_slowest(const struct match_pattern *patterns, uint32_t n,
                        uint32_t slowest[SAMPLE_SLOWEST], uint32_t cycles[SAMPLE_SLOWEST]);
