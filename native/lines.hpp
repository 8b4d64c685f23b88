// What the rows and columns of a matrix show: their sums and energies, and how the rows are correlated.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernel.hpp"
#include "pack.hpp"

namespace glorot {
namespace {  // compiled anew for each instruction set, and shared with none

// Zeros at first, where no vector lies on the border of two lines of the cache.
class Zeros {
  public:
    explicit Zeros(int64_t count) { resize(count); }
    void resize(int64_t count) { lines_.resize(size_t(count + 15) / 16); }  // what was written stays
    void clear() { std::fill(lines_.begin(), lines_.end(), CacheLine{}); }
    float* at(int64_t i) { return &lines_[0].number[0] + i; }
    float& operator[](int64_t i) { return *at(i); }

  private:
    struct alignas(64) CacheLine {
        float number[16] = {};
    };
    std::vector<CacheLine> lines_;
};

template <class Isa>
class Lining {
  public:
    explicit Lining(const LineJob& job)
        : job_(job),
          height_(padded(job.rows)),
          width_(padded(job.columns)),
          matrix_(scratch(0)),
          blocks_(scratch(1)),
          products_(scratch(2)) {
        matrix_.resize(height_ * width_);
        blocks_.resize(height_ * width_);
        products_.resize(height_ * height_);
        if (height_ != job.rows || width_ != job.columns) matrix_.clear();
    }

    Lines lines() {
        const double squares = center_and_sum();
        if (!(squares > 0)) return {0, 0, 0};
        scale_into_blocks(float(std::sqrt(double(job_.rows * job_.columns) / squares)));
        for (int64_t i = 0; i < height_; i += lanes)
            for (int64_t j = i; j < height_; j += lanes) multiply(i, j);
        return {squares, largest(), correlated()};
    }

  private:
    static constexpr int64_t lanes = Isa::lanes, vectors = 4;
    static constexpr int64_t most = 64;  // vectors whose numbers are added in binary32

    using Float = typename Isa::Float;

    // Kept by each thread: to have the system take pages back, and clear them, would cost as much as the work.
    static Zeros& scratch(int n) {
        static thread_local Zeros kept[3] = {Zeros(0), Zeros(0), Zeros(0)};
        return kept[n];
    }

    static int64_t padded(int64_t length) { return (length + lanes - 1) / lanes * lanes; }

    // Keep the matrix less its center, and return the sum of its squares.
    double center_and_sum() {
        Zeros columns(2 * width_);
        double all = 0;
        for (int64_t i = 0; i < job_.rows; ++i) {
            const float* from = job_.memory + i * job_.columns;
            float* row = matrix_.at(i * width_);
            for (int64_t k = 0; k < job_.columns; ++k) row[k] = from[k] - job_.center;
            double total = 0, squares = 0;
            for (int64_t start = 0; start < width_; start += most * lanes) {
                auto sum = Isa::number(0), square = sum;
                for (int64_t k = start; k < std::min(width_, start + most * lanes); k += lanes) {
                    const auto numbers = Isa::load(row + k), energies = Isa::multiply(numbers, numbers);
                    sum = Isa::add(sum, numbers), square = Isa::add(square, energies);
                    add(numbers, columns.at(k)), add(energies, columns.at(width_ + k));
                }
                total += sum_of(sum), squares += sum_of(square);
            }
            job_.row_sums[i] = total, job_.row_squares[i] = squares;
            all += squares;
        }
        for (int64_t k = 0; k < job_.columns; ++k) {
            job_.column_sums[k] = columns[k];
            job_.column_squares[k] = columns[width_ + k];
        }
        return all;
    }

    // Keep the matrix once more, scaled: as many rows as a vector has lanes follow each other column by column.
    void scale_into_blocks(float factor) {
        for (int64_t i = 0; i < height_; i += lanes)
            for (int64_t k = 0; k < width_; k += lanes) {
                Float some[lanes];
                for (int64_t n = 0; n < lanes; ++n)
                    some[n] = Isa::multiply(Isa::load(matrix_.at((i + n) * width_ + k)), Isa::number(factor));
                transpose(some);
                for (int64_t n = 0; n < lanes; ++n) Isa::store(blocks_.at(i * width_ + (k + n) * lanes), some[n]);
            }
    }

    static void transpose(Float rows[lanes]) {
        typename Isa::Int turned[lanes];
        for (int64_t n = 0; n < lanes; ++n) turned[n] = Isa::as_int(rows[n]);
        Isa::transpose(turned);
        for (int64_t n = 0; n < lanes; ++n) rows[n] = Isa::as_float(turned[n]);
    }

    static void add(Float numbers, float* to) { Isa::store(to, Isa::add(Isa::load(to), numbers)); }

    static double sum_of(Float numbers) {
        alignas(64) float each[lanes];
        Isa::store(each, numbers);
        double sum = 0;
        for (const float one : each) sum += one;
        return sum;
    }

    // The products of the block of rows from i on with that from j on.
    void multiply(int64_t i, int64_t j) {
        Float sums[lanes];
        for (auto& sum : sums) sum = Isa::number(0);
        const float *rows = blocks_.at(i * width_), *others = blocks_.at(j * width_);
        for (int64_t k = 0; k < width_; ++k, rows += lanes, others += lanes) {
            const Float right = Isa::load(others);
            for (int64_t r = 0; r < lanes; ++r) sums[r] = Isa::fused(Isa::number(rows[r]), right, sums[r]);
        }
        for (int64_t r = 0; r < lanes; ++r) Isa::store(&product(i + r, j), sums[r]);
        transpose(sums);
        for (int64_t r = 0; r < lanes; ++r) Isa::store(&product(j + r, i), sums[r]);
    }

    float& product(int64_t i, int64_t j) { return products_[i * height_ + j]; }

    // The largest eigenvalue of the products, from below, by the power iteration.
    double largest() {
        Zeros vector(height_), next(height_);
        std::fill_n(vector.at(0), job_.rows, 1.0f);
        double norm = 0;
        for (int turn = 0; turn <= job_.turns; ++turn) {
            multiply_by_products(vector, next);
            double squares = 0;
            for (int64_t i = 0; i < job_.rows; ++i) squares += double(next[i]) * next[i];
            norm = std::sqrt(squares);
            if (!(norm > 0)) return 0;
            for (int64_t i = 0; i < job_.rows; ++i) vector[i] = float(next[i] / norm);
        }
        return norm;
    }

    void multiply_by_products(Zeros& vector, Zeros& to) {
        for (int64_t i = 0; i < height_; i += lanes) {
            Float sums[vectors];
            for (auto& sum : sums) sum = Isa::number(0);
            for (int64_t j = 0; j < height_; j += vectors)  // which divides the number of lanes
                for (int64_t n = 0; n < vectors; ++n) {
                    const auto some = Isa::load(products_.at((j + n) * height_ + i));
                    sums[n] = Isa::add(sums[n], Isa::multiply(some, Isa::number(vector[j + n])));
                }
            Isa::store(to.at(i), Isa::add(Isa::add(sums[0], sums[1]), Isa::add(sums[2], sums[3])));
        }
    }

    // The sum of the squares of all correlations of rows; not a number where a row is 0.
    double correlated() {
        Zeros weights(height_);
        for (int64_t i = 0; i < job_.rows; ++i) {
            if (!(product(i, i) > 0)) return std::numeric_limits<double>::quiet_NaN();
            weights[i] = 1 / product(i, i);
        }
        double all = 0;
        for (int64_t i = 0; i < job_.rows; ++i) {
            auto sum = Isa::number(0);
            for (int64_t j = 0; j < height_; j += lanes) {
                const auto some = Isa::load(products_.at(i * height_ + j));
                sum = Isa::add(sum, Isa::multiply(Isa::multiply(some, some), Isa::load(weights.at(j))));
            }
            all += sum_of(sum) * weights[i];
        }
        return all;
    }

    const LineJob& job_;
    const int64_t height_, width_;
    Zeros &matrix_, &blocks_, &products_;
};

}  // namespace
}  // namespace glorot
