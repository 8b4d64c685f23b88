// The ends of numbers by their bits, with nothing decoded: bits order by magnitude, and the sign is the first of them.
// On the way some of the numbers are picked, and all may be summed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "elements.hpp"
#include "kernel.hpp"
#include "pack.hpp"
#include "sums.hpp"

namespace glorot {
namespace {  // compiled anew for each instruction set, and shared with none

constexpr int64_t skimmed = int64_t(1) << 15;  // elements, which are still in the cache when they are summed and picked

template <class Isa, class Element>
void add_all(const char* memory, int64_t count, Skimmed& found) {
    constexpr int side = 4;
    constexpr int64_t step = side * Isa::lanes, most = 64 * step;  // whose numbers are added in binary32
    for (int64_t start = 0; start < count; start += most) {
        Floats<Isa, side> total{}, squares{};
        for (int i = 0; i < side; ++i) total.v[i] = squares.v[i] = Isa::number(0);
        for (int64_t k = start; k < std::min(count, start + most); k += step) {
            alignas(64) Element last[step] = {};
            const char* from = memory + k * sizeof(Element);
            if (k + step > count) from = static_cast<char*>(std::memcpy(last, from, (count - k) * sizeof(Element)));
            const auto* elements = reinterpret_cast<const Element*>(from);
            Floats<Isa, side> numbers;
            for (int i = 0; i < side; ++i) numbers.v[i] = Isa::load(elements + i * Isa::lanes);
            total = total + numbers;
            squares = squares + numbers * numbers;
        }
        found.total += sum_of<Isa>(total);
        found.squares += sum_of<Isa>(squares);
    }
}

template <class Isa>
void add_summed(const SkimJob& job, const char* memory, int64_t count, Skimmed& found) {
    switch (job.element) {
        case ElementKind::float32:
            return add_all<Isa, float>(memory, count, found);
        case ElementKind::bfloat16:
            return add_all<Isa, bfloat16>(memory, count, found);
        case ElementKind::float16:
            return add_all<Isa, float16>(memory, count, found);
        case ElementKind::float64:
            break;  // which the module refuses
    }
}

template <class Isa, class Word>
Skimmed skim_words(const SkimJob& job) {
    using Signed = std::make_signed_t<Word>;
    Word first = std::numeric_limits<Word>::max(), last = 0;
    Signed top = std::numeric_limits<Signed>::min();
    Skimmed found{};
    char* to = job.picked;
    int64_t next = job.first;
    for (int64_t start = 0; start < job.count; start += skimmed) {
        const int64_t end = std::min(job.count, start + skimmed);
        for (int64_t i = start; i < end; ++i) {
            Word word;
            std::memcpy(&word, job.memory + i * sizeof word, sizeof word);  // which may lie anywhere in a file
            first = std::min(first, word);
            last = std::max(last, word);
            top = std::max(top, Signed(word));
        }
        for (; next < end; next += job.step, to += sizeof(Word))
            std::memcpy(to, job.memory + next * sizeof(Word), sizeof(Word));
        if (job.is_summed) add_summed<Isa>(job, job.memory + start * sizeof(Word), end - start, found);
    }
    found.first = first, found.last = last, found.top = top;
    return found;
}

}  // namespace
}  // namespace glorot
