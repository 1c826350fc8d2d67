/* lock.c - one process per store.
 *
 * RocksDB has a lock of its own; this one gives a line that names the holder.
 */
#include "control/store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOCK_PATH_BYTES = 4096, PID_BYTES = 16 };

static int in_use(const char *dir, int fd, char why[STORE_WHY_BYTES])
{
	char pid[PID_BYTES];
	ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[n > 0 ? n : 0] = '\0';
	pid[strspn(pid, "0123456789")] = '\0';
	snprintf(why, STORE_WHY_BYTES,
	         "store %s: in use by process %s; stop it or choose another state_dir", dir,
	         pid[0] != '\0' ? pid : "(unknown)");
	return -EBUSY;
}

/* Leaves our process id for whoever finds the store in use. */
static int sign(int fd)
{
	char pid[PID_BYTES];
	int n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());

	if (ftruncate(fd, 0) != 0)
		return -errno;
	return pwrite(fd, pid, (size_t)n, 0) == n ? 0 : -EIO;
}

int lock_take(const char *dir, int *fd, char why[STORE_WHY_BYTES])
{
	char path[LOCK_PATH_BYTES];
	int result = 0;

	snprintf(path, sizeof(path), "%s", dir);
	if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
		result = -errno;
	} else {
		snprintf(path, sizeof(path), "%s/posthaste.lock", dir);
		*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (*fd < 0)
			result = -errno;
		else if (flock(*fd, LOCK_EX | LOCK_NB) != 0)
			result = errno == EWOULDBLOCK ? in_use(dir, *fd, why) : -errno;
		else
			result = sign(*fd);
	}
	if (result != 0 && result != -EBUSY)
		snprintf(why, STORE_WHY_BYTES, "store %s: %s", path, strerror(-result));
	return result;
}
