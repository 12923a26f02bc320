/* Kubernetes YAML: any bytes are refused or compile through every backend, and what compiles
 * survives YAML -> npc -> YAML. */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct npc *n = fuzz_load_file("in.yaml", (const char *)data, size);
    if (n != NULL) {
        fuzz_all_backends(n);
        fuzz_round_trip(n);
        npc_free(n);
    }
    return 0;
}
