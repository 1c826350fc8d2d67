/* names.c - which variables a template may use, and what to say about those it may not. */
#include "templates/names.h"

#include <errno.h>
#include <stdio.h>

enum {
	NAME_COMPARE_BYTES = 64, /* longer names are not guessed at */
	LIST_BYTES = 72,         /* of the columns an error names */
};

static const struct {
	const char *name;
	enum tpl_from from;
} reserved[] = {
	{ "campaign.name", FROM_CAMPAIGN_NAME },
	{ "campaign.postal_address", FROM_POSTAL_ADDRESS },
	{ "unsubscribe_url", FROM_UNSUBSCRIBE_URL },
};

bool name_find(const struct tpl_columns *columns, struct span name, struct name_at *out)
{
	size_t own = 0, n = sizeof(reserved) / sizeof(reserved[0]);

	while (own < n && !span_eq(name, span_str(reserved[own].name)))
		own++;
	for (uint32_t i = 0;
	     i < columns->n && (own == n || reserved[own].from == FROM_UNSUBSCRIBE_URL); i++) {
		if (span_eq(name, columns->names[i])) {
			*out = (struct name_at){ .from = FROM_COLUMN, .column = i };
			return true;
		}
	}
	if (own < n)
		*out = (struct name_at){ .from = reserved[own].from };
	return own < n;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned name_distance(struct span a, struct span b, unsigned most)
{
	uint8_t row[3][NAME_COMPARE_BYTES + 1]; /* two rows back, one back, this one: by i % 3 */

	if (a.bytes > NAME_COMPARE_BYTES || b.bytes > NAME_COMPARE_BYTES)
		return most + 1;
	for (size_t j = 0; j <= b.bytes; j++)
		row[0][j] = (uint8_t)j;
	for (size_t i = 1; i <= a.bytes; i++) {
		uint8_t *now = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];

		now[0] = (uint8_t)i;
		for (size_t j = 1; j <= b.bytes; j++) {
			unsigned d = up[j - 1] + (a.at[i - 1] != b.at[j - 1]);

			d = least(d, least(up[j], now[j - 1]) + 1u);
			if (i > 1 && j > 1 && a.at[i - 1] == b.at[j - 2] &&
			    a.at[i - 2] == b.at[j - 1])
				d = least(d, up2[j - 2] + 1u);
			now[j] = (uint8_t)d;
		}
	}
	return least(row[a.bytes % 3][b.bytes], most + 1);
}

/* The nearest name; none when all are further than a third of the name, 3 edits at most. */
static struct span nearest(const struct tpl_columns *columns, struct span name)
{
	unsigned most = (unsigned)(name.bytes < 3 ? 1 : name.bytes / 3), best;
	struct span found = span_of(NULL, 0);

	most = least(most, 3);
	best = most + 1;
	for (uint32_t i = 0; i < columns->n + sizeof(reserved) / sizeof(reserved[0]); i++) {
		struct span have =
		    i < columns->n ? columns->names[i] : span_str(reserved[i - columns->n].name);
		unsigned d = name_distance(name, have, most);

		if (d < best) {
			best = d;
			found = have;
		}
	}
	return found;
}

static void list_columns(const struct tpl_columns *columns, char out[LIST_BYTES + 8])
{
	size_t n = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < columns->n; i++) {
		struct span c = columns->names[i];

		if (n + c.bytes + 2 > LIST_BYTES) {
			snprintf(out + n, LIST_BYTES + 8 - n, "%s...", n == 0 ? "" : ", ");
			return;
		}
		n += (size_t)snprintf(out + n, LIST_BYTES + 8 - n, "%s%.*s", n == 0 ? "" : ", ",
		                      (int)c.bytes, (const char *)c.at);
	}
}

int name_unknown(const struct tpl_columns *columns, const char *file, uint32_t line,
                 uint32_t column, struct span name, struct tpl_err *err)
{
	struct span near = nearest(columns, name);
	char list[LIST_BYTES + 8];

	list_columns(columns, list);
	if (near.at == NULL)
		return err_set(err, file, line, column, -EINVAL,
		               "unknown variable \"%.*s\" (columns: %s)", err_quote(name),
		               (const char *)name.at, list);
	return err_set(err, file, line, column, -EINVAL,
	               "unknown variable \"%.*s\" (columns: %s); did you mean %.*s?",
	               err_quote(name), (const char *)name.at, list, err_quote(near),
	               (const char *)near.at);
}
