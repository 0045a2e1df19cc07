/*
 * `ehlogate profiles`: what each profile is, as the configuration it stands for. The output can be
 * put into a configuration file as it is.
 */
#include "cli/cli.h"

#include "policy/policy.h"

#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

static const char details[] =
    "  NAME    print this profile only\n"
    "  --help  this text\n"
    "\n"
    "The output is configuration: `policy NAME { … }`, with every statement that the profile\n"
    "stands for.\n";

static const struct option known[] = {
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static void print_profile(const struct policy_profile *profile)
{
    struct policy policy;

    policy_begin(&policy, profile);
    printf("# %s\npolicy %s {\n", profile->about, profile->name);
    policy_print(&policy, stdout, "    ");
    printf("}\n");
}

static int unknown_profile(const char *name)
{
    const struct policy_profile *nearest = policy_profiles;

    for (const struct policy_profile *p = policy_profiles; p->name != NULL; p++) {
        if (span_distance(span_str(name), span_str(p->name)) <
            span_distance(span_str(name), span_str(nearest->name))) {
            nearest = p;
        }
    }
    return cli_usage_error("profiles", "unknown profile %s; did you mean %s?", name, nearest->name);
}

int cli_profiles(int argc, char **argv)
{
    int what;

    opterr = 0;
    optind = 1;
    while ((what = getopt_long(argc, argv, ":h", known, NULL)) != -1) {
        if (what == 'h') {
            return cli_help("profiles", details);
        }
        return cli_option_error("profiles", known, what, argv);
    }
    if (optind + 1 < argc) {
        return cli_usage_error("profiles", "unexpected argument %s", argv[optind + 1]);
    }
    if (optind < argc) {
        const struct policy_profile *profile = policy_profile_find(span_str(argv[optind]));
        if (profile == NULL) {
            return unknown_profile(argv[optind]);
        }
        print_profile(profile);
        return EX_OK;
    }
    for (const struct policy_profile *profile = policy_profiles; profile->name != NULL; profile++) {
        if (profile != policy_profiles) {
            putchar('\n');
        }
        print_profile(profile);
    }
    return EX_OK;
}
