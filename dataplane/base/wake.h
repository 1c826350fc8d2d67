/* wake.h - a sleeper and those who wake it, at no system call while nobody sleeps.
 *
 * The sleeper says that it is about to sleep, looks once more for work, and only then sleeps; a
 * producer makes the work visible first, then looks whether the sleeper sleeps. Between the two
 * stores and the two loads stands a full fence on each side, so at least one of them sees the
 * other: a wake-up cannot be lost.
 *
 * Thread  wake_about_to_sleep(), wake_awake(), wake_wait(): the one sleeper. wake_signal(): any.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct wake {
	_Alignas(64) _Atomic uint32_t sleeping;
	int fd;        /* eventfd, non-blocking; readable when a signal is pending */
	uint64_t owed; /* the sleeper's: signals that were given and not read yet */
};

/* Opens the eventfd. Returns 0 or -errno. */
int wake_init(struct wake *w);

void wake_fini(struct wake *w);

/* Call before the last look for work. After it, either sleep or call wake_awake(). */
void wake_about_to_sleep(struct wake *w);

/* Back from sleep or not sleeping after all: clears the flag and swallows a pending signal. */
void wake_awake(struct wake *w);

/* Sleeps until a signal or `timeout_us`, whichever is first; UINT64_MAX waits without end. The
 * caller wraps it in wake_about_to_sleep() and wake_awake().
 */
void wake_wait(struct wake *w, uint64_t timeout_us);

/* Wakes the sleeper if it sleeps. Call after the work is visible to it. */
void wake_signal(struct wake *w);
