/* Large arrays elsewhere than in memory: the same labels and sums, and a page is read once.
 * Ranks: 1.
 */
#include "race.h"

#include "base/large.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MANY = 240000 }; /* samples, on so many pages that late assignments need not read all */

/* ---- a place whose memory holds few pages ---------------------------------------------------- */

/* Pages that are not in memory can't be touched. The first touch makes a page accessible, and takes
 * away the page that was touched first of those that are, so each touch of a page that is gone is
 * noticed: it would be read from the disk. */
enum { PAGE = 4096, IN_MEMORY = 48, MAX_ARRAYS = 128 };

typedef struct area {
    char *first;
    int64_t n_pages;
    uint8_t *reads, *writes; /* [n_pages], since counting began */
} area;

static area areas[MAX_ARRAYS];
static char *in_memory[IN_MEMORY];
static int64_t next_place;
static _Thread_local volatile bool is_transfer; /* which counts its pages itself */

static area *area_of(const char *address)
{
    for (int i = 0; i < MAX_ARRAYS; i++)
        if (areas[i].first != NULL && address >= areas[i].first &&
            address < areas[i].first + areas[i].n_pages * PAGE)
            return &areas[i];
    return NULL;
}

static void *allocate_area(int64_t count, size_t size, const char *what, km_error *error)
{
    (void)what, (void)error;
    int i = 0;
    while (areas[i].first != NULL)
        i++;
    const int64_t n_pages = (count * (int64_t)size + PAGE) / PAGE;
    areas[i] = (area){
        .n_pages = n_pages, .reads = mock_memory(n_pages, 1), .writes = mock_memory(n_pages, 1)};
    areas[i].first = mmap(NULL, (size_t)(n_pages * PAGE), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(areas[i].first != MAP_FAILED);
    return areas[i].first;
}

static bool free_area(void *array)
{
    area *a = area_of(array);
    if (a == NULL || a->first != array)
        return false;
    for (int i = 0; i < IN_MEMORY; i++)
        if (area_of(in_memory[i]) == a)
            in_memory[i] = NULL;
    munmap(a->first, (size_t)(a->n_pages * PAGE));
    free(a->reads);
    free(a->writes);
    *a = (area){0};
    return true;
}

/* Some bytes are needed soon, or for the last time. */
static void hear_of_area(const void *first, size_t n_bytes)
{
    ck_assert(area_of(first) != NULL && n_bytes > 0);
}

static void forget_area(const void *array)
{
    ck_assert(area_of(array) != NULL);
}

static int64_t count_nothing(void)
{
    return 0;
}

static bool is_beyond_memory(void)
{
    return true;
}

static void *open_queue(km_error *error)
{
    (void)error;
    return mock_memory(1, 1);
}

/* Whole pages, which lie in the array. */
static void transfer(void *queue, bool is_write, void *memory, char *place, size_t n_bytes)
{
    const area *a = area_of(place);
    ck_assert(queue != NULL && (uintptr_t)memory % PAGE == 0 && n_bytes % PAGE == 0 && n_bytes > 0);
    ck_assert(a != NULL && (place - a->first) % PAGE == 0);
    ck_assert((int64_t)n_bytes <= a->n_pages * PAGE - (place - a->first));
    const int64_t first = (place - a->first) / PAGE;
    for (int64_t p = first; p < first + (int64_t)n_bytes / PAGE; p++)
        (is_write ? a->writes : a->reads)[p]++;
    is_transfer = true;
    memcpy(is_write ? place : memory, is_write ? memory : place, n_bytes);
    is_transfer = false;
}

static void finish(void *queue)
{
    ck_assert(queue != NULL);
}

static void read_page(int signal_number, siginfo_t *info, void *context)
{
    (void)context;
    char *address = info->si_addr;
    area *a = area_of(address);
    if (a == NULL) {
        signal(signal_number, SIG_DFL);
        return;
    }
    const int64_t page = (address - a->first) / PAGE;
    char **place = &in_memory[next_place++ % IN_MEMORY];
    if (*place != NULL)
        mprotect(*place, PAGE, PROT_NONE);
    *place = a->first + page * PAGE;
    mprotect(*place, PAGE, PROT_READ | PROT_WRITE);
    if (!is_transfer)
        a->reads[page]++;
}

/* From now on nothing is in memory. */
static void begin_counting(void)
{
    const struct sigaction action = {.sa_sigaction = read_page, .sa_flags = SA_SIGINFO};
    ck_assert(sysconf(_SC_PAGESIZE) == PAGE && sigaction(SIGSEGV, &action, NULL) == 0);
    memset(in_memory, 0, sizeof in_memory);
    for (int i = 0; i < MAX_ARRAYS; i++)
        if (areas[i].first != NULL) {
            memset(areas[i].reads, 0, (size_t)areas[i].n_pages);
            memset(areas[i].writes, 0, (size_t)areas[i].n_pages);
            mprotect(areas[i].first, (size_t)(areas[i].n_pages * PAGE), PROT_NONE);
        }
}

typedef struct page_counts {
    int64_t read, twice;
} page_counts;

static page_counts end_counting(void)
{
    page_counts counts = {0};
    for (int i = 0; i < MAX_ARRAYS; i++)
        for (int64_t p = 0; p < areas[i].n_pages; p++) {
            counts.read += areas[i].reads[p] > 0;
            counts.twice += areas[i].reads[p] > 1 || areas[i].writes[p] > 1;
        }
    for (int i = 0; i < MAX_ARRAYS; i++)
        if (areas[i].first != NULL)
            mprotect(areas[i].first, (size_t)(areas[i].n_pages * PAGE), PROT_READ | PROT_WRITE);
    signal(SIGSEGV, SIG_DFL);
    return counts;
}

/* Its memory is so small that samples are sorted in many parts. */
static const km_large_place small_place = {.allocate = allocate_area,
                                           .free = free_area,
                                           .fetch = hear_of_area,
                                           .leave = hear_of_area,
                                           .count_read = count_nothing,
                                           .count_reads = count_nothing,
                                           .is_beyond_memory = is_beyond_memory,
                                           .forget = forget_area,
                                           .open_queue = open_queue,
                                           .close_queue = free,
                                           .add = transfer,
                                           .start = finish,
                                           .finish = finish,
                                           .at_once = KM_LARGE_AT_ONCE,
                                           .memory = 200000};

/* ---- tests ----------------------------------------------------------------------------------- */

static page_counts counts_of_assignment;

/* The tree, whose pages are counted. */
static void assign_and_count(km_assigner *assigner, const void *centers)
{
    begin_counting();
    find_method("tree")->assign(assigner, centers);
    counts_of_assignment = end_counting();
}

/* No page that an assignment of the tree needs is read twice, or written twice; late ones need few.
 */
static void check_tree_reads_once(mock data, int64_t k, int n, double most_last)
{
    km_method counted = *find_method("tree");
    counted.assign = assign_and_count;
    variant v = plain_variant("tree");
    v.method = &counted;
    const page_counts *counts = &counts_of_assignment;
    race r;
    int64_t n_first = 0;
    km_large_place place = small_place;
    place.memory = 8e6; /* larger parts, in which few blocks lie between clusters */
    km_large_use(&place);
    start(&r, data, k, &v);
    for (int i = 0; i < n; i++) {
        step(&r);
        update(&r);
        n_first = i == 0 ? counts->read : n_first;
        ck_assert_int_eq(counts->twice, 0);
    }
    const km_samples *samples = &r.fast[0].samples;
    ck_assert_int_ge(n_first * PAGE, samples->n_blocks * km_block_bytes(samples));
    ck_assert_msg((double)counts->read <= most_last * (double)n_first, "%lld of %lld pages",
                  (long long)counts->read, (long long)n_first);
    stop(&r);
    km_large_use(NULL);
}

START_TEST(tree_reads_a_page_once)
{
    check_tree_reads_once(mock_mixture(MANY, 3, 8, 1), 8, 30, 0.9);
    check_tree_reads_once(mock_mixture(MANY / 8, 5, 32, 2), 64, 12, 1);
}
END_TEST

/* All methods, on values that are moved as a disk needs it. */
START_TEST(methods_agree)
{
    km_large_use(&small_place);
    for (const km_method *method = km_methods; method->name != NULL; method++) {
        compare(method->name, mock_mixture(3000, 5, 8, 4), 17, 6);
        for (mock_kind kind = 0; kind < MOCK_N_KINDS; kind++)
            compare(method->name, mock_hostile(kind, 700, 3), 25, 4);
    }
    km_large_use(NULL);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {tree_reads_a_page_once, methods_agree};
    return SUITE_OF("large", tests);
}
