/*
 * `ehlogate check`: is a configuration valid, and what does each listener take from senders?
 *
 * Errors go to stderr and the exit status is 78 (EX_CONFIG), so that it can stand before a reload;
 * 1 says that the configuration can be used and somebody should read the warnings.
 */
#include "cli/check.h"

#include "base/mem.h"
#include "cli/cli.h"

#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

enum { EXIT_WARNINGS = 1 };

static const char details[] =
    "  -c, --config FILE  the configuration to read\n"
    "      --json         the report as JSON (docs/check.md)\n"
    "      --live         ask the backends' servers what they offer (EHLO and QUIT)\n"
    "      --help         this text\n"
    "\n"
    "Prints for each listener which ESMTP services senders keep and lose, the statement that\n"
    "takes each, what senders then do, and where the policy contradicts itself. Exit status 0;\n"
    "1 where there are warnings; 78 with every error on stderr where it cannot be used.\n";

static const struct option known[] = {
    {"config", required_argument, NULL, 'c'},
    {"json", no_argument, NULL, 'j'},
    {"live", no_argument, NULL, 'l'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* ---- the report ---- */

/* Ask all servers of the backend that have not been asked. */
static bool ask_backend(struct check_report *report, const struct config_backend *backend,
                        const char *hostname)
{
    for (const struct config_server *s = backend->servers; s != NULL; s = s->next) {
        if (check_answer(report, s) != NULL) {
            continue;
        }
        struct check_server *answer = check_ask(&report->arena, s, hostname);
        if (answer == NULL) {
            return false;
        }
        answer->next = report->servers;
        report->servers = answer;
    }
    return true;
}

/* What the servers that answered have in common, and what any has. False where none answered. */
static bool add_up(const struct check_report *report, const struct config_backend *backend,
                   struct policy_impact_input *input)
{
    input->by_all = UINT64_MAX;
    input->by_some = 0;
    for (const struct config_server *s = backend->servers; s != NULL; s = s->next) {
        const struct check_server *answer = check_answer(report, s);
        if (answer != NULL && answer->error == NULL) {
            input->live = true;
            input->by_all &= answer->keywords;
            input->by_some |= answer->keywords;
        }
    }
    return input->live;
}

static void warn_of_servers(const struct check_report *report, struct check_listener *l)
{
    for (const struct config_server *s = l->listener->backend->servers; s != NULL; s = s->next) {
        const struct check_server *answer = check_answer(report, s);
        if (answer != NULL && answer->error != NULL) {
            policy_impact_add(&l->impact, true, "server-silent", NULL,
                              "server %s did not answer EHLO: %s", s->text, answer->error);
        }
    }
}

static bool add_listener(struct check_report *report, const struct config_listener *listener,
                         struct check_listener ***end)
{
    struct check_listener *l = arena_alloc(&report->arena, sizeof(*l));
    struct policy_impact_input input = {.policy = &listener->policy->policy,
                                        .origin = &listener->policy->origin};

    if (l == NULL) {
        return false;
    }
    l->listener = listener;
    if (report->live && !ask_backend(report, listener->backend, report->config->hostname)) {
        return false;
    }
    l->live = add_up(report, listener->backend, &input);
    if (!policy_impact_make(&report->arena, &input, &l->impact)) {
        return false;
    }
    warn_of_servers(report, l);
    report->warnings += policy_impact_warnings(&l->impact);
    **end = l;
    *end = &l->next;
    return !l->impact.failed;
}

static bool make_report(struct check_report *report)
{
    struct check_listener **end = &report->listeners;

    for (const struct config_listener *listener = report->config->listeners; listener != NULL;
         listener = listener->next) {
        if (!add_listener(report, listener, &end)) {
            return false;
        }
    }
    return true;
}

/* ---- the command ---- */

static int no_memory(void)
{
    fprintf(stderr, "ehlogate: out of memory\n");
    return EX_OSERR;
}

/* The errors go to stderr in any case: a script that reads the JSON need not show them. */
static int unusable(const struct check_report *report, bool json, struct span errors)
{
    fwrite(errors.ptr, 1, errors.len, stderr);
    return json && !check_print_json(report, errors) ? no_memory() : EX_CONFIG;
}

static int check(const char *path, bool json, bool live)
{
    struct check_report report = {.path = path, .live = live};
    char *text = NULL;
    size_t len = 0;
    FILE *errors = open_memstream(&text, &len);

    if (errors == NULL) {
        return no_memory();
    }
    report.config = config_load(path, errors);
    if (fclose(errors) != 0) {
        config_free(&report.config);
        free(text);
        return no_memory();
    }
    int status = EX_OK;
    if (report.config == NULL) {
        status = unusable(&report, json, span_of(text, len));
    } else if (!make_report(&report) || (json && !check_print_json(&report, span_of("", 0)))) {
        status = no_memory();
    } else {
        status = report.warnings > 0 ? EXIT_WARNINGS : EX_OK;
        if (!json) {
            check_print_text(&report);
        }
    }
    free(text);
    arena_free(&report.arena);
    if (report.config != NULL) {
        config_free(&report.config);
    }
    return status;
}

int cli_check(int argc, char **argv)
{
    const char *path = NULL;
    bool json = false, live = false;
    int what;

    opterr = 0;
    optind = 1;
    while ((what = getopt_long(argc, argv, ":c:h", known, NULL)) != -1) {
        if (what == 'h') {
            return cli_help("check", details);
        }
        if (what == 'j' || what == 'l') {
            json |= what == 'j';
            live |= what == 'l';
            continue;
        }
        if (what != 'c') {
            return cli_option_error("check", known, what, argv);
        }
        if (path != NULL) {
            return cli_usage_error("check", "-c is given twice");
        }
        path = optarg;
    }
    if (optind < argc) {
        return cli_usage_error("check", "unexpected argument %s", argv[optind]);
    }
    if (path == NULL) {
        return cli_usage_error("check", "-c FILE is missing");
    }
    return check(path, json, live);
}
