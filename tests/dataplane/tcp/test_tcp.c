/* test_tcp.c - opening and closing in every order, ports, stale peers, ICMP, data out of order. */
#include "tests/dataplane/tcp/rig.h"
#include "tests/support/suite.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>

#define WINDOW 60000

static const struct rig_options sack_ts = {
	.mss = 1460, .wscale = 0, .sack = true, .ts = true, .window = WINDOW
};

static void start(struct rig *r)
{
	rig_conf(r);
	rig_open(r);
	rig_establish(r, &sack_ts);
}

static void peer_acks_fin(struct rig *r, uint32_t written)
{
	r->peer_ack = RIG_ISS + 1 + written + 1;
	rig_in(r, TCP_ACK, NULL, 0, WINDOW);
}

static void the_peer_closes_first_and_both_fins_end_it_without_time_wait(void)
{
	struct rig r;
	const struct rig_sent *s;

	start(&r);
	r.user.close_on_fin = true;
	rig_in(&r, TCP_ACK | TCP_FIN, "bye", 3, WINDOW);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL);
	CU_ASSERT_EQUAL(s->head.flags, TCP_FIN | TCP_ACK);
	CU_ASSERT_EQUAL(s->head.ack, r.peer_seq); /* one segment for both */
	rig_turn(&r);
	CU_ASSERT_PTR_NULL(rig_next(&r));
	CU_ASSERT_EQUAL(r.user.rx_bytes, 3);
	CU_ASSERT_EQUAL(r.user.n_closed, 0);
	peer_acks_fin(&r, 0);
	CU_ASSERT_EQUAL(r.user.n_closed, 1);
	CU_ASSERT_EQUAL(r.user.why, 0);
	CU_ASSERT_EQUAL(r.tcp->tw.used, 0);
	CU_ASSERT_EQUAL(tcp_n_conns(r.tcp), 0);
	rig_close(&r);
}

static void we_close_first_and_wait_in_a_compact_entry(void)
{
	struct rig r;
	const struct rig_sent *s;

	start(&r);
	tcp_write(r.tcp, r.now_us, r.user.id, span_str("QUIT"));
	tcp_close(r.tcp, r.now_us, r.user.id);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL);
	CU_ASSERT_EQUAL(s->head.flags, TCP_FIN | TCP_ACK | TCP_PSH); /* with the last data */
	CU_ASSERT_EQUAL(s->bytes, 4);
	peer_acks_fin(&r, 4);
	rig_in(&r, TCP_ACK, "221", 3, WINDOW); /* half-closed: still heard */
	CU_ASSERT_EQUAL(r.user.rx_bytes, 3);
	rig_drain(&r);
	rig_in(&r, TCP_ACK | TCP_FIN, NULL, 0, WINDOW);
	CU_ASSERT_EQUAL(r.user.n_peer_closed, 1);
	CU_ASSERT_EQUAL(r.user.n_closed, 1);
	CU_ASSERT_EQUAL(r.user.why, 0);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.flags == TCP_ACK && s->head.ack == r.peer_seq);
	CU_ASSERT_EQUAL(tcp_n_conns(r.tcp), 0);
	CU_ASSERT_EQUAL(r.tcp->tw.used, 1);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_time_wait_now), 1);
	CU_ASSERT_EQUAL(r.trace[0].in_use, 0);

	rig_in_at(&r, TCP_RST, r.peer_seq, 0, NULL, 0, 0); /* RFC 1337: ignored */
	CU_ASSERT_EQUAL(r.tcp->flow.n, 1);
	rig_run(&r, 2000);
	rig_in_at(&r, TCP_ACK | TCP_FIN, r.peer_seq - 1, r.peer_ack, NULL, 0, WINDOW);
	s = rig_next(&r); /* the FIN again: the ACK again, and the wait anew */
	CU_ASSERT_FATAL(s != NULL && s->head.flags == TCP_ACK && s->head.ack == r.peer_seq);
	rig_run(&r, 59000);
	CU_ASSERT_EQUAL(r.tcp->flow.n, 1);
	rig_run(&r, 1100);
	CU_ASSERT_EQUAL(r.tcp->flow.n, 0);
	CU_ASSERT_EQUAL(r.tcp->tw.used, 0);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_time_wait_now), 0);
	rig_close(&r);
}

static void both_close_at_once(void)
{
	struct rig r;

	start(&r);
	tcp_close(r.tcp, r.now_us, r.user.id);
	rig_in(&r, TCP_ACK | TCP_FIN, NULL, 0, WINDOW); /* crossed ours */
	CU_ASSERT_EQUAL(tcb_at(r.tcp, r.user.id)->state, TCP_STATE_CLOSING);
	rig_turn(&r);
	CU_ASSERT_EQUAL(rig_drain(&r), 2); /* FIN, and the ACK of the peer's */
	peer_acks_fin(&r, 0);
	CU_ASSERT_EQUAL(r.user.n_closed, 1);
	CU_ASSERT_EQUAL(r.user.why, 0);
	CU_ASSERT_EQUAL(r.tcp->tw.used, 1);
	CU_ASSERT_EQUAL(rig_drain(&r), 0); /* an ACK is not acknowledged */
	rig_close(&r);
}

static void a_lost_fin_is_sent_again(void)
{
	struct rig r;
	const struct rig_sent *s;

	start(&r);
	tcp_close(r.tcp, r.now_us, r.user.id);
	rig_drain(&r);
	for (int i = 0; i < 3; i++) {
		while ((s = rig_next(&r)) == NULL)
			rig_run(&r, 1);
		CU_ASSERT_EQUAL(s->head.flags, TCP_FIN | TCP_ACK);
		CU_ASSERT_EQUAL(s->head.seq, RIG_ISS + 1);
	}
	rig_close(&r);
}

static void a_peer_that_never_closes_is_left_after_a_minute(void)
{
	struct rig r;

	start(&r);
	tcp_close(r.tcp, r.now_us, r.user.id);
	peer_acks_fin(&r, 0);
	rig_run(&r, 59000);
	CU_ASSERT_EQUAL(r.user.n_closed, 0);
	rig_run(&r, 1100);
	CU_ASSERT_EQUAL(r.user.n_closed, 1);
	CU_ASSERT_EQUAL(r.user.why, -ETIMEDOUT);
	rig_close(&r);
}

static void a_peer_that_still_sends_after_our_fin_is_not_left(void)
{
	struct rig r;

	start(&r);
	tcp_close(r.tcp, r.now_us, r.user.id);
	peer_acks_fin(&r, 0);
	for (int i = 0; i < 4; i++) {
		rig_run(&r, 40000);
		rig_in(&r, TCP_ACK, "more", 4, WINDOW);
	}
	CU_ASSERT_EQUAL(r.user.n_closed, 0);
	CU_ASSERT_EQUAL(r.user.rx_bytes, 16);
	rig_run(&r, 60100);
	CU_ASSERT_EQUAL(r.user.why, -ETIMEDOUT);
	rig_close(&r);
}

static void a_close_before_the_handshake_ends_it_at_the_next_tick(void)
{
	struct rig r;

	rig_conf(&r);
	rig_open(&r);
	rig_connect(&r);
	tcp_close(r.tcp, r.now_us, r.user.id);
	CU_ASSERT_EQUAL(r.user.n_closed, 0);
	rig_run(&r, 1);
	CU_ASSERT_EQUAL(r.user.n_closed, 1);
	CU_ASSERT_EQUAL(r.user.why, -ECONNABORTED);
	rig_close(&r);
}

static void bytes_out_of_order_are_held_reported_and_delivered_once(void)
{
	struct rig r;
	const struct rig_sent *s;
	uint32_t at;

	start(&r);
	at = r.peer_seq;
	rig_in_at(&r, TCP_ACK, at + 6, r.peer_ack, "ghi", 3, WINDOW);
	rig_turn(&r);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.ack == at && s->head.n_sacks == 1);
	CU_ASSERT_EQUAL(s->head.sacks[0].start, at + 6);
	CU_ASSERT_EQUAL(s->head.sacks[0].end, at + 9);
	rig_in_at(&r, TCP_ACK | TCP_FIN, at + 12, r.peer_ack, "mno", 3, WINDOW);
	rig_turn(&r);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.n_sacks == 2);
	CU_ASSERT_EQUAL(s->head.sacks[0].start, at + 12);                /* the newest first */
	rig_in_at(&r, TCP_ACK, at + 2, r.peer_ack, "cdefgh", 6, WINDOW); /* overlaps */
	rig_in_at(&r, TCP_ACK, at + 4, r.peer_ack, "efghijklmn", 10, WINDOW);
	CU_ASSERT_EQUAL(r.user.rx_bytes, 0);
	rig_in_at(&r, TCP_ACK, at, r.peer_ack, "abcd", 4, WINDOW);
	CU_ASSERT_EQUAL(r.user.rx_bytes, 15);
	CU_ASSERT_EQUAL(memcmp(r.user.rx, "abcdefghijklmno", 15), 0);
	CU_ASSERT_EQUAL(r.user.n_peer_closed, 1); /* the FIN came out of order too */
	rig_turn(&r);
	CU_ASSERT_TRUE(rig_drain(&r) != 0);
	rig_close(&r);
}

static void what_a_hostile_peer_sends_ahead_is_bounded(void)
{
	struct rig r;

	start(&r);
	for (uint32_t i = 0; i < 10000; i++)
		rig_in_at(&r, TCP_ACK, r.peer_seq + 1 + 2 * i, r.peer_ack, "x", 1, WINDOW);
	CU_ASSERT_EQUAL(r.tcp->ooo_segs, TCP_OOO_SEGS_MAX);
	rig_close(&r);
}

static void what_lies_beyond_the_window_is_cut_off(void)
{
	static uint8_t much[40000];
	struct rig r;

	start(&r);
	rig_in_at(&r, TCP_ACK, r.peer_seq, r.peer_ack, much, sizeof(much), WINDOW);
	CU_ASSERT_EQUAL(r.user.rx_bytes, 32768);
	rig_close(&r);
}

static void ports_are_told_apart_by_destination_and_run_out_with_an_error(void)
{
	struct rig r;
	struct ip_addr other;
	tcp_id id;
	bool seen[4] = { false };

	rig_conf(&r);
	r.conf.port_first = 30000;
	r.conf.port_last = 30003;
	rig_open(&r);
	ip_parse("10.0.0.77", &other);
	for (int i = 0; i < 4; i++) {
		const struct rig_sent *s;

		CU_ASSERT_EQUAL(rig_connect(&r), 0);
		s = rig_next(&r);
		CU_ASSERT_FATAL(s->head.source_port >= 30000 && s->head.source_port <= 30003);
		CU_ASSERT_FALSE(seen[s->head.source_port - 30000]);
		seen[s->head.source_port - 30000] = true;
	}
	CU_ASSERT_EQUAL(rig_connect(&r), -EADDRNOTAVAIL);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_ports_exhausted), 1);
	CU_ASSERT_EQUAL(tcp_connect(r.tcp, r.now_us, &r.local, &other, 25, &r.user, &id), 0);
	CU_ASSERT_EQUAL(tcp_connect(r.tcp, r.now_us, &r.local, &r.remote, 587, &r.user, &id), 0);
	CU_ASSERT_EQUAL(tcp_n_conns(r.tcp), 6);
	r.no_route = true;
	CU_ASSERT_EQUAL(rig_connect(&r), -ENETUNREACH);
	rig_close(&r);
}

static void a_full_table_refuses_new_connections_and_keeps_the_old(void)
{
	struct rig r;

	rig_conf(&r);
	r.conf.conns_max = 2;
	rig_open(&r);
	CU_ASSERT_EQUAL(rig_connect(&r), 0);
	CU_ASSERT_EQUAL(rig_connect(&r), 0);
	CU_ASSERT_EQUAL(rig_connect(&r), -ENOBUFS);
	CU_ASSERT_EQUAL(tcp_n_conns(r.tcp), 2);
	rig_close(&r);
}

static void the_next_engine_finds_stale_peers_in_the_trace_and_ends_them(void)
{
	struct rig r;
	struct tcp_trace_entry old;
	const struct rig_sent *s;

	start(&r);
	old = r.trace[r.user.id];
	CU_ASSERT_EQUAL(old.in_use, 1);
	CU_ASSERT_EQUAL(old.local_port, r.local_port);
	CU_ASSERT_EQUAL(old.remote_port, 25);
	tcp_probe_stale(r.tcp, r.now_us, &old);
	CU_ASSERT_EQUAL(rig_drain(&r), 0); /* in use here: left alone */
	tcp_close_engine(r.tcp);           /* kill -9 */
	CU_ASSERT_EQUAL_FATAL(tcp_open(&r.conf, r.now_us, &r.tcp), 0);
	tcp_probe_stale(r.tcp, r.now_us, &old);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL);
	CU_ASSERT_EQUAL(s->head.flags, TCP_ACK);
	CU_ASSERT_EQUAL(s->head.source_port, old.local_port);
	CU_ASSERT_EQUAL(s->bytes, 0);
	rig_in_at(&r, TCP_ACK, 5555, 7777, NULL, 0, 100); /* the peer says where it stands */
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL && s->head.flags == TCP_RST && s->head.seq == 7777);
	rig_close(&r);
}

static void icmp_errors_are_hard_before_the_handshake_and_soft_after(void)
{
	struct rig r;
	struct net_icmp e = { .kind = NET_ICMP_PORT, .remote_port = 25 };

	rig_conf(&r);
	rig_open(&r);
	rig_connect(&r);
	e.local = r.local;
	e.remote = r.remote;
	e.local_port = rig_next(&r)->head.source_port;
	e.seq = RIG_ISS + 1; /* not what is outstanding */
	tcp_icmp(r.tcp, r.now_us, &e);
	CU_ASSERT_EQUAL(r.user.n_closed, 0);
	e.seq = RIG_ISS;
	e.kind = NET_ICMP_TIME_EXCEEDED;
	tcp_icmp(r.tcp, r.now_us, &e);
	CU_ASSERT_EQUAL(r.user.n_closed, 0);
	e.kind = NET_ICMP_PORT;
	tcp_icmp(r.tcp, r.now_us, &e);
	CU_ASSERT_EQUAL(r.user.n_closed, 1);
	CU_ASSERT_EQUAL(r.user.why, -ECONNREFUSED);
	r.user.n_closed = 0;
	r.user.n_opened = 0;
	rig_establish(&r, &sack_ts);
	tcp_write(r.tcp, r.now_us, r.user.id, span_str("x"));
	tcp_flush(r.tcp, r.now_us, r.user.id);
	e.local_port = r.local_port;
	e.seq = RIG_ISS + 1;
	tcp_icmp(r.tcp, r.now_us, &e);
	CU_ASSERT_EQUAL(r.user.n_closed, 0);
	rig_close(&r);
}

static void a_smaller_path_mtu_cuts_what_is_queued_and_sends_it_again(void)
{
	static uint8_t body[2896];
	struct rig r;
	struct net_icmp e = { .kind = NET_ICMP_TOO_BIG, .remote_port = 25, .mtu_bytes = 600 };
	const struct rig_sent *s;
	uint32_t at = RIG_ISS + 1;

	start(&r);
	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (uint8_t)(i * 7);
	tcp_write(r.tcp, r.now_us, r.user.id, span_of(body, sizeof(body)));
	tcp_flush(r.tcp, r.now_us, r.user.id);
	CU_ASSERT_EQUAL(rig_drain(&r), 2);
	e.local = r.local;
	e.remote = r.remote;
	e.local_port = r.local_port;
	e.seq = RIG_ISS + 1;
	tcp_icmp(r.tcp, r.now_us, &e);
	tcp_check(r.tcp);
	while ((s = rig_next(&r)) != NULL) {
		CU_ASSERT_EQUAL(s->head.seq, at);
		CU_ASSERT_TRUE(s->bytes <= 600 - 40 - 12);
		CU_ASSERT_EQUAL(memcmp(s->payload, body + (at - RIG_ISS - 1), s->bytes), 0);
		at += s->bytes;
	}
	CU_ASSERT_EQUAL(at, RIG_ISS + 1 + (uint32_t)sizeof(body));
	rig_close(&r);
}

static void a_tuple_in_time_wait_is_used_again_after_a_second(void)
{
	struct rig r;

	rig_conf(&r);
	r.conf.port_first = r.conf.port_last = 31000;
	rig_open(&r);
	rig_establish(&r, &sack_ts);
	tcp_close(r.tcp, r.now_us, r.user.id);
	peer_acks_fin(&r, 0);
	rig_in(&r, TCP_ACK | TCP_FIN, NULL, 0, WINDOW);
	CU_ASSERT_EQUAL(r.user.n_closed, 1);
	CU_ASSERT_EQUAL(rig_connect(&r), -EADDRNOTAVAIL);
	rig_run(&r, 1001);
	CU_ASSERT_EQUAL(rig_connect(&r), 0);
	rig_close(&r);
}

static void time_wait_is_bounded_and_the_oldest_goes(void)
{
	struct rig r;

	rig_conf(&r);
	r.conf.time_wait_max = 3;
	rig_open(&r);
	for (int i = 0; i < 5; i++) {
		r.user.n_opened = r.user.n_closed = 0;
		rig_drain(&r);
		rig_establish(&r, &sack_ts);
		tcp_close(r.tcp, r.now_us, r.user.id);
		peer_acks_fin(&r, 0);
		rig_in(&r, TCP_ACK | TCP_FIN, NULL, 0, WINDOW);
		CU_ASSERT_EQUAL(r.user.n_closed, 1);
	}
	CU_ASSERT_EQUAL(r.tcp->tw.used, 3);
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_time_wait_full), 2);
	rig_run(&r, 61000);
	CU_ASSERT_EQUAL(r.tcp->flow.n, 0);
	rig_close(&r);
}

static void a_syn_that_waits_for_an_address_is_not_sent_twice(void)
{
	struct rig r;

	rig_conf(&r);
	rig_open(&r);
	r.waits = true;
	CU_ASSERT_EQUAL_FATAL(rig_connect(&r), 0);
	rig_run(&r, 2500); /* two requests without an answer */
	CU_ASSERT_EQUAL(r.n_waiting, 1);
	r.waits = false; /* it leaves */
	rig_run(&r, 1000);
	CU_ASSERT_PTR_NULL(rig_next(&r));
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_retransmits), 0);
	rig_run(&r, 1100); /* it was lost: a second from when it left, two at most */
	CU_ASSERT_PTR_NOT_NULL(rig_next(&r));
	CU_ASSERT_EQUAL(rig_count(&r.counters.tcp_retransmits), 1);
	CU_ASSERT_EQUAL(tcb_at(r.tcp, r.user.id)->backoff, 1);
	rig_close(&r);
}

static void all_that_is_open_is_reset_at_once(void)
{
	struct rig r;
	const struct rig_sent *s;

	start(&r);
	tcp_write(r.tcp, r.now_us, r.user.id, span_str("EHLO"));
	CU_ASSERT_EQUAL(rig_connect(&r), 0); /* a SYN not answered needs no reset */
	rig_drain(&r);
	tcp_abort_all(r.tcp, r.now_us);
	s = rig_next(&r);
	CU_ASSERT_FATAL(s != NULL);
	CU_ASSERT_EQUAL(s->head.flags, TCP_RST | TCP_ACK);
	CU_ASSERT_EQUAL(s->head.dest_port, 25);
	CU_ASSERT_PTR_NULL(rig_next(&r));
	CU_ASSERT_EQUAL(r.user.n_closed, 2);
	CU_ASSERT_EQUAL(r.user.why, -ECONNABORTED);
	CU_ASSERT_EQUAL(tcp_n_conns(r.tcp), 0);
	CU_ASSERT_EQUAL(r.trace[0].in_use + r.trace[1].in_use, 0);
	rig_close(&r);
}

/* What is allocated, by the allocator's own account; 0 where a sanitizer stands in its place. */
static uint64_t allocated_bytes(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void what_a_connection_costs_is_told_and_bounded(void)
{
	enum { CONNS = 50000, WAITS = 20000, MILLION = 1000000 };
	struct tcp_conf many = { .conns_max = MILLION, .time_wait_max = 1 };
	struct tcp_conf both = { .conns_max = MILLION, .time_wait_max = MILLION };
	uint64_t before, took, told;
	struct rig r;

	CU_ASSERT(tcp_memory_bytes(&many) / MILLION <= 320);
	CU_ASSERT((tcp_memory_bytes(&both) - tcp_memory_bytes(&many)) / MILLION <= 48);

	rig_conf(&r);
	r.conf.conns_max = CONNS;
	r.conf.time_wait_max = WAITS;
	r.conf.trace = NULL;
	told = tcp_memory_bytes(&r.conf);
	before = allocated_bytes();
	CU_ASSERT_EQUAL_FATAL(tcp_open(&r.conf, r.now_us, &r.tcp), 0);
	took = allocated_bytes() - before;
	if (took != 0) /* huge pages need room to be aligned in, which nobody touches */
		CU_ASSERT(took >= told && took <= told + (12 << 20));
	rig_close(&r);
}

SUITE("dataplane/tcp/tcp", TEST(the_peer_closes_first_and_both_fins_end_it_without_time_wait),
      TEST(we_close_first_and_wait_in_a_compact_entry), TEST(both_close_at_once),
      TEST(a_lost_fin_is_sent_again), TEST(a_peer_that_never_closes_is_left_after_a_minute),
      TEST(a_peer_that_still_sends_after_our_fin_is_not_left),
      TEST(a_close_before_the_handshake_ends_it_at_the_next_tick),
      TEST(bytes_out_of_order_are_held_reported_and_delivered_once),
      TEST(what_a_hostile_peer_sends_ahead_is_bounded),
      TEST(what_lies_beyond_the_window_is_cut_off),
      TEST(ports_are_told_apart_by_destination_and_run_out_with_an_error),
      TEST(a_full_table_refuses_new_connections_and_keeps_the_old),
      TEST(the_next_engine_finds_stale_peers_in_the_trace_and_ends_them),
      TEST(icmp_errors_are_hard_before_the_handshake_and_soft_after),
      TEST(a_smaller_path_mtu_cuts_what_is_queued_and_sends_it_again),
      TEST(a_tuple_in_time_wait_is_used_again_after_a_second),
      TEST(time_wait_is_bounded_and_the_oldest_goes),
      TEST(a_syn_that_waits_for_an_address_is_not_sent_twice),
      TEST(all_that_is_open_is_reset_at_once), TEST(what_a_connection_costs_is_told_and_bounded))
