/* eal_log.h - DPDK's log, line by line, through our own. */
#pragma once

#include "dataplane/dp.h"

/* From here on DPDK's lines go to `log`, one level lower than DPDK calls them: what it thinks
 * worth an INFO is DEBUG to us. Returns 0 or -ENOMEM.
 */
int eal_log_start(dp_log_fn *log);
void eal_log_stop(void);

/* The first line of trouble (an error, or a driver's warning) since the start, without its end, or
 * "": the one nearest to the cause when something then failed. Call when the threads that log are
 * done with what failed.
 */
const char *eal_log_first_error(void);
