#include "ffi.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "kernels.hpp"
#include "turns.hpp"

namespace glorot {
namespace {

using namespace xla;

// The settings of a patch: its key, and the numbers of its law as bits.
constexpr int64_t setting_words = 10;

// A row of the table, whose numbers have 64 bits: what one job is, and for each of its axes three numbers. A row of a patch
// below zero is none.
enum Column { kernel_column, patch_column, law_column, first_column, place_column, count_column, axes_column };

void require(bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(what);
}

const Buffer& buffer_of(const Buffers& some, int64_t n) {
    require(n < some.count && some.kinds[n] == 1, "glorot_draw takes settings, a table and a device, and returns one array");
    return *some.buffers[n];
}

int64_t extent_of(const Buffer& buffer, int64_t from_last) {
    require(buffer.axes > from_last, "an argument of glorot_draw has too few axes");
    return buffer.extents[buffer.axes - 1 - from_last];
}

ElementKind element_of(Type type) {
    switch (type) {
        case f32:
            return ElementKind::float32;
        case bf16:
            return ElementKind::bfloat16;
        case f16:
            return ElementKind::float16;
        case f64:
            return ElementKind::float64;
        default:
            throw std::invalid_argument("glorot_draw writes float32, bfloat16, float16 and float64");
    }
}

Job job_of(const int64_t* row, const uint32_t* settings, ElementKind element, char* memory) {
    const uint32_t* setting = settings + row[patch_column] * setting_words;
    std::vector<Axis> axes;
    for (const int64_t* axis = row + axes_column; axis < row + axes_column + 3 * row[count_column]; axis += 3)
        axes.push_back({axis[0], uint64_t(axis[1]), axis[2]});
    Job job{{memory + row[place_column], uint64_t(row[first_column]), in_order(std::move(axes))},
            element,
            {setting[0], setting[1]},
            LawKind(row[law_column]),
            {}};
    std::memcpy(job.numbers, setting + 2, sizeof job.numbers);
    return job;
}

// Arguments: settings u32[…, 10]; a table u32[devices, rows, 2·columns]; the number of this device.
void draw(const Frame& frame) {
    const Buffer &settings = buffer_of(frame.arguments, 0), &table = buffer_of(frame.arguments, 1);
    const Buffer &device = buffer_of(frame.arguments, 2), &out = buffer_of(frame.results, 0);
    require(settings.type == u32 && extent_of(settings, 0) == setting_words, "the settings of glorot_draw are ten words each");
    require(table.type == u32 && table.axes == 3, "the table of glorot_draw holds rows of words for each device");
    const int64_t rows = extent_of(table, 1), columns = extent_of(table, 0) / 2;
    const ElementKind element = element_of(out.type);

    std::vector<int64_t> numbers(size_t(rows * columns));
    const auto number = *static_cast<const uint32_t*>(device.memory);
    const auto words = static_cast<const uint32_t*>(table.memory) + number * rows * 2 * columns;
    std::memcpy(numbers.data(), words, numbers.size() * sizeof(int64_t));
    std::vector<Job> jobs;
    for (const int64_t* row = numbers.data(); row < numbers.data() + numbers.size(); row += columns)
        if (row[patch_column] >= 0)
            jobs.push_back(job_of(row, static_cast<const uint32_t*>(settings.memory), element, static_cast<char*>(out.memory)));
    const Kernel& kernel = kernel_number(size_t(numbers.empty() ? 0 : numbers[kernel_column]));
    const int threads = int(std::max(1u, std::thread::hardware_concurrency()));
    const Turns turns(jobs, threads);
    share(int(turns.turns.size()), threads, [&](int n) { turns.take(kernel, size_t(n)); });
}

Error* failure(const Frame& frame, const char* message) {
    ErrorArguments arguments{sizeof(ErrorArguments), nullptr, message, invalid_argument};
    return frame.api->create_error(&arguments);
}

}  // namespace

Error* draw_for_xla(Frame* frame) {
    for (Extension* one = frame->extensions; one; one = one->next)
        if (one->kind == metadata_kind) {  // asked which version this is written to, and nothing else
            Version& version = reinterpret_cast<MetadataExtension*>(one)->metadata->version;
            version.major = major_version;
            const int known = frame->api ? frame->api->version.minor : first_minor_version;  // jaxlib 0.8 does not say its own
            version.minor = std::clamp(known, first_minor_version, last_minor_version);
            return nullptr;
        }
    try {
        draw(*frame);
    } catch (const std::exception& error) {
        return failure(*frame, error.what());
    }
    return nullptr;
}

}  // namespace glorot
