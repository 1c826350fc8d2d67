/* spec_list.c - how a campaign's recipient list is to be read. */
#include <errno.h>
#include <string.h>

#include "control/campaign/registry.h"
#include "control/campaign/rows.h"
#include "control/campaign/types.h"

/* A delimiter by its name or itself; 0 for what is none. */
static char delimiter_of(const char *text)
{
	static const struct {
		const char *name;
		char delimiter;
	} names[] = { { "comma", ',' }, { "semicolon", ';' }, { "tab", '\t' }, { "pipe", '|' } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(text, names[i].name) == 0)
			return names[i].delimiter;
	return strlen(text) == 1 && rows_can_delimit(text[0]) ? text[0] : '\0';
}

int spec_check_list(const struct campaign_spec *s, char why[CAMPAIGN_WHY_BYTES])
{
	const char *wrong = s->types == NULL ? NULL : types_check(span_str(s->types));

	if (wrong != NULL)
		snprintf(why, CAMPAIGN_WHY_BYTES, "--types %.200s: %s", s->types, wrong);
	else if (s->delimiter != NULL && delimiter_of(s->delimiter) == '\0')
		snprintf(why, CAMPAIGN_WHY_BYTES,
		         "--delimiter \"%.60s\": comma, semicolon, tab, pipe or one character",
		         s->delimiter);
	else
		return 0;
	return -EINVAL;
}

char spec_delimiter(const struct campaign_spec *s)
{
	return s->delimiter == NULL ? '\0' : delimiter_of(s->delimiter);
}
