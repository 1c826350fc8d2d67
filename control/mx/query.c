/* query.c - one question to the DNS, its CNAMEs followed by further ones, to its end. */
#include "control/mx/query.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void on_packet(void *ctx, struct span packet, const char *trouble);

static void send(struct query *q)
{
	(*q->packets)++;
	resolver_ask(q->resolver, q->name, q->type, on_packet, q);
}

static void set_trouble(struct query *q, const char *trouble)
{
	q->end = QUERY_TROUBLE;
	snprintf(q->trouble, sizeof(q->trouble), "%s", trouble);
}

static void use_ttl(struct query *q, uint32_t ttl_s)
{
	if (!q->has_ttl || ttl_s < q->ttl_s)
		q->ttl_s = ttl_s;
	q->has_ttl = true;
}

/* Reads a packet into `q->end`; QUERY_OPEN when the chain of CNAMEs must be asked further. */
static void judge(struct query *q, struct span packet, const char *trouble,
                  struct dns_answer *answer)
{
	int r;

	if (packet.bytes == 0) {
		set_trouble(q, trouble);
		return;
	}
	r = dns_answer_read(packet, q->name, q->type, answer);
	q->hops += r == 0 ? answer->n_cnames : 0;
	if (r == -ELOOP || q->hops > DNS_CHAIN_MAX) {
		set_trouble(q, "a chain of more than 8 CNAMEs");
		return;
	}
	if (r != 0) {
		set_trouble(q, "a broken answer");
		return;
	}
	if (answer->rcode != DNS_RCODE_NOERROR && answer->rcode != DNS_RCODE_NXDOMAIN) {
		set_trouble(q, "the server refused");
		return;
	}
	if (answer->has_ttl)
		use_ttl(q, answer->ttl_s);
	if (dns_answer_records(answer) != 0)
		q->end = QUERY_RECORDS;
	else if (answer->rcode == DNS_RCODE_NXDOMAIN)
		q->end = QUERY_NO_NAME;
	else if (answer->n_cnames == 0 || answer->has_soa)
		q->end = QUERY_NO_RECORDS;
	memcpy(q->name, answer->name, sizeof(q->name));
}

static void on_packet(void *ctx, struct span packet, const char *trouble)
{
	struct query *q = ctx;
	struct dns_answer answer = { 0 };

	judge(q, packet, trouble, &answer);
	if (q->end == QUERY_OPEN)
		send(q);
	else
		q->done(q, &answer);
}

void query_start(struct query *q, struct resolver *resolver, enum dns_type type, const char *name,
                 uint64_t *packets, query_done_fn *done, void *ctx)
{
	size_t bytes = strnlen(name, sizeof(q->name) - 1);

	*q = (struct query){
		.resolver = resolver, .type = type, .done = done, .ctx = ctx, .packets = packets
	};
	memcpy(q->name, name, bytes);
	send(q);
}
