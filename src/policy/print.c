/*
 * A policy as the statements that make it.
 *
 * Each switch is written whole, so that nothing of the profile below shows through. For the tables
 * of commands and keywords this is the shortest form that edit.h allows:
 *
 *     allow LIST          and whatever is not in it is refused or hidden
 *     ACTION LIST         for each other treatment
 *     ACTION others       where the words that are left are not to be refused or hidden
 *
 * or, where nothing is allowed by name, `ACTION all` and the exceptions.
 */
#include "policy/policy.h"
#include "policy/rule.h"

enum { COLUMNS = 100, NAME_WIDTH = 8 };

/* Write "NAME ACTION" and a list of words, broken where a line would be too long: a line that
 * ends in a comma goes on. */
struct list_printer {
    FILE *out;
    const char *indent;
    size_t column;
    bool begun;
};

static struct list_printer list_begin(FILE *out, const char *indent, const char *name,
                                      const char *action)
{
    int width = fprintf(out, "%s%-*s %s ", indent, NAME_WIDTH, name, action);
    return (struct list_printer){out, indent, width > 0 ? (size_t)width : 0, false};
}

static void list_word(struct list_printer *list, struct span word)
{
    if (list->begun && list->column + 3 + word.len > COLUMNS) {
        int width = fprintf(list->out, ",\n%s%*s ", list->indent, NAME_WIDTH, "");
        list->column = width > 2 ? (size_t)width - 2 : 0;
    } else if (list->begun) {
        fputs(", ", list->out);
        list->column += 2;
    }
    fprintf(list->out, "%.*s", SPAN_ARG(word));
    list->column += word.len;
    list->begun = true;
}

static void list_end(struct list_printer *list)
{
    fputc('\n', list->out);
}

/* One of the two tables of words. */
struct table {
    const char *statement;
    const uint8_t *treatment;
    unsigned words;
    const char *const *actions;
    uint8_t deny; /* what `allow LIST` does to the rest; `allow` itself is 0 */
    struct span (*name)(unsigned word);
};

static struct span verb_name(unsigned verb)
{
    return smtp_verb_info((enum smtp_verb)verb)->name;
}

static struct span keyword_name(unsigned keyword)
{
    return smtp_keyword_info((enum smtp_keyword)keyword)->name;
}

static unsigned table_count(const struct table *table, uint8_t action)
{
    unsigned count = 0;

    for (unsigned i = 1; i < table->words; i++) {
        count += table->treatment[i] == action;
    }
    return count;
}

static void table_print_action(const struct table *table, uint8_t action, FILE *out,
                               const char *indent)
{
    struct list_printer list = list_begin(out, indent, table->statement, table->actions[action]);

    for (unsigned i = 1; i < table->words; i++) {
        if (table->treatment[i] == action) {
            list_word(&list, table->name(i));
        }
    }
    list_end(&list);
}

static void table_print(const struct table *table, FILE *out, const char *indent)
{
    uint8_t others = table->treatment[0];
    bool allow_only = others != 0 && table_count(table, 0) > 0;

    if (allow_only) {
        table_print_action(table, 0, out, indent);
    } else {
        fprintf(out, "%s%-*s %s all\n", indent, NAME_WIDTH, table->statement,
                table->actions[others]);
    }
    for (uint8_t action = 1; table->actions[action] != NULL; action++) {
        if (action != others && table_count(table, action) > 0) {
            table_print_action(table, action, out, indent);
        }
    }
    if (allow_only && others != table->deny) {
        fprintf(out, "%s%-*s %s others\n", indent, NAME_WIDTH, table->statement,
                table->actions[others]);
    }
}

static void print_banner(const struct policy *policy, FILE *out, const char *indent)
{
    fprintf(out, "%s%-*s %s", indent, NAME_WIDTH, "banner", policy_banner_words[policy->banner]);
    if (policy->banner == POLICY_BANNER_TEXT) {
        fputs(" \"", out);
        for (const char *c = policy->banner_text; *c != '\0'; c++) {
            if (*c == '"' || *c == '\\') {
                fputc('\\', out);
            }
            fputc(*c, out);
        }
        fputc('"', out);
    }
    fputc('\n', out);
}

static void print_framing(const struct policy *policy, FILE *out, const char *indent)
{
    for (unsigned verdict = 0; policy_framing_words[verdict] != NULL; verdict++) {
        unsigned count = 0;
        for (unsigned i = 0; policy_event_words[i] != NULL; i++) {
            count += policy->framing[policy_event(i)] == verdict;
        }
        if (count == 0) {
            continue;
        }
        struct list_printer list =
            list_begin(out, indent, "framing", policy_framing_words[verdict]);
        for (unsigned i = 0; policy_event_words[i] != NULL; i++) {
            if (policy->framing[policy_event(i)] == verdict) {
                list_word(&list, span_str(policy_event_words[i]));
            }
        }
        list_end(&list);
    }
}

static void print_checks(const struct policy *policy, bool enforced, FILE *out, const char *indent)
{
    const char *begin = indent;
    const char *name = enforced ? "enforce" : "relax";
    bool any = false;

    for (unsigned i = 0; policy_check_words[i] != NULL; i++) {
        if (((policy->checks >> i & 1) != 0) == enforced) {
            if (any) {
                fprintf(out, ", %s", policy_check_words[i]);
            } else {
                fprintf(out, "%s%-*s %s", begin, NAME_WIDTH, name, policy_check_words[i]);
            }
            any = true;
        }
    }
    if (any) {
        fputc('\n', out);
    }
}

/* The value in the largest unit that gives it exactly. */
static void print_size(uint64_t value, FILE *out)
{
    static const char units[] = {'\0', 'K', 'M', 'G'};
    unsigned unit = 0;

    while (unit + 1 < sizeof(units) && value >= 1024 && value % 1024 == 0) {
        value /= 1024;
        unit++;
    }
    fprintf(out, "%llu", (unsigned long long)value);
    if (unit > 0) {
        fputc(units[unit], out);
    }
}

static void print_time(uint64_t ms, FILE *out)
{
    static const struct {
        uint64_t ms;
        const char *name;
    } units[] = {{3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    unsigned unit = 0;

    /* Ninety seconds read better as 90s, and 300s is how RFC 5321 readers know it. */
    while (ms % units[unit].ms != 0 || (unit == 1 && ms < 3600000)) {
        unit++;
    }
    fprintf(out, "%llu%s", (unsigned long long)(ms / units[unit].ms), units[unit].name);
}

static void print_numbers(const struct policy *policy, FILE *out, const char *indent)
{
    for (const struct policy_number_info *i = policy_limit_infos; i->name != NULL; i++) {
        uint64_t value = policy_number_get(i, &policy->limits);
        fprintf(out, "%s%-*s %-12s ", indent, NAME_WIDTH, "limit", i->name);
        if (i->octets) {
            print_size(value, out);
        } else {
            fprintf(out, "%llu", (unsigned long long)value);
        }
        fputc('\n', out);
    }
    for (const struct policy_number_info *i = policy_timeout_infos; i->name != NULL; i++) {
        fprintf(out, "%s%-*s %-12s ", indent, NAME_WIDTH, "timeout", i->name);
        print_time(policy_number_get(i, &policy->timeouts), out);
        fputc('\n', out);
    }
}

void policy_print(const struct policy *policy, FILE *out, const char *indent)
{
    const struct table commands = {
        "command", policy->command, SMTP_VERB_WORDS, policy_command_words, POLICY_COMMAND_REFUSE,
        verb_name};
    const struct table keywords = {"keyword",           policy->keyword,
                                   SMTP_KEYWORDS,       policy_keyword_words,
                                   POLICY_KEYWORD_HIDE, keyword_name};

    print_banner(policy, out, indent);
    fprintf(out, "%s%-*s %s\n", indent, NAME_WIDTH, "ehlo", policy_ehlo_words[policy->ehlo]);
    fprintf(out, "%s%-*s %s\n", indent, NAME_WIDTH, "starttls",
            policy_starttls_words[policy->starttls]);
    table_print(&commands, out, indent);
    table_print(&keywords, out, indent);
    print_framing(policy, out, indent);
    print_checks(policy, true, out, indent);
    print_checks(policy, false, out, indent);
    fprintf(out, "%s%-*s %s\n", indent, NAME_WIDTH, "forward",
            policy_forward_words[policy->verbatim]);
    print_numbers(policy, out, indent);
    if (policy->rules != NULL) {
        policy_rules_print(policy->rules, out, indent);
    }
}
