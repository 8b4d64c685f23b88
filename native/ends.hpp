// The ends of numbers by their bits, with nothing decoded: bits order by magnitude, and the sign is the first of them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "kernel.hpp"

namespace glorot {
namespace {  // compiled anew for each instruction set, and shared with none

template <class Word>
Ends find_ends(const char* memory, uint64_t count) {
    using Signed = std::make_signed_t<Word>;
    Word first = std::numeric_limits<Word>::max(), last = 0;
    Signed top = std::numeric_limits<Signed>::min();
    for (uint64_t i = 0; i < count; ++i) {
        Word word;
        std::memcpy(&word, memory + i * sizeof word, sizeof word);  // which may lie anywhere in a file
        first = std::min(first, word);
        last = std::max(last, word);
        top = std::max(top, Signed(word));
    }
    return {first, last, top};
}

}  // namespace
}  // namespace glorot
