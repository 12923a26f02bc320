/* The npc language: any bytes are refused or compile through every backend; formatting is a fixed
 * point and changes no object. */
#include "tests/fuzz/fuzz.h"

static void check_format(const char *text, size_t size, struct npc *n)
{
    const char *once, *twice;
    size_t once_size, twice_size;
    struct npc_output before, after;
    FUZZ_CHECK(npc_format(n, "in.npc", text, size, &once, &once_size) == NPC_OK,
               "text that loads is not formatted");
    FUZZ_CHECK(npc_format(n, "in.npc", once, once_size, &twice, &twice_size) == NPC_OK,
               "formatted text does not parse");
    FUZZ_CHECK(once_size == twice_size && memcmp(once, twice, once_size) == 0,
               "formatting twice differs from once");
    if (!fuzz_compile(n, "npc", &before)) {
        return;
    }
    struct npc *second = fuzz_load_text("in.npc", once, once_size);
    FUZZ_CHECK(second != NULL && fuzz_compile(second, "npc", &after), "formatted text is refused");
    FUZZ_CHECK(before.size == after.size && memcmp(before.text, after.text, after.size) == 0,
               "formatting changes the meaning");
    npc_free(second);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    const char *text = (const char *)data;
    struct npc *n = fuzz_load_file("in.npc", text, size);
    if (n != NULL) {
        fuzz_all_backends(n);
        fuzz_round_trip(n);
        check_format(text, size, n);
        npc_free(n);
    }
    return 0;
}
