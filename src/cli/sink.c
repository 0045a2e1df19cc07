/*
 * `ehlogate sink`: the options of the embedded mail server.
 */
#include "cli/cli.h"

#include "base/log.h"
#include "sink/sink.h"

#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

enum { ADDRS_MAX = 64, HOSTNAME_LEN_MAX = 255 };

static const char details[] =
    "  --listen ADDR    where to listen; may be given several times. ADDR is host:port,\n"
    "                   [v6]:port or unix:/path; port 0 takes a free one\n"
    "  --maildir DIR    keep messages in this Maildir (made where it is missing);\n"
    "                   without it they are counted and dropped\n"
    "  --hostname NAME  name in greeting and replies (default: the machine's)\n"
    "  --size N         octets of a message, announced as SIZE, with K, M or G\n"
    "                   (default: 100M)\n"
    "  --timeout N      seconds that a client may be silent (default: 300)\n"
    "  --help           this text\n"
    "\n"
    "A line \"ready: sink=ADDR\" on stderr says that connections are taken, and one line is\n"
    "logged for each message. TERM and INT end it.\n"
    "\n"
    "A message is kept octet for octet as it came (only stuffed dots are taken away), behind\n"
    "these headers: Return-Path: with the sender, Delivered-To: for each recipient, and\n"
    "Received:. Its 250 is sent when it is safe on the disk in DIR/new.\n";

enum option_id {
    OPTION_LISTEN = 256,
    OPTION_MAILDIR,
    OPTION_HOSTNAME,
    OPTION_SIZE,
    OPTION_TIMEOUT
};

static const struct option known[] = {
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"maildir", required_argument, NULL, OPTION_MAILDIR},
    {"hostname", required_argument, NULL, OPTION_HOSTNAME},
    {"size", required_argument, NULL, OPTION_SIZE},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

struct request {
    struct sink_options options;
    struct net_addr addrs[ADDRS_MAX];
    char hostname[HOSTNAME_LEN_MAX + 1];
};

/* "100", "64K", "10M", "1G" */
static bool size_parse(const char *text, uint64_t *size_r)
{
    struct span s = span_str(text);
    unsigned shift = 0;

    if (s.len > 0) {
        unsigned char unit = ascii_upper(s.ptr[s.len - 1]);
        shift = unit == 'K' ? 10 : unit == 'M' ? 20 : unit == 'G' ? 30 : 0;
        s.len -= shift > 0;
    }
    uint64_t size;
    if (!span_number(s, &size) || size == 0 || size > (uint64_t)INT64_MAX >> shift) {
        return false;
    }
    *size_r = size << shift;
    return true;
}

/* A word that may stand in replies: no blanks, no control characters. */
static bool hostname_valid(const char *name)
{
    struct span s = span_str(name);
    bool ok = s.len > 0 && s.len <= HOSTNAME_LEN_MAX;

    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = s.ptr[i];
        ok = ok && (ascii_is_alnum(c) || strchr("-._:[]", c) != NULL);
    }
    return ok;
}

static int option_listen(struct request *r, const char *text)
{
    const char *error = NULL;
    size_t count = net_addr_parse(text, true, r->addrs + r->options.addr_count,
                                  ADDRS_MAX - r->options.addr_count, &error);
    if (count == 0) {
        return cli_usage_error("sink", "--listen %s: %s", text,
                               r->options.addr_count == ADDRS_MAX ? "too many addresses" : error);
    }
    r->options.addr_count += count;
    return EX_OK;
}

static int option_take(struct request *r, int what, char *value)
{
    uint64_t number;

    switch (what) {
    case OPTION_LISTEN:
        return option_listen(r, value);
    case OPTION_MAILDIR:
        r->options.maildir = value;
        return EX_OK;
    case OPTION_HOSTNAME:
        r->options.hostname = value;
        return hostname_valid(value)
                   ? EX_OK
                   : cli_usage_error("sink", "--hostname %s: not a host name", value);
    case OPTION_SIZE:
        return size_parse(value, &r->options.size_max)
                   ? EX_OK
                   : cli_usage_error("sink", "--size %s: not a size like 100M", value);
    default:
        if (!span_number(span_str(value), &number) || number == 0 || number > 86400) {
            return cli_usage_error("sink", "--timeout %s: not a number of seconds up to 86400",
                                   value);
        }
        r->options.timeout = (unsigned)number;
        return EX_OK;
    }
}

int cli_sink(int argc, char **argv)
{
    struct request r = {.options = {.size_max = (uint64_t)100 << 20, .timeout = 300}};
    int what;

    opterr = 0;
    optind = 1;
    while ((what = getopt_long(argc, argv, ":h", known, NULL)) != -1) {
        if (what == 'h') {
            return cli_help("sink", details);
        }
        int status = what == '?' || what == ':' ? cli_option_error("sink", known, what, argv)
                                                : option_take(&r, what, optarg);
        if (status != EX_OK) {
            return status;
        }
    }
    if (optind < argc) {
        return cli_usage_error("sink", "unexpected argument %s", argv[optind]);
    }
    if (r.options.addr_count == 0) {
        return cli_usage_error("sink", "--listen is missing");
    }
    if (r.options.hostname == NULL) {
        r.options.hostname = r.hostname;
        if (gethostname(r.hostname, HOSTNAME_LEN_MAX) < 0 || !hostname_valid(r.hostname)) {
            r.options.hostname = "localhost";
        }
    }
    r.options.addrs = r.addrs;
    if (!log_open(NULL, LOG_TEXT)) {
        return EX_CANTCREAT;
    }
    log_name("ehlogate/sink");
    return sink_run(&r.options);
}
