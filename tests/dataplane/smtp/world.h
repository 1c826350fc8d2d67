/* world.h - one client, one fake TCP, a clock that the test turns, and all events so far.
 *
 *	world_begin();
 *	greet("250-mx\r\n250 PIPELINING\r\n");
 *	submit(1);
 *	CLIENT("MAIL FROM:<a@x.test>\r\n" "RCPT TO:<r1@y.test>\r\n" "DATA\r\n");
 *	SERVER("250 ok\r\n");
 *	world_end();
 */
#pragma once

#include "dataplane/smtp/smtp.h"
#include "tests/dataplane/smtp/fake_tcp.h"
#include "tests/support/suite.h"

enum {
	WORLD_EVTS_MAX = 256,
};

extern struct world {
	struct tcp tcp;
	struct smtp *smtp;
	struct smtp_conf conf;
	struct dp_counters counters;
	uint64_t now_us;
	struct dp_handle conn; /* of the newest DP_EVT_OPEN */
	struct dp_dial order;  /* what dial() asks for; as usual after world_begin_with() */
	uint32_t n_evts;
	struct dp_evt evts[WORLD_EVTS_MAX];
} world;

/* Ordinary limits; 4 sessions. world_begin_with() lets the test change them first. */
void world_conf(void);
void world_begin_with(void);
void world_begin(void);

/* No session may be left. */
void world_end(void);

/* Connects session number `world`'s next; its tcp_id is the number of those before it. */
void dial(void);

/* Dials and answers up to and with EHLO; CLIENT() starts behind it. */
void greet(const char *ehlo_reply);

/* A job from a@x.test to r<message>@y.test whose body is "Subject: hi\r\n\r\nbody\r\n". */
struct dp_job job_of(uint64_t message);
void submit(uint64_t message);

/* What the client wrote and flushed since the last look is exactly `text`. */
void client_said(const char *file, int line, const char *text);
#define CLIENT(text) client_said(__FILE__, __LINE__, text)

/* The server sends `text`, in one piece or byte by byte. */
#define SERVER(text) fake_say(&world.tcp, world.now_us, 0, text, sizeof(text) - 1)
void server_drips(const char *text);

/* Lets time pass, a second at a time, timers included. */
void wait_ms(uint64_t ms);

/* The newest event of a kind, or one of kind 255 when there is none. */
const struct dp_evt *last(enum dp_evt_kind kind);
uint32_t n_evts(enum dp_evt_kind kind);

/* The one verdict of `message`; counts as a failure when there is not exactly one. */
const struct dp_evt *verdict_at(const char *file, int line, uint64_t message);
#define VERDICT(message) verdict_at(__FILE__, __LINE__, message)

/* QUIT, 221 and both FINs, as it should be. */
void part(void);

/* Both FINs are through after the client closed. */
void fins_pass(void);
