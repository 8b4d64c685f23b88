// A box of a global tensor in strided memory: what is written where. Plain data, shared by all kernels.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

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

// Put axes in the order of the index, without those of one element, and with neighbours joined where one goes on as the other
// ends.
inline Axes in_order(std::vector<Axis> axes) {
    std::stable_sort(axes.begin(), axes.end(), [](const Axis& a, const Axis& b) { return a.index_step > b.index_step; });
    Axes kept{};
    for (const Axis& axis : axes) {
        if (axis.extent == 1) continue;
        Axis* outer = kept.count ? &kept.axis[kept.count - 1] : nullptr;
        if (outer && outer->index_step == axis.extent * axis.index_step &&
            outer->place_step == axis.extent * axis.place_step)
            *outer = {outer->extent * axis.extent, axis.index_step, axis.place_step};
        else
            kept.axis[kept.count++] = axis;
    }
    return kept;
}

struct Box {
    char* place;     // of the first element
    uint64_t first;  // its index in the global tensor
    Axes axes;
};

}  // namespace glorot
