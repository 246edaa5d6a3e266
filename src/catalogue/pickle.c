/* Lists of names as Python pickles them, protocol 0: a program for a stack machine in plain text,
 * https://github.com/python/cpython/blob/main/Lib/pickletools.py. Only the instructions for lists
 * and tuples of texts and integers are understood; anything else gives no names. */
#include "base/error.h"
#include "base/text.h"
#include "tables.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_ITEMS = 1 << 20 };

/* An item of the stack or the memo. The contents of objects are not kept. */
typedef enum kind { MARK, LIST, TUPLE, TEXT, OTHER } kind;
typedef struct item {
    kind kind;
    int64_t first, count; /* of lists: their items, adjacent in `texts` if is_named */
    bool is_deep;         /* it contains lists or tuples */
    bool is_named;        /* all its items are texts */
    char text[KM_NAME_SIZE];
} item;

typedef struct machine {
    const char *at;
    int64_t n_stack, n_memo, n_texts;
    item *stack, *memo; /* in the memo, `first` is the number of an item */
    char *texts;
    item innermost; /* the last list whose items are all texts */
    km_error *error;
} machine;

/* ---- texts ---------------------------------------------------------------------------------- */

/* Appends a character as UTF-8, if it fits. */
static void append_character(char *name, unsigned long c)
{
    static const unsigned long begins[] = {0, 0xc0, 0xe0, 0xf0};
    const int n_more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    const size_t length = strlen(name);
    char *to = name + length;
    if (length + (size_t)n_more + 1 >= KM_NAME_SIZE)
        return;
    *to++ = (char)(begins[n_more] | c >> 6 * n_more);
    for (int i = n_more - 1; i >= 0; i--)
        *to++ = (char)(0x80 | (c >> 6 * i & 0x3f));
    *to = '\0';
}

/* A text as Python pickles it: Latin-1, and other characters as \u03b1 or \U0001f600. */
static void decode_pickled_text(const char *text, size_t length, char *name)
{
    memset(name, 0, KM_NAME_SIZE);
    for (size_t i = 0; i < length; i++) {
        char digits[9] = "", *end = digits;
        const size_t n_digits = text[i] != '\\' || i + 1 == length ? 0
                                : text[i + 1] == 'u'               ? 4
                                : text[i + 1] == 'U'               ? 8
                                                                   : 0;
        if (n_digits > 0 && i + 1 + n_digits < length)
            memcpy(digits, text + i + 2, n_digits);
        const unsigned long code = strtoul(digits, &end, 16);
        const bool is_code = n_digits > 0 && end == digits + n_digits && code < 0x110000;
        append_character(name, is_code ? code : (unsigned char)text[i]);
        i += is_code ? n_digits + 1 : 0;
    }
}

/* ---- the machine ---------------------------------------------------------------------------- */

static bool push_item(machine *m, const item *new)
{
    if (m->n_stack == MAX_ITEMS)
        return false;
    m->stack = km_append(m->stack, &m->n_stack, sizeof *new, new, m->error);
    return m->error->code == KM_OK;
}

static item *top_item(machine *m)
{
    return m->n_stack > 0 ? &m->stack[m->n_stack - 1] : NULL;
}

/* Adds an item to the list or tuple below it; tuples and lists in one make it deep. */
static bool add_to(machine *m, item *list, const item *new)
{
    if (list->count == 0)
        list->first = m->n_texts;
    list->is_deep = list->is_deep || new->kind == LIST || new->kind == TUPLE;
    list->is_named = list->is_named && new->kind == TEXT && list->first + list->count == m->n_texts;
    list->count++;
    if (list->is_named)
        m->texts = km_append(m->texts, &m->n_texts, KM_NAME_SIZE, new->text, m->error);
    return m->error->code == KM_OK;
}

static void note_list(machine *m, const item *list)
{
    if (list->kind == LIST && list->is_named && list->count > 0)
        m->innermost = *list;
}

/* Makes a list or tuple of the items above the last mark. */
static bool build_list(machine *m, kind what)
{
    int64_t mark = m->n_stack - 1;
    item built = {.kind = what, .is_named = true};
    while (mark >= 0 && m->stack[mark].kind != MARK)
        mark--;
    if (mark < 0)
        return false;
    for (int64_t i = mark + 1; i < m->n_stack; i++)
        if (!add_to(m, &built, &m->stack[i]))
            return false;
    m->stack[mark] = built;
    m->n_stack = mark + 1;
    note_list(m, &built);
    return true;
}

static bool append_top(machine *m)
{
    if (m->n_stack < 2 || m->stack[m->n_stack - 2].kind != LIST)
        return false;
    m->n_stack--;
    item *list = &m->stack[m->n_stack - 1];
    const bool is_added = add_to(m, list, &m->stack[m->n_stack]);
    note_list(m, list);
    return is_added;
}

/* Notes the top item in the memo; of a list not its items, since it may grow. */
static bool memoize_top(machine *m, int64_t number)
{
    if (m->n_stack == 0 || m->n_memo == MAX_ITEMS)
        return false;
    item copy = *top_item(m);
    if (copy.kind != TEXT)
        copy.is_named = false;
    copy.first = number;
    m->memo = km_append(m->memo, &m->n_memo, sizeof copy, &copy, m->error);
    return m->error->code == KM_OK;
}

/* Pushes an item of the memo. Its numbers usually count up, so the search is rarely needed. */
static bool push_memoized(machine *m, int64_t number)
{
    if (number >= 0 && number < m->n_memo && m->memo[number].first == number)
        return push_item(m, &m->memo[number]);
    for (int64_t i = 0; i < m->n_memo && i < 1000; i++)
        if (m->memo[i].first == number)
            return push_item(m, &m->memo[i]);
    return false;
}

/* Runs one instruction; `line` is the rest of its line. */
static bool run_instruction(machine *m, char letter, const char *line, size_t length)
{
    item new = {.kind = OTHER};
    char number[24] = "";
    int64_t value = -1;
    if (length < sizeof number)
        memcpy(number, line, length);
    switch (letter) {
    case '(':
        new.kind = MARK;
        return push_item(m, &new);
    case 'l':
        return build_list(m, LIST);
    case 't':
        return build_list(m, TUPLE);
    case 'a':
        return append_top(m);
    case 'S': /* in quotes, of Python 2 */
        if (length < 2 || memchr(line, '\\', length) != NULL)
            return false;
        line++;
        length -= 2;
        /* fall through */
    case 'V':
    case 'I':
        new.kind = TEXT;
        decode_pickled_text(line, length, new.text);
        return push_item(m, &new);
    case 'p':
        return km_parse_int64(number, &value) && memoize_top(m, value);
    case 'g':
        return km_parse_int64(number, &value) && push_memoized(m, value);
    default: /* floats, None; other instructions make objects */
        return strchr("FLN", letter) != NULL && push_item(m, &new);
    }
}

static bool run_pickle(machine *m)
{
    while (*m->at != '\0' && *m->at != '.') {
        const char letter = *m->at++;
        const bool is_alone = strchr("(ltaN", letter) != NULL;
        const size_t length = is_alone ? 0 : strcspn(m->at, "\n");
        if (!is_alone && m->at[length] != '\n')
            return false;
        if (!run_instruction(m, letter, m->at, length))
            return false;
        m->at += is_alone ? 0 : length + 1;
    }
    return *m->at == '.' && m->n_stack == 1;
}

/* Moves the texts of a list to the caller. */
static void take_texts(machine *m, const item *list, km_text_list *names)
{
    if (list->count == 0)
        return;
    memmove(m->texts, m->texts + (size_t)list->first * KM_NAME_SIZE,
            (size_t)list->count * KM_NAME_SIZE);
    names->texts = m->texts;
    names->count = list->count;
    m->texts = NULL;
}

bool km_read_pickled_list(const char *pickle, bool is_innermost, km_text_list *names, bool *is_deep,
                          km_error *error)
{
    machine m = {.at = pickle, .error = error};
    *names = (km_text_list){.size = KM_NAME_SIZE};
    *is_deep = false;
    bool is_list = run_pickle(&m) && (top_item(&m)->kind == LIST || top_item(&m)->kind == TUPLE);
    if (is_list && !is_innermost) {
        *is_deep = top_item(&m)->is_deep;
        is_list = top_item(&m)->is_named;
    }
    if (is_list && error->code == KM_OK)
        take_texts(&m, is_innermost ? &m.innermost : top_item(&m), names);
    free(m.stack);
    free(m.memo);
    free(m.texts);
    return is_list;
}

/* Behind a text its place in the memo may stand, on a line of its own. */
bool km_read_pickled_value(const char *pickle, const char *key, char *value)
{
    const size_t length = strlen(key);
    for (const char *at = strstr(pickle, key); at != NULL; at = strstr(at + length, key)) {
        if (at == pickle || at[-1] != 'V' || at[length] != '\n')
            continue;
        at += length + 1;
        if (at[0] == 'p')
            at += strcspn(at, "\n") + (strchr(at, '\n') != NULL);
        if (at[0] == 'V')
            decode_pickled_text(at + 1, strcspn(at + 1, "\n"), value);
        return at[0] == 'V';
    }
    return false;
}
