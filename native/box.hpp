// A box of a global tensor in strided memory: what is written where.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace glorot {

struct Axis {
    int64_t extent;
    uint64_t index_step;  // in elements of the global tensor
    int64_t place_step;   // in bytes of the memory
};

struct Box {
    char* place;          // of the first element
    uint64_t first;       // its index in the global tensor
    std::vector<Axis> axes;

    // In the order of the index, without the axes of one element, and with neighbours joined where one goes on
    // as the other ends.
    Box simplified() const {
        std::vector<Axis> ordered = axes;
        std::stable_sort(ordered.begin(), ordered.end(),
                         [](const Axis& a, const Axis& b) { return a.index_step > b.index_step; });
        Box box{place, first, {}};
        for (const Axis& axis : ordered) {
            if (axis.extent == 1) continue;
            const int64_t n = axis.extent;
            if (!box.axes.empty() && box.axes.back().index_step == n * axis.index_step &&
                box.axes.back().place_step == n * axis.place_step)
                box.axes.back() = {box.axes.back().extent * n, axis.index_step, axis.place_step};
            else
                box.axes.push_back(axis);
        }
        return box;
    }
};

// Visit the points of some axes in row-major order, starting from a box's first: visit(place, index).
template <class Visit>
void each_point(const std::vector<Axis>& axes, const Box& start, const Visit& visit) {
    const auto go_along = [&](const auto& self, size_t axis, char* place, uint64_t index) -> void {
        if (axis == axes.size()) return visit(place, index);
        for (int64_t i = 0; i < axes[axis].extent; ++i)
            self(self, axis + 1, place + i * axes[axis].place_step, index + i * axes[axis].index_step);
    };
    go_along(go_along, 0, start.place, start.first);
}

}  // namespace glorot
