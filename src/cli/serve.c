/*
 * ehlogate serve: the gateway, in the foreground.
 */
#include "cli/cli.h"

#include "serve/serve.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <sysexits.h>

enum { ADDRESSES_MAX = 32, WORKERS_MAX = 256 };

static const char details[] =
    "  -c, --config FILE    serve what the configuration file says\n"
    "\n"
    "or, without a file:\n"
    "      --listen ADDR    where to accept connections; may be repeated\n"
    "      --backend ADDR   the mail server behind; repeated: tried in this order\n"
    "      --profile NAME   what to protect against (esmtp); `ehlogate profiles` lists them\n"
    "      --hostname NAME  the gateway's own name, for its replies\n"
    "      --workers N      how many processes (one a core)\n"
    "      --log-format F   text (as Postfix writes it) or json\n"
    "\n"
    "  -h, --help           this text\n"
    "\n"
    "ADDR is host:port, [v6]:port or unix:/path. The log goes to stderr. TERM, INT and USR1 end "
    "the\n"
    "gateway once its sessions are done, a second one at once.\n";

enum {
    OPTION_LISTEN = 256,
    OPTION_BACKEND,
    OPTION_PROFILE,
    OPTION_HOSTNAME,
    OPTION_WORKERS,
    OPTION_LOG_FORMAT
};

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"backend", required_argument, NULL, OPTION_BACKEND},
    {"profile", required_argument, NULL, OPTION_PROFILE},
    {"hostname", required_argument, NULL, OPTION_HOSTNAME},
    {"workers", required_argument, NULL, OPTION_WORKERS},
    {"log-format", required_argument, NULL, OPTION_LOG_FORMAT},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

struct serve_options {
    const char *file;
    const char *first_quick; /* the first option that makes no sense with a file */
    const char *listen[ADDRESSES_MAX + 1];
    const char *backend[ADDRESSES_MAX + 1];
    struct config_quick quick;
};

/* Add an address to a list; EX_OK or EX_USAGE. */
static int add(const char **list, const char *option, const char *value)
{
    size_t count = 0;

    while (list[count] != NULL) {
        count++;
    }
    if (count == ADDRESSES_MAX) {
        return cli_usage_error("serve", "%s may be given %d times at most", option, ADDRESSES_MAX);
    }
    list[count] = value;
    return EX_OK;
}

static int set_workers(struct serve_options *o, const char *value)
{
    uint64_t workers;

    if (!span_number(span_str(value), &workers) || workers == 0 || workers > WORKERS_MAX) {
        return cli_usage_error("serve", "--workers: %s is not a number from 1 to %d", value,
                               WORKERS_MAX);
    }
    o->quick.workers = (unsigned)workers;
    return EX_OK;
}

static int set_log_format(struct serve_options *o, const char *value)
{
    if (span_equal(span_str(value), SPAN("json"))) {
        o->quick.log_format = LOG_JSON;
    } else if (!span_equal(span_str(value), SPAN("text"))) {
        return cli_usage_error("serve", "--log-format: %s is neither text nor json", value);
    }
    return EX_OK;
}

static int take(struct serve_options *o, int option, const char *name, char **argv)
{
    if (option != 'c' && o->first_quick == NULL) {
        o->first_quick = name;
    }
    switch (option) {
    case 'c':
        o->file = optarg;
        return EX_OK;
    case OPTION_LISTEN:
        return add(o->listen, "--listen", optarg);
    case OPTION_BACKEND:
        return add(o->backend, "--backend", optarg);
    case OPTION_PROFILE:
        o->quick.profile = optarg;
        return EX_OK;
    case OPTION_HOSTNAME:
        o->quick.hostname = optarg;
        return EX_OK;
    case OPTION_WORKERS:
        return set_workers(o, optarg);
    case OPTION_LOG_FORMAT:
        return set_log_format(o, optarg);
    default:
        return cli_option_error("serve", options, option, argv);
    }
}

static int check(const struct serve_options *o)
{
    if (o->file != NULL && o->first_quick != NULL) {
        return cli_usage_error("serve", "--%s cannot be given with -c: it belongs into %s",
                               o->first_quick, o->file);
    }
    if (o->file != NULL) {
        return EX_OK;
    }
    if (o->listen[0] == NULL && o->backend[0] == NULL) {
        return cli_usage_error("serve", "needs -c FILE, or --listen ADDR and --backend ADDR");
    }
    if (o->listen[0] == NULL) {
        return cli_usage_error("serve", "--listen ADDR is missing");
    }
    if (o->backend[0] == NULL) {
        return cli_usage_error("serve", "--backend ADDR is missing");
    }
    return EX_OK;
}

static int run(struct serve_options *o)
{
    struct config *config =
        o->file != NULL ? config_load(o->file, stderr) : config_from_options(&o->quick, stderr);
    int status;

    if (config == NULL) {
        return o->file != NULL ? EX_CONFIG : EX_USAGE;
    }
    if (log_open(config->log_file, config->log_format)) {
        status = serve_run(config);
    } else {
        fprintf(stderr, "ehlogate serve: cannot open the log %s: %s\n", config->log_file,
                strerror(errno));
        status = EX_CANTCREAT;
    }
    config_free(&config);
    return status;
}

int cli_serve(int argc, char **argv)
{
    struct serve_options o = {.quick = {.log_format = LOG_TEXT}};
    int option, index = 0;

    opterr = 0;
    while ((option = getopt_long(argc, argv, ":c:h", options, &index)) != -1) {
        if (option == 'h') {
            return cli_help("serve", details);
        }
        int status = take(&o, option, options[index].name, argv);
        if (status != EX_OK) {
            return status;
        }
    }
    if (optind < argc) {
        return cli_usage_error("serve", "what is %s?", argv[optind]);
    }
    o.quick.listen = o.listen;
    o.quick.backend = o.backend;
    int status = check(&o);
    return status != EX_OK ? status : run(&o);
}
