#include <strings.h>

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

static void offer_pipelining(struct smtp_caps *caps, struct span arg)
{
	(void)arg;
	caps->pipelining = true;
}

static void offer_eightbit(struct smtp_caps *caps, struct span arg)
{
	(void)arg;
	caps->eightbit = true;
}

static void offer_smtputf8(struct smtp_caps *caps, struct span arg)
{
	(void)arg;
	caps->smtputf8 = true;
}

static void offer_starttls(struct smtp_caps *caps, struct span arg)
{
	(void)arg;
	caps->starttls = true;
}

/* RFC 1870 4: up to 20 digits, none or zero for "no fixed maximum". A number we cannot read says
 * no more than the keyword alone; one too large for us limits nothing.
 */
static void offer_size(struct smtp_caps *caps, struct span arg)
{
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

typedef void offer_fn(struct smtp_caps *caps, struct span arg);

static const struct {
	const char *keyword;
	offer_fn *offer;
} keywords[] = {
	{ "PIPELINING", offer_pipelining }, { "8BITMIME", offer_eightbit },
	{ "SMTPUTF8", offer_smtputf8 },     { "SIZE", offer_size },
	{ "STARTTLS", offer_starttls },
};

void smtp_caps_line(struct smtp_caps *caps, struct span line)
{
	struct span word = take_word(&line);

	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
		if (word.bytes == strlen(keywords[i].keyword) &&
		    strncasecmp((const char *)word.at, keywords[i].keyword, word.bytes) == 0)
			keywords[i].offer(caps, take_word(&line));
	}
}
