/* A listing as a graph for Graphviz. */
#include "analysis/list_groups.h"

void list_dot(const struct listing *l, struct buf *out)
{
    (void)l;
    buf_puts(out, "digraph npc {\n}\n");
}
