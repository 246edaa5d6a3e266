/* All calls of MPI, but for those that start and end it in main. */
#include "comm/comm.h"
#include "base/error.h"
#include "base/memory.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Elements per message: few enough that its bytes, too, are below INT_MAX. */
static const int64_t MAX_MESSAGE = (int64_t)1 << 26;

int km_comm_rank(MPI_Comm comm)
{
    int rank = 0;
    if (comm != MPI_COMM_NULL)
        MPI_Comm_rank(comm, &rank);
    return rank;
}

int km_comm_size(MPI_Comm comm)
{
    int size = 1;
    if (comm != MPI_COMM_NULL)
        MPI_Comm_size(comm, &size);
    return size;
}

/* Is this process without MPI, in which nothing has to be told to others? */
static bool is_without_mpi(MPI_Comm comm)
{
    return comm == MPI_COMM_NULL;
}

MPI_Comm km_comm_alone(void)
{
    int is_started, is_ended;
    MPI_Initialized(&is_started);
    MPI_Finalized(&is_ended);
    return is_started && !is_ended ? MPI_COMM_SELF : MPI_COMM_NULL;
}

bool km_comm_is_between_groups(MPI_Comm comm)
{
    int is_between = 0;
    if (!is_without_mpi(comm))
        MPI_Comm_test_inter(comm, &is_between);
    return is_between;
}

MPI_Info km_comm_hints(const char *const *texts, int64_t count)
{
    MPI_Info hints = MPI_INFO_NULL;
    if (count > 0)
        MPI_Info_create(&hints);
    for (int64_t i = 0; i < count; i++) {
        char key[MPI_MAX_INFO_KEY];
        const size_t length = strcspn(texts[i], "=");
        assert(length < sizeof key);
        snprintf(key, sizeof key, "%.*s", (int)length, texts[i]);
        MPI_Info_set(hints, key, texts[i] + length + 1);
    }
    return hints;
}

void km_comm_free_hints(MPI_Info *hints)
{
    if (*hints != MPI_INFO_NULL)
        MPI_Info_free(hints);
}

MPI_Comm km_comm_copy(MPI_Comm comm)
{
    MPI_Comm copy;
    if (is_without_mpi(comm))
        return comm;
    MPI_Comm_dup(comm, &copy);
    MPI_Comm_set_errhandler(copy, MPI_ERRORS_ARE_FATAL); /* return codes are not checked */
    return copy;
}

MPI_Comm km_comm_by_node(MPI_Comm comm)
{
    MPI_Comm node, ordered;
    int lowest = km_comm_rank(comm);
    MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
    MPI_Bcast(&lowest, 1, MPI_INT, 0, node);
    MPI_Comm_free(&node);
    MPI_Comm_split(comm, 0, lowest, &ordered);
    return ordered;
}

MPI_Comm km_comm_split(MPI_Comm comm, int group)
{
    MPI_Comm part;
    MPI_Comm_split(comm, group, 0, &part);
    MPI_Comm_set_errhandler(part, MPI_ERRORS_ARE_FATAL);
    return part;
}

void km_comm_free(MPI_Comm *comm)
{
    if (!is_without_mpi(*comm))
        MPI_Comm_free(comm);
}

bool km_comm_takes_threads(void)
{
    int level = MPI_THREAD_SINGLE;
    MPI_Query_thread(&level);
    return level >= MPI_THREAD_SERIALIZED;
}

void km_comm_host(char host[MPI_MAX_PROCESSOR_NAME])
{
    int length;
    MPI_Get_processor_name(host, &length);
}

void km_comm_library(char library[MPI_MAX_LIBRARY_VERSION_STRING])
{
    int length;
    MPI_Get_library_version(library, &length);
    library[strcspn(library, "\n")] = '\0';
}

int km_comm_sharing(MPI_Comm comm, const void *bits, int64_t bytes)
{
    MPI_Comm node;
    int sharing = 0;
    uint8_t other[KM_SHARED_BITS / 8];
    assert(bytes <= (int64_t)sizeof other);
    MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
    for (int r = 0; r < km_comm_size(node); r++) {
        bool is_shared = false;
        memcpy(other, bits, (size_t)bytes);
        km_broadcast(node, r, other, bytes);
        for (int64_t i = 0; i < bytes; i++)
            is_shared = is_shared || (other[i] & ((const uint8_t *)bits)[i]) != 0;
        sharing += is_shared;
    }
    MPI_Comm_free(&node);
    return sharing;
}

km_comm_place km_comm_on_node(MPI_Comm comm)
{
    MPI_Comm node;
    MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, km_comm_rank(comm), MPI_INFO_NULL, &node);
    const km_comm_place place = {km_comm_rank(node), km_comm_size(node)};
    MPI_Comm_free(&node);
    return place;
}

bool km_comm_is_first_of_node(MPI_Comm comm)
{
    return km_comm_on_node(comm).rank == 0;
}

/* Adds the rank that ran out of memory to the message; other messages name their rank themselves if
 * it matters. On MPI_COMM_SELF it adds nothing: the rank is named when it agrees with others. */
static void add_rank_to_message(MPI_Comm comm, km_error *error)
{
    const size_t used = strlen(error->text);
    if (km_comm_size(comm) > 1 && strstr(error->text, " [rank ") == NULL)
        snprintf(error->text + used, sizeof error->text - used, " [rank %d of %d]",
                 km_comm_rank(comm), km_comm_size(comm));
}

km_code km_agree(MPI_Comm comm, km_error *error)
{
    int failed = error->code == KM_OK ? INT_MAX : km_comm_rank(comm);
    if (is_without_mpi(comm))
        return error->code;
    MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_MIN, comm);
    if (failed == INT_MAX)
        return KM_OK;
    if (error->code == KM_MEMORY && failed == km_comm_rank(comm))
        add_rank_to_message(comm, error);
    km_broadcast(comm, failed, error, sizeof *error);
    return error->code;
}

bool km_are_divided(MPI_Comm comm, bool is_done)
{
    int64_t n_done = is_done;
    km_sum_int64(comm, &n_done, 1);
    return n_done != 0 && n_done != km_comm_size(comm);
}

void km_comm_end_job(MPI_Comm comm, int code)
{
    MPI_Abort(comm, code);
}

static void reduce(MPI_Comm comm, void *values, int64_t count, MPI_Datatype type, MPI_Op op)
{
    char *next = values;
    int size;
    if (is_without_mpi(comm))
        return;
    MPI_Type_size(type, &size);
    for (int64_t left = count; left > 0; left -= MAX_MESSAGE) {
        const int piece = (int)(left < MAX_MESSAGE ? left : MAX_MESSAGE);
        MPI_Allreduce(MPI_IN_PLACE, next, piece, type, op, comm);
        next += (int64_t)piece * size;
    }
}

#define DEFINE_REDUCTION(name, type, mpi_type, op)        \
    void name(MPI_Comm comm, type *values, int64_t count) \
    {                                                     \
        reduce(comm, values, count, mpi_type, op);        \
    }

DEFINE_REDUCTION(km_sum_int64, int64_t, MPI_INT64_T, MPI_SUM)
DEFINE_REDUCTION(km_sum_uint64, uint64_t, MPI_UINT64_T, MPI_SUM)
DEFINE_REDUCTION(km_sum_uint32, uint32_t, MPI_UINT32_T, MPI_SUM)
DEFINE_REDUCTION(km_and_uint64, uint64_t, MPI_UINT64_T, MPI_BAND)
DEFINE_REDUCTION(km_max_int64, int64_t, MPI_INT64_T, MPI_MAX)
DEFINE_REDUCTION(km_min_double, double, MPI_DOUBLE, MPI_MIN)
DEFINE_REDUCTION(km_max_double, double, MPI_DOUBLE, MPI_MAX)
DEFINE_REDUCTION(km_sum_double, double, MPI_DOUBLE, MPI_SUM)
DEFINE_REDUCTION(km_sum_long_double, long double, MPI_LONG_DOUBLE, MPI_SUM)

int64_t km_sum_below(MPI_Comm comm, int64_t value)
{
    int64_t below = 0;
    if (!is_without_mpi(comm))
        MPI_Exscan(&value, &below, 1, MPI_INT64_T, MPI_SUM, comm);
    return km_comm_rank(comm) == 0 ? 0 : below; /* MPI leaves it undefined there */
}

void km_sum_below_uint32(MPI_Comm comm, const uint32_t *values, int count, uint32_t *below)
{
    if (!is_without_mpi(comm))
        MPI_Exscan(values, below, count, MPI_UINT32_T, MPI_SUM, comm);
    if (km_comm_rank(comm) == 0)
        memset(below, 0, (size_t)count * sizeof *below); /* MPI leaves it undefined there */
}

void km_broadcast(MPI_Comm comm, int root, void *data, int64_t bytes)
{
    char *next = data;
    for (int64_t left = is_without_mpi(comm) ? 0 : bytes; left > 0; left -= MAX_MESSAGE) {
        const int piece = (int)(left < MAX_MESSAGE ? left : MAX_MESSAGE);
        MPI_Bcast(next, piece, MPI_BYTE, root, comm);
        next += piece;
    }
}

void km_send(MPI_Comm comm, int to, const void *data, int64_t bytes)
{
    MPI_Send(data, (int)bytes, MPI_BYTE, to, 0, comm);
}

void km_receive(MPI_Comm comm, int from, void *data, int64_t bytes)
{
    MPI_Recv(data, (int)bytes, MPI_BYTE, from, 0, comm, MPI_STATUS_IGNORE);
}

/* In pieces, since the library keeps a copy of each. */
void km_swap(MPI_Comm comm, int other, void *data, int64_t bytes)
{
    enum { PIECE = 1 << 20 };
    char *next = data;
    for (int64_t left = bytes; left > 0; left -= PIECE) {
        const int piece = (int)(left < PIECE ? left : PIECE);
        MPI_Sendrecv_replace(next, piece, MPI_BYTE, other, 0, other, 0, comm, MPI_STATUS_IGNORE);
        next += piece;
    }
}

void km_gather(MPI_Comm comm, const void *mine, int64_t bytes, void *all)
{
    assert(bytes < INT_MAX);
    if (is_without_mpi(comm))
        memcpy(all, mine, (size_t)bytes);
    else
        MPI_Allgather(mine, (int)bytes, MPI_BYTE, all, (int)bytes, MPI_BYTE, comm);
}

void km_exchange_counts(MPI_Comm comm, const int *sent, int *received)
{
    if (is_without_mpi(comm))
        *received = *sent;
    else
        MPI_Alltoall(sent, 1, MPI_INT, received, 1, MPI_INT, comm);
}

void km_exchange_words(MPI_Comm comm, const uint32_t *sent, const int *sent_counts,
                       const int *sent_starts, uint32_t *received, const int *received_counts,
                       const int *received_starts)
{
    if (is_without_mpi(comm))
        memcpy(received + *received_starts, sent + *sent_starts,
               (size_t)*sent_counts * sizeof *sent);
    else
        MPI_Alltoallv(sent, sent_counts, sent_starts, MPI_UINT32_T, received, received_counts,
                      received_starts, MPI_UINT32_T, comm);
}

/* Gathers the elements of all ranks, of which `counts` are how many; `starts` is made of them. */
static void gather_elements(MPI_Comm comm, const void *mine, const int *counts, int *starts,
                            size_t size, void *all)
{
    MPI_Datatype element;
    if (is_without_mpi(comm)) {
        memcpy(all, mine, (size_t)*counts * size);
        return;
    }
    starts[0] = 0;
    for (int r = 1; r < km_comm_size(comm); r++)
        starts[r] = starts[r - 1] + counts[r - 1];
    MPI_Type_contiguous((int)size, MPI_BYTE, &element);
    MPI_Type_commit(&element);
    MPI_Allgatherv(mine, counts[km_comm_rank(comm)], element, all, counts, starts, element, comm);
    MPI_Type_free(&element);
}

km_code km_concatenate(MPI_Comm comm, const void *mine, int64_t count, size_t size, void **all,
                       int64_t *total, km_error *error)
{
    const int n_ranks = km_comm_size(comm);
    *all = NULL;
    *total = count;
    km_sum_int64(comm, total, 1);
    /* The total is the same on all ranks, so all of them return here or none. */
    if (*total > INT_MAX)
        return km_fail(error, KM_MEMORY,
                       "too many rows to gather (%lld): at most %d fit one message; use fewer "
                       "clusters or --seeding-rows",
                       (long long)*total, INT_MAX);
    int *counts = km_allocate(2 * (int64_t)n_ranks, sizeof *counts, "counts of all ranks", error);
    *all = km_allocate(*total, size, "rows gathered from all ranks", error);
    if (km_agree(comm, error) == KM_OK) {
        const int n_mine = (int)count;
        km_gather(comm, &n_mine, sizeof n_mine, counts);
        gather_elements(comm, mine, counts, counts + n_ranks, size, *all);
    } else {
        free(*all);
        *all = NULL;
    }
    free(counts);
    return error->code;
}
