/* The plan: which method, kernel, seeding and order of samples, and how much memory. */
#include "cluster/plan.h"
#include "cluster/choice.h"
#include "cluster/refine.h"

#include "base/threads.h"
#include "order/order.h"

#include <math.h>
#include <string.h>

km_code km_manner_check(skymeans_manner *manner, const skymeans_manner *given, km_error *error)
{
    const skymeans_manner defaults = SKYMEANS_MANNER;
    *manner = defaults;
    if (given == NULL)
        return KM_OK;
    if (km_take_struct(manner, sizeof *manner, given, "SKYMEANS_MANNER", error) != KM_OK)
        return error->code;
    manner->algorithm = manner->algorithm != NULL ? manner->algorithm : defaults.algorithm;
    manner->kernel = manner->kernel != NULL ? manner->kernel : defaults.kernel;
    if (manner->threads < 0 || manner->threads > KM_MAX_THREADS)
        return km_fail(error, KM_USAGE, "bad value (threads %lld): it must be 0 to %d",
                       (long long)manner->threads, KM_MAX_THREADS);
    if (manner->second != 0 && manner->second != 1)
        return km_fail(error, KM_USAGE, "bad value (second %lld): it must be 0 or 1",
                       (long long)manner->second);
    return KM_OK;
}

uint64_t km_kernels_of_all_ranks(const char *name, MPI_Comm comm)
{
    uint64_t available = km_kernels_available(name);
    km_and_uint64(comm, &available, 1);
    return available;
}

/* Does redistribution save more time than it takes? Each doubling of the ranks makes boxes of a
 * rank wider without it: 64 clusters then need 3.1 distances a sample on 1 rank, 4.0 on 2, 5.1 on
 * 4, 8.8 on 16, 16 on 64. Redistributed samples hold their rows in 32 bits. */
static bool pays_to_redistribute(const km_shape *shape, const km_method *method,
                                 int64_t max_iterations)
{
    enum { MIN_CLUSTERS = 100 }; /* on 2 ranks; half as many on 4, a third on 8 */
    const double doublings = log2(shape->n_ranks);
    return method->exchange_takes != NULL &&
           (double)shape->n_clusters * doublings >= MIN_CLUSTERS &&
           (double)max_iterations * doublings * doublings >= method->exchange_takes(shape) &&
           shape->span <= UINT32_MAX;
}

/* A method that exchanges samples by their labels does so after the first assignment, too. Before
 * it that is by labels which are guessed twice then: 0.04 s of the 0.65 s of 20 iterations of W6, 2
 * ranks. More ranks save more in the first assignment. */
static bool pays_to_begin_with(const km_shape *shape, const km_method *method)
{
    enum { FEW_RANKS = 2 };
    return method->order_labels == NULL || shape->n_ranks > FEW_RANKS;
}

/* Measured: buffers of Open MPI 4.1 that it allocates when ranks exchange much. */
static const double MESSAGE_POOLS = 4 << 20;

static km_memory find_memory(const km_plan *plan)
{
    const km_shape *shape = &plan->shape;
    const double n = (double)shape->n_samples, restarts = km_restarts_bytes(shape);
    const double n_in_part = km_smaller(n, (double)km_order_part_size(shape->n_clusters));
    km_memory memory = {.samples = km_samples_bytes(shape, n, shape->has_weights)};
    if (plan->orders)
        memory.ordering = km_order_bytes(shape, n_in_part, shape->has_weights);
    if (plan->early != NULL || plan->late != NULL) /* before each fit */
        memory.ordering =
            km_larger(memory.ordering, km_order_bytes(shape, n_in_part, shape->has_weights) +
                                           restarts + km_centers_bytes(shape));
    if (plan->redistributes)
        memory.ordering =
            km_exchange_bytes(shape, n, shape->has_weights) + restarts + km_centers_bytes(shape);
    if (plan->redistributes && plan->method->find_codes != NULL) /* by labels that it guesses */
        memory.ordering =
            km_larger(memory.ordering, km_labels_bytes(shape) + plan->method->bytes(shape) +
                                           restarts + 2 * km_centers_bytes(shape));
    if (shape->n_ranks > 1 && memory.ordering > 0)
        memory.ordering += MESSAGE_POOLS;
    memory.ordering = km_larger(memory.ordering, km_quantiles_bytes(shape, 3)); /* robust scaling */
    memory.seeding = restarts + km_centers_bytes(shape) +
                     (plan->seeding != NULL ? plan->seeding->bytes(shape) : 0);
    if (plan->refining != NULL)
        memory.seeding =
            km_larger(memory.seeding, restarts + km_centers_bytes(shape) +
                                          km_refine_bytes(shape, plan->seeding, plan->refining));
    memory.fitting = restarts + km_larger(km_fit_bytes(shape, plan->method),
                                          km_restarts_compare_bytes(shape, plan->method));
    if (plan->early != NULL)
        memory.fitting = km_larger(memory.fitting, restarts + km_fit_bytes(shape, plan->early));
    if (plan->late != NULL)
        memory.fitting = km_larger(memory.fitting, restarts + km_fit_bytes(shape, plan->late));
    if (plan->refining !=
        NULL) /* the seeding's own centers, in case that refined ones are refused */
        memory.fitting += km_centers_bytes(shape);
    /* Labels are in the order of the samples, and then also in that of the rows. */
    memory.answer = restarts + 2 * km_labels_bytes(shape) + 4 * km_centers_bytes(shape);
    return memory;
}

km_code km_manner_check_names(const skymeans_manner *manner, uint64_t kernels, km_error *error)
{
    if (strcmp(manner->algorithm, "auto") != 0 && km_method_find(manner->algorithm) == NULL)
        return km_fail(error, KM_USAGE,
                       "bad value (algorithm %s): no such method; choose 'auto', 'lloyd', "
                       "'tree', 'bounds' or 'neighbours'",
                       manner->algorithm);
    if (km_kernel_choose(manner->kernel, kernels) == NULL)
        return km_fail(error, KM_USAGE,
                       "bad value (kernel %s): no such kernel, or not every rank's processor has "
                       "it; leave it to 'auto'",
                       manner->kernel);
    return KM_OK;
}

/* Completes a plan, of which shape and kernel are known. */
static void plan_fits(km_plan *plan, const skymeans_problem *problem, const skymeans_manner *manner)
{
    const km_shape *shape = &plan->shape;
    plan->method = km_method_choose(manner->algorithm, shape);
    if (strcmp(manner->algorithm, "auto") == 0 && shape->n_heights == 0) {
        plan->early = km_method_before(plan->method, shape);
        plan->late = km_method_after(plan->method, shape);
    }
    if (problem->first_centers == NULL)
        plan->seeding = km_seeding_find(problem->seeding);
    if (plan->seeding != NULL && plan->seeding->is_refined &&
        km_refine_rows(shape, shape->n_rows) > 0)
        plan->refining = km_refine_method(manner->algorithm, shape);
    plan->redistributes = pays_to_redistribute(shape, plan->method, problem->max_iterations);
    plan->redistributes_first = plan->redistributes && pays_to_begin_with(shape, plan->method);
    plan->orders = (shape->n_features <= plan->method->most_ordered && !plan->redistributes) ||
                   (plan->seeding != NULL && plan->seeding->reads_all(shape));
    plan->memory = find_memory(plan);
    if (shape->n_heights > 0) /* samples are copied when they get heights */
        plan->memory.ordering = km_larger(plan->memory.ordering, plan->memory.samples);
    if (problem->sky > 0)
        plan->memory.answer += km_sky_bytes(shape);
}

/* A copy of so many samples, while it is made, put in order and fitted. */
static double copied_fit_bytes(const km_plan *plan, int64_t n_samples, bool has_weights)
{
    km_shape copy = plan->shape;
    const double n = (double)n_samples, chosen = n * sizeof(int64_t);
    copy.n_samples = n_samples;
    copy.has_weights = has_weights;
    return km_samples_bytes(&copy, n, has_weights) +
           km_larger(km_larger(chosen, km_order_bytes(&copy, n, has_weights)),
                     km_larger(plan->seeding->bytes(&copy),
                               km_labels_bytes(&copy) + km_fit_bytes(&copy, plan->method)));
}

/* What the fits of other rows take beside all fits with the number: those of resampled rows, of
 * which a Poisson number of mean 1 takes a part, are kept and compared. */
static double worth_bytes(const km_plan *plan, const skymeans_problem *problem)
{
    static const double TAKEN_PART = 0.63212055882855767;
    const km_shape *shape = &plan->shape;
    const double own = (double)shape->n_fits * km_centers_bytes(shape);
    km_shape all = *shape;
    double most = 0;
    if (problem->gap > 0)
        most = km_labels_bytes(shape) + 3 * km_centers_bytes(shape) +
               copied_fit_bytes(plan, shape->n_samples, shape->has_weights);
    all.n_fits = problem->bootstrap + 1;
    const int64_t n_taken = (int64_t)ceil(TAKEN_PART * (double)shape->n_samples);
    if (problem->bootstrap > 0)
        most = km_larger(most, km_restarts_bytes(&all) +
                                   km_larger(copied_fit_bytes(plan, n_taken, true),
                                             km_restarts_compare_bytes(&all, plan->method)));
    return most > 0 ? own + most : 0;
}

/* The fits of another number of clusters may take more than those of the largest. */
static void add_memory_of_several(km_plan *plan, const skymeans_problem *problem,
                                  const skymeans_manner *manner)
{
    const double choice = km_choice_bytes(problem, &plan->shape);
    km_memory *most = &plan->memory;
    for (int64_t i = 0; i < problem->n_several; i++) {
        km_plan other = {.shape = plan->shape, .kernel = plan->kernel};
        other.shape.n_clusters = problem->several[i];
        plan_fits(&other, problem, manner);
        most->ordering = km_larger(most->ordering, other.memory.ordering);
        most->seeding = km_larger(most->seeding, other.memory.seeding);
        most->fitting = km_larger(most->fitting, other.memory.fitting);
    }
    most->fitting = km_larger(most->fitting, worth_bytes(plan, problem));
    most->ordering += most->ordering > 0 ? choice : 0;
    most->seeding += choice;
    most->fitting += choice;
    most->answer += choice + km_criteria_bytes(problem, &plan->shape);
}

km_code km_plan_create(km_plan *plan, const skymeans_problem *problem,
                       const skymeans_manner *manner, const km_shape *shape, uint64_t kernels,
                       km_error *error)
{
    *plan = (km_plan){.shape = *shape};
    if (km_manner_check_names(manner, kernels, error) != KM_OK)
        return error->code;
    plan->kernel = km_kernel_choose(manner->kernel, kernels);
    plan->shape.n_heights = km_heights(km_balance_find(problem->balance));
    plan->shape.n_features += plan->shape.n_heights;
    plan->shape.n_clusters = problem->n_clusters;
    plan->shape.n_fits = problem->restarts;
    plan->shape.n_seeding_rows = problem->seeding_rows;
    plan_fits(plan, problem, manner);
    if (problem->n_several > 0)
        add_memory_of_several(plan, problem, manner);
    return KM_OK;
}

km_plan km_plan_without_fit(const km_plan *plan)
{
    const km_shape *shape = &plan->shape;
    return (km_plan){
        .shape = plan->shape,
        .kernel = plan->kernel,
        .memory = {.samples = plan->memory.samples,
                   .answer = 2 * km_labels_bytes(shape) + 4 * km_centers_bytes(shape)}};
}

const char *km_plan_order_text(const km_plan *plan, const km_fit *fit)
{
    const bool has_begun_early = fit != NULL && fit->first_method == plan->early;
    if (plan->redistributes)
        return "redistributed among ranks, so that each has neighbours in space";
    if (plan->orders || (plan->early != NULL && has_begun_early))
        return "put in order on each rank, so that neighbours are together";
    if (plan->early != NULL && fit == NULL)
        return "in the order of the catalogue, or in one where neighbours are together";
    return "in the order of the catalogue";
}
