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

static bool is_fresh(const struct sched *s, struct span value, int64_t now_s)
{
	int64_t at_s;

	if (value.bytes != sizeof(at_s))
		return false;
	memcpy(&at_s, value.at, sizeof(at_s));
	return now_s < at_s + (int64_t)s->conf->hosts.tls_s + AGAIN_S;
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
	struct host *host = hosts_get(s->hosts, addr, HOST_ANY_SOURCE);
	char name[NAME_BYTES];
	uint8_t value[sizeof(int64_t)];
	int n;

	if (host_is(host, HOST_TLS, s->now_us))
		return true;
	n = store_get(s->cf.store, name_of(addr, name), value, sizeof(value));
	/* A store that cannot be read may hold it: that is no reason to send in the clear. */
	return n < 0 ? n != -ENOENT : is_fresh(s, span_of(value, (size_t)n), s->now_s);
}

struct prune {
	struct sched *s;
	int64_t now_s;
};

static bool prune_one(void *ctx, struct span name, struct span value)
{
	const struct prune *p = ctx;
	char text[NAME_BYTES];

	if (is_fresh(p->s, value, p->now_s) || name.bytes >= sizeof(text))
		return true;
	memcpy(text, name.at, name.bytes);
	text[name.bytes] = '\0';
	return store_note(p->s->cf.store, text, span_of(NULL, 0)) == 0; /* the rest next time */
}

void host_tls_prune(struct sched *s, int64_t now_s)
{
	struct prune p = { s, now_s };

	(void)store_each(s->cf.store, prefix, prune_one, &p); /* what stays is only old */
}
