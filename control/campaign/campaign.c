/* campaign.c - the fold: from records to the state of every recipient, and the sums. */
#include "control/campaign/campaign.h"

#include <assert.h>

#include "control/bounce/verp.h"
#include "control/campaign/address.h"
#include "control/campaign/dsn.h"
#include "control/campaign/registry.h"
#include "control/dsn_words.h"
#include "control/xalloc.h"

struct state_row {
	const char *name;
	bool final;
};

static const struct state_row states[] = {
#define RCPT_STATE(sym, name, final) [RCPT_##sym] = { name, final },
#include "control/campaign/rcpt_state.def"
#undef RCPT_STATE
};
static_assert(sizeof(states) / sizeof(states[0]) == RCPT_N_STATES, "one row per state");

const char *rcpt_state_name(enum rcpt_state state)
{
	assert(state < RCPT_N_STATES);
	return states[state].name;
}

bool rcpt_state_is_final(enum rcpt_state state)
{
	assert(state < RCPT_N_STATES);
	return states[state].final;
}

bool rcpt_may_move(uint8_t from, uint8_t to)
{
	if (from >= RCPT_N_STATES || to >= RCPT_N_STATES || states[from].final)
		return false;
	return to != RCPT_PENDING || from == RCPT_HELD;
}

void campaign_make_rows(struct campaign *c)
{
	uint32_t n_rows = table_n_rows(c->table), n_domains = table_n_domains(c->table);

	c->rcpts = xcalloc(n_rows, sizeof(*c->rcpts));
	c->domains = xcalloc(n_domains, sizeof(*c->domains));
	for (uint32_t i = 0; i < n_domains; i++)
		c->domains[i].count[RCPT_PENDING] = table_domain(c->table, i).n_rows;
	c->count[RCPT_PENDING] = n_rows;
}

/* A reply is the receiver's text: what could steer a terminal or break a line is taken out. */
static char *readable(const char *text, size_t bytes)
{
	char *copy;
	bool utf8;

	if (bytes > CAMPAIGN_REASON_MAX) {
		for (bytes = CAMPAIGN_REASON_MAX; bytes > 0; bytes--)
			if (((uint8_t)text[bytes] & 0xc0) != 0x80)
				break;
	}
	utf8 = utf8_is_text(span_of(text, bytes));
	copy = xcalloc(bytes + 1, 1);
	for (size_t i = 0; i < bytes; i++) {
		uint8_t c = (uint8_t)text[i];

		copy[i] = c < ' ' || c == 0x7f ? ' ' : c >= 0x80 && !utf8 ? '?' : (char)c;
	}
	return copy;
}

static void note_trouble(struct campaign_domain *d, const struct store_rec *rec)
{
	size_t bytes = rec->text_bytes < STORE_TEXT_MAX ? rec->text_bytes : STORE_TEXT_MAX;

	if (rec->state == RCPT_DEFERRED)
		d->next_due_s = (uint32_t)rec->due_s;
	if (d->first_reason != NULL || d->first_code != 0 || rec->state == RCPT_DELIVERED ||
	    rec->state == RCPT_PENDING)
		return;
	d->first_code = rec->code;
	if (bytes > 0)
		d->first_reason = readable(rec->text, bytes);
}

static bool apply_first_attempt(struct campaign *c, const struct store_rec *rec)
{
	if (rec->rows == 0 || rec->at_s <= 0)
		return false;
	for (uint32_t row = rec->row; row < rec->row + rec->rows; row++)
		if (c->rcpts[row].first_attempt_s == 0)
			c->rcpts[row].first_attempt_s = (uint32_t)rec->at_s;
	return true;
}

/* Moves one recipient and the sums. */
static struct campaign_domain *move_row(struct campaign *c, uint32_t row, uint8_t state)
{
	struct rcpt *r = &c->rcpts[row];
	struct campaign_domain *d = &c->domains[table_domain_of(c->table, row)];

	assert(c->count[r->state] > 0 && d->count[r->state] > 0);
	c->count[r->state]--;
	d->count[r->state]--;
	c->count[state]++;
	d->count[state]++;
	r->state = state;
	return d;
}

static void end_if_over(struct campaign *c, int64_t at_s)
{
	uint64_t over = 0;

	if (c->status == CAMPAIGN_DONE)
		return;
	for (unsigned s = 0; s < RCPT_N_STATES; s++)
		over += states[s].final ? c->count[s] : 0;
	if (over == table_n_rows(c->table)) {
		c->status = CAMPAIGN_DONE;
		c->ended_s = at_s;
	}
}

static bool apply_outcome(struct campaign *c, const struct store_rec *rec)
{
	struct rcpt *r = &c->rcpts[rec->row];
	struct campaign_domain *d;

	if (rec->rows != 1 || !rcpt_may_move(r->state, rec->state))
		return false;
	if (rec->kind == REC_UNCONFIRMED && r->unconfirmed < 15)
		r->unconfirmed++;
	if (rec->kind == REC_STOPPED) {
		c->n_stopped++;
		c->n_stopping -= c->n_stopping > 0; /* 0 when it is read back */
	}
	d = move_row(c, rec->row, rec->state);
	r->due_s = rec->state == RCPT_DEFERRED ? (uint32_t)rec->due_s : 0;
	if (rec->attempts > r->attempts) {
		c->attempts += (uint64_t)(rec->attempts - r->attempts);
		r->attempts = rec->attempts;
	}
	note_trouble(d, rec);
	end_if_over(c, rec->at_s);
	return true;
}

/* Held recipients go on, or are given up, all at once. */
static bool apply_release(struct campaign *c, const struct store_rec *rec)
{
	if (rec->state != RCPT_PENDING && rec->state != RCPT_CANCELLED)
		return false;
	for (uint32_t row = rec->row; row < rec->row + rec->rows; row++) {
		if (c->rcpts[row].state != RCPT_HELD)
			continue;
		move_row(c, row, rec->state);
		c->rcpts[row].released = rec->state == RCPT_PENDING;
	}
	end_if_over(c, rec->at_s);
	return true;
}

void campaign_pause(struct campaign *c, bool paused, const char *why)
{
	c->paused = paused;
	c->n_stopped = c->n_stopping = c->n_uncomposed = 0;
	snprintf(c->paused_why, sizeof(c->paused_why), "%s", paused ? why : "");
}

static bool apply_pause(struct campaign *c, const struct store_rec *rec)
{
	size_t bytes = rec->text_bytes < STORE_TEXT_MAX ? rec->text_bytes : STORE_TEXT_MAX;
	char why[STORE_TEXT_MAX + 1];

	if (rec->state > 1)
		return false;
	memcpy(why, rec->text, bytes);
	why[bytes] = '\0';
	campaign_pause(c, rec->state == 1, why);
	return true;
}

bool campaign_apply(struct campaign *c, const struct store_rec *rec)
{
	if (c->rcpts == NULL || rec->campaign != c->id)
		return false;
	if ((uint64_t)rec->row + rec->rows > table_n_rows(c->table))
		return false;
	switch (rec->kind) {
	case REC_FIRST_ATTEMPT:
		return apply_first_attempt(c, rec);
	case REC_UNCONFIRMED:
	case REC_STOPPED:
	case REC_OUTCOME:
		return rec->rows > 0 && apply_outcome(c, rec);
	case REC_PAUSE:
		return apply_pause(c, rec);
	case REC_RELEASE:
		return apply_release(c, rec);
	default:
		return false;
	}
}

void campaign_set_in_flight(struct campaign *c, uint32_t row, bool in_flight)
{
	struct rcpt *r;

	assert(c->rcpts != NULL && row < table_n_rows(c->table));
	r = &c->rcpts[row];
	if (r->in_flight == in_flight)
		return;
	r->in_flight = in_flight;
	if (in_flight) {
		c->in_flight++;
	} else {
		assert(c->in_flight > 0);
		c->in_flight--;
	}
}

size_t campaign_mail_from(const struct campaign *c, uint32_t row, char out[DP_ADDRESS_MAX])
{
	size_t bytes;

	if (c->spec.return_path == NULL)
		return verp_encode(c->tpl_data.key, c->id, row, c->bounce_domain, out);
	bytes = strlen(c->spec.return_path);
	assert(bytes <= DP_ADDRESS_MAX); /* address_parse() took it */
	memcpy(out, c->spec.return_path, bytes);
	return bytes;
}

void campaign_name_message(const struct campaign *c, uint32_t row, int64_t first_attempt_s,
                           int64_t now_s, struct tpl_job *job)
{
	bool is_shared = c->spec.shared_copy != NULL;

	job->tpl = c->tpl;
	job->campaign = &c->tpl_data;
	job->number = is_shared ? 0 : row;
	job->first_attempt_s = is_shared ? c->started_s : first_attempt_s;
	job->now_s = is_shared ? c->started_s : now_s;
	job->no_expiry = is_shared; /* whoever is late gets the same bytes */
}

size_t campaign_envid(const struct campaign *c, uint32_t row, char *out)
{
	char address[DP_ADDRESS_MAX];
	size_t bytes = verp_encode(c->tpl_data.key, c->id, row, "", address);

	assert(bytes > 3 && bytes - 3 <= DSN_ENVID_MAX);
	memcpy(out, address + 2, bytes - 3);
	return bytes - 3;
}

/* A word that another version wrote and we do not know asks for nothing. */
static struct campaign_dsn dsn_of(const struct campaign_spec *spec)
{
	int notify = spec->dsn_notify == NULL ? 0 : dsn_notify_read(spec->dsn_notify);
	int ret = spec->dsn_ret == NULL ? 0 : dsn_ret_read(spec->dsn_ret);

	return (struct campaign_dsn){ .notify = (uint8_t)(notify > 0 ? notify : 0),
		                      .ret = (uint8_t)(ret > 0 ? ret : 0),
		                      .is_asked = notify > 0 || ret > 0 };
}

static uint32_t address_column_of(const struct campaign *c)
{
	const char *name = c->spec.address_column != NULL ? c->spec.address_column : "email";
	const struct tpl_columns *columns = c->table == NULL ? NULL : table_columns(c->table);

	for (uint32_t i = 0; columns != NULL && i < columns->n; i++)
		if (span_eq(columns->names[i], span_str(name)))
			return i;
	return 0; /* no table, no rows */
}

static struct span span_of_text(const char *text)
{
	return text != NULL ? span_str(text) : span_of(NULL, 0);
}

void campaign_bind(struct campaign *c)
{
	const char *at = c->spec.from != NULL ? strrchr(c->spec.from, '@') : NULL;

	c->tpl_data.name = span_str(c->spec.name);
	c->tpl_data.from = span_of_text(c->spec.from);
	c->tpl_data.id_domain = span_str(at != NULL ? at + 1 : c->bounce_domain);
	c->tpl_data.id = c->id;
	c->tpl_data.class = c->spec.class == NULL                ? TPL_CLASS_NONE
	                    : strcmp(c->spec.class, "bulk") == 0 ? TPL_CLASS_BULK
	                                                         : TPL_CLASS_TRANSACTIONAL;
	c->tpl_data.tenant = span_of_text(c->spec.tenant);
	c->tpl_data.stream = span_of_text(c->spec.stream);
	c->tpl_data.list_id = span_of_text(c->spec.list_id);
	c->tpl_data.feedback_id = span_of_text(c->spec.feedback_id);
	c->tpl_data.unsubscribe_url = span_of_text(c->spec.unsubscribe_url);
	c->tpl_data.unsubscribe_mailto = span_of_text(c->spec.unsubscribe_mailto);
	c->tpl_data.may_8bit = c->spec.encoding != NULL && strcmp(c->spec.encoding, "8bit") == 0;
	c->tpl_data.files_first = c->spec.files != NULL && strcmp(c->spec.files, "first") == 0;
	c->tpl_data.postal_address = span_of_text(c->spec.postal_address);
	c->tpl_data.sign_with = span_of_text(c->spec.dkim);
	c->tpl_data.to = span_of_text(c->spec.shared_copy);
	c->dsn = dsn_of(&c->spec);
	c->address_column = address_column_of(c);
}

void campaign_free(struct campaign *c)
{
	if (c->domains != NULL)
		for (uint32_t i = 0; i < table_n_domains(c->table); i++)
			free(c->domains[i].first_reason);
	free(c->domains);
	free(c->rcpts);
	tpl_close(c->tpl);
	if (c->table != NULL)
		table_close(c->table);
	free(c->bounce_domain);
	free(c->mixes_with);
	spec_fini(&c->spec);
	free(c);
}
