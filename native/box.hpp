// A box of a global tensor in strided memory: what is written where. Plain data, shared by all kernels.
#pragma once

#include <cstdint>

namespace glorot {

constexpr int most_axes = 64;  // as many as NumPy has

struct Axis {
    int64_t extent;
    uint64_t index_step;  // in elements of the global tensor
    int64_t place_step;   // in bytes of the memory
};

// In the order of the index; no axis has one element only, and none goes on where the next one ends.
struct Axes {
    Axis axis[most_axes];
    int count;
};

struct Box {
    char* place;     // of the first element
    uint64_t first;  // its index in the global tensor
    Axes axes;
};

}  // namespace glorot
