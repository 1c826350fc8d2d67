/* port_rss.h - what a started device says of how it spreads what it receives. */
#pragma once

#include <stdbool.h>

#include "dataplane/base/landing.h"
#include "dataplane/port.h"

/* Reads key, hash types and table back from the device. False when it cannot say, or says what
 * helps nobody: see landing_rss_is_usable(). `v4`, `v6`: which families must be foretold.
 */
bool port_rss_read(const struct port *p, bool v4, bool v6, struct landing_rss *rss);
