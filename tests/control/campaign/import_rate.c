/* import_rate.c - how fast one thread imports a list; scripts/bench compose reads it.
 *
 *	import_rate make N FILE      writes a CSV list of N rows, one in a hundred of them seen
 *before import_rate import FILE DIR  imports it into the folder DIR, with checkpoints
 *
 * The second prints "rows recipients CPU-seconds wall-seconds peak-KiB": time of the importing
 * thread, the most memory that the process had.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "control/campaign/table.h"

enum { DOMAINS = 200000, PATH_BYTES = 4096, BUF_BYTES = 1 << 20 };

static double now_s(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* splitmix64: the same list each time. */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

/* Half of the rows are at four large domains, as in a list of people; the rest is spread. */
static void put_row(FILE *out, uint64_t row)
{
	static const char *const large[] = { "gmail.test", "yahoo.test", "outlook.test",
		                             "icloud.test" };
	static const char *const cities[] = { "Berlin", "Paris", "\"Frankfurt, Main\"", "Oslo" };
	uint64_t who = row % 100 == 99 ? row / 2 : row, r = mix(who);

	if (r & 1)
		fprintf(out, "user%" PRIu64 ".%x@%s", who, (unsigned)(r >> 40), large[r >> 1 & 3]);
	else
		fprintf(out, "user%" PRIu64 "@shop%" PRIu64 ".test", who, (r >> 8) % DOMAINS);
	fprintf(out, ",First%u,Last%u,%s,%u\n", (unsigned)(r >> 20 & 4095),
	        (unsigned)(r >> 32 & 65535), cities[r >> 3 & 3], (unsigned)(r >> 50));
}

static int make(uint64_t rows, const char *path)
{
	FILE *out = fopen(path, "we");

	if (out == NULL)
		return 1;
	setvbuf(out, NULL, _IOFBF, BUF_BYTES);
	fputs("email,first_name,last_name,city,points\n", out);
	for (uint64_t row = 0; row < rows; row++)
		put_row(out, row);
	return fclose(out) == 0 ? 0 : 1;
}

static int import(const char *path, const char *dir)
{
	char rejected[PATH_BYTES], why[TABLE_WHY_BYTES];
	struct table_import_conf conf = {
		.csv_path = path,
		.address_column = "email",
		.dir = dir,
		.rejected_path = rejected,
		.checkpoint_bytes = TABLE_CHECKPOINT_BYTES,
	};
	struct table_import_result result;
	double cpu = now_s(CLOCK_THREAD_CPUTIME_ID), wall = now_s(CLOCK_MONOTONIC);
	struct rusage usage;

	snprintf(rejected, sizeof(rejected), "%s/rejected", dir);
	if (table_import(&conf, &result, why) != 0) {
		fprintf(stderr, "%s\n", why);
		return 1;
	}
	cpu = now_s(CLOCK_THREAD_CPUTIME_ID) - cpu;
	wall = now_s(CLOCK_MONOTONIC) - wall;
	getrusage(RUSAGE_SELF, &usage);
	printf("%" PRIu64 " %" PRIu64 " %.6f %.6f %ld\n", result.rows, result.recipients, cpu, wall,
	       usage.ru_maxrss);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "make") == 0)
		return make(strtoull(argv[2], NULL, 10), argv[3]);
	if (argc == 4 && strcmp(argv[1], "import") == 0)
		return import(argv[2], argv[3]);
	return 2;
}
