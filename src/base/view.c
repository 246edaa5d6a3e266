/* Parts of large arrays in the memory of a thread. */
#include "base/view.h"

#include "base/large.h"

#include <string.h>

/* To begin a transfer takes about as long as to transfer 8 to 16 KB: with 32 under way, a disk
 * of 1.1 GB/s read 4 KB 70,000 times a second, 16 KB 40,000 times, 32 KB 27,000 times. */
enum { MAX_BYTES_BETWEEN = 1 << 13, N_PIECES = 64 * KM_VIEW_WORDS };

static int64_t up_to_page(int64_t n_bytes)
{
    return (n_bytes + KM_DISK_PAGE - 1) / KM_DISK_PAGE * KM_DISK_PAGE;
}

km_view km_view_create(void *array, int64_t size, char *memory, int64_t most)
{
    const int64_t of_piece = (most * size + N_PIECES - 1) / N_PIECES;
    return (km_view){.array = array, .size = size, .piece = up_to_page(of_piece), .memory = memory};
}

void km_view_move(km_view *view, int64_t first, int64_t count)
{
    view->first = first;
    view->count = count;
    memset(view->is_wanted, 0, sizeof view->is_wanted);
    memset(view->is_there, 0, sizeof view->is_there);
    memset(view->is_changed, 0, sizeof view->is_changed);
}

static bool has_bit(const uint64_t *bits, int64_t piece)
{
    return (bits[piece / 64] >> piece % 64 & 1) != 0;
}

static void set_bits(uint64_t *bits, int64_t begin, int64_t end)
{
    for (int64_t piece = begin; piece < end; piece++)
        bits[piece / 64] |= (uint64_t)1 << piece % 64;
}

static int64_t first_piece(const km_view *view, int64_t element)
{
    return (element - view->first) * view->size / view->piece;
}

/* The piece after the last one with a byte of an element. */
static int64_t end_piece(const km_view *view, int64_t element)
{
    return ((element - view->first + 1) * view->size - 1) / view->piece + 1;
}

static int64_t pieces_seen(const km_view *view)
{
    return view->count > 0 ? end_piece(view, view->first + view->count - 1) : 0;
}

void km_view_want(km_view *view, int64_t element)
{
    set_bits(view->is_wanted, first_piece(view, element), end_piece(view, element));
}

void km_view_want_all(km_view *view)
{
    memset(view->is_wanted, 0xff, sizeof view->is_wanted);
}

void km_view_renew_all(km_view *view)
{
    memset(view->is_there, 0xff, sizeof view->is_there);
    memset(view->is_changed, 0xff, sizeof view->is_changed);
}

void km_view_change(km_view *view, int64_t element)
{
    set_bits(view->is_changed, first_piece(view, element), end_piece(view, element));
}

/* ---- transfers ------------------------------------------------------------------------------- */

/* Adds the transfer of pieces from `begin` to before `end`, as far as elements are seen. The file
 * has whole pages. */
static void transfer_pieces(const km_view *view, void *queue, bool is_write, int64_t begin,
                            int64_t end)
{
    const int64_t seen = up_to_page(view->count * view->size), at = begin * view->piece;
    const int64_t to = end * view->piece < seen ? end * view->piece : seen;
    km_large_in_use()->add(queue, is_write, view->memory + at,
                           view->array + view->first * view->size + at, (size_t)(to - at));
}

/* The end of a run of pieces from `begin` on whose bits are set, with few others between them,
 * which must be among `allowed`, if that is not NULL. */
static int64_t end_of_run(const km_view *view, const uint64_t *bits, const uint64_t *allowed,
                          int64_t begin)
{
    const int64_t between = MAX_BYTES_BETWEEN / view->piece;
    int64_t end = begin + 1;
    for (int64_t piece = end; piece < pieces_seen(view) && piece - end <= between; piece++)
        if (has_bit(bits, piece))
            end = piece + 1;
        else if (allowed != NULL && !has_bit(allowed, piece))
            return end;
    return end;
}

void km_view_add_reading(km_view *view, void *queue)
{
    uint64_t missing[KM_VIEW_WORDS];
    for (int i = 0; i < KM_VIEW_WORDS; i++)
        missing[i] = view->is_wanted[i] & ~view->is_there[i];
    for (int64_t begin = 0, end; begin < pieces_seen(view); begin = end) {
        end = begin + 1;
        if (!has_bit(missing, begin))
            continue;
        end = end_of_run(view, missing, NULL, begin);
        transfer_pieces(view, queue, false, begin, end);
        set_bits(view->is_there, begin, end);
    }
}

void km_view_add_writing(km_view *view, void *queue)
{
    for (int64_t begin = 0, end; begin < pieces_seen(view); begin = end) {
        const bool is_changed = has_bit(view->is_changed, begin);
        end = is_changed ? end_of_run(view, view->is_changed, view->is_there, begin) : begin + 1;
        if (is_changed)
            transfer_pieces(view, queue, true, begin, end);
    }
}

void km_view_need(km_view *view, void *queue, int64_t element)
{
    bool is_waiting = false;
    for (int64_t p = first_piece(view, element); p < end_piece(view, element); p++)
        if (!has_bit(view->is_there, p)) {
            transfer_pieces(view, queue, false, p, p + 1);
            set_bits(view->is_there, p, p + 1);
            is_waiting = true;
        }
    if (is_waiting)
        km_large_in_use()->finish(queue);
}

void *km_view_base(const km_view *view)
{
    return (void *)((uintptr_t)view->memory - (uintptr_t)(view->first * view->size));
}
