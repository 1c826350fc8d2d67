/* trial.c - composing rows to see what comes of them. */
#include <errno.h>

#include "control/campaign/campaign.h"
#include "control/xalloc.h"

enum {
	SLAB_BYTES_MIN = 1 << 16,
	SLAB_BYTES_MAX = 1 << 26,
};

int campaign_try(struct campaign_trial *t, uint32_t number, struct tpl_out *out,
                 struct tpl_err *err)
{
	const struct campaign *c = t->c;
	char mail_from[DP_ADDRESS_MAX];
	struct table_row row;
	struct tpl_job job = { .values = row.values, .signers = t->signers, .tokens = t->tokens };
	int result;

	campaign_name_message(c, number, t->now_s, t->now_s, &job);
	job.envelope.mail_from = span_of(mail_from, campaign_mail_from(c, number, mail_from));
	job.envelope.rcpt_to = row.address = table_address(c->table, number);
	for (;;) {
		struct cell_room room;

		if (t->slab == NULL) {
			t->slab_bytes = t->slab_bytes == 0 ? SLAB_BYTES_MIN : 2 * t->slab_bytes;
			t->slab = xcalloc(t->slab_bytes, 1);
		}
		room = (struct cell_room){ .at = t->slab, .max = t->slab_bytes };
		memset(err, 0, sizeof(*err));
		result = -ENOSPC;
		if (table_row(c->table, number, &room, &row))
			result = tpl_compose(&job, t->slab + room.bytes, t->slab_bytes - room.bytes,
			                     out, err);
		if (result != -ENOSPC || t->slab_bytes >= SLAB_BYTES_MAX)
			break;
		free(t->slab);
		t->slab = NULL;
	}
	if (result == -ENOSPC)
		snprintf(err->text, sizeof(err->text), "the message is larger than %d bytes",
		         SLAB_BYTES_MAX);
	return result;
}
