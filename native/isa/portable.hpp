// Plain C++: eight lanes in arrays, which a compiler makes vectors of where the machine has them.
#pragma once

#include <cstdint>
#include <cstring>

#include "../elements.hpp"

namespace glorot {

struct Portable {
    static constexpr int lanes = 8;
    static constexpr bool has_registers = false;  // for all of what is computed side by side
    static constexpr int groups = 1;   // of 2·lanes words, made side by side
    static constexpr int vectors = 2;  // of values, computed side by side

    struct Float {
        float lane[lanes];
    };
    struct Int {
        uint32_t lane[lanes];
    };
    struct Wide {  // Philox uses the low halves
        uint64_t lane[lanes / 2];
    };
    struct Mask {
        bool lane[lanes];
    };

    template <class V, class F>
    static V each(F f) {
        V r;
        for (int i = 0; i < int(sizeof(r.lane) / sizeof(r.lane[0])); ++i) r.lane[i] = f(i);
        return r;
    }

    static Float number(float x) { return each<Float>([=](int) { return x; }); }
    static Int integer(int32_t x) { return each<Int>([=](int) { return uint32_t(x); }); }
    static Wide wide(uint64_t x) { return each<Wide>([=](int) { return x; }); }

    static Float add(const Float& a, const Float& b) { return each<Float>([&](int i) { return a.lane[i] + b.lane[i]; }); }
    static Float multiply(const Float& a, const Float& b) { return each<Float>([&](int i) { return a.lane[i] * b.lane[i]; }); }
    static Float fused(const Float& a, const Float& b, const Float& c) { return add(multiply(a, b), c); }
    static Float smaller(const Float& a, const Float& b) {
        return each<Float>([&](int i) { return a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]; });
    }
    static Float larger(const Float& a, const Float& b) {
        return each<Float>([&](int i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
    }
    static Float to_float(const Int& a) { return each<Float>([&](int i) { return float(int32_t(a.lane[i])); }); }
    static Float as_float(const Int& a) {
        Float r;
        std::memcpy(&r, &a, sizeof r);
        return r;
    }
    static Int as_int(const Float& a) {
        Int r;
        std::memcpy(&r, &a, sizeof r);
        return r;
    }

    static Int subtract(const Int& a, const Int& b) { return each<Int>([&](int i) { return a.lane[i] - b.lane[i]; }); }
    static Int exclusive_or(const Int& a, const Int& b) { return each<Int>([&](int i) { return a.lane[i] ^ b.lane[i]; }); }
    static Int exclusive_or(const Int& a, const Int& b, const Int& c) { return exclusive_or(exclusive_or(a, b), c); }
    static Int sign_of(const Int& a) { return each<Int>([&](int i) { return 0u - (a.lane[i] >> 31); }); }
    static Int masked_or(const Int& a, const Int& mask, const Int& b) {
        return each<Int>([&](int i) { return (a.lane[i] & mask.lane[i]) | b.lane[i]; });
    }
    static Int flip_where(const Int& a, const Int& b, const Int& mask) {
        return each<Int>([&](int i) { return a.lane[i] ^ (b.lane[i] & mask.lane[i]); });
    }

    static Mask at_least(const Float& a, const Float& b) { return each<Mask>([&](int i) { return a.lane[i] >= b.lane[i]; }); }
    static Mask is_negative(const Int& a) { return each<Mask>([&](int i) { return (a.lane[i] >> 31) != 0; }); }
    static bool any(const Mask& m) {
        bool some = false;
        for (const bool lane : m.lane) some |= lane;
        return some;
    }
    static Float select(const Mask& m, const Float& yes, const Float& no) {
        return each<Float>([&](int i) { return m.lane[i] ? yes.lane[i] : no.lane[i]; });
    }

    static Wide block_steps() { return each<Wide>([](int i) { return uint64_t(i); }); }
    static Wide step(const Wide& a, const Wide& b) { return each<Wide>([&](int i) { return a.lane[i] + b.lane[i]; }); }
    static Wide product(const Wide& a, const Wide& b) {
        return each<Wide>([&](int i) { return uint64_t(uint32_t(a.lane[i])) * uint32_t(b.lane[i]); });
    }
    static Wide high_half(const Wide& a) { return each<Wide>([&](int i) { return a.lane[i] >> 32; }); }
    static Wide mix(const Wide& a, const Wide& b) { return each<Wide>([&](int i) { return a.lane[i] ^ b.lane[i]; }); }
    static Wide mix(const Wide& a, const Wide& b, const Wide& c) { return mix(mix(a, b), c); }
    static void interleave(const Wide& c0, const Wide& c1, const Wide& c2, const Wide& c3, Int out[2]) {
        for (int i = 0; i < lanes / 2; ++i) {
            uint32_t* block = &out[i / 2].lane[i % 2 * 4];
            block[0] = uint32_t(c0.lane[i]);
            block[1] = uint32_t(c1.lane[i]);
            block[2] = uint32_t(c2.lane[i]);
            block[3] = uint32_t(c3.lane[i]);
        }
    }

    static Float load(const float* from) {
        Float r;
        std::memcpy(&r, from, sizeof r);
        return r;
    }
    static Float load(const bfloat16* from) { return each<Float>([&](int i) { return float_of(uint32_t(from[i].bits) << 16); }); }
    static Float load(const float16* from) { return each<Float>([&](int i) { return widened(from[i]); }); }
    template <class Element>
    static void store(Element* to, const Float& a) {
        for (int i = 0; i < lanes; ++i) to[i] = rounded(a.lane[i], Element{});
    }

    static void transpose(Int rows[lanes]) {
        for (int i = 0; i < lanes; ++i)
            for (int j = 0; j < i; ++j) {
                const uint32_t kept = rows[i].lane[j];
                rows[i].lane[j] = rows[j].lane[i];
                rows[j].lane[i] = kept;
            }
    }

  private:
    static uint32_t bits_of(float a) {
        uint32_t bits;
        std::memcpy(&bits, &a, sizeof bits);
        return bits;
    }
    static float float_of(uint32_t bits) {
        float a;
        std::memcpy(&a, &bits, sizeof a);
        return a;
    }
    static float widened(float16 a) {
        const uint32_t sign = uint32_t(a.bits & 0x8000) << 16, magnitude = uint32_t(a.bits & 0x7FFF) << 13;
        if (magnitude >= 0x7C00u << 13) return float_of(sign | 0x7F800000 | magnitude);
        return float_of(sign | bits_of(float_of(magnitude) * 0x1p112f));  // whose exponent is that of binary16, denormal or not
    }
    static float rounded(float a, float) { return a; }
    static double rounded(float a, double) { return a; }
    static bfloat16 rounded(float a, bfloat16) {
        const uint32_t bits = bits_of(a);
        return {uint16_t((bits + 0x7FFF + (bits >> 16 & 1)) >> 16)};
    }
    static float16 rounded(float a, float16) {
        const uint32_t bits = bits_of(a), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7FFFFFFF;
        const uint32_t smallest_normal = 0x38800000, first_infinite = 0x47800000;
        if (magnitude >= first_infinite) return {uint16_t(sign | 0x7C00)};
        if (magnitude < smallest_normal) {  // adding ½ leaves the multiple of 2^-24 in the last bits
            float shifted;
            std::memcpy(&shifted, &magnitude, sizeof shifted);
            return {uint16_t(sign | (bits_of(shifted + 0.5f) - bits_of(0.5f)))};
        }
        const uint32_t rounded = magnitude + 0xFFF + (magnitude >> 13 & 1) - (112u << 23);
        return {uint16_t(sign | rounded >> 13)};
    }
};

}  // namespace glorot
