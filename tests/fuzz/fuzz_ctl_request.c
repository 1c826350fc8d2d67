/* fuzz_ctl_request.c - any line is a command or an error of one clean line.
 *
 * The commands themselves run against the engine of the tests, those that wait excepted.
 */
#include "control/ctl/ctl_server.h"
#include "tests/control/ctl/ask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	char line[CTL_REQUEST_BYTES_MAX + 1];
	struct ctl_req req = { .engine = fake_engine() };

	if (bytes > CTL_REQUEST_BYTES_MAX)
		return 0;
	memcpy(line, data, bytes);
	line[bytes] = '\0';
	fake_reset();
	if (ctl_match(&req, line) != 0) {
		assert(req.error[0] != '\0' && strpbrk(req.error, "\n\r\x1b") == NULL);
		return 0;
	}
	assert(req.n_words >= 1 && req.n_words <= CTL_WORDS_MAX);
	if (strncmp(req.cmd->pattern, "campaign start", 14) == 0) {
		enum ctl_said said = req.cmd->run(&req);

		if (said == CTL_SAID_LATER)
			fake.done(fake.done_ctx, 0, &fake.campaign, "line");
		else
			assert(said == CTL_SAID_ERROR && req.error[0] != '\0');
	}
	return 0;
}
