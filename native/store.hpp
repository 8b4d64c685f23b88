// From binary32 values to consecutive elements of the stored type, each rounded once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "elements.hpp"

namespace glorot {
namespace {  // compiled anew for each instruction set, and shared with none

template <class Isa, class Element>
void store_values(char* memory, const float* values, uint64_t count) {
    auto out = reinterpret_cast<Element*>(memory);
    for (; count >= Isa::lanes; out += Isa::lanes, values += Isa::lanes, count -= Isa::lanes)
        Isa::store(out, Isa::load(values));
    if (count) {
        alignas(64) float padded[Isa::lanes] = {};
        alignas(64) Element kept[Isa::lanes];
        std::memcpy(padded, values, count * sizeof(float));
        Isa::store(kept, Isa::load(padded));
        std::memcpy(out, kept, count * sizeof(Element));
    }
}

// Transpose a square of `lanes` values each way, from lines to rows with some step from one to the next.
template <class Isa>
void transpose_square(const float* const (&lines)[Isa::lanes], float* rows, int step) {
    typename Isa::Int square[Isa::lanes];
    for (int i = 0; i < Isa::lanes; ++i) square[i] = Isa::as_int(Isa::load(lines[i]));
    Isa::transpose(square);
    for (int i = 0; i < Isa::lanes; ++i) Isa::store(rows + i * step, Isa::as_float(square[i]));
}

}  // namespace
}  // namespace glorot
