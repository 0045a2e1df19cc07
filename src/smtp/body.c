/*
 * The body scanner.
 *
 * Two engines see the same octets. The exact one is a state machine that takes an octet at a time
 * and knows everything. The fast one looks at 64 octets at once, as bit masks (where are CR, LF,
 * NUL and dots), and only answers whether the block is ordinary: every LF behind its CR, every CR
 * before its LF, no NUL, no line that may be a dot alone, no line above the limit. An ordinary
 * block costs some forty instructions and is never looked at again; any other is given to the exact
 * engine. That keeps the vector code free of rules, and the rules in one place.
 *
 * Rejected: memchr() for CR from line to line, which costs a call per line and reads the line a
 * second time for NUL and bare LF (measured at about three times the price); and tables of
 * transitions, which cost a dependent load per octet.
 */
#include "smtp/body.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum state {
    LINE_START, /* behind CRLF, or at the beginning of a DATA body */
    LF_START,   /* behind a bare LF: a line for those who take it for a line end */
    IN_LINE,
    DOT,    /* behind CRLF "." */
    LF_DOT, /* behind a bare LF and "." */
    CR,     /* behind a CR that is somewhere in a line */
    DOT_CR, /* behind CRLF "." CR: an LF makes this the end */
    LF_DOT_CR,
};

enum { BLOCK = 64 };
#define LAST (UINT64_C(1) << (BLOCK - 1)) /* the bit of a block's last octet */

/* Which octets of a block are CR, LF and dots (bit i is octet i), and whether one is NUL. */
struct masks {
    uint64_t cr, lf, dot, nul;
};

void smtp_body_begin(struct smtp_body *body, bool chunk, uint32_t line_max)
{
    *body = (struct smtp_body){.chunk = chunk, .line_max = line_max, .state = LINE_START};
}

/* Can the fast engine go on from here? It does not look into the short lines of a short limit. */
static bool fast_state(const struct smtp_body *body)
{
    return (body->state == IN_LINE || body->state == LINE_START || body->state == CR) &&
           (body->line_max == 0 || body->line_max >= BLOCK) && body->line <= INT32_MAX;
}

/* The fast engine: pass over ordinary blocks from the front of `in`. Returns the octets passed. Its
 * two exits are the only branches: where line ends fall is nothing that a processor can guess. */
static inline __attribute__((always_inline)) size_t pass_blocks(
    struct smtp_body *body, struct span in, struct masks (*masks_of)(const unsigned char *))
{
    /* A line above the limit is for the exact engine, to report it, and so is that line's end. */
    const int64_t line_max = body->line_max > 0 && !body->reported ? body->line_max : INT64_MAX;
    const uint64_t not_here = body->reported ? UINT64_MAX : 0;
    const uint64_t dots = body->chunk ? 0 : UINT64_MAX;
    int64_t line_begin = -(int64_t)body->line - (body->state == CR);
    uint64_t after_cr = body->state == CR;
    uint64_t line_start = body->state == LINE_START;
    size_t at = 0;

    for (; in.len - at >= BLOCK; at += BLOCK) {
        struct masks m = masks_of(in.ptr + at);
        uint64_t odd = (m.lf ^ (m.cr << 1 | after_cr)) | m.nul | (m.lf & not_here) |
                       (m.dot & dots & (m.lf << 1 | line_start) & (m.cr >> 1 | LAST));
        int64_t first = m.lf != 0 ? __builtin_ctzll(m.lf) : BLOCK;
        int64_t last = m.lf != 0 ? BLOCK - __builtin_clzll(m.lf) : line_begin - (int64_t)at;
        if (odd != 0 || (int64_t)at + first - line_begin > line_max) {
            break;
        }
        line_begin = (int64_t)at + last;
        after_cr = m.cr >> (BLOCK - 1);
        line_start = m.lf >> (BLOCK - 1);
    }
    if (at > 0) {
        int64_t line = (int64_t)at - line_begin - (int64_t)after_cr; /* its CR does not count */
        body->state = after_cr != 0 ? CR : line_start != 0 ? LINE_START : IN_LINE;
        body->line = (uint32_t)(line < UINT32_MAX ? line : UINT32_MAX);
    }
    return at;
}

#if defined(__x86_64__)
static inline uint64_t where_sse2(const __m128i *v, char octet)
{
    __m128i all = _mm_set1_epi8(octet);
    uint64_t a = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v[0], all));
    uint64_t b = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v[1], all));
    uint64_t c = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v[2], all));
    uint64_t d = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v[3], all));
    return a | b << 16 | c << 32 | d << 48;
}

static inline struct masks masks_sse2(const unsigned char *p)
{
    const __m128i *in = (const __m128i *)(const void *)p;
    __m128i v[4] = {_mm_loadu_si128(in), _mm_loadu_si128(in + 1), _mm_loadu_si128(in + 2),
                    _mm_loadu_si128(in + 3)};
    __m128i least = _mm_min_epu8(_mm_min_epu8(v[0], v[1]), _mm_min_epu8(v[2], v[3]));
    int nul = _mm_movemask_epi8(_mm_cmpeq_epi8(least, _mm_setzero_si128()));
    return (struct masks){where_sse2(v, '\r'), where_sse2(v, '\n'), where_sse2(v, '.'),
                          (uint32_t)nul};
}

/* Every processor with AVX2 has these two as well. */
#define AVX2 __attribute__((target("avx2,bmi,lzcnt")))

static inline AVX2 uint64_t where_avx2(__m256i lo, __m256i hi, char octet)
{
    __m256i all = _mm256_set1_epi8(octet);
    uint64_t a = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(lo, all));
    uint64_t b = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(hi, all));
    return a | b << 32;
}

static inline AVX2 struct masks masks_avx2(const unsigned char *p)
{
    const __m256i *in = (const __m256i *)(const void *)p;
    __m256i lo = _mm256_loadu_si256(in);
    __m256i hi = _mm256_loadu_si256(in + 1);
    __m256i least = _mm256_min_epu8(lo, hi);
    int nul = _mm256_movemask_epi8(_mm256_cmpeq_epi8(least, _mm256_setzero_si256()));
    return (struct masks){where_avx2(lo, hi, '\r'), where_avx2(lo, hi, '\n'),
                          where_avx2(lo, hi, '.'), (uint32_t)nul};
}

static AVX2 size_t pass_avx2(struct smtp_body *body, struct span in)
{
    return pass_blocks(body, in, masks_avx2);
}

static size_t pass_ordinary(struct smtp_body *body, struct span in)
{
    return __builtin_cpu_supports("avx2") ? pass_avx2(body, in) : pass_blocks(body, in, masks_sse2);
}
#else
static inline struct masks masks_plain(const unsigned char *p)
{
    struct masks m = {0};

    for (unsigned i = 0; i < BLOCK; i++) {
        m.cr |= (uint64_t)(p[i] == '\r') << i;
        m.lf |= (uint64_t)(p[i] == '\n') << i;
        m.dot |= (uint64_t)(p[i] == '.') << i;
        m.nul |= p[i] == '\0';
    }
    return m;
}

static size_t pass_ordinary(struct smtp_body *body, struct span in)
{
    return pass_blocks(body, in, masks_plain);
}
#endif

static void line_begin(struct smtp_body *body, enum state state)
{
    body->state = (uint8_t)state;
    body->line = 0;
    body->reported = false;
}

/* One octet that is neither CR, LF nor NUL. */
static enum smtp_body_event step_text(struct smtp_body *body, unsigned char c)
{
    bool dot = c == '.' && !body->chunk;

    if (dot && body->state == LINE_START) {
        body->state = DOT;
    } else if (dot && body->state == LF_START) {
        body->state = LF_DOT;
    } else {
        body->state = IN_LINE;
    }
    body->line += body->line < UINT32_MAX;
    if (body->line_max > 0 && body->line > body->line_max && !body->reported) {
        body->reported = true;
        return SMTP_BODY_LONG_LINE;
    }
    return SMTP_BODY_MORE;
}

static enum smtp_body_event step_lf(struct smtp_body *body)
{
    enum state was = (enum state)body->state;

    if (was == CR || was == DOT_CR || was == LF_DOT_CR) {
        line_begin(body, LINE_START);
        return was == DOT_CR      ? SMTP_BODY_END
               : was == LF_DOT_CR ? SMTP_BODY_LONE_DOT
                                  : SMTP_BODY_MORE;
    }
    line_begin(body, LF_START);
    return SMTP_BODY_BARE_LF;
}

static bool holds_cr(const struct smtp_body *body)
{
    return body->state == CR || body->state == DOT_CR || body->state == LF_DOT_CR;
}

/* How many octets from `p` on are nothing but text in the middle of a line, up to where the line
 * becomes too long. They need no state machine. */
static size_t text_run(const struct smtp_body *body, const unsigned char *p, size_t len)
{
    size_t run = 0;

    if (body->state != IN_LINE) {
        return 0;
    }
    if (body->line_max > 0 && !body->reported) {
        /* The line may be too long already: a bare CR or NUL counts, but does not report it. */
        uint32_t left = body->line < body->line_max ? body->line_max - body->line : 0;
        len = len < left ? len : left;
    }
    while (run < len && p[run] > '\r') {
        run++;
    }
    return run;
}

/* The exact engine: from in[at] to in[end) or the first event. Returns where it stopped, behind the
 * octet that it stopped for; a bare CR is noticed at its successor, which is then not taken. */
static size_t scan_exact(struct smtp_body *body, struct span in, size_t at, size_t end,
                         enum smtp_body_event *event_r, bool *end_dot_r)
{
    *event_r = SMTP_BODY_MORE;
    while (at < end && *event_r == SMTP_BODY_MORE) {
        size_t run = text_run(body, in.ptr + at, end - at);
        if (run > 0) {
            body->line += body->line <= UINT32_MAX - run ? (uint32_t)run : 0;
            at += run;
            continue;
        }
        unsigned char c = in.ptr[at];
        if (holds_cr(body) && c != '\n') {
            body->state = IN_LINE;
            body->line += body->line < UINT32_MAX;
            *event_r = SMTP_BODY_BARE_CR;
            return at;
        }
        at++;
        if (c == '\n') {
            *end_dot_r = body->state == DOT || body->state == LF_DOT;
            *event_r = step_lf(body);
        } else if (c == '\r') {
            body->state = body->state == DOT ? DOT_CR : body->state == LF_DOT ? LF_DOT_CR : CR;
        } else if (c == '\0') {
            body->state = IN_LINE;
            body->line += body->line < UINT32_MAX;
            *event_r = SMTP_BODY_NUL;
        } else {
            *event_r = step_text(body, c);
        }
    }
    return at;
}

/* How many octets before in[at] belong to the event and are not clean. */
static size_t event_octets(enum smtp_body_event event)
{
    switch (event) {
    case SMTP_BODY_BARE_CR:
    case SMTP_BODY_BARE_LF:
    case SMTP_BODY_NUL:
        return 1;
    case SMTP_BODY_LONE_DOT:
        return 2;
    case SMTP_BODY_MORE:
    case SMTP_BODY_END:
    case SMTP_BODY_LONG_LINE:
        break;
    }
    return 0;
}

struct smtp_body_scan smtp_body_scan(struct smtp_body *body, struct span in)
{
    struct smtp_body_scan scan = {.event = SMTP_BODY_MORE};
    bool held = holds_cr(body) && !body->released;
    size_t at = 0;

    if (in.len == 0) {
        return scan;
    }
    body->released = false;
    while (scan.event == SMTP_BODY_MORE && at < in.len) {
        if (fast_state(body)) {
            at += pass_ordinary(body, span_from(in, at));
        }
        size_t end = in.len - at < BLOCK ? in.len : at + BLOCK;
        at = scan_exact(body, in, at, end, &scan.event, &scan.end_dot);
    }
    size_t about = scan.event == SMTP_BODY_MORE ? holds_cr(body) : event_octets(scan.event);
    scan.used = at;
    /* What the event is about may have begun with the CR that was held. */
    scan.clean = at > about ? at - about : 0;
    scan.carry = held && at >= about;
    scan.sent = scan.event == SMTP_BODY_BARE_CR && at == 0 && !held;
    return scan;
}

struct smtp_body_scan smtp_body_chunk_end(struct smtp_body *body, bool last)
{
    struct smtp_body_scan scan = {.event = SMTP_BODY_MORE};

    if (!holds_cr(body)) {
        return scan;
    }
    if (last) {
        scan.event = SMTP_BODY_BARE_CR;
        scan.sent = body->released;
    } else {
        scan.carry = !body->released;
        body->released = true;
    }
    return scan;
}

const char *smtp_body_event_name(enum smtp_body_event event)
{
    static const char *const names[] = {
        [SMTP_BODY_MORE] = "none",
        [SMTP_BODY_END] = "end-of-data",
        [SMTP_BODY_BARE_CR] = "bare-cr",
        [SMTP_BODY_BARE_LF] = "bare-lf",
        [SMTP_BODY_NUL] = "nul",
        [SMTP_BODY_LONE_DOT] = "lone-dot",
        [SMTP_BODY_LONG_LINE] = "long-line",
    };
    _Static_assert(sizeof(names) / sizeof(names[0]) == SMTP_BODY_EVENTS, "a name for every event");
    return names[event];
}
