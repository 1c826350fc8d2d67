/* thread.h - threads of the control plane that work in the background. */
#pragma once

#include <pthread.h>

/* Starts a thread at nice 10 that takes no signals: the data plane's real-time signals must not
 * land there, and the others belong to the control thread. Returns 0 or -errno.
 */
int thread_start_nice(pthread_t *thread, const char *name, void *(*main)(void *), void *arg);
