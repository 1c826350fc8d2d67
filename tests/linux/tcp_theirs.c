/* tcp_theirs.c - the end that Linux serves, with kernel sockets: it answers tcp_ours, or opens
 * connections itself as tcp_ours does, to be compared with it.
 *
 * tcp_theirs listen  port= ports= seed= [tick_ms=] [read_bps=]    until TERM
 * tcp_theirs connect to= port= ports= conns= send= receive= seconds= seed= cc=
 *
 * One process a port in the first case, since no process here may have 50,000 descriptors. Both
 * print one line of JSON at their end. tick_ms: every so often what was received by then from each
 * address is noted, too, for a share of the path over time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/linux/stream.h"

enum {
	PORTS_MAX = 16,
	EVENTS = 256,
	CHUNK = 16384,
	SOURCES_MAX = 4,
	TICKS_MAX = 600,
};

struct conn {
	int fd;
	uint32_t events; /* that epoll watches */
	bool peer_closed, all_written;
	struct stream in, out;
	uint64_t to_write; /* in all, greeting included */
	unsigned source;
	uint8_t made[CHUNK]; /* made and hashed, not yet taken by the kernel */
	size_t made_bytes, made_at;
};

/* What a process counted; a child writes it to its parent as it is. */
struct totals {
	struct stream_total in, out;
	uint64_t conns, open, open_max, failed, first_us, last_us;
	uint32_t n_sources, n_ticks;
	struct in6_addr sources[SOURCES_MAX];
	uint64_t bytes[SOURCES_MAX], ticks[TICKS_MAX][SOURCES_MAX];
};

static struct {
	uint64_t port, ports, conns, send, receive, seconds, seed, tick_ms, read_bps, patience;
	struct in6_addr to;
	char cc[16];
} opt = { .port = 7000, .ports = 1, .conns = 1, .seed = 1, .patience = 60 };

static struct totals sum;
static int epoll_fd, listen_fd = -1;
static uint64_t begun_us;
static volatile sig_atomic_t stop;

static void on_term(int signum)
{
	(void)signum;
	stop = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "tcp_theirs: %s: %s\n", what, strerror(errno));
	exit(2);
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void watch(int fd, int op, uint32_t events, void *ptr)
{
	struct epoll_event e = { .events = events, .data.ptr = ptr };

	if (epoll_ctl(epoll_fd, op, fd, &e) != 0)
		die("epoll_ctl");
}

static void want(struct conn *c, uint32_t events)
{
	if (events != c->events)
		watch(c->fd, EPOLL_CTL_MOD, events, c);
	c->events = events;
}

static unsigned source_of(int fd)
{
	struct sockaddr_in6 sa = { 0 };
	socklen_t n = sizeof(sa);
	unsigned i = 0;

	(void)getpeername(fd, (struct sockaddr *)&sa, &n);
	while (i < sum.n_sources && memcmp(&sum.sources[i], &sa.sin6_addr, 16) != 0)
		i++;
	if (i == sum.n_sources && sum.n_sources < SOURCES_MAX)
		sum.sources[sum.n_sources++] = sa.sin6_addr;
	return i < SOURCES_MAX ? i : SOURCES_MAX - 1;
}

static struct conn *conn_new(int fd)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		die("memory");
	c->fd = fd;
	sum.conns++;
	if (++sum.open > sum.open_max)
		sum.open_max = sum.open;
	return c;
}

static void conn_end(struct conn *c, bool failed)
{
	close(c->fd);
	sum.open--;
	sum.failed += failed;
	stream_end(&c->in, &sum.in);
	if (c->out.md != NULL)
		stream_end(&c->out, &sum.out);
	free(c);
}

static bool has_time_left(void)
{
	return opt.seconds != 0 && now_us() < begun_us + opt.seconds * 1000000;
}

static bool is_all_made(const struct conn *c)
{
	if (listen_fd < 0 && opt.seconds != 0)
		return !has_time_left();
	return c->out.bytes >= c->to_write;
}

/* False: the connection failed. */
static bool write_more(struct conn *c)
{
	bool wants = false;

	while (!c->all_written && !wants) {
		ssize_t n;

		if (c->made_at == c->made_bytes) {
			uint64_t left = c->to_write - c->out.bytes;

			if (is_all_made(c)) {
				if (listen_fd >= 0 && !c->peer_closed)
					break; /* the answerer says its FIN after the opener's */
				c->all_written = true;
				(void)shutdown(c->fd, SHUT_WR);
				break;
			}
			c->made_at = 0;
			c->made_bytes = left < CHUNK ? left : CHUNK;
			stream_make(&c->out, c->made, c->made_bytes);
		}
		n = send(c->fd, c->made + c->made_at, c->made_bytes - c->made_at, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		wants = n < 0;
		c->made_at += n > 0 ? (size_t)n : 0;
	}
	want(c, (c->peer_closed ? 0 : EPOLLIN) | (wants ? EPOLLOUT : 0));
	return true;
}

/* The greeting is read: the answer begins. */
static void begin_answer(struct conn *c)
{
	c->to_write = c->in.hello.answer_bytes;
	stream_init(&c->out, opt.seed, c->in.hello.index, STREAM_ANSWERER, NULL);
}

/* A reader that is slow: so that our window closes on the other's sender. */
static void sleep_for(size_t bytes)
{
	if (opt.read_bps != 0)
		usleep((useconds_t)((uint64_t)bytes * 8000000 / opt.read_bps));
}

static bool read_more(struct conn *c)
{
	uint8_t buf[65536];
	bool greets = listen_fd >= 0;
	ssize_t n = recv(c->fd, buf, sizeof(buf), 0);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0) {
		c->peer_closed = true;
		return !greets || c->out.md != NULL;
	}
	stream_check(&c->in, opt.seed, greets, buf, (size_t)n);
	sum.bytes[c->source] += (uint64_t)n;
	sum.last_us = now_us();
	sleep_for((size_t)n);
	if (greets && c->out.md == NULL && c->in.bytes >= sizeof(struct stream_hello))
		begin_answer(c);
	return true;
}

/* One event of a connection, which may end by it. */
static void serve(struct conn *c, uint32_t events)
{
	bool ok = true;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		ok = read_more(c);
	if (ok && c->out.md != NULL)
		ok = write_more(c);
	if (!ok || (c->peer_closed && c->all_written))
		conn_end(c, !ok);
}

static void accept_all(void)
{
	int fd;

	while ((fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct conn *c = conn_new(fd);

		c->source = source_of(fd);
		if (sum.first_us == 0)
			sum.first_us = now_us();
		stream_init(&c->in, opt.seed, 0, STREAM_OPENER, NULL);
		watch(fd, EPOLL_CTL_ADD, c->events = EPOLLIN, c);
	}
	if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		die("accept");
}

static void tick(void)
{
	static uint64_t due_us;
	uint64_t now = now_us();

	if (opt.tick_ms == 0 || sum.first_us == 0 || now < due_us || sum.n_ticks == TICKS_MAX)
		return;
	due_us = (due_us == 0 ? now : due_us) + opt.tick_ms * 1000;
	memcpy(sum.ticks[sum.n_ticks++], sum.bytes, sizeof(sum.bytes));
}

static void turn(int timeout_ms)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(epoll_fd, events, EVENTS, timeout_ms);

	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr == NULL)
			accept_all();
		else
			serve(events[i].data.ptr, events[i].events);
	}
	tick();
}

/* --- the two commands --- */

static void child_listens(uint16_t port)
{
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int yes = 1, no = 0;

	listen_fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	(void)setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	(void)setsockopt(listen_fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
	if (bind(listen_fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 ||
	    listen(listen_fd, 65535) != 0)
		die("listen");
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	watch(listen_fd, EPOLL_CTL_ADD, EPOLLIN, NULL);
}

static void add_totals(struct totals *to, const struct totals *from)
{
	stream_total_add(&to->in, &from->in);
	stream_total_add(&to->out, &from->out);
	to->conns += from->conns;
	to->open += from->open;
	to->open_max += from->open_max;
	to->failed += from->failed;
	if (from->first_us != 0 && (to->first_us == 0 || from->first_us < to->first_us))
		to->first_us = from->first_us;
	if (from->last_us > to->last_us)
		to->last_us = from->last_us;
	if (from->n_ticks > to->n_ticks) { /* one port is measured over time, if any */
		to->n_ticks = from->n_ticks;
		to->n_sources = from->n_sources;
		memcpy(to->sources, from->sources, sizeof(to->sources));
		memcpy(to->ticks, from->ticks, sizeof(to->ticks));
	}
}

static void listen_until_term(void)
{
	int pipes[PORTS_MAX][2];
	pid_t pids[PORTS_MAX];

	for (uint64_t i = 0; i < opt.ports; i++) {
		if (pipe(pipes[i]) != 0 || (pids[i] = fork()) < 0)
			die("fork");
		if (pids[i] != 0)
			continue;
		child_listens((uint16_t)(opt.port + i));
		if (write(pipes[i][1], "r", 1) != 1)
			exit(2);
		while (!stop)
			turn(opt.tick_ms != 0 ? 5 : 200);
		exit(write(pipes[i][1], &sum, sizeof(sum)) == sizeof(sum) ? 0 : 2);
	}
	for (uint64_t i = 0; i < opt.ports; i++) {
		char ready;

		close(pipes[i][1]);
		if (read(pipes[i][0], &ready, 1) != 1)
			die("a child does not listen");
	}
	printf("ready\n");
	fflush(stdout);
	while (!stop)
		pause();
	for (uint64_t i = 0; i < opt.ports; i++) {
		struct totals t;
		size_t have = 0;
		ssize_t n;

		kill(pids[i], SIGTERM);
		while (have < sizeof(t) &&
		       (n = read(pipes[i][0], (char *)&t + have, sizeof(t) - have)) > 0)
			have += (size_t)n;
		if (have != sizeof(t))
			die("a child did not answer");
		waitpid(pids[i], NULL, 0);
		add_totals(&sum, &t);
	}
}

static void connect_one(uint64_t index)
{
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6,
		                   .sin6_port = htons((uint16_t)(opt.port + index % opt.ports)),
		                   .sin6_addr = opt.to };
	struct stream_hello hello = { .index = index, .answer_bytes = opt.receive };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), no = 0;
	struct conn *c;

	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
	if (opt.cc[0] != '\0' &&
	    setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, opt.cc, (socklen_t)strlen(opt.cc)) != 0)
		die(opt.cc);
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 && errno != EINPROGRESS)
		die("connect");
	c = conn_new(fd);
	c->to_write = opt.seconds != 0 ? UINT64_MAX : sizeof(hello) + opt.send;
	stream_init(&c->out, opt.seed, index, STREAM_OPENER, &hello);
	stream_init(&c->in, opt.seed, index, STREAM_ANSWERER, NULL);
	watch(fd, EPOLL_CTL_ADD, c->events = EPOLLIN | EPOLLOUT, c);
}

static void connect_all(void)
{
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	begun_us = sum.first_us = now_us();
	for (uint64_t i = 0; i < opt.conns; i++)
		connect_one(i);
	while (sum.open != 0 && now_us() < begun_us + opt.patience * 1000000)
		turn(100);
	sum.last_us = now_us();
	if (sum.in.bytes != opt.conns * opt.receive)
		sum.failed++;
}

static void print_all(void)
{
	char out[STREAM_HASH_TEXT], in[STREAM_HASH_TEXT], text[INET6_ADDRSTRLEN];

	printf("{\"conns\": %" PRIu64 ", \"open_max\": %" PRIu64 ", \"left_open\": %" PRIu64
	       ", \"failed\": %" PRIu64,
	       sum.conns, sum.open_max, sum.open, sum.failed);
	printf(", \"sent_bytes\": %" PRIu64 ", \"sent_hash\": \"%s\", \"received_bytes\": %" PRIu64
	       ", \"received_hash\": \"%s\", \"wrong\": %" PRIu64 ", \"took_us\": %" PRIu64,
	       sum.out.bytes, stream_hash_text(&sum.out, out), sum.in.bytes,
	       stream_hash_text(&sum.in, in), sum.in.wrong, sum.last_us - sum.first_us);
	printf(", \"ticks\": {");
	for (uint32_t i = 0; i < sum.n_sources; i++) {
		printf("%s\"%s\": [", i != 0 ? ", " : "",
		       inet_ntop(AF_INET6, &sum.sources[i], text, sizeof(text)));
		for (uint32_t k = 0; k < sum.n_ticks; k++)
			printf("%s%" PRIu64, k != 0 ? ", " : "", sum.ticks[k][i]);
		printf("]");
	}
	printf("}}\n");
}

static const struct {
	const char *name;
	uint64_t *to;
} words[] = {
	{ "port", &opt.port },         { "ports", &opt.ports },     { "conns", &opt.conns },
	{ "send", &opt.send },         { "receive", &opt.receive }, { "seconds", &opt.seconds },
	{ "seed", &opt.seed },         { "tick_ms", &opt.tick_ms }, { "read_bps", &opt.read_bps },
	{ "patience", &opt.patience },
};

/* An IPv4 address as ::ffff:a.b.c.d. */
static bool take_address(const char *text)
{
	char mapped[64];

	snprintf(mapped, sizeof(mapped), "%s%s", strchr(text, ':') == NULL ? "::ffff:" : "", text);
	return inet_pton(AF_INET6, mapped, &opt.to) == 1;
}

static bool take_word(const char *arg)
{
	const char *value = strchr(arg, '=');
	char *end;

	if (value++ == NULL)
		return false;
	if (strncmp(arg, "to=", 3) == 0)
		return take_address(value);
	if (strncmp(arg, "cc=", 3) == 0)
		return snprintf(opt.cc, sizeof(opt.cc), "%s", value) < (int)sizeof(opt.cc);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strncmp(words[i].name, arg, (size_t)(value - 1 - arg)) != 0 ||
		    words[i].name[value - 1 - arg] != '\0')
			continue;
		*words[i].to = strtoull(value, &end, 0);
		return end != value && *end == '\0';
	}
	return false;
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = on_term };
	struct rlimit files;

	sigaction(SIGTERM, &act, NULL);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	for (int i = 2; i < argc; i++) {
		if (!take_word(argv[i])) {
			fprintf(stderr, "tcp_theirs: %s: no such option\n", argv[i]);
			return 2;
		}
	}
	if (opt.ports == 0 || opt.ports > PORTS_MAX) {
		fprintf(stderr, "tcp_theirs: ports=: 1 to %d\n", PORTS_MAX);
		return 2;
	}
	if (argc > 1 && strcmp(argv[1], "listen") == 0) {
		listen_until_term();
	} else if (argc > 1 && strcmp(argv[1], "connect") == 0) {
		connect_all();
	} else {
		fprintf(stderr, "usage: tcp_theirs listen|connect NAME=VALUE...\n");
		return 2;
	}
	print_all();
	return 0;
}
