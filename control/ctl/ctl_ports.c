/* ctl_ports.c - each port: its device, its workers, and how replies find them. */
#include "control/ctl/ctl_cmd.h"
#include "control/xalloc.h"

static void mac_text(const uint8_t mac[6], char text[18])
{
	snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
	         mac[5]);
}

static json_t *port_json(const struct dp_port_view *v)
{
	json_t *row = xcheck(json_object());
	char mac[18];

	mac_text(v->mac, mac);
	json_object_set_new(row, "port", ctl_json_text(v->name));
	json_object_set_new(row, "device", ctl_json_text(v->device));
	json_object_set_new(row, "mac", json_string(mac));
	json_object_set_new(row, "mtu", json_integer(v->mtu_bytes));
	json_object_set_new(row, "link_up", json_boolean(v->link_up));
	json_object_set_new(row, "first_worker", json_integer(v->first_worker));
	json_object_set_new(row, "workers", json_integer(v->n_workers));
	json_object_set_new(row, "landing", json_string(v->landing));
	json_object_set_new(row, "handed_over", json_integer((json_int_t)v->handed));
	json_object_set_new(row, "wrong_core", json_integer((json_int_t)v->wrong_core));
	json_object_set_new(row, "idle", json_string(v->idle));
	json_object_set_new(row, "not_offloaded", json_string(v->without));
	return row;
}

static void port_lines(struct ctl_req *req, const struct dp_port_view *v)
{
	char mac[18];

	mac_text(v->mac, mac);
	fprintf(
	    req->out,
	    "%s: %s, %s, mtu %u, link %s\n"
	    "  workers        %u to %u, replies: %s; %llu handed over, %llu not where foretold\n"
	    "  idle           %s\n"
	    "  not offloaded  %s\n",
	    v->name, v->device, mac, v->mtu_bytes, v->link_up ? "up" : "down", v->first_worker,
	    v->first_worker + v->n_workers - 1, v->landing, (unsigned long long)v->handed,
	    (unsigned long long)v->wrong_core, v->idle, v->without);
}

enum ctl_said ctl_show_ports(struct ctl_req *req)
{
	const struct dp *dp = engine_dp(req->engine);
	json_t *all = req->json ? xcheck(json_array()) : NULL;
	struct dp_port_view view;

	for (uint32_t p = 0; p < dp_n_ports(dp); p++) {
		dp_view_port(dp, p, &view);
		if (req->json)
			json_array_append_new(all, port_json(&view));
		else
			port_lines(req, &view);
	}
	if (req->json) {
		ctl_json_write(req, all);
		fputc('\n', req->out);
	}
	return CTL_SAID_ALL;
}
