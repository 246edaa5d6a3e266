/* How well two labelings agree, for people and as JSON. */
#include "comparison.h"
#include "base/text.h"
#include "clusters.h"
#include "json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH = 12, SHOWN_COLUMNS = 8 };

/* ---- labels ---------------------------------------------------------------------------------- */

/* A label as people write it. Numbers have 64 bits, so the other 64 are their sign. */
static const char *text_of_label(const km_label *label, char *text, size_t size)
{
    if (label->is_text)
        return label->text;
    if (label->high == 0)
        snprintf(text, size, "%" PRIu64, label->low);
    else
        snprintf(text, size, "%" PRId64, (int64_t)label->low);
    return text;
}

static void print_label(const km_label *label, int width)
{
    char text[24];
    printf("  %*s", width, text_of_label(label, text, sizeof text));
}

/* The width of the longest label, and of numbers at least. */
static int width_of_labels(const km_comparison *c)
{
    int width = WIDTH;
    char text[24];
    for (int s = 0; s < 2; s++)
        for (int64_t i = 0; i < c->sides[s].n_labels; i++) {
            const int length =
                (int)strlen(text_of_label(&c->sides[s].labels[i], text, sizeof text));
            width = length > width ? length : width;
        }
    return width;
}

/* ---- for people ------------------------------------------------------------------------------ */

static void print_side(const char *name, const km_side *side, const char *other)
{
    char file[KM_PATH_SIZE], path[KM_PATH_SIZE];
    printf("  %s: %s, %s: %lld rows, %lld label%s", name,
           km_printable(side->file, file, sizeof file), km_printable(side->path, path, sizeof path),
           (long long)side->n_rows, (long long)side->n_labels, km_plural(side->n_labels));
    if (side->n_alone > 0)
        printf("; %lld rows have ids that %s does not have", (long long)side->n_alone, other);
    putchar('\n');
}

static void print_rows(const km_comparison *c)
{
    printf("  %-30s %lld, matched by %s\n", "rows of both", (long long)c->n_matched,
           c->is_by_ids ? "their ids" : "their numbers");
    printf("  %-30s %lld\n", "with labels on both sides", (long long)c->n_both);
    if (c->n_both < c->n_matched)
        printf("  %-30s %lld only in A, %lld only in B, %lld in neither\n", "others (-1)",
               (long long)c->n_only[0], (long long)c->n_only[1], (long long)c->n_neither);
}

static void print_numbers(const km_comparison *c)
{
    printf("\n  %-30s %.6f\n", "adjusted Rand index", c->rand_index);
    printf("  %-30s %.6f\n", "normalized mutual information", c->mutual_information);
    printf("  %-30s %lld (%.2f%%), by the best matching of labels\n\n", "rows that moved",
           (long long)c->n_moved, c->n_both > 0 ? 100 * (double)c->n_moved / (double)c->n_both : 0);
}

static void print_partner(const km_side *side, const km_side *other, int64_t i, int width)
{
    print_label(&side->labels[i], width);
    printf(" %12lld", (long long)side->sizes[i]);
    if (side->partners[i] < 0) {
        printf("  %*s\n", width, "none");
        return;
    }
    print_label(&other->labels[side->partners[i]], width);
    printf(" %12lld  %5.1f%%\n", (long long)side->shared[i],
           100 * (double)side->shared[i] / (double)side->sizes[i]);
}

/* Each label of A with its partner. Labels that no row with labels on both sides has are left
 * out. */
static void print_partners(const km_comparison *c, int width)
{
    const km_side *a = &c->sides[0];
    int64_t shown = 0, left_out = 0;
    printf("  %*s %12s  %*s %12s  %6s\n", width, "label of A", "rows", width, "partner in B",
           "shared", "share");
    for (int64_t i = 0; i < a->n_labels; i++)
        if (a->sizes[i] > 0 && shown < KM_SHOWN_CLUSTERS) {
            print_partner(a, &c->sides[1], i, width);
            shown++;
        } else if (a->sizes[i] > 0) {
            left_out++;
        }
    if (left_out > 0)
        printf("  ... and %lld more: --json has all\n", (long long)left_out);
    putchar('\n');
}

/* The contingency table, if it is small. */
static void print_cells(const km_comparison *c, int width)
{
    const km_side *a = &c->sides[0], *b = &c->sides[1];
    const km_cell *cell = c->cells, *end = c->cells + c->n_cells;
    if (a->n_labels > KM_SHOWN_CLUSTERS ||
        b->n_labels * (2 + width) > SHOWN_COLUMNS * (2 + WIDTH)) {
        printf("  contingency table: %lld by %lld labels, %lld pairs that rows have: --json has "
               "it\n",
               (long long)a->n_labels, (long long)b->n_labels, (long long)c->n_cells);
        return;
    }
    printf("  %*s", width, "A \\ B");
    for (int64_t j = 0; j < b->n_labels; j++)
        print_label(&b->labels[j], width);
    putchar('\n');
    for (int64_t i = 0; i < a->n_labels; i++) {
        print_label(&a->labels[i], width);
        for (int64_t j = 0; j < b->n_labels; j++) {
            const bool has_rows = cell < end && cell->a == i && cell->b == j;
            printf("  %*lld", width, (long long)(has_rows ? cell->count : 0));
            cell += has_rows;
        }
        putchar('\n');
    }
}

void km_comparison_print(const km_comparison *c)
{
    print_side("A", &c->sides[0], "B");
    print_side("B", &c->sides[1], "A");
    print_rows(c);
    print_numbers(c);
    if (c->n_both == 0)
        return;
    const int width = width_of_labels(c);
    print_partners(c, width);
    print_cells(c, width);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void put_label(km_json *json, const char *name, const km_label *label)
{
    if (label->is_text)
        km_json_text(json, name, label->text);
    else
        km_json_long(json, name,
                     label->high == 0 ? (long double)label->low : (long double)(int64_t)label->low);
}

static void put_partner(km_json *json, const km_side *side, const km_side *other, int64_t i)
{
    km_json_open(json, NULL, '{');
    put_label(json, "label", &side->labels[i]);
    km_json_int(json, "rows", side->sizes[i]);
    if (side->partners[i] >= 0)
        put_label(json, "partner", &other->labels[side->partners[i]]);
    else
        km_json_null(json, "partner");
    km_json_int(json, "shared", side->shared[i]);
    km_json_close(json, '}');
}

static void put_side(km_json *json, const char *name, const km_side *side, const km_side *other)
{
    km_json_open(json, name, '{');
    km_json_text(json, "file", side->file);
    km_json_text(json, "path", side->path);
    km_json_int(json, "n_rows", side->n_rows);
    km_json_int(json, "n_unmatched", side->n_alone);
    km_json_open(json, "labels", '[');
    for (int64_t i = 0; i < side->n_labels; i++)
        put_partner(json, side, other, i);
    km_json_close(json, ']');
    km_json_close(json, '}');
}

static void put_cells(km_json *json, const km_comparison *c)
{
    km_json_open(json, "contingency", '[');
    for (int64_t i = 0; i < c->n_cells; i++) {
        const km_cell *cell = &c->cells[i];
        km_json_open(json, NULL, '{');
        put_label(json, "a", &c->sides[0].labels[cell->a]);
        put_label(json, "b", &c->sides[1].labels[cell->b]);
        km_json_int(json, "rows", cell->count);
        km_json_close(json, '}');
    }
    km_json_close(json, ']');
}

void km_comparison_print_json(const km_comparison *c)
{
    km_json json = {.file = stdout, .is_first = true};
    km_json_open(&json, NULL, '{');
    km_json_int(&json, "version", 1);
    km_json_text(&json, "matched_by", c->is_by_ids ? "ids" : "rows");
    km_json_int(&json, "n_matched", c->n_matched);
    km_json_int(&json, "n_labeled", c->n_both);
    km_json_int(&json, "n_only_a", c->n_only[0]);
    km_json_int(&json, "n_only_b", c->n_only[1]);
    km_json_int(&json, "n_neither", c->n_neither);
    km_json_real(&json, "adjusted_rand_index", c->rand_index);
    km_json_real(&json, "normalized_mutual_information", c->mutual_information);
    km_json_int(&json, "n_moved", c->n_moved);
    put_side(&json, "a", &c->sides[0], &c->sides[1]);
    put_side(&json, "b", &c->sides[1], &c->sides[0]);
    put_cells(&json, c);
    km_json_close(&json, '}');
    putchar('\n');
}
