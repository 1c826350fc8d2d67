/* worker_idle.c - the sleep of a worker that has nothing to do. */
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "dataplane/worker_int.h"

enum {
	TX_RETRY_US = 50,
	NAP_MAX_US = 5000,
};

uint64_t worker_wake_at(const struct worker *w)
{
	uint64_t at = w->timer_due_us;

	if (w->net_due_us < at)
		at = w->net_due_us;
	if (w->stale.due_us < at)
		at = w->stale.due_us;
	if (w->tx.n > 0 && w->now_us + TX_RETRY_US < at)
		at = w->now_us + TX_RETRY_US;
	return at;
}

static bool has_orders(const struct worker *w)
{
	if (atomic_load_explicit(&w->stop, memory_order_acquire) ||
	    atomic_load_explicit(&w->drains, memory_order_acquire) != w->drains_seen)
		return true;
	return worker_has_handed(w) || (!stale_holds(&w->stale) && spsc_count(&w->cmds) > 0);
}

/* Sleeps until a frame, an order or a timer. Without a descriptor to sleep on, frames are met by
 * naps that double while nothing comes. A descriptor that says "readable" while the driver has
 * nothing to give is not believed twice in a row.
 */
void worker_sleep(struct worker *w)
{
	struct pollfd fds[2] = { { .fd = w->wake.fd, .events = POLLIN },
		                 { .fd = w->fd_idle ? -1 : w->port->rx_fds[w->queue],
		                   .events = POLLIN } };
	uint64_t at = worker_wake_at(w), now = tsc_clock_us(&w->clock, rte_rdtsc()), us, counter;
	bool interrupt = fds[1].fd >= 0 && !w->port->plan.rx_fd_is_data;
	struct timespec t;

	wake_about_to_sleep(&w->wake);
	if (has_orders(w) || at <= now)
		goto awake;
	if (interrupt) {
		(void)w->port->io->rx_intr(w->port->dev, w->queue, true);
		/* A frame may have come since the last look and before the interrupt was on. */
		w->now_us = now;
		if (worker_receive(w) > 0) {
			w->last_work_us = now;
			goto disable;
		}
	}
	us = at - now;
	if (fds[1].fd < 0) {
		us = us < w->nap_us ? us : w->nap_us;
		w->nap_us = w->nap_us * 2 < NAP_MAX_US ? w->nap_us * 2 : NAP_MAX_US;
	}
	t = (struct timespec){ .tv_sec = (time_t)(us / 1000000),
		               .tv_nsec = (long)(us % 1000000 * 1000) };
	count(&w->counters.worker_sleeps);
	if (ppoll(fds, 2, &t, NULL) <= 0)
		fds[1].revents = 0;
	w->fd_idle = (fds[1].revents & POLLIN) != 0; /* until frames prove it right */
	if (interrupt && w->fd_idle)
		(void)!read(w->port->rx_fds[w->queue], &counter, sizeof(counter));
disable:
	if (interrupt)
		(void)w->port->io->rx_intr(w->port->dev, w->queue, false);
awake:
	wake_awake(&w->wake);
}
