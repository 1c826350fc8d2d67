/* conf_net.c - addresses, networks and name servers as values. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "control/conf/conf_type.h"

int conf_parse_addr(const struct conf_opt *o, const struct conf *conf, void *base, uint32_t n,
                    const char *text, char *why)
{
	bool is_v4 = o->type == CONF_TYPE_ADDR4;
	struct ip_addr a;

	(void)conf;
	(void)n;
	if (ip_parse(text, &a) != 0 || ip_is_v4(&a) != is_v4)
		return conf_wrong(why, "\"%.60s\" is not an %s address; write it like %s", text,
		                  is_v4 ? "IPv4" : "IPv6", is_v4 ? "192.0.2.1" : "2001:db8::1");
	if (ip_is_unset(&a))
		return conf_wrong(why, "%s is no address that anybody has; leave the option out",
		                  text);
	memcpy(conf_field(o, base), &a, sizeof(a));
	return 0;
}

void conf_text_addr(const struct conf_opt *o, const struct conf *conf, const void *base, uint32_t n,
                    char *text)
{
	(void)conf;
	(void)n;
	ip_format(conf_field(o, base), text);
}

int conf_parse_prefix(const struct conf_opt *o, const struct conf *conf, void *base, uint32_t n,
                      const char *text, char *why)
{
	(void)conf;
	if (ip_prefix_parse(text, (struct ip_prefix *)conf_field(o, base) + n) == 0)
		return 0;
	return conf_wrong(why,
	                  "\"%.60s\" is not an address with a prefix length; write it like "
	                  "192.0.2.1/24 or 2001:db8::1/64",
	                  text);
}

void conf_text_prefix(const struct conf_opt *o, const struct conf *conf, const void *base,
                      uint32_t n, char *text)
{
	const struct ip_prefix *p = (const struct ip_prefix *)conf_field(o, base) + n;
	size_t used;

	(void)conf;
	ip_format(&p->addr, text);
	used = strlen(text);
	snprintf(text + used, CONF_TEXT_BYTES - used, "/%d",
	         ip_is_v4(&p->addr) ? p->bits - 96 : p->bits);
}

/* "192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]:5353" */
static bool read_server(const char *text, struct ip_addr *addr, uint16_t *port)
{
	char host[IP_TEXT_MAX];
	const char *colon = strrchr(text, ':'), *end = text + strlen(text);
	uint64_t n = 53;

	if (*text == '[') {
		end = strchr(text++, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return false;
		colon = end[1] == ':' ? end + 1 : NULL;
	} else if (colon != NULL && colon == strchr(text, ':')) {
		end = colon;
	} else {
		colon = NULL; /* none, or an IPv6 address without brackets */
	}
	if (colon != NULL) {
		const char *digits = colon + 1;

		if (!conf_read_digits(&digits, &n) || *digits != '\0' || n == 0 || n > 65535)
			return false;
	}
	if ((size_t)(end - text) >= sizeof(host))
		return false;
	memcpy(host, text, (size_t)(end - text));
	host[end - text] = '\0';
	*port = (uint16_t)n;
	return ip_parse(host, addr) == 0;
}

static uint16_t *server_ports(const struct conf_opt *o, const void *base)
{
	return (uint16_t *)((char *)(uintptr_t)base + o->at_beside);
}

int conf_parse_server(const struct conf_opt *o, const struct conf *conf, void *base, uint32_t n,
                      const char *text, char *why)
{
	(void)conf;
	if (read_server(text, (struct ip_addr *)conf_field(o, base) + n, &server_ports(o, base)[n]))
		return 0;
	return conf_wrong(why,
	                  "\"%.60s\" is not a name server's address; write it like 192.0.2.1, "
	                  "192.0.2.1:5353 or [2001:db8::1]:53",
	                  text);
}

void conf_text_server(const struct conf_opt *o, const struct conf *conf, const void *base,
                      uint32_t n, char *text)
{
	const struct ip_addr *a = (const struct ip_addr *)conf_field(o, base) + n;
	uint16_t port = server_ports(o, base)[n];
	char addr[IP_TEXT_MAX];

	(void)conf;
	ip_format(a, addr);
	if (port == 53)
		snprintf(text, CONF_TEXT_BYTES, "%s", addr);
	else
		snprintf(text, CONF_TEXT_BYTES, ip_is_v4(a) ? "%s:%u" : "[%s]:%u", addr, port);
}

static bool read_mac(const char *text, uint8_t mac[6])
{
	for (int i = 0; i < 6; i++, text += 3) {
		unsigned byte;

		if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]) ||
		    text[2] != (i < 5 ? ':' : '\0'))
			return false;
		sscanf(text, "%2x", &byte);
		mac[i] = (uint8_t)byte;
	}
	return true;
}

int conf_parse_neighbour(const struct conf_opt *o, const struct conf *conf, void *base, uint32_t n,
                         const char *text, char *why)
{
	static const uint8_t no_mac[6];
	const char *blank = strchr(text, ' ');
	struct ip_neighbour *at = (struct ip_neighbour *)conf_field(o, base) + n;
	struct ip_neighbour got;
	char addr[IP_TEXT_MAX];
	size_t bytes = blank != NULL ? (size_t)(blank - text) : 0;

	(void)conf;
	memcpy(addr, text, bytes < sizeof(addr) ? bytes : 0);
	addr[bytes < sizeof(addr) ? bytes : 0] = '\0';
	if (blank == NULL || ip_parse(addr, &got.addr) != 0 || !read_mac(blank + 1, got.mac))
		return conf_wrong(why,
		                  "\"%.80s\" is not an address and a MAC address; write them like "
		                  "\"192.0.2.1 02:00:5e:00:53:01\"",
		                  text);
	if (!ip_is_station(&got.addr) || (got.mac[0] & 1) != 0 || memcmp(got.mac, no_mac, 6) == 0)
		return conf_wrong(
		    why, "\"%.80s\" is not one station's; name one that sends and receives", text);
	*at = got;
	return 0;
}

void conf_text_neighbour(const struct conf_opt *o, const struct conf *conf, const void *base,
                         uint32_t n, char *text)
{
	const struct ip_neighbour *at = (const struct ip_neighbour *)conf_field(o, base) + n;
	size_t used;

	(void)conf;
	ip_format(&at->addr, text);
	used = strlen(text);
	snprintf(text + used, CONF_TEXT_BYTES - used, " %02x:%02x:%02x:%02x:%02x:%02x", at->mac[0],
	         at->mac[1], at->mac[2], at->mac[3], at->mac[4], at->mac[5]);
}

/* "mx.example.com:587", "192.0.2.1:24", "[2001:db8::1]:25"; without a port the protocol tells it.
 * No port can be configured but those that take mail (DESIGN, egress guard).
 */
int conf_parse_route(const struct conf_opt *o, const struct conf *conf, void *base, uint32_t n,
                     const char *text, char *why)
{
	struct conf_route r = { .port = 0 };
	const char *host = text, *end, *digits = NULL, *trouble;
	uint64_t port = 0;

	(void)conf, (void)n;
	if (*text == '[') {
		host = text + 1;
		end = strchr(host, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return conf_wrong(why, "\"%.60s\": write it like [2001:db8::1]:25", text);
		digits = end[1] == ':' ? end + 2 : NULL;
	} else {
		end = strchr(text, ':');
		if (end != NULL)
			digits = end + 1;
		else
			end = text + strlen(text);
	}
	if (digits != NULL && (!conf_read_digits(&digits, &port) || *digits != '\0' ||
	                       (port != 24 && port != 25 && port != 465 && port != 587)))
		return conf_wrong(why, "\"%.60s\": no port that takes mail; use 24, 25, 465 or 587",
		                  text);
	if ((size_t)(end - host) >= sizeof(r.host))
		return conf_wrong(why, "\"%.60s\" is too long for a host; use at most 253 bytes",
		                  text);
	for (size_t i = 0; i < (size_t)(end - host); i++)
		r.host[i] = (char)tolower((unsigned char)host[i]);
	r.port = (uint16_t)port;
	if (ip_parse(r.host, &r.addr) == 0) {
		ip_format(&r.addr, r.host);
	} else {
		trouble = conf_check_hostname(r.host, 0);
		if (*text == '[' || trouble != NULL)
			return conf_wrong(why, "\"%.60s\" %s", text,
			                  *text == '[' ? "holds no IPv6 address" : trouble);
	}
	memcpy(conf_field(o, base), &r, sizeof(r));
	return 0;
}

void conf_text_route(const struct conf_opt *o, const struct conf *conf, const void *base,
                     uint32_t n, char *text)
{
	const struct conf_route *r = conf_field(o, base);
	bool brackets = !ip_is_unset(&r->addr) && !ip_is_v4(&r->addr);
	size_t used;

	(void)conf, (void)n;
	snprintf(text, CONF_TEXT_BYTES, brackets ? "[%s]" : "%s", r->host);
	used = strlen(text);
	if (r->port != 0)
		snprintf(text + used, CONF_TEXT_BYTES - used, ":%u", r->port);
}
