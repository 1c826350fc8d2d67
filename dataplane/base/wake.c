/* wake.c - a sleeper and those who wake it, at no system call while nobody sleeps. */
#include "dataplane/base/wake.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

int wake_init(struct wake *w)
{
	w->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (w->fd < 0)
		return -errno;
	atomic_init(&w->sleeping, 0);
	w->owed = 0;
	return 0;
}

void wake_fini(struct wake *w)
{
	close(w->fd);
	w->fd = -1;
}

void wake_about_to_sleep(struct wake *w)
{
	/* A read-modify-write is a full fence on every machine and, unlike a bare fence, one that
	 * ThreadSanitizer understands.
	 */
	atomic_exchange_explicit(&w->sleeping, 1, memory_order_seq_cst);
}

void wake_awake(struct wake *w)
{
	uint64_t n;

	/* A producer that has cleared the flag may not have written yet: what it owes is read at a
	 * later awakening, or the descriptor would stay readable and no sleep would last.
	 */
	if (atomic_exchange_explicit(&w->sleeping, 0, memory_order_seq_cst) == 0)
		w->owed++;
	if (w->owed > 0 && read(w->fd, &n, sizeof(n)) == sizeof(n))
		w->owed -= n;
}

void wake_wait(struct wake *w, uint64_t timeout_us)
{
	struct pollfd p = { .fd = w->fd, .events = POLLIN };
	struct timespec t = { .tv_sec = (time_t)(timeout_us / 1000000),
		              .tv_nsec = (long)(timeout_us % 1000000 * 1000) };

	(void)ppoll(&p, 1, timeout_us == UINT64_MAX ? NULL : &t, NULL);
}

void wake_signal(struct wake *w)
{
	uint64_t one = 1;

	/* Also orders the caller's earlier stores before the look at the flag. */
	if (atomic_fetch_add_explicit(&w->sleeping, 0, memory_order_seq_cst) == 0)
		return;
	if (atomic_exchange_explicit(&w->sleeping, 0, memory_order_seq_cst) == 1)
		(void)!write(w->fd, &one, sizeof(one));
}
