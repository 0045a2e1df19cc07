/*
 * Patterns on PCRE2: machine code where the machine allows it, else its interpreter.
 *
 * What a match needs beside the pattern is made once a process and shared, since there is one
 * thread: it goes with the last pattern.
 */
#include "policy/pattern.h"

#include "base/mem.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* A message of a header field of 16 KiB against a pattern that tries everything: about 10 ms until
 * it gives up. PCRE2's own default is ten times that, and no limit of memory to speak of. */
enum { MATCH_LIMIT = 1000000, HEAP_LIMIT_KIB = 1024, STACK_MIN = 32 * 1024, STACK_MAX = 1 << 20 };

struct policy_pattern {
    pcre2_code *code; /* owned */
};

static struct shared {
    unsigned users; /* patterns */
    bool failed;    /* memory was asked for in vain: PCRE2 does not always say so */
    pcre2_general_context *general;
    pcre2_match_context *match;
    pcre2_match_data *data;
    pcre2_jit_stack *stack; /* NULL without machine code */
} shared;

static void *pattern_alloc(PCRE2_SIZE size, void *context)
{
    (void)context;
    void *ptr = mem_alloc(size);

    shared.failed = shared.failed || ptr == NULL;
    return ptr;
}

static void pattern_release(void *ptr, void *context)
{
    (void)context;
    mem_free(ptr);
}

static void shared_end(void)
{
    if (shared.users > 0) {
        return;
    }
    pcre2_jit_stack_free(shared.stack);
    pcre2_match_data_free(shared.data);
    pcre2_match_context_free(shared.match);
    pcre2_general_context_free(shared.general);
    shared = (struct shared){.users = 0};
}

static bool shared_begin(void)
{
    if (shared.general != NULL) {
        return true;
    }
    shared.general = pcre2_general_context_create(pattern_alloc, pattern_release, NULL);
    if (shared.general == NULL) {
        return false;
    }
    shared.match = pcre2_match_context_create(shared.general);
    shared.data = pcre2_match_data_create(1, shared.general);
    if (shared.match == NULL || shared.data == NULL) {
        shared_end();
        return false;
    }
    pcre2_set_match_limit(shared.match, MATCH_LIMIT);
    pcre2_set_depth_limit(shared.match, MATCH_LIMIT);
    pcre2_set_heap_limit(shared.match, HEAP_LIMIT_KIB);
    shared.stack = pcre2_jit_stack_create(STACK_MIN, STACK_MAX, shared.general);
    if (shared.failed) {
        shared_end();
        return false;
    }
    if (shared.stack != NULL) {
        pcre2_jit_stack_assign(shared.match, NULL, shared.stack);
    }
    return true;
}

/* NULL and PCRE2's error; shared.failed when memory is out. */
static pcre2_code *compile(struct span text, bool nocase, int *error_r, PCRE2_SIZE *offset_r)
{
    uint32_t options = PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP;
    pcre2_compile_context *context = pcre2_compile_context_create(shared.general);
    /* PCRE2 takes no NULL for the empty pattern. */
    const unsigned char *ptr = text.len > 0 ? text.ptr : (const unsigned char *)"";

    *error_r = 0;
    *offset_r = 0;
    if (context == NULL) {
        return NULL;
    }
    pcre2_code *code = pcre2_compile(ptr, text.len, options | (nocase ? PCRE2_CASELESS : 0),
                                     error_r, offset_r, context);
    pcre2_compile_context_free(context);
    return code;
}

struct policy_pattern *policy_pattern_new(struct span text, bool nocase, char *error_r, size_t size)
{
    int error;
    PCRE2_SIZE offset;

    error_r[0] = '\0';
    shared.failed = false;
    if (!shared_begin()) {
        return NULL;
    }
    struct policy_pattern *pattern = mem_zalloc(sizeof(*pattern));
    if (pattern == NULL) {
        shared_end();
        return NULL;
    }
    shared.users++;
    pattern->code = compile(text, nocase, &error, &offset);
    if (pattern->code == NULL) {
        if (!shared.failed) {
            unsigned char reason[256] = "";
            pcre2_get_error_message(error, reason, sizeof(reason));
            snprintf(error_r, size, "%s at octet %zu", (const char *)reason, offset + 1);
        }
        policy_pattern_free(&pattern);
        return NULL;
    }
    /* Where the machine or its rules forbid it, the interpreter does the same. */
    (void)pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE);
    if (shared.failed) {
        policy_pattern_free(&pattern);
    }
    return pattern;
}

void policy_pattern_free(struct policy_pattern **pattern)
{
    if (*pattern != NULL) {
        pcre2_code_free((*pattern)->code);
        mem_free(*pattern);
        *pattern = NULL;
        shared.users--;
        shared_end();
    }
}

bool policy_pattern_match(const struct policy_pattern *pattern, struct span text, bool *exceeded_r)
{
    const unsigned char *ptr = text.len > 0 ? text.ptr : (const unsigned char *)"";
    int result = pcre2_match(pattern->code, ptr, text.len, 0, 0, shared.data, shared.match);

    if (result < 0 && result != PCRE2_ERROR_NOMATCH) {
        *exceeded_r = true;
    }
    return result >= 0;
}
