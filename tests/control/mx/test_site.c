/* test_site.c - one set of hosts has one key, whatever order it came in. */
#include "control/mx/site.h"

#include "tests/support/suite.h"

static void the_order_of_the_answer_does_not_matter(void)
{
	const char *one[] = { "b.test", "a.test", "b.test" }, *two[] = { "a.test", "b.test" };
	char key1[MX_NAME_BYTES], key2[MX_NAME_BYTES];

	site_key(one, 3, key1);
	site_key(two, 2, key2);
	CU_ASSERT_STRING_EQUAL(key1, "a.test,b.test");
	CU_ASSERT_STRING_EQUAL(key2, key1);
}

static void a_long_list_is_cut_and_told_apart_by_its_hash(void)
{
	char names[SITE_NAMES_MAX][MX_NAME_BYTES], key1[MX_NAME_BYTES], key2[MX_NAME_BYTES];
	const char *list[SITE_NAMES_MAX];

	for (int turn = 0; turn < 2; turn++) {
		for (int i = 0; i < SITE_NAMES_MAX; i++) {
			memset(names[i], 'a' + i, MX_NAME_BYTES - 1);
			names[i][MX_NAME_BYTES - 1] = '\0';
			list[i] = names[i];
		}
		names[SITE_NAMES_MAX - 1][200] = turn == 0 ? 'y' : 'z';
		site_key(list, SITE_NAMES_MAX, turn == 0 ? key1 : key2);
	}
	CU_ASSERT_EQUAL(strlen(key1), SITE_BYTES_MAX);
	CU_ASSERT_EQUAL(strncmp(key1, key2, SITE_BYTES_MAX - 16), 0);
	CU_ASSERT(strcmp(key1, key2) != 0);
	CU_ASSERT_EQUAL(key1[SITE_BYTES_MAX - 17], '#');
}

static void the_bound_itself_is_not_cut(void)
{
	char name[SITE_BYTES_MAX + 2], key[MX_NAME_BYTES];
	const char *list[] = { name };

	memset(name, 'a', sizeof(name));
	name[SITE_BYTES_MAX] = '\0';
	site_key(list, 1, key);
	CU_ASSERT_STRING_EQUAL(key, name);
	name[SITE_BYTES_MAX] = 'a';
	name[SITE_BYTES_MAX + 1] = '\0';
	site_key(list, 1, key);
	CU_ASSERT_EQUAL(strlen(key), SITE_BYTES_MAX);
	CU_ASSERT_PTR_NOT_NULL(strchr(key, '#'));
}

SUITE("control/mx/site", TEST(the_order_of_the_answer_does_not_matter),
      TEST(a_long_list_is_cut_and_told_apart_by_its_hash), TEST(the_bound_itself_is_not_cut))
