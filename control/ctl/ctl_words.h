/* ctl_words.h - a request line as words, quoted as a shell would.
 *
 * Thread  any.
 */
#pragma once

#include <stdint.h>

enum { CTL_WORDS_MAX = 32 };

/* Splits `line` in place: words are parted by blanks; "..." and '...' keep blanks; a backslash
 * takes the next byte as it is, except between single quotes. Returns how many words, or -EINVAL
 * with what is wrong in `why`.
 */
int ctl_words_split(char *line, char *words[CTL_WORDS_MAX], const char **why);
