/* Text of input for people: nothing in it steers a terminal, reorders text, or cannot be seen. */
#include "base/buf.h"
#include "base/utf8.h"

/* Characters that steer a terminal, reorder text or cannot be seen. */
static bool is_unsafe(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || utf8_is_bidi_control(c) || c == 0x061C ||
           (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0xFEFF;
}

size_t buf_shown_char(struct buf *out, struct str s)
{
    uint32_t c;
    size_t len = utf8_decode(s, &c);
    if (len == 0) {
        buf_printf(out, "\\x%02x", (unsigned char)s.p[0]);
        return 1;
    }
    if (!is_unsafe(c)) {
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
