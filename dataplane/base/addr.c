/* addr.c - IP addresses and prefixes, both families in one shape. */
#include "dataplane/base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

int ip_parse(const char *text, struct ip_addr *out)
{
	uint8_t v4[4];
	struct ip_addr v6;

	if (inet_pton(AF_INET, text, v4) == 1) {
		*out = ip_from_v4(v4);
		return 0;
	}
	if (inet_pton(AF_INET6, text, v6.b) == 1) {
		*out = v6;
		return 0;
	}
	return -EINVAL;
}

int ip_prefix_parse(const char *text, struct ip_prefix *out)
{
	char addr[IP_TEXT_MAX];
	const char *slash = strchr(text, '/');
	size_t n = slash != NULL ? (size_t)(slash - text) : strlen(text);
	struct ip_prefix p = { .bits = 128 };

	if (n >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, text, n);
	addr[n] = '\0';
	if (ip_parse(addr, &p.addr) != 0)
		return -EINVAL;
	if (slash != NULL) {
		char *end;
		unsigned long bits, most = ip_is_v4(&p.addr) ? 32 : 128;

		if (slash[1] < '0' || slash[1] > '9')
			return -EINVAL;
		bits = strtoul(slash + 1, &end, 10);
		if (*end != '\0' || bits > most)
			return -EINVAL;
		p.bits = (uint8_t)(bits + 128 - most);
	}
	*out = p;
	return 0;
}

const char *ip_format(const struct ip_addr *a, char text[IP_TEXT_MAX])
{
	if (ip_is_v4(a))
		inet_ntop(AF_INET, a->b + 12, text, IP_TEXT_MAX);
	else
		inet_ntop(AF_INET6, a->b, text, IP_TEXT_MAX);
	return text;
}

bool ip_in_prefix(const struct ip_addr *a, const struct ip_prefix *p)
{
	unsigned whole = p->bits / 8, rest = p->bits % 8;
	uint8_t mask = (uint8_t)(0xff00 >> rest);

	if (memcmp(a->b, p->addr.b, whole) != 0)
		return false;
	return rest == 0 || ((a->b[whole] ^ p->addr.b[whole]) & mask) == 0;
}
