/*
 * The findings of `npc check`: what is legal and yet most likely not what its writer meant. Each is
 * one row of lints.def. What the readers and binding have found already is not found
 * again here; where check takes it more seriously than compile does, its severity is raised.
 */
#ifndef NPC_ANALYSIS_LINT_H
#define NPC_ANALYSIS_LINT_H

#include "analysis/world.h"

enum lint_target {
    LINT_KUBERNETES, /* a cluster enforces the policies */
    LINT_CALICO,
    LINT_KERNEL /* nft or iptables: npc's own rules do */
};

struct lint_options {
    enum lint_target target;
    struct str cni; /* --cni: the plugin that enforces them, or empty */
    bool want_desc; /* --require-desc: NPC503 is looked for */
};

/* Kinds of findings that another run may find though this one does not: it knows too little of what
 * runs, or the target is another one. */
struct lint_open {
    bool kinds[DIAG_COUNT];
};

/* Looks for all findings and reports them. `w` is the program's world. */
void lint_program(struct ctx *c, const struct world *w, const struct lint_options *o,
                  struct lint_open *open);

#endif
