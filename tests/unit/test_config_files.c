/*
 * config: includes, files that cannot be read, and the options of `serve`.
 */
#include "config/parse.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

/* What makes a file complete. */
#define REST "backend b { server 127.0.0.1:25 }; listener l { listen 127.0.0.1:0; backend b }\n"

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

static const char *const dir_files[] = {"main.conf",  "a.conf",     "b.conf", "empty.conf",
                                        "sub/c.conf", "sub/d.conf", "sub"};

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

static void dir_write(const struct dir *dir, const char *name, const char *text)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", dir->path, name);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(fputs(text, out) >= 0, 1);
    assert_int_equal(fclose(out), 0);
}

/* Read DIR/name. What is said about it goes to `errors_r` with DIR/ taken out of it. */
static struct config *dir_load(const struct dir *dir, const char *name, char errors_r[4096])
{
    char path[128], *errors = NULL;
    size_t len = 0, used = 0;
    size_t dir_len = strlen(dir->path);
    FILE *out = open_memstream(&errors, &len);

    assert_non_null(out);
    snprintf(path, sizeof(path), "%s/%s", dir->path, name);
    struct config *config = config_load(path, out);
    assert_int_equal(fclose(out), 0);
    for (const char *c = errors; *c != '\0' && used < 4095;) {
        if (strncmp(c, dir->path, dir_len) == 0) {
            c += dir_len + (c[dir_len] == '/');
        } else {
            errors_r[used++] = *c++;
        }
    }
    errors_r[used] = '\0';
    free(errors);
    return config;
}

static void assert_load_fails(const struct dir *dir, const char *expected)
{
    char errors[4096];

    assert_null(dir_load(dir, "main.conf", errors));
    assert_string_equal(errors, expected);
}

static void includes_are_read_in_order(void **state)
{
    const struct dir *dir = *state;
    char errors[4096], path[128];

    snprintf(path, sizeof(path), "%s/sub", dir->path);
    assert_int_equal(mkdir(path, 0700), 0);
    dir_write(dir, "main.conf",
              "include \"sub/*.conf\"; hostname mx\n"
              "include empty.conf\n"
              "listener l { listen 127.0.0.1:0; backend c; policy d }\n");
    dir_write(dir, "sub/c.conf", "backend c { server 127.0.0.1:25 }\ninclude ../a.conf");
    dir_write(dir, "sub/d.conf", "policy d { banner pass }");
    dir_write(dir, "a.conf", "workers 7 # no line end");
    dir_write(dir, "empty.conf", "");
    struct config *config = dir_load(dir, "main.conf", errors);
    assert_string_equal(errors, "");
    assert_non_null(config);
    assert_int_equal(config->workers, 7);
    assert_string_equal(config->hostname, "mx");
    assert_string_equal(config->listeners->policy->name, "d");
    assert_non_null(strstr(config->file, "/main.conf"));
    assert_non_null(strstr(config->backends->place.file, "/sub/c.conf"));
    assert_int_equal(config->listeners->place.line, 3);
    config_free(&config);
}

static void errors_name_the_included_file(void **state)
{
    const struct dir *dir = *state;

    dir_write(dir, "main.conf", "hostname a\ninclude a.conf\nhostname c\n" REST);
    dir_write(dir, "a.conf", "\nhostname b\npolicy p {\n  banner hyde\n");
    assert_load_fails(
        dir,
        "a.conf:2:1: \"hostname\" stands twice; the first is at main.conf:1:1\n"
        "a.conf:4:10: banner: unknown word \"hyde\"; expected pass, hide, host, mask, mask-all "
        "or text; did you mean \"hide\"?\n"
        "a.conf:3:10: the policy block that begins here is not closed: expected \"}\" before "
        "the end of the file\n"
        "main.conf:3:1: \"hostname\" stands twice; the first is at main.conf:1:1\n");
}

static void includes_that_cannot_be_are_told(void **state)
{
    const struct dir *dir = *state;
    char path[128];

    dir_write(dir, "main.conf", "include \"none/*.conf\"\ninclude none.conf\n" REST);
    assert_load_fails(dir, "main.conf:1:9: include: there is no file none/*.conf\n"
                           "main.conf:2:9: include: there is no file none.conf\n");
    dir_write(dir, "main.conf", REST "\n  include main.conf\n");
    assert_load_fails(dir, "main.conf:3:11: main.conf includes itself\n");
    dir_write(dir, "main.conf", "include a.conf\n" REST);
    dir_write(dir, "a.conf", "include b.conf\n");
    dir_write(dir, "b.conf", "include ./a.conf\n");
    assert_load_fails(dir, "b.conf:1:9: ./a.conf includes itself\n");
    snprintf(path, sizeof(path), "%s/sub", dir->path);
    assert_int_equal(mkdir(path, 0700), 0);
    dir_write(dir, "main.conf", "include sub\n" REST);
    assert_load_fails(dir, "main.conf:1:9: sub cannot be read: Is a directory\n");
}

static void a_file_that_cannot_be_read_is_told(void **state)
{
    const struct dir *dir = *state;
    char errors[4096], path[128];

    assert_null(dir_load(dir, "none.conf", errors));
    assert_string_equal(errors, "ehlogate: none.conf cannot be read: No such file or directory\n");
    assert_null(dir_load(dir, ".", errors));
    assert_string_equal(errors, "ehlogate: . cannot be read: Is a directory\n");

    snprintf(path, sizeof(path), "%s/main.conf", dir->path);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, CONFIG_FILE_MAX + 1), 0);
    assert_int_equal(close(fd), 0);
    assert_load_fails(dir, "ehlogate: main.conf is larger than 16 MiB\n");
}

/* ---- options ---- */

static void check_options(const char *listen, const char *backend, const char *profile,
                          const char *hostname, const char *expected)
{
    const char *const listens[] = {listen, NULL};
    const char *const backends[] = {backend, NULL};
    const struct config_quick quick = {
        .listen = listens, .backend = backends, .profile = profile, .hostname = hostname};
    char *errors = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&errors, &len);

    assert_non_null(out);
    assert_null(config_from_options(&quick, out));
    assert_int_equal(fclose(out), 0);
    assert_string_equal(errors, expected);
    free(errors);
}

static void errors_name_the_option(void **state)
{
    check_options("127.0.0.1:0", "127.0.0.1:25", "rfc281", NULL,
                  "--profile: unknown profile \"rfc281\"; `ehlogate profiles` lists them; did you "
                  "mean \"rfc821\"?\n");
    check_options("127.0.0.1:0", "127.0.0.1:25", NULL, "a b",
                  "--hostname: hostname: \"a b\" is not a host name; expected letters, digits, "
                  "\"-\" and \".\", at most 255 octets\n");
    check_options(
        "127.0.0.1:99999", "127.0.0.1", NULL, NULL,
        "--backend: \"127.0.0.1\" is not an address: a port is missing: host:port\n"
        "--listen: \"127.0.0.1:99999\" is not an address: the port must be a number of at "
        "most 65535\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(includes_are_read_in_order, dir_begin, dir_end),
        cmocka_unit_test_setup_teardown(errors_name_the_included_file, dir_begin, dir_end),
        cmocka_unit_test_setup_teardown(includes_that_cannot_be_are_told, dir_begin, dir_end),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_read_is_told, dir_begin, dir_end),
        cmocka_unit_test(errors_name_the_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
