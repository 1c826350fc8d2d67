/* smtp_command.c - MAIL and RCPT, with their parameters. */
#include "dataplane/smtp/line.h"
#include "dataplane/smtp/txn.h"

enum {
	ENVID_MAX = 100,  /* RFC 3461 4.4 */
	ORCPT_MAX = 500,  /* RFC 3461 4.2 */
	PARAMS_MAX = 640, /* all parameters of a command: RCPT's 45 and ORCPT are the longest */
	COMMAND_BYTES = 16 + DP_ADDRESS_MAX + PARAMS_MAX,
};

/* A parameter of MAIL or RCPT: puts it, or nothing where it is not asked for or not offered. */
typedef void param_fn(const struct session *s, const struct dp_job *job, const struct dp_rcpt *to,
                      struct line *out);

/* RFC 1870 6. */
static void size_param(const struct session *s, const struct dp_job *job, const struct dp_rcpt *to,
                       struct line *out)
{
	(void)to;
	if (!s->caps.size)
		return;
	LINE_PUT(out, " SIZE=");
	line_put_number(out, job->size_bytes);
}

/* RFC 6152 2, RFC 3030 3. */
static void body_param(const struct session *s, const struct dp_job *job, const struct dp_rcpt *to,
                       struct line *out)
{
	(void)to;
	if (job->needs_binary)
		LINE_PUT(out, " BODY=BINARYMIME");
	else if (job->needs_8bit && s->caps.eightbit)
		LINE_PUT(out, " BODY=8BITMIME");
}

/* RFC 6531 3.4. */
static void smtputf8_param(const struct session *s, const struct dp_job *job,
                           const struct dp_rcpt *to, struct line *out)
{
	(void)to;
	if (job->needs_smtputf8 && s->caps.smtputf8)
		LINE_PUT(out, " SMTPUTF8");
}

/* RFC 8689 3: no message that asks for it comes here without the host's word (txn_begin()). */
static void requiretls_param(const struct session *s, const struct dp_job *job,
                             const struct dp_rcpt *to, struct line *out)
{
	(void)s, (void)to;
	if (job->requiretls)
		LINE_PUT(out, " REQUIRETLS");
}

/* RFC 3461 4: printable, and neither "+" nor "=" but as xtext has them. What is not is not said. */
static bool is_xtext(struct span text, size_t most)
{
	for (size_t i = 0; i < text.bytes; i++)
		if (text.at[i] <= ' ' || text.at[i] >= 0x7f || text.at[i] == '=')
			return false;
	return text.bytes > 0 && text.bytes <= most;
}

static void ret_param(const struct session *s, const struct dp_job *job, const struct dp_rcpt *to,
                      struct line *out)
{
	(void)to;
	if (!s->caps.dsn || job->ret == DP_RET_NONE)
		return;
	if (job->ret == DP_RET_FULL)
		LINE_PUT(out, " RET=FULL");
	else
		LINE_PUT(out, " RET=HDRS");
}

static void envid_param(const struct session *s, const struct dp_job *job, const struct dp_rcpt *to,
                        struct line *out)
{
	(void)to;
	if (!s->caps.dsn || !is_xtext(job->envid, ENVID_MAX))
		return;
	LINE_PUT(out, " ENVID=");
	line_put(out, job->envid);
}

/* RFC 3461 4.1: NEVER stands alone. */
static void notify_param(const struct session *s, const struct dp_job *job,
                         const struct dp_rcpt *to, struct line *out)
{
	static const struct {
		enum dp_notify bit;
		const char *word;
	} words[] = { { DP_NOTIFY_SUCCESS, "SUCCESS" },
		      { DP_NOTIFY_FAILURE, "FAILURE" },
		      { DP_NOTIFY_DELAY, "DELAY" } };
	const char *before = " NOTIFY=";

	(void)job;
	if (!s->caps.dsn)
		return;
	if (to->notify & DP_NOTIFY_NEVER) {
		LINE_PUT(out, " NOTIFY=NEVER");
		return;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if ((to->notify & words[i].bit) == 0)
			continue;
		line_put(out, span_str(before));
		line_put(out, span_str(words[i].word));
		before = ",";
	}
}

static void orcpt_param(const struct session *s, const struct dp_job *job, const struct dp_rcpt *to,
                        struct line *out)
{
	(void)job;
	if (!s->caps.dsn || !is_xtext(to->orcpt, ORCPT_MAX))
		return;
	LINE_PUT(out, " ORCPT=");
	line_put(out, to->orcpt);
}

static param_fn *const mail_params[] = {
	size_param, body_param, smtputf8_param, requiretls_param, ret_param, envid_param, NULL
};
static param_fn *const rcpt_params[] = { notify_param, orcpt_param, NULL };

/* "VERB:<address> PARAM=VALUE ...": says the whole command. Its parts are bounded: the address in
 * txn_begin(), the parameters by themselves.
 */
static bool say_command(struct session *s, uint64_t now_us, const struct dp_job *job,
                        const struct dp_rcpt *to, struct span verb, struct span address,
                        param_fn *const *params)
{
	char place[COMMAND_BYTES];
	struct line line = line_in(place, sizeof(place));

	line_put(&line, verb);
	line_put(&line, address);
	LINE_PUT(&line, ">");
	for (; *params != NULL; params++)
		(*params)(s, job, to, &line);
	LINE_PUT(&line, "\r\n");
	return session_say(s, now_us, place, (size_t)(line.at - place));
}

/* RFC 5321 4.1.1.2. */
bool say_mail(struct session *s, uint64_t now_us)
{
	static const char verb[] = "MAIL FROM:<";
	struct txn *t = txn_said(s);

	if (t->mail_us == 0) {
		t->mail_us = now_us;
		s->n_messages++;
		count(&s->smtp->conf.counters->smtp_messages);
	}
	s->is_clean = false;
	return say_command(s, now_us, &t->job, NULL, span_of(verb, sizeof(verb) - 1),
	                   t->job.mail_from, mail_params);
}

bool say_rcpt(struct session *s, uint64_t now_us)
{
	static const char verb[] = "RCPT TO:<";
	const struct dp_job *job = &txn_said(s)->job;
	const struct dp_rcpt *to = &job->rcpts[s->said_rcpt];

	return say_command(s, now_us, job, to, span_of(verb, sizeof(verb) - 1), to->address,
	                   rcpt_params);
}
