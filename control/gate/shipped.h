/* shipped.h - files that the program holds within itself; scripts/lib/embed.py makes them. */
#pragma once

#include <stddef.h>

/* etc/scan.rules: one file. */
extern const unsigned char *const shipped_rules_files[];
extern const size_t shipped_rules_sizes[];

/* Mail that stands for what people send: what a set of rules costs is measured on it. */
extern const unsigned char *const shipped_mail_files[];
extern const size_t shipped_mail_sizes[];
extern const unsigned shipped_mail_n;
