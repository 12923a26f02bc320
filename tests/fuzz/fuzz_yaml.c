/* Kubernetes YAML: any bytes are refused or compile through every backend, and what compiles
 * survives YAML -> npc -> YAML. And what is left out before the parser sees it makes no difference.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/hurry.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    const char *difference = hurry_compare_ways(K8S_YAML, (struct str){(const char *)data, size});
    FUZZ_CHECK(difference == NULL, difference);
    struct npc *n = fuzz_load_file("in.yaml", (const char *)data, size);
    if (n != NULL) {
        fuzz_all_backends(n);
        fuzz_round_trip(n);
        npc_free(n);
    }
    return 0;
}
