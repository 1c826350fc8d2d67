/* ids.c - what a message is called: keyed hashes of (campaign, row), the same at every attempt. */
#include "templates/ids.h"

#include <errno.h>
#include <string.h>

enum {
	LABEL_BYTES = 8,
	NAME_BYTES_MAX = 256, /* of a campaign's name; its key alone tells it from others */
};

static void put_u64(uint8_t out[8], uint64_t v)
{
	for (int i = 7; i >= 0; i--, v >>= 8)
		out[i] = (uint8_t)v;
}

static void put_hex(const uint8_t *from, char out[IDS_HEX_BYTES + 1])
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < IDS_HEX_BYTES / 2; i++) {
		out[2 * i] = hex[from[i] >> 4];
		out[2 * i + 1] = hex[from[i] & 15];
	}
	out[IDS_HEX_BYTES] = '\0';
}

/* One hash, whose halves are the two names: it is most of what a short message costs. What has a
 * fixed size comes first, so that no name can run into the numbers.
 */
int ids_make(EVP_MD_CTX *sha, const struct tpl_campaign *campaign, uint64_t number, uint32_t turn,
             struct ids *out)
{
	uint8_t text[LABEL_BYTES + 16 + NAME_BYTES_MAX] = "ids", mac[SHA_BYTES];
	size_t name_bytes = campaign->name.bytes;

	if (name_bytes > NAME_BYTES_MAX)
		name_bytes = NAME_BYTES_MAX;
	put_u64(text + LABEL_BYTES, number);
	put_u64(text + LABEL_BYTES + 8, turn);
	if (name_bytes != 0)
		memcpy(text + LABEL_BYTES + 16, campaign->name.at, name_bytes);
	if (!sha_hmac(sha, span_of(campaign->key, TPL_KEY_BYTES),
	              span_of(text, LABEL_BYTES + 16 + name_bytes), mac))
		return -EIO;
	put_hex(mac, out->message);
	put_hex(mac + IDS_HEX_BYTES / 2, out->boundary);
	return 0;
}

static bool is_leap(unsigned year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static void put_digits(char *to, unsigned value, int n)
{
	for (int i = n - 1; i >= 0; i--, value /= 10)
		to[i] = (char)('0' + value % 10);
}

int ids_date(int64_t unix_s, char out[IDS_DATE_BYTES])
{
	static const char days[7][4] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" };
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
		                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	static const uint8_t lengths[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	unsigned year = 1970, month = 0, day, second;

	if (unix_s < 0 || unix_s >= 253402300800) /* 10000-01-01 */
		return -EINVAL;
	day = (unsigned)(unix_s / 86400);
	second = (unsigned)(unix_s % 86400);
	const char *week_day = days[day % 7];

	/* a 400-year cycle has 146,097 days; at most 400 turns remain */
	year += 400 * (day / 146097);
	day %= 146097;
	for (; day >= 365u + is_leap(year); year++)
		day -= 365u + is_leap(year);
	for (; day >= lengths[month] + (unsigned)(month == 1 && is_leap(year)); month++)
		day -= lengths[month] + (unsigned)(month == 1 && is_leap(year));
	/* once a message: digits by hand cost a tenth of what printf() takes */
	memcpy(out, "Www, 00 Mmm 0000 00:00:00 +0000", IDS_DATE_BYTES);
	memcpy(out, week_day, 3);
	memcpy(out + 8, months[month], 3);
	put_digits(out + 5, day + 1, 2);
	put_digits(out + 12, year, 4);
	put_digits(out + 17, second / 3600, 2);
	put_digits(out + 20, second / 60 % 60, 2);
	put_digits(out + 23, second % 60, 2);
	return 0;
}
