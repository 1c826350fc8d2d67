/* ctl_gate.c - the content gate: what it found, and what becomes of those it holds. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "control/ctl/ctl_cmd.h"
#include "control/gate/keeper.h"
#include "control/text.h"
#include "control/xalloc.h"

static void add_hits(void *ctx, const struct keeper_hits *h)
{
	const struct gate_rule *r = h->rule;
	json_t *o = xcheck(json_object());
	char where[64];

	json_object_set_new(o, "rule", json_string(h->id));
	json_object_set_new(o, "hits", json_integer((json_int_t)h->hits));
	if (r != NULL) {
		rules_where_text(r->where, where);
		json_object_set_new(o, "grade", json_string(rules_grade_name(r->grade)));
		json_object_set_new(o, "action", json_string(rules_action_name(r->action)));
		json_object_set_new(o, "where", json_string(where));
		json_object_set_new(o, "note", ctl_json_text(r->note));
	}
	json_array_append_new(ctx, o);
}

json_t *ctl_gate_json(struct ctl_req *req, uint32_t campaign)
{
	json_t *all = xcheck(json_array());

	keeper_each(engine_keeper(req->engine), campaign, true, add_hits, all);
	return all;
}

static void write_hits(void *ctx, const struct keeper_hits *h)
{
	const struct gate_rule *r = h->rule;
	char note[GATE_NOTE_MAX + 1], n[TEXT_NUMBER_BYTES], where[64] = "";

	if (r != NULL)
		rules_where_text(r->where, where);
	fprintf(ctx, "%-24s %-5s %-7s %-22s %12s  %s\n", h->id,
	        r != NULL ? rules_grade_name(r->grade) : "gone",
	        r != NULL ? rules_action_name(r->action) : "", where, text_thousands(h->hits, n),
	        r != NULL ? text_clean(r->note, note, sizeof(note)) : "");
}

static void write_head(FILE *out)
{
	fprintf(out, "%-24s %-5s %-7s %-22s %12s  %s\n", "rule", "grade", "action", "where",
	        "messages", "note");
}

void ctl_gate_text(struct ctl_req *req, uint32_t campaign)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *f = xcheck(open_memstream(&text, &bytes));

	keeper_each(engine_keeper(req->engine), campaign, true, write_hits, f);
	if (fclose(f) == 0 && bytes > 0) {
		fputs("content gate:\n", req->out);
		fwrite(text, 1, bytes, req->out);
		fputc('\n', req->out);
	}
	free(text);
}

static json_t *view_json(const struct keeper_view *v)
{
	return xcheck(json_pack("{s:s,s:i,s:i,s:f,s:i,s:I,s:I,s:I,s:b}", "rules_file", v->path,
	                        "rules", (int)v->n_rules, "stop_rules", (int)v->n_stop,
	                        "cycles_per_byte", v->cycles / 10.0, "compile_ms",
	                        (int)v->compile_ms, "memory_bytes", (json_int_t)v->memory_bytes,
	                        "hits_lost", (json_int_t)v->lost, "since_s", (json_int_t)v->since_s,
	                        "compiling", v->compiling));
}

static void view_text(struct ctl_req *req, const struct keeper_view *v)
{
	char t[TEXT_NUMBER_BYTES], why[RULES_WHY_BYTES];

	fprintf(req->out,
	        "%u rules, %u of them stop; %s since %s; %u.%u cycles a byte of the sample\n",
	        v->n_rules, v->n_stop, v->path[0] != '\0' ? v->path : "shipped",
	        text_time(v->since_s, t), v->cycles / 10, v->cycles % 10);
	if (v->compiling)
		fputs("others are being compiled\n", req->out);
	if (v->trouble != NULL)
		fprintf(req->out, "not taken: %s\n", text_clean(v->trouble, why, sizeof(why)));
	if (v->lost > 0)
		fprintf(req->out, "%s hits are not counted below: too many campaigns and rules\n",
		        text_thousands(v->lost, t));
	fputc('\n', req->out);
}

enum ctl_said ctl_show_gate(struct ctl_req *req)
{
	uint32_t campaign = req->campaign != NULL ? req->campaign->id : 0;
	const struct keeper *k = engine_keeper(req->engine);
	struct keeper_view v;
	json_t *o, *all;

	keeper_look(k, &v);
	if (!req->json) {
		view_text(req, &v);
		write_head(req->out);
		keeper_each(k, campaign, campaign != 0, write_hits, req->out);
		return CTL_SAID_ALL;
	}
	o = view_json(&v);
	all = xcheck(json_array());
	keeper_each(k, campaign, campaign != 0, add_hits, all);
	json_object_set_new(o, "trouble", ctl_json_text(v.trouble));
	json_object_set_new(o, "hits", all);
	ctl_json_write(req, o);
	fputc('\n', req->out);
	return CTL_SAID_ALL;
}

static enum ctl_said say(struct ctl_req *req, const char *what)
{
	fprintf(req->out, req->json ? "{\"done\":\"%s\"}\n" : "%s\n", what);
	return CTL_SAID_ALL;
}

/* NULL: it can be steered; else why not. */
static const char *not_steered(const struct campaign *c)
{
	return c->status == CAMPAIGN_IMPORTING ? "it is still being imported"
	       : c->status == CAMPAIGN_DONE    ? "it is done"
	                                       : NULL;
}

enum ctl_said ctl_campaign_pause(struct ctl_req *req)
{
	const char *why = not_steered(req->campaign);

	if (why != NULL)
		return ctl_fail(req, "campaign %s cannot be paused: %s", req->campaign->spec.name,
		                why);
	sched_pause(engine_sched(req->engine), req->campaign, "by command");
	return say(req, "paused");
}

enum ctl_said ctl_campaign_resume(struct ctl_req *req)
{
	if (!req->campaign->paused)
		return ctl_fail(req, "campaign %s is not paused", req->campaign->spec.name);
	sched_resume(engine_sched(req->engine), req->campaign);
	return say(req, "resumed");
}

static void on_released(void *ctx, struct campaign *c, uint64_t n)
{
	struct ctl_later *later = ctx;
	char *body;

	if (asprintf(&body,
	             ctl_later_is_json(later) ? "{\"campaign\":\"%s\",\"recipients\":%" PRIu64 "}"
	                                      : "campaign \"%s\": %" PRIu64
	                                        " recipients are held no more\n",
	             c->spec.name, n) < 0)
		body = xcheck(NULL);
	ctl_later_done(later, NULL, body);
	free(body);
}

static enum ctl_said release(struct ctl_req *req, enum rcpt_state state)
{
	const char *why = not_steered(req->campaign);

	if (why == NULL && req->campaign->count[RCPT_HELD] == 0)
		why = "it holds no recipient";
	if (why != NULL)
		return ctl_fail(req, "campaign %s: %s", req->campaign->spec.name, why);
	sched_release(engine_sched(req->engine), req->campaign, state, on_released,
	              ctl_later_new(req));
	return CTL_SAID_LATER;
}

enum ctl_said ctl_campaign_release(struct ctl_req *req)
{
	return release(req, RCPT_PENDING);
}

enum ctl_said ctl_campaign_cancel_held(struct ctl_req *req)
{
	return release(req, RCPT_CANCELLED);
}
