/* cmd_bench_gate.c - `posthaste bench gate`: what a byte of mail costs in the content gate. */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#include "control/cmd.h"
#include "control/gate/mail.h"
#include "control/gate/ruleset.h"
#include "control/xalloc.h"

enum {
	MAILS_MAX = 4096,
	ROUNDS = 101,
	LINE_BYTES = 64,
	MAIL_BYTES_MAX = 32 << 20,
};

struct corpus {
	struct {
		char *name;
		struct mail mail;
		uint64_t bytes, cycles;
	} at[MAILS_MAX];
	uint32_t n;
};

static const char help[] = "posthaste bench gate --corpus DIR [--rules FILE]: a measuring tool.\n"
			   "Scans each mail of DIR with a worker's own code, its texts thrown out "
			   "of the caches before each of\n"
			   "101 rounds, and takes the median. Each line is {\"metric\": name, "
			   "\"value\": number, \"unit\": text}.\n";

static int add_mail(struct corpus *all, const char *dir, const char *name)
{
	char path[4096], *text;
	FILE *in;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	in = fopen(path, "re");
	if (in == NULL)
		return cmd_fail("%s: %s", path, strerror(errno));
	text = xcalloc(1, MAIL_BYTES_MAX);
	n = fread(text, 1, MAIL_BYTES_MAX, in);
	fclose(in);
	mail_read(span_of(text, n), &all->at[all->n].mail);
	free(text);
	for (uint32_t t = 0; t < all->at[all->n].mail.n; t++)
		all->at[all->n].bytes += all->at[all->n].mail.texts[t].bytes.bytes;
	all->at[all->n].name = xstrdup(name);
	all->n += all->at[all->n].bytes > 0;
	return 0;
}

static int read_corpus(struct corpus *all, const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int rc = 0;

	if (d == NULL)
		return cmd_fail("%s: %s", dir, strerror(errno));
	while (rc == 0 && all->n < MAILS_MAX && (e = readdir(d)) != NULL)
		if (strstr(e->d_name, ".eml") != NULL)
			rc = add_mail(all, dir, e->d_name);
	closedir(d);
	if (rc == 0 && all->n == 0)
		rc = cmd_fail("%s: no mail in it (*.eml)", dir);
	return rc;
}

static void make_cold(const struct mail *m)
{
	for (uint32_t t = 0; t < m->n; t++)
		for (size_t at = 0; at < m->texts[t].bytes.bytes; at += LINE_BYTES)
			_mm_clflush(m->texts[t].bytes.at + at);
	_mm_mfence();
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t median_cycles(struct gate *gate, const struct mail *m, bool is_cold)
{
	uint64_t took[ROUNDS], began;
	struct gate_verdict v;

	for (int r = 0; r < ROUNDS; r++) {
		if (is_cold)
			make_cold(m);
		began = __rdtsc();
		gate_scan(gate, 0, 1, false, m->texts, m->n, &v);
		took[r] = __rdtsc() - began;
	}
	qsort(took, ROUNDS, sizeof(took[0]), by_size);
	return took[ROUNDS / 2];
}

static void tell(const char *metric, double value, const char *unit)
{
	printf("{\"metric\": \"%s\", \"value\": %.4g, \"unit\": \"%s\"}\n", metric, value, unit);
}

static void measure(struct gate *gate, struct corpus *all, const struct ruleset_info *info)
{
	uint64_t bytes = 0, cycles = 0, hot = 0;
	uint32_t worst = 0;

	for (uint32_t i = 0; i < all->n; i++) {
		all->at[i].cycles = median_cycles(gate, &all->at[i].mail, true);
		hot += median_cycles(gate, &all->at[i].mail, false);
		cycles += all->at[i].cycles;
		bytes += all->at[i].bytes;
		if (all->at[i].cycles * all->at[worst].bytes >
		    all->at[worst].cycles * all->at[i].bytes)
			worst = i;
	}
	tell("gate_cycles_per_byte", (double)cycles / (double)bytes, "cycles");
	tell("gate_cycles_per_byte_hot", (double)hot / (double)bytes, "cycles");
	tell("gate_cycles_per_byte_worst",
	     (double)all->at[worst].cycles / (double)all->at[worst].bytes, "cycles");
	printf("{\"metric\": \"gate_worst_mail\", \"value\": %llu, \"unit\": \"bytes in %s\"}\n",
	       (unsigned long long)all->at[worst].bytes, all->at[worst].name);
	tell("gate_rules", gate_n_rules(gate), "rules");
	tell("gate_corpus", (double)bytes, "bytes");
	tell("gate_memory", (double)gate_bytes(gate), "bytes");
	tell("gate_compile", info->compile_ms, "ms");
}

int cmd_bench_gate(int argc, char **argv)
{
	static const struct option words[] = { { "corpus", required_argument, NULL, 'd' },
		                               { "rules", required_argument, NULL, 'r' },
		                               { "help", no_argument, NULL, 'h' },
		                               { NULL, 0, NULL, 0 } };
	struct ruleset_conf rc = { .rules_path = "", .tag_name = "X-Tag", .n_lanes = 1 };
	struct ruleset_info info;
	struct corpus *all;
	struct gate *gate = NULL;
	const char *dir = NULL;
	char why[RULES_WHY_BYTES];
	int c, status;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", words, NULL)) != -1) {
		if (c == 'd')
			dir = optarg;
		else if (c == 'r')
			rc.rules_path = optarg;
		else if (c == 'h')
			return fputs(help, stdout) < 0;
		else
			return cmd_usage("bench", "\"%s\" is no option, or it lacks its value",
			                 argv[optind - 1]);
	}
	if (dir == NULL || optind != argc)
		return cmd_usage("bench", "it is: bench gate --corpus DIR [--rules FILE]");
	all = xcalloc(1, sizeof(*all));
	status = read_corpus(all, dir);
	if (status == 0 && ruleset_open(&rc, &gate, &info, why) != 0)
		status = cmd_fail("%s", why);
	if (status == 0)
		measure(gate, all, &info);
	gate_free(gate);
	for (uint32_t i = 0; i < all->n; i++) {
		mail_fini(&all->at[i].mail);
		free(all->at[i].name);
	}
	free(all);
	return status;
}
