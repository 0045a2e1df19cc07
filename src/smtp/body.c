/*
 * The body scanner.
 *
 * Two engines see the same octets. The exact one is a state machine that takes an octet at a time
 * and knows everything. The fast one looks at 64 octets at once, as four bit masks (where are CR,
 * LF, NUL, dots), and only answers whether the block is ordinary: every LF behind its CR, every CR
 * before its LF, no NUL, no line that begins with a dot, no line above the limit. An ordinary block
 * costs some thirty instructions and is never looked at again; any other is given to the exact
 * engine. That keeps the vector code free of rules, and the rules in one place.
 *
 * Rejected: memchr() for CR from line to line, which costs a call per line and reads the line a
 * second time for NUL and bare LF (measured at about three times the price); and tables of
 * transitions, which cost a dependent load per octet.
 */
#include "smtp/body.h"

#if defined(__SSE2__)
#include <emmintrin.h>
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

/* Which octets of a block are which: bit i stands for octet i. */
struct masks {
    uint64_t cr, lf, nul, dot;
};

#if defined(__SSE2__)
static inline uint64_t where(__m128i a, __m128i b, __m128i c, __m128i d, char octet)
{
    __m128i all = _mm_set1_epi8(octet);
    uint64_t lo = (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(a, all)) |
                  (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(b, all)) << 16;
    uint64_t hi = (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(c, all)) |
                  (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(d, all)) << 16;
    return lo | hi << 32;
}

static inline struct masks block_masks(const unsigned char *p)
{
    const __m128i *v = (const __m128i *)(const void *)p;
    __m128i a = _mm_loadu_si128(v);
    __m128i b = _mm_loadu_si128(v + 1);
    __m128i c = _mm_loadu_si128(v + 2);
    __m128i d = _mm_loadu_si128(v + 3);
    return (struct masks){where(a, b, c, d, '\r'), where(a, b, c, d, '\n'), where(a, b, c, d, '\0'),
                          where(a, b, c, d, '.')};
}
#else
static inline struct masks block_masks(const unsigned char *p)
{
    struct masks m = {0};

    for (unsigned i = 0; i < BLOCK; i++) {
        m.cr |= (uint64_t)(p[i] == '\r') << i;
        m.lf |= (uint64_t)(p[i] == '\n') << i;
        m.nul |= (uint64_t)(p[i] == '\0') << i;
        m.dot |= (uint64_t)(p[i] == '.') << i;
    }
    return m;
}
#endif

void smtp_body_begin(struct smtp_body *body, bool chunk, uint32_t line_max)
{
    *body = (struct smtp_body){.chunk = chunk, .line_max = line_max, .state = LINE_START};
}

/* Is the block at `p` ordinary? Then the body is moved past it. A dot at the beginning of a line is
 * not ordinary in DATA; in a chunk it is. */
static inline bool block_ordinary(struct smtp_body *body, const unsigned char *p)
{
    struct masks m = block_masks(p);
    uint64_t after_cr = m.cr << 1 | (body->state == CR);
    uint64_t line_start = m.lf << 1 | (body->state == LINE_START);

    if (m.lf != after_cr || m.nul != 0 || (!body->chunk && (m.dot & line_start) != 0)) {
        return false;
    }
    uint32_t first = m.lf != 0 ? (uint32_t)__builtin_ctzll(m.lf) : BLOCK;
    uint64_t line = (uint64_t)body->line + first; /* with the CR that may stand before the LF */
    if (body->line_max > 0 && !body->reported && line > body->line_max) {
        return false;
    }
    if (m.lf != 0) {
        unsigned last = (unsigned)(BLOCK - 1 - __builtin_clzll(m.lf));
        body->line = BLOCK - 1 - last;
        body->reported = false;
    } else {
        body->line = (uint32_t)(line < UINT32_MAX ? line : UINT32_MAX);
    }
    body->state = (m.cr >> (BLOCK - 1)) != 0   ? CR
                  : (m.lf >> (BLOCK - 1)) != 0 ? LINE_START
                                               : IN_LINE;
    /* body->line counts the octets before a CR only, as the exact engine does. */
    body->line -= body->state == CR && body->line > 0;
    return true;
}

/* Can the fast engine go on from here? */
static inline bool fast_state(const struct smtp_body *body)
{
    return (body->state == IN_LINE || body->state == LINE_START || body->state == CR) &&
           (body->line_max == 0 || body->line_max >= BLOCK);
}

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

/* The exact engine: from in[at] to in[end) or the first event. Returns where it stopped, behind the
 * octet that it stopped for; a bare CR is noticed at its successor, which is then not taken. */
static size_t scan_exact(struct smtp_body *body, struct span in, size_t at, size_t end,
                         enum smtp_body_event *event_r, bool *end_dot_r)
{
    *event_r = SMTP_BODY_MORE;
    while (at < end && *event_r == SMTP_BODY_MORE) {
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
        if (in.len - at >= BLOCK && fast_state(body) && block_ordinary(body, in.ptr + at)) {
            at += BLOCK;
            continue;
        }
        size_t end = in.len - at < BLOCK ? in.len : at + BLOCK;
        at = scan_exact(body, in, at, end, &scan.event, &scan.end_dot);
    }
    size_t about = scan.event == SMTP_BODY_MORE ? holds_cr(body) : event_octets(scan.event);
    scan.used = at;
    /* What the event is about may have begun with the CR that was held. */
    scan.clean = at > about ? at - about : 0;
    scan.carry = held && at >= about;
    return scan;
}

bool smtp_body_release(struct smtp_body *body)
{
    body->released = holds_cr(body);
    return body->released;
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
