/*
 * gate: what golden sessions cannot say: counters, names, times, memory, and calls at odd moments.
 */
#include "base/mem.h"
#include "gate/gate.h"
#include "gate/queue.h"

#include <stdarg.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

struct world {
    struct policy policy;
    struct gate_facts facts;
    struct gate_out out;
    struct gate *gate;
    unsigned events[GATE_EVENT_KINDS];
};

static void on_event(void *context, const struct gate_event *event)
{
    struct world *w = context;
    w->events[event->kind]++;
}

static int world_begin(void **state)
{
    static struct world w;

    w = (struct world){.facts = {.hostname = SPAN("gate.example")}};
    policy_begin(&w.policy, policy_profile_find(SPAN("esmtp")));
    w.out.event = on_event;
    w.out.context = &w;
    w.gate = gate_new(&w.policy, &w.facts);
    *state = &w;
    return w.gate != NULL ? 0 : -1;
}

static int world_end(void **state)
{
    struct world *w = *state;
    gate_free(&w->gate);
    return 0;
}

static size_t input(struct world *w, uint64_t now, enum gate_side side, const char *bytes)
{
    gate_out_begin(&w->out);
    return gate_input(w->gate, &w->out, now, side, span_str(bytes));
}

/* All of it is consumed. */
static void feed(struct world *w, enum gate_side side, const char *bytes)
{
    assert_int_equal(input(w, 0, side, bytes), strlen(bytes));
}

static void greet(struct world *w)
{
    gate_out_begin(&w->out);
    gate_start(w->gate, &w->out, 0);
    assert_int_equal(w->out.requests, GATE_CONNECT);
    gate_out_begin(&w->out);
    gate_connected(w->gate, &w->out, 0, true);
    feed(w, GATE_SERVER, "220 mx ESMTP\r\n");
}

static void open_data(struct world *w)
{
    greet(w);
    feed(w, GATE_CLIENT, "HELO c\r\n");
    feed(w, GATE_SERVER, "250 mx\r\n");
    feed(w, GATE_CLIENT, "MAIL FROM:<a@b>\r\n");
    feed(w, GATE_SERVER, "250 ok\r\n");
    feed(w, GATE_CLIENT, "RCPT TO:<a@b>\r\n");
    feed(w, GATE_SERVER, "250 ok\r\n");
    feed(w, GATE_CLIENT, "DATA\r\n");
    feed(w, GATE_SERVER, "354 go\r\n");
}

static struct gate_count count_of(struct world *w, const char *name)
{
    unsigned count;
    const struct gate_count *counts = gate_counts(w->gate, &count);

    for (unsigned i = 0; i < count; i++) {
        if (strcmp(gate_count_name(i), name) == 0) {
            return counts[i];
        }
    }
    fail_msg("there is no counter %s", name);
    return (struct gate_count){0, 0};
}

static void assert_count(struct world *w, const char *name, unsigned ok, unsigned all)
{
    struct gate_count count = count_of(w, name);
    assert_int_equal(count.ok, ok);
    assert_int_equal(count.all, all);
}

static void commands_are_counted(void **state)
{
    struct world *w = *state;

    open_data(w);
    feed(w, GATE_CLIENT, ".\r\n");
    feed(w, GATE_SERVER, "250 ok\r\n");
    feed(w, GATE_CLIENT, "RCPT TO:<late@b>\r\n");
    feed(w, GATE_CLIENT, "VRFY x\r\n");
    feed(w, GATE_CLIENT, "XYZZY\r\n");
    feed(w, GATE_CLIENT, "HELP\r\n");
    feed(w, GATE_SERVER, "214 no\r\n");
    feed(w, GATE_CLIENT, "NOOP\r\n");
    feed(w, GATE_SERVER, "550 no\r\n");
    feed(w, GATE_CLIENT, "AUTH LOGIN\r\n");
    feed(w, GATE_SERVER, "334 x\r\n");
    feed(w, GATE_CLIENT, "eA==\r\n");
    feed(w, GATE_SERVER, "235 ok\r\n");
    assert_count(w, "helo", 1, 1);
    assert_count(w, "ehlo", 0, 0);
    assert_count(w, "mail", 1, 1);
    assert_count(w, "rcpt", 1, 2);
    assert_count(w, "data", 1, 1);
    assert_count(w, "vrfy", 0, 1);
    assert_count(w, "noop", 0, 1);
    assert_count(w, "auth", 1, 1);
    assert_count(w, "unknown", 1, 2); /* XYZZY, and HELP, which has no counter of its own */
    assert_count(w, "quit", 0, 0);
}

static void a_body_is_announced(void **state)
{
    struct world *w = *state;

    open_data(w);
    assert_true(gate_in_body(w->gate));
    assert_true(gate_wants(w->gate, GATE_CLIENT));
    assert_false(gate_is_dark(w->gate));
    feed(w, GATE_CLIENT, "x\r\n.\r\n");
    assert_false(gate_in_body(w->gate));
    assert_false(gate_wants(w->gate, GATE_CLIENT)); /* nothing was offered: it has to wait */
    assert_true(gate_wants(w->gate, GATE_SERVER));
}

/* A body is forwarded from where it stands, in one piece. */
static void an_ordinary_body_is_not_copied(void **state)
{
    static const char body[] = "Subject: x\r\n\r\nfirst line\r\n..\r\nthe third\r\n.\r\n";
    struct world *w = *state;

    open_data(w);
    feed(w, GATE_CLIENT, body);
    assert_int_equal(w->out.pieces[GATE_SERVER], 1);
    assert_ptr_equal(w->out.piece[GATE_SERVER][0].ptr, body);
    assert_int_equal(w->out.piece[GATE_SERVER][0].len, sizeof(body) - 1);
    assert_int_equal(w->out.used, 0);
}

/* So is a command in canonical form, and a group of them. */
static void a_canonical_command_is_not_copied(void **state)
{
    static const char group[] = "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n";
    struct world *w = *state;

    greet(w);
    feed(w, GATE_CLIENT, "EHLO c\r\n");
    feed(w, GATE_SERVER, "250-mx\r\n250 PIPELINING\r\n");
    feed(w, GATE_CLIENT, group);
    assert_int_equal(w->out.pieces[GATE_SERVER], 1);
    assert_ptr_equal(w->out.piece[GATE_SERVER][0].ptr, group);
    assert_int_equal(w->out.used, 0);
}

static void times_are_named(void **state)
{
    struct world *w = *state;
    const struct policy_timeouts *t = &w->policy.timeouts;

    gate_out_begin(&w->out);
    gate_start(w->gate, &w->out, 5);
    assert_true(gate_deadline(w->gate) == UINT64_MAX); /* the caller dials, by its own clock */
    gate_out_begin(&w->out);
    gate_connected(w->gate, &w->out, 7, true);
    assert_int_equal(gate_deadline(w->gate), 7 + t->greeting);
    assert_int_equal(input(w, 10, GATE_SERVER, "220 mx\r\n"), 8);
    assert_int_equal(gate_deadline(w->gate), 10 + t->command);
    gate_out_begin(&w->out);
    gate_expire(w->gate, &w->out, 9 + t->command); /* too early: nothing happens */
    assert_int_equal(w->out.requests, 0);
    assert_int_equal(input(w, 20, GATE_CLIENT, "HELO c\r\n"), 8);
    assert_int_equal(gate_deadline(w->gate), 20 + t->reply);
    gate_out_begin(&w->out);
    gate_expire(w->gate, &w->out, 20 + t->reply);
    assert_int_equal(w->out.requests, GATE_CLOSE_CLIENT | GATE_CLOSE_SERVER | GATE_LINGER);
    assert_true(gate_deadline(w->gate) == UINT64_MAX);
}

/* Once a session is over, nothing that is told to it matters. */
static void the_dead_do_not_speak(void **state)
{
    struct world *w = *state;

    greet(w);
    gate_out_begin(&w->out);
    gate_eof(w->gate, &w->out, 0, GATE_CLIENT);
    assert_int_equal(w->out.requests, GATE_CLOSE_CLIENT | GATE_CLOSE_SERVER);
    gate_out_begin(&w->out);
    gate_eof(w->gate, &w->out, 0, GATE_SERVER);
    gate_eof(w->gate, &w->out, 0, GATE_CLIENT);
    gate_drain(w->gate, &w->out, 0);
    gate_expire(w->gate, &w->out, UINT64_MAX - 1);
    assert_int_equal(gate_input(w->gate, &w->out, 0, GATE_CLIENT, SPAN("QUIT\r\n")), 6);
    assert_int_equal(gate_input(w->gate, &w->out, 0, GATE_SERVER, SPAN("250 ok\r\n")), 8);
    assert_int_equal(w->out.requests, 0);
    assert_int_equal(w->out.pieces[GATE_CLIENT], 0);
    assert_int_equal(w->out.pieces[GATE_SERVER], 0);
    gate_connected(w->gate, &w->out, 0, true); /* it was still being dialled */
    assert_int_equal(w->out.requests, GATE_CLOSE_SERVER);
    assert_true(gate_wants(w->gate, GATE_CLIENT)); /* to be dropped */
}

/* The server's EOF where it is not connected any more says nothing. */
static void a_server_is_lost_once(void **state)
{
    struct world *w = *state;

    open_data(w);
    feed(w, GATE_CLIENT, "a\nb");
    assert_int_equal(w->out.requests, GATE_CLOSE_SERVER);
    gate_out_begin(&w->out);
    gate_eof(w->gate, &w->out, 0, GATE_SERVER);
    assert_int_equal(w->out.requests, 0);
    assert_int_equal(w->events[GATE_EVENT_LOST], 0);
    assert_int_equal(input(w, 0, GATE_SERVER, "250 ok\r\n"), 8);
    assert_int_equal(w->out.pieces[GATE_CLIENT], 0);
}

static void events_need_no_listener(void **state)
{
    struct world *w = *state;

    w->out.event = NULL;
    greet(w);
    feed(w, GATE_CLIENT, "VRFY x\r\n");
    assert_int_equal(w->events[GATE_EVENT_REJECT], 0);
    assert_int_equal(w->out.pieces[GATE_CLIENT], 1);
}

static void events_have_names(void **state)
{
    static const char *const names[] = {"phase",   "reject", "mask",       "hide",     "framing",
                                        "message", "dark",   "pipelining", "protocol", "lost",
                                        "timeout", "limit",  "memory",     "rule"};

    for (unsigned i = 0; i < GATE_EVENT_KINDS; i++) {
        assert_string_equal(gate_event_name((enum gate_event_kind)i), names[i]);
    }
}

static void nothing_is_freed_twice(void **state)
{
    struct world *w = *state;

    gate_free(&w->gate);
    assert_null(w->gate);
    gate_free(&w->gate);
}

static void a_session_needs_memory(void **state)
{
    struct world *w = *state;

    mem_fail_at(1);
    struct gate *none = gate_new(&w->policy, &w->facts);
    mem_fail_at(0);
    assert_null(none);
}

/* An idle session holds itself, and the name and sender that it knows. */
static void an_idle_session_asks_for_little(void **state)
{
    struct world *w = *state;

    mem_fail_at(0);
    greet(w);
    assert_int_equal(mem_requests(), 0);
    feed(w, GATE_CLIENT, "HELO c\r\n");
    feed(w, GATE_SERVER, "250 mx\r\n");
    assert_int_equal(mem_requests(), 1);
    for (unsigned i = 0; i < 10; i++) {
        feed(w, GATE_CLIENT, "NOOP\r\n");
        feed(w, GATE_SERVER, "250 ok\r\n");
    }
    assert_int_equal(mem_requests(), 1);
}

static bool push(struct gate_queue *q, const char *arg, const char *reply)
{
    struct gate_pending pending = {.verb = SMTP_VERB_NOOP, .as = SMTP_VERB_NOOP};

    pending.arg = arg != NULL ? mem_string(span_str(arg)) : NULL;
    pending.reply = reply != NULL ? mem_string(span_str(reply)) : NULL;
    return queue_push(q, &pending);
}

/* The queue is a ring: it keeps its order while it turns and grows. */
static void the_queue_keeps_its_order(void **state)
{
    struct gate_queue q;
    char name[16];
    unsigned in = 0, out = 0;

    queue_begin(&q);
    assert_null(queue_head(&q));
    assert_null(queue_first(&q));
    assert_null(queue_tail(&q));
    for (unsigned round = 0; round < 200; round++) {
        for (unsigned i = 0; i < round % 7; i++) {
            snprintf(name, sizeof(name), "%u", in++);
            assert_true(push(&q, name, in % 3 == 0 ? "250 ok" : NULL));
            assert_string_equal(queue_tail(&q)->arg, name);
        }
        for (unsigned i = 0; i < round % 5 && q.len > 0; i++) {
            snprintf(name, sizeof(name), "%u", out++);
            assert_string_equal(queue_head(&q)->arg, name);
            assert_string_equal(queue_first(&q)->arg, name);
            queue_pop(&q);
        }
        assert_int_equal(q.len, in - out);
    }
    assert_true(in > out + 50);
    queue_free(&q);
    assert_int_equal(q.len, 0);
    assert_int_equal(q.own, 0);
    assert_ptr_equal(q.ring, q.few); /* its memory has gone back */
}

static void the_queue_knows_who_answers(void **state)
{
    struct gate_queue q;

    queue_begin(&q);
    assert_false(queue_awaits_server(&q));
    assert_true(push(&q, NULL, "502 no"));
    assert_false(queue_awaits_server(&q));
    assert_true(push(&q, NULL, NULL));
    assert_true(queue_awaits_server(&q));
    assert_false(queue_awaits_message(&q));
    queue_tail_edit(&q)->as = SMTP_VERB_BDAT_LAST;
    assert_true(queue_awaits_message(&q));
    struct gate_pending own = {.reply = mem_string(SPAN("550 no"))};
    queue_tail_replace(&q, &own);
    assert_false(queue_awaits_server(&q));
    assert_int_equal(q.own, 2);
    queue_free(&q);
}

/* What cannot be queued is freed all the same. */
static void the_queue_needs_memory(void **state)
{
    struct gate_queue q;

    queue_begin(&q);
    for (unsigned i = 0; i < GATE_QUEUE_FEW; i++) {
        assert_true(push(&q, "a", NULL));
    }
    mem_fail_at(3); /* behind the two strings */
    bool pushed = push(&q, "a", "b");
    mem_fail_at(0);
    assert_false(pushed);
    assert_int_equal(q.len, GATE_QUEUE_FEW);
    queue_free(&q);
}

#define in_world(test) cmocka_unit_test_setup_teardown(test, world_begin, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_world(commands_are_counted),
        in_world(a_body_is_announced),
        in_world(an_ordinary_body_is_not_copied),
        in_world(a_canonical_command_is_not_copied),
        in_world(times_are_named),
        in_world(the_dead_do_not_speak),
        in_world(a_server_is_lost_once),
        in_world(events_need_no_listener),
        cmocka_unit_test(events_have_names),
        in_world(nothing_is_freed_twice),
        in_world(a_session_needs_memory),
        in_world(an_idle_session_asks_for_little),
        cmocka_unit_test(the_queue_keeps_its_order),
        cmocka_unit_test(the_queue_knows_who_answers),
        cmocka_unit_test(the_queue_needs_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
