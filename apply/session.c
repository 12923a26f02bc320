/* Reads environments and parents from /proc. Knows nothing of rules. */
#include "apply/session.h"

#include "apply/lines.h"
#include "apply/machine.h"
#include "base/file.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define MOST_PARENTS     64
#define MOST_ENVIRONMENT ((size_t)4 << 20) /* the kernel's own bound is the stack's, 8 MiB / 4 */

static bool read_proc(struct arena *a, long pid, const char *file, struct str *text)
{
    const int fd = open(str_printf(a, "/proc/%ld/%s", pid, file).p, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    struct buf *b = buf_new(a);
    const bool ok = fd_read_all(fd, MOST_ENVIRONMENT, b);
    close(fd);
    *text = buf_text(b);
    return ok;
}

struct process {
    uint32_t parent;
    uint64_t began; /* clock ticks since boot */
};

/* /proc/PID/stat: the name stands in brackets and may hold anything, so fields are counted from the
 * last bracket: state, then the parent, and the time of birth 18 further (proc(5)). */
static bool read_stat(struct arena *a, long pid, struct process *out)
{
    struct str text;
    if (!read_proc(a, pid, "stat", &text)) {
        return false;
    }
    size_t at = text.n;
    while (at > 0 && text.p[at - 1] != ')') {
        at--;
    }
    const struct str rest = {text.p + at, text.n - at};
    return str_to_u32(line_word(rest, 1), UINT32_MAX, &out->parent) &&
           read_u64(line_word(rest, 19), &out->began);
}

/* The value of SSH_CONNECTION in a process's environment; empty if there is none. */
static struct str read_connection(struct arena *a, long pid)
{
    static const char name[] = "SSH_CONNECTION=";
    struct str rest;
    if (!read_proc(a, pid, "environ", &rest)) {
        return STR("");
    }
    while (rest.n > 0) {
        const char *end = memchr(rest.p, '\0', rest.n);
        const size_t n = end != NULL ? (size_t)(end - rest.p) : rest.n;
        if (str_starts((struct str){rest.p, n}, name)) {
            return (struct str){rest.p + sizeof name - 1, n - (sizeof name - 1)};
        }
        const size_t used = end != NULL ? n + 1 : n;
        rest = (struct str){rest.p + used, rest.n - used};
    }
    return STR("");
}

/* An address as sshd prints it, less the zone of a link-local one; one of IPv4 that came to a
 * socket of IPv6, as what it is. */
static const char *address(struct arena *a, struct str word)
{
    size_t n = 0;
    if (str_starts(word, "::ffff:") && memchr(word.p, '.', word.n) != NULL) {
        const size_t prefix = sizeof "::ffff:" - 1;
        word = (struct str){word.p + prefix, word.n - prefix};
    }
    while (n < word.n && word.p[n] != '%') {
        n++;
    }
    return str_dup(a, (struct str){word.p, n}).p;
}

struct session session_find(struct arena *a)
{
    struct session s = {0};
    struct process p = {0};
    long pid = (long)getpid();
    for (size_t i = 0; i < MOST_PARENTS && pid > 0 && read_stat(a, pid, &p); i++) {
        const struct str text = read_connection(a, pid);
        if (text.n > 0 && !s.found) {
            s.found = true;
            s.text = str_dup(a, text);
        }
        if (s.found && str_eq(text, s.text)) {
            s.since = p.began; /* the oldest that has it is last */
        }
        pid = (long)p.parent;
    }
    if (!s.found) {
        return s;
    }
    uint32_t port = 0, client_port = 0;
    struct machine_address client, server;
    s.client = address(a, line_word(s.text, 0));
    s.server = address(a, line_word(s.text, 2));
    if (!machine_address_read(s.client, &client) || !machine_address_read(s.server, &server) ||
        client.family != server.family || !str_to_u32(line_word(s.text, 1), 65535, &client_port) ||
        !str_to_u32(line_word(s.text, 3), 65535, &port)) {
        return (struct session){0};
    }
    s.port = (uint16_t)port;
    s.client_port = (uint16_t)client_port;
    return s;
}
