// AVX2 and F16C: eight 32-bit lanes.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "../elements.hpp"

namespace glorot {

struct Avx2 {
    static constexpr int lanes = 8;
    static constexpr bool has_registers = true;
    static constexpr int groups = 6;   // of 2·lanes words, made side by side
    static constexpr int vectors = 6;  // of values, computed side by side

    using Float = __m256;
    using Int = __m256i;   // eight 32-bit integers
    using Wide = __m256i;  // four 64-bit integers, of which Philox uses the low halves
    using Mask = __m256;

    static Float number(float x) { return _mm256_set1_ps(x); }
    static Int integer(int32_t x) { return _mm256_set1_epi32(x); }
    static Wide wide(uint64_t x) { return _mm256_set1_epi64x(static_cast<int64_t>(x)); }

    static Float add(Float a, Float b) { return _mm256_add_ps(a, b); }
    static Float multiply(Float a, Float b) { return _mm256_mul_ps(a, b); }
    static Float fused(Float a, Float b, Float c) { return add(multiply(a, b), c); }
    static Float smaller(Float a, Float b) { return _mm256_min_ps(a, b); }
    static Float larger(Float a, Float b) { return _mm256_max_ps(a, b); }
    static Float to_float(Int a) { return _mm256_cvtepi32_ps(a); }
    static Float as_float(Int a) { return _mm256_castsi256_ps(a); }
    static Int as_int(Float a) { return _mm256_castps_si256(a); }

    static Int subtract(Int a, Int b) { return _mm256_sub_epi32(a, b); }
    static Int exclusive_or(Int a, Int b) { return _mm256_xor_si256(a, b); }
    static Int exclusive_or(Int a, Int b, Int c) { return exclusive_or(exclusive_or(a, b), c); }
    static Int sign_of(Int a) { return _mm256_srai_epi32(a, 31); }
    static Int masked_or(Int a, Int mask, Int b) { return _mm256_or_si256(_mm256_and_si256(a, mask), b); }
    static Int flip_where(Int a, Int b, Int mask) { return exclusive_or(a, _mm256_and_si256(b, mask)); }

    static Mask at_least(Float a, Float b) { return _mm256_cmp_ps(a, b, _CMP_GE_OQ); }
    static Mask is_negative(Int a) { return as_float(a); }  // the first bit of each lane decides
    static bool any(Mask m) { return _mm256_movemask_ps(m) != 0; }
    static Float select(Mask m, Float yes, Float no) { return _mm256_blendv_ps(no, yes, m); }

    // Blocks lie in the order that makes two unpackings yield consecutive elements.
    static Wide block_steps() { return _mm256_setr_epi64x(0, 2, 1, 3); }
    static Wide step(Wide a, Wide b) { return _mm256_add_epi64(a, b); }
    static Wide product(Wide a, Wide b) { return _mm256_mul_epu32(a, b); }
    static Wide high_half(Wide a) { return _mm256_srli_epi64(a, 32); }
    static Wide mix(Wide a, Wide b) { return _mm256_xor_si256(a, b); }
    static Wide mix(Wide a, Wide b, Wide c) { return mix(mix(a, b), c); }
    static void interleave(Wide c0, Wide c1, Wide c2, Wide c3, Int out[2]) {
        const Int c01 = _mm256_blend_epi32(c0, _mm256_shuffle_epi32(c1, 0xA0), 0xAA);
        const Int c23 = _mm256_blend_epi32(c2, _mm256_shuffle_epi32(c3, 0xA0), 0xAA);
        out[0] = _mm256_unpacklo_epi64(c01, c23);
        out[1] = _mm256_unpackhi_epi64(c01, c23);
    }

    static Float load(const float* from) { return _mm256_loadu_ps(from); }
    static Float load(const bfloat16* from) { return as_float(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves(from)), 16)); }
    static Float load(const float16* from) { return _mm256_cvtph_ps(halves(from)); }
    static void store(float* to, Float a) { _mm256_storeu_ps(to, a); }
    static void store(double* to, Float a) {
        _mm256_storeu_pd(to, low_doubles(a));
        _mm256_storeu_pd(to + 4, high_doubles(a));
    }
    static void store(bfloat16* to, Float a) { _mm_storeu_si128(reinterpret_cast<__m128i*>(to), rounded_bfloat16(a)); }
    static void store_pair(bfloat16* to, Float a, Float b) {
        const Int packed = _mm256_packus_epi32(nearest_bfloat16(a), nearest_bfloat16(b));  // each half by itself
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_permute4x64_epi64(packed, 0xD8));
    }
    static void store(float16* to, Float a) { _mm_storeu_si128(reinterpret_cast<__m128i*>(to), rounded_float16(a)); }

    static void transpose(Int rows[lanes]) {
        Int half[lanes];
        for (int i = 0; i < lanes; i += 2) {
            half[i] = _mm256_unpacklo_epi32(rows[i], rows[i + 1]);
            half[i + 1] = _mm256_unpackhi_epi32(rows[i], rows[i + 1]);
        }
        for (int i = 0; i < lanes; i += 4)
            for (int j = 0; j < 2; ++j) {
                rows[i + 2 * j] = _mm256_unpacklo_epi64(half[i + j], half[i + j + 2]);
                rows[i + 2 * j + 1] = _mm256_unpackhi_epi64(half[i + j], half[i + j + 2]);
            }
        for (int i = 0; i < 4; ++i) {
            half[i] = _mm256_permute2x128_si256(rows[i], rows[i + 4], 0x20);
            half[i + 4] = _mm256_permute2x128_si256(rows[i], rows[i + 4], 0x31);
        }
        for (int i = 0; i < lanes; ++i) rows[i] = half[i];
    }

  private:
    static __m128i halves(const void* from) { return _mm_loadu_si128(static_cast<const __m128i*>(from)); }
    static __m256d low_doubles(Float a) { return _mm256_cvtps_pd(_mm256_castps256_ps128(a)); }
    static __m256d high_doubles(Float a) { return _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1)); }
    static __m128i rounded_float16(Float a) { return _mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT); }
    // In the lower half of each lane.
    static Int nearest_bfloat16(Float a) {
        const Int bits = as_int(a);
        const Int odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), integer(1));
        return _mm256_srli_epi32(_mm256_add_epi32(_mm256_add_epi32(bits, integer(0x7FFF)), odd), 16);
    }
    static __m128i rounded_bfloat16(Float a) {
        const Int high = nearest_bfloat16(a);
        return _mm_packus_epi32(_mm256_castsi256_si128(high), _mm256_extracti128_si256(high, 1));
    }
};

}  // namespace glorot
