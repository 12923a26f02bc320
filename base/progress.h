/* How far the work has come, for somebody who may be asking. Every layer may say so; none may
 * depend on being heard. */
#ifndef NPC_BASE_PROGRESS_H
#define NPC_BASE_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

struct progress {
    const char *phase;                                 /* "reading", … */
    const char *file;                                  /* that the phase is about, or NULL */
    uint64_t file_bytes, file_size;                    /* of it: done, and all (0: unknown) */
    uint64_t bytes, objects;                           /* read so far, of all files */
    void (*tell)(void *arg, const struct progress *p); /* NULL: nobody asks */
    void *arg;
};

/* Something has gone on. */
static inline void progress_tell(const struct progress *p)
{
    if (p->tell != NULL) {
        p->tell(p->arg, p);
    }
}

/* A new phase begins, or the next file of one; both strings live until the next one does. */
static inline void progress_file(struct progress *p, const char *phase, const char *file,
                                 uint64_t size)
{
    p->phase = phase;
    p->file = file;
    p->file_bytes = 0;
    p->file_size = size;
    progress_tell(p);
}

static inline void progress_phase(struct progress *p, const char *phase, const char *file)
{
    progress_file(p, phase, file, 0);
}

#endif
