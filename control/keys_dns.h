/* keys_dns.h - whether the DNS holds the keys that sign: asked when keys are loaded, told in the
 * log.
 *
 * Thread  control; a helper thread waits for the answers.
 */
#pragma once

#include <stdbool.h>

#include "control/conf/conf.h"
#include "templates/tpl.h"

struct keys_dns;

/* Asks for the record of each signer; copies what it needs. NULL when there is none, or no thread.
 */
struct keys_dns *keys_dns_start(const struct conf *conf, const struct tpl_signers *signers);

bool keys_dns_is_over(const struct keys_dns *k);

/* Gives up what is still asked, soon, and frees it. NULL is allowed. */
void keys_dns_stop(struct keys_dns *k);
