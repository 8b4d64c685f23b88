// From the law and the element of a job to the code made for them.
#pragma once

#include "fill.hpp"
#include "kernel.hpp"
#include "lines.hpp"
#include "sample.hpp"
#include "skim.hpp"
#include "sums.hpp"

namespace glorot {
namespace {  // compiled anew for each instruction set, and shared with none

template <class Isa, class Law>
void fill_by(const Law& law, const Job& job) {
    Values<Isa, Law> values(law, job.key);
    switch (job.element) {
        case ElementKind::float32:
            return Filler<Isa, float>(job.box, values).fill();
        case ElementKind::bfloat16:
            return Filler<Isa, bfloat16>(job.box, values).fill();
        case ElementKind::float16:
            return Filler<Isa, float16>(job.box, values).fill();
        case ElementKind::float64:
            return Filler<Isa, double>(job.box, values).fill();
    }
}

template <class Isa>
void fill_with(const Job& job) {
    const float* n = job.numbers;
    switch (job.law) {
        case LawKind::constant:
            return fill_by<Isa>(Constant{n[0]}, job);
        case LawKind::uniform: {
            const Uniform law{n[0], n[1], n[2], n[3]};
            return law.is_symmetric() ? fill_by<Isa>(SymmetricUniform{law.scale}, job) : fill_by<Isa>(law, job);
        }
        case LawKind::normal:
            return n[0] == 0 ? fill_by<Isa>(CenteredNormal{n[1]}, job) : fill_by<Isa>(Normal{n[0], n[1]}, job);
        case LawKind::truncated_normal: {
            const TruncatedNormal law{n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7]};
            if (!law.is_symmetric()) return fill_by<Isa>(law, job);
            return fill_by<Isa>(
                SymmetricTruncatedNormal{law.half, law.upper_tail, law.center, law.sigma, law.low, law.high}, job);
        }
    }
}

template <class Isa>
Sums sum_with(const Matrix& matrix) {
    switch (matrix.element) {
        case ElementKind::float32:
            return Summing<Isa, float>(matrix).sums();
        case ElementKind::bfloat16:
            return Summing<Isa, bfloat16>(matrix).sums();
        case ElementKind::float16:
            return Summing<Isa, float16>(matrix).sums();
        case ElementKind::float64:
            break;  // which the module refuses
    }
    return {};
}

template <class Isa>
Skimmed skim_with(const SkimJob& job, int element_size) {
    switch (element_size) {
        case 1:
            return skim_words<Isa, uint8_t>(job);
        case 2:
            return skim_words<Isa, uint16_t>(job);
        case 4:
            return skim_words<Isa, uint32_t>(job);
        default:
            return skim_words<Isa, uint64_t>(job);
    }
}

template <class Isa>
Lines look_with(const LineJob& job) {
    return Lining<Isa>(job).lines();
}

template <class Isa>
constexpr Kernel kernel_of = {fill_with<Isa>, sum_with<Isa>, skim_with<Isa>, look_with<Isa>, compare_sample};

}  // namespace
}  // namespace glorot
