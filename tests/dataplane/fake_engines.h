/* fake_engines.h - engines that do as little as a worker can be tested with.
 *
 * A session to port 25 opens and stays; to 587 it is closed with TIMEOUT at once; to 465 a frame is
 * sent, and its coming back opens the session. Every job is taken and delivered; QUIT closes.
 */
#pragma once

#include <stdint.h>

/* How many frames net_input() got that net_output() had sent. Any thread. */
uint32_t fake_frames_back(void);

/* Calls of tcp_abort_all(). Any thread. */
uint32_t fake_aborts(void);

/* Probes of stale sessions asked for. Any thread. */
uint32_t fake_probes(void);
