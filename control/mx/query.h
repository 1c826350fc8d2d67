/* query.h - one question to the DNS, its CNAMEs followed by further ones, to its end.
 *
 * Life    query_start() .. `done`, which is called once, unless the resolver is closed first; the
 *         query must stay where it is until then.
 * Thread  the resolver's.
 */
#pragma once

#include "control/mx/resolver.h"

enum query_end {
	QUERY_OPEN,
	QUERY_RECORDS,
	QUERY_NO_RECORDS, /* the name exists, without records of that type */
	QUERY_NO_NAME,    /* NXDOMAIN */
	QUERY_TROUBLE,    /* not known for now; `trouble` says why */
};

struct query;
/* `answer` is that of the last packet, and valid during the call; empty without records. */
typedef void query_done_fn(struct query *q, const struct dns_answer *answer);

struct query {
	struct resolver *resolver;
	enum dns_type type;
	query_done_fn *done;
	void *ctx;
	uint64_t *packets; /* counts questions sent */
	enum query_end end;
	uint32_t hops;             /* CNAMEs followed */
	char name[DNS_NAME_BYTES]; /* asked; where its CNAMEs led, at the end */
	char trouble[48];
	bool has_ttl;
	uint32_t ttl_s; /* least of all answers */
};

/* Asks for `name`, in lower case. May call `done` before it returns. */
void query_start(struct query *q, struct resolver *resolver, enum dns_type type, const char *name,
                 uint64_t *packets, query_done_fn *done, void *ctx);
