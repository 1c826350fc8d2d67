/* test_wire.c - the cheap checks see a message the same however it lies in spans. */
#include "control/lint/wire.h"

#include "tests/control/lint/samples.h"
#include "tests/support/suite.h"

static bool check_cut(const char *text, size_t cut, struct lint_fault *fault)
{
	struct span spans[2] = { span_of(text, cut), span_of(text + cut, strlen(text) - cut) };
	struct lint_wire w = { .spans = spans, .n_spans = 2 };

	return lint_wire_check(&w, fault);
}

/* A field's name lies in one span: so are messages made. */
static bool cuts_a_name(const char *text, size_t cut)
{
	const char *body = strstr(text, "\r\n\r\n");
	size_t begin = cut;

	while (begin > 0 && text[begin - 1] != '\n')
		begin--;
	return text + cut < body && begin < cut && text[begin] != '\t' &&
	       memchr(text + begin, ':', cut - begin) == NULL;
}

static void a_sound_message_passes_wherever_it_is_cut(void)
{
	struct lint_fault fault;

	for (size_t cut = 0; cut <= strlen(SAMPLE_WIRE); cut++) {
		bool ok = check_cut(SAMPLE_WIRE, cut, &fault);

		if (!ok && !cuts_a_name(SAMPLE_WIRE, cut))
			printf("\n    cut at %zu: %s", cut, fault.what);
		CU_ASSERT(ok || cuts_a_name(SAMPLE_WIRE, cut));
	}
}

static void a_fault_is_seen_wherever_the_message_is_cut(void)
{
	static const struct {
		const char *old, *new;
		enum lint_id want;
	} faults[] = {
		{ "--BOUND--\r\n", "--BOUND--\n", LINT_LINES },
		{ "Gr=C3", "G\rr=C3", LINT_LINES },
		{ "Gr=C3=BC", "Gr\xc3\xbc", LINT_EIGHT_BIT },
		{ "Date: Sun", "X: Sun", LINT_FIELDS_ONCE },
	};

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		char *text = sample_change(SAMPLE_WIRE, faults[i].old, faults[i].new);
		struct lint_fault fault;

		for (size_t cut = 0; cut <= strlen(text); cut++)
			CU_ASSERT(!check_cut(text, cut, &fault));
		CU_ASSERT(!check_cut(text, 0, &fault));
		CU_ASSERT_EQUAL(fault.id, faults[i].want);
		free(text);
	}
}

static void a_nul_is_seen(void)
{
	char text[] = SAMPLE_WIRE;
	struct span span = span_of(text, sizeof(text) - 1);
	struct lint_wire w = { .spans = &span, .n_spans = 1 };
	struct lint_fault fault;

	text[sizeof(text) - 20] = '\0';
	CU_ASSERT(!lint_wire_check(&w, &fault));
	CU_ASSERT_EQUAL(fault.id, LINT_LINES);
}

static void what_is_asked_for_may_have_8_bits(void)
{
	char *body = sample_change(SAMPLE_WIRE, "Gr=C3=BC", "Gr\xc3\xbc");
	char *header = sample_change(SAMPLE_WIRE, "Subject: N", "Subject: \xc3\xbc");
	struct span span = span_str(body);
	struct lint_wire w = { .spans = &span, .n_spans = 1, .may_8bit = true };
	struct lint_fault fault;

	CU_ASSERT(lint_wire_check(&w, &fault));
	span = span_str(header);
	CU_ASSERT(!lint_wire_check(&w, &fault));
	w.may_utf8 = true;
	CU_ASSERT(lint_wire_check(&w, &fault));
	free(body);
	free(header);
}

static void spans_of_the_campaign_are_not_read_again(void)
{
	static const char odd[] = "not a line \x80 of mail\n\r\n";
	struct span spans[] = { span_str(SAMPLE_WIRE), span_str(odd), span_str("x\r\n") };
	struct lint_wire w = { .spans = spans, .n_spans = 3 };
	struct lint_fault fault;

	CU_ASSERT(!lint_wire_check(&w, &fault));
	w.fresh = spans[0];
	w.n_spans = 2;
	CU_ASSERT(lint_wire_check(&w, &fault));
}

/* 998 octets pass, 999 do not; RFC 5322 2.1.1 counts without CRLF. */
static void the_longest_line_is_998_octets(void)
{
	char line[1002];
	struct lint_fault fault;

	for (size_t n = 997; n <= 999; n++) {
		char *text;

		memset(line, 'x', n);
		memcpy(line + n, "\r\n", 3);
		text = sample_change(SAMPLE_WIRE, "--BOUND--\r\n", line);
		CU_ASSERT_EQUAL(check_cut(text, 100, &fault), n <= LINT_LINE_MAX);
		free(text);
	}
}

SUITE("control/lint/wire", TEST(a_sound_message_passes_wherever_it_is_cut),
      TEST(a_fault_is_seen_wherever_the_message_is_cut), TEST(a_nul_is_seen),
      TEST(what_is_asked_for_may_have_8_bits), TEST(spans_of_the_campaign_are_not_read_again),
      TEST(the_longest_line_is_998_octets))
