/* Kubernetes JSON: as fuzz_yaml.c, through the other reader. */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/hurry.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    const char *difference = hurry_compare_ways(K8S_JSON, (struct str){(const char *)data, size});
    FUZZ_CHECK(difference == NULL, difference);
    struct npc *n = fuzz_load_file("in.json", (const char *)data, size);
    if (n != NULL) {
        fuzz_all_backends(n);
        fuzz_round_trip(n);
        npc_free(n);
    }
    return 0;
}
