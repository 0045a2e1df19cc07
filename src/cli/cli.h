/*
 * The subcommands. Each lives in a file of its own and stands in the table of main.c.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

struct cli_command {
    const char *name;
    const char *usage;                 /* after "ehlogate NAME " */
    const char *about;                 /* in a line, for `ehlogate help` */
    int (*run)(int argc, char **argv); /* argv[0] is the subcommand's name; returns exit status */
};

int cli_serve(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_sink(int argc, char **argv);
int cli_profiles(int argc, char **argv);
int cli_fields(int argc, char **argv);
int cli_import_asa(int argc, char **argv);

/* Say what is wrong with the command line and where help is; returns EX_USAGE. */
int cli_usage_error(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* An unknown or incomplete option that getopt_long (with opterr = 0 and a leading ":" in its
 * string) has met: names it and the nearest known one; returns EX_USAGE. */
struct option;
int cli_option_error(const char *command, const struct option *known, int what, char **argv);

/* The help of one subcommand, on stdout; returns 0. `details` follows the usage line. */
int cli_help(const char *command, const char *details);

#endif
