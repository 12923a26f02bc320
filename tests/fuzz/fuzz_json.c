/* Kubernetes JSON: as fuzz_yaml.c, through the other reader. */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/hurry.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    for (size_t choice = 1; choice <= 3; choice++) {
        const char *difference =
            hurry_compare(K8S_JSON, (struct str){(const char *)data, size}, 0, choice, NULL);
        FUZZ_CHECK(difference == NULL, difference);
    }
    struct npc *n = fuzz_load_file("in.json", (const char *)data, size);
    if (n != NULL) {
        fuzz_all_backends(n);
        fuzz_round_trip(n);
        npc_free(n);
    }
    return 0;
}
