// Filling a box: along its runs where they lie in one piece, by tiles where the memory has another order.
#pragma once

#include <algorithm>
#include <cstdint>

#include "box.hpp"
#include "store.hpp"
#include "values.hpp"
#include "walk.hpp"

namespace glorot {
namespace {  // compiled anew for each instruction set, and shared with none

template <class Isa, class Element>
class Filler {
  public:
    Filler(const Box& box, ValueSource& values) : box_(box), values_(values) {}

    void fill() {
        Axes& axes = box_.axes;
        if (axes.count == 0) return write_run(box_.place, box_.first, 1);
        const Axis last = axes.axis[axes.count - 1];
        if (last.index_step == 1 && is_unit(last)) {
            --axes.count;
            each_point(axes, box_.place, box_.first,
                       [&](char* place, uint64_t first) { write_run(place, first, last.extent); });
        } else {
            fill_reordered();
        }
    }

  private:
    static constexpr int lanes = Isa::lanes;
    static constexpr int tile_width = group<Isa>, tile_height = 8 * lanes;

    static bool is_unit(const Axis& axis) { return axis.place_step == sizeof(Element); }

    void write_run(char* memory, uint64_t first, uint64_t count) {
        values_.write({memory, sizeof(Element), store_values<Isa, Element>, straight<Isa, Element>}, first, count);
    }

    // The run: the last axes, as far as they are consecutive elements. Across it: the axis that the memory
    // runs along, if there is one. All other axes are visited one by one.
    void fill_reordered() {
        Axes& axes = box_.axes;
        int outer = axes.count;
        int64_t length = 1;
        for (; outer > 0; --outer) {
            const Axis& axis = axes.axis[outer - 1];
            if (axis.index_step != uint64_t(length) || is_unit(axis)) break;
            length *= axis.extent;
        }
        Axes run{};
        for (int i = outer; i < axes.count; ++i) run.axis[run.count++] = axes.axis[i];
        axes.count = outer;
        int unit = 0;
        while (unit < outer && !is_unit(axes.axis[unit])) ++unit;
        if (unit == outer)
            return each_point(axes, box_.place, box_.first,
                              [&](char* place, uint64_t first) { scatter(place, first, run, length); });
        const Axis across = take(axes, unit);
        each_point(axes, box_.place, box_.first,
                   [&](char* place, uint64_t first) { write_tiles(place, first, across, run, length); });
    }

    // Write a run to places of its own, which no vector can be stored to.
    void scatter(char* place, uint64_t first, const Axes& run, int64_t length) {
        Element kept[tile_height];
        Offsets offsets(run);
        for (int64_t from = 0; from < length; from += tile_height) {
            const int64_t count = std::min<int64_t>(tile_height, length - from);
            values_.write({reinterpret_cast<char*>(kept), sizeof(Element), store_values<Isa, Element>, Straight::none}, first + from,
                          count);
            for (int64_t i = 0; i < count; ++i) *reinterpret_cast<Element*>(place + offsets.next()) = kept[i];
        }
    }

    // Along the memory first: as many streams of stores as a tile is wide, each going straight on.
    void write_tiles(char* place, uint64_t first, const Axis& across, const Axes& run, int64_t length) {
        const bool in_blocks = first % words_per_block == 0 && across.index_step % words_per_block == 0;
        const int64_t width = in_blocks ? tile_width : tile_width - words_per_block;
        Offsets offsets(run);
        for (int64_t column = 0; column < length; column += width) {
            const int columns = int(std::min<int64_t>(width, length - column));
            char* places[tile_width];
            for (int i = 0; i < columns; ++i) places[i] = place + offsets.next();
            for (int64_t row = 0; row < across.extent; row += tile_height) {
                const int rows = int(std::min<int64_t>(tile_height, across.extent - row));
                write_tile(places, columns, first + row * across.index_step + column, across.index_step, rows);
                for (int i = 0; i < columns; ++i) places[i] += rows * sizeof(Element);
            }
        }
    }

    // Values row by row, transposed, and then stored column by column.
    void write_tile(char* const* places, int columns, uint64_t first, uint64_t row_step, int rows) {
        alignas(64) float values[tile_height * tile_width + lanes];  // the last row may be read past its end
        alignas(64) float turned[lanes * tile_height];
        uint64_t blocks[tile_height];
        for (int row = 0; row < rows; ++row) blocks[row] = (first + row * row_step) / words_per_block;
        values_.make_rows(values, blocks, rows);
        for (int column = 0; column < columns; column += lanes) {
            for (int row = 0; row < rows; row += lanes) {
                const float* lines[lanes];
                for (int i = 0; i < lanes; ++i)
                    lines[i] = values + (row + i) * tile_width + (first + (row + i) * row_step) % words_per_block + column;
                transpose_square<Isa>(lines, turned + row, tile_height);
            }
            for (int i = 0; i < std::min(lanes, columns - column); ++i)
                store_values<Isa, Element>(places[column + i], turned + i * tile_height, rows);
        }
    }

    Box box_;
    ValueSource& values_;
};

}  // namespace
}  // namespace glorot
