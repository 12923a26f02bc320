/* Kubernetes JSON: as fuzz_yaml.c, through the other reader. */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct npc *n = fuzz_load_file("in.json", (const char *)data, size);
    if (n != NULL) {
        fuzz_all_backends(n);
        fuzz_round_trip(n);
        npc_free(n);
    }
    return 0;
}
