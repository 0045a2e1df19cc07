/*
 * `ehlogate fields`: what rules can ask about, out of the catalogue that the rules themselves are
 * read with. The tables of docs/rules.md are this program's output.
 */
#include "cli/cli.h"

#include "policy/rule.h"

#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

enum { NAME_WIDTH = 21, TYPE_WIDTH = 8, STAGE_WIDTH = 9 };

static const char details[] =
    "  NAME            tell everything about this field\n"
    "      --markdown  the tables of fields and of actions as the manual has them\n"
    "      --help      this text\n"
    "\n"
    "Prints each field with its type, the stage from which on it is known, what it is and a\n"
    "condition as an example. docs/rules.md explains types, stages and actions.\n";

static const struct option known[] = {
    {"markdown", no_argument, NULL, 'm'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static void print_table(void)
{
    printf("%-*s %-*s %-*s %s\n", NAME_WIDTH, "FIELD", TYPE_WIDTH, "TYPE", STAGE_WIDTH, "KNOWN AT",
           "WHAT IT IS, AND AN EXAMPLE");
    for (const struct policy_field *field = policy_fields; field->name != NULL; field++) {
        printf("%-*s %-*s %-*s %s\n%*s %s\n", NAME_WIDTH, field->name, TYPE_WIDTH,
               policy_type_words[field->type], STAGE_WIDTH, policy_stage_words[field->stage],
               field->about, NAME_WIDTH + TYPE_WIDTH + STAGE_WIDTH + 2, "", field->example);
    }
}

/* A cell of a Markdown table: a "|" would end it, even within code. */
static void print_cell(const char *text)
{
    for (; *text != '\0'; text++) {
        printf("%s%c", *text == '|' ? "\\" : "", *text);
    }
}

static void print_markdown_fields(void)
{
    puts("| field | type | known at | what it is | example |\n|---|---|---|---|---|");
    for (const struct policy_field *field = policy_fields; field->name != NULL; field++) {
        printf("| `%s` | %s | %s%s | %s | `", field->name, policy_type_words[field->type],
               policy_stage_words[field->stage], field->each ? " only" : "", field->about);
        print_cell(field->example);
        puts("` |");
    }
}

static void print_stages(unsigned stages)
{
    const char *between = "";

    for (unsigned i = 0; i < POLICY_STAGES; i++) {
        if ((stages >> i & 1) != 0) {
            printf("%s%s", between, policy_stage_words[i]);
            between = ", ";
        }
    }
}

static const char *argument_words(const struct policy_action_info *info)
{
    static const char *const words[] = {
        [POLICY_ARGUMENT_NONE] = "",
        [POLICY_ARGUMENT_TEXT] = " [\"TEXT\"]",
        [POLICY_ARGUMENT_TIME] = " TIME",
        [POLICY_ARGUMENT_RATE] = " N per TIME [\"TEXT\"]",
    };
    return words[info->argument];
}

static void print_markdown_actions(void)
{
    puts("| action | what it does | stages | why not elsewhere |\n|---|---|---|---|");
    for (unsigned i = POLICY_ACTION_ALLOW; i < POLICY_ACTIONS; i++) {
        const struct policy_action_info *info = policy_action_info((enum policy_action)i);
        printf("| `%s%s` | %s | ", info->name, argument_words(info), info->about);
        if (info->why == NULL) {
            printf("all");
        } else {
            print_stages(info->stages);
        }
        printf(" | %s |\n", info->why != NULL ? info->why : "");
    }
}

static void print_field(const struct policy_field *field)
{
    const char *operators = policy_type_operators[field->type];
    const char *between = "";

    printf("%s: %s\n", field->name, field->about);
    printf("  type      %s: %s\n", policy_type_words[field->type],
           operators[0] != '\0' ? operators : "it stands alone");
    printf("  known at  ");
    print_stages(policy_field_stages(field));
    printf("\n  actions   ");
    for (unsigned i = POLICY_ACTION_ALLOW; i < POLICY_ACTIONS; i++) {
        const struct policy_action_info *info = policy_action_info((enum policy_action)i);
        if ((info->stages >> field->stage & 1) != 0) {
            printf("%s%s", between, info->name);
            between = ", ";
        }
    }
    printf("\n  example   when %s log\n", field->example);
}

static int unknown_field(const char *name)
{
    return cli_usage_error("fields", "there is no field %s; did you mean %s?", name,
                           policy_field_nearest(span_str(name))->name);
}

int cli_fields(int argc, char **argv)
{
    bool markdown = false;
    int what;

    opterr = 0;
    optind = 1;
    while ((what = getopt_long(argc, argv, ":h", known, NULL)) != -1) {
        if (what == 'h') {
            return cli_help("fields", details);
        }
        if (what != 'm') {
            return cli_option_error("fields", known, what, argv);
        }
        markdown = true;
    }
    if (optind + (markdown ? 0 : 1) < argc) {
        return cli_usage_error("fields", "unexpected argument %s", argv[argc - 1]);
    }
    if (markdown) {
        print_markdown_fields();
        putchar('\n');
        print_markdown_actions();
    } else if (optind == argc) {
        print_table();
    } else {
        const struct policy_field *field = policy_field_find(span_str(argv[optind]));
        if (field == NULL) {
            return unknown_field(argv[optind]);
        }
        print_field(field);
    }
    return EX_OK;
}
