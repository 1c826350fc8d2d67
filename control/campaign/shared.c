/* shared.c - campaigns whose recipients get one message between them: what that asks of them. */
#include <errno.h>

#include "control/campaign/address.h"
#include "control/campaign/registry.h"
#include "control/text.h"

enum { TO_BYTES_MAX = 500 };

static const char give_up[] = "leave --shared-copy out, or make it the same for all";

/* An address, with a display name or without, or the group of nobody. */
static const char *wrong_with_to(const char *to)
{
	const char *open = strrchr(to, '<'), *close = strrchr(to, '>');
	struct address parsed;

	if (strcmp(to, TPL_TO_NOBODY) == 0)
		return NULL;
	if (strlen(to) > TO_BYTES_MAX)
		return "longer than 500 bytes";
	for (const char *c = to; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return "a control character in it";
	if (open == NULL)
		return address_parse(span_str(to), &parsed);
	if (close == NULL || close < open || close[1] != '\0')
		return "no > at its end";
	return address_parse(span_of(open + 1, (size_t)(close - open - 1)), &parsed);
}

int spec_check_shared(const struct campaign_spec *s, char why[CAMPAIGN_WHY_BYTES])
{
	const char *wrong = s->shared_copy == NULL ? NULL : wrong_with_to(s->shared_copy);

	if (wrong != NULL)
		snprintf(why, CAMPAIGN_WHY_BYTES,
		         "--shared-copy \"%.200s\": %s; write what To is to say, like "
		         "\"Members <members@example.com>\" or %s",
		         s->shared_copy, wrong, TPL_TO_NOBODY);
	else if (s->shared_copy != NULL && s->return_path == NULL)
		snprintf(why, CAMPAIGN_WHY_BYTES,
		         "--shared-copy: each recipient has an envelope sender of its own under "
		         "bounce_domain; give one for all with --return-path ADDRESS");
	else
		return 0;
	return -EINVAL;
}

int shared_check(const struct campaign *c, char why[CAMPAIGN_WHY_BYTES])
{
	char place[TEXT_PLACE_BYTES];
	struct tpl_err err;

	if (c->spec.shared_copy == NULL ||
	    tpl_check_same(c->tpl, table_columns(c->table), &c->tpl_data, &err) == 0)
		return 0;
	text_place(c->spec.template_dir, err.file, place);
	if (err.line > 0)
		snprintf(why, CAMPAIGN_WHY_BYTES, "--shared-copy: %s:%u:%u: %s; %s", place,
		         err.line, err.column, err.text, give_up);
	else
		snprintf(why, CAMPAIGN_WHY_BYTES, "--shared-copy: %s: %s; %s", place, err.text,
		         give_up);
	return -EINVAL;
}
