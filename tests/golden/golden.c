/*
 * The runner of golden sessions: each dialogue of a Markdown file in every mode, each mode one test
 * point of TAP.
 *
 *   whole    each block of input as it stands
 *   cut      each block cut in two, one run for every place where it can be cut
 *   bytes    an octet at a time
 *   order    the side that got nothing is shown what is kept for it first; whole and in octets
 *   memory   the n-th request for memory fails, one run for every n
 *
 *     golden FILE.md...
 *     golden --listed FOLDER NAME...     each Markdown file but README.md is named
 */
#include "base/mem.h"
#include "drive.h"
#include "session.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    CUT_ALL = 4096,   /* octets of a block that is cut everywhere */
    CUT_SOME = 32768, /* … and of one that is cut at what matters */
    CUT_SAMPLE = 97,
    CUT_NEAR = 8,   /* … and how near to what matters the longer ones are cut */
    CUT_BLOCK = 64, /* what the body scanner looks at in one step */
    SHOWN = 60,     /* octets of either side of a difference */
};

/* How a session is run. */
struct mode {
    const struct step *cut; /* this block is cut … */
    size_t at;              /* … here */
    bool octets;
    bool other_first;
    size_t fail_at; /* the request for memory that fails; 0 for none */
};

/* A session while it runs. */
struct run {
    const char *path;
    const struct session *session;
    const struct mode *mode;
    struct drive drive;
    struct text *report; /* the first difference */
    bool over;           /* it ended early, and as it should */
};

/* A day passes between two runs: what a `limit` of the policy remembers of the last is forgotten.
 */
static uint64_t clock_of_runs = 1000;
enum { DAY = 24 * 60 * 60 * 1000 };

static void show_text(struct text *report, const char *name, struct span bytes, size_t at)
{
    size_t from = at > SHOWN ? at - SHOWN : 0;
    size_t len = bytes.len > from ? bytes.len - from : 0;

    text_printf(report, "#   %s: ", name);
    text_add(report, from > 0 ? SPAN("…") : SPAN(""));
    text_escape(report,
                span_of(bytes.ptr + (len > 0 ? from : 0), len > 2 * SHOWN ? 2 * SHOWN : len));
    text_add(report, len > 2 * SHOWN ? SPAN("…\n") : SPAN("\n"));
}

static size_t common_length(struct span a, struct span b)
{
    size_t i = 0;

    while (i < a.len && i < b.len && a.ptr[i] == b.ptr[i]) {
        i++;
    }
    return i;
}

static void report_where(struct run *run, unsigned line, const char *what)
{
    text_printf(run->report, "# %s:%u: %s", run->path, line, what);
    if (run->mode->cut != NULL) {
        text_printf(run->report, " (the block of line %u cut before octet %zu)",
                    run->mode->cut->line, run->mode->at);
    }
    if (run->mode->octets) {
        text_add(run->report, SPAN(" (octet by octet)"));
    }
    if (run->mode->fail_at > 0) {
        text_printf(run->report, " (request %zu for memory fails)", run->mode->fail_at);
    }
    text_add(run->report, SPAN("\n"));
}

/* Is what came what was wanted? */
static bool same(struct run *run, const struct step *step, const struct want *want, struct span got,
                 const char *what)
{
    struct span wanted = text_span(&want->bytes);
    size_t at = common_length(wanted, got);

    if (wanted.len == got.len && at == got.len) {
        return true;
    }
    unsigned line = want_line(want, at);
    report_where(run, line > 0 ? line : step->line, what);
    show_text(run->report, "expected", wanted, at);
    show_text(run->report, "got     ", got, at);
    return false;
}

static void describe_closed(struct drive *d, struct text *closed)
{
    if ((d->requests & GATE_CLOSE_SERVER) != 0) {
        text_add(closed, SPAN("server\n"));
    }
    if ((d->requests & GATE_CLOSE_CLIENT) != 0) {
        text_printf(closed, "client%s%s\n", (d->requests & GATE_LINGER) != 0 ? " linger" : "",
                    (d->requests & GATE_RESET) != 0 ? " reset" : "");
    }
}

static void forget(struct drive *d)
{
    text_free(&d->got[GATE_CLIENT]);
    text_free(&d->got[GATE_SERVER]);
    text_free(&d->events);
    d->requests = 0;
}

/* Memory ran out in this step: what the client and the server saw is what they would have seen up
 * to some line, and then the client is told. So it never saw a reply that the server did not give.
 * Where nobody can be told, the connections are closed and that is all. */
static bool step_ended(struct run *run, const struct step *step)
{
    struct drive *d = &run->drive;
    struct span told = SPAN("421 4.3.1 gate.example Insufficient system resources\r\n");
    struct span client = text_span(&d->got[GATE_CLIENT]), server = text_span(&d->got[GATE_SERVER]);
    struct span wanted = text_span(&step->out[GATE_CLIENT].bytes);
    bool mute = gate_is_dark(d->gate) || d->eof[GATE_CLIENT];
    bool closed = d->closed[GATE_CLIENT] && d->closed[GATE_SERVER];

    run->over = true;
    if (!mute) {
        bool ends =
            client.len >= told.len && span_equal(span_from(client, client.len - told.len), told);
        client = ends ? span_head(client, client.len - told.len) : client;
        if (!ends) {
            report_where(run, step->line, "out of memory, and the client is not told");
            return false;
        }
    }
    bool line = client.len == 0 || client.ptr[client.len - 1] == '\n';
    if (common_length(wanted, client) < client.len || !line ||
        common_length(text_span(&step->out[GATE_SERVER].bytes), server) < server.len || !closed) {
        report_where(run, step->line,
                     closed ? "out of memory, and more was said than that"
                            : "out of memory, and a connection stays open");
        show_text(run->report, "to the client", client, 0);
        show_text(run->report, "to the server", server, 0);
        return false;
    }
    return true;
}

static bool step_check(struct run *run, const struct step *step)
{
    struct drive *d = &run->drive;
    struct text closed = {0};

    if (d->fault != NULL) {
        report_where(run, step->line, d->fault);
        return false;
    }
    if (d->out_of_memory) {
        return step_ended(run, step);
    }
    describe_closed(d, &closed);
    bool ok = same(run, step, &step->events, text_span(&d->events), "events differ") &&
              same(run, step, &step->out[GATE_CLIENT], text_span(&d->got[GATE_CLIENT]),
                   "what the client sees differs") &&
              same(run, step, &step->out[GATE_SERVER], text_span(&d->got[GATE_SERVER]),
                   "what the server sees differs") &&
              same(run, step, &step->closed, text_span(&closed), "what is closed differs");
    text_free(&closed);
    forget(d);
    return ok;
}

static void step_input(struct run *run, const struct step *step)
{
    struct span in = text_span(&step->input);
    size_t first = run->mode->octets ? 1 : run->mode->cut == step ? run->mode->at : in.len;

    while (in.len > 0) {
        size_t n = first < in.len ? first : in.len;
        drive_input(&run->drive, step->side, span_head(in, n));
        in = span_from(in, n);
        first = run->mode->octets ? 1 : in.len;
    }
}

static void step_happens(struct run *run, const struct step *step)
{
    struct drive *d = &run->drive;

    switch (step->kind) {
    case STEP_START:
        drive_start(d);
        if (step->ok) {
            drive_connected(d, true);
        }
        d->requests &= ~(unsigned)GATE_CONNECT;
        break;
    case STEP_CONNECT:
        drive_connected(d, step->ok);
        break;
    case STEP_INPUT:
        step_input(run, step);
        break;
    case STEP_WAIT:
        drive_wait(d, step->ms);
        break;
    case STEP_CLOSE:
        drive_eof(d, step->side);
        break;
    case STEP_DRAIN:
        drive_drain(d);
        break;
    }
}

/* Input for a connection that is closed is a mistake in the session. */
static bool step_possible(struct run *run, const struct step *step)
{
    const struct drive *d = &run->drive;

    if ((step->kind == STEP_INPUT || step->kind == STEP_CLOSE) &&
        (d->closed[step->side] || d->eof[step->side])) {
        report_where(run, step->line, "this connection is closed by now");
        return false;
    }
    return true;
}

/* Run a session once. */
static bool session_run(struct run *run)
{
    bool ok = true;

    mem_fail_at(run->mode->fail_at);
    if (!drive_begin(&run->drive, session_policy(run->session), &run->session->facts)) {
        ok = run->mode->fail_at > 0 && mem_requests() >= run->mode->fail_at;
        run->over = true;
    }
    run->drive.now = clock_of_runs += DAY;
    run->drive.other_first = run->mode->other_first;
    for (const struct step *step = run->session->steps; step != NULL && ok && !run->over;
         step = step->next) {
        ok = step_possible(run, step);
        if (ok) {
            run->drive.trace = step->trace;
            step_happens(run, step);
            ok = step_check(run, step);
        }
    }
    drive_end(&run->drive);
    return ok;
}

static bool session_once(const char *path, const struct session *session, const struct mode *mode,
                         struct text *report)
{
    struct run run = {.path = path, .session = session, .mode = mode, .report = report};
    bool ok = session_run(&run);

    mem_fail_at(0);
    return ok;
}

static bool run_whole(const char *path, const struct session *session, struct text *report)
{
    return session_once(path, session, &(struct mode){0}, report);
}

static bool run_bytes(const char *path, const struct session *session, struct text *report)
{
    return session_once(path, session, &(struct mode){.octets = true}, report);
}

static bool run_order(const char *path, const struct session *session, struct text *report)
{
    return session_once(path, session, &(struct mode){.other_first = true}, report) &&
           session_once(path, session, &(struct mode){.other_first = true, .octets = true}, report);
}

/* Is a block cut before this octet? A short one is, anywhere; a longer one near line ends, dots and
 * the steps of the body scanner; of a huge one, where it is always the same line, a sample. */
static bool is_cut(struct span in, size_t at)
{
    if (in.len > CUT_SOME) {
        return at % CUT_SAMPLE == 0;
    }
    if (in.len <= CUT_ALL || at % CUT_BLOCK < CUT_NEAR || at % CUT_BLOCK > CUT_BLOCK - CUT_NEAR) {
        return true;
    }
    for (size_t i = at - CUT_NEAR; i < at + CUT_NEAR && i < in.len; i++) {
        if (in.ptr[i] == '\r' || in.ptr[i] == '\n' || in.ptr[i] == '.') {
            return true;
        }
    }
    return false;
}

static bool run_cut(const char *path, const struct session *session, struct text *report)
{
    bool ok = true;

    for (const struct step *step = session->steps; step != NULL && ok; step = step->next) {
        for (size_t at = 1; at < step->input.len && ok && !step->opening; at++) {
            if (is_cut(text_span(&step->input), at)) {
                ok = session_once(path, session, &(struct mode){.cut = step, .at = at}, report);
            }
        }
    }
    return ok;
}

/* As long as there is an n-th request, one run in which it fails. */
static bool run_memory(const char *path, const struct session *session, struct text *report)
{
    bool ok = true;

    for (size_t n = 1; ok; n++) {
        struct mode mode = {.fail_at = n};
        struct run run = {.path = path, .session = session, .mode = &mode, .report = report};
        ok = session_run(&run);
        bool failed = mem_requests() >= n;
        mem_fail_at(0);
        if (!failed) {
            break;
        }
        if (ok && !run.over) {
            report_where(&run, session->line, "out of memory, and nobody noticed");
            ok = false;
        }
    }
    return ok;
}

static const struct {
    const char *name;
    bool (*run)(const char *path, const struct session *session, struct text *report);
} modes[] = {{"whole", run_whole},
             {"cut", run_cut},
             {"bytes", run_bytes},
             {"order", run_order},
             {"memory", run_memory}};

enum { MODES = sizeof(modes) / sizeof(modes[0]) };

/* One test point. Returns whether it failed. */
static unsigned point(unsigned *number, bool ok, const char *name, const struct text *report)
{
    printf("%sok %u - %s\n", ok ? "" : "not ", ++*number, name);
    if (!ok) {
        fwrite(report->ptr, 1, report->len, stdout);
    }
    fflush(stdout);
    return ok ? 0 : 1;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static unsigned file_run(const char *path, unsigned *number)
{
    struct session *sessions;
    struct text report = {0};
    unsigned failed = 0;
    char name[512];

    bool read = session_read(path, &sessions, &report);
    snprintf(name, sizeof(name), "%s can be read", base_name(path));
    failed += point(number, read, name, &report);
    for (const struct session *s = sessions; s != NULL && read; s = s->next) {
        for (unsigned m = 0; m < MODES; m++) {
            text_free(&report);
            bool ok = modes[m].run(path, s, &report);
            snprintf(name, sizeof(name), "%s:%u: %s [%s]", base_name(path), s->line, s->title,
                     modes[m].name);
            failed += point(number, ok, name, &report);
        }
    }
    session_free(&sessions);
    text_free(&report);
    return failed;
}

/* Is `name`.md one of the names? */
static bool is_listed(const char *file, char *const *names)
{
    size_t len = strlen(file) - 3;

    for (; *names != NULL; names++) {
        if (strlen(*names) == len && memcmp(*names, file, len) == 0) {
            return true;
        }
    }
    return false;
}

static unsigned folder_listed(const char *path, char *const *names, unsigned *number)
{
    struct text none = {0};
    unsigned failed = 0;
    DIR *dir = opendir(path);

    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        const char *file = entry->d_name;
        size_t len = strlen(file);
        if (len > 3 && strcmp(file + len - 3, ".md") == 0 && strcmp(file, "README.md") != 0) {
            failed += point(number, is_listed(file, names), file, &none);
        }
    }
    if (dir == NULL) {
        return point(number, false, path, &none);
    }
    closedir(dir);
    return failed;
}

int main(int argc, char **argv)
{
    unsigned number = 0, failed = 0;

    if (argc > 2 && strcmp(argv[1], "--listed") == 0) {
        failed = folder_listed(argv[2], argv + 3, &number);
    } else {
        for (int i = 1; i < argc; i++) {
            failed += file_run(argv[i], &number);
        }
    }
    printf("1..%u\n", number);
    return failed > 0 || number == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
