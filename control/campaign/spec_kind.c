/* spec_kind.c - what kind of mail a campaign is: what may be said of it, and what it has unsaid. */
#include <errno.h>
#include <string.h>

#include "control/campaign/registry.h"
#include "control/dsn_words.h"
#include "control/xalloc.h"

enum {
	URL_BYTES_MAX = 500,
	LIST_ID_BYTES_MAX = 255,
	POSTAL_BYTES_MIN = 10,
	POSTAL_BYTES_MAX = 500
};

static int fail(char why[CAMPAIGN_WHY_BYTES], const char *option, const char *value,
                const char *what)
{
	snprintf(why, CAMPAIGN_WHY_BYTES, "--%s \"%.200s\": %s", option, value, what);
	return -EINVAL;
}

/* The words of Feedback-ID and of tokens: no colon, no blank. */
static bool is_word(const char *text)
{
	size_t bytes = strlen(text);

	return bytes > 0 && bytes <= TPL_TOKEN_NAME_MAX &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
	           bytes;
}

/* What stands in a header between "<" and ">", and may not end it. */
static bool is_url(const char *text)
{
	if (strncmp(text, "https://", 8) != 0 || text[8] == '\0' || strlen(text) > URL_BYTES_MAX)
		return false;
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text >= 0x7f || strchr("<>\",", *text) != NULL)
			return false;
	return true;
}

/* RFC 2919 3: [phrase] "<" list-id ">", of which we take printable ASCII. */
static bool is_list_id(const char *text)
{
	const char *open = strchr(text, '<'), *close = strchr(text, '>');

	if (open == NULL || close == NULL || close < open + 2 || close[1] != '\0' ||
	    strlen(text) > LIST_ID_BYTES_MAX)
		return false;
	for (const char *c = text; *c != '\0'; c++)
		if (*c < ' ' || *c >= 0x7f || (c > open && *c == ' '))
			return false;
	return strchr(open + 1, '<') == NULL;
}

int campaign_tls_min(const struct campaign_spec *spec)
{
	static const char *const names[] = {
#define DP_TLS(sym, name) [DP_TLS_##sym] = name,
#include "dataplane/dp_tls.def"
#undef DP_TLS
	};

	if (spec->tls_min == NULL)
		return DP_TLS_NONE;
	for (int i = 0; i < DP_N_TLS; i++)
		if (strcmp(spec->tls_min, names[i]) == 0)
			return i;
	return -EINVAL;
}

/* One line, and long enough that a body does not show it by chance. */
static bool is_postal_address(const char *text)
{
	size_t bytes = strlen(text);

	if (bytes < POSTAL_BYTES_MIN || bytes > POSTAL_BYTES_MAX || strchr(text, ' ') == NULL)
		return false;
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

int spec_check_kind(const struct campaign_spec *s, char why[CAMPAIGN_WHY_BYTES])
{
	static const char word_rule[] = "1 to 32 letters, digits, '.', '_' or '-'";

	if (s->class != NULL && strcmp(s->class, "bulk") != 0 &&
	    strcmp(s->class, "transactional") != 0)
		return fail(why, "class", s->class, "bulk or transactional");
	if (s->encoding != NULL && strcmp(s->encoding, "7bit") != 0 &&
	    strcmp(s->encoding, "8bit") != 0)
		return fail(why, "encoding", s->encoding, "7bit or 8bit");
	if (s->files != NULL && strcmp(s->files, "first") != 0 && strcmp(s->files, "last") != 0)
		return fail(why, "files", s->files, "first or last");
	if (campaign_tls_min(s) < 0)
		return fail(why, "tls-min", s->tls_min, "none, opportunistic, encrypt or verify");
	if (s->dsn_notify != NULL && dsn_notify_read(s->dsn_notify) < 0)
		return fail(why, "dsn-notify", s->dsn_notify, DSN_NOTIFY_RULE);
	if (s->dsn_ret != NULL && dsn_ret_read(s->dsn_ret) < 0)
		return fail(why, "dsn-ret", s->dsn_ret, DSN_RET_RULE);
	if (s->tenant != NULL && !is_word(s->tenant))
		return fail(why, "tenant", s->tenant, word_rule);
	if (s->stream != NULL && !is_word(s->stream))
		return fail(why, "stream", s->stream, word_rule);
	if (s->feedback_id != NULL && !is_word(s->feedback_id))
		return fail(why, "feedback-id", s->feedback_id, word_rule);
	if (s->list_id != NULL && !is_list_id(s->list_id))
		return fail(why, "list-id", s->list_id,
		            "expected something like \"News of the shop <news.shop.example>\"");
	if (s->unsubscribe_url != NULL && !is_url(s->unsubscribe_url))
		return fail(why, "unsubscribe-url", s->unsubscribe_url,
		            "expected an https address of at most 500 bytes, without blanks");
	if (s->unsubscribe_mailto != NULL && strpbrk(s->unsubscribe_mailto, "?&#%:<>\", ") != NULL)
		return fail(why, "unsubscribe-mailto", s->unsubscribe_mailto,
		            "a plain address like unsubscribe@example.com");
	if (s->postal_address != NULL && !is_postal_address(s->postal_address))
		return fail(
		    why, "postal-address", s->postal_address,
		    "one line of 10 to 500 bytes, like \"Shop Ltd, 1 High Street, Anytown\"");
	return 0;
}

static void fill(char **to, const char *from)
{
	if (*to == NULL && from != NULL && *from != '\0')
		*to = xstrdup(from);
}

void spec_fill(struct campaign_spec *spec, const struct campaigns_conf *conf)
{
	fill(&spec->class, "bulk");
	fill(&spec->stream, spec->class);
	fill(&spec->feedback_id, conf->feedback_id);
	fill(&spec->postal_address, conf->postal_address);
	if (strcmp(spec->class, "bulk") != 0)
		return;
	fill(&spec->unsubscribe_url, conf->unsubscribe_url);
	fill(&spec->unsubscribe_mailto, conf->unsubscribe_mailto);
}
