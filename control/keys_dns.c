/* keys_dns.c - whether the DNS holds the keys that sign: asked when keys are loaded, told in the
 * log.
 */
#include "control/keys_dns.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "control/lint/dkim_record.h"
#include "control/log.h"
#include "control/mx/batch.h"
#include "control/thread.h"
#include "control/xalloc.h"

enum {
	AT_ONCE = 20,
	WAIT_MS = 60000,
	TEXTS_MAX = 4, /* one counts, and several are wrong */
};

struct keys_dns {
	pthread_t thread;
	_Atomic bool cancel, over;
	struct mx_conf mx;
	struct ip_addr servers[CONF_LIST_MAX];
	uint16_t ports[CONF_LIST_MAX];
	uint32_t n;
	struct batch_question *questions;
	char (*records)[TPL_RECORD_BYTES]; /* what should be there */
};

static void on_answer(void *ctx, uint32_t i, const struct query *q, const struct dns_answer *answer)
{
	const struct keys_dns *k = ctx;
	const char *name = k->questions[i].name, *wrong;
	uint8_t room[TEXTS_MAX][TPL_RECORD_BYTES];
	struct span texts[TEXTS_MAX];
	uint32_t n = 0;
	bool testing;

	if (q->end == QUERY_TROUBLE || q->end == QUERY_OPEN) {
		log_warn("dkim: %s: the DNS does not tell: %s", name, q->trouble);
		return;
	}
	for (uint32_t t = 0; t < answer->n_txt && n < TEXTS_MAX; t++) {
		size_t bytes = dns_txt_join(answer->txt[t], room[n], sizeof(room[n]));

		texts[n] = span_of(room[n], bytes < sizeof(room[n]) ? bytes : 0);
		n++;
	}
	wrong = dkim_record_compare(texts, n, span_str(k->records[i]), &testing);
	if (wrong != NULL)
		log_warn("dkim: %s: %s; receivers will not accept what this key signs; "
		         "`posthaste check` prints its record",
		         name, wrong);
	else if (testing)
		log_warn("dkim: %s: t=y: receivers may ignore the signature", name);
}

static void *ask(void *arg)
{
	struct keys_dns *k = arg;
	struct batch_limits limits = { .at_once_max = AT_ONCE,
		                       .wait_ms = WAIT_MS,
		                       .cancel = &k->cancel };
	struct batch *b = NULL;
	char why[256];
	int err = batch_open(&k->mx, &b, why);

	if (err != 0)
		log_warn("dkim: the DNS cannot be asked for key records: %s", why);
	else if (batch_ask(b, k->questions, k->n, &limits, on_answer, k) == -ETIMEDOUT)
		log_warn("dkim: the DNS does not tell all key records in time");
	batch_close(b);
	atomic_store(&k->over, true);
	return NULL;
}

/* A name that is too long for the DNS has no record; its signer was refused when it was read. */
static void add(struct keys_dns *k, const struct tpl_signer *s)
{
	struct batch_question *q = &k->questions[k->n];
	int n = snprintf(q->name, sizeof(q->name), "%s._domainkey.%s", s->selector, s->domain);

	if (n < 0 || (size_t)n >= sizeof(q->name))
		return;
	for (char *c = q->name; *c != '\0'; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 32) : *c;
	q->type = DNS_TYPE_TXT;
	tpl_key_record(s->key, k->records[k->n++]);
}

static void free_all(struct keys_dns *k)
{
	free(k->questions);
	free(k->records);
	free(k);
}

struct keys_dns *keys_dns_start(const struct conf *conf, const struct tpl_signers *signers)
{
	struct keys_dns *k;

	if (signers->n == 0)
		return NULL;
	k = xcalloc(1, sizeof(*k));
	memcpy(k->servers, conf->dns.servers, conf->dns.n_servers * sizeof(k->servers[0]));
	memcpy(k->ports, conf->dns.ports, conf->dns.n_servers * sizeof(k->ports[0]));
	k->mx = (struct mx_conf){ .servers = k->servers,
		                  .ports = k->ports,
		                  .n_servers = conf->dns.n_servers,
		                  .timeout_ms = conf->dns.timeout_ms,
		                  .tries = conf->dns.tries };
	k->questions = xcalloc(signers->n, sizeof(*k->questions));
	k->records = xcalloc(signers->n, sizeof(*k->records));
	for (uint32_t i = 0; i < signers->n; i++)
		add(k, &signers->at[i]);
	if (thread_start_nice(&k->thread, "ph-keys-dns", ask, k) != 0) {
		free_all(k);
		return NULL;
	}
	return k;
}

bool keys_dns_is_over(const struct keys_dns *k)
{
	return atomic_load(&k->over);
}

void keys_dns_stop(struct keys_dns *k)
{
	if (k == NULL)
		return;
	atomic_store(&k->cancel, true);
	pthread_join(k->thread, NULL);
	free_all(k);
}
