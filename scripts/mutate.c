/*
 * Linked with all mutants of the semantic core into one library (mutate_run.py): says which of them
 * is in force. Each function that has mutants is entered through a slot, which holds the original.
 *
 * MUTANT=N       this mutant, in every process that inherits the variable
 * MUTANTS=FILE   each of the mutants that FILE lists, in a child of its own that goes on to main();
 *                its fate comes into MUTANT_FATES as "N STATUS". A child has MUTANT_SECONDS of
 *                processor time.
 * MUTANT_REACH=FILE   FILE is given a byte for each function, 1 if it was entered
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FUNCTIONS = 4096, MUTANTS = 1000, PATIENCE = 300 }; /* seconds, of a child that waits */

struct mutant {
    uint64_t id;
    void **slot;
    void *code;
};

extern struct mutant mutants_begin[] __asm__("__start_mutants");
extern struct mutant mutants_end[] __asm__("__stop_mutants");
static struct mutant none __attribute__((section("mutants"), used));

unsigned char mutate_reached[FUNCTIONS] __attribute__((aligned(4096), visibility("hidden")));

static void put_in_force(uint64_t id)
{
    for (struct mutant *m = mutants_begin; m < mutants_end; m++) {
        if (m->slot != NULL && m->id == id) {
            *m->slot = m->code;
        }
    }
}

static void watch_reach(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, FUNCTIONS) != 0 ||
        mmap(mutate_reached, FUNCTIONS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
            MAP_FAILED) {
        abort();
    }
    close(fd);
}

static void limit_time(void)
{
    double seconds = atof(getenv("MUTANT_SECONDS"));
    struct itimerval t = {
        .it_value = {(time_t)seconds, (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6)}};
    setitimer(ITIMER_PROF, &t, NULL);
    alarm(PATIENCE);
}

/* Returns in the children only. The list is closed by then: an exit() of theirs would set back the
 * place where it is read. */
static void try_each(const char *list, const char *fates)
{
    static uint64_t ids[MUTANTS];
    size_t n = 0;
    FILE *in = fopen(list, "re"), *out = fopen(fates, "we");
    if (in == NULL || out == NULL) {
        abort();
    }
    while (n < MUTANTS && fscanf(in, "%" SCNu64, &ids[n]) == 1) {
        n++;
    }
    fclose(in);
    for (size_t i = 0; i < n; i++) {
        pid_t child = fork();
        if (child == 0) {
            put_in_force(ids[i]);
            limit_time();
            return;
        }
        int status = -1;
        waitpid(child, &status, 0);
        fprintf(out, "%" PRIu64 " %d\n", ids[i], status);
        fflush(out);
    }
    _exit(0);
}

__attribute__((constructor)) static void choose(void)
{
    if (getenv("MUTANT_REACH") != NULL) {
        watch_reach(getenv("MUTANT_REACH"));
    }
    if (getenv("MUTANT") != NULL) {
        put_in_force(strtoul(getenv("MUTANT"), NULL, 10));
    }
    if (getenv("MUTANTS") != NULL) {
        const char *list = getenv("MUTANTS");
        unsetenv("MUTANTS"); /* what a test starts is no server */
        try_each(list, getenv("MUTANT_FATES"));
    }
}

/* Instead of CUnit's: the first check that fails has seen the mutant. */
int CU_assertImplementation(int value, unsigned line, const char *condition, const char *file,
                            const char *function, int fatal);
int CU_assertImplementation(int value, unsigned line, const char *condition, const char *file,
                            const char *function, int fatal)
{
    (void)function;
    (void)fatal;
    if (!value) {
        fprintf(stderr, "%s:%u: %s\n", file, line, condition);
        _exit(1);
    }
    return 1;
}
