/* letters.h - large and small letters of Latin, Greek and Cyrillic. */
#pragma once

#include "templates/arena.h"

/* Appends a character as a large or small letter; what has no such form stays. */
void letters_put(struct text *t, struct span character, bool upper);

/* Order of two texts when large and small ASCII letters are the same. */
int letters_compare(struct span a, struct span b);
