// A sorted sample against a law: the largest distance between both, and the third and fourth moment.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "kernel.hpp"

namespace glorot {
namespace {  // compiled anew for each instruction set, and shared with none

// The share of the normal law that lies below, to 1e-9 between the points of a table.
class NormalShare {
  public:
    NormalShare() {
        for (int i = 0; i <= points; ++i) share_[i] = std::erfc((reach - i / per_unit) / std::sqrt(2.0)) / 2;
        share_[points + 1] = share_[points];
    }

    double operator()(double z) const {
        const double at = (std::clamp(z, -reach, reach) + reach) * per_unit;
        const int i = int(at);
        return share_[i] + (at - i) * (share_[i + 1] - share_[i]);
    }

  private:
    static constexpr double reach = 9, per_unit = 1 << 11;
    static constexpr int points = int(2 * reach * per_unit);
    std::array<double, points + 2> share_;
};

class LawShare {
  public:
    LawShare(double scale, double tail) : scale_(scale), tail_(tail), per_rest_(1 / (1 - 2 * tail)), normal_(table()) {}

    double operator()(double z) const {
        if (scale_ == 0) return std::clamp(0.5 + z * per_width, 0.0, 1.0);
        return std::clamp((normal_(z * scale_) - tail_) * per_rest_, 0.0, 1.0);
    }

  private:
    static const NormalShare& table() {
        static const NormalShare normal;
        return normal;
    }

    static constexpr double per_width = 0.28867513459481287;  // 1/√12
    double scale_, tail_, per_rest_;
    const NormalShare& normal_;
};

inline Compared compare_sample(SampleJob job) {
    const double* sorted = job.sorted;
    if (std::isnan(job.std)) {
        double total = 0, squares = 0;
        for (int64_t i = 0; i < job.count; ++i) total += sorted[i];
        job.mean = total / double(job.count);
        for (int64_t i = 0; i < job.count; ++i) squares += (sorted[i] - job.mean) * (sorted[i] - job.mean);
        job.std = std::sqrt(squares / double(job.count));
    }
    const LawShare share(job.scale, job.tail);
    const double per_std = 1 / job.std, per_count = 1 / double(job.count);
    Compared found{-1, 0, 0};
    double before = 0;
    for (int64_t i = 0; i < job.count; ++i) {
        const double z = (sorted[i] - job.mean) * per_std, square = z * z;
        found.third += square * z * per_count, found.fourth += square * square * per_count;
        if (i && before < z) {
            const double expected = share((before + z) / 2);
            found.distance = std::max(found.distance, std::abs(expected - double(i) * per_count));
        }
        before = z;
    }
    if (found.distance < 0) found.distance = 1;  // of one value alone
    return found;
}

}  // namespace
}  // namespace glorot
