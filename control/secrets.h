/* secrets.h - passwords and tokens of smarthosts: read from their files, watched, given to the data
 * plane. They are never kept here, shown or logged.
 *
 * Owner   the engine.
 * Thread  control thread; reads a small file where one changed, so files belong on a local disk.
 */
#pragma once

#include "control/conf/conf.h"
#include "dataplane/dp.h"

struct secrets;

struct secrets *secrets_open(struct dp *dp);
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
