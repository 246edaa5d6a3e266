/* Template: labels alone, with a screen of pairs, for one precision; see screen.h. The index of a
 * center takes the place of the lowest bits of its sum, so the minimum of sums is also the label,
 * if the second minimum is far enough from it. */

enum {
    /* So many samples, each for itself, take about as long as all of a block at once. */
    OURS(MOST_OPEN) = KM_BLOCK / 2
};

/* The nearest of the first n centers to one sample, whose features go to `sample` [d]: distances of
 * centers in blocks to one sample are those of samples in blocks to one center. */
static int32_t OURS(label_sample)(const REAL *block, const km_screen *screen, int64_t d, int64_t n,
                                  int lane, REAL *sample)
{
    double best = INFINITY;
    int32_t label = 0;
    for (int64_t j = 0; j < d; j++)
        sample[j] = block[j * KM_BLOCK + lane];
    for (int64_t c = 0; c < n; c += KM_BLOCK) {
        km_distances d2;
        const double least =
            KERNEL(distances_to, PRECISION)((const REAL *)screen->centers + c * d, sample, d, &d2);
        int first = 0;
        while ((double)d2.PRECISION[first] != least)
            first++;
        label = least < best ? (int32_t)c + first : label;
        best = least < best ? least : best;
    }
    return label;
}

/* False if too many samples are left open. Each counts as a part of all pairs. */
static bool OURS(label_packed)(const screened *s, OURS(canonical) * k, const km_screen *screen,
                               const int32_t *chosen, int64_t n, int64_t *n_pairs)
{
    const uint32_t all = (uint32_t)(((uint64_t)1 << LANES) - 1);
    packed p;
    uint64_t open = 0;
    pack_all(s, screen, chosen, n, &p);
    for (int g = 0; g < N_GROUPS; g++) {
        for (int l = 0; l < LANES; l++)
            k->labels[g * LANES + l] = chosen[p.best[g][l] & (((int32_t)1 << p.n_bits) - 1)];
        const uint32_t certain =
            find_certain(s, screen, &p, g, KM_SCREEN_SLACK(k->d), KM_GAP_SLACK(k->d) * 0x1p-24);
        open |= (uint64_t)(all & ~certain) << (g * LANES);
    }
    const int n_open = __builtin_popcountll(open);
    *n_pairs += n * n_open / OURS(MOST_OPEN);
    for (; open != 0 && n_open <= OURS(MOST_OPEN); open &= open - 1) {
        const int lane = __builtin_ctzll(open); /* words are no longer needed */
        k->labels[lane] =
            OURS(label_sample)(k->block, screen, k->d, n, lane, (REAL *)(void *)s->words);
    }
    return n_open <= OURS(MOST_OPEN);
}
