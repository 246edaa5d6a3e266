/* The table of clusters for people, of a fit's summary and of `info`. */
#include "clusters.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>

enum { WIDTH = 12 };

/* A text, padded and cut to the width of a column; bytes that are not printable are replaced. */
static void print_cell(const char *text)
{
    char printable[256];
    printf("  %*.*s", WIDTH, WIDTH, km_printable(text, printable, sizeof printable));
}

static void print_table_head(const km_cluster_table *t)
{
    const int64_t n_features = km_shown(t->d, KM_SHOWN_FEATURES);
    const char *more = n_features < t->d ? "  ..." : "";
    bool has_units = false;
    printf("  cluster         size   share%s", t->has_stability ? "  stable" : "");
    for (int64_t j = 0; j < n_features; j++) {
        print_cell(t->names[j]);
        has_units = has_units || t->units[j][0] != '\0';
    }
    puts(more);
    if (!has_units)
        return;
    printf("%*s", t->has_stability ? 38 : 30, "");
    for (int64_t j = 0; j < n_features; j++)
        print_cell(t->units[j]);
    puts(more);
}

static void print_row(const km_cluster_table *t, int64_t c)
{
    const int64_t n_features = km_shown(t->d, KM_SHOWN_FEATURES);
    printf("  %7lld %12.0f  %5.1f%%", (long long)c, t->sizes[c],
           100 * t->sizes[c] / (t->n_used > 0 ? t->n_used : 1));
    if (t->has_stability && !isnan(t->stability[c]))
        printf("  %5.1f%%", 100 * t->stability[c]);
    else if (t->has_stability)
        printf("  %6s", "-");
    for (int64_t j = 0; j < n_features; j++)
        printf("  %*.6g", WIDTH, t->centers[c][j]);
    puts(n_features < t->d ? "  ..." : "");
}

void km_clusters_name_sky(km_cluster_table *table)
{
    static const char *const names[KM_SKY_COLUMNS] = {"ra", "dec", "radius (rms)", "radius (max)"};
    for (int j = 0; j < KM_SKY_COLUMNS; j++) {
        table->names[j] = names[j];
        table->units[j] = "deg";
    }
}

static void print_what_is_cut(int64_t count, int64_t shown, const char *what, const char *where)
{
    if (shown < count)
        printf("  ... and %lld more %s%s: %s in the result\n", (long long)(count - shown), what,
               count - shown == 1 ? "" : "s", where);
}

void km_clusters_print(const km_cluster_table *t)
{
    const int64_t n_clusters = km_shown(t->k, KM_SHOWN_CLUSTERS);
    print_table_head(t);
    for (int64_t c = 0; c < n_clusters; c++)
        print_row(t, c);
    print_what_is_cut(t->k, n_clusters, "cluster", "/sizes and /centers");
    print_what_is_cut(t->d, km_shown(t->d, KM_SHOWN_FEATURES), "feature", "/centers");
    putchar('\n');
}
