/* fuzz_jsonl.c - any bytes behind a { as a recipient list in JSONL. */
#include "tests/fuzz/fuzz_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	uint8_t *list = malloc(bytes + 1);

	if (list == NULL)
		return 0;
	list[0] = '{';
	if (bytes > 0)
		memcpy(list + 1, data, bytes);
	fuzz_list(list, bytes + 1, NULL, '\0');
	fuzz_list(list, bytes + 1, "a:number,b:bool,c:date,d:json", '\0');
	free(list);
	return 0;
}
