/* relay.c - a bad path between Ethernet links: frames cross it late, lost, twice, out of order,
 * spoilt or not at all, by a seed (path.h).
 *
 * relay --left LINK [--left LINK]... --right LINK [--seed N] [--up SPEC] [--down SPEC]
 *
 * LINK is tap:NAME, a tap that is made (and may be moved to another network namespace once
 * "ready" was printed), or packet:NAME, an interface that exists, read and written beside its
 * kernel. `up` is what comes from a left link. TERM ends it, and what it did is printed as one
 * line of JSON: how late frames left after their time, too, for a relay that had no CPU gives
 * wrong measurements.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/relay/late.h"
#include "tests/relay/path.h"

enum {
	LINKS_MAX = 5, /* the first is the right one */
	MACS_MAX = 8,  /* of a link */
	FRAMES_MAX = 32768,
	READS_MAX = 64,     /* of one link before others have their turn */
	RING_FRAMES = 4096, /* of an interface that exists: its socket's own buffer is too small */
	RING_BLOCK_BYTES = 1 << 16,
	LATE_BINS = 32, /* lateness by powers of two, in us */
};

struct link {
	int fd;
	uint8_t *ring; /* shared with the kernel; NULL: a tap, which is read */
	uint32_t ring_at;
	uint32_t n_macs;
	uint8_t macs[MACS_MAX][ETH_ALEN]; /* who was heard there */
};

static struct {
	struct link links[LINKS_MAX];
	uint32_t n_links;
	struct path up, down;
	struct late late;
	uint64_t no_room, not_written, sent, late_us_sum, late_us_max, late_bins[LATE_BINS];
} relay;

static volatile sig_atomic_t stop;

static void on_term(int signum)
{
	(void)signum;
	stop = 1;
}

static void die(const char *what, const char *why)
{
	fprintf(stderr, "relay: %s: %s\n", what, why);
	exit(2);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int open_tap(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) != 0)
		die(name, strerror(errno));
	return fd;
}

static void open_packet(struct link *l, const char *name)
{
	int yes = 1, version = TPACKET_V2;
	struct ifreq ifr = { 0 };
	struct sockaddr_ll sa = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	size_t ring_bytes = (size_t)RING_FRAMES * LATE_FRAME_MAX;
	struct tpacket_req req = { .tp_block_size = RING_BLOCK_BYTES,
		                   .tp_block_nr = (unsigned)(ring_bytes / RING_BLOCK_BYTES),
		                   .tp_frame_size = LATE_FRAME_MAX,
		                   .tp_frame_nr = RING_FRAMES };

	l->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (l->fd < 0 || ioctl(l->fd, SIOCGIFINDEX, &ifr) != 0)
		die(name, strerror(errno));
	sa.sll_ifindex = ifr.ifr_ifindex;
	if (setsockopt(l->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof(yes)) != 0 ||
	    setsockopt(l->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) != 0 ||
	    setsockopt(l->fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)) != 0)
		die(name, strerror(errno));
	l->ring = mmap(NULL, ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, l->fd, 0);
	if (l->ring == MAP_FAILED || bind(l->fd, (struct sockaddr *)&sa, sizeof(sa)) != 0)
		die(name, strerror(errno));
}

static void open_link(struct link *l, const char *text)
{
	if (strncmp(text, "tap:", 4) == 0)
		l->fd = open_tap(text + 4);
	else if (strncmp(text, "packet:", 7) == 0)
		open_packet(l, text + 7);
	else
		die(text, "a link is tap:NAME or packet:NAME");
}

/* Bytes of TCP in the frame and where they begin; 0: it is something else. */
static size_t find_tcp(const uint8_t *f, size_t bytes, size_t *at)
{
	size_t head;

	if (bytes >= 34 && f[12] == 0x08 && f[13] == 0x00 && f[23] == IPPROTO_TCP) {
		size_t total = (size_t)f[16] << 8 | f[17];

		head = (size_t)(f[14] & 15) * 4;
		*at = 14 + head;
		return total > head && 14 + total <= bytes ? total - head : 0;
	}
	if (bytes >= 54 && f[12] == 0x86 && f[13] == 0xdd && f[20] == IPPROTO_TCP) {
		size_t payload = (size_t)f[18] << 8 | f[19];

		*at = 54;
		return 54 + payload <= bytes ? payload : 0;
	}
	return 0;
}

static bool knows(const struct link *l, const uint8_t *mac)
{
	for (uint32_t i = 0; i < l->n_macs; i++)
		if (memcmp(l->macs[i], mac, ETH_ALEN) == 0)
			return true;
	return false;
}

static void queue(const struct path_fate *fate, uint16_t to, const uint8_t *data, size_t bytes,
                  size_t tcp_at)
{
	for (unsigned i = 0; i < fate->n_copies; i++) {
		struct late_frame *f = late_get(&relay.late);

		if (f == NULL) {
			relay.no_room++;
			return;
		}
		f->due_ns = fate->due_ns[i];
		f->to = to;
		f->bytes = (uint16_t)bytes;
		memcpy(f->data, data, bytes);
		if (i == 0 && fate->corrupt_by != 0)
			f->data[tcp_at + fate->corrupt_at] ^= fate->corrupt_by;
		late_add(&relay.late, f);
	}
}

/* One frame from link `from`. What comes from the right goes to the left that has its address, or
 * to all of them.
 */
static void take(uint32_t from, uint64_t now, const uint8_t *data, size_t bytes)
{
	struct link *l = &relay.links[from];
	size_t tcp_at = 0, tcp_bytes = find_tcp(data, bytes, &tcp_at);
	struct path_fate fate;
	bool known = false;

	if (bytes < ETH_HLEN)
		return;
	if (!knows(l, data + ETH_ALEN) && l->n_macs < MACS_MAX)
		memcpy(l->macs[l->n_macs++], data + ETH_ALEN, ETH_ALEN);
	path_take(from == 0 ? &relay.down : &relay.up, now, bytes, tcp_bytes, &fate);
	if (from != 0) {
		queue(&fate, 0, data, bytes, tcp_at);
		return;
	}
	for (uint32_t i = 1; i < relay.n_links; i++)
		known = known || knows(&relay.links[i], data);
	for (uint32_t i = 1; i < relay.n_links; i++)
		if (!known || knows(&relay.links[i], data))
			queue(&fate, (uint16_t)i, data, bytes, tcp_at);
}

/* The next frame of the kernel's ring, if there is one. */
static bool take_from_ring(uint32_t from)
{
	struct link *l = &relay.links[from];
	uint8_t *slot = l->ring + (size_t)l->ring_at * LATE_FRAME_MAX;
	struct tpacket2_hdr *h = (void *)slot;

	if (!(__atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
		return false;
	take(from, now_ns(), slot + h->tp_mac, h->tp_snaplen);
	__atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	l->ring_at = (l->ring_at + 1) % RING_FRAMES;
	return true;
}

static bool take_from_tap(uint32_t from)
{
	uint8_t data[LATE_FRAME_MAX];
	ssize_t bytes = read(relay.links[from].fd, data, sizeof(data));

	if (bytes > 0)
		take(from, now_ns(), data, (size_t)bytes);
	return bytes > 0;
}

static bool receive(uint32_t from)
{
	unsigned n = 0;

	while (n < READS_MAX &&
	       (relay.links[from].ring != NULL ? take_from_ring(from) : take_from_tap(from)))
		n++;
	return n != 0;
}

static void note_lateness(uint64_t late_ns)
{
	uint64_t us = late_ns / 1000;
	unsigned bin = us == 0 ? 0 : 64 - (unsigned)__builtin_clzll(us);

	relay.sent++;
	relay.late_us_sum += us;
	relay.late_us_max = us > relay.late_us_max ? us : relay.late_us_max;
	relay.late_bins[bin < LATE_BINS ? bin : LATE_BINS - 1]++;
}

static bool send_due(void)
{
	uint64_t now = now_ns();
	unsigned n = 0;

	for (; n < READS_MAX && late_due_ns(&relay.late) <= now; n++) {
		struct late_frame *f = late_take(&relay.late);

		note_lateness(now_ns() - f->due_ns);
		if (write(relay.links[f->to].fd, f->data, f->bytes) != f->bytes)
			relay.not_written++;
		late_put(&relay.late, f);
	}
	return n != 0;
}

static void wait_for_work(void)
{
	struct pollfd fds[LINKS_MAX];
	uint64_t due = late_due_ns(&relay.late), now = now_ns(), ns;
	struct timespec t = { .tv_sec = 1 };

	for (uint32_t i = 0; i < relay.n_links; i++)
		fds[i] = (struct pollfd){ .fd = relay.links[i].fd, .events = POLLIN };
	if (due != UINT64_MAX) {
		ns = due > now ? due - now : 0;
		t.tv_sec = (time_t)(ns / 1000000000);
		t.tv_nsec = (long)(ns % 1000000000);
	}
	(void)ppoll(fds, relay.n_links, &t, NULL);
	/* A tap that is down says POLLERR at once: no reason to spin. */
	for (uint32_t i = 0; i < relay.n_links; i++)
		if ((fds[i].revents & (POLLERR | POLLIN)) == POLLERR)
			usleep(1000);
}

/* The lateness that `share` of the frames did not exceed: its power of two. */
static uint64_t lateness_us(double share)
{
	uint64_t seen = 0;

	for (unsigned i = 0; i < LATE_BINS; i++) {
		seen += relay.late_bins[i];
		if ((double)seen >= share * (double)relay.sent)
			return i == 0 ? 0 : 1ull << i;
	}
	return relay.late_us_max;
}

static void print_counts(const char *name, const struct path_counts *c)
{
	printf("\"%s\": {\"frames\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"tcp\": %" PRIu64
	       ", \"lost\": %" PRIu64 ", \"lost_in_bursts\": %" PRIu64 ", \"queue_full\": %" PRIu64
	       ", \"duplicated\": %" PRIu64 ", \"corrupted\": %" PRIu64 ", \"reordered\": %" PRIu64
	       ", \"queue_bytes_max\": %" PRIu64 "}, ",
	       name, c->frames, c->bytes, c->tcp, c->lost, c->lost_in_bursts, c->queue_full,
	       c->duplicated, c->corrupted, c->reordered, c->queue_bytes_max);
}

/* What the kernel dropped because we did not empty a ring in time. */
static uint64_t ring_drops(void)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < relay.n_links; i++) {
		struct tpacket_stats stats = { 0 };
		socklen_t bytes = sizeof(stats);

		if (relay.links[i].ring != NULL &&
		    getsockopt(relay.links[i].fd, SOL_PACKET, PACKET_STATISTICS, &stats, &bytes) ==
		        0)
			n += stats.tp_drops;
	}
	return n;
}

static void print_all(void)
{
	printf("{");
	print_counts("up", &relay.up.counts);
	print_counts("down", &relay.down.counts);
	printf("\"ring_drops\": %" PRIu64 ", ", ring_drops());
	printf("\"no_room\": %" PRIu64 ", \"not_written\": %" PRIu64 ", \"sent\": %" PRIu64
	       ", \"late_us_mean\": %" PRIu64 ", \"late_us_p99\": %" PRIu64
	       ", \"late_us_max\": %" PRIu64 "}\n",
	       relay.no_room, relay.not_written, relay.sent,
	       relay.sent != 0 ? relay.late_us_sum / relay.sent : 0, lateness_us(0.99),
	       relay.late_us_max);
}

static void read_arguments(int argc, char **argv)
{
	struct path_conf up = { 0 }, down = { 0 };
	bool has_right = false;
	uint64_t seed = 1;

	relay.n_links = 1;
	for (int i = 1; i < argc; i += 2) {
		const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";

		if (strcmp(name, "--left") == 0 && relay.n_links < LINKS_MAX) {
			open_link(&relay.links[relay.n_links++], value);
		} else if (strcmp(name, "--right") == 0 && !has_right) {
			open_link(&relay.links[0], value);
			has_right = true;
		} else if (strcmp(name, "--seed") == 0) {
			seed = strtoull(value, NULL, 0);
		} else if (strcmp(name, "--up") != 0 && strcmp(name, "--down") != 0) {
			die(name, "no such option");
		} else if (path_parse(value, name[2] == 'u' ? &up : &down) != 0) {
			die(value, "not a path");
		}
	}
	if (!has_right || relay.n_links < 2)
		die("links", "one --right and a --left are needed");
	path_init(&relay.up, &up, 2 * seed);
	path_init(&relay.down, &down, 2 * seed + 1);
}

/* Where it may: before all others, for it sleeps nearly always. Lateness tells how it went. */
static void be_on_time(void)
{
	struct sched_param first = { .sched_priority = 1 };

	(void)prctl(PR_SET_TIMERSLACK, 1UL);
	if (sched_setscheduler(0, SCHED_FIFO, &first) != 0)
		(void)setpriority(PRIO_PROCESS, 0, -15);
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = on_term };

	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	be_on_time();
	read_arguments(argc, argv);
	if (late_init(&relay.late, FRAMES_MAX) != 0)
		die("memory", "none");
	printf("ready\n");
	fflush(stdout);
	while (!stop) {
		bool busy = false;

		for (uint32_t i = 0; i < relay.n_links; i++)
			busy |= receive(i);
		busy |= send_due();
		if (!busy)
			wait_for_work();
	}
	print_all();
	late_fini(&relay.late);
	return 0;
}
