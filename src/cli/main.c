/*
 * ehlogate: an SMTP/ESMTP firewall. main() only finds the subcommand.
 */
#include "cli/cli.h"

#include "base/span.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <sysexits.h>

static const struct cli_command commands[] = {
    {"serve", "-c FILE | --listen ADDR --backend ADDR [--profile NAME]",
     "run the gateway in the foreground", cli_serve},
    {"check", "-c FILE [--json] [--live]", "validate a configuration", cli_check},
    {"sink", "--listen ADDR [--maildir DIR]", "run a mail server that takes everything", cli_sink},
    {"profiles", "[NAME]", "print the profiles as the configuration they stand for", cli_profiles},
    {"fields", "[NAME]", "list what rules can ask about", cli_fields},
    {"import-asa", "FILE", "make a configuration of a Cisco ASA's or PIX's", cli_import_asa},
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static const struct cli_command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (span_equal(span_str(name), span_str(commands[i].name))) {
            return &commands[i];
        }
    }
    return NULL;
}

static void help(FILE *out)
{
    fprintf(out, "ehlogate %s, an SMTP/ESMTP firewall\n\n", EHLOGATE_VERSION);
    for (size_t i = 0; i < COMMANDS; i++) {
        fprintf(out, "  ehlogate %-10s %s\n  %19s %s\n", commands[i].name, commands[i].usage, "",
                commands[i].about);
    }
    fprintf(out, "\nADDR is host:port, [v6]:port or unix:/path.\n"
                 "`ehlogate COMMAND --help` lists the options of a command.\n");
}

int cli_help(const char *command, const char *details)
{
    const struct cli_command *found = command_find(command);
    printf("usage: ehlogate %s %s\n%s\n\n%s", command, found->usage, found->about, details);
    return EX_OK;
}

int cli_usage_error(const char *command, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "ehlogate %s: ", command);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, " (see `ehlogate %s --help`)\n", command);
    return EX_USAGE;
}

int cli_option_error(const char *command, const struct option *known, int what, char **argv)
{
    const char *word = argv[optind - 1];

    if (what == ':') {
        return cli_usage_error(command, "option %s needs a value", word);
    }
    size_t best_distance = 4;
    const char *best = NULL;
    struct span given = span_str(word);
    while (given.len > 0 && given.ptr[0] == '-') {
        given = span_from(given, 1);
    }
    given = span_head(given, span_find(given, '='));
    for (; known->name != NULL; known++) {
        size_t distance = span_distance(given, span_str(known->name));
        if (distance < best_distance) {
            best_distance = distance;
            best = known->name;
        }
    }
    if (best != NULL) {
        return cli_usage_error(command, "unknown option %s; did you mean --%s?", word, best);
    }
    return cli_usage_error(command, "unknown option %s", word);
}

static int unknown_command(const char *name)
{
    size_t best_distance = 4;
    const char *best = NULL;

    for (size_t i = 0; i < COMMANDS; i++) {
        size_t distance = span_distance(span_str(name), span_str(commands[i].name));
        if (distance < best_distance) {
            best_distance = distance;
            best = commands[i].name;
        }
    }
    fprintf(stderr, "ehlogate: unknown command %s", name);
    if (best != NULL) {
        fprintf(stderr, "; did you mean %s?", best);
    }
    fprintf(stderr, " (see `ehlogate help`)\n");
    return EX_USAGE;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        help(stderr);
        return EX_USAGE;
    }
    struct span name = span_str(argv[1]);
    if (span_equal(name, SPAN("help")) || span_equal(name, SPAN("--help")) ||
        span_equal(name, SPAN("-h"))) {
        help(stdout);
        return EX_OK;
    }
    if (span_equal(name, SPAN("--version")) || span_equal(name, SPAN("-V"))) {
        printf("ehlogate %s\n", EHLOGATE_VERSION);
        return EX_OK;
    }
    const struct cli_command *command = command_find(argv[1]);
    return command != NULL ? command->run(argc - 1, argv + 1) : unknown_command(argv[1]);
}
