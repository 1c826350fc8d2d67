/* tls_policy.h - how a session is to be encrypted: one decision, made of all that has a say in it.
 *
 * Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/dp_msg.h"

/* What is asked, each an enum dp_tls_policy: the strictest holds. And what is known of the host. */
struct tls_ask {
	uint8_t site;  /* of the domain, by its site block, the providers' table or tls.policy */
	uint8_t least; /* tls_min of tenant, class and campaign */
	uint8_t published; /* what the domain itself asks for; DP_TLS_NONE until DANE (RFC 7672) or
	                      MTA-STS (RFC 8461) are looked up */
	bool is_implicit;  /* TLS begins with the first byte: there is no clear (RFC 8314) */
	bool has_done_tls; /* the host completed TLS within hosts.tls */
	bool fails_tls;    /* its last handshake failed, within tls.clear_after_failure */
};

struct tls_plan {
	uint8_t
	    wanted;   /* enum dp_tls_policy: sessions and messages that want the same go together */
	uint8_t dial; /* enum dp_tls_policy: what the next session is told */
	bool may_clear;   /* if its handshake fails, the next one may be in the clear */
	bool expects_tls; /* it is only liked, and a host that does not offer it has been stripped
	                     of it */
};

struct tls_plan tls_plan(const struct tls_ask *ask);

/* As the configuration writes it. */
const char *tls_policy_name(uint32_t policy);
