/* For tests of the world: one made of text, and where an address is in it. */
#ifndef NPC_TESTS_WORLD_TEXT_H
#define NPC_TESTS_WORLD_TEXT_H

#include "analysis/world_priv.h"
#include "compile.h"

/* The world of `text`, as if it were the file `name`; NULL if it was refused. */
static inline const struct world *world_of(struct compiled *c, const char *name, const char *text,
                                           const struct world_options *options)
{
    compile_load(c, name, str_of(text));
    CU_ASSERT(c->loaded);
    return world_new(&c->ctx, &c->program, options, NULL);
}

static inline uint32_t class_at(const struct world *w, const char *text)
{
    enum family f;
    struct ip ip;
    CU_ASSERT_FATAL(ip_parse(str_of(text), &f, &ip) == IP_OK);
    return world_find_address(w, f, ip);
}

#endif
