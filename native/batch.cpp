#include "batch.hpp"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "buffer.hpp"
#include "hearing.hpp"
#include "kernels.hpp"
#include "turns.hpp"

namespace nb = nanobind;

namespace glorot {
namespace {

struct Law {
    ElementKind element;
    LawKind kind;
    float numbers[8];
};

// An array, which is one run of elements.
struct Run {
    char* place;
    int64_t count;
    Key key;
    size_t law;
};

struct Part {
    size_t run;
    int64_t from, to;
};

// Arrays of NumPy, row-major and as a whole, each with its key and a law.
class Batch {
  public:
    // A fill is of some kind of tuple: (array, key, distribution, shape, box, axes). The dtypes are those of the elements
    // that kernels write, in their order. law_of(distribution, dtype) returns the code and the numbers of a law, or None; it
    // may raise.
    Batch(nb::list fills, nb::handle kind, nb::list dtypes, nb::callable law_of)
        : dtypes_(std::move(dtypes)), law_of_(std::move(law_of)) {
        buffers_.reserve(fills.size());
        runs_.reserve(fills.size());
        for (nb::handle fill : fills)
            if (!fill.type().is(kind) || !add(fill)) rest_.append(fill);
    }

    Batch(const Batch&) = delete;

    nb::list rest() const { return rest_; }

    void fill(const std::string& name, int threads) {
        const Kernel& kernel = kernel_called(name);
        int64_t total = 0;
        for (const Run& run : runs_) total += run.count;
        const int64_t turn = turn_of(total, threads);
        const std::vector<Part> parts = parts_of(turn);
        const auto turns = turns_of(parts, turn, [](const Part& part) { return part.to - part.from; });
        take_turns(turns.size(), threads, [&](size_t n) {
            for (size_t i = turns[n].first; i < turns[n].second; ++i) kernel.fill(job_of(parts[i]));
        });
    }

  private:
    std::vector<Part> parts_of(int64_t turn) const {
        std::vector<Part> parts;
        parts.reserve(runs_.size());
        for (size_t run = 0; run < runs_.size(); ++run)
            for (int64_t from = 0; from < runs_[run].count; from += turn)
                parts.push_back({run, from, std::min(from + turn, runs_[run].count)});
        return parts;
    }

    Job job_of(const Part& part) const {
        const Run& run = runs_[part.run];
        const Law& law = laws_[run.law];
        const int64_t size = element_size(law.element), count = part.to - part.from;
        Job job;
        job.box.place = run.place + part.from * size;
        job.box.first = uint64_t(part.from);
        job.box.axes.count = count != 1;
        job.box.axes.axis[0] = {count, 1, size};
        job.element = law.element, job.key = run.key, job.law = law.kind;
        std::copy(law.numbers, law.numbers + 8, job.numbers);
        return job;
    }

    bool add(nb::handle fill) {
        PyObject* parts[6];
        for (int i = 0; i < 6; ++i) parts[i] = PyTuple_GetItem(fill.ptr(), i);
        Run run{};
        return parts[4] == Py_None && read_key(parts[1], run.key) && read_array(parts[0], parts[3], parts[2], run);
    }

    static bool read_word(nb::handle number, uint32_t& word) {
        if (!PyLong_CheckExact(number.ptr())) return false;
        const unsigned long long value = PyLong_AsUnsignedLongLong(number.ptr());
        if (value >> 32) return PyErr_Clear(), false;  // negative numbers are an error, and all ones
        word = uint32_t(value);
        return true;
    }

    static bool read_key(nb::handle key, Key& words) {
        if (!PyTuple_Check(key.ptr()) || PyTuple_Size(key.ptr()) != 2) return false;
        return read_word(PyTuple_GetItem(key.ptr(), 0), words.k0) && read_word(PyTuple_GetItem(key.ptr(), 1), words.k1);
    }

    bool read_array(nb::handle array, nb::handle shape, nb::handle distribution, Run& run) {
        if (!find_law(distribution, nb::getattr(array, "dtype", nb::none()))) return false;
        Py_buffer view;
        if (PyObject_GetBuffer(array.ptr(), &view, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE) != 0) return PyErr_Clear(), false;
        Buffer buffer(view);
        const int64_t size = element_size(laws_.back().element);
        const bool is_aligned = reinterpret_cast<uintptr_t>(view.buf) % uintptr_t(size) == 0;
        if (view.len == 0 || view.itemsize != size || !is_aligned || !has_shape(view, shape)) return false;
        run.place = static_cast<char*>(view.buf);
        run.count = view.len / size;
        run.law = laws_.size() - 1;
        buffers_.push_back(std::move(buffer));
        runs_.push_back(run);
        return true;
    }

    static bool has_shape(const Py_buffer& view, nb::handle shape) {
        if (!PyTuple_Check(shape.ptr()) || PyTuple_Size(shape.ptr()) != view.ndim) return false;
        for (int i = 0; i < view.ndim; ++i) {
            PyObject* extent = PyTuple_GetItem(shape.ptr(), i);
            if (!PyLong_CheckExact(extent) || PyLong_AsLongLong(extent) != view.shape[i]) return PyErr_Clear(), false;
        }
        return true;
    }

    // Put the law in the last place, where that of one distribution object and one dtype often is already.
    bool find_law(nb::handle distribution, nb::handle dtype) {
        if (!distribution.is(last_distribution_) || !dtype.is(last_dtype_)) {
            last_distribution_ = nb::borrow(distribution);
            last_dtype_ = nb::borrow(dtype);
            has_law_ = look_up(distribution, dtype);
        }
        return has_law_;
    }

    bool look_up(nb::handle distribution, nb::handle dtype) {
        size_t element = 0;
        while (element < dtypes_.size() && !dtype.is(dtypes_[element])) ++element;
        if (element == dtypes_.size()) return false;
        const nb::object found = law_of_(distribution, dtype);
        if (found.is_none()) return false;
        const auto [code, numbers] = nb::cast<std::pair<int, std::vector<float>>>(found);
        Law law{ElementKind(element), LawKind(code), {}};
        std::copy_n(numbers.begin(), std::min<size_t>(numbers.size(), 8), law.numbers);
        laws_.push_back(law);
        return true;
    }

    nb::list dtypes_, rest_;
    nb::callable law_of_;
    nb::object last_distribution_, last_dtype_;
    bool has_law_ = false;
    std::vector<Buffer> buffers_;
    std::vector<Run> runs_;
    std::vector<Law> laws_;
};

}  // namespace

void add_batch(nb::module_& module) {
    nb::class_<Batch>(module, "Batch")
        .def(nb::init<nb::list, nb::handle, nb::list, nb::callable>(), nb::arg("fills"), nb::arg("kind"), nb::arg("dtypes"), nb::arg("law_of"))
        .def_prop_ro("rest", &Batch::rest)
        .def("fill", &Batch::fill, nb::arg("kernel"), nb::arg("threads"));
}

}  // namespace glorot
