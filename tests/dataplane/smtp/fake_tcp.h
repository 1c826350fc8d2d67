/* fake_tcp.h - stands in for the TCP engine: keeps what is written, plays the server's side.
 *
 * The functions of tcp.h are defined in fake_tcp.c over this struct; callbacks go to smtp_tcp_ops.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/tcp/tcp.h"

enum {
	FAKE_CONNS_MAX = 8,
	FAKE_OUT_BYTES = 1 << 17,
};

struct fake_conn {
	void *user;
	bool is_used;
	bool is_opened, is_finned; /* by the server's side */
	bool is_shut;              /* tcp_close() was called */
	size_t n_out;              /* bytes written so far */
	size_t n_flushed;          /* of these, followed by a flush */
	size_t n_seen;             /* of these, looked at by the test */
	size_t room;               /* bytes that will still be taken */
	size_t segment;            /* most bytes tcp_write_start() offers at once */
	uint8_t out[FAKE_OUT_BYTES];
};

struct tcp {
	int connect_error; /* what tcp_connect() answers; 0: it opens */
	bool no_buffers;   /* writes take nothing though there is room */
	uint32_t n_aborts, n_closes;
	struct fake_conn conns[FAKE_CONNS_MAX]; /* by tcp_id, in the order of their use */
};

/* A fresh engine without connections. */
void fake_reset(struct tcp *tcp);

/* The server's side of connection `id`. */
void fake_open(struct tcp *tcp, uint64_t now_us, tcp_id id);
void fake_say(struct tcp *tcp, uint64_t now_us, tcp_id id, const void *bytes, size_t n);
void fake_fin(struct tcp *tcp, uint64_t now_us, tcp_id id);
void fake_closed(struct tcp *tcp, uint64_t now_us, tcp_id id, int why);

/* Lets `bytes` more be written and says so. */
void fake_make_room(struct tcp *tcp, uint64_t now_us, tcp_id id, size_t bytes);
