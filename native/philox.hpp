// Philox4x32-10 of consecutive counters (b mod 2^32, b div 2^32, 0, 0), as words in the order of the elements.
#pragma once

#include <cstdint>

#include "kernel.hpp"
#include "pack.hpp"

namespace glorot {
namespace {  // compiled anew for each instruction set, and shared with none

// What the first two rounds make of the counter's constant words: they need no vector.
struct Schedule {
    static constexpr int rounds = 10;
    uint64_t multiplier0 = 0xD2511F53, multiplier1 = 0xCD9E8D57;
    uint64_t k0[rounds], k1[rounds];

    Schedule(Key key, uint64_t high_of_block) {
        uint32_t a = key.k0, b = key.k1;
        for (int r = 0; r < rounds; ++r, a += 0x9E3779B9, b += 0xBB67AE85) k0[r] = a, k1[r] = b;
        // After round one c0 is a constant, and so is its product in round two.
        const uint64_t constant = multiplier0 * static_cast<uint32_t>(high_of_block ^ k0[0]);
        k1[1] ^= constant >> 32;
        k1[2] ^= static_cast<uint32_t>(constant);
    }
};

// The words of the blocks in some vectors, 2·lanes for each; b div 2^32 is that of the schedule for all of them.
template <class Isa, int groups, class Wide>
GLOROT_INLINE Ints<Isa, 2 * groups> philox(const Schedule& s, const Wide (&blocks)[groups]) {
    const Wide m0 = Isa::wide(s.multiplier0), m1 = Isa::wide(s.multiplier1);
    Wide c0[groups], c1[groups], c2[groups], c3[groups];
    for (int g = 0; g < groups; ++g) {  // rounds one and two
        const Wide p = Isa::product(blocks[g], m0);
        const Wide q = Isa::product(Isa::mix(Isa::high_half(p), Isa::wide(s.k1[0])), m1);
        c0[g] = Isa::mix(Isa::high_half(q), Isa::wide(s.k0[1]));
        c1[g] = q;
        c2[g] = Isa::mix(p, Isa::wide(s.k1[1]));
    }
    for (int g = 0; g < groups; ++g) {  // round three, whose c3 is part of the key
        const Wide p = Isa::product(c0[g], m0), q = Isa::product(c2[g], m1);
        c0[g] = Isa::mix(Isa::high_half(q), c1[g], Isa::wide(s.k0[2]));
        c1[g] = q;
        c2[g] = Isa::mix(Isa::high_half(p), Isa::wide(s.k1[2]));
        c3[g] = p;
    }
    for (int r = 3; r < Schedule::rounds; ++r) {
        const Wide key0 = Isa::wide(s.k0[r]), key1 = Isa::wide(s.k1[r]);
        for (int g = 0; g < groups; ++g) {
            const Wide p = Isa::product(c0[g], m0), q = Isa::product(c2[g], m1);
            c0[g] = Isa::mix(Isa::high_half(q), c1[g], key0);
            c1[g] = q;
            c2[g] = Isa::mix(Isa::high_half(p), c3[g], key1);
            c3[g] = p;
        }
    }
    Ints<Isa, 2 * groups> words;
    for (int g = 0; g < groups; ++g) Isa::interleave(c0[g], c1[g], c2[g], c3[g], &words.v[2 * g]);
    return words;
}

}  // namespace
}  // namespace glorot
