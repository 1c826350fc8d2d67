/* test_secrets.c - what files hold reaches the data plane, and nothing else of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/log.h"
#include "control/secrets.h"
#include "tests/support/suite.h"

static struct {
	uint32_t sets, refuse; /* refuse: so many calls find no room */
	struct dp_credential last;
	char user[64], secret[64];
} told;

int dp_set_credential(struct dp *dp, const struct dp_credential *c)
{
	(void)dp;
	if (told.refuse > 0) {
		told.refuse--;
		return -EAGAIN;
	}
	told.sets++;
	told.last = *c;
	snprintf(told.user, sizeof(told.user), "%.*s", (int)c->user.bytes,
	         (const char *)c->user.at);
	snprintf(told.secret, sizeof(told.secret), "%.*s", (int)c->secret.bytes,
	         (const char *)c->secret.at);
	return 0;
}

static uint32_t n_changed, last_changed;

static void on_changed(void *ctx, uint32_t credential)
{
	(void)ctx;
	n_changed++;
	last_changed = credential;
}

static char dir[] = "/tmp/posthaste-test-secrets-XXXXXX";
static char path[sizeof(dir) + 8];

static void write_file(const char *text, mode_t mode)
{
	char fresh[sizeof(path) + 4];
	FILE *f;

	snprintf(path, sizeof(path), "%s/pw", dir);
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	f = fopen(fresh, "we");
	fputs(text, f);
	fclose(f);
	chmod(fresh, mode);
	rename(fresh, path); /* as a writer of tokens does */
}

static void the_first_line_of_a_file_is_the_secret(void)
{
	static const struct {
		const char *why, *text;
		mode_t mode;
		const char *want; /* NULL: refused, with `says` */
		const char *says;
	} cases[] = {
		{ "a line", "hunter2\n", 0600, "hunter2", NULL },
		{ "no line end", "hunter2", 0400, "hunter2", NULL },
		{ "a line of elsewhere", "hunter2\r\nnote\n", 0600, "hunter2", NULL },
		{ "blanks belong to it", " a b \n", 0600, " a b ", NULL },
		{ "nothing", "\n", 0600, NULL, "first line is empty" },
		{ "a control character", "a\001b\n", 0600, NULL, "control character" },
		{ "others may read it", "hunter2\n", 0644, NULL, "others can read" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf_credential c = { .name = (char *)(uintptr_t) "relay",
			                     .user = (char *)(uintptr_t) "joe",
			                     .password_path = path };
		struct conf conf = { .credentials = &c, .n_credentials = 1 };
		struct secrets *s = secrets_open(NULL, on_changed, NULL);
		char why[CONF_WHY_BYTES] = "";
		int err;

		write_file(cases[i].text, cases[i].mode);
		memset(&told, 0, sizeof(told));
		err = secrets_set_conf(s, &conf, why);
		if ((err == 0) != (cases[i].want != NULL))
			printf("\n    %s: %s", cases[i].why, why);
		CU_ASSERT_EQUAL(err == 0, cases[i].want != NULL);
		CU_ASSERT_EQUAL(told.sets, err == 0);
		if (err == 0) {
			CU_ASSERT_STRING_EQUAL(told.secret, cases[i].want);
			CU_ASSERT_STRING_EQUAL(told.user, "joe");
			CU_ASSERT_EQUAL(c.id, told.last.id);
		} else {
			CU_ASSERT_PTR_NOT_NULL(strstr(why, cases[i].says));
			CU_ASSERT_PTR_NULL(strstr(why, "hunter2"));
		}
		secrets_close(s);
	}
}

static void a_name_keeps_its_number_whatever_stands_around_it(void)
{
	struct conf_credential c[2] = { { .name = (char *)(uintptr_t) "a",
		                          .user = (char *)(uintptr_t) "u",
		                          .token_path = path },
		                        { .name = (char *)(uintptr_t) "b",
		                          .user = (char *)(uintptr_t) "u",
		                          .token_path = path } };
	struct conf_site sites[1] = { { .limits = { .credential_no = 1 } } };
	struct conf both = { .credentials = c, .n_credentials = 2 };
	struct conf second = {
		.credentials = &c[1], .n_credentials = 1, .sites = sites, .n_sites = 1
	};
	struct secrets *s = secrets_open(NULL, on_changed, NULL);
	char why[CONF_WHY_BYTES];
	uint32_t id;

	write_file("tok\n", 0600);
	CU_ASSERT_EQUAL(secrets_set_conf(s, &both, why), 0);
	id = c[1].id;
	CU_ASSERT_NOT_EQUAL(c[0].id, id);
	CU_ASSERT_EQUAL(secrets_set_conf(s, &second, why), 0);
	CU_ASSERT_EQUAL(c[1].id, id);
	CU_ASSERT_EQUAL(sites[0].limits.credential_id, id);
	CU_ASSERT_TRUE(told.last.is_token);
	secrets_close(s);
}

static void a_file_that_changes_is_read_again_and_a_wrong_one_is_not_taken(void)
{
	struct conf_credential c = { .name = (char *)(uintptr_t) "relay",
		                     .user = (char *)(uintptr_t) "joe",
		                     .token_path = path };
	struct conf conf = { .credentials = &c, .n_credentials = 1 };
	struct secrets *s = secrets_open(NULL, on_changed, NULL);
	char why[CONF_WHY_BYTES];

	write_file("one\n", 0600);
	memset(&told, 0, sizeof(told));
	CU_ASSERT_EQUAL(secrets_set_conf(s, &conf, why), 0);
	secrets_look(s);
	CU_ASSERT_EQUAL(told.sets, 1); /* nothing changed */
	write_file("two\n", 0600);
	told.refuse = 1;
	secrets_look(s);
	CU_ASSERT_EQUAL(told.sets, 1);
	secrets_look(s); /* there was no room, there is now */
	CU_ASSERT_STRING_EQUAL(told.secret, "two");
	write_file("\n", 0600);
	secrets_look(s);
	unlink(path);
	secrets_look(s);
	CU_ASSERT_EQUAL(told.sets, 2);
	write_file("three\n", 0600);
	secrets_look(s);
	CU_ASSERT_STRING_EQUAL(told.secret, "three");
	CU_ASSERT_EQUAL(told.sets, 3);
	secrets_close(s);
	unlink(path);
}

/* Once for each secret the file is looked at; while it holds the same the refusal is told and
 * shown. */
static void a_refusal_asks_for_one_new_secret_and_is_shown_until_there_is_one(void)
{
	struct conf_credential c = { .name = (char *)(uintptr_t) "cloud",
		                     .user = (char *)(uintptr_t) "mail",
		                     .token_path = path };
	struct conf conf = { .credentials = &c, .n_credentials = 1 };
	struct secrets *s = secrets_open(NULL, on_changed, NULL);
	struct secrets_view view;
	char why[CONF_WHY_BYTES];
	uint32_t cursor = 0;

	write_file("old\n", 0600);
	memset(&told, 0, sizeof(told));
	CU_ASSERT_EQUAL(secrets_set_conf(s, &conf, why), 0);
	CU_ASSERT_TRUE(secrets_next(s, &cursor, &view));
	CU_ASSERT_EQUAL(view.refused_s, 0);
	CU_ASSERT_STRING_EQUAL(view.name, "cloud");
	CU_ASSERT_FALSE(secrets_next(s, &cursor, &view));
	n_changed = 0;
	CU_ASSERT_FALSE(secrets_refused(s, c.id, "192.0.2.1: 535 expired")); /* the same */
	CU_ASSERT_FALSE(secrets_refused(s, c.id, "192.0.2.2: 535 no"));
	CU_ASSERT_EQUAL(told.sets, 1);
	CU_ASSERT_EQUAL(n_changed, 0);
	cursor = 0;
	CU_ASSERT_TRUE(secrets_next(s, &cursor, &view));
	CU_ASSERT_TRUE(view.refused_s > 0);
	CU_ASSERT_STRING_EQUAL(view.refused, "192.0.2.2: 535 no");
	write_file("new\n", 0600); /* and the refusal comes before anybody looked */
	CU_ASSERT_TRUE(secrets_refused(s, c.id, "192.0.2.1: 535 expired"));
	CU_ASSERT_STRING_EQUAL(told.secret, "new");
	CU_ASSERT_EQUAL(told.sets, 2);
	CU_ASSERT_EQUAL(n_changed, 1);
	CU_ASSERT_EQUAL(last_changed, c.id);
	cursor = 0;
	CU_ASSERT_TRUE(secrets_next(s, &cursor, &view));
	CU_ASSERT_EQUAL(view.refused_s, 0);
	CU_ASSERT_FALSE(secrets_refused(s, c.id, "192.0.2.1: 535 for a while"));
	secrets_taken(s, c.id);
	cursor = 0;
	CU_ASSERT_TRUE(secrets_next(s, &cursor, &view));
	CU_ASSERT_EQUAL(view.refused_s, 0);
	write_file("\n", 0600); /* a wrong one is none */
	CU_ASSERT_FALSE(secrets_refused(s, c.id, "192.0.2.1: 535 expired"));
	write_file("third\n", 0600);
	told.refuse = 1; /* the workers are busy: it is looked at again soon */
	CU_ASSERT_FALSE(secrets_refused(s, c.id, "192.0.2.1: 535 expired"));
	secrets_look(s);
	CU_ASSERT_STRING_EQUAL(told.secret, "third");
	CU_ASSERT_EQUAL(n_changed, 2);
	secrets_close(s);
	unlink(path);
}

static void suite_begin(void)
{
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	log_init(DP_LOG_ERROR, 0);
}

static void suite_end(void)
{
	unlink(path);
	CU_ASSERT_EQUAL(rmdir(dir), 0);
}

SUITE("control/secrets", TEST(suite_begin), TEST(the_first_line_of_a_file_is_the_secret),
      TEST(a_name_keeps_its_number_whatever_stands_around_it),
      TEST(a_file_that_changes_is_read_again_and_a_wrong_one_is_not_taken),
      TEST(a_refusal_asks_for_one_new_secret_and_is_shown_until_there_is_one), TEST(suite_end))
