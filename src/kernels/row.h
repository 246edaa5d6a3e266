/* Template: the row of a kernel in the table of kernels; see template.h. */

#define BOTH(job)                                  \
    {                                              \
        KERNEL(job, float32), KERNEL(job, float64) \
    }

#if !defined SCREENS
#define HAS_SCREENS
#define SCREENS INSTRUCTIONS
#endif

const km_kernel JOIN(km_kernel, INSTRUCTIONS) = {
    .name = QUOTE(INSTRUCTIONS),
    .is_available = IS_AVAILABLE,
    .is_fast = IS_FAST,
    .nearest = BOTH(nearest),
    .nearest_pair = BOTH(nearest_pair),
    .measure = BOTH(measure),
    .approach = BOTH(approach),
    .filter = BOTH(filter),
    .filter_pair = BOTH(filter_pair),
    .nearest_listed = BOTH(nearest_listed),
    .nearest_gaps = BOTH(nearest_gaps),
    .distances_to = BOTH(distances_to),
    .farthest_of = BOTH(farthest_of),
    .add_within = BOTH(add_within),
    .lanes_with = BOTH(lanes_with),
    .nearest_of_part = BOTH(nearest_of_part),
    .find_within = BOTH(find_within),
    .used_up = JOIN(used_up, INSTRUCTIONS),
    .has_bytes = HAS_BYTES,
#if defined HAS_SCREENS
    .screened = BOTH(screened),
#endif
    .screens = &JOIN(km_kernel, SCREENS),
    .moments = BOTH(moments),
    .means = JOIN(means, INSTRUCTIONS),
    .add_history = JOIN(add_history, INSTRUCTIONS),
    .fold_values = BOTH(fold_values),
    .peak = BOTH(peak),
};
