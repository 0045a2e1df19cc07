/*
 * sink: its dialogue against a Maildir. Each vector is fed whole, cut in two at every octet, and an
 * octet at a time; the replies and the messages must be the same.
 */
#include "base/mem.h"
#include "sink/dialogue.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>

enum { MESSAGES_MAX = 4, REPLIES_MAX = 4096 };

struct world {
    char path[64];
    struct sink_maildir maildir;
    struct sink_site site;
};

/* What a dialogue gave. */
struct outcome {
    char replies[REPLIES_MAX]; /* "220|250|250 2.1.0|": the last line of each, code and class */
    struct buf messages[MESSAGES_MAX]; /* in the order of their names, without trace headers */
    struct buf traces[MESSAGES_MAX];
    size_t message_count;
    bool closed;
};

static int world_begin(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    /* In memory: thousands of messages are forced to this disk. */
    snprintf(w->path, sizeof(w->path), "/dev/shm/test-sink-XXXXXX");
    assert_non_null(mkdtemp(w->path));
    assert_true(sink_maildir_open(&w->maildir, w->path, "sink.test"));
    w->site = (struct sink_site){.maildir = &w->maildir, .hostname = "sink.test", .size_max = 1000};
    *state = w;
    return 0;
}

/* Remove all files of a folder; returns how many there were. */
static size_t folder_empty(const char *path, const char *name)
{
    char folder[128];
    size_t count = 0;

    snprintf(folder, sizeof(folder), "%s/%s", path, name);
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] != '.') {
            assert_int_equal(unlinkat(dirfd(dir), entry->d_name, 0), 0);
            count++;
        }
    }
    closedir(dir);
    return count;
}

static int world_end(void **state)
{
    struct world *w = *state;
    static const char *const folders[] = {"tmp", "new", "cur"};

    for (size_t i = 0; i < 3; i++) {
        char folder[128];
        folder_empty(w->path, folders[i]);
        snprintf(folder, sizeof(folder), "%s/%s", w->path, folders[i]);
        rmdir(folder);
    }
    rmdir(w->path);
    sink_maildir_close(&w->maildir);
    free(w);
    return 0;
}

/* Names of one process sort by their counter, which is what stands behind "Q". */
static int by_counter(const struct dirent **a, const struct dirent **b)
{
    unsigned long x = strtoul(strchr((*a)->d_name, 'Q') + 1, NULL, 10);
    unsigned long y = strtoul(strchr((*b)->d_name, 'Q') + 1, NULL, 10);
    return (x > y) - (x < y);
}

static int is_message(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Cut a file into trace headers and message: Received: is the last header, of two lines. */
static void message_read(struct outcome *o, const char *path)
{
    static unsigned char text[65536];
    int fd = open(path, O_RDONLY);
    ssize_t len = read(fd, text, sizeof(text));

    assert_true(len > 0);
    close(fd);
    unsigned char *received = memmem(text, (size_t)len, "Received: ", 10);
    assert_non_null(received);
    unsigned char *end = memmem(received, (size_t)(text + len - received), " +0000\r\n", 8);
    assert_non_null(end);
    end += 8;
    size_t i = o->message_count++;
    assert_true(i < MESSAGES_MAX);
    assert_true(buf_append(&o->traces[i], span_of(text, (size_t)(end - text))));
    assert_true(buf_append(&o->messages[i], span_of(end, (size_t)(text + len - end))));
}

static void messages_read(struct world *w, struct outcome *o)
{
    struct dirent **entries;
    char folder[128], path[512];

    snprintf(folder, sizeof(folder), "%s/new", w->path);
    int count = scandir(folder, &entries, is_message, by_counter);
    assert_true(count >= 0);
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        message_read(o, path);
        free(entries[i]);
    }
    free(entries);
    folder_empty(w->path, "new");
    assert_int_equal(folder_empty(w->path, "tmp"), 0);
}

static void outcome_free(struct outcome *o)
{
    for (size_t i = 0; i < MESSAGES_MAX; i++) {
        buf_free(&o->messages[i]);
        buf_free(&o->traces[i]);
    }
}

/* Add what was said: of each reply's last line the code and the enhanced code. */
static void replies_add(struct outcome *o, struct buf *out)
{
    while (buf_len(out) > 0) {
        struct span line = buf_span(out);
        size_t lf = span_find(line, '\n');
        assert_true(lf < line.len && lf >= 4 && line.ptr[lf - 1] == '\r');
        if (line.ptr[3] != '-') {
            bool enhanced = ascii_is_digit(line.ptr[4]) && line.ptr[5] == '.';
            size_t used = strlen(o->replies);
            snprintf(o->replies + used, sizeof(o->replies) - used, "%.*s|", enhanced ? 9 : 3,
                     (const char *)line.ptr);
        }
        buf_consume(out, lf + 1);
    }
}

/* Feed `in` in steps: first `first` octets, then `step` at a time. */
static void feed(struct world *w, struct span in, size_t first, size_t step, struct outcome *o)
{
    struct sink_dialogue d;
    struct buf kept = {0};

    *o = (struct outcome){.message_count = 0};
    assert_true(sink_dialogue_begin(&d, &w->site, "192.0.2.1"));
    replies_add(o, &d.out);
    for (size_t at = 0; at < in.len && !d.closing;) {
        size_t n = at == 0 && first > 0 ? first : step;
        n = n < in.len - at ? n : in.len - at;
        assert_true(buf_append(&kept, span_of(in.ptr + at, n)));
        at += n;
        size_t used;
        do {
            used = sink_dialogue_input(&d, buf_span(&kept));
            buf_consume(&kept, used);
            replies_add(o, &d.out);
        } while (used > 0 && !d.closing);
        assert_true(buf_len(&kept) < SINK_LINE_MAX);
    }
    o->closed = d.closing;
    sink_dialogue_end(&d);
    buf_free(&kept);
    messages_read(w, o);
}

/* A vector: what goes in, and what must come out, up to two messages. */
struct vector {
    struct span in;
    const char *replies;
    size_t message_count;
    struct span messages[2];
    bool closed;
};

static void vector_check(struct world *w, const struct vector *v, size_t first, size_t step)
{
    struct outcome o;

    feed(w, v->in, first, step, &o);
    assert_string_equal(o.replies, v->replies);
    assert_int_equal(o.message_count, v->message_count);
    for (size_t i = 0; i < v->message_count; i++) {
        assert_int_equal(buf_len(&o.messages[i]), v->messages[i].len);
        assert_memory_equal(buf_span(&o.messages[i]).ptr != NULL ? buf_span(&o.messages[i]).ptr
                                                                 : (const unsigned char *)"",
                            v->messages[i].ptr, v->messages[i].len);
    }
    assert_int_equal(o.closed, v->closed);
    outcome_free(&o);
}

static void check(void **state, const struct vector *v)
{
    vector_check(*state, v, 0, v->in.len);
    vector_check(*state, v, 0, 1);
    for (size_t cut = 1; cut < v->in.len; cut++) {
        vector_check(*state, v, cut, v->in.len);
    }
}

#define OPEN         "EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"
#define OPEN_REPLIES "220|250|250 2.1.0|250 2.1.5|"
#define TAKEN        "250 2.0.0|"

static void data_keeps_every_octet(void **state)
{
    check(state, &(struct vector){
                     .in = SPAN(OPEN "DATA\r\nS: x\r\n\r\nbare\rcr\nlf \0nul\r\r\n\xff\r\n.\r\n"),
                     .replies = OPEN_REPLIES "354|" TAKEN,
                     .message_count = 1,
                     .messages = {SPAN("S: x\r\n\r\nbare\rcr\nlf \0nul\r\r\n\xff\r\n")}});
}

static void data_unstuffs_behind_crlf_only(void **state)
{
    check(state,
          &(struct vector){.in = SPAN(OPEN "DATA\r\n..\r\n...x\r\n.y\r\n\n..\n.z\r.\r..\r\n.\r\n"),
                           .replies = OPEN_REPLIES "354|" TAKEN,
                           .message_count = 1,
                           .messages = {SPAN(".\r\n..x\r\ny\r\n\n..\n.z\r.\r..\r\n")}});
}

static void data_ends_at_crlf_dot_crlf_only(void **state)
{
    check(
        state,
        &(struct vector){
            .in =
                SPAN(OPEN "DATA\r\n1\n.\n2\n.\r\n3\r\n.\n4\r.\r5\r\n.\r6\r.\r\n7\r\n.\0\r\n8\n\r\n"
                          "\r\n.\r\nQUIT\r\n"),
            .replies = OPEN_REPLIES "354|" TAKEN "221 2.0.0|",
            .message_count = 1,
            .messages = {SPAN("1\n.\n2\n.\r\n3\r\n\n4\r.\r5\r\n\r6\r.\r\n7\r\n\0\r\n8\n\r\n\r\n")},
            .closed = true});
}

static void data_may_be_empty(void **state)
{
    check(state,
          &(struct vector){.in = SPAN(OPEN "DATA\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<e@f>\r\n"
                                           "DATA\r\n\r\n.\r\n"),
                           .replies = OPEN_REPLIES "354|" TAKEN "250 2.1.0|250 2.1.5|354|" TAKEN,
                           .message_count = 2,
                           .messages = {SPAN(""), SPAN("\r\n")}});
}

static void data_above_size_is_refused_at_its_end(void **state)
{
    struct buf in = {0};
    struct vector v = {.replies = OPEN_REPLIES "354|552 5.3.4|" /* and the session goes on: */
                                               "250 2.1.0|250 2.1.5|354|" TAKEN,
                       .message_count = 1,
                       .messages = {SPAN("ok\r\n")}};

    assert_true(buf_append(&in, SPAN(OPEN "DATA\r\n")));
    for (size_t i = 0; i < 101; i++) {
        assert_true(buf_append(&in, SPAN("12345678\r\n")));
    }
    assert_true(buf_append(&in, SPAN(".\r\nMAIL FROM:<>\r\nRCPT TO:<e@f>\r\nDATA\r\nok\r\n.\r\n")));
    v.in = buf_span(&in);
    check(state, &v);
    buf_free(&in);
}

static void data_of_just_the_size_is_taken(void **state)
{
    struct buf in = {0};
    struct vector v = {.replies = OPEN_REPLIES "354|" TAKEN, .message_count = 1};

    assert_true(buf_append(&in, SPAN(OPEN "DATA\r\n")));
    for (size_t i = 0; i < 100; i++) {
        assert_true(buf_append(&in, SPAN("..234567\r\n."))); /* stuffed dots do not count */
    }
    assert_true(buf_append(&in, SPAN("\r\n")));
    v.in = buf_span(&in);
    struct outcome o;
    feed(*state, v.in, 0, 7, &o);
    assert_string_equal(o.replies, v.replies);
    assert_int_equal(o.message_count, 1);
    /* ".234567" and its line end, then 99 times the same behind a dot taken away */
    assert_int_equal(buf_len(&o.messages[0]), 99 * 10 + 9);
    outcome_free(&o);
    buf_free(&in);
}

static void bdat_keeps_every_octet(void **state)
{
    check(state, &(struct vector){.in = SPAN(OPEN "BDAT 7\r\n.\r\n.\r\n\rBDAT 0\r\nBDAT 5 LAST\r\n"
                                                  "\n..\0\rNOOP\r\n"),
                                  .replies = OPEN_REPLIES TAKEN TAKEN TAKEN TAKEN,
                                  .message_count = 1,
                                  .messages = {SPAN(".\r\n.\r\n\r\n..\0\r")}});
}

static void bdat_last_may_be_empty(void **state)
{
    check(state, &(struct vector){.in = SPAN(OPEN "BDAT 2\r\nabBDAT 0 LAST\r\nMAIL FROM:<>\r\n"
                                                  "RCPT TO:<e@f>\r\nBDAT 0 LAST\r\n"),
                                  .replies = OPEN_REPLIES TAKEN TAKEN "250 2.1.0|250 2.1.5|" TAKEN,
                                  .message_count = 2,
                                  .messages = {SPAN("ab"), SPAN("")}});
}

static void bdat_refused_is_consumed(void **state)
{
    check(state,
          &(struct vector){.in = SPAN("EHLO c\r\nBDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\n"
                                      "MAIL FROM:<>\r\nBDAT 6\r\nQUIT\r\nRCPT TO:<e@f>\r\n"
                                      "BDAT 3\r\nabcDATA\r\nBDAT 1001\r\n"),
                           .replies = "220|250|503 5.5.1|503 5.5.1|250 2.1.0|503 5.5.1|250 2.1.5|"
                                      "250 2.0.0|503 5.5.1|"});
}

static void bdat_after_a_failed_chunk_needs_rset(void **state)
{
    struct buf in = {0};
    struct vector v = {.replies = OPEN_REPLIES "552 5.3.4|503 5.5.1|503 5.5.1|" /* BDAT, DATA */
                                               "250 2.0.0|250 2.1.0|250 2.1.5|" TAKEN,
                       .message_count = 1,
                       .messages = {SPAN("ab")}};

    assert_true(buf_append(&in, SPAN(OPEN "BDAT 1001\r\n")));
    for (size_t i = 0; i < 1001; i++) {
        assert_true(buf_append(&in, SPAN("\n")));
    }
    assert_true(buf_append(&in, SPAN("BDAT 1\r\nxBDAT 1\r\nyRSET\r\nMAIL FROM:<>\r\n"
                                     "RCPT TO:<e@f>\r\nBDAT 2 LAST\r\nab")));
    v.in = buf_span(&in);
    check(state, &v);
    buf_free(&in);
}

static void bdat_last_that_fails_ends_the_transaction(void **state)
{
    struct buf in = {0};
    struct vector v = {.replies = OPEN_REPLIES "552 5.3.4|503 5.5.1|250 2.1.0|"};

    assert_true(buf_append(&in, SPAN(OPEN "BDAT 1001 LAST\r\n")));
    for (size_t i = 0; i < 1001; i++) {
        assert_true(buf_append(&in, SPAN("\n")));
    }
    assert_true(buf_append(&in, SPAN("RCPT TO:<e@f>\r\nMAIL FROM:<>\r\n")));
    v.in = buf_span(&in);
    check(state, &v);
    buf_free(&in);
}

static void bdat_malformed_ends_the_session(void **state)
{
    check(state, &(struct vector){.in = SPAN(OPEN "BDAT x\r\n"),
                                  .replies = OPEN_REPLIES "501 5.5.4|",
                                  .closed = true});
}

static void sequence_is_enforced(void **state)
{
    check(state, &(struct vector){
                     .in = SPAN("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nRSET\r\nHELO c\r\n"
                                "RCPT TO:<c@d>\r\nDATA\r\nMAIL FROM:<a@b>\r\nDATA\r\n"
                                "MAIL FROM:<a@b>\r\nRSET\r\nRCPT TO:<c@d>\r\nMAIL FROM:<a@b>\r\n"
                                "RCPT TO:<c@d>\r\nEHLO c\r\nDATA\r\n"),
                     .replies = "220|503 5.5.1|503 5.5.1|503 5.5.1|250 2.0.0|250|"
                                "503 5.5.1|503 5.5.1|250 2.1.0|503 5.5.1|"
                                "503 5.5.1|250 2.0.0|503 5.5.1|250 2.1.0|"
                                "250 2.1.5|250|503 5.5.1|"});
}

static void commands_are_checked(void **state)
{
    check(state, &(struct vector){
                     .in = SPAN("\r\nXYZZY\r\nEHLO\r\nNOOP x\n\nNO\0OP\r\nSTARTTLS\r\nEXPN x\r\n"
                                "HELO c\r\nMAIL TO:<a@b>\r\nMAIL FROM:<a@\r\nMAIL FROM:a b\r\n"
                                "RSET x\r\nVRFY\r\nVRFY x\r\nHELP\r\nNOOP x\r\n"),
                     .replies = "220|500 5.5.2|500 5.5.2|501 5.5.4|500 5.5.2|500 5.5.2|500 5.5.2|"
                                "502 5.5.1|502 5.5.1|250|501 5.5.4|501 5.1.7|555 5.5.4|"
                                "501 5.5.4|501 5.5.4|252 2.0.0|214 2.0.0|250 2.0.0|"});
}

static void parameters_are_checked(void **state)
{
    check(state,
          &(struct vector){
              .in = SPAN("EHLO c\r\nMAIL FROM:<a@b> SIZE=1001\r\nMAIL FROM:<a@b> SIZE\r\n"
                         "MAIL FROM:<a@b> SIZE=1 SIZE=1\r\nMAIL FROM:<a@b> BODY=X\r\n"
                         "MAIL FROM:<a@b> SMTPUTF8=1\r\nMAIL FROM:<a@b> AUTH=<>\r\n"
                         "MAIL FROM:<a@b> RET=X\r\nMAIL FROM:<a@b> ENVID=+ZZ\r\n"
                         "MAIL FROM:<\xc3\xa4@b>\r\n"
                         "MAIL FROM:<a@b> SIZE=1000 BODY=8BITMIME RET=HDRS ENVID=a+2Bb\r\n"
                         "RCPT TO:<c@d> NOTIFY=NEVER,DELAY\r\nRCPT TO:<c@d> ORCPT=rfc822\r\n"
                         "RCPT TO:<\xc3\xa4@b>\r\nRCPT TO:<c@d> SIZE=1\r\n"
                         "RCPT TO:<c@d> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;c+40d\r\n"),
              .replies = "220|250|552 5.3.4|501 5.5.4|501 5.5.4|501 5.5.4|501 5.5.4|555 5.5.4|"
                         "501 5.5.4|501 5.5.4|553 5.6.7|250 2.1.0|501 5.5.4|501 5.5.4|553 5.6.7|"
                         "555 5.5.4|250 2.1.5|"});
}

static void parameters_need_ehlo(void **state)
{
    check(state, &(struct vector){.in = SPAN("HELO c\r\nMAIL FROM:<a@b> SIZE=1\r\n"
                                             "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 1\r\nx"),
                                  .replies = "220|250|555 5.5.4|250 2.1.0|250 2.1.5|503 5.5.1|"});
}

static void a_refused_mail_leaves_no_parameter_behind(void **state)
{
    /* SMTPUTF8 and BINARYMIME of the refused one may not count for the next. */
    check(state,
          &(struct vector){.in = SPAN("EHLO c\r\nMAIL FROM:<> BODY=BINARYMIME SMTPUTF8 X=1\r\n"
                                      "MAIL FROM:<>\r\nRCPT TO:<\xc3\xa4@b>\r\n"
                                      "RCPT TO:<c@d>\r\nDATA\r\n.\r\n"),
                           .replies = "220|250|555 5.5.4|250 2.1.0|553 5.6.7|250 2.1.5|354|" TAKEN,
                           .message_count = 1,
                           .messages = {SPAN("")}});
}

static void binary_mime_needs_chunks(void **state)
{
    check(state, &(struct vector){.in = SPAN("EHLO c\r\nMAIL FROM:<> BODY=BINARYMIME\r\n"
                                             "RCPT TO:<c@d>\r\nDATA\r\nBDAT 3 LAST\r\n\0\n\r"),
                                  .replies = "220|250|250 2.1.0|250 2.1.5|503 5.5.1|" TAKEN,
                                  .message_count = 1,
                                  .messages = {SPAN("\0\n\r")}});
}

static void long_lines_are_skipped_whole(void **state)
{
    struct buf in = {0};
    struct vector v = {.replies = "220|500 5.5.6|250 2.0.0|500 5.5.6|250 2.0.0|"};

    for (size_t round = 0; round < 2; round++) {
        assert_true(buf_append(&in, SPAN("NOOP ")));
        for (size_t i = 0; i < (round + 1) * SINK_LINE_MAX; i++) {
            assert_true(buf_append(&in, SPAN("x")));
        }
        assert_true(buf_append(&in, SPAN("\r\nNOOP\r\n")));
    }
    v.in = buf_span(&in);
    for (size_t step = 1; step < 5000; step += 499) {
        vector_check(*state, &v, 0, step);
    }
    buf_free(&in);
}

static void errors_end_the_session(void **state)
{
    struct buf in = {0};
    char replies[512] = "220|";
    struct outcome o;

    for (size_t i = 0; i < SINK_ERRORS_MAX + 5; i++) {
        assert_true(buf_append(&in, SPAN("XYZZY\r\n")));
    }
    for (size_t i = 0; i < SINK_ERRORS_MAX - 1; i++) {
        snprintf(replies + strlen(replies), sizeof(replies) - strlen(replies), "500 5.5.2|");
    }
    snprintf(replies + strlen(replies), sizeof(replies) - strlen(replies), "421 4.7.0|");
    feed(*state, buf_span(&in), 0, 1000, &o);
    assert_string_equal(o.replies, replies);
    assert_true(o.closed);
    outcome_free(&o);
    buf_free(&in);
}

static void replies_stop_the_reading(void **state)
{
    struct world *w = *state;
    struct sink_dialogue d;
    struct buf in = {0};

    for (size_t i = 0; i < 10000; i++) {
        assert_true(buf_append(&in, SPAN("NOOP\r\n")));
    }
    assert_true(sink_dialogue_begin(&d, &w->site, "192.0.2.1"));
    size_t used = sink_dialogue_input(&d, buf_span(&in));
    assert_true(used < buf_len(&in));
    assert_in_range(buf_len(&d.out), SINK_REPLIES_MAX, SINK_REPLIES_MAX + 100);
    buf_consume(&d.out, buf_len(&d.out));
    assert_true(sink_dialogue_input(&d, span_from(buf_span(&in), used)) > 0);
    sink_dialogue_end(&d);
    buf_free(&in);
}

static void trace_headers_tell_the_envelope(void **state)
{
    struct outcome o;

    feed(*state,
         SPAN("EHLO we(ird\r\nMAIL FROM:<\"a b\"@c> SMTPUTF8\r\nRCPT TO:<d@e>\r\n"
              "RCPT TO:<@r:Postmaster@f>\r\nDATA\r\n.\r\n"),
         0, 1000, &o);
    assert_int_equal(o.message_count, 1);
    static const char expected[] = "Return-Path: <\"a b\"@c>\r\n"
                                   "Delivered-To: d@e\r\n"
                                   "Delivered-To: Postmaster@f\r\n"
                                   "Received: from we?ird ([192.0.2.1])\r\n"
                                   "\tby sink.test with UTF8SMTP; ";
    assert_true(buf_len(&o.traces[0]) > sizeof(expected));
    assert_memory_equal(buf_span(&o.traces[0]).ptr, expected, sizeof(expected) - 1);
    outcome_free(&o);
}

static void a_vanished_client_leaves_nothing(void **state)
{
    check(state,
          &(struct vector){.in = SPAN(OPEN "DATA\r\nx\r\n."), .replies = OPEN_REPLIES "354|"});
    check(state, &(struct vector){.in = SPAN(OPEN "BDAT 3\r\nabcBDAT 2 LAST\r\nd"),
                                  .replies = OPEN_REPLIES TAKEN});
}

/* Whichever request for memory fails, only messages that are there have been acknowledged. */
static void memory_may_run_out_anywhere(void **state)
{
    struct world *w = *state;
    const struct span in =
        SPAN(OPEN "DATA\r\nx\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<e@f>\r\nBDAT 2 LAST\r\nabQUIT\r\n");
    size_t requests = 1;
    uint64_t taken = 0;

    for (size_t n = 1; n <= requests + 1; n++) { /* the last one does not fail */
        struct sink_dialogue d;
        struct outcome o = {.message_count = 0};

        mem_fail_at(n);
        uint64_t before = w->site.messages;
        bool begun = sink_dialogue_begin(&d, &w->site, "192.0.2.1");
        struct span rest = in;
        for (size_t used = 1; begun && used > 0 && !d.closing;) {
            used = sink_dialogue_input(&d, rest);
            rest = span_from(rest, used);
        }
        requests = mem_requests() > requests ? mem_requests() : requests;
        mem_fail_at(0);
        taken = w->site.messages - before;
        sink_dialogue_end(&d);
        messages_read(w, &o);
        assert_int_equal(o.message_count, taken);
        outcome_free(&o);
    }
    assert_true(requests > 5);
    assert_int_equal(taken, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_keeps_every_octet),
        cmocka_unit_test(data_unstuffs_behind_crlf_only),
        cmocka_unit_test(data_ends_at_crlf_dot_crlf_only),
        cmocka_unit_test(data_may_be_empty),
        cmocka_unit_test(data_above_size_is_refused_at_its_end),
        cmocka_unit_test(data_of_just_the_size_is_taken),
        cmocka_unit_test(bdat_keeps_every_octet),
        cmocka_unit_test(bdat_last_may_be_empty),
        cmocka_unit_test(bdat_refused_is_consumed),
        cmocka_unit_test(bdat_after_a_failed_chunk_needs_rset),
        cmocka_unit_test(bdat_last_that_fails_ends_the_transaction),
        cmocka_unit_test(bdat_malformed_ends_the_session),
        cmocka_unit_test(sequence_is_enforced),
        cmocka_unit_test(commands_are_checked),
        cmocka_unit_test(parameters_are_checked),
        cmocka_unit_test(parameters_need_ehlo),
        cmocka_unit_test(a_refused_mail_leaves_no_parameter_behind),
        cmocka_unit_test(binary_mime_needs_chunks),
        cmocka_unit_test(long_lines_are_skipped_whole),
        cmocka_unit_test(errors_end_the_session),
        cmocka_unit_test(replies_stop_the_reading),
        cmocka_unit_test(trace_headers_tell_the_envelope),
        cmocka_unit_test(a_vanished_client_leaves_nothing),
        cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, world_begin, world_end);
}
