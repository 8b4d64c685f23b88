// Filling a box: along its runs where they lie in one piece, by tiles where the memory has another order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "box.hpp"
#include "store.hpp"
#include "values.hpp"

namespace glorot {

template <class Isa, class Element>
class Filler {
  public:
    Filler(const Box& box, ValueSource& values, bool streams)
        : box_(box.simplified()), values_(values), store_(streams ? stream_values<Isa, Element> : store_values<Isa, Element>) {}

    void fill() {
        std::vector<Axis>& axes = box_.axes;
        if (axes.empty()) return write_run(box_.place, box_.first, 1);
        const Axis last = axes.back();
        if (last.index_step == 1 && is_unit(last)) {
            axes.pop_back();
            each_point(axes, box_, [&](char* place, uint64_t first) { write_run(place, first, last.extent); });
        } else {
            fill_reordered();
        }
        Isa::finish_streaming();
    }

  private:
    static constexpr int lanes = Isa::lanes;
    static constexpr int tile = 4 * lanes;    // elements along each side
    static constexpr uint64_t stretch = 2048;  // elements made at once; they stay in the first-level cache

    static bool is_unit(const Axis& axis) { return axis.place_step == sizeof(Element); }

    // Make the values of consecutive elements; return where the first of them lies in the scratch.
    const float* make(float* scratch, uint64_t first, uint64_t count) {
        const uint64_t skipped = first % words_per_block;
        const uint64_t groups = (skipped + count + group<Isa> - 1) / group<Isa>;
        values_.make(scratch, first / words_per_block, groups * group<Isa>);
        return scratch + skipped;
    }

    // The longest part of a run that one call of make() may make: within a stretch, and of one upper word.
    static uint64_t part_of(uint64_t first, uint64_t count) {
        constexpr uint64_t period = words_per_block << 32;
        return std::min({count, stretch - first % words_per_block, period - first % period});
    }

    void write_run(char* place, uint64_t first, uint64_t count) {
        alignas(64) float scratch[stretch];
        auto out = reinterpret_cast<Element*>(place);
        while (count) {
            const uint64_t part = part_of(first, count);
            store_(out, make(scratch, first, part), part);
            out += part, first += part, count -= part;
        }
    }

    // The run: the last axes, as far as they are consecutive elements. Across it: the axis that the memory
    // runs along, if there is one. All other axes are visited one by one.
    void fill_reordered() {
        std::vector<Axis>& axes = box_.axes;
        std::vector<Axis> run;
        uint64_t length = 1;
        while (!axes.empty() && axes.back().index_step == length && !is_unit(axes.back())) {
            length *= axes.back().extent;
            run.insert(run.begin(), axes.back());
            axes.pop_back();
        }
        std::vector<ptrdiff_t> offsets;
        offsets.reserve(length);
        each_point(run, {nullptr, 0, {}}, [&](char* place, uint64_t) { offsets.push_back(place - static_cast<char*>(nullptr)); });
        const auto unit = std::find_if(axes.begin(), axes.end(), is_unit);
        if (unit == axes.end())
            return each_point(axes, box_, [&](char* place, uint64_t first) { scatter(place, first, offsets); });
        const Axis across = *unit;
        axes.erase(unit);
        each_point(axes, box_, [&](char* place, uint64_t first) { write_tiles(place, first, across, offsets); });
    }

    // Write a run to places of its own, which no vector can be stored to.
    void scatter(char* place, uint64_t first, const std::vector<ptrdiff_t>& offsets) {
        alignas(64) float scratch[stretch];
        Element kept[stretch];
        for (size_t from = 0; from < offsets.size();) {
            const uint64_t part = part_of(first + from, offsets.size() - from);
            store_values<Isa>(kept, make(scratch, first + from, part), part);
            for (uint64_t i = 0; i < part; ++i) *reinterpret_cast<Element*>(place + offsets[from + i]) = kept[i];
            from += part;
        }
    }

    void write_tiles(char* place, uint64_t first, const Axis& across, const std::vector<ptrdiff_t>& offsets) {
        const auto length = int64_t(offsets.size());
        for (int64_t row = 0; row < across.extent; row += tile)
            for (int64_t column = 0; column < length; column += tile)
                write_tile(place + row * int64_t(sizeof(Element)), first + row * across.index_step + column,
                           across.index_step, int(std::min<int64_t>(tile, across.extent - row)), &offsets[column],
                           int(std::min<int64_t>(tile, length - column)));
    }

    // Values row by row, transposed, and then stored column by column.
    void write_tile(char* place, uint64_t first, uint64_t row_step, int height, const ptrdiff_t* offsets, int width) {
        alignas(64) float values[tile * tile], column_of_values[lanes * tile];
        for (int row = 0; row < height; ++row) make_row(values + row * tile, first + row * row_step, width);
        for (int column = 0; column < width; column += lanes) {
            for (int row = 0; row < height; row += lanes)
                transpose_square<Isa>(values + row * tile + column, tile, column_of_values + row, tile);
            for (int i = 0; i < std::min(lanes, width - column); ++i)
                store_(reinterpret_cast<Element*>(place + offsets[column + i]), column_of_values + i * tile, height);
        }
    }

    void make_row(float* row, uint64_t first, uint64_t count) {
        alignas(64) float scratch[tile + group<Isa>];
        while (count) {
            const uint64_t part = part_of(first, count);
            const bool fits = first % words_per_block == 0 && part % group<Isa> == 0;
            if (fits)
                make(row, first, part);
            else
                std::memcpy(row, make(scratch, first, part), part * sizeof *row);
            row += part, first += part, count -= part;
        }
    }

    Box box_;
    ValueSource& values_;
    void (*store_)(Element*, const float*, uint64_t);
};

}  // namespace glorot
