/* dkim_record.h - a DKIM key record: whether it is sound and holds the key that signs (RFC
 * 6376 3.6).
 *
 * Thread  any; pure.
 */
#pragma once

#include "control/lint/message.h"

/* Compares the texts of TXT records at a selector with the record that our key asks for. Returns
 * NULL when one of them, and no other, holds it; else what is wrong. `*testing` says t=y.
 */
const char *dkim_record_compare(const struct span *texts, uint32_t n, struct span ours,
                                bool *testing);
