/* Texts of tests with a mark, `$`, at the place of which the test speaks. */
#ifndef NPC_TESTS_MARK_H
#define NPC_TESTS_MARK_H

#include "base/buf.h"
#include "unit.h"

/* The text without its mark; where the mark was. */
static inline const char *unmark(const char *text, struct arena *a, uint32_t *line, uint32_t *col)
{
    struct buf *out = buf_new(a);
    bool found = false;
    *line = *col = 1;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '$') {
            found = true;
            continue;
        }
        buf_putc(out, *c);
        if (!found) {
            *col = *c == '\n' ? 1 : *col + 1;
            *line += *c == '\n';
        }
    }
    CU_ASSERT_FATAL(found);
    buf_putc(out, '\0');
    return buf_text(out).p;
}

#endif
