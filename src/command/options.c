/* Parses the command line by the tables of options. */
#include "command/options.h"
#include "base/error.h"
#include "base/text.h"
#include "process/log.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void set_defaults(const km_option *table, km_options *options)
{
    km_error none = {0}; /* defaults are valid */
    *options = (km_options){.problem = SKYMEANS_PROBLEM(0), .manner = SKYMEANS_MANNER};
    for (const km_option *option = table; option->name != NULL; option++)
        if (option->fallback != NULL)
            km_option_set(option, option->fallback, options, &none);
}

/* ---- commands -------------------------------------------------------------------------------- */

static km_code take_fit(int argc, char **argv, km_options *options, km_error *error);
static km_code take_predict(int argc, char **argv, km_options *options, km_error *error);
static km_code take_info(int argc, char **argv, km_options *options, km_error *error);
static km_code take_probe(int argc, char **argv, km_options *options, km_error *error);
static km_code take_compare(int argc, char **argv, km_options *options, km_error *error);
static km_code take_verify(int argc, char **argv, km_options *options, km_error *error);
static km_code take_generate(int argc, char **argv, km_options *options, km_error *error);

/* The commands. */
static const struct command {
    const char *name;
    const km_option *options;
    km_action action, help;
    /* Takes the arguments that are no options, and checks that nothing is missing. */
    km_code (*take_rest)(int argc, char **argv, km_options *options, km_error *error);
} commands[] = {
    {"fit", km_fit_options, KM_ACTION_FIT, KM_ACTION_FIT_HELP, take_fit},
    {"predict", km_predict_options, KM_ACTION_PREDICT, KM_ACTION_PREDICT_HELP, take_predict},
    {"info", km_info_options, KM_ACTION_INFO, KM_ACTION_INFO_HELP, take_info},
    {"compare", km_compare_options, KM_ACTION_COMPARE, KM_ACTION_COMPARE_HELP, take_compare},
    {"verify", km_verify_options, KM_ACTION_VERIFY, KM_ACTION_VERIFY_HELP, take_verify},
    {"probe", km_probe_options, KM_ACTION_PROBE, KM_ACTION_PROBE_HELP, take_probe},
    {"generate", km_generate_options, KM_ACTION_GENERATE, KM_ACTION_GENERATE_HELP, take_generate},
};

static km_code missing_argument(const char *what, const char *example, km_error *error)
{
    return km_fail(error, KM_USAGE, "missing argument: %s; as in %s", what, example);
}

static km_code check_ranks(const km_options *options, const char *what, km_error *error)
{
    if (options->ranks > 0 && !options->dry_run)
        return km_fail(error, KM_USAGE,
                       "contradiction (--ranks): it belongs to --dry-run; start %s on as many "
                       "ranks with mpirun or srun",
                       what);
    return KM_OK;
}

/* Of several files, is one no file, and called as none is? Then it is a part of a list or of an
 * expression with blanks, which the shell made a word of its own. */
static km_code check_words(int argc, char **argv, km_error *error)
{
    for (int i = 0; i < argc && argc > 1; i++)
        if (strpbrk(argv[i], "./@") == NULL && access(argv[i], F_OK) != 0)
            return km_fail(error, KM_USAGE,
                           "a word too many (%s): there is no such file; what belongs to an option "
                           "is one word, as in -c a,b, or stands in quotes, as in -c 'a, b'",
                           argv[i]);
    return KM_OK;
}

/* The problem has one number of clusters, or several, of which the last is the largest. */
static void take_clusters(km_options *options)
{
    const km_counts_asked *asked = &options->clusters;
    if (asked->count > 0)
        options->problem.n_clusters = asked->values[asked->count - 1];
    if (asked->count > 1) {
        options->problem.several = asked->values;
        options->problem.n_several = asked->count;
    }
}

static km_code take_fit(int argc, char **argv, km_options *options, km_error *error)
{
    take_clusters(options);
    options->inputs.paths = (const char *const *)argv;
    options->inputs.n_paths = argc;
    const char *missing = argc == 0                      ? "the catalogue"
                          : options->clusters.count == 0 ? "the number of clusters, -k K"
                          : options->outputs.result == NULL && !options->dry_run
                              ? "the result file, -o RESULT.h5"
                              : NULL;
    if (missing != NULL)
        return missing_argument(missing, "skymeans fit CATALOGUE.h5 -k 8 -o RESULT.h5", error);
    options->outputs.has_distances |= options->outputs.has_second;
    if (options->outputs.has_second && options->problem.balance != NULL)
        return km_fail(error, KM_USAGE,
                       "contradiction (--balance --second): rows of clusters of equal size may "
                       "have another center nearest; leave one out");
    return check_ranks(options, "the fit", error);
}

static km_code take_predict(int argc, char **argv, km_options *options, km_error *error)
{
    options->model = argc > 0 ? argv[0] : NULL;
    options->inputs.paths = (const char *const *)argv + 1;
    options->inputs.n_paths = argc - 1;
    const char *missing = argc == 0   ? "the result of a fit"
                          : argc == 1 ? "the catalogue"
                          : options->outputs.result == NULL && !options->dry_run
                              ? "the file of the labels, -o LABELS.h5"
                              : NULL;
    if (missing != NULL)
        return missing_argument(missing, "skymeans predict RESULT.h5 CATALOGUE.h5 -o LABELS.h5",
                                error);
    options->outputs.has_distances |= options->outputs.has_second;
    return check_ranks(options, "predict", error);
}

static km_code take_info(int argc, char **argv, km_options *options, km_error *error)
{
    options->inputs.paths = (const char *const *)argv;
    options->inputs.n_paths = argc;
    if (argc == 0)
        return missing_argument("the file", "skymeans info FILE.h5", error);
    if (argc > 1)
        return km_fail(error, KM_USAGE, "too many arguments (%s): info takes one file",
                       argv[argc - 1]);
    return KM_OK;
}

static km_code take_compare(int argc, char **argv, km_options *options, km_error *error)
{
    const char *missing = argc == 0   ? "two results"
                          : argc == 1 ? "the second result, or FILE:/path of labels"
                                      : NULL;
    if (missing != NULL)
        return missing_argument(missing, "skymeans compare A.h5 B.h5", error);
    if (argc > 2)
        return km_fail(error, KM_USAGE, "too many arguments (%s): compare takes two", argv[2]);
    options->compared[0] = argv[0];
    options->compared[1] = argv[1];
    return KM_OK;
}

static km_code take_verify(int argc, char **argv, km_options *options, km_error *error)
{
    options->model = argc > 0 ? argv[0] : NULL;
    options->inputs.paths = (const char *const *)argv + 1;
    options->inputs.n_paths = argc - 1;
    if (argc < 2)
        return missing_argument(argc == 0 ? "the result" : "the catalogue of the fit",
                                "skymeans verify RESULT.h5 CATALOGUE.h5", error);
    return KM_OK;
}

static km_code take_probe(int argc, char **argv, km_options *options, km_error *error)
{
    (void)options;
    return argc == 0 ? KM_OK
                     : km_fail(error, KM_USAGE,
                               "too many arguments (%s): probe takes options only; the file is "
                               "named by -o",
                               argv[0]);
}

static km_code take_generate(int argc, char **argv, km_options *options, km_error *error)
{
    options->mock.path = argc > 0 ? argv[0] : NULL;
    const char *missing = argc == 0                   ? "the file to write"
                          : options->mock.n_rows == 0 ? "the number of rows, --rows N"
                                                      : NULL;
    if (missing != NULL)
        return missing_argument(
            missing, "skymeans generate mock.h5 --rows 1000000 --columns 8 -k 20", error);
    if (argc > 1)
        return km_fail(error, KM_USAGE, "too many arguments (%s): generate writes one catalogue",
                       argv[argc - 1]);
    return KM_OK;
}

/* ---- the command line ------------------------------------------------------------------------ */

static const char HELP[] = "help";
enum { MAX_OPTIONS = 64, HELP_CODE = 'h', FIRST_CODE = 256 };

/* Names that other programs give to our options. */
static const struct synonym {
    const char *other, *ours;
} synonyms[] = {
    {"features", "columns"},         {"n-clusters", "clusters"}, {"seed", "random-seed"},
    {"random-state", "random-seed"}, {"init", "seeding"},        {"n-init", "restarts"},
    {"max-iter", "max-iterations"},  {"table", "dataset"},       {"force", "overwrite"}};

static const char *nearest_synonym(const char *text)
{
    for (size_t i = 0; i < sizeof synonyms / sizeof *synonyms; i++)
        if (strcmp(synonyms[i].other, text) == 0)
            return synonyms[i].ours;
    return NULL;
}

/* The option with this synonym, or the one whose name is spelled most similarly; NULL if none is
 * similar. */
static const char *nearest_option(const km_option *table, const char *text)
{
    const char *nearest = HELP;
    if (nearest_synonym(text) != NULL)
        return nearest_synonym(text);
    for (const km_option *option = table; option->name != NULL; option++)
        if (km_edit_distance(option->name, text) < km_edit_distance(nearest, text))
            nearest = option->name;
    return 2 * km_edit_distance(nearest, text) <= (int)strlen(text) ? nearest : NULL;
}

static const km_option *option_of_letter(const km_option *table, int letter)
{
    for (const km_option *option = table; option->name != NULL; option++)
        if (option->letter == letter)
            return option;
    return NULL;
}

/* The names that begin with this one, as " --seeding --seeding-rows". */
static void list_longer(const km_option *table, const char *name, char *list, size_t size)
{
    size_t used = 0;
    list[0] = '\0';
    for (const km_option *option = table; option->name != NULL; option++)
        if (strncmp(option->name, name, strlen(name)) == 0 && used < size)
            used += (size_t)snprintf(list + used, size - used, " --%s", option->name);
}

static km_code unknown_letter(const struct command *command, int letter, km_error *error)
{
    return km_fail(error, KM_USAGE,
                   "unknown option (-%c): no option has this letter, and names have two dashes, as "
                   "--help; see skymeans %s --help",
                   letter, command->name);
}

static km_code unknown_name(const struct command *command, const char *text, km_error *error)
{
    char name[64], longer[512];
    snprintf(name, sizeof name, "%s", text + strspn(text, "-"));
    name[strcspn(name, "=")] = '\0';
    const char *nearest = nearest_option(command->options, name);
    list_longer(command->options, name, longer, sizeof longer);
    if (strlen(name) == 1 && option_of_letter(command->options, name[0]) != NULL)
        return km_fail(error, KM_USAGE,
                       "unknown option (%s): a letter has one dash, -%s; see skymeans %s --help",
                       text, name, command->name);
    if (longer[0] != '\0' && nearest_synonym(name) == NULL)
        return km_fail(error, KM_USAGE,
                       "unknown option (%s): names are written in full:%s; see skymeans %s "
                       "--help",
                       text, longer, command->name);
    if (nearest == NULL)
        return km_fail(error, KM_USAGE,
                       "unknown option (%s): no option is called like that; see skymeans %s --help",
                       text, command->name);
    return km_fail(error, KM_USAGE,
                   "unknown option (%s): the nearest is --%s; see skymeans %s --help", text,
                   nearest, command->name);
}

/* Of what getopt_long does not know. */
static km_code unknown_option(const struct command *command, const char *text, km_error *error)
{
    if (optopt >= FIRST_CODE || optopt == HELP_CODE)
        return km_fail(error, KM_USAGE, "bad value (%s): the option takes none", text);
    return optopt != 0 ? unknown_letter(command, optopt, error)
                       : unknown_name(command, text, error);
}

/* The word of an option that getopt_long has just found by this name, if it is written otherwise:
 * shortened, which could come to mean another option. */
static const char *shortened(const char *name, char **argv)
{
    const char *word = argv[optind - 1];
    if (optarg == word)
        word = argv[optind - 2]; /* the value is a word of its own */
    return strcspn(word + 2, "=") < strlen(name) ? word : NULL;
}

/* The table in the form that getopt_long wants: option i has the code FIRST_CODE + i. */
static void make_getopt_tables(const km_option *table, struct option *longs, char *letters)
{
    int n = 0;
    *letters++ = ':'; /* getopt then returns ':' for a missing argument */
    *letters++ = HELP_CODE;
    for (const km_option *option = table; option->name != NULL; option++, n++) {
        const int has_argument = option->argument == NULL         ? no_argument
                                 : option->kind == KM_OPTION_MODE ? optional_argument
                                                                  : required_argument;
        longs[n] = (struct option){option->name, has_argument, NULL, FIRST_CODE + n};
        if (option->letter != 0)
            *letters++ = option->letter;
        if (option->letter != 0 && option->argument != NULL)
            *letters++ = ':';
    }
    *letters = '\0';
    longs[n++] = (struct option){HELP, no_argument, NULL, HELP_CODE};
    longs[n] = (struct option){0};
}

static const km_option *option_of_code(const km_option *table, int code)
{
    return code >= FIRST_CODE ? &table[code - FIRST_CODE] : option_of_letter(table, code);
}

static km_code parse_command(const struct command *command, int argc, char **argv,
                             km_action *action, km_options *options, km_error *error)
{
    struct option longs[MAX_OPTIONS];
    char letters[2 * MAX_OPTIONS];
    *action = command->action;
    make_getopt_tables(command->options, longs, letters);
    set_defaults(command->options, options);
    opterr = 0;
    optind = 0; /* restarts getopt, which tests call several times */
    for (int code, name = -1; (code = getopt_long(argc, argv, letters, longs, &name)) != -1;
         name = -1) {
        const char *word =
            name >= 0 && code != ':' && code != '?' ? shortened(longs[name].name, argv) : NULL;
        if (word != NULL)
            return unknown_name(command, word, error);
        if (code == HELP_CODE) {
            *action = command->help;
            return KM_OK;
        }
        if (code == '?')
            return unknown_option(command, argv[optind - 1], error);
        if (code == ':')
            return km_fail(error, KM_USAGE, "missing value (%s): see skymeans %s --help",
                           argv[optind - 1], command->name);
        if (km_option_set(option_of_code(command->options, code), optarg, options, error) != KM_OK)
            return error->code;
    }
    if (options->quiet && options->verbose)
        return km_fail(error, KM_USAGE, "contradiction (--quiet --verbose): say one of them");
    if (!options->explain_outputs && check_words(argc - optind, argv + optind, error) != KM_OK)
        return error->code;
    return command->take_rest(argc - optind, argv + optind, options, error);
}

/* `skymeans help fit` is `skymeans fit --help`. */
static km_action help_for(const char *name)
{
    for (size_t c = 0; c < sizeof commands / sizeof *commands; c++)
        if (strcmp(name, commands[c].name) == 0)
            return commands[c].help;
    return KM_ACTION_HELP;
}

km_code km_options_parse(int argc, char **argv, km_action *action, km_options *options,
                         km_error *error)
{
    const char *name = argc > 1 ? argv[1] : "";
    *options = (km_options){0};
    if (argc < 2)
        return km_fail(error, KM_USAGE,
                       "missing command: nothing says what to do; try skymeans fit CATALOGUE.h5 "
                       "-k 8 -o RESULT.h5, or skymeans --help");
    for (size_t c = 0; c < sizeof commands / sizeof *commands; c++)
        if (strcmp(name, commands[c].name) == 0)
            return parse_command(&commands[c], argc - 1, argv + 1, action, options, error);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
        *action = help_for(argc > 2 ? argv[2] : "");
    else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0 ||
             strcmp(name, "version") == 0)
        *action = KM_ACTION_VERSION;
    else
        km_fail(error, KM_USAGE,
                "unknown command (%s): there are 'fit', 'predict', 'info', 'compare', 'verify', "
                "'generate' and 'probe', and the tools 'import', 'plot', 'report', 'export' and "
                "'scaling'; see skymeans --help",
                name);
    return error->code;
}

km_verbosity km_options_verbosity(const km_options *options)
{
    return options->quiet ? KM_QUIET : options->verbose ? KM_VERBOSE : KM_NORMAL;
}
