/* samples.h - for tests: a message that passes every check, and what becomes of it when one piece
 * is changed.
 */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "control/lint/sample.h"

#define SAMPLE_HTML                                                                                \
	"<html><head><title>x</title></head><body><p>Hello Anna</p>\r\n"                           \
	"<p>Shop Ltd<br>1 High&nbsp;Street, Anytown</p>\r\n"                                       \
	"<a href=\"https://u.shop.test/u/TOKEN\">Leave</a></body></html>\r\n"
#define SAMPLE_TEXT                                                                                \
	"Hello Anna\r\nShop Ltd, 1 High Street, Anytown\r\nhttps://u.shop.test/u/TOKEN\r\n"
#define SAMPLE_SUBJECT "News for Anna"
#define SAMPLE_FIELDS  "From: The Shop <news@shop.test>\r\n"

#define SAMPLE_DATE_S 1795330800
#define SAMPLE_WIRE                                                                                \
	"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=shop.test; s=s1;\r\n"             \
	"\tt=1795330800; x=1796367600; h=From:From:To:To:Subject:Subject:Date:Date:\r\n"           \
	"\tMessage-ID:Message-ID:Reply-To:List-Unsubscribe:List-Unsubscribe:\r\n"                  \
	"\tList-Unsubscribe-Post:List-Unsubscribe-Post:Content-Type:Content-Type;\r\n"             \
	"\tbh=AAAA; b=BBBB\r\n"                                                                    \
	"Date: Sun, 22 Nov 2026 07:00:00 +0000\r\n"                                                \
	"From: The Shop <news@shop.test>\r\n"                                                      \
	"To: <anna@example.test>\r\n"                                                              \
	"Subject: News for Anna\r\n"                                                               \
	"Message-ID: <abc@shop.test>\r\n"                                                          \
	"List-Id: News <news.shop.test>\r\n"                                                       \
	"List-Unsubscribe: <https://u.shop.test/u/TOKEN>,\r\n"                                     \
	"\t<mailto:u@shop.test?subject=TOKEN>\r\n"                                                 \
	"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"                                    \
	"MIME-Version: 1.0\r\n"                                                                    \
	"Content-Type: multipart/alternative; boundary=\"BOUND\"\r\n"                              \
	"\r\n"                                                                                     \
	"--BOUND\r\n"                                                                              \
	"Content-Type: text/plain; charset=utf-8\r\n"                                              \
	"Content-Transfer-Encoding: quoted-printable\r\n"                                          \
	"\r\n"                                                                                     \
	"Gr=C3=BC=\r\n=C3=9Fe\r\n"                                                                 \
	"--BOUND\r\n"                                                                              \
	"Content-Type: text/html; charset=utf-8\r\n"                                               \
	"Content-Transfer-Encoding: base64\r\n"                                                    \
	"\r\n"                                                                                     \
	"PHA+R3LDvMOfZTwvcD4=\r\n"                                                                 \
	"--BOUND--\r\n"

/* Which text of the sample a change is made in. */
enum sample_place { IN_WIRE, IN_HTML, IN_TEXT, IN_SUBJECT, IN_FIELDS, SAMPLE_N_PLACES };

static const char *const sample_texts[SAMPLE_N_PLACES] = { SAMPLE_WIRE, SAMPLE_HTML, SAMPLE_TEXT,
	                                                   SAMPLE_SUBJECT, SAMPLE_FIELDS };

/* A copy with the first `old` replaced by `new`; aborts when it is not there. */
static inline char *sample_change(const char *text, const char *old, const char *new)
{
	const char *at = strstr(text, old);
	char *out = malloc(strlen(text) + strlen(new) + 1);

	if (at == NULL || out == NULL)
		abort();
	memcpy(out, text, (size_t)(at - text));
	strcpy(out + (at - text), new);
	strcat(out, at + strlen(old));
	return out;
}

static inline void sample_campaign(struct lint_campaign *c)
{
	static const struct span columns[] = { { (const uint8_t *)"name", 4 },
		                               { (const uint8_t *)"First Name", 10 } };
	static const struct tpl_columns all = { .names = columns, .n = 2 };
	static const char source[] = "From: The Shop <news@shop.test>\nSubject: News\n";

	*c = (struct lint_campaign){ .bulk = true,
		                     .postal_address = "Shop Ltd, 1 High Street, Anytown",
		                     .unsubscribe_url = "https://u.shop.test/u/",
		                     .id_domain = { (const uint8_t *)"shop.test", 9 },
		                     .columns = &all,
		                     .fields_file = "message.liquid",
		                     .fields_text = { (const uint8_t *)source,
		                                      sizeof(source) - 1 } };
}

/* Judges the sample with its texts as given (NULL: that text is missing). */
static inline void sample_add(struct lint_samples *s, const char *const texts[SAMPLE_N_PLACES])
{
	static const enum tpl_label labels[SAMPLE_N_PLACES] = { [IN_HTML] = TPL_LABEL_HTML,
		                                                [IN_TEXT] = TPL_LABEL_TEXT,
		                                                [IN_SUBJECT] = TPL_LABEL_SUBJECT,
		                                                [IN_FIELDS] = TPL_LABEL_HEADER };
	struct tpl_text text[SAMPLE_N_PLACES];
	struct lint_sample sample = { .wire = span_str(texts[IN_WIRE]),
		                      .text = text,
		                      .address = span_str("anna@example.test"),
		                      .row = 1,
		                      .first_attempt_s = SAMPLE_DATE_S };

	for (int i = IN_HTML; i < SAMPLE_N_PLACES; i++)
		if (texts[i] != NULL)
			text[sample.n_text++] =
			    (struct tpl_text){ .bytes = span_str(texts[i]), .label = labels[i] };
	lint_sample_add(s, &sample);
}
