/* ask.h - for tests: one command run to its end, without a socket. */
#pragma once

#include <assert.h>
#include <stdlib.h>

#include "control/asks.h"
#include "control/ctl/ctl_cmd.h"
#include "tests/control/ctl/fake_engine.h"

/* The answer's body, or "error: ..."; free it. `parts` counts how often the command ran. */
static inline char *ask(const char *line, uint32_t *parts)
{
	struct ctl_req req = { .engine = fake_engine() };
	char *copy = strdup(line), *text = NULL;
	enum ctl_said said = CTL_SAID_ERROR;
	size_t bytes;
	uint32_t n = 0;

	req.out = open_memstream(&text, &bytes);
	if (ctl_match(&req, copy) == 0) {
		do {
			said = req.cmd->run(&req);
			n++;
			if (said == CTL_SAID_WAIT)
				asks_poll(engine_asks(NULL));
		} while (said == CTL_SAID_PART || said == CTL_SAID_WAIT);
	}
	if (req.job != NULL)
		req.free_job(req.job);
	fclose(req.out);
	free(copy);
	assert(said != CTL_SAID_LATER);
	if (said == CTL_SAID_ERROR) {
		assert(bytes == 0);
		free(text);
		if (asprintf(&text, "error: %s", req.error) < 0)
			abort();
	}
	if (parts != NULL)
		*parts = n;
	return text;
}
