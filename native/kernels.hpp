// The kernels that this processor can run.
#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "cpu.hpp"
#include "kernel.hpp"

namespace glorot {

struct NamedKernel {
    const char* name;
    const Kernel* kernel;  // none where this processor has not its instructions
};

// In an order that does not depend on the processor.
inline const std::array<NamedKernel, 4>& kernels() {
    static const std::array<NamedKernel, 4> all = {{
#if defined(GLOROT_X86) && !defined(_MSC_VER)
        {"avx512_bf16", has_avx512_bf16() ? &kernel_avx512_bf16 : nullptr},
#else
        {"avx512_bf16", nullptr},
#endif
#if defined(GLOROT_X86)
        {"avx512", has_avx512() ? &kernel_avx512 : nullptr},
        {"avx2", has_avx2() ? &kernel_avx2 : nullptr},
#else
        {"avx512", nullptr},
        {"avx2", nullptr},
#endif
        {"portable", &kernel_portable},
    }};
    return all;
}

inline std::vector<std::string> kernel_names() {
    std::vector<std::string> names;
    for (const auto& [name, kernel] : kernels())
        if (kernel) names.push_back(name);
    return names;
}

inline const Kernel& kernel_number(size_t number) {
    if (number >= kernels().size() || !kernels()[number].kernel)
        throw std::invalid_argument("a kernel that this processor can run");
    return *kernels()[number].kernel;
}

inline const Kernel& kernel_called(const std::string& name) {
    for (size_t i = 0; i < kernels().size(); ++i)
        if (name == kernels()[i].name) return kernel_number(i);
    throw std::invalid_argument("a kernel that this processor can run");
}

}  // namespace glorot
