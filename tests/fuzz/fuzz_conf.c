/* fuzz_conf.c - any bytes are a configuration or one line of complaint, never a crash. */
#include <assert.h>
#include <string.h>

#include "control/conf/conf_read.h"
#include "tests/control/conf/conf_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	char why[CONF_WHY_BYTES] = "";
	struct conf_doc doc;
	struct conf *conf;

	if (conf_read("f", span_of(data, bytes), &doc, why) != 0) {
		assert(why[0] != '\0');
		return 0;
	}
	conf_doc_fini(&doc);
	if (conf_file_load((const char *)data, bytes, &conf, why) == 0) {
		FILE *out = fopen("/dev/null", "w");

		assert(conf->n_ports > 0 && conf->n_sources > 0 && conf->dns.n_servers > 0);
		assert(conf_needs_restart(conf, conf) == NULL);
		conf_show(conf, true, out);
		conf_show(conf, false, out);
		fclose(out);
		conf_free(conf);
	} else {
		assert(why[0] != '\0' && strpbrk(why, "\n\r") == NULL);
	}
	return 0;
}
