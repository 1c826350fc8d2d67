/* fuzz_dns_answer.c - any packet is refused or read into bounded, printable names.
 *
 * Input: one byte that chooses what was asked, then the packet.
 */
#include <assert.h>

#include "control/mx/dns_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check_name(const char *name)
{
	size_t n = strnlen(name, DNS_NAME_BYTES);

	assert(n < DNS_NAME_BYTES);
	for (size_t i = 0; i < n; i++)
		assert(name[i] > ' ' && name[i] < 0x7f && !(name[i] >= 'A' && name[i] <= 'Z'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static const enum dns_type types[] = { DNS_TYPE_MX,  DNS_TYPE_A,   DNS_TYPE_AAAA,
		                               DNS_TYPE_TXT, DNS_TYPE_PTR, DNS_TYPE_SOA };
	struct dns_answer a;

	if (bytes == 0)
		return 0;
	if (dns_answer_read(span_of(data + 1, bytes - 1), "a.test", types[data[0] % 6], &a) != 0)
		return 0;
	assert(a.n_mx <= DNS_RECORDS_MAX && a.n_addrs <= DNS_RECORDS_MAX);
	assert(a.n_cnames <= DNS_CHAIN_MAX);
	assert(a.ttl_s <= INT32_MAX);
	check_name(a.name);
	for (uint32_t i = 0; i < a.n_mx; i++)
		check_name(a.mx[i].host);
	for (uint32_t i = 0; i < a.n_names; i++)
		check_name(a.names[i]);
	for (uint32_t i = 0; i < a.n_txt; i++) {
		uint8_t joined[64];

		assert(dns_txt_join(a.txt[i], joined, sizeof(joined)) < a.txt[i].bytes);
	}
	return 0;
}
