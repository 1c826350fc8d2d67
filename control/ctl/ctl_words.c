/* ctl_words.c - see ctl_words.h; the writer of quotes stands beside their reader. */
#include "control/ctl/ctl_words.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "control/ctl/ctl.h"

/* Takes one word from *at, unquoted to *to, which never overtakes *at. NULL, or what is wrong. */
static const char *take_word(const char **at, char **to)
{
	const char *p = *at;
	char *out = *to, quote = '\0';

	for (; *p != '\0' && (quote != '\0' || (*p != ' ' && *p != '\t')); p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return "control character in the request; remove it";
		if (*p == quote) {
			quote = '\0';
		} else if (quote == '\0' && (*p == '"' || *p == '\'')) {
			quote = *p;
		} else if (*p == '\\' && quote != '\'') {
			if ((unsigned char)p[1] < ' ')
				return "nothing follows the backslash; double it";
			*out++ = *++p;
		} else {
			*out++ = *p;
		}
	}
	*at = p;
	*to = out;
	return quote == '\0' ? NULL : "the quotes are not closed";
}

int ctl_words_split(char *line, char *words[CTL_WORDS_MAX], const char **why)
{
	const char *at = line;
	char *to = line;
	int n = 0;

	for (;;) {
		bool is_last;

		at += strspn(at, " \t");
		if (*at == '\0')
			return n;
		if (n == CTL_WORDS_MAX) {
			*why = "more than 32 words; quote what holds blanks";
			return -EINVAL;
		}
		words[n++] = to;
		*why = take_word(&at, &to);
		if (*why != NULL)
			return -EINVAL;
		is_last = *at == '\0';
		at += !is_last; /* before its place may become the end of this word */
		*to++ = '\0';
		if (is_last)
			return n;
	}
}

void ctl_quote(FILE *out, const char *word)
{
	if (word[0] != '\0' && strpbrk(word, " \t\"'\\") == NULL) {
		fputs(word, out);
		return;
	}
	fputc('"', out);
	for (; *word != '\0'; word++) {
		if (*word == '"' || *word == '\\')
			fputc('\\', out);
		fputc(*word, out);
	}
	fputc('"', out);
}
