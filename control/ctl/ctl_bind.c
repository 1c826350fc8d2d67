/* ctl_bind.c - where the socket lies: a dead engine's is replaced, anything else is left alone. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/ctl/ctl_server.h"

/* True when somebody listens at the address. */
static bool answers(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* EAGAIN: its backlog is full, so it is alive. */
	bool yes = fd >= 0 && (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 ||
	                       errno == EAGAIN);

	if (fd >= 0)
		close(fd);
	return yes;
}

/* Nobody can connect before listen(), so the mode is set in time. */
int ctl_bind(int fd, const char *path, char why[256])
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		snprintf(why, 256, "%.100s...: longer than a socket's path may be; set socket_path",
		         path);
		return -ENAMETOOLONG;
	}
	strcpy(addr.sun_path, path);
	if (lstat(path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode) || answers(&addr)) {
			snprintf(why, 256,
			         S_ISSOCK(st.st_mode)
			             ? "%s: an engine answers there already; stop it or "
			               "set socket_path"
			             : "%s: is there and no socket; remove it or set "
			               "socket_path",
			         path);
			return -EADDRINUSE;
		}
		unlink(path);
	}
	if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0 && chmod(path, 0600) == 0)
		return 0;
	snprintf(why, 256, "%s: cannot listen: %s; check its folder", path, strerror(errno));
	return -errno;
}
