/* test_table.c - a CSV file becomes a sorted table; every row of it is accounted for. */
#include "control/campaign/table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "control/campaign/files.h"
#include "tests/support/suite.h"
#include "tests/support/tmpdir.h"

enum { PATH_BYTES = 128 };

/* A folder with list.csv and an empty table/ in it. */
struct place {
	char dir[TMPDIR_BYTES], csv[PATH_BYTES], table[PATH_BYTES], rejected[PATH_BYTES];
	struct table_import_conf conf;
	struct table_import_result result;
	char why[TABLE_WHY_BYTES];
};

static void make_place(struct place *p)
{
	memset(p, 0, sizeof(*p));
	tmpdir_make(p->dir);
	snprintf(p->csv, sizeof(p->csv), "%s/list.csv", p->dir);
	snprintf(p->table, sizeof(p->table), "%s/table", p->dir);
	snprintf(p->rejected, sizeof(p->rejected), "%s/list.rejected.csv", p->dir);
	p->conf = (struct table_import_conf){ .csv_path = p->csv,
		                              .address_column = "email",
		                              .dir = p->table,
		                              .rejected_path = p->rejected,
		                              .rejected_final = p->rejected };
}

static int import(struct place *p, struct span csv)
{
	dir_del(p->table);
	unlink(p->csv);
	mkdir(p->table, 0700);
	CU_ASSERT_EQUAL(file_make(p->csv, csv.at, csv.bytes), 0);
	p->why[0] = '\0';
	return table_import(&p->conf, &p->result, p->why);
}

static struct table *import_and_open(struct place *p, const char *csv)
{
	struct table *t = NULL;
	int result = import(p, span_str(csv));

	if (result == 0)
		result = table_open(p->table, &t, p->why);
	if (result != 0)
		printf("\n    %s", p->why);
	CU_ASSERT_PTR_NOT_NULL_FATAL(t);
	CU_ASSERT_EQUAL(p->result.rows,
	                p->result.recipients + p->result.rejected + p->result.duplicates);
	CU_ASSERT_EQUAL(table_n_rows(t), p->result.recipients);
	return t;
}

static bool is_text(struct span s, const char *text)
{
	return span_eq(s, span_str(text));
}

static bool is_value(struct tpl_value v, const char *text)
{
	return v.kind == TPL_STRING && is_text(span_of(v.text, v.n), text);
}

/* Of a list of texts: nothing needs room. */
static void read_row(const struct table *t, uint32_t i, struct table_row *row)
{
	struct cell_room none = { 0 };

	CU_ASSERT_FATAL(table_row(t, i, &none, row));
}

static void rows_are_sorted_by_domain_and_stay_in_order_within(void)
{
	struct table_row row;
	struct place p;
	struct table *t;

	make_place(&p);
	t = import_and_open(&p, "name,email,city\n"
	                        "Zoe,zoe@beta.test,\"Aix, or\nParis\"\n"
	                        "Bob,bob@Alpha.test,Rome\n"
	                        "Al,al@beta.test,\n"
	                        "Cy,cy@alpha.TEST,Oslo\n"
	                        "Di,di@al.test,\"say \"\"hi\"\"\"\n");
	CU_ASSERT_EQUAL_FATAL(table_n_rows(t), 5);
	CU_ASSERT_EQUAL_FATAL(table_n_domains(t), 3);
	CU_ASSERT(is_text(table_domain(t, 0).name, "al.test"));
	CU_ASSERT(is_text(table_domain(t, 1).name, "alpha.test"));
	CU_ASSERT(is_text(table_domain(t, 2).name, "beta.test"));
	CU_ASSERT(is_text(table_address(t, 0), "di@al.test"));
	CU_ASSERT(is_text(table_address(t, 1), "bob@Alpha.test"));
	CU_ASSERT(is_text(table_address(t, 2), "cy@alpha.TEST"));
	CU_ASSERT(is_text(table_address(t, 3), "zoe@beta.test"));
	CU_ASSERT(is_text(table_address(t, 4), "al@beta.test"));
	for (uint32_t i = 0; i < 5; i++) {
		struct table_domain d = table_domain(t, table_domain_of(t, i));

		CU_ASSERT(d.first_row <= i && i < d.first_row + d.n_rows);
	}
	CU_ASSERT_EQUAL_FATAL(table_columns(t)->n, 3);
	CU_ASSERT(is_text(table_columns(t)->names[2], "city"));
	read_row(t, 3, &row);
	CU_ASSERT(is_value(row.values[0], "Zoe"));
	CU_ASSERT(is_value(row.values[2], "Aix, or\nParis"));
	read_row(t, 0, &row);
	CU_ASSERT(is_value(row.values[2], "say \"hi\""));
	read_row(t, 4, &row);
	CU_ASSERT_EQUAL(row.values[2].n, 0);
	table_close(t);
	tmpdir_del(p.dir);
}

static void a_wrong_row_is_listed_by_line_and_reason_and_the_rest_go_on(void)
{
	static const struct {
		const char *why, *row, *listed;
	} cases[] = {
		/* clang-format off */
		{ "too few fields",            "a@b.test",             "2,\"1 fields, the header has 2\",\"a@b.test\"\n" },
		{ "too many fields",           "a@b.test,x,y",         "2,\"3 fields, the header has 2\",\"a@b.test,x,y\"\n" },
		{ "no address",                ",x",                   "2,\"no address\",\",x\"\n" },
		{ "no address but a name",     "\"A <a@b.test>\",x",   "2,\"write the address alone, without a name and <>\",\"\"\"A <a@b.test>\"\",x\"\n" },
		{ "a stray quote",             "a\"b@c.test,x",        "2,\"a quote stands where none may (RFC 4180 2)\",\"a\"\"b@c.test,x\"\n" },
		{ "text behind a quote",       "\"a@b.test\"x,y",      "2,\"a quote stands where none may (RFC 4180 2)\",\"\"\"a@b.test\"\"x,y\"\n" },
		{ "an unclosed quote",         "\"a@b.test,x",         "2,\"a quote is opened and never closed\",\"\"\"a@b.test,x\"\n" },
		{ "not UTF-8",                 "a@b.test,\xff",        "2,\"is not UTF-8\",\"a@b.test,\xff\"\n" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char csv[256], want[256], *got = NULL;
		struct place p;
		struct table *t;
		size_t bytes;

		make_place(&p);
		snprintf(csv, sizeof(csv), "email,name\n%s\nok@b.test,Ok\nyes@b.test,Yes\n",
		         cases[i].row);
		t = import_and_open(&p, csv);
		CU_ASSERT_EQUAL(p.result.rows, 3);
		CU_ASSERT_EQUAL(p.result.rejected, 1);
		CU_ASSERT(is_text(table_address(t, 0), "ok@b.test"));
		snprintf(want, sizeof(want), "line,reason,row\n%s", cases[i].listed);
		CU_ASSERT_EQUAL(file_read(p.rejected, 4096, &got, &bytes), 0);
		if (strcmp(got, want) != 0)
			printf("\n    %s: got %s, want %s", cases[i].why, got, want);
		CU_ASSERT_STRING_EQUAL(got, want);
		free(got);
		table_close(t);
		tmpdir_del(p.dir);
	}
}

static void a_nul_byte_spoils_its_row_only(void)
{
	static const char csv[] = "email\na@b.test\nx\0y@b.test\nc@b.test\n";
	struct place p;

	make_place(&p);
	CU_ASSERT_EQUAL(import(&p, span_of(csv, sizeof(csv) - 1)), 0);
	CU_ASSERT_EQUAL(p.result.recipients, 2);
	CU_ASSERT_EQUAL(p.result.rejected, 1);
	tmpdir_del(p.dir);
}

static void overlong_rows_and_values_are_rejected(void)
{
	static const size_t lengths[] = { 16384, 16385, 65000, 65535, 65536, 70000, 200000 };
	static char csv[300000];

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		int n = snprintf(csv, sizeof(csv), "email,x\na@b.test,");
		struct place p;

		make_place(&p);
		memset(csv + n, 'x', lengths[i]);
		strcpy(csv + (size_t)n + lengths[i], "\nb@b.test,y\n");
		CU_ASSERT_EQUAL(import(&p, span_str(csv)), 0);
		CU_ASSERT_EQUAL(p.result.rows, 2);
		CU_ASSERT_EQUAL(p.result.rejected, lengths[i] > 16384);
		tmpdir_del(p.dir);
	}
}

static void an_unclosed_quote_costs_one_row_of_a_long_file(void)
{
	static char csv[400000];
	int n = snprintf(csv, sizeof(csv), "email,x\n\"a@b.test,y\n");
	struct place p;

	make_place(&p);
	for (int i = 0; i < 10000; i++)
		n += snprintf(csv + n, sizeof(csv) - (size_t)n, "r%d@b.test,y\n", i);
	CU_ASSERT_EQUAL(import(&p, span_str(csv)), 0);
	CU_ASSERT_EQUAL(p.result.rejected, 1);
	CU_ASSERT_EQUAL(p.result.recipients, 10000);
	tmpdir_del(p.dir);
}

static void the_same_mailbox_is_taken_once(void)
{
	struct place p;
	struct table *t;
	size_t bytes;
	char *got;

	make_place(&p);
	t = import_and_open(&p, "email\nAnna@alpha.test\nbob@alpha.test\nanna@ALPHA.test\n"
	                        "anna@xn--bcher-kva.example\nanna@b\xc3\xbc"
	                        "cher.example\n"
	                        "anna@beta.test\n");
	CU_ASSERT_EQUAL(p.result.duplicates, 2);
	CU_ASSERT_EQUAL(p.result.recipients, 4);
	CU_ASSERT(is_text(table_address(t, 0), "Anna@alpha.test"));
	CU_ASSERT_EQUAL(file_read(p.rejected, 4096, &got, &bytes), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(got, "4,\"duplicate of line 2\",\"anna@ALPHA.test\"\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(got, "6,\"duplicate of line 5\","));
	free(got);
	table_close(t);
	tmpdir_del(p.dir);
}

static void line_ends_and_a_byte_order_mark_do_not_matter(void)
{
	static const char *const csvs[] = {
		"email,x\na@b.test,1\nc@b.test,2\n",
		"email,x\r\na@b.test,1\r\nc@b.test,2\r\n",
		"email,x\ra@b.test,1\rc@b.test,2\r",
		("\xef\xbb\xbf"
		 "email,x\na@b.test,1\nc@b.test,2"),
		"\n\nemail,x\n\n  \na@b.test,1\n\r\n\nc@b.test,2\n\n",
		"\"email\",\"x\"\n\"a@b.test\",\"1\"\n\"c@b.test\",\"2\"",
		" email , x \n a@b.test ,1\n c@b.test ,2\n",
	};

	for (size_t i = 0; i < sizeof(csvs) / sizeof(csvs[0]); i++) {
		struct table_row row;
		struct place p;
		struct table *t;

		make_place(&p);
		t = import_and_open(&p, csvs[i]);
		CU_ASSERT_EQUAL_FATAL(table_n_rows(t), 2);
		read_row(t, 1, &row);
		CU_ASSERT(is_text(row.address, "c@b.test"));
		CU_ASSERT(is_value(row.values[1], "2"));
		table_close(t);
		tmpdir_del(p.dir);
	}
}

static void a_file_that_is_wrong_as_a_whole_gets_one_line(void)
{
	static const struct {
		const char *csv, *line;
	} cases[] = {
		/* clang-format off */
		{ "mail,name,city\na@b.test,x,y\n", "list.csv:1: no column named \"email\" (found: mail, name, city); "
		                                    "rename it or use --address-column mail" },
		{ "name,E-Mail,city\n",             "list.csv:1: no column named \"email\" (found: name, E-Mail, city); "
		                                    "rename it or use --address-column E-Mail" },
		{ "\nEMAIL,mail\n",                 "list.csv:2: no column named \"email\" (found: EMAIL, mail); "
		                                    "rename it or use --address-column EMAIL" },
		{ "a,b\n",                          "list.csv:1: no column named \"email\" (found: a, b); "
		                                    "rename it or use --address-column NAME" },
		{ "",                               "list.csv: is empty; the first line must name the columns" },
		{ "\n \n",                          "list.csv: is empty; the first line must name the columns" },
		{ "email,name,name\n",              "list.csv:1: two columns are named \"name\"; rename one" },
		{ "email,\n",                       "list.csv:1: column 2 has no name; every column needs one" },
		{ "email\n",                        "list.csv: no recipient in it (rows=0 rejected=0)" },
		{ "email\nx\ny\n",                  "list.csv: no recipient in it (rows=2 rejected=2); reasons in " },
		{ "email,\"x\n",                    "list.csv:1: the header line: a quote is opened and never closed" },
		{ "\xff\xfe" "e",                   "list.csv: is UTF-16; save it as UTF-8" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct place p;

		make_place(&p);
		CU_ASSERT_EQUAL(import(&p, span_str(cases[i].csv)), -EINVAL);
		if (strstr(p.why, cases[i].line) == NULL)
			printf("\n    got %s, want %s", p.why, cases[i].line);
		CU_ASSERT_PTR_NOT_NULL(strstr(p.why, cases[i].line));
		CU_ASSERT_PTR_NULL(strchr(p.why, '\n'));
		tmpdir_del(p.dir);
	}
}

static void paths_that_do_not_serve_are_named(void)
{
	struct place p;

	make_place(&p);
	p.conf.csv_path = "/nowhere/list.csv";
	CU_ASSERT_EQUAL(import(&p, span_str("email\n")), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(p.why, "/nowhere/list.csv: No such file"));
	p.conf.csv_path = p.dir;
	CU_ASSERT_EQUAL(import(&p, span_str("email\n")), -EISDIR);
	p.conf.csv_path = p.csv;
	p.conf.rejected_path = "/nowhere/r.csv";
	CU_ASSERT_EQUAL(import(&p, span_str("email\na@b.test\n")), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(p.why, "/nowhere/r.csv: No such file"));
	p.conf.rejected_final = p.csv;
	CU_ASSERT_EQUAL(import(&p, span_str("email\na@b.test\n")), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(p.why, "is the recipient list itself"));
	tmpdir_del(p.dir);
}

static void a_limit_takes_the_first_recipients(void)
{
	struct place p;

	make_place(&p);
	p.conf.limit = 2;
	table_close(import_and_open(&p, "email\nbad\nc@b.test\na@b.test\nd@b.test\n"));
	CU_ASSERT_EQUAL(p.result.recipients, 2);
	CU_ASSERT_EQUAL(p.result.rejected, 1);
	tmpdir_del(p.dir);
}

static void a_test_sends_every_row_to_one_address(void)
{
	struct table_row row;
	struct place p;
	struct table *t;

	make_place(&p);
	p.conf.to_test = "Me@Home.test";
	t = import_and_open(&p, "email\nc@b.test\na@a.test\nA@a.test\n");
	CU_ASSERT_EQUAL(p.result.duplicates, 1);
	CU_ASSERT_EQUAL(table_n_domains(t), 1);
	CU_ASSERT(is_text(table_domain(t, 0).name, "home.test"));
	read_row(t, 1, &row);
	CU_ASSERT(is_text(row.address, "Me@Home.test"));
	CU_ASSERT(is_value(row.values[0], "a@a.test"));
	table_close(t);
	p.conf.to_test = "nobody";
	CU_ASSERT_EQUAL(import(&p, span_str("email\nc@b.test\n")), -EINVAL);
	CU_ASSERT_STRING_EQUAL(p.why, "--to-test nobody: no @ in the address");
	tmpdir_del(p.dir);
}

static void an_import_can_be_cancelled(void)
{
	static char csv[100000];
	_Atomic bool cancel = true;
	struct table_progress progress = { 0 };
	int n = snprintf(csv, sizeof(csv), "email\n");
	struct place p;

	make_place(&p);
	for (int i = 0; i < 3000; i++)
		n += snprintf(csv + n, sizeof(csv) - (size_t)n, "r%d@b.test\n", i);
	p.conf.cancel = &cancel;
	p.conf.progress = &progress;
	CU_ASSERT_EQUAL(import(&p, span_str(csv)), -ECANCELED);
	CU_ASSERT_EQUAL(atomic_load(&progress.rows), 1024);
	CU_ASSERT(atomic_load(&progress.bytes) > 1024 * 9);
	CU_ASSERT_EQUAL(atomic_load(&progress.bytes_total), strlen(csv));
	tmpdir_del(p.dir);
}

/* 200,000 rows over 3,001 domains, every tenth a duplicate; each must be found where it belongs. */
static void many_rows_are_sorted_and_counted(void)
{
	struct table_import_result want = { .rows = 200000,
		                            .recipients = 180000,
		                            .duplicates = 20000 };
	struct place p;
	struct table *t;
	uint64_t seen = 0;
	FILE *f;

	make_place(&p);
	mkdir(p.table, 0700);
	f = fopen(p.csv, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fputs("id,email\n", f);
	for (unsigned i = 0; i < 200000; i++) {
		unsigned who = i % 10 == 9 ? i - 5 : i;

		fprintf(f, "%u,user%u@d%u.test\n", who, who, who * 2654435761u % 3001);
	}
	fclose(f);
	CU_ASSERT_EQUAL(table_import(&p.conf, &p.result, p.why), 0);
	CU_ASSERT_EQUAL(memcmp(&p.result, &want, sizeof(want)), 0);
	CU_ASSERT_EQUAL_FATAL(table_open(p.table, &t, p.why), 0);
	for (uint32_t d = 0; d < table_n_domains(t); d++) {
		struct table_domain domain = table_domain(t, d);
		uint64_t last = 0;

		for (uint32_t i = 0; i < domain.n_rows; i++) {
			struct table_row row;
			char want_address[64];
			uint64_t id;

			read_row(t, domain.first_row + i, &row);
			id = strtoull(row.values[0].text, NULL, 10);
			snprintf(want_address, sizeof(want_address), "user%u@d%u.test",
			         (unsigned)id, (unsigned)id * 2654435761u % 3001);
			seen += is_text(row.address, want_address) && (i == 0 || id > last);
			last = id;
		}
	}
	CU_ASSERT_EQUAL(seen, 180000);
	table_close(t);
	tmpdir_del(p.dir);
}

/* Each byte of both files is changed, and each file cut at each length: one line, never a crash. */
static void a_damaged_table_is_refused(void)
{
	static const char *const names[] = { "rows", "table" };
	struct place p;

	make_place(&p);
	table_close(import_and_open(&p, "email,name\na@b.test,x\nc@d.test,y\n"));
	for (size_t f = 0; f < 2; f++) {
		char path[PATH_BYTES + 8], *data;
		struct table *t;
		size_t bytes;

		snprintf(path, sizeof(path), "%s/%s", p.table, names[f]);
		CU_ASSERT_EQUAL_FATAL(file_read(path, 1 << 20, &data, &bytes), 0);
		for (size_t i = 0; i < 2 * bytes; i++) {
			size_t keep = i < bytes ? bytes : i - bytes;

			data[i % bytes] ^= 0x40;
			unlink(path);
			CU_ASSERT_EQUAL(file_make(path, data, keep), 0);
			CU_ASSERT_EQUAL(table_open(p.table, &t, p.why), -EBADMSG);
			data[i % bytes] ^= 0x40;
		}
		unlink(path);
		CU_ASSERT_EQUAL(table_open(p.table, &t, p.why), -ENOENT);
		CU_ASSERT_EQUAL(file_make(path, data, bytes), 0);
		CU_ASSERT_EQUAL(table_open(p.table, &t, p.why), 0);
		table_close(t);
		free(data);
	}
	tmpdir_del(p.dir);
}

SUITE("control/campaign/table", TEST(rows_are_sorted_by_domain_and_stay_in_order_within),
      TEST(a_wrong_row_is_listed_by_line_and_reason_and_the_rest_go_on),
      TEST(a_nul_byte_spoils_its_row_only), TEST(overlong_rows_and_values_are_rejected),
      TEST(an_unclosed_quote_costs_one_row_of_a_long_file), TEST(the_same_mailbox_is_taken_once),
      TEST(line_ends_and_a_byte_order_mark_do_not_matter),
      TEST(a_file_that_is_wrong_as_a_whole_gets_one_line), TEST(paths_that_do_not_serve_are_named),
      TEST(a_limit_takes_the_first_recipients), TEST(a_test_sends_every_row_to_one_address),
      TEST(an_import_can_be_cancelled), TEST(many_rows_are_sorted_and_counted),
      TEST(a_damaged_table_is_refused))
