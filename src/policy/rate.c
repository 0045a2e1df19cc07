/*
 * Rates by client address: a set-associative table. A window that slides by being halved was
 * rejected for one that begins with its first event: an admin can count along.
 */
#include "policy/rate.h"

#include "base/mem.h"

enum { SETS = 2048, WAYS = 4, KEY = 16, PREFIX = 8 };

struct place {
    unsigned char key[KEY];
    uint64_t begin; /* of the window; 0: never used */
    uint64_t count;
};

struct policy_rate {
    struct place places[SETS][WAYS];
};

struct policy_rate *policy_rate_new(void)
{
    return mem_zalloc(sizeof(struct policy_rate));
}

void policy_rate_free(struct policy_rate **rate)
{
    mem_free(*rate);
    *rate = NULL;
}

static bool is_ipv4(const unsigned char *octets)
{
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return memcmp(octets, mapped, sizeof(mapped)) == 0;
}

static uint32_t hash(const unsigned char *key)
{
    uint32_t h = 2166136261u; /* FNV-1a */

    for (int i = 0; i < KEY; i++) {
        h = (h ^ key[i]) * 16777619u;
    }
    return h;
}

bool policy_rate_take(struct policy_rate *rate, const struct policy_address *address, uint64_t now,
                      uint64_t number, uint64_t period)
{
    unsigned char key[KEY] = {0};

    if (address->known) {
        memcpy(key, address->octets, is_ipv4(address->octets) ? KEY : PREFIX);
    }
    struct place *set = rate->places[hash(key) % SETS];
    struct place *place = &set[0];
    for (int way = 0; way < WAYS; way++) {
        if (set[way].begin != 0 && memcmp(set[way].key, key, KEY) == 0) {
            place = &set[way];
            break;
        }
        if (set[way].begin < place->begin) {
            place = &set[way];
        }
    }
    if (memcmp(place->key, key, KEY) != 0 || place->begin == 0 || now - place->begin >= period) {
        *place = (struct place){.begin = now > 0 ? now : 1};
        memcpy(place->key, key, KEY);
    }
    place->count++;
    return place->count <= number;
}
