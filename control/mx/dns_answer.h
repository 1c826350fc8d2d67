/* dns_answer.h - reads one DNS answer; pure, bounded, no byte of it trusted.
 *
 * RFC 1035 4 (form), RFC 2308 5 (how long a negative holds), RFC 7505 (null MX). It takes the
 * answer and authority sections of the question's own name and its CNAME chain; what else a server
 * put into the packet, the additional section too, is not looked at.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/addr.h"
#include "dataplane/base/span.h"

enum {
	DNS_NAME_BYTES = 256,   /* printed, with NUL (RFC 1035 2.3.4) */
	DNS_RECORDS_MAX = 32,   /* records of the asked type kept */
	DNS_CHAIN_MAX = 8,      /* CNAMEs followed */
	DNS_RRS_READ_MAX = 256, /* records of a packet looked at */
};

enum dns_type {
	DNS_TYPE_A = 1,
	DNS_TYPE_CNAME = 5,
	DNS_TYPE_SOA = 6,
	DNS_TYPE_PTR = 12,
	DNS_TYPE_MX = 15,
	DNS_TYPE_TXT = 16,
	DNS_TYPE_AAAA = 28,
};

enum dns_rcode {
	DNS_RCODE_NOERROR = 0,
	DNS_RCODE_NXDOMAIN = 3,
};

struct dns_mx {
	uint16_t preference;
	char host[DNS_NAME_BYTES]; /* lower case; "." is the root: null MX (RFC 7505 3) */
};

struct dns_answer {
	uint8_t rcode;
	bool authentic; /* AD: the resolver has validated it (RFC 4035 3.2.3) */
	bool truncated;
	bool has_soa;              /* the server said how long the lack of records holds */
	uint32_t n_cnames;         /* followed from the question's name */
	char name[DNS_NAME_BYTES]; /* where they lead; the question's name without any */
	bool has_ttl;
	uint32_t ttl_s; /* least of the records used; of a negative: from the SOA */
	uint32_t n_mx, n_addrs, n_names, n_txt, n_soa;
	struct dns_mx mx[DNS_RECORDS_MAX];
	struct ip_addr addrs[DNS_RECORDS_MAX];
	char names[DNS_RECORDS_MAX][DNS_NAME_BYTES]; /* of PTR records, lower case */
	struct span txt[DNS_RECORDS_MAX]; /* in the packet: strings, each after its length */
	uint32_t n_left_out; /* records of the asked type beyond the bound or with odd names */
};

/* Reads the answer to (name, type); `name` in lower case; CNAME is no type to ask for. Returns 0,
 * or -EBADMSG for a packet that is broken, no answer, or an answer to another question; -ELOOP for
 * a CNAME chain that is too long or turns back.
 */
int dns_answer_read(struct span packet, const char *name, enum dns_type type,
                    struct dns_answer *out);

/* Records of the asked type, those left out included. */
uint32_t dns_answer_records(const struct dns_answer *a);

/* Joins the strings of a TXT record (RFC 7208 3.3: without blanks between); any byte may be in it.
 * Returns the bytes of the whole, of which `room` at most were written.
 */
size_t dns_txt_join(struct span txt, uint8_t *out, size_t room);

/* Reads the name at `*at` of the packet, lower-cased, and moves `*at` past it. Returns 0; 1 when it
 * is well-formed but no host name (a byte that cannot be printed, a dot inside a label), `out` then
 * being ""; -EBADMSG when it is broken.
 */
int dns_name_read(struct span packet, size_t *at, char out[DNS_NAME_BYTES]);
