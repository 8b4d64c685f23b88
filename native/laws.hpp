// From words to binary32 values, as the specification says: each product and each sum rounded by itself.
//
// Powers of two are moved from one factor to another where no rounding notices: u and t are kept as
// 2^31 u and 2^31 t, and the scales that meet them are divided by 2^31.
#pragma once

#include <cfloat>
#include <cstdint>

#include "pack.hpp"

namespace glorot {
namespace {  // compiled anew for each instruction set, and shared with none

static_assert(FLT_EVAL_METHOD == 0, "each product and each sum must be rounded to binary32 by itself");

namespace quantile {
constexpr float octave = -7.40895771e-08f;
constexpr float log[] = {-5.38078308f, 12.4419689f, -16.2006721f, 13.2110767f, -6.3376112f, -1.4239198f};
constexpr float split = 2.231f;
constexpr float central_bend = -19.6903706f;
constexpr float central[] = {-1.2880824e-11f, 1.97220396e-09f, 9.26747319e-08f,
                             2.38815737e-05f, -0.0193551313f,  2.29603553f};
constexpr float tail_shift = -15.243001f, tail_bend = -80.6982422f;
constexpr float tail[] = {2.37934365e-33f,  -1.32141138e-30f, -4.23817293e-27f, -2.26344724e-24f,
                          5.30170306e-21f,  -1.82632149e-17f, -1.33701864e-15f, -1.16097347e-10f,
                          -4.09162304e-08f, -0.00220750598f,  6.10459614f};
}  // namespace quantile

template <class F, int terms>
GLOROT_INLINE F horner(F x, F value, const float (&coefficients)[terms], int from) {
    for (int i = from; i < terms; ++i) value = value * x + coefficients[i];
    return value;
}

// 2^31 u of each word's magnitude, 2^31 t = 2^31 (1 - u), and the word, whose first bit is the sign.
template <class Isa, int N>
struct Probabilities {
    Floats<Isa, N> u, t;

    GLOROT_INLINE explicit Probabilities(const Ints<Isa, N>& words) {
        Ints<Isa, N> m, rest;
        const auto largest = Isa::integer(0x7FFFFFFF);
        for (int i = 0; i < N; ++i) {
            const auto sign = Isa::sign_of(words.v[i]);
            m.v[i] = Isa::exclusive_or(words.v[i], sign);
            rest.v[i] = Isa::exclusive_or(words.v[i], sign, largest);
        }
        u = to_float(m) + 0.5f;
        t = to_float(rest) + 0.5f;
    }
};

// z/u far out, from the multiple v of log q.
template <class F>
GLOROT_INLINE F tail_over_u(const F& v) {
    const auto shifted = v + quantile::tail_shift;
    const auto x = (shifted + quantile::tail_bend) * shifted;
    return horner(x, x * quantile::tail[0] + quantile::tail[1], quantile::tail, 2);
}

// z/u of q = t (1 + u), given as a multiple of 2^scale.
template <int scale, class Isa, int N>
GLOROT_INLINE Floats<Isa, N> quantile_over_u(const Floats<Isa, N>& q) {
    constexpr int32_t bits_of_one = 0x3F800000 + scale * 0x00800000;
    const auto bits = bits_of(q);
    Floats<Isa, N> m;
    const auto mantissa = Isa::integer(0x007FFFFF), half = Isa::integer(0x3F000000);
    for (int i = 0; i < N; ++i) m.v[i] = Isa::as_float(Isa::masked_or(bits.v[i], mantissa, half));
    const auto v =
        to_float(bits - bits_of_one) * quantile::octave + horner(m, m + quantile::log[0], quantile::log, 1);
    const auto x = (v + quantile::central_bend) * v;
    auto z = horner(x, x * quantile::central[0] + quantile::central[1], quantile::central, 2);
    const auto split = Isa::number(quantile::split);
    auto farthest = v.v[0];
    for (int i = 1; i < N; ++i) farthest = Isa::larger(farthest, v.v[i]);
    if (Isa::any(Isa::at_least(farthest, split))) {  // one word in 480 is
        for (int i = 0; i < N; ++i) {
            const auto far = Isa::at_least(v.v[i], split);
            if (Isa::any(far)) z.v[i] = Isa::select(far, tail_over_u(Floats<Isa, 1>{{v.v[i]}}).v[0], z.v[i]);
        }
    }
    return z;
}

template <class Isa, int N>
GLOROT_INLINE Floats<Isa, N> with_sign(Floats<Isa, N> magnitude, const Ints<Isa, N>& sign) {
    const auto first_bit = Isa::integer(INT32_MIN);
    for (int i = 0; i < N; ++i)
        magnitude.v[i] = Isa::as_float(Isa::flip_where(Isa::as_int(magnitude.v[i]), sign.v[i], first_bit));
    return magnitude;
}

struct Constant {
    float value;

    template <class Isa, int N>
    GLOROT_INLINE Floats<Isa, N> operator()(const Ints<Isa, N>&) const {
        Floats<Isa, N> all;
        for (int i = 0; i < N; ++i) all.v[i] = Isa::number(value);
        return all;
    }
};

struct Uniform {
    float center, scale, low, high;

    bool is_symmetric() const { return center == 0 && high == scale * 0x1p31f && low == -high; }

    template <class Isa, int N>
    GLOROT_INLINE Floats<Isa, N> operator()(const Ints<Isa, N>& words) const {
        return clamped(to_float(words) * scale + center, low, high);
    }
};

// Centred on zero, no product passes the bounds: nothing is left to add or to clamp.
struct SymmetricUniform {
    float scale;

    template <class Isa, int N>
    GLOROT_INLINE Floats<Isa, N> operator()(const Ints<Isa, N>& words) const {
        return to_float(words) * scale;
    }
};

struct Normal {
    float mean, std;

    template <class Isa, int N>
    GLOROT_INLINE Floats<Isa, N> operator()(const Ints<Isa, N>& words) const {
        const Probabilities<Isa, N> p(words);
        const auto z = quantile_over_u<62>(p.t * (p.u + 0x1p31f)) * p.u;
        return with_sign(z, words) * (std * 0x1p-31f) + mean;
    }
};

// Centred on zero, nothing is left to add: z is never 0, so that no -0 becomes a 0.
struct CenteredNormal {
    float std;

    template <class Isa, int N>
    GLOROT_INLINE Floats<Isa, N> operator()(const Ints<Isa, N>& words) const {
        const Probabilities<Isa, N> p(words);
        const auto z = quantile_over_u<62>(p.t * (p.u + 0x1p31f)) * p.u;
        return with_sign(z, words) * (std * 0x1p-31f);
    }
};

struct TruncatedNormal {
    float middle, half, upper_tail, lower_tail, center, sigma, low, high;

    bool is_symmetric() const { return middle == 0 && upper_tail == lower_tail; }

    template <class Isa, int N>
    GLOROT_INLINE Floats<Isa, N> operator()(const Ints<Isa, N>& words) const {
        const Probabilities<Isa, N> p(words);
        const float scale = half * 0x1p-31f;
        const auto v = with_sign(p.u, words) * scale + middle;
        const auto from_other_side = p.u + 0x1p31f;
        const auto upper = Isa::number(upper_tail), lower = Isa::number(lower_tail);
        const auto magnitude_bits = Isa::integer(0x7FFFFFFF), none = Isa::integer(0);
        Ints<Isa, N> sign;
        Floats<Isa, N> gap, tail, u;
        for (int i = 0; i < N; ++i) {  // v is never -0: its sign bit tells whether it is below zero
            sign.v[i] = Isa::as_int(v.v[i]);
            const auto crossed = Isa::is_negative(Isa::exclusive_or(sign.v[i], words.v[i]));
            gap.v[i] = Isa::select(crossed, from_other_side.v[i], p.t.v[i]);
            tail.v[i] = Isa::select(Isa::is_negative(sign.v[i]), lower, upper);
            u.v[i] = Isa::as_float(Isa::masked_or(sign.v[i], magnitude_bits, none));
        }
        const auto z = quantile_over_u<0>((gap * scale + tail) * (u + 1.0f)) * u;
        return clamped(with_sign(z, sign) * sigma + center, low, high);
    }
};

// Cut alike on both sides, v has the sign of the word, and u and t are multiples of the word's own.
struct SymmetricTruncatedNormal {
    float half, tail, center, sigma, low, high;

    template <class Isa, int N>
    GLOROT_INLINE Floats<Isa, N> operator()(const Ints<Isa, N>& words) const {
        const Probabilities<Isa, N> p(words);
        const auto u = p.u * (half * 0x1p-31f), t = p.t * (half * 0x1p-31f) + tail;
        const auto z = quantile_over_u<0>(t * (u + 1.0f)) * u;
        return clamped(with_sign(z, words) * sigma + center, low, high);
    }
};

}  // namespace
}  // namespace glorot
