/* test_dp.c - the whole data plane, with its real engines, on a device that leads nowhere.
 *
 * net_ring0 gives back what it is sent, so the only station on this network is ourselves. EAL
 * starts once in a process, so the tests are steps of one run.
 */
#include "dataplane/dp.h"
#include "tests/support/suite.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONNS_MAX = 20000, DIALS = 50, CONNECT_MS = 300, PATIENCE_MS = 10000 };

static char dir[] = "/tmp/test_dp.XXXXXX";
static const uint8_t secret[32] = { 7 };
static struct dp_port_conf port = {
	.name = "p0", .device = "net_ring0", .n_addrs = 2, .mtu_bytes = 1500
};
static struct dp_source_conf source = { .name = "s0", .helo = "mail.example" };
static struct dp_conf conf = {
	.ports = &port,
	.n_ports = 1,
	.sources = &source,
	.n_sources = 1,
	.conns_max = CONNS_MAX,
	.window = 1024,
	.drain_max_ms = 100,
	.state_dir = dir,
	.secret = secret,
	.smtp = { .times = { .connect_ms = CONNECT_MS,
	                     .banner_ms = 1000,
	                     .ehlo_ms = 1000,
	                     .mail_ms = 1000,
	                     .rcpt_ms = 1000,
	                     .data_ms = 1000,
	                     .body_ms = 1000,
	                     .dot_ms = 1000,
	                     .rset_ms = 1000,
	                     .quit_ms = 1000 },
	          .reply_lines_max = 100,
	          .reply_bytes_max = 65536,
	          .pipelining = 1 },
};
static struct dp *dp;

static void log_line(enum dp_log_level level, const char *line)
{
	if (level <= DP_LOG_WARN)
		printf("    %s\n", line);
}

/* What the process holds. Huge pages, which tables lie in where the host has some, are told apart
 * from the resident ones.
 */
static uint64_t held_bytes(void)
{
	unsigned long kib, rss = 0, huge = 0;
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "VmRSS: %lu", &kib) == 1)
			rss = kib;
		if (sscanf(line, "HugetlbPages: %lu", &kib) == 1)
			huge = kib;
	}
	fclose(f);
	CU_ASSERT_FATAL(rss > 0);
	return (uint64_t)(rss + huge) << 10;
}

static void memory_is_what_was_announced_and_taken_at_start(void)
{
	char why[DP_WHY_BYTES] = "";
	uint64_t before = held_bytes(), took, said;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	ip_prefix_parse("10.9.0.2/24", &port.addrs[0]);
	ip_prefix_parse("fd00:9::2/64", &port.addrs[1]);
	source.addr4 = port.addrs[0].addr;
	source.addr6 = port.addrs[1].addr;
	conf.log = log_line;
	said = dp_memory_bytes(&conf);
	CU_ASSERT_EQUAL(dp_start(&conf, &dp, why), 0);
	if (dp == NULL)
		printf("\n    %s\n", why);
	CU_ASSERT_PTR_NOT_NULL_FATAL(dp);
	took = held_bytes() - before;
	if (took < said * 8 / 10 || took > said * 12 / 10 + (32 << 20))
		printf("\n    took %llu KB, said %llu KB\n", (unsigned long long)took >> 10,
		       (unsigned long long)said >> 10);
	CU_ASSERT_TRUE(took >= said * 8 / 10);
	CU_ASSERT_TRUE(took <= said * 12 / 10 + (32 << 20));
}

static void dial(uint64_t conn, const char *to)
{
	struct dp_dial d = { .conn = conn, .remote_port = 25 };

	CU_ASSERT_EQUAL_FATAL(ip_parse(to, &d.remote), 0);
	CU_ASSERT_EQUAL(dp_connect(dp, 0, &d), 0);
}

static void a_host_that_is_not_there_is_a_closed_with_the_reason(void)
{
	struct dp_evt e;
	unsigned n = 0, waited_ms = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(dp);
	for (uint64_t i = 0; i < DIALS; i++)
		dial(i, i % 2 ? "10.9.0.77" : "fd00:9::77");
	while (n < DIALS && waited_ms < PATIENCE_MS) {
		if (dp_poll(dp, 0, &e, 1) == 0) {
			(void)poll(NULL, 0, 5);
			waited_ms += 5;
			continue;
		}
		CU_ASSERT_EQUAL(e.kind, DP_EVT_CLOSED);
		CU_ASSERT_TRUE(e.why == DP_WHY_TIMEOUT || e.why == DP_WHY_UNREACHABLE);
		CU_ASSERT_TRUE(e.conn < DIALS);
		n++;
	}
	CU_ASSERT_EQUAL(n, DIALS);
	CU_ASSERT_EQUAL(dp_poll(dp, 0, &e, 1), 0);
}

static void what_is_still_open_at_the_end_does_not_hold_it_up(void)
{
	char cmd[64];

	CU_ASSERT_PTR_NOT_NULL_FATAL(dp);
	dial(1000, "10.9.0.78");
	dp_stop(dp);
	snprintf(cmd, sizeof(cmd), "rm -r '%s'", dir);
	CU_ASSERT_EQUAL(system(cmd), 0);
}

SUITE("dataplane/dp", TEST(memory_is_what_was_announced_and_taken_at_start),
      TEST(a_host_that_is_not_there_is_a_closed_with_the_reason),
      TEST(what_is_still_open_at_the_end_does_not_hold_it_up))
