/* test_worker.c - orders go down, events come up, nothing is lost, and the thread sleeps.
 *
 * Through the door, on a net_ring device, with engines that do next to nothing. EAL starts once in
 * a process, so the tests are steps of one run.
 */
#include "dataplane/dp.h"
#include "dataplane/sysmem.h"
#include "dataplane/tcp/tcp.h"
#include "tests/dataplane/fake_engines.h"
#include "tests/support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { CONNS_MAX = 8, DIALS_MAX = 12, WINDOW = 4, PATIENCE_MS = 10000 };

static char dir[] = "/tmp/test_worker.XXXXXX";
static const uint8_t secret[32] = { 1 };
static struct dp_port_conf port = {
	.name = "p0", .device = "net_ring0", .n_addrs = 1, .mtu_bytes = 1500
};
static struct dp_source_conf source = { .name = "s0", .helo = "mail.example" };
static struct dp_conf conf = { .ports = &port,
	                       .n_ports = 1,
	                       .sources = &source,
	                       .n_sources = 1,
	                       .conns_max = CONNS_MAX,
	                       .window = WINDOW,
	                       .drain_max_ms = 100,
	                       .state_dir = dir,
	                       .secret = secret };
static struct dp *dp;
static struct ip_prefix allow;         /* so that the guard lets a foreign family pass */
static _Atomic uint32_t lines_at_info; /* DPDK's would be among them */

static void log_line(enum dp_log_level level, const char *line)
{
	if (level > DP_LOG_INFO)
		return;
	atomic_fetch_add(&lines_at_info, 1);
	printf("    %s\n", line);
}

static void dial(uint64_t conn, const char *to, uint16_t remote_port, int want)
{
	struct dp_dial d = { .conn = conn, .remote_port = remote_port };

	CU_ASSERT_EQUAL_FATAL(ip_parse(to, &d.remote), 0);
	CU_ASSERT_EQUAL(dp_connect(dp, 0, &d), want);
}

/* The next event, slept for as control does. False when none came in all patience. */
static bool next_evt(struct dp_evt *e)
{
	struct pollfd p = { .fd = dp_wake_fd(dp), .events = POLLIN };

	while (dp_poll(dp, 0, e, 1) == 0) {
		int rc = 1;

		if (dp_about_to_sleep(dp))
			rc = poll(&p, 1, PATIENCE_MS);
		dp_awake(dp);
		if (rc <= 0)
			return false;
	}
	return true;
}

static struct dp_evt expect(enum dp_evt_kind kind, uint64_t conn)
{
	struct dp_evt e = { 0 };

	CU_ASSERT_TRUE_FATAL(next_evt(&e));
	CU_ASSERT_EQUAL(e.kind, kind);
	CU_ASSERT_EQUAL(e.conn, conn);
	return e;
}

static uint64_t counter(const char *name)
{
	for (uint32_t i = 0; i < dp_n_counters(); i++)
		if (strcmp(dp_counter_name(i), name) == 0)
			return dp_counter(dp, 0, i);
	CU_FAIL_FATAL("no such counter");
	return 0;
}

/* What a crashed engine would have left: one session of ours, one of an address that we lost. */
static void leave_a_trace(void)
{
	struct tcp_trace_entry e[2 * CONNS_MAX] = { 0 };
	char path[64];
	int fd;

	e[2] = (struct tcp_trace_entry){
		.local = port.addrs[0].addr, .local_port = 4000, .remote_port = 25, .in_use = 1
	};
	e[5] = e[2];
	e[5].local.b[15] ^= 0x40;
	snprintf(path, sizeof(path), "%s/open.0", dir);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	CU_ASSERT_EQUAL(write(fd, e, sizeof(e)), (ssize_t)sizeof(e));
	close(fd);
}

static void a_bad_configuration_is_refused_before_anything_starts(void)
{
	char why[DP_WHY_BYTES] = "";
	struct dp *none;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	ip_prefix_parse("10.9.0.2/24", &port.addrs[0]);
	ip_parse("10.9.0.2", &source.addr4);
	ip_prefix_parse("fd00:9::/64", &allow);
	conf.egress_allow = &allow;
	conf.n_egress_allow = 1;
	conf.log = log_line;

	port.device = "eth0";
	CU_ASSERT_EQUAL(dp_start(&conf, &none, why), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "port \"p0\": \"eth0\" is no device"));
	port.device = "net_ring0";

	source.port = 1;
	CU_ASSERT_EQUAL(dp_start(&conf, &none, why), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "source \"s0\""));
	source.port = 0;

	ip_parse("127.0.0.1", &source.addr4);
	CU_ASSERT_EQUAL(dp_start(&conf, &none, why), -EADDRINUSE);
	ip_parse("10.9.0.2", &source.addr4);
}

static void more_memory_than_there_is_is_refused_with_both_numbers(void)
{
	static const char *const devices[DP_PORTS_MAX] = { "net_ring0", "net_ring1", "net_ring2",
		                                           "net_ring3", "net_ring4", "net_ring5",
		                                           "net_ring6", "net_ring7" };
	struct dp_port_conf ports[DP_PORTS_MAX];
	struct dp_conf huge = conf;
	char why[DP_WHY_BYTES] = "";
	struct dp *none;

	for (unsigned i = 0; i < DP_PORTS_MAX; i++) {
		ports[i] = port;
		ports[i].device = devices[i];
	}
	huge.ports = ports;
	huge.n_ports = DP_PORTS_MAX;
	huge.conns_max = 1 << 22;
	CU_ASSERT_TRUE(dp_memory_bytes(&huge) > (uint64_t)100 << 30);
	if (sysmem_available_bytes() > dp_memory_bytes(&huge))
		return; /* a machine that could: starting it would prove nothing */
	CU_ASSERT_EQUAL(dp_start(&huge, &none, why), -ENOMEM);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "worker.connections_max = 4194304 needs "));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, " MB is available"));
	printf("    %s\n", why);
	huge.conns_max = CONNS_MAX;
	huge.buffers = 1 << 24;
	CU_ASSERT_TRUE(dp_memory_bytes(&huge) > (uint64_t)8 * 36 << 30);
	CU_ASSERT_EQUAL(dp_start(&huge, &none, why), -ENOMEM);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "worker.buffers = 16777216 needs "));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, " MB is available"));
	printf("    %s\n", why);
}

static void starting_leaves_the_callers_signals_and_a_cpu_to_it(void)
{
	char why[DP_WHY_BYTES] = "";
	sigset_t before, after;
	cpu_set_t cpus, left;

	leave_a_trace();
	pthread_sigmask(SIG_BLOCK, NULL, &before);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	CU_ASSERT_EQUAL(dp_start(&conf, &dp, why), 0);
	if (dp == NULL)
		printf("\n    %s\n", why);
	CU_ASSERT_PTR_NOT_NULL_FATAL(dp);
	pthread_sigmask(SIG_BLOCK, NULL, &after);
	sched_getaffinity(0, sizeof(left), &left);
	for (int s = 1; s <= SIGRTMAX; s++)
		CU_ASSERT_EQUAL(sigismember(&before, s), sigismember(&after, s));
	if (CPU_COUNT(&cpus) > 1)
		CU_ASSERT_EQUAL(CPU_COUNT(&left), CPU_COUNT(&cpus) - 1);
	CU_ASSERT_EQUAL(dp_n_workers(dp), 1);
	CU_ASSERT_EQUAL(atomic_load(&lines_at_info), 2); /* ours; none of DPDK's */
}

static void what_the_guard_refuses_is_closed_with_the_reason(void)
{
	struct dp_evt e;

	dial(1, "8.8.8.8", 25, 0);
	e = expect(DP_EVT_CLOSED, 1);
	CU_ASSERT_EQUAL(e.why, DP_WHY_EGRESS);
	CU_ASSERT_EQUAL(e.reach, DP_REACH_HOST);
	CU_ASSERT_EQUAL(strncmp(e.text, "outside the sandbox", e.text_bytes), 0);
	dial(2, "10.9.0.7", 80, 0);
	CU_ASSERT_EQUAL(expect(DP_EVT_CLOSED, 2).why, DP_WHY_EGRESS);
	CU_ASSERT_EQUAL(counter("egress_refused"), 2);
}

static void a_predecessors_sessions_are_asked_for_before_the_first_dial(void)
{
	/* The dial above waited for it: nobody answers here, so for all of 500 ms, and in that time
	 * two of the three rounds were sent. The lost address' session is not asked for.
	 */
	CU_ASSERT_TRUE(fake_probes() >= 1 && fake_probes() <= 3);
}

static void a_source_without_the_family_is_closed_with_the_reason(void)
{
	dial(3, "fd00:9::1", 25, 0);
	CU_ASSERT_EQUAL(expect(DP_EVT_CLOSED, 3).why, DP_WHY_NO_SOURCE);
}

static void a_message_is_taken_and_answered_in_order(void)
{
	struct dp_job job = { .message = 77, .n_rcpts = 1 };

	dial(4, "10.9.0.7", 25, 0);
	job.conn = expect(DP_EVT_OPEN, 4).handle;
	for (unsigned i = 0; i < 3 * WINDOW; i++) {
		job.message = 77 + i;
		CU_ASSERT_EQUAL(dp_submit(dp, 0, &job), 0);
		CU_ASSERT_EQUAL(expect(DP_EVT_BODY_TAKEN, 4).message, job.message);
		CU_ASSERT_EQUAL(expect(DP_EVT_RCPT, 4).message, job.message);
	}
	CU_ASSERT_EQUAL(dp_quit(dp, 0, job.conn), 0);
	CU_ASSERT_EQUAL(expect(DP_EVT_CLOSED, 4).why, DP_WHY_QUIT);
}

static void a_frame_goes_out_and_comes_in(void)
{
	struct dp_handle h;

	dial(5, "10.9.0.7", 465, 0);
	h = expect(DP_EVT_OPEN, 5).handle;
	CU_ASSERT_EQUAL(fake_frames_back(), 1);
	CU_ASSERT_TRUE(counter("tx_packets") >= 1);
	CU_ASSERT_TRUE(counter("rx_packets") >= 1);
	CU_ASSERT_EQUAL(counter("tx_bytes"), counter("rx_bytes"));
	CU_ASSERT_EQUAL(dp_quit(dp, 0, h), 0);
	expect(DP_EVT_CLOSED, 5);
}

static void events_that_nobody_reads_are_bounded_and_none_is_lost(void)
{
	struct dp_evt e;
	unsigned n = 0;

	/* Each is closed at once, so nothing but the unread ends can hold the next one up. */
	for (uint64_t i = 0; i < DIALS_MAX; i++)
		dial(100 + i, "10.9.0.7", 587, 0);
	dial(999, "10.9.0.7", 587, -EAGAIN);
	while (n < DIALS_MAX && next_evt(&e)) {
		CU_ASSERT_EQUAL(e.conn, 100 + n);
		CU_ASSERT_EQUAL(e.why, DP_WHY_TIMEOUT);
		n++;
	}
	CU_ASSERT_EQUAL(n, DIALS_MAX);
	dial(999, "10.9.0.7", 587, 0);
	expect(DP_EVT_CLOSED, 999);
}

static void an_idle_worker_sleeps(void)
{
	struct timespec before, after;
	uint64_t turns, sleeps, ms;

	(void)poll(NULL, 0, 50);
	clock_gettime(CLOCK_MONOTONIC, &before);
	turns = counter("worker_turns");
	sleeps = counter("worker_sleeps");
	(void)poll(NULL, 0, 100);
	sleeps = counter("worker_sleeps") - sleeps;
	turns = counter("worker_turns") - turns;
	clock_gettime(CLOCK_MONOTONIC, &after);
	ms = (uint64_t)((after.tv_sec - before.tv_sec) * 1000 +
	                (after.tv_nsec - before.tv_nsec) / 1000000);
	/* Naps of 5 ms, but for the ten that lead there; a busy machine makes them longer. */
	CU_ASSERT_TRUE(sleeps >= 1 && sleeps <= ms / 5 + 10 * (ms / 100 + 1));
	CU_ASSERT_TRUE(turns <= 2 * sleeps + 10);
	(void)poll(NULL, 0, 120); /* gauges are read each 100 ms */
	CU_ASSERT_EQUAL(counter("buffers_tx_now"), 0);
	CU_ASSERT_TRUE(counter("worker_tsc_hz") > 100000000);
	/* What a worker that mostly sleeps counted was CPU time, and not all of it. */
	CU_ASSERT_TRUE(counter("worker_cpu_us") > 0);
	CU_ASSERT_TRUE(counter("worker_cpu_us") < 1000000);
	CU_ASSERT_TRUE(counter("worker_busy_cycles") + counter("worker_idle_cycles") > 0);
}

static void after_a_drain_no_session_begins(void)
{
	dial(6, "10.9.0.7", 25, 0);
	expect(DP_EVT_OPEN, 6);
	dp_drain(dp);
	CU_ASSERT_EQUAL(expect(DP_EVT_CLOSED, 6).why, DP_WHY_QUIT);
	dial(7, "10.9.0.7", 25, 0);
	CU_ASSERT_EQUAL(expect(DP_EVT_CLOSED, 7).why, DP_WHY_SHUTDOWN);
}

static void stopping_resets_what_is_open_and_gives_the_cpus_back(void)
{
	cpu_set_t before, after;
	char cmd[96];

	sched_getaffinity(0, sizeof(before), &before);
	dp_stop(dp);
	CU_ASSERT_EQUAL(fake_aborts(), 1);
	sched_getaffinity(0, sizeof(after), &after);
	CU_ASSERT_TRUE(CPU_COUNT(&after) >= CPU_COUNT(&before));
	snprintf(cmd, sizeof(cmd), "rm -r '%s'", dir);
	CU_ASSERT_EQUAL(system(cmd), 0);
}

SUITE("dataplane/worker", TEST(a_bad_configuration_is_refused_before_anything_starts),
      TEST(more_memory_than_there_is_is_refused_with_both_numbers),
      TEST(starting_leaves_the_callers_signals_and_a_cpu_to_it),
      TEST(what_the_guard_refuses_is_closed_with_the_reason),
      TEST(a_predecessors_sessions_are_asked_for_before_the_first_dial),
      TEST(a_source_without_the_family_is_closed_with_the_reason),
      TEST(a_message_is_taken_and_answered_in_order), TEST(a_frame_goes_out_and_comes_in),
      TEST(events_that_nobody_reads_are_bounded_and_none_is_lost), TEST(an_idle_worker_sleeps),
      TEST(after_a_drain_no_session_begins),
      TEST(stopping_resets_what_is_open_and_gives_the_cpus_back))
