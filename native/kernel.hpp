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

// Numbers whose ends are looked for, and where those go that are picked: the first, and others a step apart.
struct SkimJob {
    const char* memory;
    int64_t count, first, step;
    char* picked;
    bool is_summed;
    ElementKind element;  // in which they are summed
};

// The bits of numbers in three orders: the least and the largest as whole numbers, and the largest with a sign; and two sums.
struct Skimmed {
    uint64_t first, last;
    int64_t top;
    double total, squares;
};

// A matrix whose rows and columns are looked at, and where their sums and those of their squares go.
struct LineJob {
    const float* memory;
    int64_t rows, columns;
    float center;  // taken off each element first
    int turns;     // of the power iteration
    double *row_sums, *row_squares, *column_sums, *column_squares;
};

// The sum of all squares; then, of the matrix scaled to a mean square of 1, the largest eigenvalue of the products of its
// rows, from below, and the sum of the squares of all correlations of two rows.
struct Lines {
    double squares, largest, correlated;
};

// A sample in ascending order; what it is compared with: uniform where scale is 0, else a normal law whose standard deviation
// is `scale` of that of the sample, less a share at each end.
struct SampleJob {
    const double* sorted;
    int64_t count;
    double mean, std;  // those of the sample itself, if std is not a number
    double scale, tail;
};

// The largest distance between a sample and a law, and the moments of the sample.
struct Compared {
    double distance, third, fourth;
};

struct Kernel {
    void (*fill)(const Job&);
    Sums (*sum)(const Matrix&);  // of a block of columns, no wider than `widest`
    Skimmed (*skim)(const SkimJob&, int element_size);
    Lines (*look_at_lines)(const LineJob&);
    Compared (*compare_sample)(SampleJob);
};

constexpr int64_t widest = 2048;

extern const Kernel kernel_avx512_bf16, kernel_avx512, kernel_avx2, kernel_portable;

}  // namespace glorot
