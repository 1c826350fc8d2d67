/* test_import.c - lists of every form become rows with typed values. */
#include "control/campaign/table.h"

#include <errno.h>
#include <sys/stat.h>

#include "control/campaign/files.h"
#include "tests/support/suite.h"
#include "tests/support/tmpdir.h"

enum { PATH_BYTES = 128, NODES = 4096 };

static struct tpl_member nodes[NODES];

struct place {
	char dir[TMPDIR_BYTES], list[PATH_BYTES], table[PATH_BYTES], rejected[PATH_BYTES];
	struct table_import_conf conf;
	struct table_import_result result;
	char why[TABLE_WHY_BYTES];
	struct table *t;
};

static int import(struct place *p, struct span list)
{
	memset(p, 0, sizeof(*p));
	tmpdir_make(p->dir);
	snprintf(p->list, sizeof(p->list), "%s/list", p->dir);
	snprintf(p->table, sizeof(p->table), "%s/table", p->dir);
	snprintf(p->rejected, sizeof(p->rejected), "%s/rejected", p->dir);
	mkdir(p->table, 0700);
	CU_ASSERT_EQUAL(file_make(p->list, list.at, list.bytes), 0);
	p->conf.csv_path = p->list;
	p->conf.address_column = "email";
	p->conf.dir = p->table;
	p->conf.rejected_path = p->rejected;
	return 0;
}

/* Imports a list with these types; what is wrong is in p->why. */
static int take(struct place *p, const char *list, const char *types, char delimiter)
{
	int result;

	import(p, span_str(list));
	p->conf.types = types;
	p->conf.delimiter = delimiter;
	result = table_import(&p->conf, &p->result, p->why);
	if (result == 0)
		result = table_open(p->table, &p->t, p->why);
	CU_ASSERT_EQUAL(p->result.rows,
	                p->result.recipients + p->result.rejected + p->result.duplicates);
	return result;
}

static void drop(struct place *p)
{
	if (p->t != NULL)
		table_close(p->t);
	tmpdir_del(p->dir);
}

/* A value as JSON would write it, without blanks. */
static void show(FILE *out, const struct tpl_value *v)
{
	switch ((enum tpl_kind)v->kind) {
	case TPL_NIL:
		fputs("null", out);
		break;
	case TPL_BOOL:
		fputs(v->yes ? "true" : "false", out);
		break;
	case TPL_INT:
		fprintf(out, "%lld", (long long)v->number);
		break;
	case TPL_FLOAT:
		fprintf(out, "%g", v->real);
		break;
	case TPL_STRING:
		fprintf(out, "'%.*s'", (int)v->n, v->text);
		break;
	case TPL_ARRAY:
		fputc('[', out);
		for (uint32_t i = 0; i < v->n; i++) {
			fputs(i > 0 ? "," : "", out);
			show(out, &v->items[i]);
		}
		fputc(']', out);
		break;
	case TPL_OBJECT:
		fputc('{', out);
		for (uint32_t i = 0; i < v->n; i++) {
			fprintf(out, "%s%.*s:", i > 0 ? "," : "", (int)v->members[i].name.bytes,
			        (const char *)v->members[i].name.at);
			show(out, &v->members[i].value);
		}
		fputc('}', out);
		break;
	case TPL_N_KINDS:
		break;
	}
}

/* All rows as text: columns, then each row's address and values. */
static char *shown(struct place *p)
{
	const struct tpl_columns *columns = table_columns(p->t);
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	for (uint32_t i = 0; i < columns->n; i++)
		fprintf(out, "%.*s%s ", (int)columns->names[i].bytes,
		        (const char *)columns->names[i].at, columns->has_parts[i] ? "+" : "");
	for (uint32_t row = 0; row < table_n_rows(p->t); row++) {
		struct cell_room room = { .at = (uint8_t *)nodes, .max = sizeof(nodes) };
		struct table_row r;

		CU_ASSERT_FATAL(table_row(p->t, row, &room, &r));
		fprintf(out, "| %.*s", (int)r.address.bytes, (const char *)r.address.at);
		for (uint32_t i = 0; i < columns->n; i++) {
			fputc(' ', out);
			show(out, &r.values[i]);
		}
	}
	fclose(out);
	return text;
}

static void lists_become_these_rows(void)
{
	static const struct {
		const char *why, *list, *types;
		char delimiter;
		const char *want;
	} cases[] = {
		/* clang-format off */
		{ "semicolons are found", "email;n\na@b.test;1,5\n", NULL, 0, "email n | a@b.test 'a@b.test' '1,5'" },
		{ "tabs are found", "n\temail\n 1 \ta@b.test\n\tc@b.test\n", NULL, 0,
		  "n email | a@b.test ' 1 ' 'a@b.test'| c@b.test '' 'c@b.test'" },
		{ "blanks are part of a text, of nothing else", " email , x ,n\n a@b.test , \"y\" , 7 \nc@b.test,  z ,8\n", "n:number", 0,
		  "email x n | a@b.test 'a@b.test' 'y' 7| c@b.test 'c@b.test' '  z ' 8" },
		{ "bars are found", "email|n\na@b.test|1\n", NULL, 0, "email n | a@b.test 'a@b.test' '1'" },
		{ "the delimiter that gives the address its column", "email;a,b,c\na@b.test;1,2,3\n", NULL, 0,
		  "email a,b,c | a@b.test 'a@b.test' '1,2,3'" },
		{ "a delimiter of one's own", "email#n\na@b.test#\"1#2\"\n", NULL, '#', "email n | a@b.test 'a@b.test' '1#2'" },
		{ "one that is told wins", "email;x,n\na@b.test,1\n", NULL, ',', NULL },
		{ "types", "email,age,vip,joined,cart\na@b.test,7,yes,2026-03-01,\"{\"\"x\"\":[1,2.5,null]}\"\nb@b.test,,,,\n",
		  "age:number,vip:bool,joined:date,cart:json", 0,
		  "email age vip joined cart+ | a@b.test 'a@b.test' 7 true '2026-03-01' {x:[1,2.5,null]}"
		  "| b@b.test 'b@b.test' null null null null" },
		{ "JSONL, whose columns are all members there are",
		  "{\"email\":\"a@b.test\",\"n\":1}\n\n{\"vip\":true,\"email\":\"b@b.test\",\"cart\":[{\"p\":2.5}]}\n"
		  "{\"email\":\"c@b.test\",\"n\":null}", NULL, 0,
		  "email n vip cart+ | a@b.test 'a@b.test' 1 null null| b@b.test 'b@b.test' null true [{p:2.5}]"
		  "| c@b.test 'c@b.test' null null null" },
		{ "a byte order mark and CRLF", "\xef\xbb\xbf{\"email\":\"a@b.test\"}\r\n", NULL, 0, "email | a@b.test 'a@b.test'" },
		{ "types of texts in JSONL", "{\"email\":\"a@b.test\",\"d\":\"2026-03-01T10:00Z\",\"n\":\"4\"}\n",
		  "d:date,n:number", 0, "email d n | a@b.test 'a@b.test' '2026-03-01 10:00:00 +0000' 4" },
		{ "an address beyond ASCII", "email\nJ\xc3\xb6rg@b\xc3\xbc" "cher.test\nj\xc3\x96rg@xn--bcher-kva.test\n", NULL, 0,
		  "email | J\xc3\xb6rg@xn--bcher-kva.test 'J\xc3\xb6rg@b\xc3\xbc" "cher.test'" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct place p;
		int result = take(&p, cases[i].list, cases[i].types, cases[i].delimiter);
		char *got = result == 0 ? shown(&p) : NULL;
		bool same = cases[i].want == NULL ? got == NULL
		                                  : got != NULL && strcmp(got, cases[i].want) == 0;

		if (!same)
			printf("\n    %s: got %s", cases[i].why, got != NULL ? got : p.why);
		CU_ASSERT(same);
		free(got);
		drop(&p);
	}
}

static void wrong_rows_are_told_by_line(void)
{
	static const struct {
		const char *row, *listed;
	} cases[] = {
		/* clang-format off */
		{ "{\"email\":\"a@b.test\"",                  "2,\"no JSON: column 19: '}' expected near end of file\"," },
		{ "[1]",                                      "2,\"no object like " },
		{ "{\"n\":1}",                                "2,\"no member \"\"email\"\", which is the address\"," },
		{ "{\"email\":7}",                            "2,\"\"\"email\"\" is the address and no text\"," },
		{ "{\"email\":\"a\"}",                        "2,\"no @ in the address\"," },
		{ "{\"email\":\"a@b.test\",\"email\":\"b\"}", "2,\"no JSON: column" },
		{ "{\"email\":\"a@b.test\",\"\":1}",          "2,\"a member's name is empty or longer than 64 bytes\"," },
		{ "{\"email\":\"a@b.test\",\"age\":\"x\"}",   "2,\"\"\"age\"\" is no number like 12 or -3.5\"," },
		{ "{\"email\":\"a@b.test\",\"age\":true}",    "2,\"\"\"age\"\" is of another type\"," },
		{ "{\"email\":\"a@b.test\",\"x\":\"\xff\"}",  "2,\"no JSON: column" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char list[512], *got = NULL;
		struct place p;
		size_t bytes;

		snprintf(list, sizeof(list),
		         "{\"email\":\"ok@b.test\",\"age\":1}\n%s\n{\"email\":\"yes@b.test\"}\n",
		         cases[i].row);
		CU_ASSERT_EQUAL(take(&p, list, "age:number", 0), 0);
		CU_ASSERT_EQUAL(p.result.recipients, 2);
		CU_ASSERT_EQUAL(p.result.rejected, 1);
		CU_ASSERT_EQUAL_FATAL(file_read(p.rejected, 4096, &got, &bytes), 0);
		if (strstr(got, cases[i].listed) == NULL)
			printf("\n    got %s, want %s", got, cases[i].listed);
		CU_ASSERT_PTR_NOT_NULL(strstr(got, cases[i].listed));
		free(got);
		drop(&p);
	}
}

static void lists_that_are_wrong_as_a_whole_get_one_line(void)
{
	static const struct {
		const char *list, *types, *line;
	} cases[] = {
		/* clang-format off */
		{ "email,a\na@b.test,1\n",         "b:number",     "list: --types names \"b\", and no column has that name" },
		{ "{\"email\":\"a@b.test\"}\n",    "b:number",     "list: --types names \"b\", and no column has that name" },
		{ "email,a\na@b.test,1\n",         "email:number", "list: --types: \"email\" is the address, which is a string" },
		{ "email,a\na@b.test,1\n",         "a:int",        "--types a:int: expected NAME:TYPE" },
		{ "{\"mail\":\"a@b.test\"}\n",     NULL,           "list: no recipient in it (rows=1 rejected=1)" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct place p;

		CU_ASSERT_EQUAL(take(&p, cases[i].list, cases[i].types, 0), -EINVAL);
		if (strstr(p.why, cases[i].line) == NULL)
			printf("\n    got %s, want %s", p.why, cases[i].line);
		CU_ASSERT_PTR_NOT_NULL(strstr(p.why, cases[i].line));
		drop(&p);
	}
}

/* Rows, quoted fields and line ends of every length stand across the places where the file is read
 * on.
 */
static void rows_across_the_buffers_end_are_whole(void)
{
	static const char *const ends[] = { "\n", "\r\n", "\r" };
	enum { ROWS = 60000 };
	uint64_t seen = 0;

	for (size_t e = 0; e < 3; e++) {
		char *list = NULL;
		struct place p;
		size_t bytes;
		FILE *out = open_memstream(&list, &bytes);

		fprintf(out, "email,x%s", ends[e]);
		for (unsigned i = 0; i < ROWS; i++)
			fprintf(out, "u%u@b.test,\"%u%s\"\"%.*s\"%s", i, i, ends[e], (int)(i % 37),
			        "0123456789012345678901234567890123456", ends[e]);
		fclose(out);
		CU_ASSERT_EQUAL_FATAL(take(&p, list, NULL, 0), 0);
		CU_ASSERT_EQUAL_FATAL(table_n_rows(p.t), ROWS);
		for (unsigned i = 0; i < ROWS; i++) {
			struct cell_room none = { 0 };
			struct table_row row;
			char want[128];

			table_row(p.t, i, &none, &row);
			snprintf(want, sizeof(want), "%u%s\"%.*s", i, ends[e], (int)(i % 37),
			         "0123456789012345678901234567890123456");
			seen +=
			    span_eq(span_of(row.values[1].text, row.values[1].n), span_str(want));
		}
		free(list);
		drop(&p);
	}
	CU_ASSERT_EQUAL(seen, 3 * ROWS);
}

static void a_row_with_many_parts_says_that_it_needs_room(void)
{
	struct cell_room room = { .at = (uint8_t *)nodes, .max = 3 * sizeof(struct tpl_value) };
	struct table_row row;
	struct place p;

	CU_ASSERT_EQUAL_FATAL(take(&p, "{\"email\":\"a@b.test\",\"x\":[1,[2,3]]}\n", NULL, 0), 0);
	CU_ASSERT_FALSE(table_row(p.t, 0, &room, &row));
	room.bytes = 0;
	room.max = 4 * sizeof(struct tpl_value);
	CU_ASSERT(table_row(p.t, 0, &room, &row));
	CU_ASSERT_EQUAL(room.bytes, room.max);
	drop(&p);
}

SUITE("control/campaign/import", TEST(lists_become_these_rows), TEST(wrong_rows_are_told_by_line),
      TEST(lists_that_are_wrong_as_a_whole_get_one_line),
      TEST(rows_across_the_buffers_end_are_whole),
      TEST(a_row_with_many_parts_says_that_it_needs_room))
