// AVX-512 with the instruction that rounds to bfloat16. It takes denormal numbers for 0, and no law makes any.
#pragma once

#include "avx512.hpp"

namespace glorot {

struct Avx512Bf16 : Avx512 {
    using Avx512::store;
    static void store(bfloat16* to, Float a) {
        const __m256bh rounded = _mm512_cvtneps_pbh(a);
        std::memcpy(to, &rounded, sizeof rounded);
    }
    static void store_pair(bfloat16* to, Float a, Float b) {
        const __m512bh rounded = _mm512_cvtne2ps_pbh(b, a);
        std::memcpy(to, &rounded, sizeof rounded);
    }
};

}  // namespace glorot
