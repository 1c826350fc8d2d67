/* fields.c - what a message's header says: who it is from, how to leave, when it was written. */
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "control/lint/sample.h"

/* ---- From ---- */

/* Where mail of others is refused by policy (DMARC reject or quarantine), or by rule. */
static const char *const providers[] = {
	"gmail.com",   "googlemail.com", "yahoo.com",   "ymail.com",   "rocketmail.com",
	"aol.com",     "aim.com",        "icloud.com",  "me.com",      "mac.com",
	"outlook.com", "hotmail.com",    "live.com",    "msn.com",     "yahoo.co.uk",
	"yahoo.de",    "yahoo.fr",       "yahoo.co.jp", "gmx.de",      "gmx.net",
	"web.de",      "mail.ru",        "yandex.ru",   "qq.com",      "163.com",
	"proton.me",   "protonmail.com", "zoho.com",    "comcast.net", "att.net",
};

struct mailboxes {
	uint32_t n;
	bool is_group;
	struct span address; /* of the last */
};

/* Counts the addresses of a From value (RFC 5322 3.4); quotes, comments and "<" hide commas. */
static struct mailboxes read_from(struct span v)
{
	struct mailboxes m = { .n = 1, .address = lint_trim(v) };
	bool quoted = false, angle = false;
	uint32_t depth = 0;
	size_t start = 0;

	for (size_t i = 0; i < v.bytes; i++) {
		uint8_t c = v.at[i];

		if (c == '\\' && (quoted || depth > 0)) {
			i++;
		} else if (c == '"' && depth == 0) {
			quoted = !quoted;
		} else if (quoted) {
			continue;
		} else if (c == '(' || c == ')') {
			depth += c == '(' ? 1 : depth > 0 ? UINT32_MAX : 0;
		} else if (depth > 0) {
			continue;
		} else if (c == '<') {
			angle = true;
			start = i + 1;
		} else if (c == '>' && angle) {
			angle = false;
			m.address = lint_trim(span_of(v.at + start, i - start));
		} else if (c == ',' && !angle) {
			m.n++;
		} else if ((c == ':' || c == ';') && !angle) {
			m.is_group = true;
		}
	}
	return m;
}

static void keep_from_domain(struct lint_samples *s, struct span domain)
{
	if (s->from_domain[0] != '\0' || domain.bytes >= sizeof(s->from_domain))
		return;
	for (size_t i = 0; i < domain.bytes; i++) {
		uint8_t c = domain.at[i];

		s->from_domain[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	s->from_domain[domain.bytes] = '\0';
}

static void check_from(struct lint_look *k)
{
	const struct lint_field *f = lint_field_find(&k->message, "From", 0);
	struct mailboxes m;
	struct span domain;

	if (f == NULL)
		return; /* told by wire.c */
	m = read_from(f->value);
	domain = lint_domain_of(m.address);
	if (m.n != 1 || m.is_group)
		lint_tell_field(k, LINT_FROM_ONE, "From", "%u addresses%s", m.n,
		                m.is_group ? ", or a group" : "");
	else if (domain.bytes == 0)
		lint_tell_field(k, LINT_FROM_ONE, "From", "no address");
	keep_from_domain(k->all, domain);
	for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++)
		if (lint_same(domain, span_str(providers[i])))
			lint_tell_field(k, LINT_FROM_PROVIDER, "From",
			                "%s takes no mail from its domain by others", providers[i]);
}

/* ---- words that mislead ---- */

enum script { SCRIPT_NONE, SCRIPT_LATIN, SCRIPT_GREEK, SCRIPT_CYRILLIC, SCRIPT_OTHER };

/* The scripts whose letters look alike; others are not told apart. */
static enum script script_of(uint32_t c)
{
	if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= 0xc0 && c < 0x250))
		return SCRIPT_LATIN;
	if ((c >= 0x370 && c < 0x400) || (c >= 0x1f00 && c < 0x2000))
		return SCRIPT_GREEK;
	if (c >= 0x400 && c < 0x530)
		return SCRIPT_CYRILLIC;
	return c >= 0x530 && c < 0x590 ? SCRIPT_OTHER : SCRIPT_NONE;
}

/* Invisible letters, and those that turn the direction of what follows. */
static bool is_trick(uint32_t c)
{
	return (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x2069) || c == 0xfeff || c == 0xad;
}

/* A mark with which a reader's own program says that a sender is verified. */
static bool is_check_mark(uint32_t c)
{
	return (c >= 0x2713 && c <= 0x2714) || c == 0x2705 || c == 0x2611 || c == 0x1f5f8;
}

/* Takes one character of text that is UTF-8 already. */
static uint32_t take_char(struct span *s)
{
	uint8_t b = s->at[0];
	size_t bytes = b < 0xc0 ? 1 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : 4;
	uint32_t c = bytes == 1 ? b : b & (0x7f >> bytes);

	if (bytes > s->bytes)
		bytes = s->bytes;
	for (size_t i = 1; i < bytes; i++)
		c = c << 6 | (s->at[i] & 0x3f);
	*s = span_of(s->at + bytes, s->bytes - bytes);
	return c;
}

static const char *what_misleads(struct span name)
{
	enum script word = SCRIPT_NONE;

	while (name.bytes > 0) {
		uint32_t c = take_char(&name);
		enum script script = script_of(c);

		if (is_trick(c))
			return "it has invisible characters";
		if (is_check_mark(c))
			return "it has a check mark, as if somebody had verified it";
		if (script == SCRIPT_NONE) {
			word = c == ' ' || c == '-' || c == '.' ? SCRIPT_NONE : word;
			continue;
		}
		if (word != SCRIPT_NONE && word != script)
			return "a word of it mixes scripts whose letters look alike";
		word = script;
	}
	return NULL;
}

/* The value of a field as people read it: of the template's own fields, or the raw one. */
static struct span readable(const struct lint_look *k, const char *name)
{
	struct span lines = lint_text_of(k->sample, TPL_LABEL_HEADER);
	const struct lint_field *f = lint_field_find(&k->message, name, 0);
	size_t n = strlen(name);

	while (lines.bytes > n) {
		const uint8_t *lf = memchr(lines.at, '\n', lines.bytes);
		size_t bytes = lf == NULL ? lines.bytes : (size_t)(lf - lines.at) + 1;

		if (bytes > n && lines.at[n] == ':' &&
		    lint_same(span_of(lines.at, n), span_str(name)))
			return lint_trim(span_of(lines.at + n + 1, bytes - n - 1));
		lines = span_of(lines.at + bytes, lines.bytes - bytes);
	}
	return f == NULL ? span_of(NULL, 0) : lint_trim(f->value);
}

static void check_from_name(struct lint_look *k)
{
	struct span value = readable(k, "From"), domain, address, name = value;
	const uint8_t *angle =
	    memrchr(value.at == NULL ? (const uint8_t *)"" : value.at, '<', value.bytes);
	const uint8_t *at;
	const char *wrong;

	if (angle == NULL)
		return; /* no display name */
	name.bytes = (size_t)(angle - value.at);
	address = span_of(angle + 1, value.bytes - name.bytes - 1);
	if (address.bytes > 0 && address.at[address.bytes - 1] == '>')
		address.bytes--;
	domain = lint_domain_of(address);
	wrong = what_misleads(name);
	if (wrong != NULL)
		lint_tell_field(k, LINT_FROM_NAME, "From", "%s", wrong);
	at = name.bytes == 0 ? NULL : memchr(name.at, '@', name.bytes);
	if (at != NULL) {
		struct span other = span_of(at + 1, name.bytes - (size_t)(at - name.at) - 1);

		if (other.bytes < domain.bytes ||
		    !lint_same(span_of(other.at, domain.bytes), domain))
			lint_tell_field(k, LINT_FROM_NAME, "From",
			                "it names an address of another domain");
	}
}

static void check_subject(struct lint_look *k)
{
	static const char *const prefixes[] = { "re:", "fw:", "fwd:", "aw:", "wg:",
		                                "sv:", "vs:", "tr:",  "rif:" };
	struct span subject = lint_text_of(k->sample, TPL_LABEL_SUBJECT);

	if (subject.bytes == 0)
		subject = readable(k, "Subject");
	if (lint_field_find(&k->message, "In-Reply-To", 0) != NULL ||
	    lint_field_find(&k->message, "References", 0) != NULL)
		return;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (subject.bytes >= strlen(prefixes[i]) &&
		    lint_same(span_of(subject.at, strlen(prefixes[i])), span_str(prefixes[i])))
			lint_tell_field(k, LINT_SUBJECT_REPLY, "Subject", "it begins with \"%.*s\"",
			                (int)strlen(prefixes[i]), (const char *)subject.at);
}

/* ---- leaving ---- */

bool lint_unsubscribe_read(struct span v, struct span *https, bool *mailto)
{
	static const struct span secure = { (const uint8_t *)"https://", 8 };
	static const struct span mail = { (const uint8_t *)"mailto:", 7 };

	*https = span_of(NULL, 0);
	*mailto = false;
	while (v.bytes > 0) {
		const uint8_t *open = memchr(v.at, '<', v.bytes), *close;
		struct span uri;

		if (open == NULL)
			break;
		close = memchr(open, '>', v.bytes - (size_t)(open - v.at));
		if (close == NULL)
			break;
		uri = span_of(open + 1, (size_t)(close - open) - 1);
		if (uri.bytes > 8 && lint_same(span_of(uri.at, 8), secure) && https->bytes == 0)
			*https = uri;
		if (uri.bytes > 7 && lint_same(span_of(uri.at, 7), mail))
			*mailto = true;
		v = span_of(close + 1, v.bytes - (size_t)(close - v.at) - 1);
	}
	return https->bytes > 0;
}

static void check_one_click(struct lint_look *k)
{
	const struct lint_field *list = lint_field_find(&k->message, "List-Unsubscribe", 0);
	const struct lint_field *post = lint_field_find(&k->message, "List-Unsubscribe-Post", 0);
	const struct lint_field *id = lint_field_find(&k->message, "List-Id", 0);
	struct span https;
	bool mailto = false;

	if (list == NULL)
		lint_tell(k, LINT_ONE_CLICK_URL, "there is no List-Unsubscribe");
	else if (!lint_unsubscribe_read(list->value, &https, &mailto))
		lint_tell_field(k, LINT_ONE_CLICK_URL, "List-Unsubscribe",
		                "it has no https address");
	if (list != NULL && !mailto)
		lint_tell_field(k, LINT_ONE_CLICK_MAILTO, "List-Unsubscribe",
		                "it has no mailto address");
	if (post == NULL)
		lint_tell(k, LINT_ONE_CLICK_POST, "there is no List-Unsubscribe-Post");
	else if (!lint_same(lint_trim(post->value), span_str("List-Unsubscribe=One-Click")))
		lint_tell_field(k, LINT_ONE_CLICK_POST, "List-Unsubscribe-Post",
		                "it does not say List-Unsubscribe=One-Click");
	if (id == NULL || memchr(id->value.at, '<', id->value.bytes) == NULL)
		lint_tell(k, LINT_LIST_ID, "there is %s",
		          id == NULL ? "no List-Id" : "a List-Id without <name.example.com>");
}

/* ---- the message itself ---- */

static uint64_t hash_of(struct span s)
{
	uint64_t h = 0xcbf29ce484222325; /* FNV-1a */

	for (size_t i = 0; i < s.bytes; i++)
		h = (h ^ s.at[i]) * 0x100000001b3;
	return h;
}

static void check_message_id(struct lint_look *k)
{
	const struct lint_field *f = lint_field_find(&k->message, "Message-ID", 0);
	struct span id, domain, ours = k->all->campaign->id_domain;
	uint64_t h;

	if (f == NULL)
		return;
	id = lint_trim(f->value);
	if (id.bytes < 5 || id.at[0] != '<' || id.at[id.bytes - 1] != '>') {
		lint_tell_field(k, LINT_MESSAGE_ID, "Message-ID", "it is not <left@domain>");
		return;
	}
	id = span_of(id.at + 1, id.bytes - 2);
	domain = lint_domain_of(id);
	if (!lint_same(domain, ours) && !lint_same(domain, span_str(k->all->from_domain)))
		lint_tell_field(k, LINT_MESSAGE_ID, "Message-ID", "its domain is not ours");
	h = k->all->id_hashes[k->all->n] = hash_of(id);
	for (uint32_t i = 0; i < k->all->n; i++)
		if (k->all->id_hashes[i] == h) {
			lint_tell_field(k, LINT_MESSAGE_ID, "Message-ID",
			                "another message has the same");
			break;
		}
}

static void check_date(struct lint_look *k)
{
	const struct lint_field *f = lint_field_find(&k->message, "Date", 0);
	char text[64];
	struct tm tm = { 0 };
	const char *end;
	int64_t at, east_s;

	if (f == NULL)
		return;
	lint_unfold(f->value, text, sizeof(text));
	end = strptime(text, "%a, %d %b %Y %H:%M:%S %z", &tm);
	if (end == NULL || *end != '\0') {
		lint_tell_field(k, LINT_DATE, "Date", "\"%.60s\" is no date (RFC 5322 3.3)", text);
		return;
	}
	east_s = tm.tm_gmtoff; /* timegm() takes the fields as UTC, and clears it */
	at = timegm(&tm) - east_s;
	if (llabs((long long)(at - k->sample->first_attempt_s)) > LINT_DATE_SLACK_S)
		lint_tell_field(k, LINT_DATE, "Date", "it is %lld s off",
		                (long long)(at - k->sample->first_attempt_s));
}

/* Fields that we or the template's author write with values in them. */
static void check_tags(struct lint_look *k)
{
	static const char *const names[] = { "From",    "Reply-To",         "To",         "Sender",
		                             "List-Id", "List-Unsubscribe", "Feedback-ID" };
	struct span subject = lint_text_of(k->sample, TPL_LABEL_SUBJECT), tag;

	tag = lint_merge_tag(subject, k->all->campaign->columns);
	if (tag.bytes > 0)
		lint_tell_field(k, LINT_MERGE_TAGS, "Subject", "%.*s", (int)tag.bytes,
		                (const char *)tag.at);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		tag = lint_merge_tag(readable(k, names[i]), k->all->campaign->columns);
		if (tag.bytes > 0)
			lint_tell_field(k, LINT_MERGE_TAGS, names[i], "%.*s", (int)tag.bytes,
			                (const char *)tag.at);
	}
}

void lint_look_at_fields(struct lint_look *k)
{
	check_from(k);
	check_from_name(k);
	check_subject(k);
	check_one_click(k);
	check_message_id(k);
	check_date(k);
	check_tags(k);
}
