/* ctl.h - the stats socket: one command a connection, from the command table.
 *
 * Request: one line of words, quoted as in a shell where they hold blanks; a leading word "json"
 * asks for JSON. Answer: "ok" or "error: text" on the first line, then the body, then a last line
 * "end", without which the answer was cut.
 *
 * Thread  control thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct uv_loop_s;
struct ctl;
struct engine;

/* Listens at `path` (mode 0600); an old socket file of a dead engine is replaced. Returns 0 or
 * -errno with one line.
 */
int ctl_open(struct uv_loop_s *loop, const char *path, struct engine *engine, struct ctl **out,
             char why[256]);
void ctl_close(struct ctl *ctl);

/* Writes the command table as a Markdown table. */
void ctl_reference(FILE *out);

/* Client side: sends `line` to the engine at `path` and copies the body to `out`. Returns 0; 1 when
 * the engine answered with an error, which stands in `error`; -errno, with one line in `error`,
 * when no engine answers. Blocks; no loop needed.
 */
int ctl_call(const char *path, const char *line, FILE *out, char error[512]);

/* Client side: writes one word of a line, quoted where it must be. The word holds no line end or
 * other control character; such a one is refused by the engine.
 */
void ctl_quote(FILE *out, const char *word);
