/* lock.h - one process per store.
 *
 * Not     for others: store.h is.
 */
#pragma once

#include "control/store/store.h"

/* Makes the folder where it is missing and locks it, until `*fd` is closed or the process ends.
 * Returns 0; -EBUSY with a line that names the holder; -errno with one line. `*fd` may be open
 * after a failure too.
 */
int lock_take(const char *dir, int *fd, char why[STORE_WHY_BYTES]);
