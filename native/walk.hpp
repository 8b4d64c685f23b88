// Walking through the points of some axes, in row-major order.
#pragma once

#include <cstddef>
#include <cstdint>

#include "box.hpp"

namespace glorot {
namespace {  // compiled anew for each instruction set, and shared with none

inline Axis take(Axes& axes, int position) {
    const Axis taken = axes.axis[position];
    --axes.count;
    for (int i = position; i < axes.count; ++i) axes.axis[i] = axes.axis[i + 1];
    return taken;
}

// The offsets in memory of the points, one after the other.
class Offsets {
  public:
    explicit Offsets(const Axes& axes) : axes_(axes) {}

    ptrdiff_t next() {
        const ptrdiff_t here = offset_;
        for (int i = axes_.count - 1; i >= 0; --i) {
            offset_ += axes_.axis[i].place_step;
            if (++digits_[i] < axes_.axis[i].extent) break;
            offset_ -= axes_.axis[i].extent * axes_.axis[i].place_step;
            digits_[i] = 0;
        }
        return here;
    }

  private:
    const Axes& axes_;
    int64_t digits_[most_axes] = {};
    ptrdiff_t offset_ = 0;
};

// Visit the points, starting from a place and an index: visit(place, index).
template <class Visit>
void each_point(const Axes& axes, char* place, uint64_t index, const Visit& visit) {
    const auto go_along = [&](const auto& self, int i, char* to, uint64_t at) -> void {
        if (i == axes.count) return visit(to, at);
        const Axis& axis = axes.axis[i];
        for (int64_t n = 0; n < axis.extent; ++n) self(self, i + 1, to + n * axis.place_step, at + n * axis.index_step);
    };
    go_along(go_along, 0, place, index);
}

}  // namespace
}  // namespace glorot
