#include <strings.h>

#include "dataplane/smtp/auth.h"
#include "dataplane/smtp/ehlo.h"

/* Servers separate keyword and parameter by a space; tabs and "AUTH=LOGIN" are seen too. */
static bool is_gap(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '=';
}

static struct span take_word(struct span *line)
{
	struct span word;

	while (line->bytes > 0 && is_gap(line->at[0])) {
		line->at++;
		line->bytes--;
	}
	word = span_of(line->at, 0);
	while (line->bytes > 0 && !is_gap(line->at[0])) {
		line->at++;
		line->bytes--;
		word.bytes++;
	}
	return word;
}

static void offer_pipelining(struct smtp_caps *caps, struct span rest)
{
	(void)rest;
	caps->pipelining = true;
}

static void offer_chunking(struct smtp_caps *caps, struct span rest)
{
	(void)rest;
	caps->chunking = true;
}

static void offer_binarymime(struct smtp_caps *caps, struct span rest)
{
	(void)rest;
	caps->binarymime = true;
}

static void offer_eightbit(struct smtp_caps *caps, struct span rest)
{
	(void)rest;
	caps->eightbit = true;
}

static void offer_smtputf8(struct smtp_caps *caps, struct span rest)
{
	(void)rest;
	caps->smtputf8 = true;
}

static void offer_starttls(struct smtp_caps *caps, struct span rest)
{
	(void)rest;
	caps->starttls = true;
}

/* RFC 1870 4: up to 20 digits, none or zero for "no fixed maximum". A number we cannot read says
 * no more than the keyword alone; one too large for us limits nothing.
 */
static void offer_size(struct smtp_caps *caps, struct span rest)
{
	struct span arg = take_word(&rest);
	uint64_t max = 0;

	caps->size = true;
	caps->size_max_bytes = 0;
	for (size_t i = 0; i < arg.bytes; i++) {
		if (arg.at[i] < '0' || arg.at[i] > '9')
			return;
		if (max > (UINT64_MAX - 9) / 10)
			return;
		max = max * 10 + (uint64_t)(arg.at[i] - '0');
	}
	caps->size_max_bytes = max;
}

/* RFC 9422 4: a number of up to six digits that does not begin with 0; what is none limits nothing,
 * nor does what is too large for us. A limit that cannot be kept to is none either.
 */
static uint16_t limit_of(struct span digits)
{
	uint32_t n = 0;

	if (digits.bytes == 0 || digits.bytes > 6)
		return 0;
	for (size_t i = 0; i < digits.bytes; i++) {
		if (digits.at[i] < '0' || digits.at[i] > '9')
			return 0;
		n = n * 10 + (uint32_t)(digits.at[i] - '0');
	}
	return n > UINT16_MAX ? 0 : (uint16_t)n;
}

static bool is_word(struct span word, const char *text)
{
	return word.bytes == strlen(text) &&
	       strncasecmp((const char *)word.at, text, word.bytes) == 0;
}

static void offer_limits(struct smtp_caps *caps, struct span rest)
{
	const struct {
		const char *name;
		uint16_t *limit;
	} limits[] = {
		{ "RCPTMAX", &caps->rcpts_max },
		{ "MAILMAX", &caps->mail_max },
		{ "RCPTDOMAINMAX", &caps->domains_max },
	};

	while (rest.bytes > 0) {
		struct span name = take_word(&rest), value = take_word(&rest);

		for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
			if (is_word(name, limits[i].name))
				*limits[i].limit = limit_of(value);
	}
}

typedef void offer_fn(struct smtp_caps *caps, struct span rest);

static void offer_auth(struct smtp_caps *caps, struct span rest)
{
	caps->auth |= auth_offered(rest);
}

static void offer_dsn(struct smtp_caps *caps, struct span rest)
{
	(void)rest;
	caps->dsn = true;
}

static void offer_requiretls(struct smtp_caps *caps, struct span rest)
{
	(void)rest;
	caps->requiretls = true;
}

static const struct {
	const char *keyword;
	offer_fn *offer;
} keywords[] = {
	{ "PIPELINING", offer_pipelining },
	{ "CHUNKING", offer_chunking },
	{ "BINARYMIME", offer_binarymime },
	{ "8BITMIME", offer_eightbit },
	{ "SMTPUTF8", offer_smtputf8 },
	{ "SIZE", offer_size },
	{ "STARTTLS", offer_starttls },
	{ "LIMITS", offer_limits },
	{ "AUTH", offer_auth },
	{ "DSN", offer_dsn },
	{ "REQUIRETLS", offer_requiretls },
};

void smtp_caps_line(struct smtp_caps *caps, struct span line)
{
	struct span word = take_word(&line);

	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
		if (is_word(word, keywords[i].keyword))
			keywords[i].offer(caps, line);
	}
}
