/* engine_conf.h - what the data plane is told, made from the configuration.
 *
 * Pure. The result borrows strings of the configuration and the secret.
 */
#pragma once

#include "control/conf/conf.h"
#include "dataplane/dp.h"

struct engine_dp_conf;

struct engine_dp_conf *engine_dp_conf_new(const struct conf *conf, const uint8_t secret[32]);
const struct dp_conf *engine_dp_conf_of(const struct engine_dp_conf *d);
void engine_dp_conf_free(struct engine_dp_conf *d);
