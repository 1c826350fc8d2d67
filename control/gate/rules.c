/* rules.c - a table for each word of a line, and a driver that takes a line apart. */
#include "control/gate/rules.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/gate/shipped.h"
#include "control/xalloc.h"

struct word {
	const char *name;
	uint32_t value;
};

static const struct word grades[] = { { "note", DP_GATE_NOTE }, { "stop", DP_GATE_STOP }, { 0 } };
static const struct word actions[] = { { "pass", DP_GATE_PASS },
	                               { "tag", DP_GATE_TAG },
	                               { "hold", DP_GATE_HOLD },
	                               { "reject", DP_GATE_REJECT },
	                               { 0 } };
static const struct word places[] = { { "subject", 1 << DP_PART_SUBJECT },
	                              { "text", 1 << DP_PART_TEXT },
	                              { "html", 1 << DP_PART_HTML },
	                              { "url", GATE_IN_URL },
	                              { "header", 1 << DP_PART_HEADER },
	                              { "attachment", 1 << DP_PART_NAME },
	                              { "file", 1 << DP_PART_FILE },
	                              { "all", GATE_IN_ALL },
	                              { 0 } };

/* The letters behind a pattern: how it matches, and where a match does not count. */
enum { CHECK_SHIFT = 16 };
static const struct {
	char letter;
	uint32_t value; /* enum match_flag, or enum gate_check << CHECK_SHIFT */
} flags[] = {
	{ 'i', MATCH_CASELESS },
	{ 's', MATCH_DOTALL },
	{ 'm', MATCH_MULTILINE },
	{ 'c', GATE_NOT_CODE << CHECK_SHIFT },
	{ 'u', GATE_NOT_URL << CHECK_SHIFT },
	{ 't', GATE_NOT_TAG << CHECK_SHIFT },
};

/* A line being taken apart. */
struct line {
	const char *file;
	uint32_t number;
	char *at;
	char *why;
};

static int wrong(const struct line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int wrong(const struct line *l, const char *fmt, ...)
{
	int n = snprintf(l->why, RULES_WHY_BYTES, "%.200s:%u: ", l->file, l->number);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(l->why + n, RULES_WHY_BYTES - (size_t)n, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void skip_blanks(struct line *l)
{
	while (is_blank(*l->at))
		l->at++;
}

/* The next word, cut off; NULL at the end of the line. */
static char *take_word(struct line *l)
{
	char *word;

	skip_blanks(l);
	word = l->at;
	while (*l->at != '\0' && !is_blank(*l->at))
		l->at++;
	if (*l->at != '\0')
		*l->at++ = '\0';
	return *word == '\0' ? NULL : word;
}

/* What a table knows of a word, added to `*value`; the message lists what could stand there. */
static int read_word(const struct line *l, const struct word *table, const char *what,
                     const char *word, uint32_t *value)
{
	char known[128];
	size_t used = 0;

	for (const struct word *w = table; word != NULL && w->name != NULL; w++)
		if (strcmp(w->name, word) == 0) {
			*value |= w->value;
			return 0;
		}
	for (const struct word *w = table; w->name != NULL; w++)
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s",
		                         w == table ? "" : ", ", w->name);
	return wrong(l, "%s \"%.40s\": it is one of: %s", what, word == NULL ? "" : word, known);
}

static int read_where(const struct line *l, char *list, uint8_t *where)
{
	uint32_t value = 0;
	char *rest = list;

	while (rest != NULL) {
		char *one = strsep(&rest, ",");

		if (read_word(l, places, "where", one, &value) != 0)
			return -EINVAL;
	}
	*where = (uint8_t)value;
	return 0;
}

static int read_id(const struct line *l, const char *id)
{
	size_t bytes = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                          "0123456789._-");

	if (id[bytes] != '\0' || bytes > GATE_ID_MAX)
		return wrong(l,
		             "id \"%.60s\": use up to %d letters, digits, dots, hyphens and "
		             "underscores",
		             id, GATE_ID_MAX);
	return 0;
}

static int read_flags(const struct line *l, const char *letters, uint32_t *value)
{
	for (; *letters != '\0'; letters++) {
		size_t i = 0;

		while (i < sizeof(flags) / sizeof(flags[0]) && flags[i].letter != *letters)
			i++;
		if (i == sizeof(flags) / sizeof(flags[0]))
			return wrong(l, "flag \"%c\" behind the pattern: they are i, s, m, c, u, t",
			             *letters);
		*value |= flags[i].value;
	}
	return 0;
}

/* What is looked for without a pattern. */
static const struct word builtins[] = { { "@card", GATE_CARD },
	                                { "@host-address", GATE_HOST_ADDRESS << GATE_HOST_SHIFT },
	                                { "@host-punycode", GATE_HOST_PUNYCODE << GATE_HOST_SHIFT },
	                                { "@host-mixed", GATE_HOST_MIXED << GATE_HOST_SHIFT },
	                                { 0 } };

static int read_builtin(struct line *l, uint32_t *value)
{
	char *name = take_word(l), *letters = strchr(name, '/');
	uint32_t check = 0;

	if (letters != NULL)
		*letters++ = '\0';
	if (read_word(l, builtins, "pattern", name, &check) != 0)
		return -EINVAL;
	*value |= check << CHECK_SHIFT;
	return letters == NULL ? 0 : read_flags(l, letters, value);
}

/* /PATTERN/FLAGS, where \/ is a slash of the pattern; or @NAME/FLAGS. */
static int read_pattern(struct line *l, char **pattern, uint32_t *value)
{
	char *end;

	skip_blanks(l);
	*pattern = NULL;
	if (*l->at == '@')
		return read_builtin(l, value);
	if (*l->at != '/')
		return wrong(l, "the pattern stands between slashes, /like this/i, or is @card");
	*pattern = end = l->at + 1;
	while (*end != '\0' && *end != '/')
		end += end[0] == '\\' && end[1] != '\0' ? 2 : 1;
	if (*end == '\0')
		return wrong(l, "the pattern has no slash at its end; write \\/ for one inside");
	if (end == *pattern)
		return wrong(l, "the pattern is empty");
	*end = '\0';
	l->at = end + 1;
	if (*l->at == '\0' || is_blank(*l->at))
		return 0;
	return read_flags(l, take_word(l), value);
}

static int check_rule(const struct line *l, const struct gate_rule *r)
{
	if (r->grade == DP_GATE_STOP && r->action < DP_GATE_HOLD)
		return wrong(l, "a stop rule lets nothing pass; its action is hold or reject");
	if ((r->checks & GATE_CARD) != 0 && (r->where & GATE_IN_URL) != 0)
		return wrong(l, "@card is not looked for in links; say text,html");
	if ((r->checks & GATE_HOSTS) != 0 && r->where != GATE_IN_URL)
		return wrong(l, "hosts are those of links; where is url");
	if (strlen(r->note) > GATE_NOTE_MAX)
		return wrong(l, "the note has %zu bytes; %d are possible", strlen(r->note),
		             GATE_NOTE_MAX);
	for (const char *c = r->note; *c != '\0'; c++)
		if ((uint8_t)*c < ' ' || *c == 0x7f)
			return wrong(l, "the note has a control character");
	return 0;
}

static int read_rule(struct line *l, struct rules *rules)
{
	struct gate_rule *r = &rules->at[rules->n];
	uint32_t value = 0, grade = 0, action = 0;
	char *pattern = NULL, *list;
	int rc;

	r->id = take_word(l);
	if ((rc = read_id(l, r->id)) != 0 ||
	    (rc = read_word(l, grades, "grade", take_word(l), &grade)) != 0)
		return rc;
	list = take_word(l);
	if (list == NULL)
		return wrong(l, "a line is: ID GRADE WHERE ACTION /PATTERN/FLAGS NOTE");
	if ((rc = read_where(l, list, &r->where)) != 0 ||
	    (rc = read_word(l, actions, "action", take_word(l), &action)) != 0 ||
	    (rc = read_pattern(l, &pattern, &value)) != 0)
		return rc;
	skip_blanks(l);
	r->note = l->at;
	r->grade = (uint8_t)grade;
	r->action = (uint8_t)action;
	r->checks = (uint8_t)(value >> CHECK_SHIFT);
	rules->lines[rules->n] = l->number;
	if ((rc = check_rule(l, r)) != 0)
		return rc;
	if (pattern != NULL) {
		bool anywhere = r->checks == 0 && (r->where & GATE_IN_URL) == 0;

		rules->pattern_rule[rules->n_patterns] = rules->n;
		rules->patterns[rules->n_patterns++] = (struct match_pattern){
			.regex = pattern, .flags = (value & 0xffff) | (anywhere ? MATCH_ONCE : 0)
		};
	}
	rules->n++;
	return 0;
}

struct by_id {
	const char *id;
	uint32_t line;
};

static int compare_ids(const void *a, const void *b)
{
	const struct by_id *x = a, *y = b;
	int order = strcmp(x->id, y->id);

	return order != 0 ? order : x->line < y->line ? -1 : 1;
}

static int check_twins(struct line *l, const struct rules *rules)
{
	struct by_id *ids = xcalloc(rules->n + 1, sizeof(*ids));
	int rc = 0;

	for (uint32_t i = 0; i < rules->n; i++)
		ids[i] = (struct by_id){ rules->at[i].id, rules->lines[i] };
	qsort(ids, rules->n, sizeof(*ids), compare_ids);
	for (uint32_t i = 1; i < rules->n && rc == 0; i++)
		if (strcmp(ids[i - 1].id, ids[i].id) == 0) {
			l->number = ids[i].line;
			rc = wrong(l, "id \"%s\" is that of line %u already", ids[i].id,
			           ids[i - 1].line);
		}
	free(ids);
	return rc;
}

static void make_room(struct rules *r, uint32_t *room)
{
	if (r->n < *room)
		return;
	*room = *room == 0 ? 64 : *room * 2;
	r->at = xrealloc(r->at, *room, sizeof(*r->at));
	r->patterns = xrealloc(r->patterns, *room, sizeof(*r->patterns));
	r->pattern_rule = xrealloc(r->pattern_rule, *room, sizeof(*r->pattern_rule));
	r->lines = xrealloc(r->lines, *room, sizeof(*r->lines));
}

static int read_lines(struct line *l, struct rules *rules)
{
	char *rest = rules->text;
	uint32_t room = 0;
	int rc = 0;

	while (rest != NULL && rc == 0) {
		char *end;

		l->at = strsep(&rest, "\n");
		l->number++;
		end = l->at + strlen(l->at);
		if (end - l->at > RULES_LINE_BYTES_MAX)
			return wrong(l, "the line has over %d bytes", RULES_LINE_BYTES_MAX);
		if (end > l->at && end[-1] == '\r')
			end[-1] = '\0';
		skip_blanks(l);
		if (*l->at == '\0' || *l->at == '#')
			continue;
		if (rules->n == GATE_RULES_MAX)
			return wrong(l, "over %d rules", GATE_RULES_MAX);
		make_room(rules, &room);
		rc = read_rule(l, rules);
	}
	return rc;
}

/* One pattern finds the links for all rules that judge hosts. */
static void add_hosts(struct rules *r)
{
	uint32_t i = 0;

	while (i < r->n && (r->at[i].checks & GATE_HOSTS) == 0)
		i++;
	if (i == r->n) /* so there is room for one more than rules with a pattern */
		return;
	r->pattern_rule[r->n_patterns] = i;
	r->patterns[r->n_patterns++] = (struct match_pattern){ .regex = GATE_HOSTS_REGEX };
}

int rules_parse(const char *name, struct span text, struct rules **out, char why[RULES_WHY_BYTES])
{
	struct rules *rules = xcalloc(1, sizeof(*rules));
	struct line l = { .file = name, .why = why };
	int rc;

	rules->text = xcalloc(1, text.bytes + 1);
	if (text.bytes > 0)
		memcpy(rules->text, text.at, text.bytes);
	if (strlen(rules->text) < text.bytes) {
		l.number = 1;
		for (const char *c = rules->text; *c != '\0'; c++)
			l.number += *c == '\n';
		rc = wrong(&l, "the line has a zero byte");
	} else {
		rc = read_lines(&l, rules);
	}
	if (rc == 0)
		rc = check_twins(&l, rules);
	if (rc == 0)
		add_hosts(rules);
	if (rc != 0) {
		rules_free(rules);
		return rc;
	}
	*out = rules;
	return 0;
}

int rules_read(const char *path, struct rules **out, char why[RULES_WHY_BYTES])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
	struct stat st = { .st_size = 0 };
	char *text = NULL;
	ssize_t n = 0;

	if (fd < 0 || fstat(fd, &st) != 0) {
		rc = -errno;
	} else if (!S_ISREG(st.st_mode)) {
		rc = -EINVAL;
	} else if (st.st_size > RULES_FILE_BYTES_MAX) {
		rc = -EFBIG;
	} else {
		text = xcalloc(1, (size_t)st.st_size + 1);
		n = read(fd, text, (size_t)st.st_size);
		rc = n < 0 ? -errno : 0;
	}
	if (rc != 0)
		snprintf(why, RULES_WHY_BYTES, "gate.rules: %.300s: %s", path, strerror(-rc));
	else
		rc = rules_parse(path, span_of(text, (size_t)n), out, why);
	free(text);
	if (fd >= 0)
		close(fd);
	return rc;
}

struct span rules_shipped(void)
{
	return span_of(shipped_rules_files[0], shipped_rules_sizes[0]);
}

void rules_free(struct rules *rules)
{
	if (rules == NULL)
		return;
	free(rules->at);
	free(rules->patterns);
	free(rules->pattern_rule);
	free(rules->lines);
	free(rules->text);
	free(rules);
}

const char *rules_grade_name(uint8_t grade)
{
	assert(grade <= DP_GATE_STOP);
	return grades[grade].name;
}

const char *rules_action_name(uint8_t action)
{
	assert(action <= DP_GATE_REJECT);
	return actions[action].name;
}

void rules_where_text(uint8_t where, char text[64])
{
	size_t used = 0;

	text[0] = '\0';
	for (const struct word *w = places; w->name != NULL; w++)
		if (w->value != GATE_IN_ALL && (where & w->value) != 0)
			used += (size_t)snprintf(text + used, 64 - used, "%s%s",
			                         used == 0 ? "" : ",", w->name);
}
