/* suffix.c - the public suffix list: which domain is registered. */
#include "control/lint/suffix.h"

#include <libpsl.h>
#include <pthread.h>
#include <stdio.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static psl_ctx_t *list;

static void load(void)
{
	list = psl_latest(NULL); /* the package's file, else what libpsl was built with */
}

bool suffix_registered(const char *domain, char out[DNS_NAME_BYTES])
{
	const char *found;

	pthread_once(&once, load);
	if (list == NULL)
		return false;
	found = psl_registrable_domain(list, domain);
	snprintf(out, DNS_NAME_BYTES, "%s", found == NULL ? domain : found);
	return true;
}
