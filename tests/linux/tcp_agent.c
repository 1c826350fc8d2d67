/* tcp_agent.c - our engine does what it is told on standard input and tells what it was told: one
 * half of a comparison with Linux, see tests/system/linux_segments.py, whose other half has the
 * same language.
 *
 *	connect KEY ADDR PORT, send KEY BYTES, shut KEY (FIN), abort KEY (RST)
 *	KEY opened, KEY got BYTES, KEY fin, KEY error NAME
 *
 * Arguments: DEVICE OUR_ADDR/PREFIX GATEWAY. Ends with its input.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/linux/our_end.h"

enum { KEYS_MAX = 256, LINE_MAX_BYTES = 128 };

struct conn {
	tcp_id id;
	bool used;
};

static struct our_end end;
static struct conn conns[KEYS_MAX];
static struct ip_addr local;

static unsigned key_of(const void *user)
{
	return (unsigned)((const struct conn *)user - conns);
}

static void opened(void *user, uint64_t now_us)
{
	(void)now_us;
	printf("%u opened\n", key_of(user));
}

static void received(void *user, uint64_t now_us, struct span bytes)
{
	(void)now_us;
	printf("%u got %zu\n", key_of(user), bytes.bytes);
}

static void writable(void *user, uint64_t now_us)
{
	(void)user;
	(void)now_us;
}

static void peer_closed(void *user, uint64_t now_us)
{
	(void)now_us;
	printf("%u fin\n", key_of(user));
}

static void closed(void *user, uint64_t now_us, int why)
{
	struct conn *c = user;

	(void)now_us;
	if (why != 0)
		printf("%u error %s\n", key_of(user), strerrorname_np(-why));
	c->used = false;
}

static const struct tcp_ops ops = { .opened = opened,
	                            .received = received,
	                            .writable = writable,
	                            .peer_closed = peer_closed,
	                            .closed = closed };

static void die(const char *what)
{
	fprintf(stderr, "tcp_agent: %s\n", what);
	exit(2);
}

static void send_zeros(struct conn *c, size_t bytes)
{
	static const uint8_t zeros[65536];

	if (bytes > sizeof(zeros) ||
	    tcp_write(end.tcp, end.now_us, c->id, span_of(zeros, bytes)) != bytes)
		die("send: too much");
	tcp_flush(end.tcp, end.now_us, c->id);
}

static void obey(const char *line)
{
	char verb[16], word[64] = "";
	unsigned key, port = 0;
	struct ip_addr remote;
	struct conn *c;
	size_t n;

	if (sscanf(line, "%15s %u %63s %u", verb, &key, word, &port) < 2 || key >= KEYS_MAX)
		die(line);
	c = &conns[key];
	n = strtoul(word, NULL, 10);
	if (strcmp(verb, "connect") == 0) {
		if (ip_parse(word, &remote) != 0)
			die(line);
		c->used = tcp_connect(end.tcp, end.now_us, &local, &remote, (uint16_t)port, c,
		                      &c->id) == 0;
		if (!c->used)
			die("connect failed");
	} else if (!c->used) {
		return; /* it is over already, which was told */
	} else if (strcmp(verb, "send") == 0) {
		send_zeros(c, n);
	} else if (strcmp(verb, "shut") == 0) {
		tcp_close(end.tcp, end.now_us, c->id);
	} else if (strcmp(verb, "abort") == 0) {
		tcp_abort(end.tcp, end.now_us, c->id);
	} else {
		die(line);
	}
}

/* Lines that have come whole; false at the end of input. */
static bool obey_input(void)
{
	static char buf[4096];
	static size_t have;
	ssize_t n = read(0, buf + have, sizeof(buf) - 1 - have);
	char *line = buf, *next;

	if (n == 0)
		return false;
	have += n > 0 ? (size_t)n : 0;
	buf[have] = '\0';
	for (; (next = strchr(line, '\n')) != NULL; line = next + 1) {
		*next = '\0';
		obey(line);
	}
	have -= (size_t)(line - buf);
	memmove(buf, line, have);
	return true;
}

int main(int argc, char **argv)
{
	struct tcp_conf tcp = { .conns_max = KEYS_MAX,
		                .time_wait_max = KEYS_MAX,
		                .tx_bytes_max = 262144,
		                .rx_window_bytes = 65535,
		                .syn_timeout_ms = 60000,
		                .user_timeout_ms = 120000,
		                .rst_per_second_max = 1000,
		                .port_first = 30000,
		                .port_last = 60000,
		                .ops = &ops };
	struct our_end_conf conf = {
		.n_addrs = 1, .mtu_bytes = 1500, .buffers = 8191, .mac_last = 2, .tcp = &tcp
	};

	if (argc != 4 || ip_prefix_parse(argv[2], &conf.addrs[0]) != 0 ||
	    ip_parse(argv[3], &conf.gateway4) != 0)
		die("usage: tcp_agent DEVICE OUR_ADDR/PREFIX GATEWAY");
	conf.device = argv[1];
	local = conf.addrs[0].addr;
	setvbuf(stdout, NULL, _IOLBF, 0);
	our_end_open(&conf, &end);
	if (fcntl(0, F_SETFL, O_NONBLOCK) != 0)
		die("fcntl");
	printf("ready\n");
	while (obey_input()) {
		our_end_turn(&end);
		our_end_sleep(&end, end.now_us + 1000);
	}
	our_end_close(&end);
	return 0;
}
