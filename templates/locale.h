/* locale.h - how languages write money and dates; ICU behind it, the only includer of unicode/.
 *
 * Life    a locale is made when a template first names it and stays: at most LOCALES_MAX.
 * Thread  any.
 */
#pragma once

#include "templates/arena.h"

enum {
	LOCALES_MAX = 256,      /* of the 850 or so that there are; each about 3 KB */
	LOCALE_NAME_BYTES = 64, /* "de-DE", "zh-Hant-TW" and longer */
};

enum locale_words {
	LOCALE_MONTHS,
	LOCALE_MONTHS_SHORT,
	LOCALE_DAYS,
	LOCALE_DAYS_SHORT,
	LOCALE_HALVES
};

struct locale;

/* The locale of a language tag (BCP 47: "de", "pt-BR"; "pt_BR" serves too). Returns NULL, or what
 * is wrong.
 */
const char *locale_find(struct span tag, const struct locale **out);

/* The name of month 0..11, of day 0 (Sunday)..6, of the first or second half of the day. */
struct span locale_word(const struct locale *l, enum locale_words list, unsigned i);

/* Appends an amount in the currency (ISO 4217, three letters) as the locale writes it. `decimal`:
 * "-1234.5". Returns NULL, or what is wrong.
 */
const char *locale_money(const struct locale *l, struct span currency, struct span decimal,
                         struct text *out);
