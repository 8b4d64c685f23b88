// One kernel for each instruction set: the same source, compiled for it.
#pragma once

#include <cstdint>

#include "box.hpp"

namespace glorot {

struct Key {
    uint32_t k0, k1;
};

enum class LawKind { constant, uniform, normal, truncated_normal };
enum class ElementKind { float32, bfloat16, float16, float64 };

struct Job {
    Box box;
    ElementKind element;
    Key key;
    LawKind law;
    float numbers[8];
};

using Kernel = void (*)(const Job&);

void fill_avx512(const Job&);
void fill_avx2(const Job&);
void fill_portable(const Job&);

}  // namespace glorot
