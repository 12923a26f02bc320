/*
 * System calls that fail. A seccomp filter turns each one that the C library makes, also for stdio
 * and for directories, into SIGSYS; the handler makes the call, or does not, and puts the result
 * where the kernel would have put it. The filter goes by the address that the call comes from, so
 * that three things stay as they are: the calls of the handler, those of the sanitizer's runtime,
 * and programs that are run by npc, whose C library lies somewhere else.
 */
#include "faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef __x86_64__
bool calls_watch(void)
{
    errno = ENOSYS;
    return false;
}
#else

static long call_kernel(long number, const greg_t *regs)
{
    register long r10 __asm__("r10") = (long)regs[REG_R10];
    register long r8 __asm__("r8") = (long)regs[REG_R8];
    register long r9 __asm__("r9") = (long)regs[REG_R9];
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(regs[REG_RDI]), "S"(regs[REG_RSI]), "d"(regs[REG_RDX]),
                       "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

/* ---- time ---- */

/* Sleeps take a moment, and the clocks go as if they had taken their time. */
static void shorten_sleep(long number, greg_t *regs)
{
    static const struct timespec moment = {0, 1000000};
    if ((number != SYS_clock_nanosleep && number != SYS_rt_sigtimedwait) || fault_state == NULL) {
        return;
    }
    const struct timespec *asked = (const struct timespec *)regs[REG_RDX];
    if (asked != NULL) {
        atomic_fetch_add(&fault_state->slept, (unsigned long)asked->tv_sec * 1000 +
                                                  (unsigned long)asked->tv_nsec / 1000000);
        regs[REG_RDX] = (greg_t)&moment;
    }
}

/* The C library reads clocks without a system call. */
__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *t)
{
    int (*real)(clockid_t, struct timespec *);
    *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    const int error = real(clock, t);
    const unsigned long ms = fault_state != NULL ? atomic_load(&fault_state->slept) : 0;
    t->tv_sec += (time_t)(ms / 1000);
    t->tv_nsec += (long)(ms % 1000) * 1000000;
    if (t->tv_nsec >= 1000000000) {
        t->tv_sec++;
        t->tv_nsec -= 1000000000;
    }
    return error;
}

/* ---- calls ---- */

/* Counts a call; whether it is to fail. After the first, only others of its kind do, and messages
 * get through unless it was one of them. */
static bool call_fails(struct fault_state *s, long number, long fd)
{
    const struct fault_call call = {(int32_t)number, (int32_t)fd};
    uint32_t n = atomic_fetch_add(&s->calls, 1) + 1;
    if (n <= MOST_CALLS) {
        s->log[n - 1] = call;
    }
    if (n == s->plan.first) {
        s->first = call;
    }
    if (s->first.number != call.number ||
        (number == SYS_write && fd == STDERR_FILENO && s->first.fd != STDERR_FILENO)) {
        return false;
    }
    return fault_due(FAULT_CALL, n);
}

static long transfer_one(long number, const greg_t *regs)
{
    greg_t fewer[NGREG];
    memcpy(fewer, regs, sizeof fewer);
    fewer[REG_RDX] = fewer[REG_RDX] > 1 ? 1 : fewer[REG_RDX];
    return call_kernel(number, fewer);
}

static long call_injected(long number, const greg_t *regs, int action)
{
    static const greg_t nothing[NGREG];
    switch (action) {
    case ACTION_SHORT: /* of another call, where threads take turns: nothing */
        return number == SYS_read || number == SYS_write ? transfer_one(number, regs)
                                                         : call_kernel(number, regs);
    case ACTION_KILL: {
        greg_t kill[NGREG] = {0};
        kill[REG_RDI] = call_kernel(SYS_getpid, nothing);
        kill[REG_RSI] = SIGKILL;
        return call_kernel(SYS_kill, kill);
    }
    }
    if (number == SYS_close) { /* close(2): the descriptor is gone all the same */
        call_kernel(number, regs);
    }
    if (number == SYS_brk) { /* its failure is the old break */
        return call_kernel(number, nothing);
    }
    return -action;
}

static void on_sigsys(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    ucontext_t *u = context;
    greg_t *regs = u->uc_mcontext.gregs;
    struct fault_state *s = fault_state;
    if (s != NULL && call_fails(s, info->si_syscall, (long)regs[REG_RDI])) {
        regs[REG_RAX] = call_injected(info->si_syscall, regs, s->plan.action);
    } else {
        shorten_sleep(info->si_syscall, regs);
        regs[REG_RAX] = call_kernel(info->si_syscall, regs);
    }
}

/* The C library makes this call with all signals blocked, where a trap would be deadly; so it is
 * let through, and fails here. */
__attribute__((visibility("default"))) pid_t fork(void)
{
    pid_t (*real)(void);
    *(void **)&real = dlsym(RTLD_NEXT, "fork");
    struct fault_state *s = fault_state;
    if (s == NULL || !call_fails(s, SYS_fork, 0)) {
        return real();
    }
    if (s->plan.action == ACTION_KILL) {
        raise(SIGKILL);
    }
    errno = s->plan.action;
    return -1;
}

/* ---- the filter ---- */

struct range {
    uintptr_t low, high;
};

/* Finds the code that holds the address range->low. */
static int find_code(struct dl_phdr_info *object, size_t size, void *arg)
{
    (void)size;
    struct range *r = arg;
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &object->dlpi_phdr[i];
        uintptr_t low = object->dlpi_addr + p->p_vaddr, high = low + p->p_memsz;
        if (p->p_type == PT_LOAD && (p->p_flags & PF_X) != 0 && r->low >= low && r->low < high) {
            *r = (struct range){low, high};
            return 1;
        }
    }
    return 0;
}

bool calls_watch(void)
{
    struct range libc = {(uintptr_t)dlsym(RTLD_NEXT, "getdents64"), 0};
    if (dl_iterate_phdr(find_code, &libc) != 1 || libc.low >> 32 != (libc.high - 1) >> 32) {
        errno = ENOTSUP;
        return false;
    }
    struct sigaction action = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO | SA_NODEFER};
    if (sigaction(SIGSYS, &action, NULL) != 0) {
        return false;
    }
#define LOAD(field)                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define JUMP(test, value, yes, no) BPF_JUMP(BPF_JMP | (test) | BPF_K, (uint32_t)(value), yes, no)
    struct sock_filter code[] = {
        LOAD(arch),
        JUMP(BPF_JEQ, AUDIT_ARCH_X86_64, 0, 14),
        LOAD(nr),
        JUMP(BPF_JEQ, SYS_rt_sigreturn, 12, 0), /* how a handler ends */
        JUMP(BPF_JEQ, SYS_clone, 11, 0),        /* see fork() */
        JUMP(BPF_JEQ, SYS_clone3, 10, 0),       /* threads: their stacks can fail */
        JUMP(BPF_JEQ, SYS_exit, 9, 0),          /* of a thread, again and again until it does */
        JUMP(BPF_JEQ, SYS_sigaltstack, 8, 0),   /* AddressSanitizer's, at the end of a thread */
        JUMP(BPF_JEQ, SYS_rseq, 7, 0),          /* where these two fail, the C library gives up */
        JUMP(BPF_JEQ, SYS_futex, 6, 0),
        LOAD(instruction_pointer) /* low half; the machine is little endian */,
        JUMP(BPF_JGE, libc.low, 0, 4),
        JUMP(BPF_JGE, libc.high, 3, 0),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4),
        JUMP(BPF_JEQ, libc.low >> 32, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof code / sizeof *code, code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}
#endif
