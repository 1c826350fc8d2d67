/* ctl_credentials.c - who we are to smarthosts, and which of it they do not take. */
#include "control/ctl/ctl_cmd.h"
#include "control/secrets.h"
#include "control/text.h"
#include "control/xalloc.h"

static json_t *credential_json(const struct secrets_view *v)
{
	json_t *row = xcheck(json_object());

	json_object_set_new(row, "credential", ctl_json_text(v->name));
	json_object_set_new(row, "user", ctl_json_text(v->user));
	json_object_set_new(row, "kind", json_string(v->is_token ? "token" : "password"));
	json_object_set_new(row, "file", ctl_json_text(v->path));
	json_object_set_new(row, "refused_since_s",
	                    v->refused_s == 0 ? json_null()
	                                      : json_integer((json_int_t)v->refused_s));
	json_object_set_new(row, "refused",
	                    v->refused_s == 0 ? json_null() : ctl_json_text(v->refused));
	return row;
}

static void credential_lines(struct ctl_req *req, const struct secrets_view *v)
{
	char since[TEXT_NUMBER_BYTES], clean[SECRETS_WHY_BYTES];

	fprintf(req->out, "%s: %s, %s in %s\n", v->name, v->user,
	        v->is_token ? "token" : "password", v->path);
	if (v->refused_s != 0)
		fprintf(req->out, "  REFUSED since %s by %s\n", text_time(v->refused_s, since),
		        text_clean(v->refused, clean, sizeof(clean)));
}

enum ctl_said ctl_show_credentials(struct ctl_req *req)
{
	const struct secrets *secrets = engine_secrets(req->engine);
	json_t *all = req->json ? xcheck(json_array()) : NULL;
	struct secrets_view view;
	uint32_t cursor = 0;
	bool any = false;

	for (; secrets_next(secrets, &cursor, &view); any = true) {
		if (req->json)
			json_array_append_new(all, credential_json(&view));
		else
			credential_lines(req, &view);
	}
	if (req->json) {
		ctl_json_write(req, all);
		fputc('\n', req->out);
	} else if (!any) {
		fputs("no credentials: the configuration has no block of that name\n", req->out);
	}
	return CTL_SAID_ALL;
}
