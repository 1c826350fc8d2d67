/* thread.c - threads of the control plane that work in the background. */
#include "control/thread.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "control/xalloc.h"

enum { THREAD_NICE = 10 };

struct start {
	void *(*main)(void *);
	void *arg;
	char name[16];
};

static void *begin(void *arg)
{
	struct start start = *(struct start *)arg;

	free(arg);
	pthread_setname_np(pthread_self(), start.name);
	/* On Linux a thread has a nice value of its own; refused, it only competes harder. */
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), THREAD_NICE);
	return start.main(start.arg);
}

int thread_start_nice(pthread_t *thread, const char *name, void *(*main)(void *), void *arg)
{
	struct start *start = xcalloc(1, sizeof(*start));
	sigset_t all, old;
	int result;

	start->main = main;
	start->arg = arg;
	snprintf(start->name, sizeof(start->name), "%s", name);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	result = -pthread_create(thread, NULL, begin, start);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (result != 0)
		free(start);
	return result;
}
