/*
 * policy: lists, asked about addresses and texts; and the files of a configuration's lists, which
 * are read again when they change.
 */
#include "base/mem.h"
#include "config/parse.h"
#include "policy/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- addresses ---- */

static struct policy_address address_of(const char *text)
{
    struct policy_network network;

    assert_true(policy_network_parse(span_str(text), &network));
    return network.address;
}

static void networks_are_parsed(void **state)
{
    static const struct {
        const char *text;
        unsigned prefix;
        unsigned char octets[16];
    } good[] = {
        {"192.0.2.1", 128, {[10] = 0xff, 0xff, 192, 0, 2, 1}},
        {"0.0.0.0/0", 96, {[10] = 0xff, 0xff}},
        {"192.0.2.255/25", 121, {[10] = 0xff, 0xff, 192, 0, 2, 128}},
        {"255.255.255.255/32", 128, {[10] = 0xff, 0xff, 255, 255, 255, 255}},
        {"::", 128, {0}},
        {"::/0", 0, {0}},
        {"::1", 128, {[15] = 1}},
        {"1::", 128, {0, 1}},
        {"2001:DB8::f/33", 33, {0x20, 0x01, 0x0d, 0xb8}},
        {"1:2:3:4:5:6:7:8", 128, {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8}},
        {"1:2:3::6:7:8", 128, {0, 1, 0, 2, 0, 3, 0, 0, 0, 0, 0, 6, 0, 7, 0, 8}},
        {"1:2:3:4:5:6:7::", 128, {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7}},
        {"::ffff:192.0.2.1", 128, {[10] = 0xff, 0xff, 192, 0, 2, 1}},
        {"64:ff9b::192.0.2.1", 128, {0, 0x64, 0xff, 0x9b, [12] = 192, 0, 2, 1}},
        {"1:2:3:4:5:6:1.2.3.4", 128, {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 1, 2, 3, 4}},
    };
    static const char *const bad[] = {
        "",
        ".",
        ":",
        "1",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "1.2.3.04",
        "1.2.3.",
        ".1.2.3",
        "1.2.3.4/33",
        "1.2.3.4/",
        "1.2.3.4/x",
        "1.2.3.4/08",
        "1.2.3.4/-1",
        " 1.2.3.4",
        "1.2.3.4 ",
        "1.2.3.0004",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8::",
        "::1::",
        ":::",
        "1::2::3",
        "12345::",
        "g::",
        "1:",
        ":1",
        "1:2:3:4:5:6:7:1.2.3.4",
        "1.2.3.4::",
        "::1.2.3",
        "::/129",
        "::1.2.3.4:5",
        "1:2:3:4::5:6:7:8",
        "fe80::1%eth0",
        "/24",
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct policy_network network;
        if (!policy_network_parse(span_str(good[i].text), &network)) {
            fail_msg("%s is refused", good[i].text);
        }
        assert_true(network.address.known);
        assert_int_equal(network.prefix, good[i].prefix);
        assert_memory_equal(network.address.octets, good[i].octets, 16);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct policy_network network;
        if (policy_network_parse(span_str(bad[i]), &network)) {
            fail_msg("\"%s\" is taken", bad[i]);
        }
    }
}

/* ---- one list ---- */

static struct policy_list *list_of(const char *text)
{
    struct policy_list *list = policy_list_new();
    struct policy_list_error error;

    assert_non_null(list);
    assert_int_equal(policy_list_parse(list, span_str(text), &error), 1);
    assert_true(policy_list_finish(list));
    return list;
}

struct question {
    const char *text;
    bool expected;
};

static void check_texts(const struct policy_list *list, const struct question *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (policy_list_has_text(list, span_str(table[i].text)) != table[i].expected) {
            fail_msg("\"%s\" is %s the list", table[i].text, table[i].expected ? "not in" : "in");
        }
    }
}

static void check_addresses(const struct policy_list *list, const struct question *table,
                            size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct policy_address address = address_of(table[i].text);
        if (policy_list_has_address(list, &address) != table[i].expected) {
            fail_msg("%s is %s the list", table[i].text, table[i].expected ? "not in" : "in");
        }
    }
}

#define CHECK_TEXTS(list, table)     check_texts(list, table, sizeof(table) / sizeof(table[0]))
#define CHECK_ADDRESSES(list, table) check_addresses(list, table, sizeof(table) / sizeof(table[0]))

static void texts_are_found(void **state)
{
    static const struct question table[] = {
        {"word", true},
        {"WORD", true},
        {"word.", true},
        {"words", false},
        {"wor", false},
        {"", false},
        {".", false},
        {"@", false},
        {"example.com", true},
        {"www.example.com", false},
        {"user@example.com", false},
        {"example.org", true},
        {"EXAMPLE.org.", true},
        {"www.example.org", true},
        {"a.b.c.example.org", true},
        {"notexample.org", false},
        {"example.org.evil", false},
        {"org", false},
        {"anyone@example.org", true},
        {"anyone@mail.example.org", true},
        {"example.org@elsewhere.example", false},
        {"joe@example.net", true},
        {"Joe@Example.Net", true},
        {"jo@example.net", false},
        {"joe@sub.example.net", false},
        {"x@joe@example.net", false},
        {"any@example.edu", true},
        {"\"a@b\"@example.edu", true},
        {"any@sub.example.edu", false},
        {"example.edu", false},
        {"@example.edu", true},
        {"a#b@example.gov", true},
        {"trailing.dot", true},
        {"b\xc3\xbc"
         "cher.example",
         true},
        {"192.0.2.1", false},
    };
    struct policy_list *list =
        list_of("word\nexample.com\n.Example.org\njoe@example.NET # who is this\n@example.edu\n"
                "# not.in.the.list\n\n   \t\r\n a#b@example.gov \r\ntrailing.dot.\n"
                "b\xc3\xbc"
                "cher.example\n192.0.2.1\nWORD");

    CHECK_TEXTS(list, table);
    assert_int_equal(policy_list_size(list), 9);
    policy_list_free(&list);
    assert_null(list);
}

/* Longer than any entry, or than any domain. */
static void long_texts_are_asked(void **state)
{
    static char labels[70000];
    struct policy_list *list = list_of(".example.org\nx@example.net\n.a\n");
    char text[600];

    snprintf(text, sizeof(text), "%0520d.example.org", 0);
    assert_true(policy_list_has_text(list, span_str(text)));
    snprintf(text, sizeof(text), "%0510dx@example.net", 0);
    assert_false(policy_list_has_text(list, span_str(text)));
    for (size_t i = 0; i + 2 < sizeof(labels); i += 2) {
        memcpy(labels + i, "b.", 2);
    }
    assert_false(policy_list_has_text(list, span_str(labels)));
    policy_list_free(&list);
}

static void addresses_are_found(void **state)
{
    static const struct question table[] = {
        {"192.0.2.0", true},
        {"192.0.2.255", true},
        {"192.0.1.255", false},
        {"192.0.3.0", false},
        {"10.1.2.3", true},
        {"10.1.2.4", false},
        {"10.1.2.2", false},
        {"172.16.0.0", true},
        {"172.31.255.255", true},
        {"172.32.0.0", false},
        {"172.15.255.255", false},
        {"255.255.255.255", true},
        {"255.255.255.254", false},
        {"0.0.0.0", true},
        {"0.0.0.1", false},
        {"2001:db8::1", true},
        {"2001:db8:ffff::", true},
        {"2001:db9::", false},
        {"2001:db7:ffff::", false},
        {"::1", true},
        {"::2", false},
        {"::", false},
        {"fe80::ffff", true},
        {"fe80::1:0", false},
    };
    struct policy_list *list = list_of(
        "192.0.2.0/24\n10.1.2.3\n172.16.0.0/12\n172.16.5.0/24\n172.20.1.1\n"
        "255.255.255.255\n0.0.0.0\n2001:db8::/32\n2001:db8::5\n::1\nfe80::/112\n10.1.2.3\n");

    CHECK_ADDRESSES(list, table);
    assert_int_equal(policy_list_size(list), 11);
    policy_list_free(&list);

    static const struct question all4[] = {{"1.2.3.4", true}, {"::1", false}};
    list = list_of("0.0.0.0/0");
    CHECK_ADDRESSES(list, all4);
    policy_list_free(&list);
    static const struct question all6[] = {{"1.2.3.4", false}, {"::1", true}, {"ffff::", true}};
    list = list_of("::/0");
    CHECK_ADDRESSES(list, all6);
    struct policy_address unknown = {.known = false};
    assert_false(policy_list_has_address(list, &unknown));
    policy_list_free(&list);
}

static void an_empty_list_has_nothing(void **state)
{
    struct policy_list *list = list_of("# nothing\n");
    struct policy_address address = address_of("0.0.0.0");

    assert_int_equal(policy_list_size(list), 0);
    assert_false(policy_list_has_text(list, SPAN("a")));
    assert_false(policy_list_has_text(list, SPAN("")));
    assert_false(policy_list_has_address(list, &address));
    policy_list_free(&list);
}

static void bad_lines_are_told(void **state)
{
    static const struct {
        const char *text;
        unsigned line;
        const char *entry, *what;
    } table[] = {
        {"a\nb c\n", 2, "b c", "more than one word"},
        {"\n\n10.0.0.256 # x", 3, "10.0.0.256",
         "not an address or network, as in 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32"},
        {"x@\n", 1, "x@", "a domain is missing"},
        {".\n", 1, ".", "a domain is missing"},
        {"a\x01\n", 1, "a\x01", "a control character"},
        {"a\rb\n", 1, "a\rb", "a control character"},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct policy_list *list = policy_list_new();
        struct policy_list_error error;
        assert_non_null(list);
        assert_int_equal(policy_list_parse(list, span_str(table[i].text), &error), -1);
        assert_int_equal(error.line, table[i].line);
        assert_string_equal(error.what, table[i].what);
        assert_true(span_equal(error.entry, span_str(table[i].entry)));
        policy_list_free(&list);
    }
}

/* ---- against the plain way ---- */

static uint32_t random_state = 1;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % n;
}

enum { NETWORKS = 300, ASKED = 3000 };

static void random_networks_agree_with_a_plain_search(void **state)
{
    for (unsigned round = 0; round < 20; round++) {
        struct policy_network networks[NETWORKS];
        struct policy_list *list = policy_list_new();
        const char *what;
        unsigned found = 0;
        assert_non_null(list);
        for (unsigned i = 0; i < NETWORKS; i++) {
            char text[64];
            /* Few values, so that networks lie within each other and beside each other. */
            if (random_below(2) == 0) {
                snprintf(text, sizeof(text), "10.%u.%u.%u/%u", random_below(3), random_below(4),
                         random_below(256), 14 + random_below(19));
            } else {
                snprintf(text, sizeof(text), "2001:db8:%x::%x/%u", random_below(8),
                         random_below(16), 40 + random_below(89));
            }
            assert_true(policy_network_parse(span_str(text), &networks[i]));
            assert_int_equal(policy_list_add(list, span_str(text), &what), 1);
        }
        assert_true(policy_list_finish(list));
        for (unsigned i = 0; i < ASKED; i++) {
            struct policy_address address = networks[random_below(NETWORKS)].address;
            address.octets[15 - random_below(4)] ^= (unsigned char)random_below(256);
            bool expected = false;
            for (unsigned n = 0; n < NETWORKS && !expected; n++) {
                expected = policy_network_has(&networks[n], &address);
            }
            assert_int_equal(policy_list_has_address(list, &address), expected);
            found += expected;
        }
        assert_in_range(found, ASKED / 10, ASKED - 1);
        policy_list_free(&list);
    }
}

static void many_texts_are_found(void **state)
{
    enum { MANY = 50000 };
    struct policy_list *list = policy_list_new();
    char text[64];
    const char *what;

    assert_non_null(list);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(text, sizeof(text), "%shost%u.example", i % 2 == 0 ? "." : "", i);
        assert_int_equal(policy_list_add(list, span_str(text), &what), 1);
    }
    assert_true(policy_list_finish(list));
    assert_int_equal(policy_list_size(list), MANY);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(text, sizeof(text), "www.host%u.example", i);
        assert_int_equal(policy_list_has_text(list, span_str(text)), i % 2 == 0);
        assert_true(policy_list_has_text(list, span_from(span_str(text), 4)));
        assert_false(policy_list_has_text(list, span_from(span_str(text), 5)));
    }
    policy_list_free(&list);
}

static void lack_of_memory_is_told(void **state)
{
    size_t failures = 0;
    bool failed = true;

    for (size_t n = 1; failed && n < 200; n++) {
        char text[64];
        int result = 1;
        mem_fail_at(n);
        struct policy_list *list = policy_list_new();
        for (unsigned i = 0; list != NULL && i < 300 && result == 1; i++) {
            struct policy_list_error error;
            snprintf(text, sizeof(text), "a-word-%u.example\n10.0.0.%u\n2001:db8::%u", i, i % 256,
                     i);
            result = policy_list_parse(list, span_str(text), &error);
        }
        bool finished = list != NULL && result == 1 && policy_list_finish(list);
        failed = mem_requests() >= n;
        mem_fail_at(0);
        assert_int_equal(finished, !failed);
        assert_int_not_equal(result, -1);
        failures += failed;
        policy_list_free(&list);
    }
    assert_in_range(failures, 10, 100);
}

/* ---- files ---- */

struct dir {
    char path[64];
};

static int dir_begin(void **state)
{
    struct dir *dir = calloc(1, sizeof(*dir));

    assert_non_null(dir);
    snprintf(dir->path, sizeof(dir->path), "/tmp/ehlogate-test-XXXXXX");
    assert_non_null(mkdtemp(dir->path));
    *state = dir;
    return 0;
}

static const char *const dir_files[] = {"main.conf", "one", "two", "new"};

static int dir_end(void **state)
{
    struct dir *dir = *state;
    char path[128];

    for (size_t i = 0; i < sizeof(dir_files) / sizeof(dir_files[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir->path, dir_files[i]);
        remove(path); /* that some are not there is fine */
    }
    assert_int_equal(rmdir(dir->path), 0);
    free(dir);
    return 0;
}

/* Put the text in the place of the file's, as a new file: its inode tells that it is one, however
 * coarse the file system's clock is. */
static void dir_write(const struct dir *dir, const char *name, const char *text)
{
    char path[128], other[128];

    snprintf(other, sizeof(other), "%s/new", dir->path);
    snprintf(path, sizeof(path), "%s/%s", dir->path, name);
    FILE *out = fopen(other, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(rename(other, path), 0);
}

/* What `told` has, with DIR/ taken out of it. The caller frees it. */
static char *without_dir(const struct dir *dir, char *told)
{
    char *to = told;
    size_t len = strlen(dir->path);

    for (const char *from = told; *from != '\0';) {
        if (strncmp(from, dir->path, len) == 0 && from[len] == '/') {
            from += len + 1;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
    return told;
}

static void assert_refresh(const struct dir *dir, struct config *config, bool ok,
                           const char *expected)
{
    char *told = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&told, &len);

    assert_non_null(out);
    assert_int_equal(config_lists_refresh(config, out), ok);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(without_dir(dir, told), expected);
    free(told);
}

static struct config *dir_load(const struct dir *dir, const char *expected)
{
    char path[128], *told = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&told, &len);

    assert_non_null(out);
    snprintf(path, sizeof(path), "%s/main.conf", dir->path);
    struct config *config = config_load(path, out);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(without_dir(dir, told), expected);
    free(told);
    return config;
}

#define REST "backend b { server 127.0.0.1:25 }\nlistener l { listen 127.0.0.1:0; backend b }\n"

/* Does the list have the text, when it is asked the way rules do, through its slot? */
static bool has(const struct config *config, const char *text)
{
    return policy_list_has_text(config->lists->list, span_str(text));
}

static void files_are_read_again_when_they_change(void **state)
{
    const struct dir *dir = *state;

    dir_write(dir, "one", "first\n");
    dir_write(dir, "two", "second\n");
    dir_write(dir, "main.conf", "list a { inline, other\n file one\n file \"two\" }\n" REST);
    struct config *config = dir_load(dir, "");
    assert_non_null(config);
    assert_true(has(config, "inline") && has(config, "other"));
    assert_true(has(config, "first") && has(config, "second"));
    assert_int_equal(policy_list_size(config->lists->list), 4);
    const struct policy_list *before = config->lists->list;
    assert_refresh(dir, config, true, "");
    assert_ptr_equal(config->lists->list, before);

    dir_write(dir, "two", "third\n");
    assert_refresh(dir, config, true, "");
    assert_true(has(config, "inline") && has(config, "first") && has(config, "third"));
    assert_false(has(config, "second"));

    /* A bad file changes nothing, and is told of once. */
    dir_write(dir, "one", "fourth\nnot a word\n");
    assert_refresh(dir, config, false, "one:2:1: \"not a word\": more than one word\n");
    assert_true(has(config, "first") && !has(config, "fourth"));
    assert_refresh(dir, config, true, "");
    assert_true(has(config, "first"));
    dir_write(dir, "one", "fourth\n");
    assert_refresh(dir, config, true, "");
    assert_true(has(config, "fourth") && has(config, "third") && !has(config, "first"));
    config_free(&config);
}

static void files_may_go_and_come_again(void **state)
{
    const struct dir *dir = *state;
    char path[128];

    dir_write(dir, "one", "first\n");
    dir_write(dir, "main.conf", "list a { file one }\n" REST);
    struct config *config = dir_load(dir, "");
    assert_non_null(config);
    snprintf(path, sizeof(path), "%s/one", dir->path);
    assert_int_equal(remove(path), 0);
    assert_refresh(dir, config, false,
                   "main.conf:1:15: list: one cannot be read: No such file or directory\n");
    assert_true(has(config, "first"));
    assert_refresh(dir, config, true, "");
    dir_write(dir, "one", "second\n");
    assert_refresh(dir, config, true, "");
    assert_true(has(config, "second") && !has(config, "first"));
    config_free(&config);
}

static void lack_of_memory_keeps_the_list(void **state)
{
    const struct dir *dir = *state;
    size_t failures = 0;
    bool failed = true;

    dir_write(dir, "one", "first\n");
    dir_write(dir, "main.conf", "list a { file one }\n" REST);
    struct config *config = dir_load(dir, "");
    assert_non_null(config);
    dir_write(dir, "one", "second\n");
    for (size_t n = 1; failed && n < 100; n++) {
        char *told = NULL;
        size_t len = 0;
        FILE *out = open_memstream(&told, &len);
        assert_non_null(out);
        mem_fail_at(n);
        bool ok = config_lists_refresh(config, out);
        failed = mem_requests() >= n;
        mem_fail_at(0);
        assert_int_equal(fclose(out), 0);
        assert_int_equal(ok, !failed);
        assert_string_equal(told, failed ? "list a: out of memory\n" : "");
        assert_int_equal(has(config, "first"), failed);
        failures += failed;
        free(told);
    }
    assert_true(has(config, "second"));
    assert_in_range(failures, 3, 50);
    config_free(&config);
}

static void bad_files_are_errors(void **state)
{
    const struct dir *dir = *state;

    dir_write(dir, "one", "fine\n10.0.0.0/99\n\xff\xfe x\n");
    dir_write(dir, "main.conf",
              "list a { file one }\nlist b { file two }\nlist c { file \".\" }\n" REST);
    assert_null(dir_load(
        dir, "one:2:1: \"10.0.0.0/99\": not an address or network, as in 192.0.2.1, 192.0.2.0/24 "
             "or 2001:db8::/32\n"
             "main.conf:2:15: list: two cannot be read: No such file or directory\n"
             "main.conf:3:15: list: . is not a file\n"));
    dir_write(dir, "one", "a\xff\x1b[31m b\n");
    dir_write(dir, "main.conf", "list a { file one }\n" REST);
    assert_null(dir_load(dir, "one:1:1: \"a??[31m b\": more than one word\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_are_parsed),
        cmocka_unit_test(texts_are_found),
        cmocka_unit_test(long_texts_are_asked),
        cmocka_unit_test(addresses_are_found),
        cmocka_unit_test(an_empty_list_has_nothing),
        cmocka_unit_test(bad_lines_are_told),
        cmocka_unit_test(random_networks_agree_with_a_plain_search),
        cmocka_unit_test(many_texts_are_found),
        cmocka_unit_test(lack_of_memory_is_told),
        cmocka_unit_test_setup_teardown(files_are_read_again_when_they_change, dir_begin, dir_end),
        cmocka_unit_test_setup_teardown(files_may_go_and_come_again, dir_begin, dir_end),
        cmocka_unit_test_setup_teardown(lack_of_memory_keeps_the_list, dir_begin, dir_end),
        cmocka_unit_test_setup_teardown(bad_files_are_errors, dir_begin, dir_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
