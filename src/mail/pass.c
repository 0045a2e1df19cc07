/*
 * Body lines that nobody looks at: a message is mostly these.
 *
 * As in smtp/body.c, 64 octets are looked at once, as bit masks. A block is passed when no line in
 * it begins with what matters ("." for dot-stuffing, "--" while a boundary is open) and none that
 * ends in it is longer than the longest one so far. The longest line grows a few times in a
 * message, and dots at a line's start are rare: those lines go to the exact engine in mail.c, one
 * at a time, and so the fast one has no rules of its own. Of a block in which a line matters, the
 * lines before that are still passed here.
 *
 * Rejected: memchr() from line end to line end, which costs a call per line and a second reading
 * for the octets above 127 (three times the price on base64's lines of 76).
 */
#include "mail/private.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { BLOCK = 64 };

/* Bit i is octet i: LF, CR, an octet above 127, and where an octet is "-" or ".". */
struct masks {
    uint64_t lf, cr, high, dash, dot;
};

/* Which bits of `x` begin a run of at least `len` set bits, 1 <= len <= 64. */
static inline __attribute__((always_inline)) uint64_t runs(uint64_t x, unsigned len)
{
    while (len > 1) {
        unsigned half = len / 2;
        x &= x >> half;
        len -= half;
    }
    return x;
}

/* Is a line that begins and ends within the block longer than `most`? */
static inline __attribute__((always_inline)) bool inner_longer(const struct masks *m, uint64_t lf,
                                                               uint64_t most)
{
    if (most >= BLOCK - 2 || lf == 0) {
        return false;
    }
    uint64_t behind_first = ~(lf ^ (lf - 1));
    uint64_t before_last = UINT64_MAX >> __builtin_clzll(lf);
    uint64_t text = ~(lf | (m->cr & lf >> 1)) & behind_first & before_last;
    return runs(text, (unsigned)most + 1) != 0;
}

/* The octets of the line that ends with the first LF of a block, which is `first` octets from `at`.
 * in[at + first - 1] exists: mail_pass() does not begin at an LF. */
static inline __attribute__((always_inline)) int64_t line_octets(struct span in, size_t at,
                                                                 unsigned first, int64_t begin)
{
    int64_t len = (int64_t)(at + first) - begin;
    return len - (in.ptr[at + first - 1] == '\r');
}

static inline __attribute__((always_inline)) size_t pass_blocks(
    struct mail_pass *pass, struct span in, struct masks (*masks_of)(const unsigned char *))
{
    const uint64_t dots = pass->dots ? UINT64_MAX : 0;
    const uint64_t dashes = pass->dashes ? UINT64_MAX : 0;
    const int64_t line_max = (int64_t)pass->line_max;
    int64_t begin = -(int64_t)pass->line; /* of the current line, from in[0] on */
    uint64_t start = pass->start;
    uint64_t stop = 0;
    uint64_t high = 0;
    size_t at = 0;

    while (stop == 0 && in.len - at >= BLOCK) {
        struct masks m = masks_of(in.ptr + at);
        /* What follows the block's last octet is not known: one "-" there is taken for two. */
        uint64_t two = m.dash & (m.dash >> 1 | 1ULL << (BLOCK - 1));
        uint64_t begins = m.lf << 1 | start;

        stop = ((m.dot & dots) | (two & dashes)) & begins;
        uint64_t before = (stop & -stop) - 1; /* all bits where nothing stops */
        uint64_t lf = m.lf & before;
        unsigned first = lf != 0 ? (unsigned)__builtin_ctzll(lf) : BLOCK;
        int64_t line = line_octets(in, at, first, begin);
        if ((lf != 0 && line > line_max) || inner_longer(&m, lf, pass->line_max)) {
            break;
        }
        high |= m.high & before;
        begin = lf != 0 ? (int64_t)at + BLOCK - __builtin_clzll(lf) : begin;
        start = stop != 0 || m.lf >> (BLOCK - 1) != 0;
        at += stop != 0 ? (unsigned)__builtin_ctzll(stop) : BLOCK;
    }
    if (at > 0) {
        pass->line = (uint64_t)((int64_t)at - begin);
        pass->start = start != 0;
        pass->cr = in.ptr[at - 1] == '\r';
        pass->eight_bit |= high != 0;
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
    uint64_t a = (uint32_t)_mm_movemask_epi8(v[0]);
    uint64_t b = (uint32_t)_mm_movemask_epi8(v[1]);
    uint64_t c = (uint32_t)_mm_movemask_epi8(v[2]);
    uint64_t d = (uint32_t)_mm_movemask_epi8(v[3]);
    return (struct masks){where_sse2(v, '\n'), where_sse2(v, '\r'), a | b << 16 | c << 32 | d << 48,
                          where_sse2(v, '-'), where_sse2(v, '.')};
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
    uint64_t a = (uint32_t)_mm256_movemask_epi8(lo);
    uint64_t b = (uint32_t)_mm256_movemask_epi8(hi);
    return (struct masks){where_avx2(lo, hi, '\n'), where_avx2(lo, hi, '\r'), a | b << 32,
                          where_avx2(lo, hi, '-'), where_avx2(lo, hi, '.')};
}

static AVX2 size_t pass_avx2(struct mail_pass *pass, struct span in)
{
    return pass_blocks(pass, in, masks_avx2);
}

static size_t pass_any(struct mail_pass *pass, struct span in)
{
    return __builtin_cpu_supports("avx2") ? pass_avx2(pass, in) : pass_blocks(pass, in, masks_sse2);
}
#else
static inline struct masks masks_plain(const unsigned char *p)
{
    struct masks m = {0};

    for (unsigned i = 0; i < BLOCK; i++) {
        m.lf |= (uint64_t)(p[i] == '\n') << i;
        m.cr |= (uint64_t)(p[i] == '\r') << i;
        m.high |= (uint64_t)(p[i] >> 7) << i;
        m.dash |= (uint64_t)(p[i] == '-') << i;
        m.dot |= (uint64_t)(p[i] == '.') << i;
    }
    return m;
}

static size_t pass_any(struct mail_pass *pass, struct span in)
{
    return pass_blocks(pass, in, masks_plain);
}
#endif

size_t mail_pass(struct mail_pass *pass, struct span in)
{
    if (in.len < BLOCK || in.ptr[0] == '\n' || pass->line > INT64_MAX / 2 ||
        pass->line_max > INT64_MAX / 2) {
        return 0;
    }
    return pass_any(pass, in);
}

bool mail_eight_bit(struct span s)
{
    uint64_t high = 0;
    size_t at = 0;

    for (; s.len - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, s.ptr + at, sizeof(word));
        high |= word;
    }
    unsigned char rest = 0;
    for (; at < s.len; at++) {
        rest |= s.ptr[at];
    }
    return (high & 0x8080808080808080U) != 0 || rest > 127;
}
