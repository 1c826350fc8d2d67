/* compose_rate.c - how fast one thread renders, composes and signs; scripts/bench compose reads it.
 *
 *	compose_rate render TEMPLATE SECONDS
 *	compose_rate compose DIR SECONDS [KEYFILE [files-first]]
 *
 * Prints "operations seconds bytes" of the thread's own CPU time. Each rendering and each message
 *has data of its own; what is made before the clock starts is not the work that is measured.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "templates/tpl.h"

enum {
	ROWS = 1024,
	VARIABLES = 10,
	ITEMS = 5,
	TEXT_BYTES = 48,
	SLAB_BYTES = 1 << 18,
	TEMPLATE_BYTES_MAX = 1 << 16,
	BATCH = 64,
};

static uint8_t slab[SLAB_BYTES];
static char texts[ROWS][VARIABLES][TEXT_BYTES];
static char item_texts[ROWS][ITEMS][TEXT_BYTES];

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void make_texts(void)
{
	unsigned seed = 1;

	for (int r = 0; r < ROWS; r++) {
		for (int v = 0; v < VARIABLES; v++)
			snprintf(texts[r][v], TEXT_BYTES, "value %d of row %d, %d", v, r,
			         rand_r(&seed) % 100000);
		for (int i = 0; i < ITEMS; i++)
			snprintf(item_texts[r][i], TEXT_BYTES, "thing %d", rand_r(&seed) % 100000);
	}
}

/* ---- rendering ---- */

static struct tpl_value text_value(const char *text)
{
	return (struct tpl_value){ .kind = TPL_STRING, .n = (uint32_t)strlen(text), .text = text };
}

/* v0 to v9, items with name and price, vip. */
static struct tpl_value row_value(int r)
{
	static const char *const names[VARIABLES] = { "v0", "v1", "v2", "v3", "v4",
		                                      "v5", "v6", "v7", "v8", "v9" };
	struct tpl_member *m = calloc(VARIABLES + 2, sizeof(*m));
	struct tpl_value *items = calloc(ITEMS, sizeof(*items));

	for (int v = 0; v < VARIABLES; v++)
		m[v] = (struct tpl_member){ span_str(names[v]), text_value(texts[r][v]) };
	for (int i = 0; i < ITEMS; i++) {
		struct tpl_member *of = calloc(2, sizeof(*of));

		of[0] = (struct tpl_member){ span_str("name"), text_value(item_texts[r][i]) };
		of[1] = (struct tpl_member){ span_str("price"),
			                     { .kind = TPL_INT, .number = 100 * i + r } };
		items[i] = (struct tpl_value){ .kind = TPL_OBJECT, .n = 2, .members = of };
	}
	m[VARIABLES] = (struct tpl_member){ span_str("items"),
		                            { .kind = TPL_ARRAY, .n = ITEMS, .items = items } };
	m[VARIABLES + 1] =
	    (struct tpl_member){ span_str("vip"), { .kind = TPL_BOOL, .yes = r % 2 == 0 } };
	return (struct tpl_value){ .kind = TPL_OBJECT, .n = VARIABLES + 2, .members = m };
}

static int render(const char *path, double seconds)
{
	static struct tpl_value rows[ROWS];
	static char text[TEMPLATE_BYTES_MAX];
	FILE *f = fopen(path, "re");
	struct tpl_text_source main = { span_str("newsletter"), { 0 } };
	struct tpl_text_prog *prog;
	unsigned long long n = 0, bytes = 0;
	struct tpl_err err;
	double from, now;

	if (f == NULL)
		return 2;
	main.text = span_of(text, fread(text, 1, sizeof(text), f));
	fclose(f);
	for (int r = 0; r < ROWS; r++)
		rows[r] = row_value(r);
	if (tpl_text_open(&main, NULL, 0, true, &prog, &err) != 0) {
		fprintf(stderr, "%s:%u:%u: %s\n", err.file, err.line, err.column, err.text);
		return 1;
	}
	from = cpu_s();
	do {
		for (int i = 0; i < BATCH; i++) {
			size_t got;

			if (tpl_text_render(prog, &rows[n++ % ROWS], 0, slab, SLAB_BYTES, &got,
			                    &err) != 0)
				return 1;
			bytes += got;
		}
		now = cpu_s();
	} while (now - from < seconds);
	printf("%llu %.6f %llu\n", n, now - from, bytes);
	tpl_text_close(prog);
	return 0;
}

/* ---- composing ---- */

static int compose(const char *dir, double seconds, const char *key_path, bool files_first)
{
	struct span names[] = { span_str("v0"), span_str("v1"), span_str("v2") };
	struct tpl_columns columns = { .names = names, .n = 3 };
	struct tpl_campaign campaign = { .name = span_str("spring"),
		                         .from = span_str("news@shop.example"),
		                         .id_domain = span_str("shop.example"),
		                         .files_first = files_first,
		                         .key = { 1, 2, 3 } };
	struct tpl_signer signer = { .name = "s",
		                     .domain = "shop.example",
		                     .selector = "s1",
		                     .header = TPL_RELAXED,
		                     .body = TPL_RELAXED,
		                     .when = TPL_SIGN_FROM,
		                     .expires_s = 86400 };
	struct tpl_signers signers = { .at = &signer, .n = 1 };
	struct tpl_value values[3];
	struct tpl_job job = { .campaign = &campaign,
		               .values = values,
		               .signers = key_path == NULL ? NULL : &signers,
		               .envelope = { span_str("b+1@bounce.shop.example"),
		                             span_str("anna@alpha.test") },
		               .first_attempt_s = 1767225600 };
	unsigned long long n = 0, bytes = 0;
	char why[TPL_WHY_BYTES];
	struct tpl_key *key = NULL;
	struct tpl *tpl;
	struct tpl_out out;
	struct tpl_err err;
	double from, now;

	if (key_path != NULL && tpl_key_open(key_path, &key, why) != 0) {
		fprintf(stderr, "%s\n", why);
		return 1;
	}
	signer.key = key;
	if (tpl_open(dir, &columns, &tpl, &err) != 0) {
		fprintf(stderr, "%s:%u:%u: %s\n", err.file, err.line, err.column, err.text);
		return 1;
	}
	job.tpl = tpl;
	from = cpu_s();
	do {
		for (int i = 0; i < (key == NULL ? BATCH : 16); i++) {
			for (int v = 0; v < 3; v++)
				values[v] = text_value(texts[n % ROWS][v]);
			job.number = n++;
			if (tpl_compose(&job, slab, SLAB_BYTES, &out, &err) != 0) {
				fprintf(stderr, "%s:%u:%u: %s\n", err.file, err.line, err.column,
				        err.text);
				return 1;
			}
			bytes += out.size_bytes;
		}
		now = cpu_s();
	} while (now - from < seconds);
	printf("%llu %.6f %llu\n", n, now - from, bytes);
	tpl_close(tpl);
	tpl_key_close(key);
	return 0;
}

int main(int argc, char **argv)
{
	make_texts();
	if (argc == 4 && strcmp(argv[1], "render") == 0)
		return render(argv[2], atof(argv[3]));
	if (argc >= 4 && argc <= 6 && strcmp(argv[1], "compose") == 0)
		return compose(argv[2], atof(argv[3]), argc >= 5 ? argv[4] : NULL, argc == 6);
	return 2;
}
