/* moment.h - a point in time, written as a strftime format says, with what Ruby's has beyond C's.
 *
 * Thread  any; pure.
 */
#pragma once

#include <time.h>

#include "templates/locale.h"

struct moment {
	struct tm tm; /* where it is told, offset_s from UTC */
	int64_t at_s;
	int32_t nanos;
	int32_t offset_s;
	const struct locale *locale; /* names of days and months; NULL: English */
};

enum { MOMENT_BYTES_MAX = 1023 };

/* Appends it. A conversion that is none stays as it stands. Returns NULL, or what is wrong. */
const char *moment_write(struct text *out, const struct moment *m, struct span format);
