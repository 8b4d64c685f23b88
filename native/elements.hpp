// The stored types that C++ has no name for.
#pragma once

#include <cstdint>

namespace glorot {

struct bfloat16 {
    uint16_t bits;
};

struct float16 {
    uint16_t bits;
};

}  // namespace glorot
