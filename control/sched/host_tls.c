#include "control/sched/host_tls.h"

#include <errno.h>

enum {
	NAME_BYTES = 4 + IP_TEXT_MAX,
	AGAIN_S =
	    86400, /* a host is noted once a day at most, and remembered a day longer for it */
};

static const char prefix[] = "tls/";

static const char *name_of(const struct ip_addr *addr, char name[NAME_BYTES])
{
	char ip[IP_TEXT_MAX];

	snprintf(name, NAME_BYTES, "%s%s", prefix, ip_format(addr, ip));
	return name;
}

/* Until when such a note holds, by the clock of facts; 0: no more. */
static uint64_t holds_until_us(const struct sched *s, struct span value)
{
	int64_t at_s, left_s;

	if (value.bytes != sizeof(at_s))
		return 0;
	memcpy(&at_s, value.at, sizeof(at_s));
	left_s = at_s + (int64_t)s->conf->hosts.tls_s + AGAIN_S - s->now_s;
	return left_s > 0 ? s->now_us + (uint64_t)left_s * 1000000 : 0;
}

static uint64_t until_us(const struct sched *s)
{
	return s->now_us + ((uint64_t)s->conf->hosts.tls_s + AGAIN_S) * 1000000;
}

void host_tls_learn(struct sched *s, const struct ip_addr *addr)
{
	struct host *host = hosts_get(s->hosts, addr, HOST_ANY_SOURCE);
	char name[NAME_BYTES];

	if (s->conf->hosts.tls_s == 0 ||
	    host_is(host, HOST_TLS, until_us(s) - (uint64_t)AGAIN_S * 1000000))
		return;
	/* No room in the store's queue: the next session of the host tries again. */
	if (store_note(s->cf.store, name_of(addr, name), span_of(&s->now_s, sizeof(s->now_s))) == 0)
		host_learn(host, HOST_TLS, until_us(s));
}

bool host_tls_is_known(struct sched *s, const struct ip_addr *addr)
{
	char name[NAME_BYTES];
	uint8_t value[sizeof(int64_t)];
	int n;

	if (s->conf->hosts.tls_s == 0)
		return false;
	if (host_is(hosts_find(s->hosts, addr, HOST_ANY_SOURCE), HOST_TLS, s->now_us))
		return true;
	if (hosts_n_evicted(s->hosts) == 0 && !s->tls_unread) /* host_tls_load() took all */
		return false;
	n = store_get(s->cf.store, name_of(addr, name), value, sizeof(value));
	/* A store that cannot be read may hold it: that is no reason to send in the clear. */
	return n < 0 ? n != -ENOENT : holds_until_us(s, span_of(value, (size_t)n)) != 0;
}

static bool load_one(void *ctx, struct span name, struct span value)
{
	struct sched *s = ctx;
	uint64_t until = holds_until_us(s, value);
	char text[NAME_BYTES];
	struct ip_addr addr;

	if (name.bytes >= sizeof(text))
		return true;
	memcpy(text, name.at, name.bytes);
	text[name.bytes] = '\0';
	if (until == 0)
		(void)store_note(s->cf.store, text, span_of(NULL, 0)); /* what stays is only old */
	else if (ip_parse(text + strlen(prefix), &addr) == 0)
		host_learn(hosts_get(s->hosts, &addr, HOST_ANY_SOURCE), HOST_TLS, until);
	return true;
}

void host_tls_load(struct sched *s)
{
	s->tls_unread = store_each(s->cf.store, prefix, load_one, s) != 0;
}

int host_tls_forget(struct sched *s, const struct ip_addr *addr)
{
	char name[NAME_BYTES];
	uint8_t value[sizeof(int64_t)];
	int n = store_get(s->cf.store, name_of(addr, name), value, sizeof(value));
	int err = store_note(s->cf.store, name, span_of(NULL, 0)); /* it may be on its way there */

	return err != 0 ? err : n != -ENOENT;
}
