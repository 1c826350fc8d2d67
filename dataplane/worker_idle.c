/* worker_idle.c - a worker that has nothing to do: it spins, lies on the device's cache line,
 * sleeps.
 *
 * How far it goes, and on what it sleeps, is idle_plan.c's to say. The set of descriptors that end
 * a sleep is made once: a sleep is one system call, with a time-out in nanoseconds.
 */
#define ALLOW_EXPERIMENTAL_API /* rte_power_monitor(), of DPDK since 21.02 */

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <rte_cpuflags.h>
#include <rte_ethdev.h>
#include <rte_pause.h>
#include <rte_power_intrinsics.h>

#include "dataplane/worker_int.h"

enum {
	TX_RETRY_US = 50,
	NAP_MIN_US = 50,
	NAP_MAX_US = 5000,
	MONITOR_STEP_US = 50,  /* an order does not end the CPU's wait, so it is kept short */
	TIMER_SLACK_NS = 1000, /* the kernel's own 50 us would double the shortest nap */
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
	    atomic_load_explicit(&w->drains, memory_order_acquire) != w->drains_seen ||
	    worker_is_asked(w))
		return true;
	return worker_has_handed(w) || (!stale_holds(&w->stale) && spsc_count(&w->cmds) > 0);
}

static int rx_fd(const struct worker *w)
{
	return w->port->rx_fds[w->queue];
}

static struct idle_facts facts_of(const struct worker *w)
{
	struct rte_cpu_intrinsics cpu = { 0 };
	struct rte_power_monitor_cond line;

	rte_cpu_get_intrinsics_support(&cpu);
	return (struct idle_facts){
		.told = w->conf->idle,
		.has_own_cpu = w->has_own_cpu,
		.has_rx_fd = rx_fd(w) >= 0,
		.cpu_monitors = cpu.power_monitor,
		.queue_monitors = w->port->io->monitor_addr(w->port->dev, w->queue, &line) == 0,
	};
}

/* Whatever makes `fd` readable ends a sleep. */
static int watch(int epoll_fd, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0 ? 0 : -errno;
}

int worker_idle_open(struct worker *w)
{
	struct worker_idle *idle = &w->idle;
	struct idle_facts facts = facts_of(w);
	int rc;

	idle_plan_make(&facts, &idle->plan);
	idle->nap_us = NAP_MIN_US;
	idle->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (idle->epoll_fd < 0)
		return -errno;
	rc = watch(idle->epoll_fd, w->wake.fd, EPOLLIN);
	/* By edges: a queue that stays readable though its driver has nothing to give (net_tap
	 * waits for its signal) ends one sleep and not every one after it.
	 */
	if (rc == 0 && rx_fd(w) >= 0)
		rc = watch(idle->epoll_fd, rx_fd(w), EPOLLIN | EPOLLET);
	(void)prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0);
	return rc;
}

void worker_idle_close(struct worker *w)
{
	if (w->idle.epoll_fd >= 0)
		close(w->idle.epoll_fd);
	w->idle.epoll_fd = -1;
}

void worker_idle_over(struct worker *w, uint64_t now_us)
{
	w->last_work_us = now_us;
	w->idle.nap_us = NAP_MIN_US;
}

/* Until a descriptor of the set is readable, `us` have passed or a signal came. Returns whether the
 * queue's was among them.
 */
static bool wait_for(struct worker *w, uint64_t us)
{
	struct timespec t = { .tv_sec = (time_t)(us / 1000000),
		              .tv_nsec = (long)(us % 1000000 * 1000) };
	struct epoll_event e[2];
	int n = epoll_pwait2(w->idle.epoll_fd, e, 2, &t, NULL);

	if (n < 0 && errno == ENOSYS) { /* Linux before 5.11: the set is a descriptor, too */
		struct pollfd p = { .fd = w->idle.epoll_fd, .events = POLLIN };

		n = ppoll(&p, 1, &t, NULL) > 0 ? epoll_wait(w->idle.epoll_fd, e, 2, 0) : 0;
	}
	for (int i = 0; i < n; i++)
		if (e[i].data.fd == rx_fd(w))
			return true;
	return false;
}

/* With its interrupt on. A frame may have come since the last look and before it was on. */
static void sleep_on_interrupt(struct worker *w, uint64_t now_us, uint64_t us)
{
	uint64_t counter;

	(void)w->port->io->rx_intr(w->port->dev, w->queue, true);
	w->now_us = now_us;
	if (worker_receive(w) > 0)
		worker_idle_over(w, now_us);
	else if (wait_for(w, us))
		(void)!read(rx_fd(w), &counter, sizeof(counter));
	(void)w->port->io->rx_intr(w->port->dev, w->queue, false);
}

static uint64_t nap_us(struct worker_idle *idle, uint64_t us)
{
	us = us < idle->nap_us ? us : idle->nap_us;
	idle->nap_us = idle->nap_us * 2 < NAP_MAX_US ? idle->nap_us * 2 : NAP_MAX_US;
	return us;
}

void worker_sleep(struct worker *w)
{
	uint64_t at, now;

	wake_about_to_sleep(&w->wake);
	at = worker_wake_at(w);
	now = tsc_clock_us(&w->clock, rte_rdtsc());
	if (!has_orders(w) && at > now) {
		count(&w->counters.worker_sleeps);
		if (rx_fd(w) < 0)
			(void)wait_for(w, nap_us(&w->idle, at - now));
		else if (w->port->plan.rx_fd_is_data)
			(void)wait_for(w, at - now);
		else
			sleep_on_interrupt(w, now, at - now);
	}
	wake_awake(&w->wake);
}

/* The CPU waits for the device to write to its next descriptor. We do it ourselves: DPDK's callback
 * for it waits without end, and no timer would run (rte_power_pmd_mgmt.c, 22.11).
 */
static void monitor(struct worker *w, uint64_t tsc, uint64_t now_us)
{
	struct rte_power_monitor_cond line;
	uint64_t at = worker_wake_at(w), us = at > now_us ? at - now_us : 0;

	us = us < MONITOR_STEP_US ? us : MONITOR_STEP_US;
	if (us == 0 || w->port->io->monitor_addr(w->port->dev, w->queue, &line) != 0 ||
	    rte_power_monitor(&line, tsc + us * (rte_get_tsc_hz() / 1000000)) != 0)
		rte_pause();
}

void worker_rest(struct worker *w, uint64_t tsc, uint64_t now_us)
{
	const struct idle_plan *plan = &w->idle.plan;
	uint64_t idle_us = now_us - w->last_work_us;

	if (plan->way == IDLE_WAY_POLL || idle_us < plan->spin_us)
		rte_pause();
	else if (idle_us < (uint64_t)plan->spin_us + plan->monitor_us)
		monitor(w, tsc, now_us);
	else
		worker_sleep(w);
}

const char *worker_idle_text(const struct worker *w, char text[DP_IDLE_TEXT_BYTES])
{
	return idle_plan_text(&w->idle.plan, text);
}
