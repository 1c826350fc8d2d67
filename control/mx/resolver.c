/* resolver.c - asks DNS servers on the control loop; answers come back as raw packets. */
#include "control/mx/resolver.h"

#include <ares.h>
#include <errno.h>
#include <pthread.h>
#include <uv.h>

#include "control/xalloc.h"

enum {
	CLASS_IN = 1,
	EDNS_BYTES = 1232, /* what passes without fragments; DNS flag day 2020 */
	SERVER_TEXT_BYTES = IP_TEXT_MAX + 16,
};

/* A socket of c-ares, watched. */
struct watch {
	uv_poll_t poll;
	struct resolver *resolver;
	struct watch *next;
	ares_socket_t fd;
};

struct resolver {
	uv_loop_t *loop;
	ares_channel channel;
	uv_timer_t timer;
	struct watch *watches;
	uint32_t handles; /* not yet closed; the last one frees us */
	bool closing;
};

struct question {
	struct resolver *resolver;
	resolver_done_fn *done;
	void *ctx;
};

/* ---- the loop ---- */

static void handle_closed(struct resolver *r)
{
	if (--r->handles == 0)
		free(r);
}

static void on_watch_closed(uv_handle_t *handle)
{
	struct watch *w = handle->data;
	struct resolver *r = w->resolver;

	free(w);
	handle_closed(r);
}

static void on_timer_closed(uv_handle_t *handle)
{
	handle_closed(handle->data);
}

static void on_timer(uv_timer_t *timer);

/* c-ares says when it wants to be called next; asked after everything that may change it. */
static void set_timer(struct resolver *r)
{
	struct timeval tv, *next;

	if (r->closing)
		return;
	next = ares_timeout(r->channel, NULL, &tv);
	if (next == NULL)
		uv_timer_stop(&r->timer);
	else
		uv_timer_start(&r->timer, on_timer,
		               (uint64_t)next->tv_sec * 1000 + (uint64_t)next->tv_usec / 1000 + 1,
		               0);
}

static void on_timer(uv_timer_t *timer)
{
	struct resolver *r = timer->data;

	ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	set_timer(r);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct watch *w = poll->data;
	struct resolver *r = w->resolver;
	ares_socket_t fd = w->fd;

	/* an error of the socket is found by reading it */
	ares_process_fd(r->channel, status < 0 || (events & UV_READABLE) ? fd : ARES_SOCKET_BAD,
	                status < 0 || (events & UV_WRITABLE) ? fd : ARES_SOCKET_BAD);
	set_timer(r);
}

static struct watch *watch_find(struct resolver *r, ares_socket_t fd, struct watch ***link)
{
	*link = &r->watches;
	while (**link != NULL && (**link)->fd != fd)
		*link = &(**link)->next;
	return **link;
}

static struct watch *watch_new(struct resolver *r, ares_socket_t fd)
{
	struct watch *w = xcalloc(1, sizeof(*w));

	w->resolver = r;
	w->fd = fd;
	if (uv_poll_init(r->loop, &w->poll, fd) != 0) {
		free(w); /* the question will time out */
		return NULL;
	}
	w->poll.data = w;
	r->handles++;
	w->next = r->watches;
	r->watches = w;
	return w;
}

static void on_socket(void *ctx, ares_socket_t fd, int readable, int writable)
{
	struct resolver *r = ctx;
	struct watch **link, *w = watch_find(r, fd, &link);

	if (!readable && !writable) {
		if (w == NULL)
			return;
		*link = w->next;
		uv_poll_stop(&w->poll); /* c-ares closes the socket after this */
		uv_close((uv_handle_t *)&w->poll, on_watch_closed);
		return;
	}
	if (w == NULL)
		w = watch_new(r, fd);
	if (w != NULL)
		uv_poll_start(&w->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0),
		              on_ready);
}

/* ---- questions ---- */

/* c-ares passes over servers that answer SERVFAIL, NOTIMP or REFUSED, and says "could not contact"
 * when none is left: to an operator these are not the same.
 */
static const char *trouble_text(int status)
{
	if (status == ARES_ECONNREFUSED)
		return "name servers fail, refuse or are silent";
	return ares_strerror(status);
}

static void on_answer(void *ctx, int status, int timeouts, unsigned char *packet, int bytes)
{
	struct question *q = ctx;
	struct span answer = span_of(NULL, 0);

	(void)timeouts;
	/* "no such name" and "no such record" are answers: their packets say how long they hold */
	if (packet != NULL && bytes > 0 &&
	    (status == ARES_SUCCESS || status == ARES_ENODATA || status == ARES_ENOTFOUND))
		answer = span_of(packet, (size_t)bytes);
	if (!q->resolver->closing)
		q->done(q->ctx, answer, trouble_text(status));
	free(q);
}

void resolver_ask(struct resolver *r, const char *name, enum dns_type type, resolver_done_fn *done,
                  void *ctx)
{
	struct question *q = xcalloc(1, sizeof(*q));

	*q = (struct question){ .resolver = r, .done = done, .ctx = ctx };
	ares_query(r->channel, name, CLASS_IN, (int)type, on_answer, q);
	set_timer(r);
}

/* ---- opening ---- */

/* c-ares counts in plain memory how often it is set up; resolvers open on several threads. */
static pthread_once_t library_once = PTHREAD_ONCE_INIT;
static int library_status;

static void library_init(void)
{
	library_status = ares_library_init(ARES_LIB_INIT_ALL);
}

static int set_servers(struct resolver *r, const struct mx_conf *conf)
{
	char *list = xcalloc(conf->n_servers, SERVER_TEXT_BYTES), ip[IP_TEXT_MAX];
	size_t n = 0;
	int status;

	for (uint32_t i = 0; i < conf->n_servers; i++) {
		bool v4 = ip_is_v4(&conf->servers[i]);

		n += (size_t)snprintf(list + n, SERVER_TEXT_BYTES, "%s%s%s%s:%u", n == 0 ? "" : ",",
		                      v4 ? "" : "[", ip_format(&conf->servers[i], ip),
		                      v4 ? "" : "]", conf->ports[i]);
	}
	status = ares_set_servers_ports_csv(r->channel, list);
	free(list);
	return status;
}

int resolver_open(struct uv_loop_s *loop, const struct mx_conf *conf, struct resolver **out,
                  char why[256])
{
	static char lookups[] = "b"; /* the network only, no hosts file */
	struct resolver *r = xcalloc(1, sizeof(*r));
	struct ares_options options = { .flags = ARES_FLAG_EDNS,
		                        .ednspsz = EDNS_BYTES,
		                        .timeout = (int)conf->timeout_ms,
		                        .tries = (int)conf->tries,
		                        .lookups = lookups,
		                        .sock_state_cb = on_socket,
		                        .sock_state_cb_data = r };
	int status;

	if (conf->n_servers == 0) {
		snprintf(why, 256, "no DNS server is configured; name one");
		free(r);
		return -EINVAL;
	}
	r->loop = loop;
	pthread_once(&library_once, library_init);
	status = library_status;
	if (status == ARES_SUCCESS) {
		status = ares_init_options(&r->channel, &options,
		                           ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS |
		                               ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
		                               ARES_OPT_DOMAINS | ARES_OPT_SOCK_STATE_CB);
		if (status == ARES_SUCCESS && (status = set_servers(r, conf)) != ARES_SUCCESS)
			ares_destroy(r->channel);
	}
	if (status != ARES_SUCCESS) {
		snprintf(why, 256, "the resolver cannot start: %s", ares_strerror(status));
		free(r);
		return -EINVAL;
	}
	uv_timer_init(loop, &r->timer);
	r->timer.data = r;
	r->handles = 1;
	*out = r;
	return 0;
}

void resolver_close(struct resolver *r)
{
	r->closing = true;
	ares_destroy(r->channel); /* ends every question and closes every socket */
	uv_close((uv_handle_t *)&r->timer, on_timer_closed);
}
