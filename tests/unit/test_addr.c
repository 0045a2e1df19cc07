/*
 * net: addresses as text, and listening sockets.
 */
#include "net/addr.h"
#include "net/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

enum { ADDRS = 8 };

static char folder[] = "/tmp/ehlogate-test-addr-XXXXXX";
static char socket_path[sizeof(folder) + 8];

static struct net_addr parse_one(const char *text, bool passive)
{
    struct net_addr addrs[ADDRS];
    const char *error = NULL;

    size_t count = net_addr_parse(text, passive, addrs, ADDRS, &error);
    if (count != 1) {
        print_error("%s: %zu addresses, %s\n", text, count, error != NULL ? error : "no error");
    }
    assert_int_equal(count, 1);
    return addrs[0];
}

static const struct {
    const char *in, *out, *host;
    bool passive;
    uint16_t port;
} good[] = {
    {"192.0.2.1:25", "192.0.2.1:25", "192.0.2.1", false, 25},
    {"192.0.2.1:65535", "192.0.2.1:65535", "192.0.2.1", false, 65535},
    {"127.0.0.1:0", "127.0.0.1:0", "127.0.0.1", true, 0},
    {"0.0.0.0:25", "0.0.0.0:25", "0.0.0.0", true, 25},
    {"[2001:db8::1]:587", "[2001:db8::1]:587", "2001:db8::1", false, 587},
    {"[2001:DB8:0:0::1]:587", "[2001:db8::1]:587", "2001:db8::1", false, 587},
    {"[::]:25", "[::]:25", "::", true, 25},
    {"[::1]:0", "[::1]:0", "::1", true, 0},
    {"[::ffff:192.0.2.1]:25", "192.0.2.1:25", "192.0.2.1", false, 25},
    {"[fe80::1%lo]:25", "[fe80::1%lo]:25", "fe80::1%lo", false, 25},
    {"unix:/run/ehlogate.sock", "unix:/run/ehlogate.sock", "unix", false, 0},
    {"UNIX:/tmp/a b", "unix:/tmp/a b", "unix", true, 0},
};

static void addresses_are_read_and_written(void **state)
{
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        char text[NET_ADDR_TEXT];
        struct net_addr addr = parse_one(good[i].in, good[i].passive);
        net_addr_format(&addr, text);
        assert_string_equal(text, good[i].out);
        net_addr_format_host(&addr, text);
        assert_string_equal(text, good[i].host);
        assert_int_equal(net_addr_port(&addr), good[i].port);
    }
}

static const struct {
    const char *in, *error;
    bool passive;
} bad[] = {
    {"", "port is missing", false},
    {"192.0.2.1", "port is missing", false},
    {"192.0.2.1:", "port is missing", false},
    {"[::1]", "port is missing", false},
    {"[::1]25", "port is missing", false},
    {"[::1", "\"[\" without \"]\"", false},
    {"[]:25", "IPv6 address must stand in the brackets", false},
    {"[192.0.2.1]:25", "IPv6 address must stand in the brackets", false},
    {"::1:25", "must stand in brackets", false},
    {"2001:db8::1", "must stand in brackets", false},
    {"192.0.2.1:smtp", "must be a number", false},
    {"192.0.2.1:-1", "must be a number", false},
    {"192.0.2.1:+25", "must be a number", false},
    {"192.0.2.1: 25", "must be a number", false},
    {"192.0.2.1:65536", "at most 65535", false},
    {"192.0.2.1:18446744073709551641", "at most 65535", false},
    {"192.0.2.1:0", "port 0 cannot be connected to", false},
    {":25", "host is missing", false},
    {"*:25", "host is missing", false},
    {"[2001:db8::zz]:25", "", false},
    {"unix:", "must begin with /", false},
    {"unix:relative", "must begin with /", false},
    {"unix:/"
     "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678"
     "901234567890123456",
     "107 characters at most", false},
};

static void bad_addresses_are_named(void **state)
{
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct net_addr addrs[ADDRS];
        const char *error = NULL;
        assert_int_equal(net_addr_parse(bad[i].in, bad[i].passive, addrs, ADDRS, &error), 0);
        assert_non_null(error);
        if (strstr(error, bad[i].error) == NULL) {
            print_error("%s: %s\n", bad[i].in, error);
        }
        assert_non_null(strstr(error, bad[i].error));
    }
}

static void long_host_is_refused(void **state)
{
    char text[400];
    struct net_addr addrs[ADDRS];
    const char *error = NULL;

    memset(text, 'a', sizeof(text));
    memcpy(text + sizeof(text) - 4, ":25", 4);
    assert_int_equal(net_addr_parse(text, false, addrs, ADDRS, &error), 0);
    assert_string_equal(error, "the host name is too long");
}

/* "*" and nothing are every address of the machine: of IPv4 at least, of IPv6 where there is any.
 */
static void every_address_is_every_family(void **state)
{
    static const char *const texts[] = {"*:25", ":25"};
    char text[NET_ADDR_TEXT];

    for (size_t i = 0; i < 2; i++) {
        struct net_addr addrs[ADDRS];
        const char *error = NULL;
        size_t count = net_addr_parse(texts[i], true, addrs, ADDRS, &error);
        assert_in_range(count, 1, 2);
        unsigned v4 = 0, v6 = 0;
        for (size_t a = 0; a < count; a++) {
            net_addr_format(&addrs[a], text);
            v4 += strcmp(text, "0.0.0.0:25") == 0;
            v6 += strcmp(text, "[::]:25") == 0;
        }
        assert_int_equal(v4, 1);
        assert_int_equal(v4 + v6, count);
    }
}

static void no_more_than_asked_for(void **state)
{
    struct net_addr addrs[2] = {{0}, {.len = 77}};
    const char *error = NULL;

    assert_int_equal(net_addr_parse("*:25", true, addrs, 1, &error), 1);
    assert_int_equal(addrs[1].len, 77);
}

/* Sockets of one address share the port that the kernel chose for the first. */
static void listening_sockets_share_a_port(void **state)
{
    struct net_addr addr = parse_one("127.0.0.1:0", true);
    struct net_listen listen;
    const char *step;

    assert_true(net_listen_open(&listen, &addr, 3, &step));
    assert_int_equal(listen.count, 3);
    assert_true(net_addr_port(&listen.addr) > 0);
    for (unsigned i = 0; i < 3; i++) {
        struct sockaddr_in bound;
        socklen_t len = sizeof(bound);
        int on = 0;
        int fd = net_listen_fd(&listen, i);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&bound, &len), 0);
        assert_int_equal(ntohs(bound.sin_port), net_addr_port(&listen.addr));
        len = sizeof(on);
        assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
        assert_int_not_equal(on, 0);
        assert_int_not_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
        assert_int_not_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    }
    /* A second server is refused the port, although it would share it. */
    struct net_listen second;
    assert_false(net_listen_open(&second, &listen.addr, 1, &step));
    assert_int_equal(errno, EADDRINUSE);
    assert_string_equal(step, "bind");
    assert_null(second.fds);
    int kept = net_listen_fd(&listen, 1), closed = net_listen_fd(&listen, 0);
    net_listen_close(&listen, 1);
    assert_int_equal(fcntl(closed, F_GETFD), -1);
    assert_int_not_equal(fcntl(kept, F_GETFD), -1);
    close(kept);
    free(listen.fds);
}

static void port_is_free_again_after_close(void **state)
{
    struct net_addr addr = parse_one("127.0.0.1:0", true);
    struct net_listen listen, again;
    const char *step;

    assert_true(net_listen_open(&listen, &addr, 2, &step));
    addr = listen.addr;
    net_listen_close(&listen, UINT_MAX);
    assert_null(listen.fds);
    assert_true(net_listen_open(&again, &addr, 2, &step));
    assert_int_equal(net_addr_port(&again.addr), net_addr_port(&addr));
    net_listen_close(&again, UINT_MAX);
}

static void address_of_no_interface_is_an_error(void **state)
{
    struct net_addr addr = parse_one("192.0.2.1:0", true);
    struct net_listen listen;
    const char *step;

    assert_false(net_listen_open(&listen, &addr, 1, &step));
    assert_int_equal(errno, EADDRNOTAVAIL);
    assert_string_equal(step, "bind");
}

static struct net_addr unix_addr(void)
{
    char text[sizeof(socket_path) + 8];

    snprintf(text, sizeof(text), "unix:%s", socket_path);
    return parse_one(text, true);
}

static bool exists(void)
{
    struct stat st;
    return lstat(socket_path, &st) == 0;
}

static void unix_socket_is_one_for_all_workers(void **state)
{
    struct net_addr addr = unix_addr();
    struct net_listen listen;
    const char *step;

    assert_true(net_listen_open(&listen, &addr, 3, &step));
    assert_int_equal(listen.count, 1);
    assert_int_equal(net_listen_fd(&listen, 0), net_listen_fd(&listen, 2));
    assert_true(exists());
    /* While somebody listens there it is not taken away from him. */
    struct net_listen second;
    assert_false(net_listen_open(&second, &addr, 1, &step));
    assert_int_equal(errno, EADDRINUSE);
    assert_true(exists());
    net_listen_unlink(&listen);
    assert_false(exists());
    net_listen_close(&listen, UINT_MAX);
}

static void stale_unix_socket_is_replaced(void **state)
{
    struct net_addr addr = unix_addr();
    struct net_listen stale, listen;
    const char *step;

    assert_true(net_listen_open(&stale, &addr, 1, &step));
    net_listen_close(&stale, UINT_MAX); /* as a process does that is killed */
    assert_true(exists());
    assert_true(net_listen_open(&listen, &addr, 1, &step));
    /* The file is another one now: whoever had the old one does not remove it. */
    stale.inode = stale.inode == listen.inode ? 0 : stale.inode;
    net_listen_unlink(&stale);
    assert_true(exists());
    net_listen_unlink(&listen);
    assert_false(exists());
    net_listen_close(&listen, UINT_MAX);
}

static void file_in_place_of_a_socket_is_kept(void **state)
{
    struct net_addr addr = unix_addr();
    struct net_listen listen;
    const char *step;

    int fd = open(socket_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_false(net_listen_open(&listen, &addr, 1, &step));
    assert_int_equal(errno, EEXIST);
    assert_true(exists());
    assert_int_equal(unlink(socket_path), 0);
}

static int make_folder(void **state)
{
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(socket_path, sizeof(socket_path), "%s/socket", folder);
    return 0;
}

static int remove_folder(void **state)
{
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_and_written),
        cmocka_unit_test(bad_addresses_are_named),
        cmocka_unit_test(long_host_is_refused),
        cmocka_unit_test(every_address_is_every_family),
        cmocka_unit_test(no_more_than_asked_for),
        cmocka_unit_test(listening_sockets_share_a_port),
        cmocka_unit_test(port_is_free_again_after_close),
        cmocka_unit_test(address_of_no_interface_is_an_error),
        cmocka_unit_test(unix_socket_is_one_for_all_workers),
        cmocka_unit_test(stale_unix_socket_is_replaced),
        cmocka_unit_test(file_in_place_of_a_socket_is_kept),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
