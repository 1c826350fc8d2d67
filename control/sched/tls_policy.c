#include "control/sched/tls_policy.h"

const char *tls_policy_name(uint32_t policy)
{
	static const char *const names[DP_N_TLS] = {
#define DP_TLS(sym, name) name,
#include "dataplane/dp_tls.def"
#undef DP_TLS
	};

	return names[policy];
}

static uint8_t stricter(uint8_t a, uint8_t b)
{
	return a > b ? a : b;
}

/* Clear text is for who only would have liked TLS, towards a host that has not shown that it can:
 * else whoever breaks handshakes on the way, or takes STARTTLS out of answers (RFC 3207 6), would
 * read along.
 */
struct tls_plan tls_plan(const struct tls_ask *ask)
{
	uint8_t wanted = stricter(ask->site, stricter(ask->least, ask->published));
	bool may_clear = wanted == DP_TLS_OPPORTUNISTIC && !ask->is_implicit && !ask->has_done_tls;

	return (struct tls_plan){
		.wanted = wanted,
		.dial = may_clear && ask->fails_tls ? DP_TLS_NONE : wanted,
		.may_clear = may_clear,
		.expects_tls = wanted == DP_TLS_OPPORTUNISTIC && ask->has_done_tls,
	};
}
