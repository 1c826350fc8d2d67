/* conf.c - from statements to a configuration: every statement meets its row of the table.
 *
 * Blocks are built kind by kind (conf_opt.h says why), so a file may write them in any order.
 */
#include "control/conf/conf.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/conf/conf_opt.h"
#include "control/conf/conf_read.h"
#include "control/near.h"
#include "control/xalloc.h"

enum { NAME_BYTES = 3 * (CONF_WORD_MAX + 2) };

struct loader {
	struct conf_loaded *loaded;
	uint32_t origins_room;
	char *why;
};

__attribute__((format(printf, 4, 5))) static int wrong(const struct loader *l, uint32_t line,
                                                       const char *option, const char *fmt, ...)
{
	int n = snprintf(l->why, CONF_WHY_BYTES, "%s:%u: %.100s%s", l->loaded->file, line, option,
	                 option[0] == '\0' ? "" : ": ");
	va_list ap;

	va_start(ap, fmt);
	if (n >= 0 && n < CONF_WHY_BYTES)
		vsnprintf(l->why + n, (size_t)(CONF_WHY_BYTES - n), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static enum conf_block block_of(const struct conf_item *item)
{
	if (item->n_path > 0)
		for (enum conf_block b = CONF_BLOCK_NONE + 1; b < CONF_N_BLOCKS; b++)
			if (strcmp(item->path[0], conf_blocks[b].section) == 0)
				return b;
	return CONF_BLOCK_NONE;
}

static void set_defaults(struct conf *conf, enum conf_block block, void *base)
{
	for (uint32_t i = 0; i < conf_n_options; i++)
		if (conf_options[i].block == block)
			conf_value_default(&conf_options[i], conf, base);
}

/* The names of everything that can be written, for "did you mean". */
static const char *option_at(const void *ctx, uint32_t n)
{
	(void)ctx;
	return n < conf_n_options ? conf_options[n].name : NULL;
}

static int unknown(const struct loader *l, const struct conf_item *item, const char *name)
{
	const char *meant = near_find(name, option_at, NULL);

	if (meant != NULL && strcmp(meant, name) == 0)
		return wrong(l, item->line, name, "belongs in a block; write %.*s \"name\" { ... }",
		             (int)strcspn(name, "."), name);
	if (meant != NULL)
		return wrong(l, item->line, "", "unknown option \"%.100s\"; did you mean \"%s\"?",
		             name, meant);
	return wrong(l, item->line, "",
	             "unknown option \"%.100s\"; control/conf/README.md lists all", name);
}

static void add_origin(struct loader *l, uint32_t option, uint32_t instance, uint32_t line)
{
	struct conf_loaded *ld = l->loaded;

	if (ld->n_origins == l->origins_room) {
		l->origins_room = l->origins_room == 0 ? 64 : l->origins_room * 2;
		ld->origins = xrealloc(ld->origins, l->origins_room, sizeof(*ld->origins));
	}
	ld->origins[ld->n_origins++] =
	    (struct conf_origin){ .option = option, .instance = instance, .line = line };
}

static int by_option(const void *a, const void *b)
{
	const struct conf_origin *x = a, *y = b;

	if (x->option != y->option)
		return x->option < y->option ? -1 : 1;
	if (x->instance != y->instance)
		return x->instance < y->instance ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

uint32_t conf_origin_line(const struct conf_loaded *ld, uint32_t option, uint32_t instance)
{
	uint32_t low = 0, high = ld->n_origins;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		const struct conf_origin *o = &ld->origins[mid];

		if (o->option == option && o->instance == instance)
			return o->line;
		if (o->option < option || (o->option == option && o->instance < instance))
			low = mid + 1;
		else
			high = mid;
	}
	return 0;
}

/* Sorts what was written where; the same option twice in one place is a mistake. */
static int sort_origins(struct loader *l)
{
	struct conf_loaded *ld = l->loaded;

	if (ld->n_origins > 1)
		qsort(ld->origins, ld->n_origins, sizeof(*ld->origins), by_option);
	for (uint32_t i = 1; i < ld->n_origins; i++) {
		const struct conf_origin *a = &ld->origins[i - 1], *b = &ld->origins[i];

		if (a->option == b->option && a->instance == b->instance)
			return wrong(l, b->line, conf_options[b->option].name,
			             "written twice, first on line %u; remove one", a->line);
	}
	return 0;
}

static int set_option(struct loader *l, const struct conf_item *item, enum conf_block block,
                      uint32_t instance, const char *name)
{
	struct conf *conf = &l->loaded->conf;
	int option = conf_option_find(block, name);
	char why[CONF_WHY_BYTES];

	if (option < 0)
		return unknown(l, item, name);
	if (conf_value_set(&conf_options[option], conf, conf_block_at(conf, block, instance),
	                   item->values, item->n_values, why) != 0)
		return wrong(l, item->line, name, "%s", why);
	add_origin(l, (uint32_t)option, instance, item->line);
	return 0;
}

/* A statement outside of the repeated blocks: "limits { rate = 5 }" or "limits.rate = 5". */
static int load_plain(struct loader *l, const struct conf_item *item)
{
	char name[NAME_BYTES];

	snprintf(name, sizeof(name), "%s%s%s%s%s", item->n_path > 0 ? item->path[0] : "",
	         item->n_path > 0 ? "." : "", item->n_path > 1 ? item->path[1] : "",
	         item->n_path > 1 ? "." : "", item->key == NULL ? "" : item->key);
	if (item->key != NULL)
		return set_option(l, item, CONF_BLOCK_NONE, 0, name);
	if (item->n_path > 1)
		return wrong(l, item->line, "",
		             "\"%.100s\" is not a block that takes a name; only port, source, "
		             "site, credential, dkim, class and tenant are",
		             item->path[0]);
	for (uint32_t i = 0; i < conf_n_options; i++)
		if (conf_options[i].block == CONF_BLOCK_NONE &&
		    strncmp(conf_options[i].name, name, strlen(name)) == 0)
			return 0;
	name[strlen(name) - 1] = '\0';
	return wrong(l, item->line, "",
	             "unknown block \"%.100s\"; control/conf/README.md lists all", name);
}

/* Makes the block that `item` opens. */
static int add_block(struct loader *l, const struct conf_item *item, enum conf_block block)
{
	const struct conf_block_kind *kind = &conf_blocks[block];
	struct conf *conf = &l->loaded->conf;
	uint32_t *count = (uint32_t *)((char *)conf + kind->at_count);
	const char *trouble = kind->check(item->path[1]);
	char **array = (char **)((char *)conf + kind->at), *name, *base;

	if (trouble != NULL)
		return wrong(l, item->line, kind->section, "\"%.100s\" %s", item->path[1], trouble);
	for (uint32_t i = 0; i < *count; i++)
		if (strcasecmp(conf_block_name(conf, block, i), item->path[1]) == 0)
			return wrong(l, item->line, kind->section,
			             "\"%s\" was there before; give this one another name",
			             item->path[1]);
	if (*count == kind->n_max)
		return wrong(l, item->line, kind->section, "more than %u; remove this one",
		             kind->n_max);
	if ((*count & (*count + 1)) == 0) /* at 0, 1, 3, 7, ...: double the room */
		*array = xrealloc(*array, 2 * (size_t)*count + 1, kind->bytes);
	base = *array + *count * kind->bytes;
	memset(base, 0, kind->bytes);
	name = xstrdup(item->path[1]);
	memcpy(base + kind->at_name, &name, sizeof(name));
	add_origin(l, conf_n_options + block, (*count)++, item->line);
	set_defaults(conf, block, base);
	if (block == CONF_BLOCK_SITE) {
		((struct conf_site *)base)->limits = conf->limits;
		for (char *c = name; *c != '\0'; c++)
			*c = (char)tolower((unsigned char)*c);
	}
	return 0;
}

/* The block an item stands in; nearly always the one built last. */
static uint32_t find_block(const struct conf *conf, enum conf_block block, const char *name)
{
	for (uint32_t i = conf_block_count(conf, block); i > 0; i--)
		if (strcasecmp(conf_block_name(conf, block, i - 1), name) == 0)
			return i - 1;
	assert(!"a block is opened before its statements");
	return 0;
}

static int load_in_block(struct loader *l, const struct conf_item *item, enum conf_block block,
                         uint32_t *instance)
{
	const struct conf_block_kind *kind = &conf_blocks[block];
	char name[NAME_BYTES];

	if (item->n_path < 2 && item->key == NULL)
		return 0; /* port { "p0" { } }, as JSON writes it */
	if (item->n_path < 2)
		return wrong(l, item->line, kind->section,
		             "this block needs a name; write %s \"%s\" { ... }", kind->section,
		             kind->example);
	if (item->key == NULL) {
		int err = add_block(l, item, block);

		*instance = err == 0 ? find_block(&l->loaded->conf, block, item->path[1]) : 0;
		return err;
	}
	snprintf(name, sizeof(name), "%s.%s", kind->section, item->key);
	return set_option(l, item, block, *instance, name);
}

static int load_items(struct loader *l, const struct conf_doc *doc)
{
	for (enum conf_block block = CONF_BLOCK_NONE; block < CONF_N_BLOCKS; block++) {
		uint32_t instance = 0;

		for (uint32_t i = 0; i < doc->n_items; i++) {
			const struct conf_item *item = &doc->items[i];
			int err;

			if (block_of(item) != block)
				continue;
			err = block == CONF_BLOCK_NONE ? load_plain(l, item)
			                               : load_in_block(l, item, block, &instance);
			if (err != 0)
				return err;
		}
	}
	return sort_origins(l);
}

static int slurp(const char *path, char **text, size_t *bytes, char why[CONF_WHY_BYTES])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err = 0;
	struct stat st;
	size_t used = 0;
	ssize_t got = 0;

	*text = NULL;
	if (fd < 0 || fstat(fd, &st) != 0) {
		err = -errno;
		snprintf(why, CONF_WHY_BYTES, "%.300s: cannot be read: %s; check path and rights",
		         path, strerror(-err));
	} else if (!S_ISREG(st.st_mode) || st.st_size > CONF_FILE_BYTES_MAX) {
		err = -EINVAL;
		snprintf(why, CONF_WHY_BYTES,
		         "%.300s: is not a file of at most %d MiB; name a configuration file", path,
		         CONF_FILE_BYTES_MAX >> 20);
	}
	if (err == 0) {
		*text = xcalloc(1, (size_t)st.st_size + 1);
		while (used < (size_t)st.st_size &&
		       (got = read(fd, *text + used, (size_t)st.st_size - used)) > 0)
			used += (size_t)got;
		if (got < 0) {
			err = -errno;
			snprintf(why, CONF_WHY_BYTES, "%.300s: cannot be read: %s; check it", path,
			         strerror(-err));
		}
	}
	if (fd >= 0)
		close(fd);
	*bytes = used;
	return err;
}

int conf_load(const char *path, struct conf **out, char why[CONF_WHY_BYTES])
{
	struct loader l = { .why = why };
	struct conf_doc doc = { 0 };
	size_t bytes;
	char *text;
	int err = slurp(path, &text, &bytes, why);

	*out = NULL;
	if (err != 0)
		goto out;
	l.loaded = xcalloc(1, sizeof(*l.loaded));
	l.loaded->file = xstrdup(path);
	set_defaults(&l.loaded->conf, CONF_BLOCK_NONE, &l.loaded->conf);
	err = conf_read(path, span_of(text, bytes), &doc, why);
	if (err == 0)
		err = load_items(&l, &doc);
	if (err == 0)
		err = conf_check(l.loaded, why);
	conf_doc_fini(&doc);
	if (err == 0)
		*out = &l.loaded->conf;
	else
		conf_free(&l.loaded->conf);
out:
	free(text);
	return err;
}

void conf_free(struct conf *conf)
{
	struct conf_loaded *ld = (struct conf_loaded *)conf;

	if (conf == NULL)
		return;
	for (uint32_t i = 0; i < conf_n_options; i++) {
		const struct conf_opt *o = &conf_options[i];

		for (uint32_t n = 0; n < conf_block_count(conf, o->block); n++)
			conf_value_free(o, conf_block_at(conf, o->block, n));
	}
	for (enum conf_block b = CONF_BLOCK_NONE + 1; b < CONF_N_BLOCKS; b++)
		for (uint32_t n = 0; n < conf_block_count(conf, b); n++)
			free((char *)(uintptr_t)conf_block_name(conf, b, n));
	free(conf->ports);
	free(conf->sources);
	free(conf->sites);
	free(conf->times);
	free(conf->credentials);
	free(conf->dkim);
	free(conf->classes);
	free(conf->tenants);
	free(ld->origins);
	free(ld->file);
	free(ld);
}

/* The block of that name; one that says nothing when there is none. */
static const struct conf_class *class_of(const struct conf_class *all, uint32_t n, const char *name)
{
	static const struct conf_class unsaid = { .tls_min = DP_TLS_NONE };

	for (uint32_t i = 0; name != NULL && i < n; i++)
		if (strcasecmp(all[i].name, name) == 0)
			return &all[i];
	return &unsaid;
}

uint8_t conf_tls_min(const struct conf *conf, const char *class, const char *tenant)
{
	uint32_t a = class_of(conf->classes, conf->n_classes, class)->tls_min;
	uint32_t b = class_of(conf->tenants, conf->n_tenants, tenant)->tls_min;

	return (uint8_t)(a > b ? a : b);
}

struct conf_dsn conf_dsn(const struct conf *conf, const char *class, const char *tenant)
{
	const struct conf_class *c = class_of(conf->classes, conf->n_classes, class);
	const struct conf_class *t = class_of(conf->tenants, conf->n_tenants, tenant);

	return (struct conf_dsn){ .notify = t->dsn_notify != NULL ? t->dsn_notify : c->dsn_notify,
		                  .ret = t->dsn_ret != NULL ? t->dsn_ret : c->dsn_ret };
}
