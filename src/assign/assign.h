/* assign.h - the exact assignment methods: every sample to its nearest center.
 *
 * A method is an object that lives as long as a fit. It keeps the labels of this rank's samples and
 * the totals of the clusters, both as of the last assignment. It knows neither MPI nor files, and
 * all methods give the same bits. */
#ifndef SKYMEANS_ASSIGN_H
#define SKYMEANS_ASSIGN_H

#include "base/error.h"
#include "kernels/kernels.h"
#include "samples/samples.h"
#include "sums/sums.h"

/* How much was done, whatever time it took: comparisons of samples, and of boxes, with centers; and
 * the bytes of large arrays that were read. */
typedef struct km_work {
    int64_t distances, box_tests, bytes;
} km_work;

/* Adds work to a sum, and clears it. */
void km_work_add_up(km_work *sum, km_work *more);

/* What methods count beside the sums: samples with weight whose label changed. */
enum { KM_EXTRA_RELABELED = 0 };

/* What every method works on, and what it leaves. */
typedef struct km_assigner {
    km_samples *samples;
    const km_kernel *kernel;
    int64_t n_clusters;
    const km_grid *grids; /* [d] */
    bool are_short;       /* all of them */
    int32_t *labels;      /* [n_blocks * KM_BLOCK]; -1 before the first assignment */
    km_totals *totals;    /* [n_threads], parts of this rank's totals, which are their sum; of
                             extras[KM_EXTRA_RELABELED], too, which counts changed labels of
                             samples with weight */
    int n_threads;
    km_work done;  /* in all assignments so far */
    int64_t *work; /* [n_blocks], distances that were evaluated in each; of methods that renew */
    void *state;   /* of the method */
    struct km_window *windows; /* [n_threads][], see windows.h; NULL: all is in memory */
    struct km_window *window;  /* what this assigner sees of all samples; NULL: all */
} km_assigner;

/* Bytes of the values of a block, of its labels, and of both. */
static inline int64_t km_values_bytes(const km_samples *samples)
{
    return KM_BLOCK * samples->n_features * (int64_t)km_precision_size(samples->precision);
}

enum { KM_BLOCK_LABELS_BYTES = KM_BLOCK * (int)sizeof(int32_t) };

static inline int64_t km_block_bytes(const km_samples *samples)
{
    return km_values_bytes(samples) + KM_BLOCK_LABELS_BYTES;
}

/* What sorting samples by their labels costs, in comparisons of each sample: as the order gets
 * worse, more is compared than at best, and samples are sorted again when that adds up to so much,
 * or when so large a part of them has changed its label. When only few change it for the first
 * time, centers move little enough to remember what was compared, and it is worth to sort for that.
 * Measured. */
static const double KM_SORTING_COST = 50, KM_MANY_RELABELED = 0.1, KM_FEW_RELABELED = 0.05;

/* What a method takes, in comparisons of a sample. */
typedef struct km_turn {
    double late;  /* in a late iteration */
    double start; /* and to get there */
} km_turn;

/* A row in the table of methods. */
typedef struct km_method {
    const char *name;
    km_code (*create)(km_assigner *assigner, km_error *error); /* its state; may be NULL */
    /* Assigns every sample to the nearest of the centers [k][d] in working precision, on all
     * threads. */
    void (*assign)(km_assigner *assigner, const void *centers);
    void (*free)(km_assigner *assigner); /* its state; may be NULL */
    bool reorders; /* an assignment may put the samples, and their labels, into another order */
    /* With so many features and fewer it is faster when samples near each other in memory are so in
     * space, by more than putting them in order takes. */
    int64_t most_ordered;
    /* It is faster when samples near each other in space are on the same rank: the iterations on 2
     * ranks after which that has saved what it took (docs/measurements/ranks.md). NULL: it is not.
     */
    double (*exchange_takes)(const km_shape *shape);
    /* May it be chosen by itself for this shape? NULL: always. */
    bool (*is_available)(const km_shape *shape);
    double (*bytes)(const km_shape *shape); /* of its state, per rank; NULL: none */
    /* Of a sample and iteration, in comparisons with a center: a model whose order is what was
     * measured (docs/measurements); `auto` takes the least. */
    double (*cost)(const km_shape *shape);
    /* Codes of the samples by which to exchange them, [n_blocks * KM_BLOCK], given centers in
     * working precision; similar codes shall be on the same rank. May sort the samples. Local;
     * KM_MEMORY. NULL: by where they are along a Morton curve. */
    km_code (*find_codes)(km_samples *samples, const km_kernel *kernel, const void *centers,
                          int64_t k, uint32_t *codes, km_error *error);
    /* For another exchange: the labels in an order in which neighbours are near each other, [k],
     * and the levels of samples [n_samples], by which those of a label are sorted, down where its
     * place in the order is odd. The next assignment will sort the samples like that. Local;
     * KM_MEMORY. NULL: an exchange is of no use. */
    km_code (*order_labels)(km_assigner *assigner, const void *centers, int32_t *order,
                            uint16_t *levels, km_error *error);
    /* Some blocks have other samples now, of another rank, and their labels. Local. NULL: it can't
     * follow that, and counts no work of blocks. */
    void (*renew)(km_assigner *assigner, int64_t block, int64_t n_blocks);
    /* Goes on after another method, which has assigned the samples by the centers [k][d] in working
     * precision and changed this part of the labels. Local. NULL: it doesn't. */
    void (*take_over)(km_assigner *assigner, const void *centers, double relabeled);
    /* What its late iterations take, and to begin with it, in comparisons of a sample by `tree`. */
    km_turn (*turn)(int64_t k, int64_t d);
} km_method;

/* The table of methods, ended by a NULL name. */
extern const km_method km_methods[];

/* The row called so, or for "auto" the available one that costs least; NULL if there is none. */
const km_method *km_method_choose(const char *name, const km_shape *shape);

/* The row called so; NULL if there is none. */
const km_method *km_method_find(const char *name);

/* The method with which a fit may begin that goes over to this one, if its centers have few
 * dimensions; and the one that it may go over to. NULL: none. */
const km_method *km_method_before(const km_method *method, const km_shape *shape);
const km_method *km_method_after(const km_method *method, const km_shape *shape);

/* Have these centers, [k][d], few dimensions? By the maximum likelihood estimate of Levina & Bickel
 * 2004 (NIPS 17, eq. 8, averaged as MacKay & Ghahramani do) from the nearest 10 of each; infinite
 * if they are too few. */
double km_find_dimension(const double *centers, int64_t k, int64_t d);
bool km_method_begins(const double *centers, int64_t k, int64_t d);

/* Goes over from one method to another, whose take_over is called. Local; KM_MEMORY, after which
 * only km_assigner_free with the new method may be called. */
km_code km_assigner_go_over(km_assigner *assigner, const km_method *from, const km_method *to,
                            const void *centers, double relabeled, km_error *error);

/* Bytes per rank of an assigner: labels, sums of each thread and of this rank (and what comes of
 * others), and the state of the method; and of sums alone. */
double km_assigner_bytes(const km_shape *shape, const km_method *method);
double km_sums_bytes(const km_shape *shape);

/* An assigner for k clusters without labels. Local to the rank. KM_MEMORY if it can't be had. */
km_code km_assigner_create(km_assigner *assigner, const km_method *method, const km_kernel *kernel,
                           km_samples *samples, const km_grid *grids, int64_t k, km_error *error);
void km_assigner_free(km_assigner *assigner, const km_method *method);

/* Takes other grids, and makes the totals anew on them from the labels. KM_MEMORY if it can't. */
km_code km_assigner_change_grids(km_assigner *assigner, const km_grid *grids, km_error *error);

/* Starts a new count of changed labels. */
void km_assigner_reset_count(km_assigner *assigner);

/* Sums the parts of all threads into `words`, a buffer of totals of the same shape. */
void km_assigner_add_up(km_assigner *assigner, int64_t *words);

/* Gives the samples of a block new labels and moves them between the totals of the thread that
 * calls. For methods. */
void km_assigner_relabel(km_assigner *assigner, int64_t block, const int32_t *labels);

/* The labels of all samples of this rank, [n_samples], by the centers [k][d] in working precision,
 * without an assigner. On all threads. */
void km_label_samples(const km_samples *samples, const km_kernel *kernel, const void *centers,
                      int64_t k, int32_t *labels);

/* The same with the second nearest center of each sample, `seconds` [slab.count] by row, in one
 * pass; k >= 2. False, and nothing is done, if a squared distance could overflow. */
bool km_label_pairs(const km_samples *samples, const km_kernel *kernel, const void *centers,
                    int64_t k, int32_t *labels, int32_t *seconds);

/* The same as km_assigner_relabel for the samples whose bit in `changed` is set; all others have
 * their labels already. */
void km_assigner_relabel_some(km_assigner *assigner, int64_t block, uint64_t changed,
                              const int32_t *labels);

#endif
