/* wire.c - a session's way to TCP: in the clear or through TLS. */
#include "dataplane/smtp/session.h"

size_t wire_write_start(struct session *s, uint64_t now_us, uint8_t **at)
{
	if (s->tls != NULL)
		return tls_write_start(s->tls, now_us, at);
	return tcp_write_start(s->smtp->tcp, s->tcp, at);
}

void wire_write_done(struct session *s, uint64_t now_us, size_t bytes)
{
	if (s->tls != NULL)
		tls_write_done(s->tls, now_us, bytes);
	else
		tcp_write_done(s->smtp->tcp, now_us, s->tcp, bytes);
}

size_t wire_write(struct session *s, uint64_t now_us, struct span bytes)
{
	uint8_t *at;
	size_t n;

	if (s->tls == NULL)
		return tcp_write(s->smtp->tcp, now_us, s->tcp, bytes);
	n = tls_write_start(s->tls, now_us, &at);
	if (n > bytes.bytes)
		n = bytes.bytes;
	memcpy(at, bytes.at, n);
	tls_write_done(s->tls, now_us, n);
	return n;
}

void wire_wipe(struct session *s, uint64_t now_us)
{
	if (s->tls != NULL)
		tls_write_wipe(s->tls, now_us);
}

void wire_flush(struct session *s, uint64_t now_us)
{
	if (s->tls != NULL)
		tls_flush(s->tls, now_us);
	else
		tcp_flush(s->smtp->tcp, now_us, s->tcp);
}

void wire_close(struct session *s, uint64_t now_us)
{
	if (s->tls != NULL)
		tls_goodbye(s->tls, now_us);
	tcp_close(s->smtp->tcp, now_us, s->tcp);
}

bool session_say(struct session *s, uint64_t now_us, const char *text, size_t bytes)
{
	size_t took;

	assert(s->said_cut < bytes);
	took = wire_write(s, now_us, span_of(text + s->said_cut, bytes - s->said_cut));
	assert(took <= bytes - s->said_cut);
	s->said_cut += (uint16_t)took;
	if (s->said_cut < bytes)
		return false;
	s->said_cut = 0;
	return true;
}
