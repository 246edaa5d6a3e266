/* Template: labels alone, with a screen of pairs, for one precision; see screen.h. The index of a
 * center takes the place of the lowest bits of its sum, so the minimum of sums is also the label,
 * if the second minimum is far enough from it. */

/* Labels of a group of samples, from canonical distances to all chosen centers. */
static void OURS(label_group)(OURS(canonical) * k, const int32_t *chosen, int64_t n, int group)
{
    enum { PARTS = LANES / WIDTH };
    _Alignas(64) REAL d2[PAIRS_AT_ONCE * LANES];
    STATE state;
    OURS(start)(&state, PARTS);
    for (int64_t first = 0; first < n; first += PAIRS_AT_ONCE) {
        km_screen_pair pairs[PAIRS_AT_ONCE];
        for (int i = 0; i < PAIRS_AT_ONCE; i++)
            pairs[i] = (km_screen_pair){.center = chosen[first + i < n ? first + i : n - 1],
                                        .group = (uint16_t)group};
        OURS(measure_pairs)(k->block, k->centers, k->d, pairs, PAIRS_AT_ONCE, d2);
        for (int i = 0; i < PAIRS_AT_ONCE * PARTS; i++)
            OURS(compare)
        (&state, i % PARTS, *(const VECTOR *)(d2 + i * WIDTH),
         OURS(spread)(pairs[i / PARTS].center));
    }
    for (int p = 0; p < PARTS; p++)
        for (int l = 0; l < WIDTH; l++)
            k->labels[group * LANES + p * WIDTH + l] = (int32_t)state.label[p][l];
}

/* False if too many samples are left open. A group of samples that is left open counts as a part of
 * all pairs. */
static bool OURS(label_packed)(const screened *s, OURS(canonical) * k, const km_screen *screen,
                               const int32_t *chosen, int64_t n, int64_t *n_pairs)
{
    const uint32_t all = (uint32_t)(((uint64_t)1 << LANES) - 1);
    packed p;
    int n_open = 0, open[N_GROUPS];
    pack_all(s, screen, chosen, n, &p);
    for (int g = 0; g < N_GROUPS; g++) {
        for (int l = 0; l < LANES; l++)
            k->labels[g * LANES + l] = chosen[p.best[g][l] & (((int32_t)1 << p.n_bits) - 1)];
        if (find_certain(s, screen, &p, g, KM_SCREEN_SLACK(k->d), KM_GAP_SLACK(k->d) * 0x1p-24) !=
            all)
            open[n_open++] = g;
    }
    *n_pairs += n * n_open / N_GROUPS;
    for (int i = 0; i < n_open && 2 * n_open <= N_GROUPS; i++)
        OURS(label_group)(k, chosen, n, open[i]);
    return 2 * n_open <= N_GROUPS;
}
