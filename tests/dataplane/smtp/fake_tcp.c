#include <assert.h>
#include <errno.h>
#include <string.h>

#include "dataplane/smtp/smtp.h"
#include "tests/dataplane/smtp/fake_tcp.h"

void fake_reset(struct tcp *tcp)
{
	tcp->connect_error = 0;
	tcp->no_buffers = false;
	tcp->n_aborts = tcp->n_closes = 0;
	for (size_t i = 0; i < FAKE_CONNS_MAX; i++)
		tcp->conns[i].is_used = false;
}

/* The asserts are the contract of tcp.h: the layer above must not use a stale id. */
static struct fake_conn *conn_of(struct tcp *tcp, tcp_id id)
{
	assert(id < FAKE_CONNS_MAX && tcp->conns[id].is_used);
	return &tcp->conns[id];
}

void fake_open(struct tcp *tcp, uint64_t now_us, tcp_id id)
{
	struct fake_conn *c = conn_of(tcp, id);

	c->is_opened = true;
	smtp_tcp_ops.opened(c->user, now_us);
}

void fake_say(struct tcp *tcp, uint64_t now_us, tcp_id id, const void *bytes, size_t n)
{
	smtp_tcp_ops.received(conn_of(tcp, id)->user, now_us, span_of(bytes, n));
}

void fake_fin(struct tcp *tcp, uint64_t now_us, tcp_id id)
{
	struct fake_conn *c = conn_of(tcp, id);

	c->is_finned = true;
	smtp_tcp_ops.peer_closed(c->user, now_us);
}

void fake_closed(struct tcp *tcp, uint64_t now_us, tcp_id id, int why)
{
	struct fake_conn *c = conn_of(tcp, id);

	c->is_used = false;
	smtp_tcp_ops.closed(c->user, now_us, why);
}

void fake_make_room(struct tcp *tcp, uint64_t now_us, tcp_id id, size_t bytes)
{
	struct fake_conn *c = conn_of(tcp, id);

	c->room += bytes;
	smtp_tcp_ops.writable(c->user, now_us);
}

int tcp_connect(struct tcp *tcp, uint64_t now_us, const struct ip_addr *local,
                const struct ip_addr *remote, uint16_t remote_port, void *user, tcp_id *out)
{
	(void)now_us, (void)local, (void)remote, (void)remote_port;
	if (tcp->connect_error != 0)
		return tcp->connect_error;
	for (tcp_id id = 0; id < FAKE_CONNS_MAX; id++) {
		struct fake_conn *c = &tcp->conns[id];

		if (c->is_used)
			continue;
		c->user = user;
		c->is_used = true;
		c->is_opened = c->is_finned = c->is_shut = false;
		c->n_out = c->n_flushed = c->n_seen = 0;
		c->room = FAKE_OUT_BYTES;
		c->segment = 1448;
		*out = id;
		return 0;
	}
	return -ENOBUFS;
}

size_t tcp_write_room(struct tcp *tcp, tcp_id id)
{
	struct fake_conn *c = conn_of(tcp, id);
	size_t left = FAKE_OUT_BYTES - c->n_out;

	return c->room < left ? c->room : left;
}

size_t tcp_write_start(struct tcp *tcp, tcp_id id, uint8_t **at)
{
	struct fake_conn *c = conn_of(tcp, id);
	size_t room = tcp_write_room(tcp, id);

	assert(!c->is_shut);
	*at = c->out + c->n_out;
	if (tcp->no_buffers)
		return 0;
	return room < c->segment ? room : c->segment;
}

void tcp_write_done(struct tcp *tcp, uint64_t now_us, tcp_id id, size_t bytes)
{
	struct fake_conn *c = conn_of(tcp, id);

	(void)now_us;
	assert(bytes <= c->room && bytes <= c->segment);
	c->n_out += bytes;
	c->room -= bytes;
}

void tcp_expect_write(const struct tcp *tcp, size_t bytes)
{
	(void)tcp, (void)bytes;
}

size_t tcp_write(struct tcp *tcp, uint64_t now_us, tcp_id id, struct span bytes)
{
	struct fake_conn *c = conn_of(tcp, id);
	size_t n = tcp_write_room(tcp, id);

	(void)now_us;
	assert(!c->is_shut);
	if (tcp->no_buffers)
		return 0;
	if (n > bytes.bytes)
		n = bytes.bytes;
	memcpy(c->out + c->n_out, bytes.at, n);
	c->n_out += n;
	c->room -= n;
	return n;
}

void tcp_flush(struct tcp *tcp, uint64_t now_us, tcp_id id)
{
	struct fake_conn *c = conn_of(tcp, id);

	(void)now_us;
	c->n_flushed = c->n_out;
}

void tcp_close(struct tcp *tcp, uint64_t now_us, tcp_id id)
{
	struct fake_conn *c = conn_of(tcp, id);

	(void)now_us;
	assert(!c->is_shut);
	c->is_shut = true;
	c->n_flushed = c->n_out; /* FIN takes along what was written */
	tcp->n_closes++;
}

void tcp_abort(struct tcp *tcp, uint64_t now_us, tcp_id id)
{
	tcp->n_aborts++;
	fake_closed(tcp, now_us, id, -ECONNABORTED);
}

bool tcp_facts(const struct tcp *tcp, tcp_id id, struct tcp_facts *out)
{
	if (id >= FAKE_CONNS_MAX || !tcp->conns[id].is_used)
		return false;
	*out = (struct tcp_facts){ .local_port = (uint16_t)(1024 + id),
		                   .remote_port = 25,
		                   .srtt_us = 1000 + id,
		                   .resent = 3 };
	return true;
}

const char *tcp_state_name(uint8_t state)
{
	return state == 0 ? "fake" : "?";
}
