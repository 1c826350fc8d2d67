/* test_keys_dns.c - keys are compared with what the DNS holds, and what differs is told. */
#include "control/keys_dns.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/log.h"
#include "control/mx/batch.h"
#include "tests/support/suite.h"

/* The name server, and what it answers next. */
static struct {
	const char *txt; /* NULL: no such name */
	bool trouble;
	char asked[DNS_NAME_BYTES];
	char line[512];
} dns;

static const char ours[] = "v=DKIM1; k=rsa; p=QUJD";

void tpl_key_record(const struct tpl_key *key, char out[TPL_RECORD_BYTES])
{
	(void)key;
	strcpy(out, ours);
}

void log_printf(enum dp_log_level level, const char *fmt, ...)
{
	va_list args;

	(void)level;
	va_start(args, fmt);
	vsnprintf(dns.line, sizeof(dns.line), fmt, args);
	va_end(args);
}

int batch_open(const struct mx_conf *conf, struct batch **out, char why[256])
{
	(void)conf, (void)out, (void)why;
	return 0;
}

void batch_close(struct batch *b)
{
	(void)b;
}

size_t dns_txt_join(struct span txt, uint8_t *out, size_t room)
{
	if (txt.bytes < room)
		memcpy(out, txt.at, txt.bytes);
	return txt.bytes;
}

int batch_ask(struct batch *b, const struct batch_question *questions, uint32_t n,
              const struct batch_limits *limits, batch_answer_fn *answer, void *ctx)
{
	static struct dns_answer a;
	struct query q = { .end = dns.trouble       ? QUERY_TROUBLE
		                  : dns.txt != NULL ? QUERY_RECORDS
		                                    : QUERY_NO_NAME };

	(void)b, (void)limits;
	snprintf(dns.asked, sizeof(dns.asked), "%s", questions[0].name);
	snprintf(q.trouble, sizeof(q.trouble), "SERVFAIL");
	a.n_txt = dns.txt != NULL;
	a.txt[0] = span_str(dns.txt == NULL ? "" : dns.txt);
	CU_ASSERT_EQUAL(n, 1);
	answer(ctx, 0, &q, &a);
	return 0;
}

static void what_differs_from_the_record_is_told(void)
{
	static const struct {
		const char *txt;
		bool trouble;
		const char *line; /* "": nothing is said */
	} cases[] = {
		{ ours, false, "" },
		{ "k=rsa; p=QUJD", false, "" },
		{ "v=DKIM1; k=rsa; p=QUJE", false,
		  "dkim: s1._domainkey.shop.test: it holds another key; " },
		{ "v=DKIM1; p=", false,
		  "dkim: s1._domainkey.shop.test: p= is empty: the key is revoked; " },
		{ "v=DKIM1; t=y; p=QUJD", false, "dkim: s1._domainkey.shop.test: t=y: " },
		{ NULL, false, "dkim: s1._domainkey.shop.test: there is no key record; " },
		{ NULL, true, "dkim: s1._domainkey.shop.test: the DNS does not tell: SERVFAIL" },
	};
	static const struct tpl_signer signer = { .domain = "Shop.test", .selector = "s1" };
	static struct conf conf;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tpl_signers signers = { .at = &signer, .n = 1 };
		struct keys_dns *k;

		dns.txt = cases[i].txt;
		dns.trouble = cases[i].trouble;
		dns.line[0] = '\0';
		k = keys_dns_start(&conf, &signers);
		CU_ASSERT_PTR_NOT_NULL_FATAL(k);
		while (!keys_dns_is_over(k))
			usleep(100);
		keys_dns_stop(k);
		CU_ASSERT_STRING_EQUAL(dns.asked, "s1._domainkey.shop.test");
		if (cases[i].line[0] == '\0')
			CU_ASSERT_STRING_EQUAL(dns.line, "");
		if (strncmp(dns.line, cases[i].line, strlen(cases[i].line)) != 0)
			printf("\n    got %s", dns.line);
		CU_ASSERT_EQUAL(strncmp(dns.line, cases[i].line, strlen(cases[i].line)), 0);
	}
}

static void without_signers_nothing_is_asked(void)
{
	struct tpl_signers none = { .n = 0 };
	static struct conf conf;

	CU_ASSERT_PTR_NULL(keys_dns_start(&conf, &none));
	keys_dns_stop(NULL);
}

SUITE("control/keys_dns", TEST(what_differs_from_the_record_is_told),
      TEST(without_signers_nothing_is_asked))
