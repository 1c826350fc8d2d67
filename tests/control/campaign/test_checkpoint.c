/* test_checkpoint.c - an import that was killed goes on and ends as if it never had been.
 *
 * The linker gives this program's calls that change files to the functions below, which count them
 * and kill a child at any one: what is on disk changes nowhere else. None waits for a disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "control/campaign/table.h"
#include "tests/control/campaign/state_dir.h"

enum { PATH_BYTES = 256, LIST_ROWS = 120, KILLED = 9, EACH_BYTES = 500 };

static int64_t calls_left = -1; /* until the process is killed; below 0: never */
static bool disk_is_full;

static bool is_last_call(void)
{
	return calls_left >= 0 && calls_left-- == 0;
}

ssize_t __real_write(int fd, const void *data, size_t bytes);
ssize_t __wrap_write(int fd, const void *data, size_t bytes);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __real_ftruncate64(int fd, off_t bytes);
int __wrap_ftruncate64(int fd, off_t bytes);

ssize_t __wrap_write(int fd, const void *data, size_t bytes)
{
	if (is_last_call()) {
		(void)!__real_write(fd, data, bytes / 2);
		_exit(KILLED);
	}
	/* A wake-up of eight bytes goes to no disk. */
	if (disk_is_full && bytes > sizeof(uint64_t)) {
		errno = ENOSPC;
		return -1;
	}
	return __real_write(fd, data, bytes);
}

static int sync_call(void)
{
	if (is_last_call())
		_exit(KILLED);
	return 0;
}

int __wrap_fsync(int fd)
{
	(void)fd;
	return sync_call();
}

int __wrap_fdatasync(int fd)
{
	(void)fd;
	return sync_call();
}

int __wrap_rename(const char *from, const char *to)
{
	if (is_last_call())
		_exit(KILLED);
	return __real_rename(from, to);
}

int __wrap_unlink(const char *path)
{
	if (is_last_call())
		_exit(KILLED);
	return __real_unlink(path);
}

int __wrap_ftruncate64(int fd, off_t bytes)
{
	if (is_last_call())
		_exit(KILLED);
	return __real_ftruncate64(fd, bytes);
}

/* ---- lists ---- */

struct place {
	char dir[TMPDIR_BYTES], list[PATH_BYTES], table[PATH_BYTES], rejected[PATH_BYTES];
	struct table_import_conf conf;
	struct table_import_result result;
	char why[TABLE_WHY_BYTES];
};

/* Rows of every kind: over several lines, given up, blank, wrong, seen before. */
static void put_csv_row(FILE *out, unsigned i)
{
	static const char *const kinds[] = {
		"u%u@b%u.test,Ann\n",
		"U%u@B%u.test,\"two\nlines\"\r\n",
		"u%u@c%u.test,\"broken\n",
		"u%u at %u,none\n",
		"\n\"u%u@c%u.test\",\"a \"\"b\"\"\"\r",
	};
	unsigned who = i % 11 > 8 ? i - 5 : i;

	fprintf(out, kinds[i % 5], who, who % 7);
}

/* Columns that are met late, arrays, broken JSON. */
static void put_json_row(FILE *out, unsigned i)
{
	unsigned who = i % 11 > 8 ? i - 5 : i;

	if (i % 13 == 5)
		fputs("{\"email\": \n", out);
	fprintf(out, "{\"email\":\"u%u@b%u.test\",\"c%u\":%s}\n", who, who % 7, i / 20,
	        i % 3 == 0 ? "[1,{\"x\":2}]" : "\"text\"");
}

static void make(struct place *p, bool jsonl)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	memset(p, 0, sizeof(*p));
	/* In memory where that can be had: file systems write out what a rename replaces. */
	strcpy(p->dir, "/dev/shm/posthaste-test-XXXXXX");
	if (mkdtemp(p->dir) == NULL)
		tmpdir_make(p->dir);
	snprintf(p->list, sizeof(p->list), "%s/list", p->dir);
	snprintf(p->table, sizeof(p->table), "%s/table", p->dir);
	snprintf(p->rejected, sizeof(p->rejected), "%s/rejected", p->table);
	if (!jsonl)
		fputs("email,name\n", out);
	for (unsigned i = 0; i < LIST_ROWS; i++)
		(jsonl ? put_json_row : put_csv_row)(out, i);
	fclose(out);
	CU_ASSERT_EQUAL_FATAL(file_make(p->list, text, bytes), 0);
	free(text);
	CU_ASSERT_EQUAL_FATAL(mkdir(p->table, 0700), 0);
	p->conf = (struct table_import_conf){ .csv_path = p->list,
		                              .address_column = "email",
		                              .dir = p->table,
		                              .rejected_path = p->rejected,
		                              .checkpoint_bytes = EACH_BYTES };
}

static void drop(struct place *p)
{
	tmpdir_del(p->dir);
}

static void empty(struct place *p)
{
	tmpdir_del(p->table);
	CU_ASSERT_EQUAL_FATAL(mkdir(p->table, 0700), 0);
}

/* Imports in a child that is killed at its n-th call. Returns whether it was. */
static bool import_killed(struct place *p, int64_t calls)
{
	int status = 0;
	pid_t pid = fork();

	CU_ASSERT_FATAL(pid >= 0);
	if (pid == 0) {
		calls_left = calls;
		_exit(table_import(&p->conf, &p->result, p->why) == 0 ? 0 : 1);
	}
	CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_FATAL(WIFEXITED(status) && WEXITSTATUS(status) % KILLED == 0);
	return WEXITSTATUS(status) == KILLED;
}

/* What the folder holds when an import is over, file by file. */
struct outcome {
	char *files[3];
	size_t bytes[3];
	struct table_import_result result;
};

static const char *const files[3] = { "rows", "table", "rejected" };

static void read_outcome(struct place *p, struct outcome *o)
{
	for (int i = 0; i < 3; i++) {
		char path[PATH_BYTES + 16];

		snprintf(path, sizeof(path), "%s/%s", p->table, files[i]);
		CU_ASSERT_EQUAL_FATAL(file_read(path, 1 << 20, &o->files[i], &o->bytes[i]), 0);
	}
	o->result = p->result;
}

static void free_outcome(struct outcome *o)
{
	for (int i = 0; i < 3; i++)
		free(o->files[i]);
}

static bool is_same(const struct outcome *a, const struct outcome *b, const char *when, int64_t n)
{
	bool same = a->result.rows == b->result.rows &&
	            a->result.recipients == b->result.recipients &&
	            a->result.rejected == b->result.rejected &&
	            a->result.duplicates == b->result.duplicates;

	for (int i = 0; i < 3; i++) {
		bool equal = a->bytes[i] == b->bytes[i] &&
		             memcmp(a->files[i], b->files[i], a->bytes[i]) == 0;

		if (!equal)
			printf("\n    %s %lld: another %s", when, (long long)n, files[i]);
		same = same && equal;
	}
	return same;
}

/* Imports without checkpoints: what all others must come to. */
static void import_whole(struct place *p, struct outcome *o)
{
	struct table_import_conf conf = p->conf;

	empty(p);
	conf.checkpoint_bytes = 0;
	CU_ASSERT_EQUAL_FATAL(table_import(&conf, &p->result, p->why), 0);
	read_outcome(p, o);
	empty(p);
}

static bool import_is(struct place *p, const struct outcome *want, const char *when, int64_t n)
{
	struct outcome got;
	char path[PATH_BYTES + 16];
	bool same;
	int result = table_import(&p->conf, &p->result, p->why);

	if (result != 0)
		printf("\n    %s %lld: %s", when, (long long)n, p->why);
	CU_ASSERT_EQUAL_FATAL(result, 0);
	read_outcome(p, &got);
	same = is_same(&got, want, when, n);
	free_outcome(&got);
	snprintf(path, sizeof(path), "%s/entries", p->table);
	return same && !table_has_checkpoint(p->table) && access(path, F_OK) != 0;
}

/* ---- */

static void killed_at_any_call_it_ends_as_if_it_had_not_been(void)
{
	static const struct {
		const char *why, *to_test;
		bool jsonl;
		uint64_t limit;
	} cases[] = { { "CSV", NULL, false, 0 },
		      { "JSONL", NULL, true, 0 },
		      { "all to one", "me@test.test", true, 90 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned resumed = 0, wrong = 0;
		struct outcome want;
		struct place p;
		int64_t n = 0;

		make(&p, cases[i].jsonl);
		p.conf.limit = cases[i].limit;
		p.conf.to_test = cases[i].to_test;
		import_whole(&p, &want);
		CU_ASSERT(want.result.rejected > 5 && want.result.duplicates > 5);
		for (; import_killed(&p, n); n += i == 0 ? 1 : 3) {
			bool checkpoint = table_has_checkpoint(p.table);

			wrong += !import_is(&p, &want, cases[i].why, n);
			wrong += (p.result.resumed_rows > 0) != checkpoint;
			wrong += p.result.anew != NULL;
			resumed += checkpoint;
			empty(&p);
		}
		CU_ASSERT_EQUAL(wrong, 0);
		CU_ASSERT(n > 30 && resumed > (unsigned)n / (i == 0 ? 2 : 6));
		free_outcome(&want);
		drop(&p);
	}
}

/* Killed again and again, a little later each time. */
static void an_import_that_is_killed_often_comes_to_its_end(void)
{
	struct outcome want;
	struct place p;
	unsigned killed = 0;

	make(&p, false);
	import_whole(&p, &want);
	while (killed < LIST_ROWS && import_killed(&p, 12 + killed))
		killed++;
	CU_ASSERT(killed > 2 && killed < LIST_ROWS);
	CU_ASSERT(import_is(&p, &want, "at last", 0));
	free_outcome(&want);
	drop(&p);
}

/* ---- what must not be gone on with ---- */

static void change(const struct place *p, const char *name, off_t at, const char *bytes)
{
	char path[PATH_BYTES + 16];
	struct timespec times[2];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	CU_ASSERT_FATAL(fd >= 0 && fstat(fd, &st) == 0);
	CU_ASSERT((bytes == NULL
	               ? ftruncate(fd, st.st_size + at)
	               : pwrite(fd, bytes, strlen(bytes), at) - (ssize_t)strlen(bytes)) == 0);
	/* As old as before: the bytes themselves must tell. */
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	CU_ASSERT_EQUAL(futimens(fd, times), 0);
	close(fd);
}

static void what_another_import_left_is_not_taken(void)
{
	static const char list[] = "the list is another one, or was changed";
	static const char options[] = "the list is read with other options";
	static const char damaged[] = "what was left of it is damaged";
	static const struct {
		const char *why, *file;
		off_t at; /* where a byte is changed, or by how much the file becomes longer */
		const char *bytes;
		const char *types, *to_test;
		uint64_t limit;
		char delimiter;
		const char *anew;
	} cases[] = {
		/* clang-format off */
		{ "the list's first bytes", "list", 15, "9", NULL, NULL, 0, 0, list },
		{ "a longer list", "list", 1, NULL, NULL, NULL, 0, 0, list },
		{ "other types", NULL, 0, NULL, "name:string", NULL, 0, 0, options },
		{ "to one address", NULL, 0, NULL, NULL, "me@test.test", 0, 0, options },
		{ "a limit", NULL, 0, NULL, NULL, NULL, 100, 0, options },
		{ "a delimiter", NULL, 0, NULL, NULL, NULL, 0, ',', options },
		{ "rows damaged", "table/rows", 40, "x", NULL, NULL, 0, 0, damaged },
		{ "rows cut", "table/rows", -900, NULL, NULL, NULL, 0, 0, damaged },
		{ "entries damaged", "table/entries", 17, "x", NULL, NULL, 0, 0, damaged },
		{ "entries of another domain", "table/entries", 24, "x", NULL, NULL, 0, 0, damaged },
		{ "entries cut", "table/entries", -300, NULL, NULL, NULL, 0, 0, damaged },
		{ "rejected rows cut", "table/rejected", -500, NULL, NULL, NULL, 0, 0, damaged },
		{ "no checkpoint", "table/checkpoint", 0, "x", NULL, NULL, 0, 0, damaged },
		{ "half a checkpoint", "table/checkpoint", -20, NULL, NULL, NULL, 0, 0, damaged },
		{ "of another version", "table/checkpoint", 11, "9", NULL, NULL, 0, 0,
		  "another version wrote what was left of it" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome got, want;
		struct place p;

		make(&p, false);
		CU_ASSERT_FATAL(import_killed(&p, 32));
		CU_ASSERT_FATAL(table_has_checkpoint(p.table));
		if (cases[i].file != NULL)
			change(&p, cases[i].file, cases[i].at, cases[i].bytes);
		p.conf.types = cases[i].types;
		p.conf.to_test = cases[i].to_test;
		p.conf.limit = cases[i].limit;
		p.conf.delimiter = cases[i].delimiter;
		CU_ASSERT_EQUAL(table_import(&p.conf, &p.result, p.why), 0);
		CU_ASSERT_EQUAL(p.result.resumed_rows, 0);
		if (p.result.anew == NULL || strcmp(p.result.anew, cases[i].anew) != 0)
			printf("\n    %s: got %s", cases[i].why, p.result.anew);
		CU_ASSERT_FATAL(p.result.anew != NULL);
		CU_ASSERT_STRING_EQUAL(p.result.anew, cases[i].anew);
		read_outcome(&p, &got);
		import_whole(&p, &want);
		CU_ASSERT(is_same(&got, &want, cases[i].why, 0));
		free_outcome(&got);
		free_outcome(&want);
		drop(&p);
	}
}

/* ---- the campaigns of a state directory ---- */

/* Leaves what an engine leaves that was killed while it imported the campaign `name`. */
static void leave_import(struct state_dir *s, const char *name, bool checkpoint)
{
	char folder[STATE_PATH_BYTES], rejected[STATE_PATH_BYTES + 16];
	struct table_import_conf conf = { .csv_path = s->csv,
		                          .address_column = "email",
		                          .dir = folder,
		                          .rejected_path = rejected,
		                          .checkpoint_bytes = checkpoint ? 20 : 1000000 };
	struct table_import_result result;
	char why[TABLE_WHY_BYTES];
	pid_t pid;

	snprintf(folder, sizeof(folder), "%s/campaigns/%s.import", s->dir, name);
	snprintf(rejected, sizeof(rejected), "%s/rejected", folder);
	CU_ASSERT_EQUAL_FATAL(mkdir(folder, 0700), 0);
	pid = fork();
	if (pid == 0) {
		calls_left = checkpoint ? 20 : 6;
		_exit(table_import(&conf, &result, why) == 0 ? 0 : 1);
	}
	CU_ASSERT_EQUAL_FATAL(waitpid(pid, NULL, 0), pid);
	CU_ASSERT_EQUAL_FATAL(table_has_checkpoint(folder), checkpoint);
}

static bool is_there(const struct state_dir *s, const char *name)
{
	char path[STATE_PATH_BYTES];

	return access(state_path(s, name, path), F_OK) == 0;
}

static void a_start_of_the_same_name_goes_on_with_what_a_kill_left(void)
{
	struct campaign_spec spec;
	struct state_dir s;

	state_make(&s);
	leave_import(&s, "welcome", true);
	/* Rows do not hang on the template: a mistake in it is put right and they stay. */
	state_write(&s, "tpl/body.text.liquid", "Good day {{ name }}\n");
	state_reopen(&s);
	CU_ASSERT_TRUE(is_there(&s, "campaigns/welcome.import"));
	CU_ASSERT_PTR_NULL(campaign_find(s.cs, "welcome"));
	CU_ASSERT_PTR_NOT_NULL_FATAL(state_import(&s, "welcome"));
	CU_ASSERT_PTR_NOT_NULL(strstr(s.line, "rows=3 recipients=3 "));
	CU_ASSERT_PTR_NOT_NULL(strstr(s.line, "; resumed behind row "));
	CU_ASSERT_FALSE(is_there(&s, "campaigns/welcome.import"));
	CU_ASSERT_FALSE(is_there(&s, "campaigns/1/entries") ||
	                is_there(&s, "campaigns/1/checkpoint") ||
	                is_there(&s, "campaigns/1/rejected"));

	leave_import(&s, "asked", true);
	spec = state_spec(&s, "asked");
	spec.no_resume = true;
	CU_ASSERT_EQUAL_FATAL(campaign_start(s.cs, &spec, state_done, &s, s.why), 0);
	state_wait(&s);
	CU_ASSERT_EQUAL(s.result, 0);
	CU_ASSERT_PTR_NULL(strstr(s.line, "resumed"));

	leave_import(&s, "changed", true);
	state_write(&s, "list.csv", "email,name\nb@beta.test,Bo\n");
	CU_ASSERT_PTR_NOT_NULL_FATAL(state_import(&s, "changed"));
	CU_ASSERT_PTR_NOT_NULL(strstr(s.line, "rows=1 recipients=1 "));
	CU_ASSERT_PTR_NOT_NULL(strstr(s.line, "; not resumed: the list is another one"));
	state_del(&s);
}

static void what_is_cancelled_goes_on_where_it_was(void)
{
	enum { ROWS = 400000 };
	struct campaign_spec spec;
	char *text = NULL;
	struct state_dir s;
	size_t bytes;
	FILE *list = open_memstream(&text, &bytes);

	fputs("email,name\n", list);
	for (int i = 0; i < ROWS; i++)
		fprintf(list, "r%d@alpha.test,Ann\n", i);
	fclose(list);
	state_make(&s);
	state_write(&s, "list.csv", text);
	free(text);
	leave_import(&s, "long", true);
	spec = state_spec(&s, "long");
	CU_ASSERT_EQUAL_FATAL(campaign_start(s.cs, &spec, state_done, &s, s.why), 0);
	campaigns_cancel(s.cs);
	state_wait(&s);
	CU_ASSERT_EQUAL(s.result, -ECANCELED);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.line, "cancelled; the same start goes on behind row "));
	CU_ASSERT_PTR_NULL(campaign_at(s.cs, 0));
	CU_ASSERT_PTR_NOT_NULL_FATAL(state_import(&s, "long"));
	CU_ASSERT_PTR_NOT_NULL(strstr(s.line, "rows=400000 recipients=400000 "));
	CU_ASSERT_PTR_NOT_NULL(strstr(s.line, "; resumed behind row "));
	state_del(&s);
}

/* What campaigns that run have to write down needs the room more. */
static void a_full_disk_keeps_an_import_only_where_nothing_else_runs(void)
{
	struct campaign_spec spec;
	struct state_dir s;

	state_make(&s);
	for (int others = 0; others < 2; others++) {
		if (others)
			CU_ASSERT_PTR_NOT_NULL_FATAL(state_import(&s, "other"));
		leave_import(&s, "long", true);
		spec = state_spec(&s, "long");
		disk_is_full = true;
		CU_ASSERT_EQUAL_FATAL(campaign_start(s.cs, &spec, state_done, &s, s.why), 0);
		state_wait(&s);
		disk_is_full = false;
		CU_ASSERT_EQUAL(s.result, -ENOSPC);
		CU_ASSERT_EQUAL(is_there(&s, "campaigns/long.import"), others == 0);
		if (others == 0) {
			CU_ASSERT_PTR_NOT_NULL_FATAL(state_import(&s, "long"));
			CU_ASSERT_PTR_NOT_NULL(strstr(s.line, "; resumed behind row "));
			state_del(&s);
			state_make(&s);
		}
	}
	state_del(&s);
}

static void imports_are_left_in_bounds(void)
{
	struct timespec old[2] = { { .tv_sec = time(NULL) - 8 * 24 * 60 * 60 } };
	char path[STATE_PATH_BYTES], name[64];
	unsigned left = 0;
	struct state_dir s;

	old[1] = old[0];
	state_make(&s);
	leave_import(&s, "short", false);
	leave_import(&s, "old", true);
	CU_ASSERT_EQUAL(utimensat(AT_FDCWD, state_path(&s, "campaigns/old.import", path), old, 0),
	                0);
	state_reopen(&s);
	CU_ASSERT_FALSE(is_there(&s, "campaigns/short.import") ||
	                is_there(&s, "campaigns/old.import"));
	for (unsigned i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		leave_import(&s, name, true);
	}
	state_reopen(&s);
	for (unsigned i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "campaigns/n%u.import", i);
		left += is_there(&s, name);
	}
	CU_ASSERT_EQUAL(left, 8);
	state_del(&s);
}

SUITE("control/campaign/checkpoint", TEST(killed_at_any_call_it_ends_as_if_it_had_not_been),
      TEST(an_import_that_is_killed_often_comes_to_its_end),
      TEST(what_another_import_left_is_not_taken),
      TEST(a_start_of_the_same_name_goes_on_with_what_a_kill_left),
      TEST(what_is_cancelled_goes_on_where_it_was),
      TEST(a_full_disk_keeps_an_import_only_where_nothing_else_runs),
      TEST(imports_are_left_in_bounds))
