/* sink_options.c - the options of `posthaste sink`, as a table. */
#include "control/sink_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/cmd.h"

enum {
	SCRIPT_BYTES_MAX = 1 << 16,
	CONNS_MAX = 1 << 22,
	HELD_BYTES_MAX = 1 << 28, /* messages on their way that are kept: beyond, 452 */
};

/* How a row's value is taken: by a function, or put at `at` of struct sink_options. */
enum take { TAKE_CALL, TAKE_YES, TAKE_TEXT, TAKE_NUMBER };

struct option_row {
	const char *name, *arg, *help;
	enum take how;
	size_t at;
	uint32_t most; /* of a number, from 1 on */
	/* Returns NULL: fine, else what is wrong with the value. */
	const char *(*call)(struct sink_options *o, const char *value);
};

static bool read_u64(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || n < least || n > most)
		return false;
	*out = n;
	return true;
}

static const char *take_u32(const char *value, uint32_t most, uint32_t *out)
{
	static char text[80];
	uint64_t n;

	if (read_u64(value, 1, most, &n)) {
		*out = (uint32_t)n;
		return NULL;
	}
	snprintf(text, sizeof(text), "it takes a number from 1 to %u", most);
	return text;
}

static const char *take_listen(struct sink_options *o, const char *value)
{
	const char *colon = strrchr(value, ':');
	uint32_t n = o->conf.n_listens;
	char text[IP_TEXT_MAX];
	uint64_t port;
	size_t bytes;

	if (n == DP_SINK_LISTENS_MAX)
		return "there are too many";
	if (colon == NULL || !read_u64(colon + 1, 0, 65535, &port))
		return "it takes ADDRESS:PORT";
	bytes = (size_t)(colon - value);
	if (bytes >= 2 && value[0] == '[' && value[bytes - 1] == ']') {
		value++;
		bytes -= 2;
	}
	snprintf(text, sizeof(text), "%.*s", (int)bytes, value);
	if (bytes >= sizeof(text) || ip_parse(text, &o->conf.listens[n].addr) != 0)
		return "it takes ADDRESS:PORT";
	o->conf.listens[n].port = (uint16_t)port;
	o->conf.n_listens++;
	return NULL;
}

static const char *take_address(struct sink_options *o, const char *value)
{
	if (ip_prefix_parse(value, &o->conf.port.addrs[0]) != 0)
		return "it takes an address with its network, as 10.0.0.1/24";
	o->conf.port.n_addrs = 1;
	return NULL;
}

static const char *take_port(struct sink_options *o, const char *value)
{
	uint32_t port = 0;
	const char *wrong = take_u32(value, 65535, &port);

	o->conf.tcp_port = (uint16_t)port;
	return wrong;
}

static const char *take_host(struct sink_options *o, const char *value)
{
	if (value[0] == '\0' || strlen(value) >= SINK_HOST_BYTES || strpbrk(value, " \t\r\n"))
		return "it takes a host's name";
	o->conf.sink.host = value;
	return NULL;
}

static const char *take_script(struct sink_options *o, const char *value)
{
	static char why[SINK_WHY_BYTES];
	static char text[SCRIPT_BYTES_MAX + 1];
	FILE *f = fopen(value, "re");
	size_t n;

	if (f == NULL)
		return strerror(errno);
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	if (sink_script_parse(span_of(text, n), &o->script, why) != 0)
		return why;
	o->conf.sink.script = o->script;
	return NULL;
}

static const char *take_no_verbs(struct sink_options *o, const char *value)
{
	(void)value;
	o->conf.sink.obeys_rcpts = false;
	return NULL;
}

static const char *take_without(struct sink_options *o, const char *value)
{
	for (const char *at = value; *at != '\0';) {
		size_t n = strcspn(at, ",");
		uint32_t i = 0;

		while (i < SINK_N_EXTS &&
		       (strlen(sink_ext_name(i)) != n || strncasecmp(sink_ext_name(i), at, n) != 0))
			i++;
		if (i == SINK_N_EXTS)
			return "it takes keywords of EHLO with commas between them";
		o->conf.sink.offers &= ~(1u << i);
		at += n + (at[n] == ',');
	}
	return NULL;
}

static const char *take_tls(struct sink_options *o, const char *value)
{
	if (strcmp(value, "1.2") == 0)
		o->conf.tls_min = o->conf.tls_max = 0x0303;
	else if (strcmp(value, "1.3") == 0)
		o->conf.tls_min = o->conf.tls_max = 0x0304;
	else
		return "it takes 1.2 or 1.3";
	return NULL;
}

static const char *take_message(struct sink_options *o, const char *value)
{
	return read_u64(value, 1, 1ull << 40, &o->conf.sink.message_bytes_max)
	           ? NULL
	           : "it takes a number of octets";
}

static const char *take_idle(struct sink_options *o, const char *value)
{
	uint32_t s = 0;
	const char *wrong = take_u32(value, 86400, &s);

	o->conf.sink.idle_ms = s * 1000;
	return wrong;
}

static const char *take_seed(struct sink_options *o, const char *value)
{
	return read_u64(value, 1, UINT64_MAX, &o->conf.sink.seed) ? NULL : "it takes a number";
}

static const char *take_store_max(struct sink_options *o, const char *value)
{
	return read_u64(value, 1, 1ull << 50, &o->keep.store_bytes_max)
	           ? NULL
	           : "it takes a number of octets";
}

#define CALL(f)             TAKE_CALL, 0, 0, f
#define YES(field)          TAKE_YES, offsetof(struct sink_options, field), 0, NULL
#define TEXT(field)         TAKE_TEXT, offsetof(struct sink_options, field), 0, NULL
#define NUMBER(field, most) TAKE_NUMBER, offsetof(struct sink_options, field), most, NULL

static const struct option_row rows[] = {
	/* clang-format off */
	{ "kernel",        NULL,       "over kernel sockets; without it: on our own stack", YES(is_kernel) },
	{ "listen",        "ADDR:PORT", "where, with --kernel (127.0.0.1:2525); may be repeated; port 0: any", CALL(take_listen) },
	{ "device",        "DEVICE",   "the DPDK device of our own stack, as in port.device", TEXT(conf.port.device) },
	{ "address",       "ADDR/BITS", "its address there, with the network", CALL(take_address) },
	{ "hosts",         "N",        "answers on so many addresses, from that one on (1)", NUMBER(conf.hosts, DP_SINK_HOSTS_MAX) },
	{ "port",          "PORT",     "its TCP port there (25)", CALL(take_port) },
	{ "buffers",       "N",        "packet buffers there (by --conns-max)", NUMBER(conf.buffers, 1 << 22) },
	{ "state-dir",     "DIR",      "for what DPDK leaves (a temporary one)", TEXT(conf.state_dir) },
	{ "host",          "NAME",     "who it says it is (sink.invalid)", CALL(take_host) },
	{ "script",        "FILE",     "how it behaves, see below", CALL(take_script) },
	{ "no-verbs",      NULL,       "recipients' local parts are only names", CALL(take_no_verbs) },
	{ "lmtp",          NULL,       "speaks LMTP (RFC 2033)", YES(conf.sink.is_lmtp) },
	{ "without",       "EXT,...",  "extensions that are not offered", CALL(take_without) },
	{ "implicit-tls",  NULL,       "TLS from the first octet", YES(conf.is_implicit) },
	{ "cert",          "FILE",     "PEM: its certificate and chain (one is made for --host)", TEXT(conf.cert_file) },
	{ "key",           "FILE",     "PEM: the key (in the same file)", TEXT(conf.key_file) },
	{ "authority-out", "FILE",     "writes who vouches for the certificate it made", TEXT(conf.authority_file) },
	{ "tls",           "1.2|1.3",  "only that version", CALL(take_tls) },
	{ "no-tickets",    NULL,       "TLS sessions cannot be resumed", YES(conf.no_tickets) },
	{ "conns-max",     "N",        "connections at once (16384)", NUMBER(conf.sink.conns_max, CONNS_MAX) },
	{ "rcpts-max",     "N",        "recipients in a transaction (100); LIMITS says so", NUMBER(conf.sink.rcpts_max, 60000) },
	{ "mails-max",     "N",        "transactions in a connection (no bound)", NUMBER(conf.sink.mails_max, 1000000) },
	{ "message-max",   "OCTETS",   "of a message (52428800); SIZE says so", CALL(take_message) },
	{ "memory-max",    "N",        "recipients, triples and sources remembered (65536)", NUMBER(conf.sink.seen_max, 1 << 26) },
	{ "idle",          "SECONDS",  "patience for the next command (300)", CALL(take_idle) },
	{ "seed",          "N",        "of chance and random delays", CALL(take_seed) },
	{ "store",         "DIR",      "keeps each message as a file: PEER, TLS, HELO, MAIL, RCPT lines, an empty one, the message", TEXT(keep.store_dir) },
	{ "store-max",     "OCTETS",   "of all files (1 GiB); beyond it mail is refused", CALL(take_store_max) },
	{ "hash",          "FILE",     "a line a recipient: SHA-256, octets, Message-ID, recipient, apart by tabs", TEXT(keep.hash_file) },
	/* clang-format on */
};

enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

static const char *take(const struct option_row *row, struct sink_options *o, const char *value)
{
	char *at = (char *)o + row->at;

	switch (row->how) {
	case TAKE_YES:
		*(bool *)at = true;
		return NULL;
	case TAKE_TEXT:
		*(const char **)(void *)at = value;
		return NULL;
	case TAKE_NUMBER:
		return take_u32(value, row->most, (uint32_t *)(void *)at);
	default:
		return row->call(o, value);
	}
}

static void help(void)
{
	const char *name, *reply;

	puts(
	    "posthaste sink --kernel [--listen ADDR:PORT]...\n"
	    "posthaste sink --device DEVICE --address ADDR/BITS\n"
	    "A mail server that takes everything and keeps nothing: a tool for tests and\n"
	    "measurements, no server for anybody's mail. It believes every client, and misbehaves\n"
	    "as a script or the recipient's local part says. \"ready ADDRESS PORT\" on standard\n"
	    "output, then what it counted, its stack included, as JSON: at each SIGUSR1, and at "
	    "its end (SIGTERM).\n");
	for (uint32_t i = 0; i < N_ROWS; i++)
		printf("  --%s%s%s\n        %s\n", rows[i].name, rows[i].arg != NULL ? " " : "",
		       rows[i].arg != NULL ? rows[i].arg : "", rows[i].help);
	printf(
	    "\nA script has a rule a line: STAGE CONDITIONS : DEEDS. All conditions must hold. "
	    "Rules "
	    "are\nasked in their order; the first that replies or ends the connection decides. # "
	    "begins a remark.\n    rcpt to *@busy.test first 2 : delay 1s reply 450 4.2.0 come "
	    "back\n    connect over 10 : text microsoft_rp003\n%s",
	    sink_script_help());
	puts("\nA local part may say it, too: verbs apart by +, then any name; a verb may name a "
	     "stage\n"
	     "(rcpt, data, body, message) and how many times, or how long:\n"
	     "    450-3+anna@x  550.message+ben@x  delay-200ms+eve@x  grey-5s+tim@x\n"
	     "    close.body+al@x  reset.data+jo@x  silent.message+bo@x  "
	     "google_rate.message-2+li@x\n"
	     "\nProviders' texts:");
	for (uint32_t i = 0; sink_text(i, &name, &reply); i++)
		printf("    %-18s %.*s\n", name, (int)strcspn(reply, "\n"), reply);
}

int sink_options_read(int argc, char **argv, struct sink_options *o)
{
	struct option words[N_ROWS + 2] = { 0 };
	const char *wrong;
	int c;

	*o = (struct sink_options){
		.conf = { .sink = { .host = "sink.invalid",
		                    .conns_max = 16384,
		                    .seen_max = 65536,
		                    .rcpts_max = 100,
		                    .message_bytes_max = 52428800,
		                    .idle_ms = 300000,
		                    .offers = (1u << SINK_N_EXTS) - 1,
		                    .obeys_rcpts = true },
		          .port = { .name = "sink", .mtu_bytes = 1500 },
		          .hosts = 1,
		          .tcp_port = 25 },
		.keep = { .store_bytes_max = 1ull << 30, .held_bytes_max = HELD_BYTES_MAX },
	};
	for (uint32_t i = 0; i < N_ROWS; i++)
		words[i] = (struct option){ rows[i].name, rows[i].arg != NULL, NULL, (int)i + 1 };
	words[N_ROWS] = (struct option){ "help", no_argument, NULL, N_ROWS + 1 };
	opterr = 0;
	while ((c = getopt_long(argc, argv, "", words, NULL)) != -1) {
		if (c == '?')
			return cmd_usage("sink", "\"%s\" is no option, or it lacks its value",
			                 argv[optind - 1]);
		if (c == N_ROWS + 1) {
			help();
			exit(0);
		}
		wrong = take(&rows[c - 1], o, optarg);
		if (wrong != NULL)
			return cmd_usage("sink", "--%s %s: %s", rows[c - 1].name,
			                 optarg != NULL ? optarg : "", wrong);
	}
	if (optind != argc)
		return cmd_usage("sink", "\"%s\" is too much", argv[optind]);
	if (o->is_kernel && o->conf.port.device != NULL)
		return cmd_usage("sink", "it is --kernel or --device, not both");
	if (!o->is_kernel && (o->conf.port.device == NULL || o->conf.port.n_addrs == 0))
		return cmd_usage("sink", "it takes --kernel, or --device and --address");
	if (!o->is_kernel && o->conf.n_listens != 0)
		return cmd_usage("sink", "--listen is for --kernel");
	if (o->is_kernel && o->conf.n_listens == 0)
		(void)take_listen(o, "127.0.0.1:2525");
	return 0;
}

void sink_options_free(struct sink_options *o)
{
	sink_script_free(o->script);
	o->script = NULL;
}
