/*
 * What the fuzz targets share: running the library over text in memory, and readers of its outputs
 * that share no code with the writers. docs/testing.md says what each target shows.
 */
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

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* ---- running the library: run.c ---- */

/* A context with --allow-raw; further options by npc_set(). */
struct npc *fuzz_new(void);
/* Loads what was added. If it is refused that must have been said; the context is freed and NULL
 * returned. */
struct npc *fuzz_load(struct npc *n);
/* A new context with one text. */
struct npc *fuzz_load_text(const char *name, const char *text, size_t size);
/* A file of text: the line ends behind the last line, which mean nothing in any syntax, choose
 * among options of the load, so that an input stays plain text. */
struct npc *fuzz_load_file(const char *name, const char *text, size_t size);

/* Compiles; a refusal must be said. Returns whether *out is set. */
bool fuzz_compile(struct npc *n, const char *backend, struct npc_output *out);
/* Through every backend, for all pods and for the first node or machine of the inventory; outputs
 * that others read are read by the readers below. */
void fuzz_all_backends(struct npc *n);
/* text -> npc -> text and text -> YAML -> text say the same objects, and decompiled text is
 * formatted as fmt would. */
void fuzz_round_trip(struct npc *first);
/* What was said up to now: not nothing if `demanded`, and harmless on a terminal. */
void fuzz_diagnostics(struct npc *n, bool demanded);

/* ---- reading outputs: reread_rules.c, reread.c ---- */

/*
 * Each reader stops the fuzzer if the text is not in the closed grammar of what npc may write. The
 * shape is the text as its reader takes it: comments of kernel rules are `S`, names made of a hash
 * are `N`, strings of the others are decoded. Two programs that differ in a name only have shapes
 * that differ in it only. It is malloc'd.
 */
char *fuzz_read_nft(const char *text, size_t size);
char *fuzz_read_iptables(const char *text, size_t size); /* rules.v4, rules.v6, ipsets */
char *fuzz_read_yaml(const char *text, size_t size);
char *fuzz_read_json(const char *text, size_t size);
char *fuzz_read_npc(const char *text, size_t size);
/* The normalized policies of -t json, as text. */
char *fuzz_read_meaning(const char *text, size_t size);
/* The shapes of all that a backend wrote, one after the other. */
char *fuzz_read_output(const char *backend, const struct npc_output *out);

#endif
