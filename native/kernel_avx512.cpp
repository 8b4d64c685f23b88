#include "isa/avx512.hpp"
#include "kernel_of.hpp"

namespace glorot {

const Kernel kernel_avx512 = kernel_of<Avx512>;

}  // namespace glorot
