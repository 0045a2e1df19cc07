/*
 * The driver whose instructions bench/callgrind.py counts for lists, and the measure of their
 * speed.
 *
 *     bench-list --shape NAME N    makes a list of N entries, asks N times, prints "NAME N
 * octets=O" bench-list --list            the shapes, each with the size that the guard takes
 *     bench-list --time N          seconds to load N entries of each kind, nanoseconds to ask
 *
 * O counts the octets of the list's text. Sorting and searching cost the logarithm of N as well, so
 * the guard is called with a factor of 1.10 for them:
 *
 *     python3 bench/callgrind.py --engine build/bench/bench-list --factor 1.10 \
 *         --shapes "$(build/bench/bench-list --list)"
 */
#include "policy/address.h"
#include "policy/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct shape {
    const char *name;
    unsigned size; /* for the guard */
    /* The text of entry `i`, and one that is asked: every second of them is in the list. */
    int (*entry)(unsigned i, char *text_r, size_t size);
    int (*asked)(unsigned i, char *text_r, size_t size);
    bool addresses;
};

/* A number without order, so that neither the table nor the sort has it easy. */
static uint32_t scatter(uint32_t i)
{
    i *= 0x9e3779b1u;
    i ^= i >> 15;
    return i * 0x85ebca77u;
}

static int domain_entry(unsigned i, char *text_r, size_t size)
{
    return snprintf(text_r, size, "%shost%x.example%u.com", i % 2 == 0 ? "." : "", scatter(i),
                    i % 10);
}

static int domain_asked(unsigned i, char *text_r, size_t size)
{
    /* Below an even entry, and below an odd one, which has nothing below it. */
    return snprintf(text_r, size, "mx1.mail.host%x.example%u.com", scatter(i), i % 10);
}

static int address_entry(unsigned i, char *text_r, size_t size)
{
    uint32_t n = scatter(i);
    return snprintf(text_r, size, "%u.%u.%u.%u", n >> 24 | 1, n >> 16 & 255, n >> 8 & 255,
                    (n & 254) | (i % 2));
}

static int address_asked(unsigned i, char *text_r, size_t size)
{
    return address_entry(i, text_r, size);
}

static int network_entry(unsigned i, char *text_r, size_t size)
{
    uint32_t n = scatter(i);
    return snprintf(text_r, size, "2001:%x:%x:%x::/%u", n >> 16, n & 0xffff, i & 0xfff0,
                    60 + i % 8);
}

static int network_asked(unsigned i, char *text_r, size_t size)
{
    uint32_t n = scatter(i);
    return snprintf(text_r, size, "2001:%x:%x:%x::%x", n >> 16, n & 0xffff,
                    i % 2 == 0 ? i & 0xfff0 : 0xffff, i & 0xffff);
}

static const struct shape shapes[] = {
    {"domains", 40000, domain_entry, domain_asked, false},
    {"addresses", 40000, address_entry, address_asked, true},
    {"networks", 40000, network_entry, network_asked, true},
};
enum { SHAPES = sizeof(shapes) / sizeof(shapes[0]), TEXT_MAX = 128 };

static void check(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bench-list: %s\n", what);
        exit(1);
    }
}

/* The text of a list file. */
static struct span make_text(const struct shape *shape, unsigned n)
{
    char *text = malloc((size_t)n * TEXT_MAX + 1);
    size_t len = 0;

    check(text != NULL, "out of memory");
    for (unsigned i = 0; i < n; i++) {
        int written = shape->entry(i, text + len, TEXT_MAX);
        check(written > 0 && written < TEXT_MAX - 1, "a text that is too long");
        len += (size_t)written;
        text[len++] = '\n';
    }
    return span_of(text, len);
}

static struct policy_list *load(struct span text)
{
    struct policy_list *list = policy_list_new();
    struct policy_list_error error;

    check(list != NULL && policy_list_parse(list, text, &error) == 1 && policy_list_finish(list),
          "the list is not valid");
    return list;
}

/* What is asked, made beforehand. */
struct question {
    struct policy_address address;
    char text[TEXT_MAX];
};

static struct question *make_questions(const struct shape *shape, unsigned n)
{
    struct question *questions = calloc(n, sizeof(*questions));

    check(questions != NULL, "out of memory");
    for (unsigned i = 0; i < n; i++) {
        struct policy_network network;
        /* In another order than they were loaded in. */
        unsigned which = (unsigned)((uint64_t)i * 7919 % n);
        shape->asked(which, questions[i].text, TEXT_MAX);
        if (shape->addresses) {
            check(policy_network_parse(span_str(questions[i].text), &network), "no address");
            questions[i].address = network.address;
        }
    }
    return questions;
}

static unsigned ask(const struct shape *shape, const struct policy_list *list,
                    const struct question *questions, unsigned n)
{
    unsigned found = 0;

    for (unsigned i = 0; i < n; i++) {
        found += shape->addresses ? policy_list_has_address(list, &questions[i].address)
                                  : policy_list_has_text(list, span_str(questions[i].text));
    }
    return found;
}

/* Of this process: what others do on the machine is not the list's cost, as far as that goes. */
static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Load and ask; with times where `timed`. */
static void run(const struct shape *shape, unsigned n, bool timed)
{
    struct span text = make_text(shape, n);
    struct question *questions = make_questions(shape, n);
    double begin = seconds();
    struct policy_list *list = load(text);
    double loaded = seconds();
    unsigned found = ask(shape, list, questions, n);
    double asked = seconds();

    check(found >= n / 4, "too little of what was asked was found");
    if (timed) {
        printf("%-10s %8u entries in %.2f s (%zu MB of text), asked in %.0f ns each, %u found\n",
               shape->name, n, loaded - begin, text.len / 1000000, (asked - loaded) * 1e9 / n,
               found);
    } else {
        printf("%s %u octets=%zu\n", shape->name, n, text.len);
    }
    policy_list_free(&list);
    free(questions);
    free((void *)text.ptr);
}

static unsigned number_of(const char *text)
{
    uint64_t number = 0;

    check(span_number(span_str(text), &number) && number > 0 && number <= 50000000,
          "expected a number of entries");
    return (unsigned)number;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (unsigned i = 0; i < SHAPES; i++) {
            printf("%s%s=%u", i > 0 ? "," : "", shapes[i].name, shapes[i].size);
        }
        putchar('\n');
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "--time") == 0) {
        for (unsigned i = 0; i < SHAPES; i++) {
            run(&shapes[i], number_of(argv[2]), true);
        }
        return 0;
    }
    for (unsigned i = 0; argc == 4 && strcmp(argv[1], "--shape") == 0 && i < SHAPES; i++) {
        if (strcmp(argv[2], shapes[i].name) == 0) {
            run(&shapes[i], number_of(argv[3]), false);
            return 0;
        }
    }
    fprintf(stderr, "usage: bench-list --shape NAME N | --list | --time N\n");
    return 64;
}
