/*
 * `ehlogate import-asa`: an ASA's or PIX's configuration in, the equivalent configuration out.
 *
 * Nothing is written before all of it is known to be right, so that `import-asa FILE >
 * ehlogate.conf` leaves no half of a policy behind.
 */
#include "cli/cli.h"

#include "asa/asa.h"
#include "base/buf.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

enum { FILE_MAX = 64 * 1024 * 1024 };

static const char details[] =
    "  FILE    what `show running-config` printed; - for standard input\n"
    "  --help  this text\n"
    "\n"
    "Reads policy-map type inspect esmtp, class-map, regex, inspect esmtp and, of a PIX, fixup\n"
    "protocol smtp and mailhost. Prints a configuration with a policy for each map, each "
    "statement\n"
    "under a comment that names the line it comes from.\n"
    "Exit status 0; 1 where something could not be carried over, which is told on stderr and "
    "where\n"
    "it would stand; 78 with every error on stderr.\n";

static const struct option known[] = {
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* False and errno. */
static bool read_all(FILE *in, struct buf *text_r)
{
    unsigned char piece[16384];
    size_t n;

    while ((n = fread(piece, 1, sizeof(piece), in)) > 0) {
        if (buf_len(text_r) + n > FILE_MAX) {
            errno = EFBIG;
            return false;
        }
        if (!buf_append(text_r, span_of(piece, n))) {
            errno = ENOMEM;
            return false;
        }
    }
    return ferror(in) == 0;
}

static bool read_file(const char *path, struct buf *text_r)
{
    bool standard = span_equal(span_str(path), SPAN("-"));
    FILE *in = standard ? stdin : fopen(path, "r");
    bool ok = in != NULL && read_all(in, text_r);

    if (!ok) {
        fprintf(stderr, "ehlogate: %s cannot be read: %s\n", path, strerror(errno));
    }
    if (in != NULL && !standard) {
        fclose(in);
    }
    return ok;
}

static int no_memory(void)
{
    fprintf(stderr, "ehlogate: out of memory\n");
    return EX_OSERR;
}

static int print(struct span text)
{
    if (fwrite(text.ptr, 1, text.len, stdout) != text.len || fflush(stdout) != 0) {
        fprintf(stderr, "ehlogate: standard output: %s\n", strerror(errno));
        return EX_IOERR;
    }
    return EX_OK;
}

static int import(const char *path, struct span text)
{
    char *output = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&output, &len);

    if (out == NULL) {
        return no_memory();
    }
    enum asa_result result = asa_import(path, text, out, stderr);
    bool written = fclose(out) == 0;
    int status = EX_CONFIG;
    if (!written || result == ASA_NO_MEMORY) {
        status = no_memory();
    } else if (result != ASA_ERRORS) {
        status = print(span_of(output, len));
        status = status == EX_OK && result == ASA_PART ? 1 : status;
    }
    free(output);
    return status;
}

int cli_import_asa(int argc, char **argv)
{
    struct buf text = {.ptr = NULL};
    int what;

    opterr = 0;
    optind = 1;
    while ((what = getopt_long(argc, argv, ":h", known, NULL)) != -1) {
        if (what == 'h') {
            return cli_help("import-asa", details);
        }
        return cli_option_error("import-asa", known, what, argv);
    }
    if (optind + 1 < argc) {
        return cli_usage_error("import-asa", "unexpected argument %s", argv[optind + 1]);
    }
    if (optind == argc) {
        return cli_usage_error("import-asa", "FILE is missing");
    }
    int status = read_file(argv[optind], &text) ? import(argv[optind], buf_span(&text)) : EX_CONFIG;
    buf_free(&text);
    return status;
}
