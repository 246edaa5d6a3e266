/* Template: which gaps are used up; see template.h. */

static bool JOIN(used_up, INSTRUCTIONS)(const float *gaps, const float *drifts, float own_drift,
                                        int64_t n_centers, uint64_t *used)
{
    uint64_t any = 0;
    for (int64_t first = 0; first < n_centers; first += 64) {
        uint64_t bits = 0;
        for (int64_t c = first; c < first + 64 && c < n_centers; c += LANES) {
            const vector_float32 path = *(const vector_float32 *)(drifts + c) + own_drift;
            const vector_float32 gap = *(const vector_float32 *)(gaps + c);
            const uint32_t left = exceeds_float32(gap, path);
            bits |= (uint64_t)(left ^ (((uint32_t)1 << LANES) - 1)) << (c - first);
        }
        used[first / 64] = bits;
        any |= bits;
    }
    return any != 0;
}
