/* ctl_client.c - one call to the engine's socket, blocking, for the command line. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/ctl/ctl.h"

enum { ERROR_BYTES = 512 };

static const char last_line[] = "end\n";

static int no_engine(const char *path, int err, char *error)
{
	if (err == ENOENT || err == ECONNREFUSED)
		snprintf(error, ERROR_BYTES,
		         "no engine answers at %.200s; start one with: posthaste run -c FILE",
		         path);
	else
		snprintf(error, ERROR_BYTES, "%.200s: %s; run this as the engine's user", path,
		         strerror(err));
	return -err;
}

static int connect_to(const char *path, char *error)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(addr.sun_path))
		return no_engine(path, ENAMETOOLONG, error);
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	err = errno;
	if (fd >= 0)
		close(fd);
	return no_engine(path, err, error);
}

/* An engine that goes away in between must not end us by SIGPIPE. */
static int send_all(int fd, const char *text, size_t bytes)
{
	while (bytes > 0) {
		ssize_t n = send(fd, text, bytes, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return -errno;
		text += n > 0 ? n : 0;
		bytes -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int cut(const char *path, char *error)
{
	snprintf(error, ERROR_BYTES, "the engine at %.200s went away before its answer ended",
	         path);
	return -EPIPE;
}

/* Copies the body; its last line is the protocol's, so as many bytes are always held back. */
static int copy_body(FILE *in, FILE *out)
{
	char held[sizeof(last_line) - 1];
	size_t n = 0;
	int c;

	while ((c = getc(in)) != EOF) {
		if (n == sizeof(held)) {
			putc(held[0], out);
			memmove(held, held + 1, --n);
		}
		held[n++] = (char)c;
	}
	return n == sizeof(held) && memcmp(held, last_line, n) == 0 ? 0 : -EPIPE;
}

int ctl_call(const char *path, const char *line, FILE *out, char error[512])
{
	static const char refused[] = "error: ";
	char status[ERROR_BYTES + sizeof(refused)];
	int fd, err = 0;
	FILE *in;

	error[0] = '\0';
	fd = connect_to(path, error);
	if (fd < 0)
		return fd;
	/* Refused before our line was read (too many clients), the answer is still there. */
	(void)send_all(fd, line, strlen(line));
	(void)send_all(fd, "\n", 1);
	in = fdopen(fd, "r");
	if (in == NULL) {
		close(fd);
		return no_engine(path, ENOMEM, error);
	}
	if (fgets(status, sizeof(status), in) == NULL) {
		err = cut(path, error);
	} else if (strncmp(status, refused, sizeof(refused) - 1) == 0) {
		status[strcspn(status, "\n")] = '\0';
		snprintf(error, ERROR_BYTES, "%.500s", status + sizeof(refused) - 1);
		err = 1;
	} else if (strcmp(status, "ok\n") != 0 || copy_body(in, out) != 0) {
		err = cut(path, error);
	}
	fclose(in);
	return err;
}
