/* stall.c - a disk that stalls at command: LD_PRELOAD it and every sync waits while the file named
 * by $STALL_FILE exists.
 *
 * Thread  any; the waiting thread alone waits.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int fsync(int fd);
int fdatasync(int fd);

static void wait_while_stalled(void)
{
	const char *path = getenv("STALL_FILE");

	while (path != NULL && access(path, F_OK) == 0)
		usleep(20000);
}

int fsync(int fd)
{
	wait_while_stalled();
	return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	wait_while_stalled();
	return (int)syscall(SYS_fdatasync, fd);
}
