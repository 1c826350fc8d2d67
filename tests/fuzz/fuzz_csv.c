/* fuzz_csv.c - any bytes as a recipient list, whose delimiter is found or told and whose columns
 * may have types.
 */
#include "tests/fuzz/fuzz_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	fuzz_list(data, bytes, NULL, '\0');
	fuzz_list(data, bytes, NULL, ';');
	fuzz_list(data, bytes, "a:number,b:bool,c:date,d:json", '\0');
	return 0;
}
