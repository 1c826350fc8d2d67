/* bounce.h - what a reply means: the only place that judges.
 *
 * Thread  any; pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/campaign/campaign.h"
#include "control/mx/mx.h"
#include "dataplane/dp_msg.h"

/* What a refusal is about. Only BOUNCE_ABOUT_RECIPIENT says anything against the address. */
enum bounce_about {
	BOUNCE_ABOUT_NOTHING, /* no refusal */
	BOUNCE_ABOUT_RECIPIENT,
	BOUNCE_ABOUT_MESSAGE, /* its size, its bytes, its content */
	BOUNCE_ABOUT_SENDER,  /* envelope sender, its domain, our address: policy */
	BOUNCE_ABOUT_HOST,    /* the host takes nothing, or nothing more on this session */
};

/* What happens to the recipient, and to the host it was tried at. */
struct verdict {
	enum rcpt_state
	    state; /* DELIVERED, BOUNCED, DEFERRED, UNCONFIRMED; HELD or FAILED by the gate */
	uint8_t counts_attempt; /* 0 or 1: an attempt of this recipient was spent */
	uint8_t now;            /* 0 or 1: DEFERRED, but try again at once, on another session */
	uint8_t avoid_host;     /* 0 or 1: leave this host alone for retry.host */
	uint8_t end_session;    /* 0 or 1: the session is of no more use */
	uint8_t about;          /* enum bounce_about */
	uint8_t enhanced[3];    /* RFC 3463, of what no reply said; 0.0.0: a reply did */
};

/* Judges one recipient's event (DP_EVT_RCPT). `attempts` are those spent before; of an
 * unconfirmed end 0 means that policy has one left for it, else it is final. A DEFERRED that counts
 * no attempt and is not `now` waits as if its first attempt had been spent.
 */
struct verdict bounce_judge(const struct dp_evt *evt, uint32_t attempts);

/* Whether a refusal says that the host does not relay, or not for this tenant: 550 5.7.1 "relay
 * access denied", 550 5.7.64 TenantAttribution. A session that carried another domain's mail before
 * may be what it does not like.
 */
bool bounce_is_relaying(const struct dp_evt *evt);

/* Whether an event says that a host does not take who we are (RFC 4954 6): a session's end at AUTH,
 * or a recipient whose session is not authenticated any more, as with a token that expired.
 */
bool bounce_is_about_credential(const struct dp_evt *evt);

/* Judges a domain that has nowhere to send to: any answer but MX_OK. */
struct verdict bounce_judge_mx(const struct mx_answer *answer);

/* Judges what waits for hosts of which every one has failed, again and again; `why` did the last.
 * `take_no_mail`: each said what bounce_takes_no_mail() knows.
 */
struct verdict bounce_judge_hosts(enum dp_why why, bool take_no_mail);

/* Whether a host said that it never takes mail, from nobody (RFC 7504 3): 521, and no word of
 * policy, which would be about us.
 */
bool bounce_takes_no_mail(const struct dp_evt *evt);

/* The wait after the n-th spent attempt (n from 1; 0 is taken as 1), in seconds, from the option's
 * list of at least one wait; behind its end the last one repeats.
 */
uint32_t bounce_retry_after_s(const uint32_t *after_s, uint32_t n_after, uint32_t attempts);
