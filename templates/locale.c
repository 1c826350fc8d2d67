/* locale.c - how languages write money and dates.
 *
 * What ICU makes is kept as UTF-8 where it is words, and as a formatter per currency: those of
 * unumberformatter.h are immutable, so that any thread may use one.
 */
#include "templates/locale.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <unicode/ucurr.h>
#include <unicode/udat.h>
#include <unicode/uloc.h>
#include <unicode/unumberformatter.h>
#include <unicode/ustring.h>

enum {
	WORDS_MAX = 12 + 12 + 7 + 7 + 2,
	WORD_BYTES_MAX = 96,
	CURRENCIES_MAX = 8, /* kept, a locale; one more is opened for each use */
	MONEY_CHARS_MAX = 256,
};

struct currency {
	char code[4];
	UNumberFormatter *format;
};

struct locale {
	char name[LOCALE_NAME_BYTES]; /* as the template wrote it */
	char id[LOCALE_NAME_BYTES];   /* as ICU calls it */
	char *words[WORDS_MAX];       /* owned */
	struct currency currencies[CURRENCIES_MAX];
	_Atomic uint32_t n_currencies;
};

/* Only grows: what is below `n` is complete and stays. */
static struct {
	pthread_mutex_t lock; /* of those who add */
	struct locale *at[LOCALES_MAX];
	_Atomic uint32_t n;
} known = { .lock = PTHREAD_MUTEX_INITIALIZER };

static const char no_memory[] = "out of memory";

static const struct {
	UDateFormatSymbolType type;
	unsigned first, skip, n; /* ICU's days begin with an empty one */
} lists[] = {
	[LOCALE_MONTHS] = { UDAT_MONTHS, 0, 0, 12 },
	[LOCALE_MONTHS_SHORT] = { UDAT_SHORT_MONTHS, 12, 0, 12 },
	[LOCALE_DAYS] = { UDAT_WEEKDAYS, 24, 1, 7 },
	[LOCALE_DAYS_SHORT] = { UDAT_SHORT_WEEKDAYS, 31, 1, 7 },
	[LOCALE_HALVES] = { UDAT_AM_PMS, 38, 0, 2 },
};

struct span locale_word(const struct locale *l, enum locale_words list, unsigned i)
{
	assert(i < lists[list].n);
	return span_str(l->words[lists[list].first + i]);
}

static bool is_available(const char *id)
{
	for (int32_t i = 0; i < uloc_countAvailable(); i++)
		if (strcmp(uloc_getAvailable(i), id) == 0)
			return true;
	return false;
}

/* The tag as ICU's name of a locale that it knows itself, or of which it knows the language. */
static bool identify(struct locale *l)
{
	char language[LOCALE_NAME_BYTES];
	UErrorCode error = U_ZERO_ERROR;

	uloc_canonicalize(l->name, l->id, sizeof(l->id), &error);
	if (U_FAILURE(error) || error == U_STRING_NOT_TERMINATED_WARNING ||
	    strchr(l->id, '@') != NULL)
		return false;
	uloc_getLanguage(l->id, language, sizeof(language), &error);
	return U_SUCCESS(error) && language[0] != '\0' &&
	       (is_available(l->id) || is_available(language));
}

static bool read_words(struct locale *l)
{
	UErrorCode error = U_ZERO_ERROR;
	UDateFormat *dates = udat_open(UDAT_LONG, UDAT_LONG, l->id, u"UTC", 3, NULL, 0, &error);

	for (size_t k = 0; U_SUCCESS(error) && k < sizeof(lists) / sizeof(lists[0]); k++) {
		for (unsigned i = 0; U_SUCCESS(error) && i < lists[k].n; i++) {
			UChar wide[WORD_BYTES_MAX];
			char word[WORD_BYTES_MAX];
			int32_t n =
			    udat_getSymbols(dates, lists[k].type, (int32_t)(i + lists[k].skip),
			                    wide, WORD_BYTES_MAX, &error);

			u_strToUTF8(word, WORD_BYTES_MAX, NULL, wide, n, &error);
			if (U_SUCCESS(error) && error != U_STRING_NOT_TERMINATED_WARNING)
				l->words[lists[k].first + i] = strdup(word);
			if (l->words[lists[k].first + i] == NULL)
				error = U_MEMORY_ALLOCATION_ERROR;
		}
	}
	udat_close(dates);
	return U_SUCCESS(error);
}

static void free_locale(struct locale *l)
{
	for (unsigned i = 0; i < WORDS_MAX; i++)
		free(l->words[i]);
	free(l);
}

static struct locale *among(uint32_t n, struct span tag)
{
	for (uint32_t i = 0; i < n; i++)
		if (span_eq(span_str(known.at[i]->name), tag))
			return known.at[i];
	return NULL;
}

static const char *add(struct span tag, const struct locale **out)
{
	uint32_t n = atomic_load_explicit(&known.n, memory_order_acquire);
	struct locale *l = among(n, tag);

	*out = l;
	if (l != NULL)
		return NULL;
	if (n == LOCALES_MAX)
		return "more than 256 locales are in use";
	if ((l = calloc(1, sizeof(*l))) == NULL)
		return no_memory;
	memcpy(l->name, tag.at, tag.bytes);
	if (!identify(l)) {
		free_locale(l);
		return "an unknown locale; write one like \"de\" or \"pt-BR\"";
	}
	if (!read_words(l)) {
		free_locale(l);
		return no_memory;
	}
	known.at[n] = l;
	atomic_store_explicit(&known.n, n + 1, memory_order_release);
	*out = l;
	return NULL;
}

const char *locale_find(struct span tag, const struct locale **out)
{
	const char *why;

	if (tag.bytes == 0 || tag.bytes >= LOCALE_NAME_BYTES ||
	    memchr(tag.at, '\0', tag.bytes) != NULL)
		return "an unknown locale; write one like \"de\" or \"pt-BR\"";
	*out = among(atomic_load_explicit(&known.n, memory_order_acquire), tag);
	if (*out != NULL)
		return NULL;
	pthread_mutex_lock(&known.lock);
	why = add(tag, out);
	pthread_mutex_unlock(&known.lock);
	return why;
}

/* ---- money ---- */

static UNumberFormatter *open_format(const struct locale *l, const char code[4])
{
	UErrorCode error = U_ZERO_ERROR;
	char skeleton[] = "currency/XXX";
	UChar wide[sizeof(skeleton)];
	UNumberFormatter *f;

	memcpy(skeleton + 9, code, 3);
	u_charsToUChars(skeleton, wide, sizeof(skeleton));
	f = unumf_openForSkeletonAndLocale(wide, -1, l->id, &error);
	if (U_SUCCESS(error))
		return f;
	unumf_close(f);
	return NULL;
}

static UNumberFormatter *format_among(const struct locale *l, uint32_t n, const char code[4])
{
	for (uint32_t i = 0; i < n; i++)
		if (memcmp(l->currencies[i].code, code, 4) == 0)
			return l->currencies[i].format;
	return NULL;
}

/* The formatter of a currency; `*own`: the caller closes it. NULL when memory is out. */
static UNumberFormatter *get_format(struct locale *l, const char code[4], bool *own)
{
	uint32_t n = atomic_load_explicit(&l->n_currencies, memory_order_acquire);
	UNumberFormatter *f = format_among(l, n, code);

	*own = false;
	if (f != NULL)
		return f;
	pthread_mutex_lock(&known.lock);
	n = atomic_load_explicit(&l->n_currencies, memory_order_relaxed);
	f = format_among(l, n, code);
	if (f == NULL) {
		f = open_format(l, code);
		*own = f != NULL && n == CURRENCIES_MAX;
		if (f != NULL && !*own) {
			memcpy(l->currencies[n].code, code, 4);
			l->currencies[n].format = f;
			atomic_store_explicit(&l->n_currencies, n + 1, memory_order_release);
		}
	}
	pthread_mutex_unlock(&known.lock);
	return f;
}

/* A currency that is or was: ICU formats any three letters. */
static bool take_currency(struct span s, char code[4])
{
	UChar wide[4] = { 0 };

	if (s.bytes != 3)
		return false;
	for (unsigned i = 0; i < 3; i++) {
		uint8_t b = s.at[i] & ~0x20;

		if (b < 'A' || b > 'Z')
			return false;
		code[i] = (char)b;
		wide[i] = b;
	}
	code[3] = '\0';
	return ucurr_getNumericCode(wide) != 0;
}

const char *locale_money(const struct locale *l, struct span currency, struct span decimal,
                         struct text *out)
{
	UErrorCode error = U_ZERO_ERROR;
	UChar wide[MONEY_CHARS_MAX];
	char code[4], amount[3 * MONEY_CHARS_MAX];
	UFormattedNumber *result;
	UNumberFormatter *f;
	int32_t n, bytes = 0;
	bool own;

	if (!take_currency(currency, code))
		return "an unknown currency; write one like \"EUR\"";
	f = get_format((struct locale *)l, code, &own);
	if (f == NULL)
		return no_memory;
	result = unumf_openResult(&error);
	unumf_formatDecimal(f, (const char *)decimal.at, (int32_t)decimal.bytes, result, &error);
	n = unumf_resultToString(result, wide, MONEY_CHARS_MAX, &error);
	if (U_SUCCESS(error))
		u_strToUTF8(amount, sizeof(amount), &bytes, wide, n, &error);
	unumf_closeResult(result);
	if (own)
		unumf_close(f);
	if (U_FAILURE(error))
		return "not an amount";
	text_put(out, amount, (size_t)bytes);
	return NULL;
}
