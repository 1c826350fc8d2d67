/* dns_answer.c - reads one DNS answer; pure, bounded, no byte of it trusted. */
#include "control/mx/dns_answer.h"

#include <assert.h>
#include <errno.h>

enum {
	HEADER_BYTES = 12,
	QR = 0x8000, /* RFC 1035 4.1.1 */
	OPCODE = 0x7800,
	TC = 0x0200,
	AD = 0x0020, /* RFC 4035 3.2.3 */
	RCODE = 0x000f,
	CLASS_IN = 1,
};

/* One record, where it stands in the packet. */
struct rr {
	size_t owner;
	uint16_t type;
	uint32_t ttl_s;
	size_t data, data_bytes;
};

struct reader {
	struct span packet;
	size_t at;
	struct rr answers[DNS_RRS_READ_MAX];
	uint32_t n_answers;
	const char *name; /* asked */
	enum dns_type type;
	struct dns_answer *out;
};

static struct span rest(struct span packet, size_t at)
{
	return span_of(packet.at + at, packet.bytes - at);
}

static bool take_u16(struct span packet, size_t *at, uint16_t *v)
{
	struct span s = rest(packet, *at);

	if (!span_take_u16(&s, v))
		return false;
	*at += 2;
	return true;
}

static bool take_u32(struct span packet, size_t *at, uint32_t *v)
{
	struct span s = rest(packet, *at);

	if (!span_take_u32(&s, v))
		return false;
	*at += 4;
	return true;
}

/* ---- names ---- */

/* Appends one label; `n` is what `out` holds. False when the name gets too long. */
static bool add_label(struct span label, char out[DNS_NAME_BYTES], size_t *n, bool *odd)
{
	if (*n + label.bytes + 2 > DNS_NAME_BYTES)
		return false;
	if (*n != 0)
		out[(*n)++] = '.';
	for (size_t i = 0; i < label.bytes; i++) {
		uint8_t b = label.at[i];

		*odd = *odd || b <= ' ' || b >= 0x7f || b == '.' || b == '\\' || b == ',';
		out[(*n)++] = (char)(b >= 'A' && b <= 'Z' ? b + 32 : b);
	}
	return true;
}

/* RFC 1035 4.1.4: a pointer goes to an earlier place; each must go further back than the last, so
 * that a packet of any bytes ends the walk.
 */
int dns_name_read(struct span packet, size_t *at, char out[DNS_NAME_BYTES])
{
	size_t pos = *at, lowest = *at, n = 0;
	bool odd = false, jumped = false;

	for (;;) {
		uint8_t bytes;

		if (pos >= packet.bytes)
			return -EBADMSG;
		bytes = packet.at[pos];
		if (bytes >= 0xc0) {
			size_t to;

			if (packet.bytes - pos < 2)
				return -EBADMSG;
			to = (size_t)(bytes & 0x3f) << 8 | packet.at[pos + 1];
			if (to >= lowest)
				return -EBADMSG;
			if (!jumped)
				*at = pos + 2;
			jumped = true;
			pos = lowest = to;
			continue;
		}
		if (bytes > 63 || packet.bytes - pos - 1 < bytes)
			return -EBADMSG;
		pos++;
		if (bytes == 0)
			break;
		if (!add_label(span_of(packet.at + pos, bytes), out, &n, &odd))
			return -EBADMSG;
		pos += bytes;
	}
	if (!jumped)
		*at = pos;
	if (n == 0)
		out[n++] = '.';
	out[odd ? 0 : n] = '\0';
	return odd;
}

/* ---- sections ---- */

static bool read_rr(struct reader *r, struct rr *rr)
{
	char owner[DNS_NAME_BYTES];
	uint16_t class, data_bytes;

	rr->owner = r->at;
	if (dns_name_read(r->packet, &r->at, owner) < 0 ||
	    !take_u16(r->packet, &r->at, &rr->type) || !take_u16(r->packet, &r->at, &class) ||
	    !take_u32(r->packet, &r->at, &rr->ttl_s) || !take_u16(r->packet, &r->at, &data_bytes) ||
	    r->packet.bytes - r->at < data_bytes)
		return false;
	if (rr->ttl_s > INT32_MAX) /* RFC 2181 8 */
		rr->ttl_s = 0;
	if (class != CLASS_IN)
		rr->type = 0;
	rr->data = r->at;
	rr->data_bytes = data_bytes;
	r->at += data_bytes;
	return true;
}

static bool is_owner(const struct reader *r, const struct rr *rr, const char *name)
{
	char owner[DNS_NAME_BYTES];
	size_t at = rr->owner;

	return dns_name_read(r->packet, &at, owner) == 0 && strcmp(owner, name) == 0;
}

static void use_ttl(struct dns_answer *a, uint32_t ttl_s)
{
	if (!a->has_ttl || ttl_s < a->ttl_s)
		a->ttl_s = ttl_s;
	a->has_ttl = true;
}

/* From the question's name along its CNAMEs, which may stand in any order (RFC 1034 3.6.2). */
static int follow_cnames(struct reader *r)
{
	struct dns_answer *a = r->out;

	for (uint32_t i = 0; i < r->n_answers; i++) {
		const struct rr *rr = &r->answers[i];
		size_t at = rr->data;

		if (rr->type != DNS_TYPE_CNAME || !is_owner(r, rr, a->name))
			continue;
		if (a->n_cnames == DNS_CHAIN_MAX)
			return -ELOOP;
		if (dns_name_read(r->packet, &at, a->name) != 0 || at != rr->data + rr->data_bytes)
			return -EBADMSG;
		a->n_cnames++;
		use_ttl(a, rr->ttl_s);
		i = UINT32_MAX; /* from the first again; DNS_CHAIN_MAX bounds it */
	}
	return 0;
}

static void read_mx(struct reader *r, const struct rr *rr)
{
	struct dns_answer *a = r->out;
	struct dns_mx *mx = &a->mx[a->n_mx];
	size_t at = rr->data;

	if (a->n_mx < DNS_RECORDS_MAX && rr->data_bytes > 2 &&
	    take_u16(r->packet, &at, &mx->preference) &&
	    dns_name_read(r->packet, &at, mx->host) == 0 && at == rr->data + rr->data_bytes)
		a->n_mx++;
	else
		a->n_left_out++;
}

static void read_addr(struct reader *r, const struct rr *rr)
{
	struct dns_answer *a = r->out;
	size_t bytes = r->type == DNS_TYPE_A ? 4 : 16;

	if (a->n_addrs == DNS_RECORDS_MAX || rr->data_bytes != bytes) {
		a->n_left_out++;
		return;
	}
	if (bytes == 4)
		a->addrs[a->n_addrs] = ip_from_v4(r->packet.at + rr->data);
	else
		memcpy(a->addrs[a->n_addrs].b, r->packet.at + rr->data, 16);
	a->n_addrs++;
}

static void read_ptr(struct reader *r, const struct rr *rr)
{
	struct dns_answer *a = r->out;
	size_t at = rr->data;

	if (a->n_names < DNS_RECORDS_MAX &&
	    dns_name_read(r->packet, &at, a->names[a->n_names]) == 0 &&
	    at == rr->data + rr->data_bytes)
		a->n_names++;
	else
		a->n_left_out++;
}

/* RFC 1035 3.3.14: one or more strings that fill the record. */
static void read_txt(struct reader *r, const struct rr *rr)
{
	struct dns_answer *a = r->out;
	struct span data = span_of(r->packet.at + rr->data, rr->data_bytes), rest = data, string;
	uint8_t bytes;

	while (span_take_u8(&rest, &bytes) && span_take(&rest, bytes, &string))
		;
	if (a->n_txt < DNS_RECORDS_MAX && rest.bytes == 0 && data.bytes > 0)
		a->txt[a->n_txt++] = data;
	else
		a->n_left_out++;
}

static bool read_soa(struct reader *r, const struct rr *rr);

static void read_own_soa(struct reader *r, const struct rr *rr)
{
	if (read_soa(r, rr))
		r->out->n_soa++;
	else
		r->out->n_left_out++;
}

typedef void read_fn(struct reader *r, const struct rr *rr);

static read_fn *reader_of(enum dns_type type)
{
	switch (type) {
	case DNS_TYPE_A:
	case DNS_TYPE_AAAA:
		return read_addr;
	case DNS_TYPE_SOA:
		return read_own_soa;
	case DNS_TYPE_PTR:
		return read_ptr;
	case DNS_TYPE_MX:
		return read_mx;
	case DNS_TYPE_TXT:
		return read_txt;
	case DNS_TYPE_CNAME:
		break;
	}
	assert(!"a type that is asked for");
}

static void collect(struct reader *r)
{
	read_fn *read = reader_of(r->type);

	for (uint32_t i = 0; i < r->n_answers; i++) {
		const struct rr *rr = &r->answers[i];

		if (rr->type != r->type || !is_owner(r, rr, r->out->name))
			continue;
		use_ttl(r->out, rr->ttl_s);
		read(r, rr);
	}
}

uint32_t dns_answer_records(const struct dns_answer *a)
{
	return a->n_mx + a->n_addrs + a->n_names + a->n_txt + a->n_soa + a->n_left_out;
}

size_t dns_txt_join(struct span txt, uint8_t *out, size_t room)
{
	size_t n = 0;
	struct span string;
	uint8_t bytes;

	while (span_take_u8(&txt, &bytes) && span_take(&txt, bytes, &string)) {
		if (n < room)
			memcpy(out + n, string.at, bytes < room - n ? bytes : room - n);
		n += bytes;
	}
	return n;
}

/* RFC 2308 5: a negative holds for the lesser of the SOA's own TTL and its MINIMUM, the last of
 * its five numbers.
 */
static bool read_soa(struct reader *r, const struct rr *rr)
{
	char name[DNS_NAME_BYTES];
	size_t at = rr->data;
	uint32_t minimum = 0;

	if (dns_name_read(r->packet, &at, name) < 0 || dns_name_read(r->packet, &at, name) < 0)
		return false;
	for (int i = 0; i < 5; i++)
		if (!take_u32(r->packet, &at, &minimum))
			return false;
	if (at != rr->data + rr->data_bytes)
		return false;
	use_ttl(r->out, rr->ttl_s < minimum ? rr->ttl_s : minimum);
	r->out->has_soa = true;
	return true;
}

static int read_question(struct reader *r, uint16_t n)
{
	char name[DNS_NAME_BYTES];
	uint16_t type, class;

	if (n != 1 || dns_name_read(r->packet, &r->at, name) != 0 ||
	    !take_u16(r->packet, &r->at, &type) || !take_u16(r->packet, &r->at, &class))
		return -EBADMSG;
	return type == r->type && class == CLASS_IN && strcmp(name, r->name) == 0 ? 0 : -EBADMSG;
}

int dns_answer_read(struct span packet, const char *name, enum dns_type type,
                    struct dns_answer *out)
{
	struct reader r = { .packet = packet, .name = name, .type = type, .out = out };
	uint16_t flags, n_questions, n_answers, n_authority;
	struct rr rr;
	int result;

	*out = (struct dns_answer){ 0 };
	r.at = 2; /* the id is the transport's affair */
	if (packet.bytes < HEADER_BYTES || !take_u16(packet, &r.at, &flags) ||
	    !take_u16(packet, &r.at, &n_questions) || !take_u16(packet, &r.at, &n_answers) ||
	    !take_u16(packet, &r.at, &n_authority) || (flags & QR) == 0 || (flags & OPCODE) != 0)
		return -EBADMSG;
	r.at = HEADER_BYTES;
	out->rcode = flags & RCODE;
	out->authentic = (flags & AD) != 0;
	out->truncated = (flags & TC) != 0;
	if (read_question(&r, n_questions) != 0 || strlen(name) >= DNS_NAME_BYTES)
		return -EBADMSG;
	strcpy(out->name, name);
	for (unsigned i = 0; i < n_answers; i++) {
		if (!read_rr(&r, &rr))
			return -EBADMSG;
		if (r.n_answers < DNS_RRS_READ_MAX)
			r.answers[r.n_answers++] = rr;
	}
	result = follow_cnames(&r);
	if (result != 0)
		return result;
	collect(&r);
	if (dns_answer_records(out) != 0)
		return 0;
	for (unsigned i = 0; i < n_authority && i < DNS_RRS_READ_MAX; i++) {
		if (!read_rr(&r, &rr))
			return -EBADMSG;
		if (rr.type == DNS_TYPE_SOA && !read_soa(&r, &rr))
			return -EBADMSG;
	}
	return 0;
}
