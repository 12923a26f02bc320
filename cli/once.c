/* Reading a stream whole. Knows nothing of what is in it. */
#include "cli/once.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST ((size_t)64 << 10)
#define MOST  ((size_t)1 << 30)

static bool is_stdin(const char *path)
{
    return strcmp(path, "-") == 0;
}

static bool look(const char *path, struct stat *st)
{
    return (is_stdin(path) ? fstat(STDIN_FILENO, st) : stat(path, st)) == 0;
}

bool is_read_once(const char *path)
{
    struct stat st;
    return is_stdin(path) || (look(path, &st) && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode));
}

bool are_one_stream(const char *a, const char *b)
{
    struct stat s, t;
    if (is_stdin(a) && is_stdin(b)) {
        return true;
    }
    return look(a, &s) && look(b, &t) && (S_ISFIFO(s.st_mode) || S_ISSOCK(s.st_mode)) &&
           s.st_dev == t.st_dev && s.st_ino == t.st_ino;
}

static enum npc_status failed(const char *name, int error)
{
    fprintf(stderr, "npc: error: %s: cannot be read: %s\n", name, strerror(error));
    return NPC_FAULT;
}

/* Room for more; false if there is no memory. */
static bool grow(struct once *o, size_t *room)
{
    const size_t wanted = *room == 0 ? FIRST : 2 * *room;
    char *more = realloc(o->text, wanted);
    if (more != NULL) {
        o->text = more;
        *room = wanted;
    }
    return more != NULL;
}

static enum npc_status read_all(struct once *o, int fd)
{
    size_t room = 0;
    for (;;) {
        if (o->size == room && !grow(o, &room)) {
            fputs("npc: error: out of memory\n", stderr);
            return NPC_FAULT;
        }
        const ssize_t n = read(fd, o->text + o->size, room - o->size);
        if (n == 0) {
            return NPC_OK;
        }
        if (n < 0 && errno != EINTR) {
            return failed(o->name, errno);
        }
        o->size += n > 0 ? (size_t)n : 0;
        if (o->size > MOST) {
            fprintf(stderr,
                    "npc: error: %s: more than 1 GiB, which is the limit for what can be read only "
                    "once; write it to a file\n",
                    o->name);
            return NPC_BAD;
        }
    }
}

enum npc_status once_read(struct once *o, const char *path)
{
    *o = (struct once){.name = is_stdin(path) ? "<stdin>" : path};
    const int fd = is_stdin(path) ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return failed(o->name, errno);
    }
    const enum npc_status status = read_all(o, fd);
    if (fd != STDIN_FILENO) {
        close(fd);
    }
    return status;
}
