/* base.h - what every room stands on: errors, memory, slabs, random numbers, hashes, timers,
 * messages.
 *
 * Nothing here communicates; every function is local to its rank. */
#ifndef SKYMEANS_BASE_H
#define SKYMEANS_BASE_H

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef __FAST_MATH__
#error "skymeans promises the same bits everywhere: build it without -ffast-math"
#endif

/* ---- errors ------------------------------------------------------------------------------------
 * The world's faults (files, memory, options) are returned as a code, which is also the exit code
 * of the program; our own mistakes are asserted. The first failure recorded in an error wins. */

typedef enum km_code {
    KM_OK = 0,
    KM_INTERNAL = 1, /* a bug, or a result that did not verify */
    KM_USAGE = 2,    /* command line */
    KM_DATA = 3,     /* the contents of a file */
    KM_SYSTEM = 4,   /* files, folders, disks */
    KM_MEMORY = 5,
    KM_INTERRUPTED = 6, /* no error: a signal stopped it, and the result is what it had */
    KM_STOPPED = 75,    /* not an error: asked to stop, and the same command can go on */
} km_code;

enum { KM_PATH_SIZE = 4096 }; /* longest file name, with its folders */

typedef struct km_error {
    km_code code;
    char text[6144]; /* one line: "WHAT (FILE, dataset/row/column): WHY; TRY" */
} km_error;

/* Records a failure and returns its code (that of the first failure, if there was one). */
km_code km_fail(km_error *error, km_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- memory ------------------------------------------------------------------------------------
 */

/* Has memory that is freed kept for the next array instead of given back, since pages that were
 * never touched before cost more than most of what is done with them; and one heap for all threads,
 * since of others not all that was freed can be returned. Once, at the start. */
void km_memory_start(void);

/* An uninitialised array of `count` elements of `size` bytes, aligned for any vector unit; the
 * caller owns it and frees it with free(). NULL, and KM_MEMORY in `error`, if it can't be had;
 * `what` names the contents for the message. A count of 0 is not an error. */
void *km_allocate(int64_t count, size_t size, const char *what, km_error *error);

/* The same, filled with zero bytes. */
void *km_allocate_zeroed(int64_t count, size_t size, const char *what, km_error *error);

/* Room for one more element in an array from realloc that holds `count` of them: the array itself,
 * or where it has moved; NULL, with `array` left as it is, if there is no memory. */
void *km_grow(void *array, int64_t count, size_t size, const char *what, km_error *error);

/* A copy of a text, which the caller frees; NULL if there is no memory. */
char *km_copy_text(const char *text, const char *what, km_error *error);

/* Returns freed memory to the system, also what lies between other memory: after large buffers
 * whose place nothing else will take, and between the steps of a run, so that its peak is what the
 * step takes that needs most, which --dry-run can tell. */
void km_memory_return(void);

/* Bytes of memory that this process has in use, and the most it ever had; 0 if Linux does not say.
 */
int64_t km_memory_now(void);
int64_t km_memory_peak(void);

/* ---- failures on purpose ------------------------------------------------------------------------
 * Every call to the world that can fail on one rank is written `call() failed ||
 * km_fault("place")`. A build with KM_FAULTS fails at the place that the environment's KM_FAULT
 * names, and at the n-th allocation for KM_FAULT_ALLOCATION=n; tests walk all places. Other builds
 * contain none of it. */
#ifdef KM_FAULTS
bool km_fault(const char *place);
bool km_fault_of_allocation(void);
#else
static inline bool km_fault(const char *place)
{
    (void)place;
    return false;
}
static inline bool km_fault_of_allocation(void)
{
    return false;
}
#endif

/* ---- slabs -------------------------------------------------------------------------------------
 */

/* Rows, and samples in memory, come in blocks of this many: a block is the kernel's tile. */
enum { KM_BLOCK = 64 };

/* A run of consecutive rows of a catalogue. */
typedef struct km_rows {
    int64_t first;
    int64_t count;
} km_rows;

/* The slab of one rank: whole blocks (but for the catalogue's last), in rank order, and no two
 * ranks differ by more than one block. With more ranks than blocks some slabs are empty. */
km_rows km_slab(int64_t n_rows, int n_ranks, int rank);

/* The rank in whose slab a row is. */
static inline int km_slab_owner(int64_t n_rows, int n_ranks, int64_t row)
{
    const int64_t n_blocks = n_rows / KM_BLOCK + (n_rows % KM_BLOCK > 0), block = row / KM_BLOCK;
    const int64_t share = n_blocks / n_ranks, extra = n_blocks % n_ranks;
    const int64_t n_in_larger = extra * (share + 1); /* blocks of the first ranks, of one more */
    if (block < n_in_larger)
        return (int)(block / (share + 1));
    return (int)(extra + (block - n_in_larger) / share);
}

/* ---- random numbers ----------------------------------------------------------------------------
 */

/* What a random number is for; each purpose has its own stream. */
typedef enum km_purpose {
    KM_RANDOM_ROWS = 1,   /* sorting key of a row, to choose rows */
    KM_RANDOM_DRAW = 2,   /* the n-th draw of kmeans++ */
    KM_RANDOM_SAMPLE = 3, /* whether kmeans-parallel takes a row */
} km_purpose;

/* The stream of a purpose in a round of a restart, both from 0. */
static inline uint64_t km_stream(km_purpose purpose, int64_t round, int64_t restart)
{
    return (uint64_t)purpose | (uint64_t)round << 8 | (uint64_t)restart << 32;
}

/* A 64-bit random number that depends on nothing but its arguments: Philox2x64-10 (Salmon et al.
 * 2011, doi:10.1145/2063384.2063405) of the counter (index, stream) under the key `seed`.
 * `index` is a global row or the number of a draw. */
uint64_t km_random(uint64_t seed, uint64_t stream, uint64_t index);

/* floor(total * random / 2^64): an integer in [0, total), for total > 0. */
uint64_t km_random_below(uint64_t total, uint64_t random);

/* ---- hashes ------------------------------------------------------------------------------------
 */

/* A bijective mix of 64 bits (the finaliser of splitmix64). */
static inline uint64_t km_mix(uint64_t bits)
{
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
    return bits ^ (bits >> 31);
}

/* Hash of one labelled row. Their sum modulo 2^64 does not depend on order or partition. */
uint64_t km_hash_label(int64_t row, int32_t label);

/* Folds the bits of a number into `hash`; -0 counts as +0. */
static inline uint64_t km_hash_double(uint64_t hash, double value)
{
    uint64_t bits;
    value += 0.0;
    memcpy(&bits, &value, sizeof bits);
    return km_mix(hash ^ bits) + 0x9e3779b97f4a7c15u;
}

/* Folds `count` numbers, in order. */
uint64_t km_hash_doubles(uint64_t hash, const double *values, int64_t count);

/* ---- precision ----------------------------------------------------------------------------------
 */

/* Working precision of the samples: distances and decisions are made in it. */
typedef enum km_precision { KM_FLOAT32, KM_FLOAT64 } km_precision;

size_t km_precision_size(km_precision precision);      /* bytes a value */
const char *km_precision_name(km_precision precision); /* "float32", "float64" */
double km_precision_epsilon(km_precision precision);   /* relative error of rounding */

/* 128-bit integers, which gcc and clang have on all 64-bit machines. */
__extension__ typedef __int128 km_int128;
__extension__ typedef unsigned __int128 km_uint128;

/* ---- arithmetic --------------------------------------------------------------------------------
 */

/* A power of two in two factors, a * b, since the power itself need not be a number. */
typedef struct km_power {
    double a, b;
} km_power;

km_power km_power_of_two(int exponent);

/* The end of a word that counts so many things. */
static inline const char *km_plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

/* ---- threads ------------------------------------------------------------------------------------
 * Loops over samples run on OpenMP threads. Sums of threads are exact or counts, so that no result
 * depends on how many there are. */

enum { KM_MOST_THREADS = 1024 };

/* Threads that do nothing, to see whether so many can be made: OpenMP would end the process. When
 * all ranks have begun a trial, so many can be on this machine. KM_MEMORY if not; then it is to be
 * ended, too. */
typedef struct km_trial {
    int count;
    pthread_t threads[KM_MOST_THREADS];
    pthread_mutex_t gate; /* at which they wait */
} km_trial;

km_code km_trial_begin(km_trial *trial, int n_threads, km_error *error);
void km_trial_end(km_trial *trial);

/* The loops of this thread will use so many from now on, 1 to KM_MOST_THREADS, or fewer if OpenMP
 * gives fewer (OMP_THREAD_LIMIT); sets rounding and denormals to the IEEE defaults in each, since
 * libraries change them. */
void km_threads_start(int n_threads);

int km_threads(void);     /* that loops will use */
int km_thread(void);      /* this one's number, from 0 */
int km_threads_now(void); /* in the loop that runs now */

/* The processors that a process may run on: its mask. */
enum { KM_MOST_CPUS = 8192 };
typedef struct km_cpus {
    cpu_set_t sets[KM_MOST_CPUS / CPU_SETSIZE];
} km_cpus;

void km_cpus_of_process(km_cpus *cpus);
bool km_cpus_overlap(const km_cpus *a, const km_cpus *b);

/* The mask as Linux writes it, "0-3,8"; cut if there is no room. */
void km_cpus_text(const km_cpus *cpus, char *text, size_t size);

/* The cores of a mask; hardware threads of the same core count as one. */
int km_cores(const km_cpus *cpus);

/* The part of `count` things that this thread works on: whole blocks but for the last, in order. */
km_rows km_thread_share(int64_t count);

/* ---- timers ------------------------------------------------------------------------------------
 */

typedef enum km_phase {
    KM_PHASE_OPEN,
    KM_PHASE_READ,
    KM_PHASE_ORDER,
    KM_PHASE_SEED,
    KM_PHASE_ASSIGN,
    KM_PHASE_REDUCE,
    KM_PHASE_UPDATE,
    KM_PHASE_WRITE,
    KM_PHASE_CHECKPOINT,
    KM_N_PHASES
} km_phase;

/* Wall seconds of this rank in each phase. */
typedef struct km_timers {
    double seconds[KM_N_PHASES];
} km_timers;

const char *km_phase_name(km_phase phase);

/* Seconds since some fixed moment. */
double km_now(void);

/* Adds the time since `start` to a phase and returns the time now, the start of the next one. */
double km_timer_add(km_timers *timers, km_phase phase, double start);

/* ---- stopping in time --------------------------------------------------------------------------
 */

/* Why a run should come to an end soon. */
typedef enum km_stop_wish { KM_WISH_NONE, KM_WISH_SIGNAL, KM_WISH_TIME } km_stop_wish;

/* A file that would become too large is an error of its write, EFBIG, not the end of the process.
 */
void km_signals_start(void);

/* From now on the first SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGHUP or SIGXCPU is a wish to stop, a
 * second one ends the process at once; `deadline` is a time of km_now(), or INFINITY. */
void km_stop_watch(double deadline);

/* This rank's wish; `margin` is the time that is needed until one is asked again. */
km_stop_wish km_stop_wanted(double margin);

/* ---- messages ----------------------------------------------------------------------------------
 */

typedef enum km_verbosity { KM_QUIET, KM_NORMAL, KM_VERBOSE } km_verbosity;

/* One rank speaks: warnings and progress go to stderr, each a line. */
typedef struct km_log {
    bool is_speaker;
    bool is_terminal; /* stderr leads to one */
    km_verbosity verbosity;
} km_log;

km_log km_log_create(bool is_speaker, km_verbosity verbosity);

/* "skymeans: warning: ..." unless quiet. */
void km_warn(const km_log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Does stderr lead to a terminal: by itself, or through mpirun or mpiexec on this node? Then a line
 * may change in place. False for a terminal that can't (TERM=dumb), and where a launcher adds
 * something to each line. */
bool km_is_watched(void);
int km_terminal_width(void); /* 80 if it isn't known */

/* ---- what a run is doing ------------------------------------------------------------------------
 * By one rank, one thread of it at a time, but to be called by all: others, and quiet runs, say
 * nothing. On a terminal one line changes in place; elsewhere lines come at growing intervals.
 * Nothing but carriage returns and blanks moves the cursor. */

/* Once; `start` is when the run began, a time of km_now(). Before it nothing is said. */
void km_status_start(const km_log *log, double start);

/* A phase begins: `doing` is "reading" or the like, and stays valid. NULL: none. */
void km_status_phase(const char *doing);

/* So much of the phase is done, 0 to 1, or a negative number where that isn't known; said with the
 * time that it took and, where it is known, that it still takes, if it takes more than a few
 * seconds. May be called often. */
void km_status_part(double part);

/* Is it time for another line? Then show one: without an end of line, cut to the terminal. */
bool km_status_is_due(void);
void km_status_show(const char *text);

/* Takes away the line that changes, before anything else is printed. */
void km_status_clear(void);

/* A time to be read: "7.5 s", "45 s", "12 min", "3.4 h", in `room`, which is returned. */
const char *km_duration(double seconds, char *room, size_t size);

/* ---- files that appear whole or not at all
 * ------------------------------------------------------- By one rank. A file is written beside its
 * final name, checked, and renamed. */

typedef struct km_output {
    const char *path;          /* the final name; NULL: there is no such output */
    char beside[KM_PATH_SIZE]; /* the name until then; empty before and after */
    bool is_durable;           /* published, and its name survives a failure of power */
} km_output;

/* Refuses early what would fail at the end: KM_USAGE if the file exists and may not be replaced,
 * KM_SYSTEM if its folder is not there or not writable. */
km_code km_output_check(const char *path, bool may_replace, km_error *error);

/* Do two paths lead to one file that is there? */
bool km_is_same_file(const char *a, const char *b);

/* Refuses an output that is an input: KM_USAGE. */
km_code km_output_check_input(const char *path, const char *input, km_error *error);

/* Refuses two outputs in the same file, which need not exist: KM_USAGE. */
km_code km_output_check_different(const char *a, const char *b, km_error *error);

/* Creates a new, empty file beside, with the rights that a new file has there. */
km_code km_output_create(km_output *output, const char *path, km_error *error);

/* Writes all bytes at an offset of an open file; false, with errno set, if that is not possible. */
bool km_write_at(int descriptor, const void *bytes, int64_t size, int64_t offset);

/* Makes the file durable and gives it its final name, which is replaced only if asked to, and never
 * followed if it is a link. KM_USAGE if it exists, KM_SYSTEM if the disk refuses. */
km_code km_output_publish(km_output *output, bool may_replace, km_error *error);

/* Removes the file if it was not published. */
void km_output_discard(km_output *output);

/* ---- locks -------------------------------------------------------------------------------------
 * One run at a time works on a file: beside it, in PATH.lock, stands which one. By one rank. */

enum { KM_LOCK_SIZE = 1024, KM_LOCK_TOUCHES = 6 /* in the time after which it has no owner */ };

typedef struct km_lock {
    const char *path; /* of what is locked */
    char name[KM_PATH_SIZE + 8];
    char text[KM_LOCK_SIZE]; /* who we are */
    double patience;         /* seconds */
    int descriptor, end;     /* of the lock file, -1: none; of the sign that the thread shall end */
    pthread_t thread;        /* that touches it */
    bool is_touching;
} km_lock;

/* The name of the lock, for which there is room for KM_PATH_SIZE + 8 characters. */
void km_lock_name(const char *path, char *name);

/* Takes the lock, which must not move in memory until it is released; the path must live as long.
 * KM_SYSTEM, naming the owner, if there is one. A lock is taken over if its owner has ended on this
 * machine, or was this Slurm job before it was queued again, or gives no sign for `patience`
 * seconds; the last is waited for. KM_USAGE if a file of that name is no lock. */
km_code km_lock_take(km_lock *lock, const char *path, double patience, const km_log *log,
                     km_error *error);

/* Is it still ours? It is made again if it was removed. Otherwise KM_SYSTEM: it was taken over
 * while this process was stopped. */
bool km_lock_is_mine(km_lock *lock);
km_code km_lock_check(km_lock *lock, km_error *error);

/* Gives back a lock, if it was taken. */
void km_lock_release(km_lock *lock);

/* ---- text --------------------------------------------------------------------------------------
 */

/* Prints a text as one word of a shell's command line: in quotes if it needs them. */
void km_print_quoted(FILE *file, const char *text);

/* Replaces control characters by '?', so that a message stays one line whatever is named in it. */
void km_make_printable(char *text);

/* A copy in `room`, cut to its size and made printable: `room` itself, to be printed. */
const char *km_printable(const char *text, char *room, size_t size);

/* A whole number, or a finite real one, and nothing after it; false otherwise. */
bool km_parse_int64(const char *text, int64_t *value);
bool km_parse_uint64(const char *text, uint64_t *value);
bool km_parse_double(const char *text, double *value);

/* A line of a text, and how it was read. */
typedef struct km_line {
    const char *what; /* the contents, for the message that there is no memory */
    char *text;       /* without the end of the line; the caller frees it */
    int64_t length, room;
    int64_t number; /* from 1 */
} km_line;

typedef enum km_line_kind {
    KM_LINE,
    KM_LINE_NONE,     /* the file has ended */
    KM_LINE_TOO_LONG, /* for what it can be; no more of it was read */
    KM_LINE_NO_TEXT,  /* it has zero bytes */
    KM_LINE_NOT_READ, /* errno says why */
    KM_LINE_NO_MEMORY /* the error says so */
} km_line_kind;

/* Reads the next line, of at most `longest` bytes. */
km_line_kind km_line_read(km_line *line, FILE *file, int64_t longest, km_error *error);

/* The number of single-character edits (insert, delete, replace) that turn one name into the
 * other, upper and lower case alike; for "did you mean". */
int km_edit_distance(const char *a, const char *b);

/* ---- version -----------------------------------------------------------------------------------
 */

#define KM_VERSION "0.1.0"

const char *km_git_commit(void); /* "unknown" outside a checkout */
const char *km_compiler(void);

#endif
