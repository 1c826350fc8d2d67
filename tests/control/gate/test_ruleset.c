/* test_ruleset.c - the shipped rules find what they are for and nothing in honest mail; sets are
 * refused and kept as the contract says.
 */
#include "control/gate/ruleset.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/gate/cache.h"
#include "control/gate/mail.h"
#include "tests/support/suite.h"
#include "tests/support/tmpdir.h"

enum { FILE_BYTES = 1 << 20, ID36 = 36 };

/* Written in two parts, so that no scanner takes this file for what it tests. */
#define EICAR                                                                                      \
	"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD"                                              \
	"-ANTIVIRUS-TEST-FILE!$H+H*"
#define GTUBE                                                                                      \
	"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD"                                               \
	"-ANTI-UBE-TEST-EMAIL*C.34X"
#define A20 "AbCdEfGh0123456789xY"
#define A40 A20 A20

static const struct ruleset_conf shipped = { .rules_path = "", .tag_name = "X-T", .n_lanes = 1 };

static struct gate *open_set(const struct ruleset_conf *conf)
{
	struct ruleset_info info;
	struct gate *gate = NULL;
	char why[RULES_WHY_BYTES] = "";
	int rc = ruleset_open(conf, &gate, &info, why);

	if (rc != 0)
		printf("\n    %s", why);
	CU_ASSERT_EQUAL_FATAL(rc, 0);
	return gate;
}

/* clang-format off */
static const struct {
	const char *rule; /* the one that is meant; no other stop rule may hit */
	enum dp_part part;
	const char *text;
	bool hits;
} cases[] = {
	{ "placeholder.curly", DP_PART_TEXT, "Dear {{ first_name }},", true },
	{ "placeholder.curly", DP_PART_SUBJECT, "{{name}}, your order", true },
	{ "placeholder.curly", DP_PART_HTML, "<p>{{#if user.vip}}</p>", true },
	{ "placeholder.curly", DP_PART_HEADER, "List-Id: <{{list}}>", true },
	{ "placeholder.curly", DP_PART_HTML, "<pre>{{ first_name }}</pre>", false },
	{ "placeholder.curly", DP_PART_TEXT, "write `{{ name }}` there", false },
	{ "placeholder.curly", DP_PART_TEXT, "in LaTeX: {{\\bf x}}", false },
	{ "placeholder.curly", DP_PART_HTML, "@media screen{.a{color:red}}", false },
	{ "placeholder.block", DP_PART_TEXT, "{% if vip %}", true },
	{ "placeholder.block", DP_PART_TEXT, "{%- endfor -%}", true },
	{ "placeholder.block", DP_PART_TEXT, "a {% of them %}", false },
	{ "placeholder.percent", DP_PART_TEXT, "Hello %%FirstName%%!", true },
	{ "placeholder.percent", DP_PART_TEXT, "%%=v(@name)=%%", true },
	{ "placeholder.percent", DP_PART_TEXT, "100%% sure, 50%% off", false },
	{ "placeholder.pipe", DP_PART_TEXT, "Hi *|FNAME|*,", true },
	{ "placeholder.pipe", DP_PART_TEXT, "*|MC:SUBJECT|*", true },
	{ "placeholder.pipe", DP_PART_TEXT, "a table: *| x |*", false },
	{ "placeholder.dollar", DP_PART_TEXT, "Dear ${firstName},", true },
	{ "placeholder.dollar", DP_PART_TEXT, "Dear ${customer.name|there},", true },
	{ "placeholder.dollar", DP_PART_TEXT, "it costs ${5} or $ {x}", false },
	{ "placeholder.dollar", DP_PART_TEXT, "try\n    echo ${HOME}\n", false },
	{ "placeholder.erb", DP_PART_HTML, "<p><%= @user.name %></p>", true },
	{ "placeholder.erb", DP_PART_HTML, "a <% b", false },
	{ "placeholder.name", DP_PART_TEXT, "Dear [Name],", true },
	{ "placeholder.name", DP_PART_TEXT, "Hi [First Name]!", true },
	{ "placeholder.name", DP_PART_HTML, "Hallo [Vorname] [Nachname]", true },
	{ "placeholder.name", DP_PART_TEXT, "[YOUR COMPANY_NAME]", true },
	{ "placeholder.name", DP_PART_TEXT, "der Name [sic], [Ed.: name changed], [1], [...]", false },
	{ "placeholder.name", DP_PART_HEADER, "Subject-Prefix: [Name]", false },
	{ "placeholder.other", DP_PART_TEXT, "Bonjour [Pr\xc3\xa9nom],", true },
	{ "placeholder.other", DP_PART_TEXT, "[Insert your company here]", true },
	{ "placeholder.other", DP_PART_TEXT, "[voraussichtlich] [nombreux]", false },
	{ "placeholder.hash", DP_PART_TEXT, "Dear ##first_name##", true },
	{ "placeholder.hash", DP_PART_TEXT, "## name ## of a heading", false },
	{ "placeholder.value", DP_PART_TEXT, "Dear null,", true },
	{ "placeholder.value", DP_PART_SUBJECT, "Hello undefined!", true },
	{ "placeholder.value", DP_PART_TEXT, "Dear Nullah, none of it is null, Hello Nonesuch", false },
	{ "secret.private-key", DP_PART_TEXT, "-----BEGIN RSA PRIVATE KEY-----\nMIIE", true },
	{ "secret.private-key", DP_PART_TEXT, "-----BEGIN OPENSSH PRIVATE KEY-----\r\nb3Bl", true },
	{ "secret.private-key", DP_PART_HTML, "<pre>-----BEGIN PRIVATE KEY-----\nMIGH", true },
	{ "secret.private-key", DP_PART_TEXT, "-----BEGIN PUBLIC KEY-----\nMIIB", false },
	{ "secret.private-key", DP_PART_TEXT, "it begins with -----BEGIN PRIVATE KEY----- and so on", false },
	{ "secret.pgp-key", DP_PART_TEXT, "-----BEGIN PGP PRIVATE KEY BLOCK-----", true },
	{ "secret.pgp-key", DP_PART_TEXT, "-----BEGIN PGP PUBLIC KEY BLOCK-----", false },
	{ "secret.putty-key", DP_PART_TEXT, "PuTTY-User-Key-File-3: ssh-ed25519", true },
	{ "secret.putty-key", DP_PART_TEXT, "a PuTTY-User-Key-File", false },
	{ "secret.age-key", DP_PART_TEXT, "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ", true },
	{ "secret.age-key", DP_PART_TEXT, "AGE-SECRET-KEY-1QQ", false },
	{ "secret.aws-id", DP_PART_TEXT, "key AKIA" "QWERTYUIOPASDFGH.", true },
	{ "secret.aws-id", DP_PART_TEXT, "AKIAS is a ship; XAKIA" "QWERTYUIOPASDFGH", false },
	{ "secret.aws-key", DP_PART_TEXT, "aws_secret_access_key = " A40, true },
	{ "secret.aws-key", DP_PART_TEXT, "set aws_secret_access_key first", false },
	{ "secret.github", DP_PART_TEXT, "ghp_" "0123456789abcdefghijABCDEFGHIJ012345", true },
	{ "secret.github", DP_PART_TEXT, "ghp_short", false },
	{ "secret.github-fine", DP_PART_TEXT, "github_pat_" "0123456789abcdefghijAB_" A20 A20 A20, true },
	{ "secret.github-fine", DP_PART_TEXT, "github_pat_x", false },
	{ "secret.gitlab", DP_PART_TEXT, "glpat-" A20, true },
	{ "secret.gitlab", DP_PART_TEXT, "glpat-x", false },
	{ "secret.slack", DP_PART_TEXT, "xoxb-" "123456789012-abcdefghij", true },
	{ "secret.slack", DP_PART_TEXT, "xoxo, yours", false },
	{ "secret.slack-hook", DP_PART_TEXT, "https://hooks.slack.com/services/" "T12345678/B12345678/" A20, true },
	{ "secret.slack-hook", DP_PART_TEXT, "https://hooks.slack.com/services/", false },
	{ "secret.google", DP_PART_TEXT, "key: AIza" "SyA0123456789abcdefghijklmnopqrstuv", true },
	{ "secret.google", DP_PART_HTML, "<img src=\"https://maps.test/m?key=AIza" "SyA0123456789abcdefghijklmnopqrstuv\">", false },
	{ "secret.stripe", DP_PART_TEXT, "sk_live_" A20 "0123", true },
	{ "secret.stripe", DP_PART_TEXT, "sk_test_" A20 "0123", false },
	{ "secret.sendgrid", DP_PART_TEXT, "SG." "0123456789abcdefghijkl." "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG", true },
	{ "secret.sendgrid", DP_PART_TEXT, "SG.1 and SG.2", false },
	{ "secret.npm", DP_PART_TEXT, "npm_" "0123456789abcdefghijABCDEFGHIJ012345", true },
	{ "secret.npm", DP_PART_TEXT, "npm_config_registry", false },
	{ "secret.pypi", DP_PART_TEXT, "pypi-AgEIcHlwaS5vcmc" A40 "0123456789", true },
	{ "secret.pypi", DP_PART_TEXT, "pypi-AgEI", false },
	{ "secret.azure", DP_PART_TEXT, "AccountKey=" A40 A40 "012345==", true },
	{ "secret.azure", DP_PART_TEXT, "AccountKey=...", false },
	{ "secret.openai", DP_PART_TEXT, "sk-proj-" A40, true },
	{ "secret.openai", DP_PART_TEXT, "the sk-project", false },
	{ "test.eicar", DP_PART_TEXT, "x " EICAR, true },
	{ "test.eicar", DP_PART_TEXT, "the EICAR test file", false },
	{ "test.eicar", DP_PART_FILE, EICAR, true },
	{ "secret.private-key", DP_PART_FILE, "-----BEGIN PRIVATE KEY-----\nMII", true },
	{ "placeholder.percent", DP_PART_FILE, "%%EOF\n%%", false },
	{ "placeholder.curly", DP_PART_FILE, "{{ name }}", false },
	{ "test.gtube", DP_PART_HTML, "<p>" GTUBE, true },
	{ "test.gtube", DP_PART_HTML, "GTUBE", false },
	{ "note.card", DP_PART_TEXT, "card 4111 1111 1111 1111", true },
	{ "note.card", DP_PART_TEXT, "https://a.test/?c=4111111111111111 4111111111111112", false },
	{ "note.card", DP_PART_HTML, "<td data-id=\"4111111111111111\">", false },
	{ "note.bare-ip", DP_PART_HTML, "<a href=\"http://192.0.2.7/x\">", true },
	{ "note.bare-ip", DP_PART_HTML, "<a href=\"http://v1.2.3.example/\">1.2.3.4", false },
	{ "note.punycode", DP_PART_HTML, "<a href='https://xn--pypal-4ve.example/'>", true },
	{ "note.punycode", DP_PART_TEXT, "xn--pypal-4ve.example", false },
	{ "note.mixed-script", DP_PART_TEXT, "https://p\xd0\xb0ypal.example/", true },
	{ "note.mixed-script", DP_PART_TEXT, "https://paypal.example/\xd0\xb0", false },
};
/* clang-format on */

static void each_shipped_rule_hits_and_misses(void)
{
	struct gate *gate = open_set(&shipped);
	bool has_hit[GATE_RULES_MAX] = { false }, has_missed[GATE_RULES_MAX] = { false };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dp_text text = { .bytes = span_str(cases[i].text),
			                .part = (uint8_t)cases[i].part };
		struct gate_verdict v;
		bool hit = false, other = false;

		gate_scan(gate, 0, 0, false, &text, 1, &v);
		for (uint32_t h = 0; h < v.n_hits; h++) {
			const struct gate_rule *r = gate_rule(gate, v.hits[h]);

			hit |= strcmp(r->id, cases[i].rule) == 0;
			other |= strcmp(r->id, cases[i].rule) != 0 && r->grade == DP_GATE_STOP &&
			         strncmp(r->id, "placeholder.", 12) != 0;
		}
		if (hit != cases[i].hits || other)
			printf("\n    %s: %s: got %d, others %d", cases[i].rule, cases[i].text, hit,
			       other);
		CU_ASSERT_EQUAL(hit, cases[i].hits);
		CU_ASSERT_FALSE(other);
		for (uint32_t r = 0; r < gate_n_rules(gate); r++)
			if (strcmp(gate_rule(gate, r)->id, cases[i].rule) == 0)
				(cases[i].hits ? has_hit : has_missed)[r] = true;
	}
	for (uint32_t r = 0; r < gate_n_rules(gate); r++) {
		if (strcmp(gate_rule(gate, r)->id, "placeholder.triple") == 0)
			continue; /* what it finds curly finds, too; told apart for people */
		if (!has_hit[r] || !has_missed[r])
			printf("\n    no case: %s", gate_rule(gate, r)->id);
		CU_ASSERT_TRUE(has_hit[r] && has_missed[r]);
	}
	gate_free(gate);
}

static void read_file(const char *path, char *text, size_t *bytes)
{
	FILE *f = fopen(path, "re");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	*bytes = fread(text, 1, FILE_BYTES, f);
	fclose(f);
}

static void honest_mail_raises_no_stop(void)
{
	static const char dir[] = SOURCE_ROOT "/tests/data/gate";
	static char text[FILE_BYTES];
	struct gate *gate = open_set(&shipped);
	DIR *d = opendir(dir);
	struct dirent *e;
	unsigned n = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(d);
	while ((e = readdir(d)) != NULL) {
		struct gate_verdict v;
		struct mail m;
		char path[4096];
		size_t bytes;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		read_file(path, text, &bytes);
		mail_read(span_of(text, bytes), &m);
		gate_scan(gate, 0, 0, false, m.texts, m.n, &v);
		for (uint32_t i = 0; i < v.n_hits; i++)
			printf("\n    %s: %s", e->d_name, gate_rule(gate, v.hits[i])->id);
		CU_ASSERT_EQUAL(v.action, DP_GATE_PASS);
		CU_ASSERT_TRUE(m.n >= 3);
		mail_fini(&m);
		n++;
	}
	closedir(d);
	CU_ASSERT_TRUE(n >= 40);
	gate_free(gate);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fputs(text, f);
	fclose(f);
}

static void what_cannot_be_compiled_is_refused_by_line(void)
{
	char dir[TMPDIR_BYTES], path[128], why[RULES_WHY_BYTES] = "", want[256];
	struct ruleset_conf conf = shipped;
	struct ruleset_info info;
	struct gate *gate;

	snprintf(path, sizeof(path), "%s/rules", tmpdir_make(dir));
	conf.rules_path = path;
	write_file(path, "# x\na note text pass @card\nb note text pass /fine/\n"
	                 "c note text pass /(x)\\1/ back\n");
	CU_ASSERT_EQUAL(ruleset_open(&conf, &gate, &info, why), -EINVAL);
	snprintf(want, sizeof(want), "%s:4: rule c: ", path);
	CU_ASSERT_EQUAL(strncmp(why, want, strlen(want)), 0);
	CU_ASSERT_TRUE(strlen(why) > strlen(want));
	tmpdir_del(dir);
}

static void a_set_that_costs_too_much_is_refused_with_the_dearest(void)
{
	char dir[TMPDIR_BYTES], path[128], why[RULES_WHY_BYTES] = "";
	struct ruleset_conf conf = shipped;
	struct ruleset_info info;
	struct gate *gate;

	snprintf(path, sizeof(path), "%s/rules", tmpdir_make(dir));
	conf.rules_path = path;
	conf.cycles_max = 1;
	write_file(path, "cheap note text pass /needle-in-a-haystack/\n"
	                 "dear note all pass /[a-z][^x]{1,60}[aeiou]{2}[^y]{1,60}[0-9]/s\n");
	CU_ASSERT_EQUAL(ruleset_open(&conf, &gate, &info, why), -E2BIG);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "2 rules cost "));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "dearest alone: dear (line 2)"));
	conf.cycles_max = 0;
	gate_free(open_set(&conf));
	tmpdir_del(dir);
}

static time_t inode_of(const char *path)
{
	struct stat st = { .st_ino = 0 };

	(void)stat(path, &st);
	return (time_t)st.st_ino;
}

static void a_compiled_set_is_kept_and_a_broken_one_made_again(void)
{
	char dir[TMPDIR_BYTES], cache[128], path[128], why[RULES_WHY_BYTES];
	struct ruleset_conf conf = shipped;
	struct ruleset_info info;
	struct gate *gate;
	static char text[FILE_BYTES];
	size_t bytes;
	time_t first;
	FILE *f;

	snprintf(cache, sizeof(cache), "%s/cache", tmpdir_make(dir));
	snprintf(path, sizeof(path), "%s/rules", dir);
	conf.cache_path = cache;
	CU_ASSERT_EQUAL(ruleset_open(&conf, &gate, &info, why), 0);
	CU_ASSERT_TRUE(info.compile_ms > 0);
	gate_free(gate);
	first = inode_of(cache);
	CU_ASSERT_EQUAL(ruleset_open(&conf, &gate, &info, why), 0);
	CU_ASSERT_EQUAL(info.compile_ms, 0);
	CU_ASSERT_EQUAL(inode_of(cache), first);
	gate_free(gate);

	read_file(cache, text, &bytes);
	for (size_t cut = 0; cut < bytes; cut += bytes / 7 + 1) { /* cut short anywhere */
		f = fopen(cache, "we");
		fwrite(text, 1, cut, f);
		fclose(f);
		CU_ASSERT_EQUAL(ruleset_open(&conf, &gate, &info, why), 0);
		CU_ASSERT_TRUE(info.compile_ms > 0);
		gate_free(gate);
	}
	text[bytes / 2] ^= 1; /* and with a bit turned */
	f = fopen(cache, "we");
	fwrite(text, 1, bytes, f);
	fclose(f);
	CU_ASSERT_EQUAL(ruleset_open(&conf, &gate, &info, why), 0);
	CU_ASSERT_TRUE(info.compile_ms > 0);
	gate_free(gate);

	read_file(cache, text, &bytes);
	match_platform(why);
	{
		char *platform = memmem(text, bytes, why, strlen(why));

		CU_ASSERT_PTR_NOT_NULL_FATAL(platform);
		platform[0] ^= 1; /* of another version of the library, on another processor */
	}
	f = fopen(cache, "we");
	fwrite(text, 1, bytes, f);
	fclose(f);
	CU_ASSERT_EQUAL(ruleset_open(&conf, &gate, &info, why), 0);
	CU_ASSERT_TRUE(info.compile_ms > 0);
	gate_free(gate);

	write_file(path, "a note all pass /other rules/\n");
	conf.rules_path = path;
	CU_ASSERT_EQUAL(ruleset_open(&conf, &gate, &info, why), 0);
	CU_ASSERT_TRUE(info.compile_ms > 0);
	gate_free(gate);
	conf.cache_path = "/no/such/folder/cache"; /* costs time, no more */
	gate_free(open_set(&conf));
	tmpdir_del(dir);
}

/* Texts of every length that end where a page ends, and behind it is nothing. */
static void not_a_byte_behind_a_text_is_read(void)
{
	static const char letters[] = "msU 4111x#}}</cop{%[|*$ABC-_.@:/019 \n\xc3\xa9";
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *pages =
	    mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct gate *gate = open_set(&shipped);
	uint32_t random = 1;

	CU_ASSERT_FATAL(pages != MAP_FAILED && mprotect(pages + page, page, PROT_NONE) == 0);
	for (uint32_t bytes = 1; bytes < 300; bytes++) {
		uint8_t *text = pages + page - bytes;
		struct dp_text whole = { .bytes = span_of(text, bytes) };
		struct gate_verdict v;

		for (uint32_t i = 0; i < bytes; i++) {
			random = random * 1664525 + 1013904223;
			text[i] = (uint8_t)letters[(random >> 16) % (sizeof(letters) - 1)];
		}
		for (whole.part = DP_PART_SUBJECT; whole.part <= DP_PART_HEADER; whole.part++)
			gate_scan(gate, 0, 0, false, &whole, 1, &v);
	}
	memcpy(pages + page - 11, "{{ name }}.", 11);
	{
		struct dp_text whole = { .bytes = span_of(pages, page), .part = DP_PART_TEXT };
		struct gate_verdict v;

		gate_scan(gate, 0, 0, false, &whole, 1, &v);
		CU_ASSERT(v.n_hits > 0); /* what is cut for this is found all the same */
	}
	gate_free(gate);
	munmap(pages, 2 * page);
}

SUITE("control/gate/ruleset", TEST(each_shipped_rule_hits_and_misses),
      TEST(not_a_byte_behind_a_text_is_read), TEST(honest_mail_raises_no_stop),
      TEST(what_cannot_be_compiled_is_refused_by_line),
      TEST(a_set_that_costs_too_much_is_refused_with_the_dearest),
      TEST(a_compiled_set_is_kept_and_a_broken_one_made_again))
