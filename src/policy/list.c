/*
 * Lists: texts in a hash table, networks as sorted ranges.
 *
 * A text's hash is computed from its end to its beginning, so that one pass over a domain gives the
 * hash of each domain that it is below. Which lengths the entries for whole domains have is noted,
 * so that a name of a hundred labels costs no hundred looks into the table.
 *
 * Ranges are searched in two steps, of which the first is in the few pages of an index, since what
 * a search through a large array costs is its cache misses.
 *
 * Rejected: a trie of the octets, which wants a cache miss an octet; one hash table for each length
 * of prefix, where an address costs up to 129 looks; pattern lists, whose cost grows with the list.
 */
#include "policy/list.h"

#include "base/mem.h"
#include "policy/address.h"

enum {
    V4_PREFIX = 96,
    SLOTS_MIN = 16,
    STRIDE = 64, /* ranges for each one of the index */
};

/* Where a folded entry is in the pool, behind its length in two octets; `at` is one more than its
 * offset, so that 0 is a free slot. */
struct slot {
    uint32_t hash;
    uint32_t at;
};

struct range4 {
    uint32_t from, to;
};

struct number6 {
    uint64_t high, low;
};

struct range6 {
    struct number6 from, to;
};

struct policy_list {
    unsigned char *pool; /* owned, like all below */
    size_t pool_used, pool_size;
    struct slot *slots;
    size_t slot_count; /* a power of 2, or 0 */
    size_t texts;
    uint64_t domains[(POLICY_LIST_ENTRY_MAX + 64) / 64]; /* bit n: a ".domain" of n octets is in */
    struct range4 *v4;
    size_t v4_count, v4_size;
    uint32_t *v4_index; /* where each STRIDEth range begins */
    struct range6 *v6;
    size_t v6_count, v6_size;
    struct number6 *v6_index;
    size_t networks; /* distinct ones */
};

struct policy_list *policy_list_new(void)
{
    return mem_zalloc(sizeof(struct policy_list));
}

void policy_list_free(struct policy_list **list)
{
    if (*list != NULL) {
        mem_free((*list)->pool);
        mem_free((*list)->slots);
        mem_free((*list)->v4);
        mem_free((*list)->v4_index);
        mem_free((*list)->v6);
        mem_free((*list)->v6_index);
        mem_free(*list);
        *list = NULL;
    }
}

size_t policy_list_size(const struct policy_list *list)
{
    return list->texts + list->networks;
}

/* ---- texts ---- */

enum { HASH_BEGIN = 0x811c9dc5 };

/* FNV-1a, backwards. */
static uint32_t hash_step(uint32_t hash, unsigned char c)
{
    return (hash ^ ascii_lower(c)) * 0x01000193u;
}

/* The table takes the low bits, and FNV's are its weak ones. */
static size_t hash_slot(const struct policy_list *list, uint32_t hash)
{
    hash ^= hash >> 15;
    hash *= 0x2c1b3c6du;
    hash ^= hash >> 13;
    return hash & (list->slot_count - 1);
}

static uint32_t hash_of(struct span text)
{
    uint32_t hash = HASH_BEGIN;

    for (size_t i = text.len; i > 0; i--) {
        hash = hash_step(hash, text.ptr[i - 1]);
    }
    return hash;
}

static struct span slot_text(const struct policy_list *list, const struct slot *slot)
{
    const unsigned char *at = list->pool + slot->at - 1;
    return span_of(at + 2, (size_t)at[0] << 8 | at[1]);
}

/* Is the entry `[dot]text`? */
static bool slot_is(const struct policy_list *list, const struct slot *slot, bool dot,
                    struct span text)
{
    struct span entry = slot_text(list, slot);

    if (dot) {
        if (entry.ptr[0] != '.') {
            return false;
        }
        entry = span_from(entry, 1);
    }
    return span_equal_nocase(entry, text);
}

/* The slot of `[dot]text`, or the free one where it would be. The table must have slots. */
static struct slot *slot_find(const struct policy_list *list, uint32_t hash, bool dot,
                              struct span text)
{
    size_t i = hash_slot(list, hash);

    while (list->slots[i].at != 0 &&
           (list->slots[i].hash != hash || !slot_is(list, &list->slots[i], dot, text))) {
        i = (i + 1) & (list->slot_count - 1);
    }
    return &list->slots[i];
}

static bool slots_grow(struct policy_list *list)
{
    struct slot *old = list->slots;
    size_t old_count = list->slot_count;
    size_t count = old_count == 0 ? SLOTS_MIN : 2 * old_count;
    struct slot *slots = mem_zalloc(count * sizeof(*slots));

    if (slots == NULL) {
        return false;
    }
    list->slots = slots;
    list->slot_count = count;
    for (size_t i = 0; i < old_count; i++) {
        if (old[i].at != 0) {
            size_t to = hash_slot(list, old[i].hash);
            while (slots[to].at != 0) {
                to = (to + 1) & (count - 1);
            }
            slots[to] = old[i];
        }
    }
    mem_free(old);
    return true;
}

/* Room for `n` more octets in the pool, whose offsets have to fit into 32 bits. */
static bool pool_reserve(struct policy_list *list, size_t n)
{
    size_t size = list->pool_size == 0 ? 1024 : list->pool_size;

    while (size - list->pool_used < n) {
        size *= 2;
    }
    if (size > UINT32_MAX) {
        return false;
    }
    if (size > list->pool_size) {
        unsigned char *pool = mem_realloc(list->pool, size);
        if (pool == NULL) {
            return false;
        }
        list->pool = pool;
        list->pool_size = size;
    }
    return true;
}

static bool add_text(struct policy_list *list, struct span text)
{
    if (list->texts >= list->slot_count / 2 && !slots_grow(list)) {
        return false;
    }
    uint32_t hash = hash_of(text);
    struct slot *slot = slot_find(list, hash, false, text);
    if (slot->at != 0) {
        return true;
    }
    if (!pool_reserve(list, text.len + 2)) {
        return false;
    }
    unsigned char *at = list->pool + list->pool_used;
    at[0] = (unsigned char)(text.len >> 8);
    at[1] = (unsigned char)text.len;
    for (size_t i = 0; i < text.len; i++) {
        at[2 + i] = ascii_lower(text.ptr[i]);
    }
    *slot = (struct slot){hash, (uint32_t)list->pool_used + 1};
    list->pool_used += text.len + 2;
    list->texts++;
    if (text.ptr[0] == '.') {
        list->domains[text.len / 64] |= (uint64_t)1 << text.len % 64;
    }
    return true;
}

/* ---- networks ---- */

static uint64_t read_number(const unsigned char *octets, unsigned count)
{
    uint64_t number = 0;

    for (unsigned i = 0; i < count; i++) {
        number = number << 8 | octets[i];
    }
    return number;
}

static int compare_number6(struct number6 a, struct number6 b)
{
    if (a.high != b.high) {
        return a.high < b.high ? -1 : 1;
    }
    return a.low < b.low ? -1 : a.low > b.low;
}

/* A larger array of `size_of_one` elements, where all `*size` are in use. */
static bool array_reserve(void **array, size_t count, size_t *size, size_t size_of_one)
{
    size_t larger = *size == 0 ? 8 : 2 * *size;

    if (count < *size) {
        return true;
    }
    void *grown = mem_realloc(*array, larger * size_of_one);
    if (grown == NULL) {
        return false;
    }
    *array = grown;
    *size = larger;
    return true;
}

static bool add_v4(struct policy_list *list, const struct policy_network *network)
{
    void *array = list->v4;
    unsigned bits = network->prefix - V4_PREFIX;
    uint32_t from = (uint32_t)read_number(network->address.octets + 12, 4);

    if (!array_reserve(&array, list->v4_count, &list->v4_size, sizeof(*list->v4))) {
        return false;
    }
    list->v4 = array;
    list->v4[list->v4_count++] = (struct range4){
        from, from | (bits == 0 ? UINT32_MAX : (uint32_t)((1ull << (32 - bits)) - 1))};
    return true;
}

static bool add_v6(struct policy_list *list, const struct policy_network *network)
{
    void *array = list->v6;
    unsigned high = network->prefix < 64 ? network->prefix : 64;
    unsigned low = network->prefix - high;
    struct number6 from = {read_number(network->address.octets, 8),
                           read_number(network->address.octets + 8, 8)};
    struct number6 to = from;

    if (!array_reserve(&array, list->v6_count, &list->v6_size, sizeof(*list->v6))) {
        return false;
    }
    to.high |= high == 64 ? 0 : UINT64_MAX >> high;
    to.low |= low == 64 ? 0 : UINT64_MAX >> low;
    list->v6 = array;
    list->v6[list->v6_count++] = (struct range6){from, to};
    return true;
}

static bool add_network(struct policy_list *list, const struct policy_network *network)
{
    return policy_address_is_v4(&network->address) && network->prefix >= V4_PREFIX
               ? add_v4(list, network)
               : add_v6(list, network);
}

/* A range before those that begin later, and before those within it. */
static int order4(const void *a, const void *b)
{
    const struct range4 *x = a, *y = b;

    if (x->from != y->from) {
        return x->from < y->from ? -1 : 1;
    }
    return x->to > y->to ? -1 : x->to < y->to;
}

static int order6(const void *a, const void *b)
{
    const struct range6 *x = a, *y = b;
    int from = compare_number6(x->from, y->from);

    return from != 0 ? from : compare_number6(y->to, x->to);
}

/* Count the distinct networks, and drop those within another: they are within or apart, never
 * across each other. */
static void finish_v4(struct policy_list *list)
{
    struct range4 last = {1, 0}, *kept = list->v4;

    if (list->v4_count > 1) {
        qsort(list->v4, list->v4_count, sizeof(*list->v4), order4);
    }
    for (size_t i = 0; i < list->v4_count; i++) {
        const struct range4 range = list->v4[i];
        list->networks += order4(&last, &range) != 0;
        if (kept == list->v4 || range.from > kept[-1].to) {
            *kept++ = range;
        }
        last = range;
    }
    list->v4_count = (size_t)(kept - list->v4);
}

static void finish_v6(struct policy_list *list)
{
    struct range6 last = {{1, 0}, {0, 0}}, *kept = list->v6;

    if (list->v6_count > 1) {
        qsort(list->v6, list->v6_count, sizeof(*list->v6), order6);
    }
    for (size_t i = 0; i < list->v6_count; i++) {
        const struct range6 range = list->v6[i];
        list->networks += order6(&last, &range) != 0;
        if (kept == list->v6 || compare_number6(range.from, kept[-1].to) > 0) {
            *kept++ = range;
        }
        last = range;
    }
    list->v6_count = (size_t)(kept - list->v6);
}

static size_t index_count(size_t ranges)
{
    return (ranges + STRIDE - 1) / STRIDE;
}

static bool make_indexes(struct policy_list *list)
{
    size_t count4 = index_count(list->v4_count), count6 = index_count(list->v6_count);

    list->v4_index = count4 > 0 ? mem_alloc(count4 * sizeof(*list->v4_index)) : NULL;
    list->v6_index = count6 > 0 ? mem_alloc(count6 * sizeof(*list->v6_index)) : NULL;
    if ((count4 > 0 && list->v4_index == NULL) || (count6 > 0 && list->v6_index == NULL)) {
        return false;
    }
    for (size_t i = 0; i < count4; i++) {
        list->v4_index[i] = list->v4[i * STRIDE].from;
    }
    for (size_t i = 0; i < count6; i++) {
        list->v6_index[i] = list->v6[i * STRIDE].from;
    }
    return true;
}

bool policy_list_finish(struct policy_list *list)
{
    finish_v4(list);
    finish_v6(list);
    /* A table that is never empty saves the question whether it is. */
    return make_indexes(list) && (list->slot_count > 0 || slots_grow(list));
}

/* ---- entries ---- */

/* All of it out of these characters? */
static bool consists_of(struct span text, const char *characters)
{
    struct span known = span_str(characters);

    for (size_t i = 0; i < text.len; i++) {
        if (span_find(known, text.ptr[i]) == known.len) {
            return false;
        }
    }
    return true;
}

/* What looks like an address has to be one: "10.0.0.256" is no word but a mistake. */
static bool looks_like_network(struct span entry)
{
    size_t colon = span_find(entry, ':');

    if (colon < entry.len) {
        return consists_of(entry, "0123456789abcdefABCDEF:./");
    }
    bool marked = span_find(entry, '.') < entry.len || span_find(entry, '/') < entry.len;
    return marked && ascii_is_digit(entry.ptr[0]) && consists_of(entry, "0123456789./");
}

static bool has_blank(struct span entry)
{
    return span_find(entry, ' ') < entry.len || span_find(entry, '\t') < entry.len;
}

/* What is wrong with a text, or NULL. */
static const char *check_text(struct span entry)
{
    size_t at = entry.len;

    for (size_t i = 0; i < entry.len; i++) {
        if (entry.ptr[i] < ' ' || entry.ptr[i] == 0x7f) {
            return "a control character";
        }
        if (entry.ptr[i] == '@') {
            at = i;
        }
    }
    if (at + 1 == entry.len || (entry.ptr[0] == '.' && entry.len == 1)) {
        return "a domain is missing";
    }
    return NULL;
}

/* Without the dot at its end, which means no other domain. */
static struct span without_dot(struct span text)
{
    return text.len > 1 && text.ptr[text.len - 1] == '.' ? span_head(text, text.len - 1) : text;
}

int policy_list_add(struct policy_list *list, struct span entry, const char **what_r)
{
    struct policy_network network;

    *what_r = NULL;
    entry = span_trim(entry);
    if (entry.len == 0) {
        *what_r = "an empty entry";
    } else if (entry.len > POLICY_LIST_ENTRY_MAX) {
        *what_r = "an entry longer than 511 octets";
    } else if (has_blank(entry)) {
        *what_r = "more than one word";
    } else if (looks_like_network(entry)) {
        if (policy_network_parse(entry, &network)) {
            return add_network(list, &network) ? 1 : 0;
        }
        *what_r = "not an address or network, as in 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32";
    } else {
        entry = without_dot(entry);
        *what_r = check_text(entry);
    }
    if (*what_r != NULL) {
        return -1;
    }
    return add_text(list, entry) ? 1 : 0;
}

/* A line without its comment. */
static struct span without_comment(struct span line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.ptr[i] == '#' && (i == 0 || ascii_is_blank(line.ptr[i - 1]))) {
            return span_head(line, i);
        }
    }
    return line;
}

int policy_list_parse(struct policy_list *list, struct span text, struct policy_list_error *error_r)
{
    unsigned number = 0;

    *error_r = (struct policy_list_error){.line = 0};
    if (span_begins_nocase(text, SPAN("\xEF\xBB\xBF"))) {
        text = span_from(text, 3);
    }
    while (text.len > 0) {
        size_t len = span_find(text, '\n');
        struct span line = span_head(text, len);
        number++;
        text = span_from(text, len < text.len ? len + 1 : len);
        if (line.len > 0 && line.ptr[line.len - 1] == '\r') {
            line.len--;
        }
        line = span_trim(without_comment(line));
        if (line.len == 0) {
            continue;
        }
        int result = policy_list_add(list, line, &error_r->what);
        if (result <= 0) {
            error_r->line = number;
            error_r->entry = line;
            return result;
        }
    }
    return 1;
}

/* ---- asking ---- */

/* The ranges of the stride `chosen` of the index. */
static size_t stride_count(size_t ranges, size_t chosen)
{
    size_t left = ranges - chosen * STRIDE;
    return left < STRIDE ? left : STRIDE;
}

/* Each search is for the last one that begins at or before the address, or the first. */
static bool has_v4(const struct policy_list *list, uint32_t address)
{
    const uint32_t *at = list->v4_index;

    if (list->v4_count == 0) {
        return false;
    }
    for (size_t count = index_count(list->v4_count); count > 1; count -= count / 2) {
        at = at[count / 2] <= address ? at + count / 2 : at;
    }
    size_t chosen = (size_t)(at - list->v4_index);
    const struct range4 *range = list->v4 + chosen * STRIDE;
    for (size_t count = stride_count(list->v4_count, chosen); count > 1; count -= count / 2) {
        range = range[count / 2].from <= address ? range + count / 2 : range;
    }
    return range->from <= address && address <= range->to;
}

static bool has_v6(const struct policy_list *list, struct number6 address)
{
    const struct number6 *at = list->v6_index;

    if (list->v6_count == 0) {
        return false;
    }
    for (size_t count = index_count(list->v6_count); count > 1; count -= count / 2) {
        at = compare_number6(at[count / 2], address) <= 0 ? at + count / 2 : at;
    }
    size_t chosen = (size_t)(at - list->v6_index);
    const struct range6 *range = list->v6 + chosen * STRIDE;
    for (size_t count = stride_count(list->v6_count, chosen); count > 1; count -= count / 2) {
        range = compare_number6(range[count / 2].from, address) <= 0 ? range + count / 2 : range;
    }
    return compare_number6(range->from, address) <= 0 && compare_number6(address, range->to) <= 0;
}

bool policy_list_has_address(const struct policy_list *list, const struct policy_address *address)
{
    if (!address->known) {
        return false;
    }
    if (policy_address_is_v4(address)) {
        return has_v4(list, (uint32_t)read_number(address->octets + 12, 4));
    }
    return has_v6(list, (struct number6){read_number(address->octets, 8),
                                         read_number(address->octets + 8, 8)});
}

static bool has_key(const struct policy_list *list, uint32_t hash, bool dot, struct span text)
{
    return slot_find(list, hash, dot, text)->at != 0;
}

static bool may_have_domain(const struct policy_list *list, size_t len)
{
    return len <= POLICY_LIST_ENTRY_MAX && (list->domains[len / 64] >> len % 64 & 1) != 0;
}

bool policy_list_has_text(const struct policy_list *list, struct span text)
{
    text = without_dot(text);
    size_t domain = text.len; /* where it begins */
    while (domain > 0 && text.ptr[domain - 1] != '@') {
        domain--;
    }
    size_t begin = text.len > POLICY_LIST_ENTRY_MAX ? text.len - POLICY_LIST_ENTRY_MAX : 0;
    uint32_t hash = HASH_BEGIN;
    for (size_t i = text.len; i > begin; i--) {
        size_t at = i - 1;
        struct span rest = span_from(text, at);
        hash = hash_step(hash, text.ptr[at]);
        bool below = at >= domain && text.ptr[at] == '.' && may_have_domain(list, rest.len) &&
                     has_key(list, hash, false, rest);
        bool itself = at == domain && may_have_domain(list, rest.len + 1) &&
                      has_key(list, hash_step(hash, '.'), true, rest);
        bool address = at + 1 == domain && has_key(list, hash, false, rest);
        if (below || itself || address) {
            return true;
        }
    }
    return begin == 0 && text.len > 0 && has_key(list, hash, false, text);
}
