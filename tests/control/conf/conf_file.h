/* conf_file.h - for tests: a configuration from text, by way of a file as conf_load() wants it. */
#pragma once

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/conf/conf.h"

#define CONF_FILE_PORT   "port p0 { device = tap; address = [10.9.0.2/24] }\n"
#define CONF_FILE_SOURCE "source s1 { address = 10.9.0.10; helo = mta1.example.com }\n"
#define CONF_FILE_REST   "bounce_domain = bounce.example.com; resolver { servers = [127.0.0.1] }\n"
#define CONF_FILE_WHOLE  CONF_FILE_PORT CONF_FILE_SOURCE CONF_FILE_REST

/* Loads `text`; in `why` the file's path is shortened to "conf". */
static inline int conf_file_load(const char *text, size_t bytes, struct conf **out,
                                 char why[CONF_WHY_BYTES])
{
	char path[] = "/tmp/posthaste-test-conf-XXXXXX";
	int fd = mkstemp(path), err;

	if (fd < 0 || write(fd, text, bytes) != (ssize_t)bytes)
		abort();
	close(fd);
	why[0] = '\0';
	err = conf_load(path, out, why);
	unlink(path);
	if (strncmp(why, path, strlen(path)) == 0) {
		memmove(why + 4, why + strlen(path), strlen(why) - strlen(path) + 1);
		memcpy(why, "conf", 4);
	}
	return err;
}
