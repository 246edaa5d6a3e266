/* Large arrays in files of scratch folders.
 *
 * Each array is a file that is mapped into memory. The file has no name, so the system removes it
 * when the array is freed, or when the process ends in any way. Its whole size is reserved at once,
 * since a disk that is full later would end the process by SIGBUS. The system keeps in memory what
 * was used last, and writes the rest. */
#include "process/scratch.h"

#include "base/fault.h"
#include "base/large.h"
#include "base/memory.h"
#include "base/view.h"
#include "process/direct.h"
#include "process/heap.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { MAX_FOLDERS = 64 };

/* An array, its size, and its file. */
typedef struct mapping {
    void *array;
    size_t n_bytes;
    int file;
    struct mapping *next;
} mapping;

static struct {
    char *text;
    char *folders[MAX_FOLDERS]; /* parts of it */
    int n_folders;
    int next; /* folder of the next array */
    size_t page;
    mapping *mappings;
    double n_bytes, memory; /* of all mappings, and what this rank may have */
    int64_t n_reads;        /* transfers that read, so far */
} scratch;

static void cant_use(const char *folder, const char *why, km_error *error)
{
    km_fail(error, KM_SYSTEM,
            "can't use scratch folder (%s): %s; --scratch takes folders that exist on every node, "
            "on a local disk that you may write to",
            folder, why);
}

/* A file without a name, or with one for a moment where the file system has no such files. */
static int open_unnamed(const char *folder)
{
    char path[PATH_MAX];
    int file =
        km_fault("open scratch") ? -1 : open(folder, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return file;
    snprintf(path, sizeof path, "%s/.skymeans-XXXXXX", folder);
    file = mkostemp(path, O_CLOEXEC);
    if (file >= 0)
        unlink(path);
    return file;
}

/* ---- arrays ---------------------------------------------------------------------------------- */

static void no_room(const char *folder, size_t n_bytes, const char *what, int why, km_error *error)
{
    km_fail(error, KM_SYSTEM,
            "no room in scratch folder (%s): %.6g MB can't be reserved (%s): %s; use a larger "
            "disk, several of them (--scratch DIR:DIR), or more nodes",
            folder, 1e-6 * (double)n_bytes, what, strerror(why));
}

static void *no_addresses(int64_t count, size_t size, const char *what, km_error *error)
{
    km_fail(error, KM_MEMORY,
            "out of memory (%s): %.6g MB of a scratch file can't be mapped; raise the limit of "
            "virtual memory (ulimit -v), or use more ranks",
            what, 1e-6 * (double)count * (double)size);
    return NULL;
}

/* Maps a new file of m->n_bytes. The array is NULL, and nothing left behind, if it can't. */
static void map_new_file(mapping *m, const char *folder, const char *what, km_error *error)
{
    const size_t n_bytes = m->n_bytes;
    m->file = open_unnamed(folder);
    if (m->file < 0) {
        cant_use(folder, strerror(errno), error);
        return;
    }
    const int why =
        km_fault("reserve scratch") ? ENOSPC : posix_fallocate(m->file, 0, (off_t)n_bytes);
    if (why != 0) {
        no_room(folder, n_bytes, what, why, error);
    } else {
        m->array = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, m->file, 0);
        if (m->array == MAP_FAILED || km_fault("map scratch"))
            m->array = no_addresses((int64_t)n_bytes, 1, what, error);
        else /* what is fetched is known better here than by the system, which reads up to 8 MB */
            madvise(m->array, n_bytes, MADV_RANDOM);
        km_direct_use(m->file);
    }
    if (m->array == NULL)
        close(m->file);
}

/* Files have whole pages, at least one, as direct transfers need it. */
static size_t whole_pages(size_t n_bytes)
{
    return n_bytes == 0 ? KM_DISK_PAGE : (n_bytes + KM_DISK_PAGE - 1) / KM_DISK_PAGE * KM_DISK_PAGE;
}

static void *allocate_on_scratch(int64_t count, size_t size, const char *what, km_error *error)
{
    size_t n_bytes;
    if (__builtin_mul_overflow((size_t)count, size, &n_bytes) || n_bytes > PTRDIFF_MAX / 2)
        return no_addresses(count, size, what, error);
    mapping *m = km_allocate(1, sizeof *m, what, error);
    if (m == NULL)
        return NULL;
    const char *folder = scratch.folders[scratch.next++ % scratch.n_folders];
    *m = (mapping){.n_bytes = whole_pages(n_bytes), .next = scratch.mappings};
    map_new_file(m, folder, what, error);
    if (m->array == NULL) {
        free(m);
        return NULL;
    }
    scratch.mappings = m;
    scratch.n_bytes += (double)m->n_bytes;
    return m->array;
}

static bool free_on_scratch(void *array)
{
    for (mapping **at = &scratch.mappings; *at != NULL; at = &(*at)->next) {
        mapping *m = *at;
        if (m->array != array)
            continue;
        *at = m->next;
        scratch.n_bytes -= (double)m->n_bytes;
        munmap(m->array, m->n_bytes);
        close(m->file);
        free(m);
        return true;
    }
    return false;
}

/* Linux begins to read no more at once than it would read ahead, often 128 KB. */
static void fetch_from_scratch(const void *first, size_t n_bytes)
{
    enum { PIECE = 1 << 17 };
    const uintptr_t end = (uintptr_t)first + n_bytes;
    for (uintptr_t at = (uintptr_t)first & ~(uintptr_t)(scratch.page - 1); at < end; at += PIECE)
        madvise((void *)at, end - at < PIECE ? end - at : PIECE, MADV_WILLNEED);
}

/* The array that has this address; NULL: none. */
static const mapping *mapping_at(const char *address)
{
    const mapping *m = scratch.mappings;
    while (m != NULL && (address < (char *)m->array || address >= (char *)m->array + m->n_bytes))
        m = m->next;
    return m;
}

static bool is_beyond_memory(void)
{
    return scratch.n_bytes > scratch.memory / 2;
}

/* Linux can't take memory away from a process before it has written what changed there, and with
 * limits of control groups (version 1) begins to write only when there is nothing else to take.
 * What is not mapped is written, and taken, without interrupting the other processors for each
 * page. */
static void leave_on_scratch(const void *first, size_t n_bytes)
{
    const mapping *m = mapping_at(first);
    if (m == NULL || !is_beyond_memory())
        return;
    const uintptr_t begin = ((uintptr_t)first + scratch.page - 1) & ~(uintptr_t)(scratch.page - 1);
    const uintptr_t end = ((uintptr_t)first + n_bytes) & ~(uintptr_t)(scratch.page - 1);
    if (begin < end)
        madvise((void *)begin, end - begin, MADV_DONTNEED);
    sync_file_range(m->file, (const char *)first - (char *)m->array, (off_t)n_bytes,
                    SYNC_FILE_RANGE_WRITE);
}

/* A page could not be read or written, and there is no way back. Without MPI_Finalize the launcher
 * ends the other ranks. */
static void end_by_disk(int signal_number)
{
    static const char text[] =
        "skymeans: error: lost rows (--scratch): the disk failed, or became full; see the system's "
        "log (dmesg), and choose another folder\n";
    (void)signal_number;
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
        _exit(KM_INTERNAL);
    _exit(KM_SYSTEM);
}

/* While the system keeps pages of a file, it ends transfers past them late, by a thread of its own.
 */
static void forget_on_scratch(const void *array)
{
    const mapping *m = mapping_at(array);
    madvise(m->array, m->n_bytes, MADV_DONTNEED);
    sync_file_range(m->file, 0, 0,
                    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                        SYNC_FILE_RANGE_WAIT_AFTER);
    posix_fadvise(m->file, 0, 0, POSIX_FADV_DONTNEED);
}

static void *open_queue(km_error *error)
{
    return km_direct_create(error);
}

static void close_queue(void *queue)
{
    km_direct_free(queue);
}

static void add_transfer(void *queue, bool is_write, void *memory, char *place, size_t n_bytes)
{
    const mapping *m = mapping_at(place);
    if (!is_write) {
#pragma omp atomic
        scratch.n_reads++;
    }
    if (!km_direct_add(queue, m->file, is_write, memory, place - (char *)m->array, n_bytes))
        end_by_disk(SIGBUS);
}

static void start_transfers(void *queue)
{
    if (!km_direct_start(queue))
        end_by_disk(SIGBUS);
}

static void finish_transfers(void *queue)
{
    if (!km_direct_finish(queue))
        end_by_disk(SIGBUS);
}

static int64_t count_reads(void)
{
    return scratch.n_reads;
}

/* 0 if Linux does not say. */
static int64_t count_read_bytes(void)
{
    char line[128];
    long long n_bytes = 0;
    FILE *file = fopen("/proc/self/io", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL &&
           sscanf(line, "read_bytes: %lld", &n_bytes) != 1)
        ;
    if (file != NULL)
        fclose(file);
    return n_bytes;
}

/* ---- folders --------------------------------------------------------------------------------- */

static km_code check_folder(const char *folder, km_error *error)
{
    struct stat facts;
    if (folder[0] == '\0')
        return km_fail(error, KM_USAGE,
                       "bad value (--scratch): a name is empty; it takes folders separated by "
                       "colons, as in /scratch/a:/scratch/b");
    const bool is_file = stat(folder, &facts) == 0 && !S_ISDIR(facts.st_mode);
    const int file = is_file ? -1 : open_unnamed(folder);
    if (file < 0)
        cant_use(folder, strerror(is_file ? ENOTDIR : errno), error);
    else
        close(file);
    return error->code;
}

/* Splits a copy of the list. */
static km_code take_folders(const char *folders, km_error *error)
{
    char *rest = km_copy_text(folders, "scratch folders", error), *folder;
    scratch.text = rest;
    while (error->code == KM_OK && (folder = strsep(&rest, ":")) != NULL) {
        if (scratch.n_folders == MAX_FOLDERS)
            return km_fail(error, KM_USAGE,
                           "bad value (--scratch): there are more than %d folders; name fewer",
                           MAX_FOLDERS);
        check_folder(folder, error);
        scratch.folders[scratch.n_folders++] = folder;
    }
    return error->code;
}

km_code km_scratch_start(const char *folders, int rank_of_node, int ranks_of_node, km_error *error)
{
    static km_large_place place = {.allocate = allocate_on_scratch,
                                   .free = free_on_scratch,
                                   .fetch = fetch_from_scratch,
                                   .leave = leave_on_scratch,
                                   .is_beyond_memory = is_beyond_memory,
                                   .forget = forget_on_scratch,
                                   .open_queue = open_queue,
                                   .close_queue = close_queue,
                                   .add = add_transfer,
                                   .start = start_transfers,
                                   .finish = finish_transfers,
                                   .count_read = count_read_bytes,
                                   .count_reads = count_reads,
                                   .at_once = KM_LARGE_AT_ONCE};
    scratch.next = rank_of_node;
    scratch.page = (size_t)sysconf(_SC_PAGESIZE);
    signal(SIGBUS, end_by_disk);
    place.memory = scratch.memory = km_memory_of_node() / ranks_of_node;
    if (take_folders(folders, error) == KM_OK)
        km_large_use(&place);
    return error->code;
}

void km_scratch_end(void)
{
    km_large_use(NULL);
    signal(SIGBUS, SIG_DFL);
    free(scratch.text);
    scratch.text = NULL;
    scratch.n_folders = 0;
}

/* Is this folder on the disk of an earlier one? */
static bool is_on_same_disk(int folder)
{
    struct stat own, other;
    for (int i = 0; i < folder; i++)
        if (stat(scratch.folders[i], &other) == 0 && stat(scratch.folders[folder], &own) == 0 &&
            own.st_dev == other.st_dev)
            return true;
    return false;
}

km_scratch_room km_scratch_find_room(void)
{
    km_scratch_room room = {0};
    for (int i = 0; i < scratch.n_folders; i++) {
        struct statvfs disk;
        struct statfs kind;
        if (!is_on_same_disk(i) && statvfs(scratch.folders[i], &disk) == 0)
            room.free += (double)disk.f_bavail * (double)disk.f_frsize;
        if (statfs(scratch.folders[i], &kind) == 0 &&
            (kind.f_type == TMPFS_MAGIC || kind.f_type == RAMFS_MAGIC))
            room.in_memory = scratch.folders[i];
    }
    return room;
}
