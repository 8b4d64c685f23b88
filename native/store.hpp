// From binary32 values to consecutive elements of the stored type, each rounded once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "elements.hpp"

namespace glorot {

template <class Isa, class Element>
void store_values(Element* out, const float* values, uint64_t count) {
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

// The same past the caches, for what is larger than they are.
template <class Isa, class Element>
void stream_values(Element* out, const float* values, uint64_t count) {
    constexpr uintptr_t size = Isa::lanes * sizeof(Element);
    const uint64_t to_alignment = (size - reinterpret_cast<uintptr_t>(out) % size) % size / sizeof(Element);
    const uint64_t head = std::min(count, to_alignment);
    store_values<Isa>(out, values, head);
    out += head, values += head, count -= head;
    for (; count >= Isa::lanes; out += Isa::lanes, values += Isa::lanes, count -= Isa::lanes)
        Isa::stream(out, Isa::load(values));
    store_values<Isa>(out, values, count);
}

// Transpose a square of `lanes` values each way between two arrays with the given steps from row to row.
template <class Isa>
void transpose_square(const float* from, int from_step, float* to, int to_step) {
    typename Isa::Int rows[Isa::lanes];
    for (int i = 0; i < Isa::lanes; ++i) rows[i] = Isa::as_int(Isa::load(from + i * from_step));
    Isa::transpose(rows);
    for (int i = 0; i < Isa::lanes; ++i) Isa::store(to + i * to_step, Isa::as_float(rows[i]));
}

}  // namespace glorot
