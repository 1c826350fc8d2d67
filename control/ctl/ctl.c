/* ctl.c - the server of the stats socket: bounded clients, bounded requests, one chunk in memory.
 *
 *	READING --line--> RUNNING --chunk--> WRITING --written--> RUNNING ... --> closed
 *	                     |--later--> WAITING --done--> WRITING
 *	                     \--wait---> WAITING --go on--> RUNNING
 *
 * What a client sends after its line is read and dropped, so that closing never resets the
 * answer away. A client that stalls is closed after its patience.
 */
#include "control/ctl/ctl.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "control/ctl/ctl_cmd.h"
#include "control/ctl/ctl_server.h"
#include "control/xalloc.h"

enum { BACKLOG = 64 };

enum client_state { CLIENT_READING, CLIENT_RUNNING, CLIENT_WAITING, CLIENT_WRITING, CLIENT_CLOSED };

struct ctl {
	uv_pipe_t pipe;
	struct engine *engine;
	char *path;
	struct ctl_client *clients;
	uint32_t n_clients, patience_ms;
};

struct ctl_client {
	uv_pipe_t pipe;
	uv_timer_t timer;
	uint32_t n_open; /* of the two handles above */
	enum client_state state;
	struct ctl *ctl; /* NULL once the server is gone */
	struct ctl_client *next, **at;
	struct ctl_req req;
	struct ctl_later *later;
	uv_write_t write;
	char *chunk;
	size_t chunk_bytes;
	bool is_last, said_ok;
	size_t n_in;
	char in[CTL_REQUEST_BYTES_MAX + 1];
	char drop[1024]; /* where bytes after the line go */
};

struct ctl_later {
	struct ctl_client *client; /* NULL: no longer there */
	bool is_json;
};

static void run(struct ctl_client *cl);

static void on_handle_closed(uv_handle_t *h)
{
	struct ctl_client *cl = h->data;

	if (--cl->n_open > 0)
		return;
	free(cl->chunk);
	free(cl);
}

static void close_client(struct ctl_client *cl)
{
	if (cl->state == CLIENT_CLOSED)
		return;
	cl->state = CLIENT_CLOSED;
	if (cl->later != NULL)
		cl->later->client = NULL;
	if (cl->req.job != NULL)
		cl->req.free_job(cl->req.job);
	cl->req.job = NULL;
	*cl->at = cl->next;
	if (cl->next != NULL)
		cl->next->at = cl->at;
	cl->ctl->n_clients--;
	cl->ctl = NULL;
	uv_close((uv_handle_t *)&cl->pipe, on_handle_closed);
	uv_close((uv_handle_t *)&cl->timer, on_handle_closed);
}

static void on_timer(uv_timer_t *timer)
{
	close_client(timer->data);
}

static void on_written(uv_write_t *write, int status)
{
	struct ctl_client *cl = write->data;

	free(cl->chunk);
	cl->chunk = NULL;
	if (cl->state == CLIENT_CLOSED)
		return;
	assert(cl->state == CLIENT_WRITING);
	if (status != 0 || cl->is_last)
		close_client(cl);
	else
		run(cl);
}

/* Drops what was written before it was sent. */
static void drop_chunk(struct ctl_client *cl)
{
	free(cl->chunk);
	cl->chunk = NULL;
}

/* Sends cl->chunk, which on_written() frees. */
static void send_chunk(struct ctl_client *cl, bool is_last)
{
	uv_buf_t buf = uv_buf_init(cl->chunk, (unsigned)cl->chunk_bytes);

	cl->is_last = is_last;
	cl->state = CLIENT_WRITING;
	cl->write.data = cl;
	uv_timer_start(&cl->timer, on_timer, cl->ctl->patience_ms, 0);
	if (uv_write(&cl->write, (uv_stream_t *)&cl->pipe, &buf, 1, on_written) != 0)
		close_client(cl);
}

static void send_answer(struct ctl_client *cl, const char *error, const char *body)
{
	FILE *out;

	assert(cl->chunk == NULL);
	out = xcheck(open_memstream(&cl->chunk, &cl->chunk_bytes));
	if (error != NULL)
		fprintf(out, "error: %s\n", error);
	else
		fprintf(out, "ok\n%s", body);
	fputs("end\n", out);
	fclose(out);
	send_chunk(cl, true);
}

/* Runs the command once and sends what it wrote. */
static void run(struct ctl_client *cl)
{
	enum ctl_said said;

	assert(cl->chunk == NULL);
	cl->req.out = xcheck(open_memstream(&cl->chunk, &cl->chunk_bytes));
	if (!cl->said_ok)
		fputs("ok\n", cl->req.out);
	cl->state = CLIENT_RUNNING;
	said = cl->req.cmd->run(&cl->req);
	if (said == CTL_SAID_ALL)
		fputs("end\n", cl->req.out);
	fclose(cl->req.out);
	cl->req.out = NULL;
	if (said == CTL_SAID_ALL || said == CTL_SAID_PART) {
		cl->said_ok = true;
		send_chunk(cl, said == CTL_SAID_ALL);
		return;
	}
	drop_chunk(cl);
	if (said == CTL_SAID_ERROR) {
		send_answer(cl, cl->req.error, NULL);
		return;
	}
	cl->state = CLIENT_WAITING;
	uv_timer_stop(&cl->timer);
}

void ctl_go_on(struct ctl_client *cl)
{
	if (cl == NULL || cl->state == CLIENT_CLOSED)
		return;
	assert(cl->state == CLIENT_WAITING);
	run(cl);
}

static void on_line(struct ctl_client *cl)
{
	if (strlen(cl->in) != cl->n_in)
		send_answer(cl, "NUL byte in the request; remove it", NULL);
	else if (ctl_match(&cl->req, cl->in) != 0)
		send_answer(cl, cl->req.error, NULL);
	else
		run(cl);
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *buf)
{
	struct ctl_client *cl = h->data;

	(void)hint;
	if (cl->state == CLIENT_READING)
		*buf = uv_buf_init(cl->in + cl->n_in, (unsigned)(sizeof(cl->in) - 1 - cl->n_in));
	else
		*buf = uv_buf_init(cl->drop, sizeof(cl->drop));
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
	struct ctl_client *cl = stream->data;
	char *end;

	(void)buf;
	if (cl->state == CLIENT_CLOSED || got == 0)
		return;
	if (cl->state != CLIENT_READING) {
		if (got < 0 && got != UV_EOF)
			close_client(cl);
		return;
	}
	if (got < 0 && (got != UV_EOF || cl->n_in == 0)) {
		close_client(cl);
		return;
	}
	end = got < 0 ? cl->in + cl->n_in : memchr(cl->in + cl->n_in, '\n', (size_t)got);
	cl->n_in += got < 0 ? 0 : (size_t)got;
	if (end != NULL) {
		cl->n_in = (size_t)(end - cl->in);
		cl->n_in -= cl->n_in > 0 && cl->in[cl->n_in - 1] == '\r';
		cl->in[cl->n_in] = '\0';
		on_line(cl);
	} else if (cl->n_in == CTL_REQUEST_BYTES_MAX) {
		send_answer(cl, "request longer than 8,191 bytes; shorten it", NULL);
	}
}

/* No room: the answer is short enough for any socket buffer. */
static void refuse(struct ctl_client *cl)
{
	static char text[] = "error: too many clients at once; try again\nend\n";
	uv_buf_t buf = uv_buf_init(text, sizeof(text) - 1);

	uv_try_write((uv_stream_t *)&cl->pipe, &buf, 1);
	close_client(cl);
}

static void on_connection(uv_stream_t *server, int status)
{
	struct ctl *ctl = server->data;
	struct ctl_client *cl;

	if (status != 0)
		return;
	cl = xcalloc(1, sizeof(*cl));
	uv_pipe_init(server->loop, &cl->pipe, 0);
	uv_timer_init(server->loop, &cl->timer);
	cl->pipe.data = cl->timer.data = cl;
	cl->n_open = 2;
	cl->ctl = ctl;
	cl->req.engine = ctl->engine;
	cl->req.client = cl;
	cl->next = ctl->clients;
	cl->at = &ctl->clients;
	if (cl->next != NULL)
		cl->next->at = &cl->next;
	ctl->clients = cl;
	ctl->n_clients++;
	if (uv_accept(server, (uv_stream_t *)&cl->pipe) != 0) {
		close_client(cl);
	} else if (ctl->n_clients > CTL_CLIENTS_MAX) {
		refuse(cl);
	} else {
		uv_timer_start(&cl->timer, on_timer, ctl->patience_ms, 0);
		uv_read_start((uv_stream_t *)&cl->pipe, on_alloc, on_read);
	}
}

struct ctl_later *ctl_later_new(struct ctl_req *req)
{
	struct ctl_later *later = xcalloc(1, sizeof(*later));

	later->client = req->client;
	later->is_json = req->json;
	assert(req->client == NULL || req->client->later == NULL);
	if (req->client != NULL)
		req->client->later = later;
	return later;
}

void ctl_later_drop(struct ctl_later *later)
{
	if (later->client != NULL)
		later->client->later = NULL;
	free(later);
}

bool ctl_later_is_json(const struct ctl_later *later)
{
	return later->is_json;
}

void ctl_later_done(struct ctl_later *later, const char *error, const char *body)
{
	struct ctl_client *cl = later->client;

	ctl_later_drop(later);
	if (cl == NULL)
		return;
	assert(cl->state == CLIENT_WAITING); /* never from within the command itself */
	if (error != NULL) {
		ctl_fail(&cl->req, "%s", error);
		error = cl->req.error;
	}
	send_answer(cl, error, body);
}

int ctl_open(struct uv_loop_s *loop, const char *path, struct engine *engine, struct ctl **out,
             char why[256])
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err;
	struct ctl *ctl;

	*out = NULL;
	err = fd < 0 ? -errno : ctl_bind(fd, path, why);
	if (fd < 0)
		snprintf(why, 256, "%.100s: no socket: %s", path, strerror(-err));
	if (err != 0) {
		if (fd >= 0)
			close(fd);
		return err;
	}
	signal(SIGPIPE, SIG_IGN);
	ctl = xcalloc(1, sizeof(*ctl));
	ctl->engine = engine;
	ctl->path = xstrdup(path);
	ctl->patience_ms = CTL_PATIENCE_MS;
	uv_pipe_init(loop, &ctl->pipe, 0);
	ctl->pipe.data = ctl;
	err = uv_pipe_open(&ctl->pipe, fd);
	if (err != 0)
		close(fd);
	else
		err = uv_listen((uv_stream_t *)&ctl->pipe, BACKLOG, on_connection);
	if (err != 0) {
		snprintf(why, 256, "%s: cannot listen: %s", path, strerror(-err));
		ctl_close(ctl);
		return err;
	}
	*out = ctl;
	return 0;
}

static void on_server_closed(uv_handle_t *h)
{
	struct ctl *ctl = h->data;

	free(ctl->path);
	free(ctl);
}

void ctl_close(struct ctl *ctl)
{
	if (ctl == NULL)
		return;
	while (ctl->clients != NULL)
		close_client(ctl->clients);
	unlink(ctl->path);
	uv_close((uv_handle_t *)&ctl->pipe, on_server_closed);
}

void ctl_set_patience(struct ctl *ctl, uint32_t ms)
{
	ctl->patience_ms = ms;
}

uint32_t ctl_n_clients(const struct ctl *ctl)
{
	return ctl->n_clients;
}
