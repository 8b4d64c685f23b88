// Filling a box: along its runs where they lie in one piece, by tiles where the memory has another order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "box.hpp"
#include "store.hpp"
#include "values.hpp"

namespace glorot {

template <class Isa, class Element>
class Filler {
  public:
    Filler(const Box& box, ValueSource& values) : box_(box.simplified()), values_(values) {}

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
    }

  private:
    static constexpr int lanes = Isa::lanes;
    static constexpr int tile_width = group<Isa>, tile_height = 8 * lanes;

    static bool is_unit(const Axis& axis) { return axis.place_step == sizeof(Element); }

    void write_run(char* memory, uint64_t first, uint64_t count) {
        values_.write({memory, sizeof(Element), store_values<Isa, Element>, std::is_same_v<Element, float>}, first, count);
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
        Element kept[tile_height];
        for (size_t from = 0; from < offsets.size(); from += tile_height) {
            const uint64_t count = std::min<uint64_t>(tile_height, offsets.size() - from);
            values_.write({reinterpret_cast<char*>(kept), sizeof(Element), store_values<Isa, Element>, false}, first + from,
                          count);
            for (uint64_t i = 0; i < count; ++i) *reinterpret_cast<Element*>(place + offsets[from + i]) = kept[i];
        }
    }

    // Along the memory first: as many streams of stores as a tile is wide, each going straight on.
    void write_tiles(char* place, uint64_t first, const Axis& across, const std::vector<ptrdiff_t>& offsets) {
        const bool in_blocks = first % words_per_block == 0 && across.index_step % words_per_block == 0;
        const int64_t length = offsets.size(), width = in_blocks ? tile_width : tile_width - words_per_block;
        for (int64_t column = 0; column < length; column += width)
            for (int64_t row = 0; row < across.extent; row += tile_height)
                write_tile(place + row * int64_t(sizeof(Element)), first + row * across.index_step + column,
                           across.index_step, int(std::min<int64_t>(tile_height, across.extent - row)),
                           &offsets[column], int(std::min<int64_t>(width, length - column)));
    }

    // Values row by row, transposed, and then stored column by column.
    void write_tile(char* place, uint64_t first, uint64_t row_step, int rows, const ptrdiff_t* offsets, int columns) {
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
                store_values<Isa, Element>(place + offsets[column + i], turned + i * tile_height, rows);
        }
    }

    Box box_;
    ValueSource& values_;
};

}  // namespace glorot
