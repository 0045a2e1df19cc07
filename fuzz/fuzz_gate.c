/*
 * The whole engine: a script says what either side sends, in what order, when time passes and who
 * closes, under a policy of its choice.
 *
 *   input  = profile framing limits switches *run       profile: with one of the sets of rules
 *   run    = 0xFF letter octets         'c' from the client, 's' from the server; or, without
 *                                       octets, 'C' 'S' end of a side, 'k' 'K' connection made or
 *                                       failed, 'd' drain, 'w' time; 'f' is an octet 0xFF
 *
 * Each script runs whole, an octet at a time and in pieces of some other size; what comes out must
 * be the same. Beside that and what the sanitizers see:
 *   - the engine keeps its contract with its caller (tests/golden/drive.c);
 *   - what the server gets is what the policy allows (shadow.c), unless the policy is to alter
 *     nothing;
 *   - the client is shown no 2yz that the server has not said;
 *   - what the engine leaves with its caller while it wants more is bounded.
 */
#include "config/parse.h"
#include "golden/drive.h"
#include "shadow.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADER = 4, CLIENT_KEPT_MAX = 32768, SERVER_KEPT_MAX = 60000 };

static const struct gate_facts facts = {.hostname = {(const unsigned char *)"gate.example", 12}};

static void fail(const char *what)
{
    fprintf(stderr, "fuzz_gate: %s\n", what);
    abort();
}

/* Sets of rules, with some at each stage and each action but `limit`, which remembers sessions. */
static const char *const rules[] = {
    "",
    "when rcpt.count > 1 reject \"452 4.5.3 Enough\"\n"
    "when mail.from ~ \"a@\" and esmtp tempfail\n"
    "when header.line.length > 40 reject\n"
    "when header(\"Subject\") ~ \"x\"i reject \"550 5.7.1 Not that\"\n"
    "when message.size > 30 tempfail\n"
    "when body.8bit log reject\n",
    "when helo = c delay 1s\n"
    "when session.errors >= 2 close\n"
    "when offer.keyword = SIZE hide\n"
    "when offer.keyword = CHUNKING mask\n"
    "when verb = NOOP mask\n"
    "when verb = RSET noop\n"
    "when greeting ~ \"ESMTP\" mask\n"
    "when reply.code = 554 close\n",
    "when client.port = 0 delay 2s\n"
    "when verb = HELP drop\n"
    "when command.unknown reset\n"
    "when auth.mechanism = LOGIN reject\n"
    "when verb = DATA and rcpt.rejected > 0 reject\n"
    "when mime.parts > 1 reject\n"
    "when attachment.extension = exe close\n"
    "when body.length > 50 reset\n",
    "when verb = BDAT delay 1s\n"
    "when verb = DATA delay 1s\n"
    "when message.size < 10 close\n"
    "when header.count = 0 drop\n"
    "when mail.body = BINARYMIME allow\n"
    "when reply.text ~ \"ok\" log close\n",
};

enum { RULES = sizeof(rules) / sizeof(rules[0]), PROFILES_MAX = 16 };

/* A profile with a set of rules. Configurations are read once, and never freed. */
static const struct policy *policy_read(unsigned profile, unsigned set)
{
    static struct config *read[PROFILES_MAX][RULES];

    if (read[profile][set] == NULL) {
        struct text source = {0};
        text_printf(&source,
                    "listener l { listen 127.0.0.1:25; backend b; policy p }\n"
                    "backend b { server 127.0.0.1:25 }\n"
                    "policy p {\nprofile %s\n%s}\n",
                    policy_profiles[profile].name, rules[set]);
        read[profile][set] = config_parse("rules", text_span(&source), stderr);
        text_free(&source);
    }
    if (read[profile][set] == NULL) {
        fail("rules that cannot be read");
    }
    return &read[profile][set]->policies->policy;
}

/* The policy of a script's first octets; fuzz/seeds.c writes them. */
static void policy_choose(struct policy *policy, const uint8_t *header)
{
    unsigned count = 0;

    while (policy_profiles[count].name != NULL) {
        count++;
    }
    *policy = *policy_read(header[0] % count, header[0] / count % RULES);
    for (unsigned i = 0; policy_event_words[i] != NULL; i++) {
        policy_set_framing(policy, policy_event(i),
                           (enum policy_framing)(header[1] >> (2 * i) & 3));
    }
    if ((header[2] & 1) != 0) {
        policy->limits.command_line = 64;
        policy->limits.auth_line = 64;
        policy->limits.text_line = 78;
        policy->limits.reply_line = 64;
    }
    policy->limits.reply_lines = (header[2] & 2) != 0 ? 3 : policy->limits.reply_lines;
    policy->limits.pipeline = (header[2] & 4) != 0 ? 2 : policy->limits.pipeline;
    policy->limits.recipients = (header[2] & 8) != 0 ? 2 : policy->limits.recipients;
    policy->limits.errors = (header[2] & 16) != 0 ? 2 : (header[2] & 32) != 0 ? 0 : 20;
    policy->limits.message_size = (header[2] & 64) != 0 ? 20 : 0;
    policy->starttls = (uint8_t)((header[3] & 3) % 3);
    policy->ehlo = (uint8_t)((header[3] >> 2 & 3) % 3);
    policy->checks &= (uint8_t) ~(header[3] >> 4);
}

/* One run of a script. */
struct op {
    uint8_t letter;
    struct span bytes;
};

/* Cut the next run off `*script`. False at its end. */
static bool op_next(struct span *script, struct op *op_r)
{
    while (script->len > 0 && script->ptr[0] != 0xff) {
        *script = span_from(*script, 1);
    }
    if (script->len < 2) {
        return false;
    }
    op_r->letter = script->ptr[1];
    *script = span_from(*script, 2);
    size_t len = span_find(*script, 0xff);
    op_r->bytes = span_head(*script, len);
    *script = span_from(*script, len);
    return true;
}

static void op_input(struct drive *d, struct shadow *s, enum gate_side side, struct span bytes,
                     size_t step)
{
    if (side == GATE_SERVER && s != NULL && !d->closed[side] && !d->eof[side]) {
        shadow_said(s, bytes);
    }
    drive_trickle(d, side, bytes, step > 0 ? step : bytes.len);
}

static void op_run(struct drive *d, struct shadow *s, const struct op *op, size_t step)
{
    switch (op->letter) {
    case 'c':
        op_input(d, s, GATE_CLIENT, op->bytes, step);
        break;
    case 's':
        op_input(d, s, GATE_SERVER, op->bytes, step);
        break;
    case 'f':
        op_input(d, s, GATE_CLIENT, SPAN("\xff"), step);
        break;
    case 'C':
        drive_eof(d, GATE_CLIENT);
        break;
    case 'S':
        drive_eof(d, GATE_SERVER);
        break;
    case 'k':
    case 'K':
        drive_connected(d, op->letter == 'k');
        break;
    case 'd':
        drive_drain(d);
        break;
    case 'w':
        drive_wait(d, op->bytes.len > 0 ? (uint64_t)1 << (op->bytes.ptr[0] % 24) : 1000);
        break;
    default:
        break;
    }
}

static void check_bounds(const struct drive *d)
{
    if (d->fault != NULL) {
        fail(d->fault);
    }
    if (gate_wants(d->gate, GATE_CLIENT) && d->kept[GATE_CLIENT].len > CLIENT_KEPT_MAX) {
        fail("the client is read, and nothing of it is taken");
    }
    if (d->kept[GATE_SERVER].len > SERVER_KEPT_MAX) {
        fail("the server is read, and nothing of it is taken");
    }
}

/* Judge what a run brought forth, and add it to the transcript. */
static void take_results(struct drive *d, struct shadow *s, struct text *transcript)
{
    const char *wrong = NULL;

    if (s != NULL && !gate_is_dark(d->gate)) {
        wrong = shadow_got(s, text_span(&d->got[GATE_SERVER]));
        wrong = wrong != NULL ? wrong : shadow_shown(s, text_span(&d->got[GATE_CLIENT]));
    }
    if (wrong != NULL) {
        fail(wrong);
    }
    for (unsigned side = 0; side < 2; side++) {
        text_printf(transcript, "%s:", side == GATE_CLIENT ? "client" : "server");
        text_add(transcript, text_span(&d->got[side]));
        text_drop(&d->got[side], d->got[side].len);
    }
    text_add(transcript, SPAN("events:"));
    text_add(transcript, text_span(&d->events));
    text_drop(&d->events, d->events.len);
    text_printf(transcript, "requests:%u dark:%d kept:%zu,%zu\n", d->requests,
                gate_is_dark(d->gate), d->kept[GATE_CLIENT].len, d->kept[GATE_SERVER].len);
    d->requests = 0;
}

/* Run the script in pieces of `step` octets, 0 for whole runs. */
static void script_run(const struct policy *policy, struct span script, size_t step,
                       struct text *transcript)
{
    struct drive d;
    struct shadow shadow;
    struct shadow *judge = policy->verbatim || step != 0 ? NULL : &shadow;
    struct op op;

    if (!drive_begin(&d, policy, &facts)) {
        fail("out of memory");
    }
    shadow_begin(&shadow, policy);
    d.trace = DRIVE_TRACE_PHASES | DRIVE_TRACE_HIDES | DRIVE_TRACE_ENVELOPE;
    drive_start(&d);
    bool asked = false, connected = false; /* the server's connection: for, and answered */
    while (op_next(&script, &op)) {
        bool connects = op.letter == 'k' || op.letter == 'K';
        bool server = op.letter == 's' || op.letter == 'S';
        asked = asked || (d.requests & GATE_CONNECT) != 0;
        d.requests = 0;
        if (connects ? connected || !asked : server && !connected) {
            continue;
        }
        connected = connected || connects;
        op_run(&d, judge, &op, step);
        asked = asked || (d.requests & GATE_CONNECT) != 0;
        check_bounds(&d);
        take_results(&d, judge, transcript);
    }
    shadow_end(&shadow);
    drive_end(&d);
}

static void compare(const struct text *a, const struct text *b, const char *how)
{
    if (span_equal(text_span(a), text_span(b))) {
        return;
    }
    fprintf(stderr, "--- whole\n");
    fwrite(a->ptr, 1, a->len, stderr);
    fprintf(stderr, "--- %s\n", how);
    fwrite(b->ptr, 1, b->len, stderr);
    fail("what comes out depends on the segmentation");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text whole = {0}, octets = {0}, pieces = {0};
    struct policy policy;

    if (size < HEADER) {
        return 0;
    }
    struct span script = span_of(data + HEADER, size - HEADER);
    policy_choose(&policy, data);
    script_run(&policy, script, 0, &whole);
    script_run(&policy, script, 1, &octets);
    compare(&whole, &octets, "octet by octet");
    script_run(&policy, script, 2 + size % 67, &pieces);
    compare(&whole, &pieces, "in pieces");
    text_free(&whole);
    text_free(&octets);
    text_free(&pieces);
    return 0;
}
