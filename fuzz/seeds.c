/*
 * Seeds for the fuzzers, made from the golden sessions: each session as a script for fuzz_gate,
 * each client's line for fuzz_command, each server's block for fuzz_reply, each client's block for
 * fuzz_body.
 *
 *     seeds FOLDER FILE.md...        writes FOLDER/gate/HASH, FOLDER/command/HASH, …
 */
#include "golden/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char *folder;

/* Files are named by their content, so that each is there once. */
static void write_seed(const char *kind, struct span bytes)
{
    uint64_t hash = 14695981039346656037u;
    char path[512];

    for (size_t i = 0; i < bytes.len; i++) {
        hash = (hash ^ bytes.ptr[i]) * 1099511628211u;
    }
    snprintf(path, sizeof(path), "%s/%s/%016llx", folder, kind, (unsigned long long)hash);
    FILE *out = fopen(path, "we");
    if (out == NULL || fwrite(bytes.ptr, 1, bytes.len, out) != bytes.len || fclose(out) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
}

/* The octets that make fuzz_gate choose this policy, as far as it has such a one, with its set
 * `rules` of rules. */
static void write_header(struct text *t, const struct policy *p, unsigned rules)
{
    unsigned char header[4] = {0};
    unsigned profiles = 0;

    while (strcmp(policy_profiles[header[0]].name, p->profile) != 0) {
        header[0]++;
    }
    for (unsigned i = 0; policy_event_words[i] != NULL; i++) {
        header[1] |= (unsigned char)(p->framing[policy_event(i)] << (2 * i));
    }
    header[2] =
        (unsigned char)((p->limits.command_line < 512 ? 1 : 0) |
                        (p->limits.pipeline < 100 ? 4 : 0) | (p->limits.recipients == 2 ? 8 : 0) |
                        (p->limits.message_size > 0 ? 64 : 0));
    struct policy plain;
    policy_begin(&plain, &policy_profiles[header[0]]);
    while (policy_profiles[profiles].name != NULL) {
        profiles++;
    }
    header[0] = (unsigned char)(header[0] + profiles * rules);
    header[3] = (unsigned char)(p->starttls | p->ehlo << 2 | (plain.checks & ~p->checks) << 4);
    text_add(t, span_of(header, sizeof(header)));
}

static void write_run(struct text *t, char letter, struct span bytes)
{
    text_add(t, SPAN("\xff"));
    text_add(t, span_of(&letter, 1));
    for (size_t i = 0; i < bytes.len; i++) {
        text_add(t, bytes.ptr[i] == 0xff ? SPAN("\xff"
                                                "f\xff"
                                                "c")
                                         : span_of(bytes.ptr + i, 1));
    }
}

static void write_input(const struct step *step)
{
    struct span rest = text_span(&step->input);
    struct text body = {0};

    if (step->side == GATE_SERVER) {
        write_seed("reply", rest);
        return;
    }
    text_add(&body, SPAN("\0\0"));
    text_add(&body, rest);
    write_seed("body", text_span(&body));
    text_free(&body);
    while (rest.len > 0) {
        size_t lf = span_find(rest, '\n');
        size_t end = lf > 0 && lf < rest.len && rest.ptr[lf - 1] == '\r' ? lf - 1 : lf;
        write_seed("command", span_head(rest, end));
        rest = span_from(rest, lf < rest.len ? lf + 1 : lf);
    }
}

static void write_step(struct text *t, const struct step *step)
{
    switch (step->kind) {
    case STEP_START:
        if (step->ok) {
            write_run(t, 'k', span_of(NULL, 0));
        }
        break;
    case STEP_CONNECT:
        write_run(t, step->ok ? 'k' : 'K', span_of(NULL, 0));
        break;
    case STEP_INPUT:
        write_run(t, step->side == GATE_CLIENT ? 'c' : 's', text_span(&step->input));
        write_input(step);
        break;
    case STEP_WAIT:
        write_run(t, 'w', span_of("\x13", 1));
        break;
    case STEP_CLOSE:
        write_run(t, step->side == GATE_CLIENT ? 'C' : 'S', span_of(NULL, 0));
        break;
    case STEP_DRAIN:
        write_run(t, 'd', span_of(NULL, 0));
        break;
    }
}

static void write_session(const struct session *session, unsigned rules)
{
    enum { SEED_MAX = 4096 }; /* longer ones only make the fuzzer slow */
    struct text t = {0};

    write_header(&t, session_policy(session), rules);
    for (const struct step *step = session->steps; step != NULL; step = step->next) {
        if (step->input.len <= SEED_MAX) {
            write_step(&t, step);
        }
    }
    if (t.len <= SEED_MAX) {
        write_seed("gate", text_span(&t));
    }
    text_free(&t);
}

static void make_folder(const char *kind)
{
    char path[512];

    snprintf(path, sizeof(path), "%s%s%s", folder, kind[0] != '\0' ? "/" : "", kind);
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        perror(path);
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv)
{
    static const char *const kinds[] = {"", "gate", "command", "reply", "body"};

    if (argc < 3) {
        fputs("usage: seeds FOLDER FILE.md...\n", stderr);
        return 64;
    }
    folder = argv[1];
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        make_folder(kinds[i]);
    }
    unsigned rules = 0;
    for (int i = 2; i < argc; i++) {
        struct session *sessions;
        struct text errors = {0};
        if (!session_read(argv[i], &sessions, &errors)) {
            fwrite(errors.ptr, 1, errors.len, stderr);
            return EXIT_FAILURE;
        }
        for (const struct session *s = sessions; s != NULL; s = s->next) {
            write_session(s, 0);
            write_session(s, 1 + rules++ % 4);
        }
        session_free(&sessions);
        text_free(&errors);
    }
    return EXIT_SUCCESS;
}
