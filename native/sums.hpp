// Sums of a block of columns in one pass: of its elements, of their squares, and of the squares of its columns' sums.
//
// Some numbers are added in binary32, side by side, and what they make is added in binary64.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "elements.hpp"
#include "kernel.hpp"
#include "pack.hpp"

namespace glorot {
namespace {  // compiled anew for each instruction set, and shared with none

constexpr int side_by_side = 4;

template <class Isa>
using Some = Floats<Isa, side_by_side>;

template <class Isa>
Some<Isa> zeros() {
    Some<Isa> some;
    for (auto& one : some.v) one = Isa::number(0);
    return some;
}

template <class Isa>
double sum_of(const Some<Isa>& some) {
    alignas(64) float lanes[Isa::lanes];
    Isa::store(lanes, Isa::add(Isa::add(some.v[0], some.v[1]), Isa::add(some.v[2], some.v[3])));
    double sum = 0;
    for (const float lane : lanes) sum += lane;
    return sum;
}

template <class Isa, class Element>
class Summing {
  public:
    explicit Summing(const Matrix& matrix) : matrix_(matrix) {}

    Sums sums() {
        if (matrix_.rows <= most_rows) {
            add_rows(0, matrix_.rows);
            return of_few_rows();
        }
        std::fill_n(exact_columns_, matrix_.columns, 0.0);
        for (int64_t row = 0; row < matrix_.rows; row += most_rows) {
            add_rows(row, std::min(matrix_.rows, row + most_rows));
            for (int64_t i = 0; i < matrix_.columns; ++i) exact_columns_[i] += columns_[i];
        }
        return of_many_rows();
    }

  private:
    static constexpr int64_t most_rows = 64;      // whose columns are added in binary32
    static constexpr int64_t most_squares = 4096;  // which are too
    static constexpr int64_t step = side_by_side * Isa::lanes;

    void add_rows(int64_t row, int64_t end) {
        std::fill_n(columns_, (matrix_.columns + step - 1) / step * step, 0.0f);
        auto squares = zeros<Isa>();
        for (int64_t count = 0; row < end; ++row) {
            const char* here = matrix_.memory + row * matrix_.row_step;
            const ptrdiff_t to_next = row + 1 < matrix_.rows ? matrix_.row_step : 0;
            add_row(reinterpret_cast<const Element*>(here), to_next, squares);
            if (count += matrix_.columns; count > most_squares || row + 1 == end) {
                squares_ += sum_of<Isa>(squares);
                squares = zeros<Isa>(), count = 0;
            }
        }
    }

    GLOROT_INLINE void add_row(const Element* row, ptrdiff_t to_next, Some<Isa>& squares) {
        int64_t at = 0;
        for (; at + step <= matrix_.columns; at += step) {
            Some<Isa> numbers;
            for (int i = 0; i < side_by_side; ++i) {
                const Element* from = row + at + i * Isa::lanes;
                // The processor foresees no leap to the next row: what lies there is fetched now.
                GLOROT_PREFETCH(reinterpret_cast<const char*>(from) + to_next);
                numbers.v[i] = Isa::load(from);
            }
            add(numbers + -matrix_.center, columns_ + at, squares);
        }
        if (at < matrix_.columns) add(last_of(row + at, matrix_.columns - at), columns_ + at, squares);
    }

    static GLOROT_INLINE void add(const Some<Isa>& numbers, float* columns, Some<Isa>& squares) {
        squares = squares + numbers * numbers;
        for (int i = 0; i < side_by_side; ++i) {
            float* to = columns + i * Isa::lanes;
            Isa::store(to, Isa::add(Isa::load(to), numbers.v[i]));
        }
    }

    // The last numbers of a row, less the center, and zeros.
    Some<Isa> last_of(const Element* row, int64_t count) const {
        alignas(64) Element elements[step] = {};
        alignas(64) float numbers[step] = {};
        std::memcpy(elements, row, count * sizeof(Element));
        for (int i = 0; i < step; i += Isa::lanes) Isa::store(numbers + i, Isa::load(elements + i));
        for (int64_t i = 0; i < count; ++i) numbers[i] -= matrix_.center;
        return load(numbers);
    }

    static Some<Isa> load(const float* from) {
        Some<Isa> some;
        for (int i = 0; i < side_by_side; ++i) some.v[i] = Isa::load(from + i * Isa::lanes);
        return some;
    }

    Sums of_few_rows() const {
        auto total = zeros<Isa>(), squares = zeros<Isa>();
        for (int64_t at = 0; at < matrix_.columns; at += step) {
            const auto some = load(columns_ + at);
            total = total + some;
            squares = squares + some * some;
        }
        return {sum_of<Isa>(total), squares_, sum_of<Isa>(squares)};
    }

    Sums of_many_rows() const {
        Sums sums{0, squares_, 0};
        for (int64_t i = 0; i < matrix_.columns; ++i) {
            sums.total += exact_columns_[i];
            sums.squares_of_columns += exact_columns_[i] * exact_columns_[i];
        }
        return sums;
    }

    const Matrix& matrix_;
    double squares_ = 0;
    alignas(64) float columns_[widest];
    alignas(64) double exact_columns_[widest];
};

}  // namespace
}  // namespace glorot
