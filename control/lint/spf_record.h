/* spf_record.h - the terms of an SPF record, read as a whole before any is used (RFC 7208 4.6).
 *
 * Not     what they mean: spf.c.
 */
#pragma once

#include "control/lint/spf.h"

enum spf_kind {
	SPF_ALL,
	SPF_INCLUDE,
	SPF_A,
	SPF_MX,
	SPF_PTR,
	SPF_IP4,
	SPF_IP6,
	SPF_EXISTS,
	SPF_REDIRECT, /* modifiers from here */
	SPF_EXP,
	SPF_OTHER, /* a modifier that nobody knows is passed over */
	SPF_N_KINDS
};

struct spf_term {
	enum spf_kind kind;
	enum spf_result qualifier; /* of a mechanism */
	struct span whole, domain; /* the domain with its macros; empty: the current one */
	struct ip_addr net;        /* ip4, ip6 */
	uint8_t bits4, bits6;      /* of the prefix: 32 and 128 where none is written */
};

struct spf_record {
	struct spf_term terms[SPF_TERMS_MAX];
	uint32_t n;
	const struct spf_term *redirect; /* NULL: none */
};

/* True for a text that begins as an SPF record does (RFC 7208 4.5). */
bool spf_is_record(struct span text);

/* Reads such a text. Returns NULL, or what is wrong with it. */
const char *spf_record_read(struct span text, struct spf_record *out);

/* Whether the domain of a term is well-formed: macros, and a name at the end (RFC 7208 7.1). */
bool spf_domain_is_sound(struct span spec);

/* What macros stand for. */
struct spf_macros {
	const struct spf_query *q;
	const char *domain;    /* %{d}: the current one */
	const char *validated; /* %{p} */
};

/* Writes the domain of a term with its macros replaced, cut from the left to 253 bytes. The spec is
 * sound.
 */
void spf_expand(const struct spf_macros *m, struct span spec, char out[DNS_NAME_BYTES]);

/* Whether it has the macro %{p}, for which questions must be asked. */
bool spf_has_macro_p(struct span spec);
