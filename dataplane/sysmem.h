/* sysmem.h - how much memory the machine could give us now. Any thread; reads /proc and /sys. */
#pragma once

#include <stdint.h>

/* MemAvailable of /proc/meminfo, or what a cgroup leaves when that is less; UINT64_MAX when
 * neither can be read.
 */
uint64_t sysmem_available_bytes(void);

/* Free hugepages of the default size that are not reserved. */
uint64_t sysmem_hugepages_free_bytes(void);
