/* secrets.h - passwords and tokens of smarthosts: read from their files, watched, given to the data
 * plane. They are never kept here, shown or logged.
 *
 * Owner   the engine.
 * Thread  control thread; reads a small file where one changed, so files belong on a local disk.
 */
#pragma once

#include <stdbool.h>

#include "control/conf/conf.h"
#include "dataplane/dp.h"

enum { SECRETS_WHY_BYTES = 256 };

struct secrets;

/* The data plane has another secret of that number: sessions from now on use it. */
typedef void secrets_changed_fn(void *ctx, uint32_t credential);

struct secrets *secrets_open(struct dp *dp, secrets_changed_fn *changed, void *ctx);
void secrets_close(struct secrets *s);

/* Reads every secret of a configuration and numbers its credentials as the data plane knows them: a
 * name keeps its number for ever, so that no order under way names another's. Returns 0, or -errno
 * with one line in `why`; what was there before stays then.
 */
int secrets_set_conf(struct secrets *s, struct conf *conf, char why[CONF_WHY_BYTES]);

/* Looks whether a file changed, and takes what it says now; a file that is wrong is logged, and
 * what was there stays. Call it every few seconds.
 */
void secrets_look(struct secrets *s);

/* A host does not take the credential of that number, and `why` is what it said. Looks at the file
 * at once: true when another secret was there, and was taken. Else it is told in the log, once, and
 * shown until one host takes it or the file changes.
 */
bool secrets_refused(struct secrets *s, uint32_t credential, const char *why);

/* A host took it. */
void secrets_taken(struct secrets *s, uint32_t credential);

/* One credential of the configuration in force, for `show credentials`. */
struct secrets_view {
	const char *name, *user, *path;
	bool is_token;
	int64_t refused_s;   /* Unix time since when no host has taken it; 0: none refused it */
	const char *refused; /* what the host said */
};

/* The next; false when there are no more. `*cursor` is 0 at first. */
bool secrets_next(const struct secrets *s, uint32_t *cursor, struct secrets_view *view);
