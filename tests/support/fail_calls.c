/* Preloaded (LD_PRELOAD), it makes the n-th call of a group, or function, fail, once or from then
 * on: KM_FAIL_CALL="GROUP N once|on ANYTHING" in the environment of one rank; other words, or none,
 * begin anew. Only calls of the program, and those for files of HDF5 and MPI-IO, are
 * counted. The name of the first that failed is appended to the file KM_FAIL_NOTE.
 *
 * calls.h has lines CALL(group, name, value of a failure, its errno); the test that builds this
 * writes them. What closes something does so, and fails then; so do calls of HDF5 in which all
 * ranks wait for each other, as MPI takes for granted that all make them. A stub for each function
 * asks km_decide, and then either jumps to the real function, with all arguments where they were,
 * or returns what the function returns when it fails. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <mpi.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
    const char *group, *name;
    long value;
    int error;
} calls[] = {
#define CALL(group, name, value, error) {#group, #name, value, error},
#include "calls.h"
#undef CALL
};

enum {
#define CALL(group, name, value, error) NUMBER_##name,
#include "calls.h"
#undef CALL

};

static char asked[200], group[20];
static long n_before; /* calls that go well first */
static int is_once;
static atomic_long n_calls;

static void begin(const char *words)
{
    char how[8] = "";
    snprintf(asked, sizeof asked, "%s", words);
    if (sscanf(words, "%19s %ld %7s", group, &n_before, how) != 3)
        _exit(99);
    n_before--;
    is_once = strcmp(how, "once") == 0;
    n_calls = 0;
}

/* Does a call with this return address count? Of memory only what the program allocates. */
static int counts(int number, const void *from)
{
    static const void *program;
    Dl_info at, here;
    const int is_memory = strcmp(calls[number].group, "memory") == 0;
    if (program == NULL && dladdr((void *)getauxval(AT_ENTRY), &here) != 0)
        program = here.dli_fbase;
    if (dladdr(from, &at) == 0)
        return 0;
    if (at.dli_fbase == program)
        return strcmp(group, calls[number].group) == 0 || strcmp(group, calls[number].name) == 0;
    if (strstr(at.dli_fname, "hdf5") == NULL && strstr(at.dli_fname, "mca_fbtl") == NULL &&
        strstr(at.dli_fname, "mca_fs") == NULL && strstr(at.dli_fname, "mca_io_") == NULL)
        return 0;
    return !is_memory && calls[number].name[0] >= 'a' && strcmp(group, calls[number].group) == 0;
}

static int fails(int number, const void *from)
{
    const char *words = getenv("KM_FAIL_CALL");
    if (words == NULL) {
        asked[0] = '\0';
        return 0;
    }
    if (strcmp(words, asked) != 0)
        begin(words);
    if (!counts(number, from))
        return 0;
    const long before = n_calls++;
    if (before == n_before && getenv("KM_FAIL_NOTE") != NULL) {
        const long note = syscall(SYS_openat, AT_FDCWD, getenv("KM_FAIL_NOTE"),
                                  O_WRONLY | O_CREAT | O_APPEND, 0600);
        syscall(SYS_write, note, calls[number].name, strlen(calls[number].name));
        syscall(SYS_close, note);
    }
    return is_once ? before == n_before : before >= n_before;
}

/* The real function, or NULL for a failure, whose value then stands where %rax was saved. */
__attribute__((used)) void *km_decide(int number, const void *from, long *saved)
{
    static void *real[sizeof calls / sizeof *calls];
    const int before = errno;
    const char *name = calls[number].name;
    if (real[number] == NULL)
        real[number] = dlsym(RTLD_NEXT, name);
    const int is_failure = fails(number, from);
    errno = before;
    if (!is_failure)
        return real[number];
    if (strncmp(name, "MPI", 3) == 0) /* as MPI does: by default it ends the job */
        MPI_Comm_call_errhandler(MPI_COMM_WORLD, MPI_ERR_OTHER);
    const size_t length = strlen(name);
    if (strcmp(name, "H5Pset_fapl_mpio") == 0 || strcmp(name, "H5Fopen") == 0)
        ((long (*)(long, long, long))real[number])(saved[7], saved[6], saved[5]);
    if (length >= 5 && strcmp(name + length - 5, "close") == 0)
        ((long (*)(long))real[number])(saved[7]);
    errno = calls[number].error;
    saved[1] = calls[number].value;
    return NULL;
}

__asm__(
    ".text\n"
    "km_ask: push %rbp\n mov %rsp, %rbp\n"
    "push %rdi\n push %rsi\n push %rdx\n push %rcx\n push %r8\n push %r9\n push %rax\n push %r10\n"
    "sub $128, %rsp\n"
    "movups %xmm0, (%rsp)\n movups %xmm1, 16(%rsp)\n movups %xmm2, 32(%rsp)\n"
    "movups %xmm3, 48(%rsp)\n movups %xmm4, 64(%rsp)\n movups %xmm5, 80(%rsp)\n"
    "movups %xmm6, 96(%rsp)\n movups %xmm7, 112(%rsp)\n"
    "mov %r11d, %edi\n mov 8(%rbp), %rsi\n lea 128(%rsp), %rdx\n call km_decide@PLT\n"
    "mov %rax, %r11\n"
    "movups (%rsp), %xmm0\n movups 16(%rsp), %xmm1\n movups 32(%rsp), %xmm2\n"
    "movups 48(%rsp), %xmm3\n movups 64(%rsp), %xmm4\n movups 80(%rsp), %xmm5\n"
    "movups 96(%rsp), %xmm6\n movups 112(%rsp), %xmm7\n"
    "add $128, %rsp\n"
    "pop %r10\n pop %rax\n pop %r9\n pop %r8\n pop %rcx\n pop %rdx\n pop %rsi\n pop %rdi\n"
    "pop %rbp\n test %r11, %r11\n je 1f\n jmp *%r11\n 1: ret\n");

#define CALL(group, name, value, error)                              \
    void stub_of_##name(void) __asm__(#name);                        \
    __attribute__((naked)) void stub_of_##name(void)                 \
    {                                                                \
        __asm__("mov %0, %%r11d\n jmp km_ask" ::"i"(NUMBER_##name)); \
    }
#include "calls.h"
