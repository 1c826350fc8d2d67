/* dues.c - what was said in transactions and is not yet answered, in order. */
#include "dataplane/smtp/session.h"

void dues_push(struct session *s, enum dp_step step, uint8_t txn, uint8_t rcpt)
{
	struct dues *d = dues_of(s);

	assert(d != NULL && d->n < SMTP_DUES_MAX);
	if (d->n > 0)
		s->has_pipelined = true;
	d->ring[(d->first + d->n) % SMTP_DUES_MAX] =
	    (struct due){ .step = (uint8_t)step, .txn = txn, .rcpt = rcpt, .is_late = d->n > 0 };
	d->n++;
}

struct due dues_pop(struct session *s)
{
	struct dues *d = dues_of(s);
	struct due first;

	assert(d != NULL && d->n > 0);
	first = d->ring[d->first];
	d->n--;
	d->first = d->n == 0 ? 0 : (uint16_t)((d->first + 1) % SMTP_DUES_MAX);
	return first;
}

void dues_open(struct session *s)
{
	struct dues *d;

	assert(s->dues == POOL_NONE);
	s->dues = pool_try_get(&s->smtp->dues);
	d = dues_of(s);
	assert(d != NULL); /* there are as many as transactions */
	d->first = d->n = 0;
}

void dues_close(struct session *s)
{
	if (s->dues != POOL_NONE)
		pool_put(&s->smtp->dues, s->dues);
	s->dues = POOL_NONE;
}
