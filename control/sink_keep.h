/* sink_keep.h - keeps what the sink takes: as files, or as a line with a hash for each recipient.
 *
 * Owner   whoever opened it. Thread  the sink's, between open and close.
 * Not     a mailbox: it is bounded, and full means that mail is refused.
 */
#pragma once

#include <stdint.h>

#include "dataplane/smtp/sink.h"

struct sink_keep;

struct sink_keep_conf {
	const char *store_dir; /* a file a message; NULL: none */
	const char
	    *hash_file; /* lines "sha256 TAB octets TAB message-id TAB recipient"; NULL: none */
	uint64_t store_bytes_max; /* of all files */
	uint64_t held_bytes_max;  /* of messages that are on their way */
};

/* Returns 0, or -errno with one line in `why`. */
int sink_keep_open(const struct sink_keep_conf *conf, struct sink_keep **out,
                   char why[SINK_WHY_BYTES]);
/* Letters that are still open must have ended. Returns 0, or -errno when something was not written.
 */
int sink_keep_close(struct sink_keep *keep);

const struct sink_keeper *sink_keep_keeper(const struct sink_keep *keep);
