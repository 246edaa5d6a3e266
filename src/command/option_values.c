/* Turns the text of an option into its value. */
#include "base/error.h"
#include "base/text.h"
#include "comm/comm.h"
#include "command/options.h"

#include <stdio.h>
#include <string.h>

static km_code bad_value(const km_option *option, const char *text, const char *wanted,
                         km_error *error)
{
    return km_fail(error, KM_USAGE, "bad value (--%s %s): it takes %s", option->name,
                   text[0] != '\0' ? text : "''", wanted);
}

static km_code set_int(const km_option *option, const char *text, int64_t *value, km_error *error)
{
    if (option->kind == KM_OPTION_ROWS && strcmp(text, "all") == 0) {
        *value = INT64_MAX;
        return KM_OK;
    }
    if (km_parse_int64(text, value) && *value >= option->minimum && *value <= option->maximum)
        return KM_OK;
    char wanted[96];
    snprintf(wanted, sizeof wanted, "a whole number from %lld to %lld%s",
             (long long)option->minimum, (long long)option->maximum,
             option->kind == KM_OPTION_ROWS ? ", or 'all'" : "");
    return bad_value(option, text, wanted, error);
}

/* The index of a choice. */
static km_code find_choice(const km_option *option, const char *text, int64_t *value,
                           km_error *error)
{
    char wanted[96] = "one of";
    for (int i = 0; option->choices[i] != NULL; i++) {
        if (strcmp(text, option->choices[i]) == 0) {
            *value = i;
            return KM_OK;
        }
        snprintf(wanted + strlen(wanted), sizeof wanted - strlen(wanted), " '%s'",
                 option->choices[i]);
    }
    return bad_value(option, text, wanted, error);
}

/* Adds a number in its place, unless it is there. False if there are too many. */
static bool add_count(km_counts_asked *counts, int64_t value)
{
    int64_t at = counts->count;
    while (at > 0 && counts->values[at - 1] >= value)
        at--;
    if (at < counts->count && counts->values[at] == value)
        return true;
    if (counts->count == KM_MAX_COUNTS)
        return false;
    memmove(&counts->values[at + 1], &counts->values[at],
            (size_t)(counts->count - at) * sizeof *counts->values);
    counts->values[at] = value;
    counts->count++;
    return true;
}

/* A whole number at *text, which goes on behind it; 0 if there is none in the limits. */
static int64_t take_count(const km_option *option, const char **text)
{
    char digits[24];
    int64_t value;
    const size_t n = strspn(*text, "0123456789");
    snprintf(digits, sizeof digits, "%.*s", (int)(n < sizeof digits ? n : sizeof digits - 1),
             *text);
    *text += n;
    return n < sizeof digits && km_parse_int64(digits, &value) && value >= option->minimum &&
                   value <= option->maximum
               ? value
               : 0;
}

/* One number, or a range of them with both ends, as 2..20 or 2..20:3. */
static bool take_range(const km_option *option, const char **text, km_counts_asked *counts)
{
    const int64_t first = take_count(option, text);
    int64_t last = first, step = 1;
    if (strncmp(*text, "..", 2) == 0) {
        *text += 2;
        last = take_count(option, text);
        if (**text == ':') {
            (*text)++;
            step = take_count(option, text);
        }
    }
    if (first == 0 || last < first || step == 0)
        return false;
    for (int64_t value = first; value <= last; value += step)
        if (!add_count(counts, value))
            return false;
    return true;
}

static km_code set_counts(const km_option *option, const char *text, km_counts_asked *counts,
                          km_error *error)
{
    const char *at = text;
    char wanted[160];
    counts->count = 0;
    bool is_right = take_range(option, &at, counts);
    while (is_right && *at == ',') {
        at++;
        is_right = take_range(option, &at, counts);
    }
    if (is_right && *at == '\0')
        return KM_OK;
    snprintf(wanted, sizeof wanted,
             "whole numbers from %lld to %lld, at most %d of them: 8, or 4,8,16, or 2..20, or "
             "2..20:3",
             (long long)option->minimum, (long long)option->maximum, KM_MAX_COUNTS);
    return bad_value(option, text, wanted, error);
}

static km_code add_text(const km_option *option, const char *text, km_texts *texts, km_error *error)
{
    if (texts->count == KM_MAX_TEXTS)
        return km_fail(error, KM_USAGE, "too many values (--%s %s): it takes %d of them",
                       option->name, text, KM_MAX_TEXTS);
    texts->texts[texts->count++] = text;
    return KM_OK;
}

static km_code add_hint(const km_option *option, const char *text, km_texts *texts, km_error *error)
{
    char wanted[96];
    const size_t key = strcspn(text, "="), length = strlen(text);
    snprintf(wanted, sizeof wanted, "KEY=VALUE, of up to %d and %d characters",
             MPI_MAX_INFO_KEY - 1, MPI_MAX_INFO_VAL - 1);
    if (key == 0 || key >= MPI_MAX_INFO_KEY || key + 1 >= length ||
        length - key - 1 >= MPI_MAX_INFO_VAL)
        return bad_value(option, text, wanted, error);
    return add_text(option, text, texts, error);
}

km_code km_option_set(const km_option *option, const char *text, km_options *options,
                      km_error *error)
{
    void *value = (char *)options + option->offset;
    int64_t choice;
    switch (option->kind) {
    case KM_OPTION_FLAG:
        *(bool *)value = true;
        break;
    case KM_OPTION_TEXT:
        *(const char **)value = text;
        if (text[0] == '\0')
            bad_value(option, text, "a text that is not empty", error);
        break;
    case KM_OPTION_TEXTS:
        add_text(option, text, value, error);
        break;
    case KM_OPTION_HINTS:
        add_hint(option, text, value, error);
        break;
    case KM_OPTION_INT:
    case KM_OPTION_ROWS:
        set_int(option, text, value, error);
        break;
    case KM_OPTION_COUNTS:
        set_counts(option, text, value, error);
        break;
    case KM_OPTION_UINT:
        if (!km_parse_uint64(text, value))
            bad_value(option, text, "a whole number from 0 to 18446744073709551615", error);
        break;
    case KM_OPTION_REAL:
        if (!km_parse_double(text, value) || *(double *)value < 0)
            bad_value(option, text, "a finite number, at least 0", error);
        break;
    case KM_OPTION_MODE:
        if (text == NULL)
            text = option->choices[1];
        find_choice(option, text, value, error);
        break;
    case KM_OPTION_CHOICE:
        if (find_choice(option, text, &choice, error) == KM_OK)
            *(const char **)value = option->choices[choice];
        break;
    }
    return error->code;
}
