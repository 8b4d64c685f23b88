// AVX-512 (F, BW, DQ, VL): sixteen 32-bit lanes.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "../elements.hpp"

namespace glorot {

struct Avx512 {
    static constexpr int lanes = 16;
    static constexpr bool has_registers = true;
    static constexpr int groups = 6;   // of 2·lanes words, made side by side
    static constexpr int vectors = 6;  // of values, computed side by side

    using Float = __m512;
    using Int = __m512i;   // sixteen 32-bit integers
    using Wide = __m512i;  // eight 64-bit integers, of which Philox uses the low halves
    using Mask = __mmask16;

    static Float number(float x) { return _mm512_set1_ps(x); }
    static Int integer(int32_t x) { return _mm512_set1_epi32(x); }
    static Wide wide(uint64_t x) { return _mm512_set1_epi64(static_cast<int64_t>(x)); }

    static Float add(Float a, Float b) { return _mm512_add_ps(a, b); }
    static Float multiply(Float a, Float b) { return _mm512_mul_ps(a, b); }
    static Float fused(Float a, Float b, Float c) { return _mm512_fmadd_ps(a, b, c); }  // a·b + c, never for the stream
    static Float smaller(Float a, Float b) { return _mm512_min_ps(a, b); }
    static Float larger(Float a, Float b) { return _mm512_max_ps(a, b); }
    static Float to_float(Int a) { return _mm512_cvtepi32_ps(a); }
    static Float as_float(Int a) { return _mm512_castsi512_ps(a); }
    static Int as_int(Float a) { return _mm512_castps_si512(a); }

    static Int subtract(Int a, Int b) { return _mm512_sub_epi32(a, b); }
    static Int exclusive_or(Int a, Int b) { return _mm512_xor_si512(a, b); }
    static Int exclusive_or(Int a, Int b, Int c) { return _mm512_ternarylogic_epi32(a, b, c, 0x96); }
    static Int sign_of(Int a) { return _mm512_srai_epi32(a, 31); }
    static Int masked_or(Int a, Int mask, Int b) { return _mm512_ternarylogic_epi32(a, mask, b, 0xEA); }
    static Int flip_where(Int a, Int b, Int mask) { return _mm512_ternarylogic_epi32(a, b, mask, 0x78); }

    static Mask at_least(Float a, Float b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ); }
    static Mask is_negative(Int a) { return _mm512_movepi32_mask(a); }
    static bool any(Mask m) { return m != 0; }
    static Float select(Mask m, Float yes, Float no) { return _mm512_mask_blend_ps(m, no, yes); }

    // Blocks lie in the order that makes two unpackings yield consecutive elements.
    static Wide block_steps() { return _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7); }
    static Wide step(Wide a, Wide b) { return _mm512_add_epi64(a, b); }
    static Wide product(Wide a, Wide b) { return _mm512_mul_epu32(a, b); }
    static Wide high_half(Wide a) { return _mm512_srli_epi64(a, 32); }
    static Wide mix(Wide a, Wide b) { return _mm512_xor_si512(a, b); }
    static Wide mix(Wide a, Wide b, Wide c) { return _mm512_ternarylogic_epi64(a, b, c, 0x96); }
    static void interleave(Wide c0, Wide c1, Wide c2, Wide c3, Int out[2]) {
        const Int c01 = _mm512_mask_shuffle_epi32(c0, 0xAAAA, c1, _MM_PERM_CCAA);
        const Int c23 = _mm512_mask_shuffle_epi32(c2, 0xAAAA, c3, _MM_PERM_CCAA);
        out[0] = _mm512_unpacklo_epi64(c01, c23);
        out[1] = _mm512_unpackhi_epi64(c01, c23);
    }

    static Float load(const float* from) { return _mm512_loadu_ps(from); }
    static Float load(const bfloat16* from) { return as_float(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves(from)), 16)); }
    static Float load(const float16* from) { return _mm512_cvtph_ps(halves(from)); }
    static void store(float* to, Float a) { _mm512_storeu_ps(to, a); }
    static void store(double* to, Float a) {
        _mm512_storeu_pd(to, low_doubles(a));
        _mm512_storeu_pd(to + 8, high_doubles(a));
    }
    static void store(bfloat16* to, Float a) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), rounded_bfloat16(a)); }
    static void store_pair(bfloat16* to, Float a, Float b) {
        _mm512_storeu_si512(to, _mm512_permutex2var_epi16(nearest_bfloat16(a), upper_halves(), nearest_bfloat16(b)));
    }
    static void store(float16* to, Float a) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), rounded_float16(a)); }

    static void transpose(Int rows[lanes]) {
        Int half[lanes];
        for (int i = 0; i < lanes; i += 2) {
            half[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
            half[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
        }
        for (int i = 0; i < lanes; i += 4)
            for (int j = 0; j < 2; ++j) {
                rows[i + 2 * j] = _mm512_unpacklo_epi64(half[i + j], half[i + j + 2]);
                rows[i + 2 * j + 1] = _mm512_unpackhi_epi64(half[i + j], half[i + j + 2]);
            }
        for (int i = 0; i < 4; ++i)
            for (int j = 0; j < lanes; j += 8) {  // 128-bit quarters of four and four rows
                half[i + j] = _mm512_shuffle_i32x4(rows[i + j], rows[i + j + 4], 0x88);
                half[i + j + 4] = _mm512_shuffle_i32x4(rows[i + j], rows[i + j + 4], 0xDD);
            }
        for (int i = 0; i < 4; ++i) {
            rows[i] = _mm512_shuffle_i32x4(half[i], half[i + 8], 0x88);
            rows[i + 8] = _mm512_shuffle_i32x4(half[i], half[i + 8], 0xDD);
            rows[i + 4] = _mm512_shuffle_i32x4(half[i + 4], half[i + 12], 0x88);
            rows[i + 12] = _mm512_shuffle_i32x4(half[i + 4], half[i + 12], 0xDD);
        }
    }

  private:
    static __m256i halves(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
    static __m512d low_doubles(Float a) { return _mm512_cvtps_pd(_mm512_castps512_ps256(a)); }
    static __m512d high_doubles(Float a) { return _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1)); }
    static __m256i rounded_float16(Float a) { return _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT); }
    // In the upper half of each lane.
    static Int nearest_bfloat16(Float a) {
        const Int bits = as_int(a);
        const Int odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), integer(1));
        return _mm512_add_epi32(_mm512_add_epi32(bits, integer(0x7FFF)), odd);
    }
    static __m256i rounded_bfloat16(Float a) { return _mm512_cvtepi32_epi16(_mm512_srli_epi32(nearest_bfloat16(a), 16)); }
    static Int upper_halves() {
        alignas(64) static const uint16_t places[32] = {1,  3,  5,  7,  9,  11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31,
                                                        33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 63};
        return _mm512_load_si512(places);
    }
};

}  // namespace glorot
