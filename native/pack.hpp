// Several vectors side by side: each operation is done on all of them before the next, so that a chain of
// dependent products and sums does not wait for itself.
#pragma once

#include <cstdint>

#if defined(_MSC_VER) && !defined(__clang__)
#define GLOROT_INLINE __forceinline
#define GLOROT_PREFETCH(memory) void(memory)
#else
#define GLOROT_INLINE inline __attribute__((always_inline))
#define GLOROT_PREFETCH(memory) __builtin_prefetch(memory, 0, 2)  // for reading, into the second cache
#endif

namespace glorot {
namespace {  // compiled anew for each instruction set, and shared with none

template <class Isa, int N>
struct Ints {
    typename Isa::Int v[N];
};

template <class Isa, int N>
struct Floats {
    typename Isa::Float v[N];
};

template <class Isa, int N>
struct Masks {
    typename Isa::Mask v[N];
};

#define GLOROT_EACH for (int i = 0; i < N; ++i)
#define GLOROT_PACK template <class Isa, int N> static GLOROT_INLINE

GLOROT_PACK Floats<Isa, N> operator+(Floats<Isa, N> a, Floats<Isa, N> b) {
    GLOROT_EACH a.v[i] = Isa::add(a.v[i], b.v[i]);
    return a;
}
GLOROT_PACK Floats<Isa, N> operator*(Floats<Isa, N> a, Floats<Isa, N> b) {
    GLOROT_EACH a.v[i] = Isa::multiply(a.v[i], b.v[i]);
    return a;
}
GLOROT_PACK Floats<Isa, N> operator+(Floats<Isa, N> a, float b) {
    const auto all = Isa::number(b);
    GLOROT_EACH a.v[i] = Isa::add(a.v[i], all);
    return a;
}
GLOROT_PACK Floats<Isa, N> operator*(Floats<Isa, N> a, float b) {
    const auto all = Isa::number(b);
    GLOROT_EACH a.v[i] = Isa::multiply(a.v[i], all);
    return a;
}
GLOROT_PACK Floats<Isa, N> clamped(Floats<Isa, N> a, float low, float high) {
    const auto lowest = Isa::number(low), highest = Isa::number(high);
    // Where two are equal, as zeros of two signs are, both instructions return the second: the value stays.
    GLOROT_EACH a.v[i] = Isa::smaller(highest, Isa::larger(lowest, a.v[i]));
    return a;
}
GLOROT_PACK Floats<Isa, N> to_float(const Ints<Isa, N>& a) {
    Floats<Isa, N> r;
    GLOROT_EACH r.v[i] = Isa::to_float(a.v[i]);
    return r;
}
GLOROT_PACK Ints<Isa, N> bits_of(const Floats<Isa, N>& a) {
    Ints<Isa, N> r;
    GLOROT_EACH r.v[i] = Isa::as_int(a.v[i]);
    return r;
}
GLOROT_PACK Ints<Isa, N> operator-(Ints<Isa, N> a, int32_t b) {
    const auto all = Isa::integer(b);
    GLOROT_EACH a.v[i] = Isa::subtract(a.v[i], all);
    return a;
}

}  // namespace
}  // namespace glorot
