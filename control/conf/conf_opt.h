/* conf_opt.h - the option table, for the files of this room.
 *
 * A row says everything about an option; parser, bounds, defaults, `show config`, the reference
 * and the sample file all walk the table, and nothing else names an option.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "control/conf/conf.h"

/* Where options stand: in the file once, or in each block of a kind. In the order in which blocks
 * are built: a source names a port, a site starts from the limits.
 */
enum conf_block {
	CONF_BLOCK_NONE,
	CONF_BLOCK_PORT,
	CONF_BLOCK_SOURCE,
	CONF_BLOCK_SITE,
	CONF_BLOCK_CREDENTIAL,
	CONF_BLOCK_DKIM,
	CONF_BLOCK_CLASS,
	CONF_BLOCK_TENANT,
	CONF_N_BLOCKS
};

enum conf_type {
	CONF_TYPE_INT,       /* uint32_t, by unit */
	CONF_TYPE_BIG,       /* uint64_t, by unit */
	CONF_TYPE_BOOL,      /* bool */
	CONF_TYPE_CHOICE,    /* 32 bits: index in choices */
	CONF_TYPE_STRING,    /* char *, owned */
	CONF_TYPE_ADDR4,     /* struct ip_addr */
	CONF_TYPE_ADDR6,     /* struct ip_addr */
	CONF_TYPE_PORT,      /* uint32_t: index in conf.ports, by name */
	CONF_TYPE_ROUTE,     /* struct conf_route */
	CONF_TYPE_PREFIX,    /* list of struct ip_prefix */
	CONF_TYPE_SERVER,    /* list of struct ip_addr, with its port in a list beside */
	CONF_TYPE_NEIGHBOUR, /* list of struct ip_neighbour */
	CONF_TYPE_SECONDS,   /* list of uint32_t */
	CONF_N_TYPES
};

enum conf_unit { CONF_UNIT_NONE, CONF_UNIT_MS, CONF_UNIT_S, CONF_UNIT_BYTES, CONF_N_UNITS };

/* Soonest a change takes hold. */
enum conf_when { CONF_AT_START, CONF_ON_RELOAD };

enum {
	CONF_TEXT_BYTES = 1100, /* one value as text */
	CONF_UNSET_PORT = UINT32_MAX,
};

struct conf_opt {
	const char *name; /* section.noun_qualifier, as written in the file */
	enum conf_block block;
	enum conf_type type;
	enum conf_unit unit; /* of the stored value */
	enum conf_when when;
	bool required;
	size_t at;                  /* where in struct conf, or in the block's struct */
	size_t at_count;            /* lists: where their length is */
	size_t at_beside;           /* servers: where their ports are */
	uint32_t n_max;             /* lists: room */
	int64_t min, max, def;      /* numbers */
	const char *def_str;        /* the others; of a list, separated by blanks */
	const char *def_note;       /* said in the reference where the default is worked out */
	const char *const *choices; /* NULL-terminated */
	const char *(*check)(const char *text, int64_t n); /* NULL: fine; else what is wrong */
	const char *help;
};

extern const struct conf_opt conf_options[];
extern const uint32_t conf_n_options;

/* One kind of block: what it is called and where its array is. */
struct conf_block_kind {
	const char *section;
	size_t at, at_count; /* in struct conf */
	size_t bytes;        /* of one */
	uint32_t n_max;
	size_t at_name; /* in one */
	enum conf_when when;
	const char *(*check)(const char *name); /* NULL: fine; else what is wrong with the name */
	const char *example;
	bool may_miss; /* the sample file has it commented out */
};

extern const struct conf_block_kind conf_blocks[CONF_N_BLOCKS];

/* Where a value came from; no entry means from its default. A block's own line is kept beside, as
 * of option conf_n_options + its kind.
 */
struct conf_origin {
	uint32_t option, instance;
	uint32_t line;
};

/* What conf_load() returns inside: the public part first. */
struct conf_loaded {
	struct conf conf;
	char *file;
	struct conf_origin *origins; /* sorted by option, instance */
	uint32_t n_origins;
};

/* The option of that full name in that kind of block, or -1. */
int conf_option_find(enum conf_block block, const char *name);

/* How many blocks of a kind there are (one of CONF_BLOCK_NONE), the n-th, and its name ("" for
 * CONF_BLOCK_NONE).
 */
uint32_t conf_block_count(const struct conf *conf, enum conf_block block);
void *conf_block_at(const struct conf *conf, enum conf_block block, uint32_t n);
const char *conf_block_name(const struct conf *conf, enum conf_block block, uint32_t n);

/* Sets an option from text. Returns 0, or -EINVAL with "what; what to do". */
int conf_value_set(const struct conf_opt *o, const struct conf *conf, void *base,
                   char *const *values, uint32_t n_values, char why[CONF_WHY_BYTES]);

/* Sets an option to its default. */
void conf_value_default(const struct conf_opt *o, const struct conf *conf, void *base);

/* How many values it holds now (0: unset or empty), and one of them as it would be written. */
uint32_t conf_value_count(const struct conf_opt *o, const void *base);
const char *conf_value_text(const struct conf_opt *o, const struct conf *conf, const void *base,
                            uint32_t n, char text[CONF_TEXT_BYTES]);
void conf_value_free(const struct conf_opt *o, void *base);
bool conf_type_is_list(enum conf_type type);

/* A number with its unit, as it would be written: 1500 ms is "1s500ms", 2097152 bytes "2MiB". */
void conf_number_text(enum conf_unit unit, uint64_t n, char text[CONF_TEXT_BYTES]);

/* A host name by RFC 1123 2.1 with at least two labels; NULL: fine. */
const char *conf_check_hostname(const char *text, int64_t n);

/* What one option alone cannot know. Returns 0 or -EINVAL with one whole line. */
int conf_check(struct conf_loaded *loaded, char why[CONF_WHY_BYTES]);

/* The same for sites, credentials and their time-outs; numbers both. */
int conf_check_sites(struct conf_loaded *loaded, char why[CONF_WHY_BYTES]);

/* Writes "file:line: ..." without a line where it is 0; returns -EINVAL. */
int conf_wrong_at(const struct conf_loaded *loaded, uint32_t line, char why[CONF_WHY_BYTES],
                  const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Where an option of a block was set, and where a block opens: what is wrong with all of it is told
 * there.
 */
uint32_t conf_line_of(const struct conf_loaded *loaded, enum conf_block block, const char *name,
                      uint32_t instance);
uint32_t conf_block_line(const struct conf_loaded *loaded, enum conf_block block,
                         uint32_t instance);

/* The line an option of a block was set on, 0: default. */
uint32_t conf_origin_line(const struct conf_loaded *loaded, uint32_t option, uint32_t instance);

/* Writes a configuration file with every option, at its default and commented out unless it is
 * needed to start.
 */
void conf_sample(FILE *out);
