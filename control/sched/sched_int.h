/* sched_int.h - the scheduler's own shapes; nobody outside control/sched includes it.
 *
 *	campaign ── load ──┬── slice ── sdomain ── site ──┬── lane ──┬── conn
 *	                   └── slice ──── ...             └── lane   └── flight (one recipient
 *	                                                                 on its way)
 *
 * A flight's life:  claim -> compose -> ready -> sent -> store, each step begun by a call and
 * ended by news from a ring. A step may be skipped, never repeated; every flight ends in one
 * place, flight_put().
 */
#pragma once

#include <uthash.h>

#include "control/bounce/bounce.h"
#include "control/rate/rate.h"
#include "control/sched/heap.h"
#include "control/sched/hosts.h"
#include "control/sched/sched.h"
#include "control/sched/tls_policy.h"

enum {
	AS_7BIT_MIN_S =
	    60, /* a host without 8BITMIME is composed for as 7-bit this long at least */
	SLICE_TURN_ROWS =
	    16, /* rows a slice gives before the next slice of its site has its turn */
	CONN_HASTE_US = 1000000, /* a host that ends a new session sooner did not tire of it */
	AGAIN_AT_ONCE_MAX = 7, /* times in a row that nothing is said of a recipient (rcpt.again) */
	SITE_ROUNDS_MAX = 3,   /* times all addresses may fail in a row before recipients wait */
	SITES_PER_RUN = 256,   /* sites looked at before the loop turns */
	LOOK_UPS_PER_RUN = 256, /* look-ups begun before the loop turns */
	DUE_PER_RUN = 4096,     /* recipients that become due before the loop turns */
	HUNGRY_PER_TICK = 64,   /* hungry sites looked at each RETRY_US, whatever came free */
	RETRY_US = 2000,        /* when a ring or pool was full: look again after this */
	LANE_LOOKAHEAD_MIN = 4, /* messages composed ahead of a lane's connections, at least */
	SHARED_RATE_PART = 10,  /* of a second's worth: the most in a transaction of several */
	SHARED_PART = 8, /* of all flights, what recipients of shared copies may be in one lane */
	SITE_FULL_LANES_MAX =
	    8, /* slices that may find their lane full before a site's turn ends */
};

enum flight_state {
	FLIGHT_FREE,
	FLIGHT_CLAIM,        /* the first-attempt time is on its way to the disk */
	FLIGHT_COMPOSE_WAIT, /* the composing threads are busy */
	FLIGHT_COMPOSE,
	FLIGHT_READY, /* composed, waits in its lane for a connection */
	FLIGHT_SENT,  /* with a worker */
	FLIGHT_STORE, /* its outcome is on its way to the disk */
};

/* One recipient on its way. */
struct flight {
	uint8_t state;     /* enum flight_state */
	uint8_t credit;    /* 0 or 1: holds a credit of `worker` */
	uint8_t claims;    /* 0 or 1: heads a claim; `rec` is the claim's record */
	uint8_t now;       /* 0 or 1: try again at once when the outcome is durable */
	uint8_t on_shared; /* 0 or 1: its session has carried another domain's mail before */
	uint32_t gen;
	uint32_t row;
	uint32_t worker;
	struct slice *slice;
	struct lane *lane;   /* NULL: judged without being sent */
	struct conn *conn;   /* of FLIGHT_SENT */
	struct copy *copy;   /* the message that it shares with others; NULL: has its own */
	struct batch *batch; /* of FLIGHT_SENT: those of the same transaction; NULL: alone */
	void *slab;          /* NULL: nothing held */
	struct tpl_out out;
	struct span mail_from, envid;
	struct dp_rcpt rcpt;
	struct dp_text text[TPL_TEXTS_MAX]; /* of `out` */
	struct flight *claim_next;          /* of one claim */
	struct flight *prev, *next; /* in its lane's ready list, or a waiting list of sched */
	struct store_rec rec;
};

/* The one message of a campaign whose recipients share it, composed: held while a flight of them
 * waits for it, or has it.
 */
struct copy {
	struct load *load;
	uint32_t refs;
	uint8_t as_7bit;        /* 0 or 1: for hosts that take no 8-bit text */
	uint8_t is_here;        /* 0 or 1: composed; else the first that waits has ordered it */
	struct flight *waiting; /* for it to be composed */
	struct compose_done done;
	struct dp_text text[TPL_TEXTS_MAX]; /* of `done` */
	struct copy *prev, *next;           /* in sched.copies */
};

/* The recipients of one transaction. Their flights end one by one, so the job has a name of its
 * own.
 */
struct batch {
	uint32_t gen;
	uint32_t n_open;         /* recipients without a verdict; 0: the slot is free */
	struct flight **flights; /* by index in the job, with `rcpts` and their addresses behind */
	struct dp_rcpt *rcpts;
	struct batch *next; /* in the free list */
};

/* One domain of one campaign: its rows that are not final. */
struct slice {
	struct load *load;
	struct sdomain *dom;
	uint32_t domain;            /* index in the table */
	uint32_t next_row, end_row; /* rows not yet looked at */
	uint32_t *again;            /* rows that are due again: a ring */
	uint32_t again_head, again_n, again_room;
	uint32_t left;    /* recipients not final */
	uint32_t parked;  /* of those, out of attempts */
	uint32_t waiting; /* of those, in sched.due */
	uint32_t in_flight;
	uint8_t listed;                    /* 0 or 1: in site->slices */
	struct slice *prev, *next;         /* in site->slices */
	struct slice *dom_prev, *dom_next; /* in dom->slices */
	struct slice *load_prev, *load_next;
};

/* One campaign that has recipients left. */
struct load {
	struct campaign *c;
	uint64_t left;
	uint8_t tls_min;    /* enum dp_tls_policy: the least that tenant, class and campaign ask */
	uint8_t requiretls; /* 0 or 1: only hosts that are named for it (RFC 8689) */
	uint8_t is_shared;  /* 0 or 1: one message for all */
	struct copy *copies[2]; /* by as_7bit: those that flights may join; NULL: none */
	struct slice *slices;
	struct load *prev, *next;
};

/* A mail domain and where its mail goes. */
struct sdomain {
	UT_hash_handle hh;
	struct sched *s;
	struct mx_answer *answer; /* held; NULL: not known yet */
	struct site *site;
	struct slice *slices;
	struct sdomain *prev, *next; /* in sched.to_look_up */
	uint8_t looking;             /* 0 or 1: a look-up is under way, or waits for its turn */
	uint8_t is_alone;            /* 0 or 1: shares no session with other domains */
	uint8_t tls;                 /* enum dp_tls_policy of its site block */
	uint8_t is_routed;           /* 0 or 1: `answer` is a host's of the configuration */
	uint8_t asked_route;         /* 0 or 1: the look-up under way is of such a host */
	uint8_t is_stale;            /* 0 or 1: `answer` is of a configuration that is no more */
	uint32_t asked;              /* sched.n_confs when it was looked up */
	uint64_t id;                 /* never used twice */
	char name[];
};

/* An address of a site's hosts. */
struct host_addr {
	struct ip_addr addr;
	uint32_t host;     /* index in the answer's hosts */
	uint8_t is_barred; /* 0 or 1: refused by the egress guard */
};

/* Which list of sched a site is in. */
enum site_queue {
	SITE_NOWHERE,
	SITE_TODO,   /* to be looked at now */
	SITE_HUNGRY, /* to be looked at when a credit, a flight or a ring has room again */
};

/* An MX set: the key of limits and of failures. */
struct site {
	UT_hash_handle hh;
	uint32_t slot, gen; /* its place in sched.sites; a wake-up names both */
	struct mx_answer *answer;
	struct conf_limits limits_now;
	const struct conf_limits *limits; /* limits_now */
	struct rate rate;
	struct slice *slices; /* those with rows that may go now */
	struct lane *lanes;
	struct host_addr *addrs;
	uint32_t n_addrs;
	uint32_t n_domains;        /* sdomains that point here */
	uint32_t n_flights;        /* flights of its slices */
	uint32_t n_apart;          /* lanes beside the first of their source */
	uint32_t fails_in_row;     /* connections that failed since the last answer to mail */
	uint8_t has_v4, has_v6;    /* 0 or 1 */
	uint64_t as_7bit_until_us; /* a host of it takes no 8-bit text: it is composed for so */
	uint8_t is_routed;         /* 0 or 1: a host of the configuration, not an MX set */
	uint8_t blocked;           /* 0 or 1: all that a source reaches is barred */
	uint8_t running;           /* 0 or 1: inside site_run() */
	uint8_t queued;            /* enum site_queue */
	uint64_t wake_us;          /* of its entry in sched.wakes; UINT64_MAX: none */
	uint64_t deferred, delivered, refused;
	uint8_t last_why; /* enum dp_why of that: */
	char last_error[224];
	struct site *prev, *next; /* in sched.todo or sched.hungry */
	char domain[MX_NAME_BYTES];
	char key[];
};

/* One site from one source address, for messages that want the same of TLS; a domain that shares no
 * session has its own.
 */
struct lane {
	struct site *site;
	uint32_t source;
	uint64_t alone;                   /* id of that domain; 0: all others */
	uint8_t tls;                      /* enum dp_tls_policy: what all its messages want */
	uint8_t requiretls;               /* 0 or 1: likewise */
	uint8_t is_apart;                 /* 0 or 1: of one source, it is not the site's first */
	uint32_t fails_in_row;            /* those that were refused to this source, likewise */
	uint32_t no_mail_in_row;          /* of them, by hosts that take no mail at all */
	uint32_t first_worker, n_workers; /* of the source's port */
	uint32_t n_conns, n_connecting;
	uint32_t n_ahead; /* flights claimed .. ready */
	uint32_t n_ready;
	/* Flights with a shared copy: claimed .. sent, claimed .. composed, ready. */
	uint32_t n_shared, n_shared_coming, n_shared_ready;
	struct flight *ready;
	struct conn *conns;
	struct lane *prev, *next; /* in site->lanes */
};

struct conn {
	uint32_t gen;
	uint8_t open, quitting; /* 0 or 1 */
	uint8_t closed;         /* 0 or 1: had its last event; only jobs are still to be settled */
	uint8_t jobs;           /* unsettled */
	uint8_t window;         /* transactions it will have in flight */
	uint8_t may_clear;  /* 0 or 1: if its handshake fails the next one may be in the clear */
	uint8_t is_shared;  /* 0 or 1: has carried mail of two domains */
	uint8_t has_failed; /* 0 or 1: its host was blamed for it */
	uint16_t learnt;    /* enum dp_known */
	uint16_t rcpts_max; /* its host takes in one transaction; 0: unknown */
	uint32_t credential, credential_turn; /* it authenticates with; 0: none */
	uint32_t worker;
	uint32_t msgs, msgs_max; /* submitted */
	uint32_t delivered;
	uint32_t answered, lost; /* transactions with a reply, and without */
	uint64_t domain;         /* id of the one it carried last; 0: none yet */
	struct lane *lane;       /* NULL: slot is free */
	struct ip_addr addr;
	struct dp_handle handle;
	uint64_t idle_us;         /* since when without a job */
	uint64_t opened_us;       /* since when messages may be handed over */
	struct conn *prev, *next; /* in lane->conns, or the free list */
};

/* What hosts said of a credential. */
struct credential {
	uint32_t turn;     /* of its secret, and of what was asked about it */
	uint32_t fails;    /* refused in a row, each time by one session that was to find out */
	uint64_t until_us; /* no session is opened with it before; 0: none was refused */
};

/* Sources of one pool, by what they can reach. */
struct pool {
	const char *name; /* NULL: all sources */
	uint32_t *any, *v4, *v6;
	uint32_t n_any, n_v4, n_v6;
	struct pool *next;
};

/* Something about a campaign as a whole, on its way to the disk. */
struct note {
	struct store_rec rec;
	struct campaign *c;
	sched_released_fn *done; /* NULL: nobody waits */
	void *ctx;
	bool appended;
	struct note *prev, *next; /* in sched.notes, oldest first */
};

struct sched {
	struct sched_conf cf;
	const struct conf *conf;
	uint64_t now_us;
	int64_t now_s;
	uint32_t n_workers;
	uint32_t *credits;    /* per worker */
	uint32_t *n_conns_of; /* per worker */
	struct flight *flights, *free_flights;
	uint32_t n_flights, flights_max;
	struct batch *batches, *free_batches; /* as many as credits: each holds one at least */
	struct copy *copies;
	struct conn *conns, *free_conns;
	uint32_t n_conns, conns_max;
	struct site **sites; /* by slot; NULL: free */
	uint32_t sites_room;
	uint32_t *free_slots, n_free_slots;
	struct site *sites_by_key, *todo, *hungry;
	struct sdomain *domains, *to_look_up;
	uint64_t n_domain_ids;
	uint32_t n_confs; /* configurations so far */
	struct hosts *hosts;
	struct credential credentials[DP_CREDENTIALS_MAX]; /* by number - 1 */
	uint8_t tls_unread; /* 0 or 1: the store could not say which hosts have done TLS */
	uint32_t n_looking; /* look-ups under way */
	uint32_t fed;       /* flights and connections that came free since the last run */
	uint64_t fed_us;    /* when hungry sites were last looked at for the passing of time */
	struct load *loads;
	struct pool *pools;
	struct heap due;   /* key Unix s, a slice, b row */
	struct heap wakes; /* key us, a site slot, b gen */
	struct flight *compose_wait, *append_wait;
	struct note *notes;
	uint8_t stopping; /* 0 or 1 */
	uint64_t random;
};

/* flight.c */
struct flight *flight_get(struct sched *s, struct slice *sl, uint32_t row);
void flight_put(struct sched *s, struct flight *f); /* and tells slice, site and campaign */
void flight_claim(struct sched *s, struct flight *first, uint32_t n); /* a run of fresh rows */
void flight_compose(struct sched *s, struct flight *f);
void flight_texts(const struct tpl_out *out, struct dp_text text[TPL_TEXTS_MAX]);
void flight_composed(struct sched *s, struct flight *f, const struct compose_done *done);
void flight_return(struct sched *s, struct flight *f); /* not tried: its row is ready again */
void flight_settle(struct sched *s, struct flight *f, const struct verdict *v,
                   const struct dp_evt *evt, const char *reason);
void flight_retry_waiting(struct sched *s); /* what the store or the composers did not take */

/* site.c */
void site_todo(struct sched *s, struct site *site);
void site_hungry(struct sched *s, struct site *site);
void sites_feed(struct sched *s); /* as many hungry ones as there is something for */
void site_wake_at(struct sched *s, struct site *site, uint64_t at_us);
void site_run(struct sched *s, struct site *site);
struct site *site_of(struct sched *s, struct sdomain *dom, struct mx_answer *answer);
void site_set_limits(const struct sched *s, struct site *site); /* of the configuration in force */
void site_try_free(struct sched *s, struct site *site);
void site_set_error(struct site *site, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* sdomain.c */
void sites_sort(struct sched *s); /* each domain to its site, by the configuration in force */
void sdomain_look_up(struct sdomain *dom);
bool sdomains_look_up(struct sched *s); /* those that wait; false: there is more to do at once */
void sdomain_try_free(struct sdomain *dom);
struct sdomain *sdomain_of(struct sched *s, struct span name);

/* sched.c */
void load_try_end(struct sched *s, struct load *load); /* when all its recipients are final */

/* campaigns.c */
bool notes_append(struct sched *s); /* what the store did not take; false: it still does not */
bool note_try_durable(struct sched *s, uint64_t cookie); /* false: the cookie is a flight's */
void campaign_stopped(struct sched *s, struct campaign *c, const struct dp_evt *evt);
void campaign_uncomposed(struct sched *s, struct campaign *c, const char *why);

/* slice.c */
void slice_new(struct sched *s, struct load *load, uint32_t domain);
void slice_try_free(struct slice *sl);
bool slice_peek(struct slice *sl, uint32_t *row); /* the next row that may go now */
void slice_take(struct slice *sl, uint32_t row);  /* the one just peeked */
void slice_again(struct sched *s, struct slice *sl, uint32_t row);
void slice_wait(struct sched *s, struct slice *sl, uint32_t row, int64_t due_s);
void slice_list(struct sched *s, struct slice *sl); /* into its site's list, if it has rows */

/* lane.c */
struct lane *lane_for(struct sched *s, const struct slice *sl, uint32_t row);
void lane_run(struct sched *s, struct lane *lane);
void lane_push(struct sched *s, struct lane *lane, struct flight *f);
uint32_t lane_room(const struct sched *s, const struct lane *lane, const struct load *load);
struct dp_job lane_job(const struct conn *c, const struct flight *f);
void lane_sent(struct sched *s, struct lane *lane, struct conn *c, struct flight *f);
/* Every address has failed again and again since mail was last answered: what cannot be sent spends
 * an attempt.
 */
bool lane_is_out(const struct lane *lane);
void lane_free(struct lane *lane);

/* share.c: recipients of one message. A flight joins the copy that there is, or is ordered by its
 * caller and begins one.
 */
void shares_open(struct sched *s);
void shares_close(struct sched *s);
bool copy_try_join(struct sched *s, struct flight *f, bool as_7bit);
void copy_begin(struct sched *s, struct flight *f, bool as_7bit);
void copy_composed(struct sched *s, struct copy *copy, const struct compose_done *done);
void copy_leave(struct sched *s, struct flight *f);
void copies_renew(struct sched *s); /* who comes next is composed for anew */
uint32_t share_rcpts_max(const struct lane *lane);
/* Hands over `first` and as many ready ones of its domain as may go with it. */
bool share_submit(struct sched *s, struct lane *lane, struct conn *c, struct flight *first);
struct flight *batch_flight(struct sched *s, const struct dp_evt *evt); /* NULL: not one's alone */
bool batch_is_message(uint64_t message);
bool batch_leave(struct sched *s, struct flight *f); /* true: its job has no one open now */

/* credentials.c: who we are to hosts that do not take it. Refused with a secret that is the newest:
 * one session at a time finds out whether that has changed, with growing waits in between.
 */
bool credential_may_dial(struct sched *s, const struct lane *lane, uint64_t *again_us);
void credential_dialled(struct sched *s, struct conn *c);
void credential_taken(struct sched *s, const struct conn *c); /* its host answered mail */
/* True when there is another secret, so that it is worth a try at once. */
bool credential_refused(struct sched *s, const struct conn *c, const struct dp_evt *evt);
bool credential_is_out(const struct sched *s, const struct lane *lane);

/* learn.c: what sessions say of hosts. */
uint64_t after_s(const struct sched *s, uint32_t seconds);
uint64_t fact_until_us(const struct sched *s, enum host_fact fact);
void learn(struct sched *s, struct host *host, enum host_fact fact);
struct host *host_of(struct sched *s, const struct conn *c);
void conn_failed(struct sched *s, struct conn *c, const struct dp_evt *evt);
void conn_worked(struct sched *s, const struct conn *c);
void conn_learn(struct sched *s, struct conn *c, const struct dp_evt *evt);
void conn_learn_limits(struct sched *s, struct conn *c, const struct dp_evt *evt);
void conn_prove_window(struct sched *s, const struct conn *c, bool in_order);

/* dial.c: opens one more connection of a lane. */
enum dialled {
	DIALLED,
	DIALLED_FULL,    /* no slot or no room in a ring now */
	DIALLED_NOWHERE, /* every host is to be left alone */
	DIALLED_NEVER,   /* no host is one that the lane may go to */
};

/* Whether an address of the site may get REQUIRETLS mail: it is named for it, and not known to lack
 * it; NULL: whether one of them may.
 */
bool site_takes_requiretls(struct sched *s, const struct site *site, const struct host_addr *addr);

/* Transactions in flight: what is asked of every host, more of one that has proven to take it. */
uint32_t dial_window(const struct conf_limits *l, const struct host *host, uint64_t now_us);
enum dialled dial(struct sched *s, struct lane *lane);
/* Whether a source of the lane has an address of that family. */
bool lane_reaches(const struct sched *s, const struct lane *lane, const struct ip_addr *addr);
