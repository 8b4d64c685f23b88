// Which instruction sets this processor and its operating system offer. GLOROT_X86 is set where they are built.
#pragma once

#if defined(GLOROT_X86) && defined(_MSC_VER) && !defined(__clang__)
#include <immintrin.h>
#include <intrin.h>
#endif

namespace glorot {

#if !defined(GLOROT_X86)

inline bool has_avx2() { return false; }
inline bool has_avx512() { return false; }
inline bool has_avx512_bf16() { return false; }

#elif defined(_MSC_VER) && !defined(__clang__)

// The bits of leaf 7 and of leaf 1, and the registers that the system saves (Intel's manual, CPUID and XGETBV).
inline bool has_bits(int leaf, int word, unsigned bits) {
    int words[4];
    __cpuidex(words, leaf, 0);
    return (static_cast<unsigned>(words[word]) & bits) == bits;
}
inline bool saves(unsigned registers) {
    return has_bits(1, 2, 1u << 27) && (_xgetbv(0) & registers) == registers;
}
inline bool has_avx2() { return saves(0x06) && has_bits(1, 2, 1u << 29) && has_bits(7, 1, 1u << 5); }
inline bool has_avx512() { return saves(0xE6) && has_bits(7, 1, 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31); }
inline bool has_avx512_bf16() { return false; }  // nor is it built there

#else

inline bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c"); }
inline bool has_avx512() {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
inline bool has_avx512_bf16() { return has_avx512() && __builtin_cpu_supports("avx512bf16"); }

#endif

}  // namespace glorot
