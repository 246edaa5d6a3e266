/* The command line. Ranks: 1. */
#include "mock.h"
#include "mpi_check.h"

#include "base/error.h"
#include "command/options.h"
#include "process/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What became of a command line. */
typedef struct parsed {
    km_code code;
    km_action action;
    km_options options;
    km_error error;
} parsed;

/* A command line in one text, words separated by single blanks; '' is an empty word. Options point
 * into a copy, which lives until the next call. */
static parsed parse(const char *line)
{
    static char copy[1024];
    static char empty[] = "";
    static char *argv[64]; /* options point into it */
    int argc = 0;
    memset(argv, 0, sizeof argv);
    snprintf(copy, sizeof copy, "%s", line);
    for (char *next, *word = strtok_r(copy, " ", &next); word != NULL;
         word = strtok_r(NULL, " ", &next))
        argv[argc++] = strcmp(word, "''") == 0 ? empty : word;
    parsed p = {.action = KM_ACTION_FIT};
    p.code = km_options_parse(argc, argv, &p.action, &p.options, &p.error);
    return p;
}

/* A complete `fit` command with more words. */
static parsed parse_fit(const char *more)
{
    char line[512];
    snprintf(line, sizeof line, "skymeans fit in.h5 -k 8 -o out.h5 %s", more);
    return parse(line);
}

static void check_refused(const parsed *p, const char *line, const char *word)
{
    ck_assert_msg(p->code == KM_USAGE && p->error.code == KM_USAGE, "'%s' has code %d", line,
                  (int)p->code);
    ck_assert_msg(strstr(p->error.text, word) != NULL, "'%s': '%s' is not in: %s", line, word,
                  p->error.text);
    ck_assert_ptr_null(strchr(p->error.text, '\n'));
}

START_TEST(defaults_are_the_documented_ones)
{
    const parsed p = parse_fit("");
    const km_options *o = &p.options;
    ck_assert_int_eq(p.code, KM_OK);
    ck_assert_int_eq(p.action, KM_ACTION_FIT);
    ck_assert_str_eq(o->inputs.paths[0], "in.h5");
    ck_assert_str_eq(o->outputs.result, "out.h5");
    ck_assert_int_eq(o->problem.n_clusters, 8);
    ck_assert_ptr_null(o->inputs.table);
    ck_assert_ptr_null(o->inputs.columns);
    ck_assert_ptr_null(o->inputs.weights);
    ck_assert_int_eq(o->problem.restarts, 1);
    ck_assert_int_eq(o->manner.threads, 0);
    ck_assert_str_eq(o->problem.missing, "drop");
    ck_assert_str_eq(o->problem.scale, "none");
    ck_assert_str_eq(o->seeding, "kmeans++");
    ck_assert_int_eq(o->problem.seeding_rows, 0);
    ck_assert_uint_eq(o->problem.random_seed, 0);
    ck_assert(o->problem.tolerance == 1e-4);
    ck_assert_int_eq(o->problem.max_iterations, 300);
    ck_assert_str_eq(o->manner.kernel, "auto");
    ck_assert(!o->outputs.has_distances && !o->outputs.may_replace && !o->quiet && !o->verbose);
    ck_assert_int_eq(km_options_verbosity(o), KM_NORMAL);
}
END_TEST

START_TEST(every_option_is_understood)
{
    const parsed p = parse("skymeans fit --clusters 12 --output r.h5 --dataset /t --columns a,b "
                           "--missing error --scale minmax --seeding random --seeding-rows 5000 "
                           "--random-seed 18446744073709551615 --tolerance 0 --max-iterations 7 "
                           "--kernel reference --weights w --restarts 4 --threads 3 "
                           "--distances --overwrite --quiet c.h5");
    const km_options *o = &p.options;
    ck_assert_msg(p.code == KM_OK, "%s", p.error.text);
    ck_assert_int_eq(o->problem.n_clusters, 12);
    ck_assert_str_eq(o->inputs.paths[0], "c.h5");
    ck_assert_str_eq(o->outputs.result, "r.h5");
    ck_assert_str_eq(o->inputs.table, "/t");
    ck_assert_str_eq(o->inputs.columns, "a,b");
    ck_assert_str_eq(o->inputs.weights, "w");
    ck_assert_int_eq(o->problem.restarts, 4);
    ck_assert_int_eq(o->manner.threads, 3);
    ck_assert_str_eq(o->problem.missing, "error");
    ck_assert_str_eq(o->problem.scale, "minmax");
    ck_assert_str_eq(o->seeding, "random");
    ck_assert_int_eq(o->problem.seeding_rows, 5000);
    ck_assert_uint_eq(o->problem.random_seed, UINT64_MAX);
    ck_assert(o->problem.tolerance == 0);
    ck_assert_int_eq(o->problem.max_iterations, 7);
    ck_assert_str_eq(o->manner.kernel, "reference");
    ck_assert(o->outputs.has_distances && o->outputs.may_replace && o->quiet && !o->verbose);
    ck_assert_int_eq(km_options_verbosity(o), KM_QUIET);
}
END_TEST

START_TEST(options_have_short_and_joined_forms)
{
    const parsed joined = parse("skymeans fit -k5 -oout.h5 -d/t -ca,b -v in.h5");
    ck_assert_msg(joined.code == KM_OK, "%s", joined.error.text);
    ck_assert_int_eq(joined.options.problem.n_clusters, 5);
    ck_assert_str_eq(joined.options.inputs.table, "/t");
    ck_assert_str_eq(joined.options.inputs.columns, "a,b");
    ck_assert_int_eq(km_options_verbosity(&joined.options), KM_VERBOSE);
    const parsed equals = parse("skymeans fit --clusters=6 --output=out.h5 --scale=standard in.h5");
    ck_assert_msg(equals.code == KM_OK, "%s", equals.error.text);
    ck_assert_int_eq(equals.options.problem.n_clusters, 6);
    ck_assert_str_eq(equals.options.problem.scale, "standard");
    const parsed dashes = parse("skymeans fit -k 5 -o out.h5 -- -in.h5");
    ck_assert_str_eq(dashes.options.inputs.paths[0], "-in.h5");
    ck_assert_int_eq(parse_fit("--seeding-rows all").options.problem.seeding_rows, INT64_MAX);
    ck_assert_int_eq(parse_fit("--max-iterations 9223372036854775807").code, KM_OK);
    ck_assert_int_eq(parse_fit("-k 2147483647").options.problem.n_clusters, INT32_MAX);
    ck_assert_int_eq(parse_fit("--tolerance 1e-9 --tolerance 1e-3").code, KM_OK);
}
END_TEST

/* Every option that takes a value, with every kind of bad value. */
START_TEST(bad_values_are_refused)
{
    const struct {
        const char *option, *bad; /* separated by blanks */
    } cases[] = {
        {"--clusters", "0 -1 x 100000000000000000000 '' nan 1.5 2147483648 8x all 2.. ..3 3..2 "
                       "2..9:0 2..9:x 2,, ,2 2,x "
                       "1..300 2...5 2..3..4"},
        {"--seeding-rows", "0 -1 x 100000000000000000000 '' nan 1e5 ALL"},
        {"--random-seed", "-1 x 18446744073709551616 100000000000000000000 '' nan 1.5"},
        {"--tolerance", "-1 x 1e400 '' nan inf -1e-9 1e-4x"},
        {"--max-iterations", "0 -1 x 100000000000000000000 '' nan 1e2"},
        {"--missing", "0 -1 x '' nan Drop dropp"},
        {"--scale", "0 -1 x '' nan Standard std"},
        {"--output", "''"},
        {"--dataset", "''"},
        {"--columns", "''"},
        {"--seeding", "''"},
        {"--kernel", "''"},
        {"--weights", "''"},
        {"--restarts", "0 -1 x 1000001 '' nan 1.5"},
        {"--threads", "0 -1 x 1025 '' nan 1.5"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char values[128], line[256];
        snprintf(values, sizeof values, "%s", cases[i].bad);
        for (char *next, *value = strtok_r(values, " ", &next); value != NULL;
             value = strtok_r(NULL, " ", &next)) {
            snprintf(line, sizeof line, "%s %s", cases[i].option, value);
            const parsed p = parse_fit(line);
            check_refused(&p, line, cases[i].option);
        }
    }
}
END_TEST

START_TEST(messages_say_what_would_be_right)
{
    const char *const cases[][2] = {
        {"--scale std", "'standard'"},    {"--missing no", "'error'"},
        {"-k 0", "from 1 to 2147483647"}, {"--seeding-rows x", "'all'"},
        {"--tolerance -1", "at least 0"}, {"--random-seed -1", "from 0 to 18446744073709551615"},
    };
    for (int i = 0; i < 6; i++) {
        const parsed p = parse_fit(cases[i][0]);
        check_refused(&p, cases[i][0], cases[i][1]);
    }
}
END_TEST

START_TEST(missing_values_are_named)
{
    const char *const options[] = {"-k",        "--clusters", "--scale",     "--seeding-rows",
                                   "--dataset", "-c",         "--tolerance", "--kernel"};
    for (int i = 0; i < 8; i++) {
        const parsed p = parse_fit(options[i]);
        check_refused(&p, options[i], "missing value");
        check_refused(&p, options[i], options[i]);
    }
}
END_TEST

START_TEST(unknown_options_come_with_a_suggestion)
{
    const char *const cases[][2] = {
        {"--tolerence 1", "--tolerance"},
        {"--cluster-number 3", "unknown"},
        {"--overwite", "--overwrite"},
        {"--random_seed 3", "--random-seed"},
        {"--seding=random", "--seeding"},
        {"--hlep", "--help"},
        {"-x", "unknown option (-x)"},
        {"--quantum x", "unknown option (--quantum)"},
        {"--algorithms tree", "unknown option"},
        {"--weights", "--weights"},
        {"--restarts 0", "--restarts"},
        {"--restarts 1.5", "--restarts"},
        {"--threads 0", "--threads"},
        {"--threads 1025", "--threads"},
    };
    for (int i = 0; i < 10; i++) {
        const parsed p = parse_fit(cases[i][0]);
        check_refused(&p, cases[i][0], cases[i][1]);
    }
}
END_TEST

START_TEST(unknown_letters_in_a_group_are_named)
{
    const parsed p = parse_fit("-qxv");
    check_refused(&p, "-qxv", "x");
}
END_TEST

START_TEST(flags_take_no_value)
{
    const char *const flags[] = {"--quiet=1", "--overwrite=no", "--distances=yes", "--verbose=2"};
    for (int i = 0; i < 4; i++) {
        const parsed p = parse_fit(flags[i]);
        check_refused(&p, flags[i], "takes none");
    }
}
END_TEST

/* Short forms of long names are convenient today and other options tomorrow. Those of one letter
 * are meant for what the letter with one dash is. */
START_TEST(long_names_are_written_in_full)
{
    const char *const cases[][2] = {
        {"--se random", "in full: --seeding --seeding-rows"},
        {"--scal none", "in full: --scale"},
        {"--scal=none", "in full: --scale"},
        {"--overwrit", "in full: --overwrite"},
        {"--verif=sample", "in full: --verify"},
        {"--k 4", "one dash, -k"},
        {"--kern avx2", "in full: --kernel"},
        {"--seed 3", "--random-seed"},
        {"--hel", "--help"},
        {"-K 4", "-K"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const parsed p = parse_fit(cases[i][0]);
        check_refused(&p, cases[i][0], cases[i][1]);
    }
}
END_TEST

START_TEST(incomplete_lines_are_refused)
{
    const char *const cases[][2] = {
        {"skymeans", "command"},
        {"skymeans fti", "unknown command (fti)"},
        {"skymeans ''", "command"},
        {"skymeans --quiet", "--quiet"},
        {"skymeans fit", "catalogue"},
        {"skymeans fit in.h5", "-k"},
        {"skymeans fit in.h5 -k 3", "-o"},
        {"skymeans fit -k 3 -o out.h5", "catalogue"},
        {"skymeans fit in.h5 -k 3 -o out.h5 --quiet --verbose", "--quiet --verbose"},
        {"skymeans predict", "result of a fit"},
        {"skymeans predict result.h5", "catalogue"},
        {"skymeans predict result.h5 in.h5", "-o"},
        {"skymeans predict result.h5 in.h5 -o out.h5 -k 3..5", "--clusters 3..5"},
        {"skymeans predict result.h5 in.h5 -o out.h5 -k 0", "--clusters 0"},
        {"skymeans generate out.h5", "--rows N"},
        {"skymeans compare a.h5", "the second result"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const parsed p = parse(cases[i][0]);
        check_refused(&p, cases[i][0], cases[i][1]);
    }
}
END_TEST

START_TEST(files_are_in_their_order_and_values_may_be_repeated)
{
    const parsed p = parse("skymeans fit b.h5 -k 3 a.h5 --missing-value -99 -o out.h5 "
                           "--missing-value=x:0 --id name c.h5");
    const km_options *o = &p.options;
    ck_assert_int_eq(p.error.code, KM_OK);
    ck_assert_int_eq(o->inputs.n_paths, 3);
    ck_assert_str_eq(o->inputs.paths[0], "b.h5");
    ck_assert_str_eq(o->inputs.paths[1], "a.h5");
    ck_assert_str_eq(o->inputs.paths[2], "c.h5");
    ck_assert_int_eq(o->missing_values.count, 2);
    ck_assert_str_eq(o->missing_values.texts[0], "-99");
    ck_assert_str_eq(o->missing_values.texts[1], "x:0");
    ck_assert_str_eq(o->inputs.ids, "name");
}
END_TEST

START_TEST(predict_takes_a_result_and_catalogues)
{
    const parsed p = parse("skymeans predict result.h5 a.h5 b.h5 -o labels.h5 --distances");
    ck_assert_int_eq(p.error.code, KM_OK);
    ck_assert_int_eq(p.action, KM_ACTION_PREDICT);
    ck_assert_str_eq(p.options.model, "result.h5");
    ck_assert_int_eq(p.options.inputs.n_paths, 2);
    ck_assert_str_eq(p.options.inputs.paths[1], "b.h5");
    ck_assert(p.options.outputs.has_distances && !p.options.outputs.may_replace);
}
END_TEST

START_TEST(help_and_version_ask_for_nothing_else)
{
    const struct {
        const char *line;
        km_action action;
    } cases[] = {
        {"skymeans --help", KM_ACTION_HELP},
        {"skymeans -h", KM_ACTION_HELP},
        {"skymeans --version", KM_ACTION_VERSION},
        {"skymeans fit --help", KM_ACTION_FIT_HELP},
        {"skymeans fit -h", KM_ACTION_FIT_HELP},
        {"skymeans fit in.h5 -k 3 --help", KM_ACTION_FIT_HELP},
        {"skymeans predict --help", KM_ACTION_PREDICT_HELP},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const parsed p = parse(cases[i].line);
        ck_assert_msg(p.code == KM_OK, "%s: %s", cases[i].line, p.error.text);
        ck_assert_int_eq(p.action, cases[i].action);
    }
}
END_TEST

/* The parser keeps no state from one line to the next. */
START_TEST(a_bad_line_does_not_spoil_the_next)
{
    ck_assert_int_eq(parse_fit("-qx").code, KM_USAGE);
    ck_assert_int_eq(parse_fit("--clusters").code, KM_USAGE);
    const parsed p = parse_fit("--distances");
    ck_assert_int_eq(p.code, KM_OK);
    ck_assert(p.options.outputs.has_distances && !p.options.quiet &&
              p.options.problem.n_clusters == 8);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        defaults_are_the_documented_ones,
        every_option_is_understood,
        options_have_short_and_joined_forms,
        bad_values_are_refused,
        messages_say_what_would_be_right,
        missing_values_are_named,
        unknown_options_come_with_a_suggestion,
        unknown_letters_in_a_group_are_named,
        flags_take_no_value,
        long_names_are_written_in_full,
        incomplete_lines_are_refused,
        files_are_in_their_order_and_values_may_be_repeated,
        predict_takes_a_result_and_catalogues,
        help_and_version_ask_for_nothing_else,
        a_bad_line_does_not_spoil_the_next,
    };
    return SUITE_OF("options", tests);
}
