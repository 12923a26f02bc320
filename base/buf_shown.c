/* Text of input for people: nothing in it steers a terminal, reorders text, or cannot be seen. */
#include "base/buf.h"
#include "base/utf8.h"

size_t buf_shown_char(struct buf *out, struct str s)
{
    uint32_t c;
    size_t len = utf8_decode(s, &c);
    if (len == 0) {
        buf_printf(out, "\\x%02x", (unsigned char)s.p[0]);
        return 1;
    }
    if (!utf8_is_hidden(c)) {
        buf_put(out, s.p, len);
    } else if (c < 0x80) {
        buf_printf(out, "\\x%02x", c);
    } else {
        buf_printf(out, "\\u{%x}", c);
    }
    return len;
}

void buf_shown(struct buf *out, struct str s)
{
    for (size_t at = 0; at < s.n;) {
        at += buf_shown_char(out, (struct str){s.p + at, s.n - at});
    }
}
