/* test_compose.c - what is ordered comes back once, whole and alike; memory stays in its bound. */
#include "control/campaign/compose.h"

#include <errno.h>

#include "control/bounce/verp.h"
#include "control/campaign/dsn.h"
#include "control/campaign/slab.h"
#include "tests/control/campaign/state_dir.h"

enum { ROWS = 2000 };

/* A campaign of ROWS recipients; the name of row i has `name_bytes(i)` letters. */
static struct campaign *many(struct state_dir *s, size_t (*name_bytes)(int))
{
	char path[STATE_PATH_BYTES];
	FILE *f;

	state_make(s);
	f = fopen(state_path(s, "list.csv", path), "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fputs("email,name\n", f);
	for (int i = 0; i < ROWS; i++) {
		fprintf(f, "u%d@alpha.test,", i);
		for (size_t n = name_bytes(i); n > 0; n--)
			fputc('n', f);
		fputc('\n', f);
	}
	fclose(f);
	state_write(s, "tpl/message.liquid", "Subject: Hi\nFrom: us@sender.test\n");
	CU_ASSERT_PTR_NOT_NULL_FATAL(state_import(s, "many"));
	return s->c;
}

static size_t short_names(int i)
{
	return 1 + (size_t)i % 7;
}

static struct composer *open_composer(uint32_t threads, uint64_t slab_bytes, uint32_t message_max)
{
	struct composer_conf conf = { .threads = threads,
		                      .slab_bytes = slab_bytes,
		                      .message_bytes_max = message_max };
	struct composer *co = NULL;
	char why[256];

	CU_ASSERT_EQUAL_FATAL(composer_open(&conf, &co, why), 0);
	return co;
}

static void wait_news(struct composer *co)
{
	struct pollfd p = { .fd = composer_wake_fd(co), .events = POLLIN };

	if (composer_about_to_sleep(co))
		CU_ASSERT_FATAL(poll(&p, 1, 10000) > 0);
	composer_awake(co);
}

static uint64_t hash_of(const struct compose_done *done)
{
	uint64_t h = 14695981039346656037u;
	size_t bytes = 0;

	for (uint32_t i = 0; i < done->out.n_wire; i++) {
		for (size_t b = 0; b < done->out.wire[i].bytes; b++)
			h = (h ^ done->out.wire[i].at[b]) * 1099511628211u;
		bytes += done->out.wire[i].bytes;
	}
	CU_ASSERT_EQUAL(bytes, done->out.size_bytes);
	return h;
}

/* Composes all rows, holding up to `hold` messages before giving back; hashes by row. */
static uint32_t compose_all(struct composer *co, const struct campaign *c, uint64_t *hashes,
                            uint32_t hold)
{
	struct compose_done held[64];
	uint32_t ordered = 0, taken = 0, n_held = 0, failed = 0;

	while (taken < ROWS) {
		while (ordered < ROWS &&
		       compose_try_order(co, ordered, c, ordered, 1789000000, 1789000100))
			ordered++;
		while (n_held < hold && compose_try_take(co, &held[n_held])) {
			struct compose_done *done = &held[n_held];

			taken++;
			CU_ASSERT_FATAL(done->cookie < ROWS);
			CU_ASSERT_EQUAL(hashes[done->cookie], 0); /* once */
			if (done->result != 0) {
				CU_ASSERT_EQUAL(done->result, -EINVAL);
				CU_ASSERT_PTR_NULL(done->slab);
				hashes[done->cookie] = 1;
				failed++;
				continue;
			}
			CU_ASSERT(span_eq(done->rcpt_to,
			                  table_address(c->table, (uint32_t)done->cookie)));
			CU_ASSERT(done->mail_from.bytes > 0);
			hashes[done->cookie] = hash_of(done);
			n_held++;
		}
		if (n_held == 0 && taken < ROWS)
			wait_news(co);
		while (n_held > 0)
			compose_free(co, held[--n_held].slab);
	}
	return failed;
}

static void every_order_comes_back_once_and_the_same_each_time(void)
{
	static uint64_t first[ROWS], again[ROWS];
	struct state_dir s;
	struct campaign *c = many(&s, short_names);
	struct composer *co = open_composer(3, 1 << 20, 1 << 17);

	memset(first, 0, sizeof(first));
	memset(again, 0, sizeof(again));
	CU_ASSERT_EQUAL(compose_all(co, c, first, 64), 0);
	composer_close(co);
	co = open_composer(1, 1 << 20, 1 << 17);
	CU_ASSERT_EQUAL(compose_all(co, c, again, 1), 0);
	CU_ASSERT_EQUAL(memcmp(first, again, sizeof(first)), 0);
	CU_ASSERT_NOT_EQUAL(first[0], first[1]);
	composer_close(co);
	state_del(&s);
}

static size_t some_long_names(int i)
{
	return i % 100 == 7 ? 16000 : i % 10 == 3 ? 6000 : 3;
}

/* Most messages fit the smallest slab, some need larger ones, of which the pool holds few: orders
 * have to wait for one another.
 */
static void large_messages_grow_and_wait_for_memory(void)
{
	static uint64_t hashes[ROWS];
	struct state_dir s;
	struct campaign *c;
	struct composer *co;

	c = many(&s, some_long_names);
	co = open_composer(2, 600 << 10, 256 << 10);
	memset(hashes, 0, sizeof(hashes));
	CU_ASSERT_EQUAL(compose_all(co, c, hashes, 1), 0);
	memset(hashes, 0, sizeof(hashes));
	CU_ASSERT_EQUAL(compose_all(co, c, hashes, 8), 0);
	composer_close(co);
	state_del(&s);
}

static void a_row_that_needs_too_much_fails_alone(void)
{
	static uint64_t hashes[ROWS];
	struct state_dir s;
	struct campaign *c;
	struct composer *co;

	c = many(&s, some_long_names);
	co = open_composer(2, 1 << 20, 17 << 10);
	memset(hashes, 0, sizeof(hashes));
	CU_ASSERT_EQUAL(compose_all(co, c, hashes, 8), ROWS / 100);
	composer_close(co);
	state_del(&s);
}

static void full_means_no_and_room_comes_back(void)
{
	struct compose_done done[8];
	struct state_dir s;
	struct campaign *c = many(&s, short_names);
	struct composer *co = open_composer(1, 4 * SLAB_BYTES_MIN, SLAB_BYTES_MIN);

	for (uint32_t i = 0; i < 4; i++)
		CU_ASSERT_TRUE(compose_try_order(co, i, c, i, 1, 1));
	CU_ASSERT_FALSE(compose_try_order(co, 4, c, 4, 1, 1));
	for (uint32_t n = 0; n < 4;)
		if (compose_try_take(co, &done[n]))
			n++;
		else
			wait_news(co);
	/* Composed, but not given back. */
	CU_ASSERT_FALSE(compose_try_order(co, 4, c, 4, 1, 1));
	compose_free(co, done[2].slab);
	CU_ASSERT_TRUE(compose_try_order(co, 4, c, 4, 1, 1));
	for (uint32_t i = 0; i < 4; i++)
		if (i != 2)
			compose_free(co, done[i].slab);
	composer_close(co); /* with one order still inside */
	state_del(&s);
}

static void bounds_that_cannot_work_are_refused(void)
{
	static const struct composer_conf cases[] = {
		{ .threads = 0, .slab_bytes = 1 << 20, .message_bytes_max = 1 << 16 },
		{ .threads = 1, .slab_bytes = 1 << 15, .message_bytes_max = 1 << 16 },
		{ .threads = 1, .slab_bytes = 1 << 20, .message_bytes_max = 100 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct composer *co = NULL;
		char why[256] = "";

		CU_ASSERT_EQUAL(composer_open(&cases[i], &co, why), -EINVAL);
		CU_ASSERT_PTR_NOT_NULL(strstr(why, "compose."));
	}
}

static size_t one_long_name(int i)
{
	return i == 7 ? 1500 : 3;
}

/* Receivers refuse such a subject; the other rows are sent. */
static void a_message_that_breaks_a_rule_fails_alone_and_is_named(void)
{
	struct state_dir s;
	struct composer *co;
	struct compose_done done;

	CU_ASSERT_PTR_NOT_NULL_FATAL(many(&s, one_long_name));
	state_write(&s, "tpl/message.liquid", "Subject: Hi {{ name }}\nFrom: us@sender.test\n");
	CU_ASSERT_PTR_NOT_NULL_FATAL(state_import(&s, "subjects"));
	co = open_composer(1, 1 << 20, 1 << 17);
	for (uint32_t row = 6; row < 9; row++) {
		CU_ASSERT_FATAL(compose_try_order(co, row, s.c, row, 1789000000, 1789000100));
		while (!compose_try_take(co, &done))
			wait_news(co);
		if (row != 7) {
			CU_ASSERT_EQUAL(done.result, 0);
			compose_free(co, done.slab);
			continue;
		}
		CU_ASSERT_EQUAL(done.result, -EINVAL);
		CU_ASSERT_PTR_NULL(done.slab);
		CU_ASSERT_STRING_EQUAL(done.err.text, "header-size: Subject is over 1 KB");
		CU_ASSERT_STRING_EQUAL(done.err.file, "message");
	}
	composer_close(co);
	state_del(&s);
}

/* Composes one row of a list and copies what reports are told of it. */
static struct span envelope_of(struct composer *co, const struct campaign *c, uint32_t row,
                               char envid[DSN_ENVID_MAX + 1], char orcpt[DSN_ORCPT_MAX + 1])
{
	struct compose_done done;

	CU_ASSERT_FATAL(compose_try_order(co, row, c, row, 1789000000, 1789000100));
	while (!compose_try_take(co, &done))
		wait_news(co);
	CU_ASSERT_EQUAL_FATAL(done.result, 0);
	snprintf(envid, DSN_ENVID_MAX + 1, "%.*s", (int)done.envid.bytes, done.envid.at);
	snprintf(orcpt, DSN_ORCPT_MAX + 1, "%.*s", (int)done.orcpt.bytes, done.orcpt.at);
	compose_free(co, done.slab);
	return table_address(c->table, row);
}

/* RFC 3461 4.2: what the sender wrote, not what the domain became on the wire. */
static void who_asks_for_reports_names_message_and_recipient_as_listed(void)
{
	char envid[2][DSN_ENVID_MAX + 1], orcpt[DSN_ORCPT_MAX + 1], address[DP_ADDRESS_MAX];
	struct composer *co = open_composer(1, 1 << 20, 1 << 17);
	struct campaign_spec spec;
	struct state_dir s;
	uint32_t id, row;

	state_make(&s);
	state_write(&s, "list.csv",
	            "email,name\nAnna+news@Alpha.test,A\n  info@b\xc3\xbc"
	            "cher.test  ,B\n");
	spec = state_spec(&s, "reports");
	spec.dsn_notify = (char[]){ "failure,delay" };
	CU_ASSERT_EQUAL_FATAL(campaign_start(s.cs, &spec, state_done, &s, s.why), 0);
	state_wait(&s);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s.c);
	CU_ASSERT_EQUAL(s.c->dsn.notify, DP_NOTIFY_FAILURE | DP_NOTIFY_DELAY);
	CU_ASSERT_EQUAL(s.c->dsn.ret, DP_RET_NONE);
	(void)envelope_of(co, s.c, 0, envid[0], orcpt);
	CU_ASSERT_STRING_EQUAL(orcpt, "rfc822;Anna+2Bnews@Alpha.test");
	CU_ASSERT(
	    span_eq(envelope_of(co, s.c, 1, envid[1], orcpt), span_str("info@xn--bcher-kva.test")));
	CU_ASSERT_STRING_EQUAL(orcpt, "utf-8;info@b\\x{FC}cher.test");
	for (uint32_t i = 0; i < 2; i++) { /* a report is known by it, as by its own address */
		snprintf(address, sizeof(address), "b+%s@x", envid[i]);
		CU_ASSERT_EQUAL_FATAL(verp_decode(s.c->tpl_data.key, span_str(address), &id, &row),
		                      0);
		CU_ASSERT_EQUAL(id, s.c->id);
		CU_ASSERT_EQUAL(row, i);
	}
	composer_close(co);
	state_del(&s);
}

static void a_test_names_its_own_recipient_and_who_asks_for_nothing_nobody(void)
{
	char envid[DSN_ENVID_MAX + 1], orcpt[DSN_ORCPT_MAX + 1];
	struct composer *co = open_composer(1, 1 << 20, 1 << 17);
	struct campaign_spec spec;
	struct state_dir s;

	state_make(&s);
	(void)envelope_of(co, state_import(&s, "plain"), 0, envid, orcpt);
	CU_ASSERT_STRING_EQUAL(envid, "");
	CU_ASSERT_STRING_EQUAL(orcpt, "");
	spec = state_spec(&s, "test");
	spec.dsn_ret = (char[]){ "hdrs" };
	spec.to_test = (char[]){ "me@sender.test" };
	CU_ASSERT_EQUAL_FATAL(campaign_start(s.cs, &spec, state_done, &s, s.why), 0);
	state_wait(&s);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s.c);
	(void)envelope_of(co, s.c, 0, envid, orcpt);
	CU_ASSERT_NOT_EQUAL(envid[0], '\0');
	CU_ASSERT_STRING_EQUAL(orcpt, "rfc822;me@sender.test");
	composer_close(co);
	state_del(&s);
}

SUITE("control/campaign/compose", TEST(every_order_comes_back_once_and_the_same_each_time),
      TEST(large_messages_grow_and_wait_for_memory), TEST(a_row_that_needs_too_much_fails_alone),
      TEST(full_means_no_and_room_comes_back), TEST(bounds_that_cannot_work_are_refused),
      TEST(a_message_that_breaks_a_rule_fails_alone_and_is_named),
      TEST(who_asks_for_reports_names_message_and_recipient_as_listed),
      TEST(a_test_names_its_own_recipient_and_who_asks_for_nothing_nobody))
