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

constexpr int64_t element_size(ElementKind element) {
    return element == ElementKind::float32 ? 4 : element == ElementKind::float64 ? 8 : 2;
}

struct Job {
    Box box;
    ElementKind element;
    Key key;
    LawKind law;
    float numbers[8];
};

// A matrix in memory, less a number.
struct Matrix {
    const char* memory;
    ElementKind element;
    int64_t rows, columns;
    int64_t row_step;  // in bytes; the elements of a row follow each other
    float center;
};

// Of elements, their squares, and the sums of columns.
struct Sums {
    double total, squares, squares_of_columns;
};

// The bits of numbers in three orders: the least and the largest as whole numbers, and the largest with a sign.
struct Ends {
    uint64_t first, last;
    int64_t top;
};

struct Kernel {
    void (*fill)(const Job&);
    Sums (*sum)(const Matrix&);  // of a block of columns, no wider than `widest`
    Ends (*find_ends)(const char* memory, uint64_t count, int element_size);
};

constexpr int64_t widest = 2048;

extern const Kernel kernel_avx512, kernel_avx2, kernel_portable;

}  // namespace glorot
