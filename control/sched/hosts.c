/* hosts.c - what mail hosts were seen to do: a bounded table, the longest unused leaves first. */
#include "control/sched/hosts.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "control/xalloc.h"

struct key {
	struct ip_addr addr;
	uint32_t source;
};
static_assert(sizeof(struct key) == sizeof(struct ip_addr) + 4, "no padding in a key");

struct host {
	UT_hash_handle hh;
	struct key key;
	uint32_t fails;                  /* in a row */
	uint64_t avoid_us;               /* leave it alone until then */
	uint64_t until_us[HOST_N_FACTS]; /* each fact holds until then; 0: not known */
	uint32_t window;                 /* of HOST_WINDOW */
	uint32_t held;                   /* answers in a row on sessions of that window */
	struct host_limits limits;       /* of HOST_LIMITS */
	struct host *prev, *next;        /* in hosts.by_use, the longest unused first */
};

struct hosts {
	struct host *by_key, *by_use;
	uint32_t n_max;
	uint64_t evicted;
};

struct hosts *hosts_new(uint32_t n_max)
{
	struct hosts *hosts = xcalloc(1, sizeof(*hosts));

	assert(n_max >= 1);
	hosts->n_max = n_max;
	return hosts;
}

static void del(struct hosts *hosts, struct host *h)
{
	DL_DELETE(hosts->by_use, h);
	HASH_DEL(hosts->by_key, h);
	free(h);
}

void hosts_free(struct hosts *hosts)
{
	while (hosts->by_use != NULL)
		del(hosts, hosts->by_use);
	free(hosts);
}

static void make_room(struct hosts *hosts, uint32_t n)
{
	while (HASH_COUNT(hosts->by_key) > n) {
		del(hosts, hosts->by_use);
		hosts->evicted++;
	}
}

void hosts_set_max(struct hosts *hosts, uint32_t n_max)
{
	assert(n_max >= 1);
	hosts->n_max = n_max;
	make_room(hosts, n_max);
}

struct host *hosts_find(struct hosts *hosts, const struct ip_addr *addr, uint32_t source)
{
	const struct key key = { *addr, source };
	struct host *h;

	HASH_FIND(hh, hosts->by_key, &key, sizeof(key), h);
	if (h != NULL) {
		DL_DELETE(hosts->by_use, h);
		DL_APPEND(hosts->by_use, h);
	}
	return h;
}

struct host *hosts_get(struct hosts *hosts, const struct ip_addr *addr, uint32_t source)
{
	struct host *h = hosts_find(hosts, addr, source);

	if (h != NULL)
		return h;
	make_room(hosts, hosts->n_max - 1);
	h = xcalloc(1, sizeof(*h));
	h->key = (struct key){ *addr, source };
	HASH_ADD(hh, hosts->by_key, key, sizeof(h->key), h);
	DL_APPEND(hosts->by_use, h);
	return h;
}

bool hosts_del(struct hosts *hosts, const struct ip_addr *addr)
{
	struct host *h, *next;
	bool found = false;

	DL_FOREACH_SAFE(hosts->by_use, h, next)
	{
		if (!ip_eq(&h->key.addr, addr))
			continue;
		del(hosts, h);
		found = true;
	}
	return found;
}

uint32_t hosts_n(const struct hosts *hosts)
{
	return HASH_COUNT(hosts->by_key);
}

uint64_t hosts_n_evicted(const struct hosts *hosts)
{
	return hosts->evicted;
}

bool host_is(const struct host *host, enum host_fact fact, uint64_t now_us)
{
	return host != NULL && host->until_us[fact] > now_us;
}

void host_learn(struct host *host, enum host_fact fact, uint64_t until_us)
{
	host->until_us[fact] = until_us;
}

void host_failed(struct host *host, uint64_t now_us, uint64_t most_us)
{
	uint64_t us = HOST_BACKOFF_US;

	for (uint32_t i = 0; i < host->fails && us < most_us; i++)
		us *= 2;
	host->fails++;
	host->avoid_us = now_us + (us < most_us ? us : most_us);
}

void host_worked(struct host *host)
{
	host->fails = 0;
	host->avoid_us = 0;
}

uint64_t host_avoid_us(const struct host *host, uint64_t now_us)
{
	return host != NULL && host->avoid_us > now_us ? host->avoid_us : 0;
}

void host_set_limits(struct host *host, struct host_limits limits, uint64_t until_us)
{
	host->limits = limits;
	host_learn(host, HOST_LIMITS, until_us);
}

struct host_limits host_limits(const struct host *host, uint64_t now_us)
{
	return host_is(host, HOST_LIMITS, now_us) ? host->limits : (struct host_limits){ 0 };
}

uint32_t host_window(const struct host *host, uint64_t now_us)
{
	return host_is(host, HOST_WINDOW, now_us) ? host->window : 1;
}

void host_window_held(struct host *host, uint32_t window, uint32_t answered, uint32_t most,
                      uint64_t now_us, uint64_t until_us)
{
	uint32_t now = host_window(host, now_us);

	/* What was asked with less says nothing about more, and who fell out of step waits. */
	if (window < now || host_is(host, HOST_NO_WINDOW, now_us))
		return;
	host->held += answered;
	if (host->held < HOST_PROOF)
		return;
	host->held = 0;
	host->window = now * 2 < most ? now * 2 : most;
	host_learn(host, HOST_WINDOW, until_us);
}

void host_window_lost(struct host *host, uint64_t until_us)
{
	host->held = 0;
	host_learn(host, HOST_WINDOW, 0);
	host_learn(host, HOST_NO_WINDOW, until_us);
}

__attribute__((format(printf, 2, 3))) static void add_word(char text[HOST_TEXT_BYTES],
                                                           const char *fmt, ...)
{
	size_t used = strlen(text);
	va_list ap;

	if (used > 0 && used < HOST_TEXT_BYTES - 3)
		used += (size_t)snprintf(text + used, HOST_TEXT_BYTES - used, ", ");
	va_start(ap, fmt);
	vsnprintf(text + used, HOST_TEXT_BYTES - used, fmt, ap);
	va_end(ap);
}

char *host_text(const struct host *host, uint64_t now_us, char text[HOST_TEXT_BYTES])
{
	static const char *const names[] = {
#define HOST_FACT(sym, name, option) [HOST_##sym] = name,
#include "control/sched/host_fact.def"
#undef HOST_FACT
	};
	struct host_limits l = host_limits(host, now_us);

	text[0] = '\0';
	if (host == NULL)
		return text;
	for (int fact = 0; fact < HOST_N_FACTS; fact++)
		if (fact != HOST_LIMITS && host_is(host, (enum host_fact)fact, now_us))
			add_word(text, "%s", names[fact]);
	if (host_window(host, now_us) > 1)
		add_word(text, "%u in flight", host_window(host, now_us));
	if (l.rcpts_max != 0)
		add_word(text, "RCPTMAX=%u", l.rcpts_max);
	if (l.mails_max != 0)
		add_word(text, "MAILMAX=%u", l.mails_max);
	if (l.domains_max != 0)
		add_word(text, "RCPTDOMAINMAX=%u", l.domains_max);
	if (host_avoid_us(host, now_us) != 0)
		add_word(text, "left alone for %u s",
		         (uint32_t)((host->avoid_us - now_us + 999999) / 1000000));
	return text;
}
