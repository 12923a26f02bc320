/* What the fuzz targets share: a run of the library over text in memory. */
#ifndef NPC_TESTS_FUZZ_H
#define NPC_TESTS_FUZZ_H

#include "npc/npc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Stops the fuzzer with a reason. */
#define FUZZ_CHECK(condition, why)                                                                 \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "fuzz: %s\n", (why));                                                  \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* Loads one text; NULL if it is refused, which must have been said. */
static inline struct npc *fuzz_load(const char *name, const char *text, size_t size)
{
    struct npc *n = npc_new();
    FUZZ_CHECK(n != NULL, "no memory");
    npc_set(n, "allow-raw", NULL);
    npc_add_text(n, name, text, size);
    if (npc_load(n) == NPC_OK) {
        return n;
    }
    const char *said;
    size_t length;
    npc_diagnostics(n, NPC_DIAG_TEXT, true, &said, &length);
    FUZZ_CHECK(length > 0, "refused without a word");
    FUZZ_CHECK(memchr(said, 0x1b, length) == NULL, "a control byte in a diagnostic");
    npc_free(n);
    return NULL;
}

/* Compiles; a refusal must be said. Returns whether *out is set. */
static inline bool fuzz_compile(struct npc *n, const char *backend, struct npc_output *out)
{
    if (npc_compile(n, backend, out) == NPC_OK) {
        return true;
    }
    const char *said;
    size_t length;
    npc_diagnostics(n, NPC_DIAG_TEXT, true, &said, &length);
    FUZZ_CHECK(length > 0, "refused without a word");
    return false;
}

/* Through every backend, and back through those whose output npc reads: text -> npc -> text must
 * be a fixed point, and so must the formatter. */
static inline void fuzz_all_backends(struct npc *n)
{
    struct npc_backend_info info;
    struct npc_output out;
    for (size_t i = 0; npc_backend(i, &info); i++) {
        fuzz_compile(n, info.name, &out);
    }
}

/* Compiles the text of one context again as another language; both must say the same objects. */
static inline void fuzz_round_trip(struct npc *first)
{
    struct npc_output objects, source, again;
    if (!fuzz_compile(first, "k8s", &objects) || !fuzz_compile(first, "npc", &source)) {
        return;
    }
    struct npc *second = fuzz_load("again.npc", source.text, source.size);
    FUZZ_CHECK(second != NULL, "the decompiled text is refused");
    FUZZ_CHECK(fuzz_compile(second, "k8s", &again), "the decompiled text does not compile");
    FUZZ_CHECK(again.size == objects.size && memcmp(again.text, objects.text, again.size) == 0,
               "the decompiled text means other objects");
    const char *formatted;
    size_t length;
    FUZZ_CHECK(npc_format(second, "again.npc", source.text, source.size, &formatted, &length) ==
                   NPC_OK,
               "the decompiled text is not formatted");
    FUZZ_CHECK(length == source.size && memcmp(formatted, source.text, length) == 0,
               "the formatter changes decompiled text");
    npc_free(second);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

#endif
